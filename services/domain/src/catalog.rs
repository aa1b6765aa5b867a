//! A node's row as it is kept, and what was found near it.

use crate::words::words;
use crate::{Confidence, LocalSku, SkuKey, Timestamp, Zone};
use serde::{Deserialize, Serialize};

words!(
    /// Where a local SKU stands. Every live SKU is in exactly one state.
    MatchState {
        /// Accepted, not looked at yet.
        NotRun = "not_run",
        /// Nothing in any other node is near enough to be compared.
        NoCandidate = "no_candidate",
        /// A question about it waits for a person.
        PendingReview = "pending_review",
        /// Linked by the machine.
        LinkedAuto = "linked_auto",
        /// Linked, and a person agreed.
        LinkedConfirmed = "linked_confirmed",
        /// Had candidates, none good enough to link or to ask about.
        Rejected = "rejected",
        /// Its row changed after it was linked; the link is being asked again.
        Stale = "stale",
        /// Matching it failed; it is tried again.
        Failed = "failed",
    }
);

impl MatchState {
    /// Whether a SKU in this state has to be a member of a master.
    pub fn is_linked(self) -> bool {
        matches!(self, MatchState::LinkedAuto | MatchState::LinkedConfirmed)
    }
}

/// A local SKU as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogSku {
    /// What the node says.
    pub sku: LocalSku,
    /// Hex digest of what the node says; equal for equal rows.
    pub content: String,
    /// Where it stands.
    pub state: MatchState,
    /// Since when it is deleted; `None` while it is live. A deleted SKU keeps its code.
    pub deleted: Option<Timestamp>,
}

impl CatalogSku {
    /// Not deleted.
    pub fn is_live(&self) -> bool {
        self.deleted.is_none()
    }
}

/// What retrieval proposed for a SKU and the scorer thought of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The proposed SKU.
    pub other: SkuKey,
    /// Of the pair.
    pub confidence: Confidence,
    /// Of the pair, under the policy at that time.
    pub zone: Zone,
    /// JSON, made and read by the engine: features, vetoes, reasons.
    pub evidence: String,
    /// Scorer that gave the confidence.
    pub model: String,
}

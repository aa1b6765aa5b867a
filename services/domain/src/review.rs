//! Questions to people and their answers.

use crate::words::{id, words};
use crate::{Actor, Confidence, MasterId, SkuKey, Timestamp};
use serde::{Deserialize, Serialize};

id!(
    /// A question's name.
    ReviewId
);
id!(
    /// An answer's name.
    DecisionId
);

words!(
    /// Where a review stands.
    ReviewState {
        /// In the queue, now or when its deferral ends.
        Open = "open",
        /// Held by a steward until the lease ends.
        Claimed = "claimed",
        /// Answered.
        Decided = "decided",
        /// No longer a question.
        Withdrawn = "withdrawn",
    }
);

impl ReviewState {
    /// Whether it still waits for an answer.
    pub fn is_waiting(self) -> bool {
        matches!(self, ReviewState::Open | ReviewState::Claimed)
    }
}

/// One question: does this SKU belong to that master?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Its name.
    pub id: ReviewId,
    /// The SKU that is asked about.
    pub sku: SkuKey,
    /// The master that it may belong to; may have been merged since.
    pub master: MasterId,
    /// That it does.
    pub confidence: Confidence,
    /// Order of the queue, greatest first: uncertainty times the records that the answer settles. Finite.
    pub value: f64,
    /// JSON, made and read by the engine.
    pub evidence: String,
    /// Scorer that gave the confidence.
    pub model: String,
    /// Where it stands.
    pub state: ReviewState,
    /// Who holds it; set while claimed.
    pub assignee: Option<Actor>,
    /// When the hold ends; set while claimed. A hold that has ended is none.
    pub lease_until: Option<Timestamp>,
    /// Not in the queue before then.
    pub deferred_until: Option<Timestamp>,
}

words!(
    /// A person's answer.
    Verdict {
        /// The SKU belongs to the master.
        Same = "same",
        /// It does not.
        Different = "different",
        /// Not to be told from what is known.
        Unsure = "unsure",
        /// It belongs to no master that there is.
        New = "new",
    }
);

/// Who took a decision back, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A person's answer; a constraint and a label that outlives runs and models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Its name.
    pub id: DecisionId,
    /// The question it answers; `None` for links made by hand.
    pub review: Option<ReviewId>,
    /// The SKU that it is about.
    pub sku: SkuKey,
    /// The other SKU, where it is about a pair.
    pub other: Option<SkuKey>,
    /// The master, where it is about one.
    pub master: Option<MasterId>,
    /// The answer.
    pub verdict: Verdict,
    /// In the person's words.
    pub reason: String,
    /// Who.
    pub actor: Actor,
    /// JSON, made and read by the engine: members and evidence that the person saw.
    pub seen: String,
    /// When.
    pub at: Timestamp,
    /// Set when it was taken back.
    pub undone: Option<Undone>,
}

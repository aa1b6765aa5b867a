//! A unit of work: what the engine decided, to be kept as a whole or not at all.
//!
//! Order inside a batch matters only where mutations touch the same thing: each sees what those before it did. The
//! rules of the data are checked on the outcome, so a merge may move members first and redirect afterwards, or the
//! other way round.

use crate::StoreError;
use domain::{
    Actor, Candidate, Decision, DecisionId, Link, LocalSku, Master, MasterId, MatchState, Node, Policy,
    PolicyScope, Review, Sequence, SkuKey, Timestamp, Version,
};
use serde::{Deserialize, Serialize};

/// What has to be true of a thing for its mutation to go ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    #[default]
    Any,
    /// It must not exist (a deleted SKU exists).
    Absent,
    /// It must exist.
    Present,
    /// It must exist in this version.
    Version(Version),
}

/// One change of one thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    /// Writes a node. An archived node takes no SKU writes; its archive time is part of the node.
    PutNode {
        /// As it shall be.
        node: Node,
        /// Of the node before.
        expect: Expect,
    },
    /// Writes what a node says. Saying the same again changes nothing, version included. A new SKU is `not_run`
    /// unless told otherwise; an existing one keeps its state unless told otherwise.
    PutSku {
        /// As the node says.
        sku: LocalSku,
        /// Where it shall stand; `None` leaves that as it is.
        state: Option<MatchState>,
        /// Of the SKU before.
        expect: Expect,
    },
    /// Takes a SKU out. The batch must also take it out of its master, its links and its waiting reviews.
    DeleteSku {
        /// Which.
        key: SkuKey,
        /// Of the SKU before; a deleted one is `NotFound`.
        expect: Expect,
    },
    /// Brings a deleted SKU back, `not_run`.
    UndeleteSku {
        /// Which.
        key: SkuKey,
        /// Of the SKU before; a live one is a failed precondition.
        expect: Expect,
    },
    /// Moves a SKU's state. Leaves its version alone: that counts what the node says. Expecting the version that was
    /// matched keeps an answer about an older row from being written over a newer one.
    SetState {
        /// Which.
        key: SkuKey,
        /// Where it shall stand.
        state: MatchState,
        /// Of the SKU before.
        expect: Expect,
    },
    /// Replaces what retrieval proposed for a SKU. Derived data: not in the change log.
    SetCandidates {
        /// Which.
        key: SkuKey,
        /// Best first.
        candidates: Vec<Candidate>,
    },
    /// Writes a master: new, its golden record, merged, retired, back to live. Merging also means moving the members.
    PutMaster {
        /// As it shall be.
        master: Master,
        /// Of the master before.
        expect: Expect,
    },
    /// Puts a SKU into a master, out of any other; `None` takes it out.
    SetMember {
        /// Which.
        key: SkuKey,
        /// Where to.
        master: Option<MasterId>,
    },
    /// Writes a link; its sides may come in any order.
    PutLink {
        /// As it shall be.
        link: Link,
    },
    /// Takes a link back.
    RemoveLink {
        /// One side.
        left: SkuKey,
        /// The other side.
        right: SkuKey,
    },
    /// Writes a review: opened, deferred, decided, withdrawn. Claims have calls of their own.
    PutReview {
        /// As it shall be.
        review: Review,
        /// Of the review before.
        expect: Expect,
    },
    /// Adds a decision.
    AddDecision {
        /// The decision.
        decision: Decision,
    },
    /// Marks a decision as taken back by the batch's actor. What it caused is undone by the batch's other mutations.
    UndoDecision {
        /// Which.
        id: DecisionId,
    },
    /// Adds a policy version; its number must be the next of its scope. Written inactive.
    AddPolicy {
        /// The policy.
        policy: Policy,
    },
    /// Makes a version the one that holds in its scope.
    ActivatePolicy {
        /// Which scope.
        scope: PolicyScope,
        /// Which version.
        number: i64,
        /// The version that holds now (0 for none), where that matters.
        expected: Option<i64>,
    },
}

/// Makes a batch repeatable: the same id with the same digest gives the first answer again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose ids these are.
    pub caller: Actor,
    /// Chosen by the caller; at most 128 bytes.
    pub id: String,
    /// Of the request's content.
    pub digest: String,
}

/// What the audit log says about the batch, beside its actor and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// The rpc or page action.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// For a person; no secrets.
    pub detail: String,
}

/// A unit of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// When; the store has no clock of its own.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What is being done, for revisions: `import`, `decide`, `merge`.
    pub cause: String,
    /// What.
    pub mutations: Vec<Mutation>,
    /// Where the caller may ask again.
    pub request: Option<Request>,
    /// What the engine wants to find again when the request is repeated.
    pub response: Vec<u8>,
    /// Where the audit log shall know.
    pub audit: Option<AuditNote>,
}

impl Batch {
    /// An empty batch.
    pub fn new(at: Timestamp, actor: &Actor, cause: &str) -> Self {
        Batch {
            at,
            actor: actor.clone(),
            cause: cause.to_owned(),
            mutations: Vec::new(),
            request: None,
            response: Vec::new(),
            audit: None,
        }
    }

    /// With one more mutation.
    pub fn with(mut self, mutation: Mutation) -> Self {
        self.mutations.push(mutation);
        self
    }

    /// Made repeatable.
    pub fn repeatable(mut self, request: Request, response: Vec<u8>) -> Self {
        self.request = Some(request);
        self.response = response;
        self
    }
}

/// A batch was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Last change before the batch's own.
    pub before: Sequence,
    /// Last change of the batch; equal to `before` when it changed nothing.
    pub last: Sequence,
    /// For each mutation, the version its thing has now; 0 where it is gone or has none.
    pub versions: Vec<Version>,
    /// [`Batch::response`] of the batch that was kept.
    #[serde(skip)]
    pub response: Vec<u8>,
    /// Whether this is the answer to an earlier time.
    #[serde(skip)]
    pub replay: Replay,
}

/// Whether a batch was kept now or earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// Now.
    #[default]
    Fresh,
    /// Earlier, under the same request id.
    Repeated,
}

impl Expect {
    pub(crate) fn check(
        self,
        kind: &'static str,
        id: &dyn ToString,
        found: Option<Version>,
    ) -> Result<(), StoreError> {
        match (self, found) {
            (Expect::Absent, Some(_)) => Err(StoreError::AlreadyExists { kind, id: id.to_string() }),
            (Expect::Present | Expect::Version(_), None) => {
                Err(StoreError::NotFound { kind, id: id.to_string() })
            }
            (Expect::Version(expected), Some(found)) if expected != found => {
                Err(StoreError::Conflict { kind, id: id.to_string(), expected, found })
            }
            _ => Ok(()),
        }
    }
}

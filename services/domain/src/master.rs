//! The groups that were found: masters, their members and the links that hold them together.

use crate::words::{id, words};
use crate::{Actor, Confidence, DecisionId, SkuKey, Timestamp, Version};
use serde::{Deserialize, Serialize};

id!(
    /// A master's permanent name.
    MasterId
);

/// A value of the golden record and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcedValue {
    /// The value.
    pub value: String,
    /// The member that says so; `None` where a person wrote it (an override, which survives new members).
    pub source: Option<SkuKey>,
}

/// The values that stand for the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Golden {
    /// Name.
    pub name: SourcedValue,
    /// Brand, if any member states one.
    pub brand: Option<SourcedValue>,
    /// Specification, if any member states one.
    pub spec: Option<SourcedValue>,
}

/// Where a master stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MasterState {
    /// Has members.
    Live,
    /// Its name leads to another master.
    Merged {
        /// Live when the merge was made; may have been merged since.
        into: MasterId,
    },
    /// Lost its last member; the name is not used again.
    Retired,
}

words!(
    /// Whether a person has looked at a master.
    Standing {
        /// Made by the machine.
        Proposed = "proposed",
        /// A person agreed.
        Confirmed = "confirmed",
    }
);

/// The group of local SKUs that mean the same product and pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// For ever.
    pub id: MasterId,
    /// Where it stands.
    pub state: MasterState,
    /// What it is called.
    pub golden: Golden,
    /// Whether a person has looked at it.
    pub standing: Standing,
}

/// A SKU's place in a master; a SKU has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The SKU.
    pub key: SkuKey,
    /// Its master.
    pub master: MasterId,
}

/// A master as it was after one change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// As it was.
    pub master: Master,
    /// The master's version at that time.
    pub number: Version,
    /// In the order of their keys.
    pub members: Vec<SkuKey>,
    /// Who made the change.
    pub actor: Actor,
    /// What was done, as the batch says: `import`, `decide`, `merge`.
    pub cause: String,
    /// When.
    pub at: Timestamp,
}

words!(
    /// Who accepted a link.
    LinkCause {
        /// The machine, in the auto zone.
        Auto = "auto",
        /// A person.
        Decision = "decision",
        /// Loaded from a bulk run.
        Import = "import",
    }
);

words!(
    /// Whether a link still rests on what its SKUs say.
    Freshness {
        /// Both SKUs say what they said when it was accepted.
        Current = "current",
        /// A SKU changed since; the link is being asked again.
        Stale = "stale",
    }
);

/// Where both sides were before a link: what taking it back restores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkInverse {
    /// Master of the left side before.
    pub left: Option<MasterId>,
    /// Master of the right side before.
    pub right: Option<MasterId>,
}

/// An accepted "same" between two SKUs; has no direction, so the smaller key is always on the left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The smaller key.
    pub left: SkuKey,
    /// The greater key.
    pub right: SkuKey,
    /// Who accepted it.
    pub cause: LinkCause,
    /// Of the pair when it was accepted.
    pub confidence: Confidence,
    /// Scorer that gave the confidence; empty where none was asked.
    pub model: String,
    /// Version of the policy that let it through; 0 for none.
    pub policy: i64,
    /// The decision, where a person accepted it.
    pub decision: Option<DecisionId>,
    /// What taking it back restores.
    pub inverse: LinkInverse,
    /// Whether it still rests on what its SKUs say.
    pub freshness: Freshness,
}

impl Link {
    /// The same link with the smaller key on the left.
    pub fn ordered(mut self) -> Self {
        if self.right < self.left {
            std::mem::swap(&mut self.left, &mut self.right);
            std::mem::swap(&mut self.inverse.left, &mut self.inverse.right);
        }
        self
    }

    /// The other side, seen from one; `None` where `key` is neither.
    pub fn other(&self, key: &SkuKey) -> Option<&SkuKey> {
        if *key == self.left {
            Some(&self.right)
        } else if *key == self.right {
            Some(&self.left)
        } else {
            None
        }
    }
}

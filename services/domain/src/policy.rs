//! What the machine may do by itself.

use crate::words::words;
use crate::{Actor, Confidence, NodeId, ZonePolicy};
use serde::{Deserialize, Serialize};

/// What a policy covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyScope {
    /// Everything.
    Global,
    /// Pairs between two nodes; the smaller id first (see [`PolicyScope::pair`]).
    Pair(NodeId, NodeId),
    /// Pairs in which a side has this category.
    Category(String),
}

impl PolicyScope {
    /// The scope of two nodes, in any order.
    pub fn pair(a: NodeId, b: NodeId) -> Self {
        if a <= b { PolicyScope::Pair(a, b) } else { PolicyScope::Pair(b, a) }
    }

    /// One text for one scope: `global`, `pair:1:a:b`, `category:饮料`. The number is the first id's length in bytes.
    pub fn key(&self) -> String {
        match self {
            PolicyScope::Global => "global".to_owned(),
            PolicyScope::Pair(a, b) => format!("pair:{}:{a}:{b}", a.0.len()),
            PolicyScope::Category(category) => format!("category:{category}"),
        }
    }
}

words!(
    /// How many people it takes to merge confirmed masters, and to put another policy in use.
    Eyes {
        /// One person.
        Two = "two",
        /// Two people.
        Four = "four",
    }
);

/// A numbered version of the rules for a scope; never changed once written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// What it covers.
    pub scope: PolicyScope,
    /// From 1 in each scope.
    pub number: i64,
    /// Where the zones begin.
    pub zones: ZonePolicy,
    /// Mean confidence that the known pairs across two groups must reach for the groups to be joined.
    pub group_mean: Confidence,
    /// How many people it takes to merge confirmed masters, and to put another policy in use.
    pub eyes: Eyes,
    /// Why it was written.
    pub description: String,
    /// Who wrote it; the store fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor>,
    /// Whether it is the one that holds.
    pub activity: Activity,
}

words!(
    /// Whether a policy version holds.
    Activity {
        /// Written, not in force.
        Inactive = "inactive",
        /// In force; one a scope.
        Active = "active",
    }
);

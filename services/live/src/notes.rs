//! What the service writes into the store's free fields and reads again: JSON.

use domain::SkuKey;
use serde::{Deserialize, Serialize};

/// Why a pair got its confidence; in reviews and candidates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The member of the master that speaks for the question most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<SkuKey>,
    /// The stated contradiction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub veto: Option<String>,
    /// One line: what agrees, differs, is unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Version of the policy that made it a question.
    #[serde(default)]
    pub policy: i64,
}

/// What a person saw when deciding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The first of four eyes: kept, but nothing happens before another person says the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vote: bool,
    /// Members of the master.
    #[serde(default)]
    pub members: Vec<SkuKey>,
    /// That the SKU belongs to it.
    #[serde(default)]
    pub confidence: f64,
    #[serde(default)]
    pub evidence: Evidence,
}

pub(crate) fn write(note: &impl Serialize) -> String {
    serde_json::to_string(note).expect("notes are plain data")
}

/// Reads what [`write`] wrote; the default for what an older version or another program wrote.
pub fn read<T: for<'a> Deserialize<'a> + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

//! What the service writes into the store's free fields and reads again: JSON.

use domain::{Actor, MasterId, SkuKey};
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
    /// The question is a check of a link that the machine made: who answers shall not know what it thinks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub audit: bool,
    /// Who agreed first, where another person has to agree too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Actor>,
}

/// What the evidence of an audit holds, as text: for filters.
pub const AUDIT: &str = "\"audit\":true";
/// What the evidence of a question holds whose sides state a contradiction, as text: for filters.
pub const VETO: &str = "\"veto\":";

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
    /// Names the answers that were given together, to be taken back together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<String>,
    /// SKUs that the answer moved into the master.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<SkuKey>,
    /// The master that went into the other by the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<MasterId>,
}

pub(crate) fn write(note: &impl Serialize) -> String {
    serde_json::to_string(note).expect("notes are plain data")
}

/// Reads what [`write`] wrote; the default for what an older version or another program wrote.
pub fn read<T: for<'a> Deserialize<'a> + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_that_filters_look_for() {
        let evidence = Evidence {
            veto: Some("volume".to_owned()),
            audit: true,
            agreed: Some(Actor::new("user:ann")),
            ..Evidence::default()
        };
        let written = serde_json::to_string(&evidence).unwrap();
        // The last as `store::ReviewFilter::agreed` and an index have it.
        for marker in [VETO, AUDIT, "\"agreed\":"] {
            assert!(written.contains(marker), "{marker}: {written}");
        }
        assert_eq!(serde_json::to_string(&Evidence::default()).unwrap(), r#"{"policy":0}"#);
    }
}

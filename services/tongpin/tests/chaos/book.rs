//! What was acknowledged, and what was seen.

use api::v1;
use std::collections::BTreeMap;

/// What one acknowledged write did to a SKU: the log's word, and what the row says since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub action: &'static str,
    pub text: String,
    /// Where the acknowledgement says it is in the log.
    pub sequence: i64,
}

/// An acknowledged decision.
#[derive(Clone, Debug)]
pub struct Decided {
    pub decision: v1::Decision,
    pub undone: bool,
}

/// What one watcher saw.
#[derive(Default)]
pub struct Seen {
    pub changes: Vec<v1::Change>,
}

#[derive(Default)]
pub struct Book {
    /// By SKU, in the order of the acknowledgements.
    pub writes: BTreeMap<String, Vec<Written>>,
    /// By name.
    pub decisions: BTreeMap<String, Decided>,
    /// Questions asked by finders.
    pub found: usize,
    /// Imports that broke after some of their rows.
    pub broken: usize,
    pub seen: Vec<Seen>,
}

impl Book {
    pub fn wrote(&mut self, name: &str, action: &'static str, text: &str, sequence: i64) {
        let written = Written { action, text: text.to_owned(), sequence };
        self.writes.entry(name.to_owned()).or_default().push(written);
    }

    pub fn told(&self) -> String {
        let undone = self.decisions.values().filter(|decided| decided.undone).count();
        format!(
            "{} writes to {} SKUs, {} imports broken half-way, {} decisions ({undone} undone), {} finds, {} changes seen",
            self.writes.values().map(Vec::len).sum::<usize>(),
            self.writes.len(),
            self.broken,
            self.decisions.len(),
            self.found,
            self.seen.iter().map(|seen| seen.changes.len()).max().unwrap_or(0),
        )
    }

    /// Enough of everything to have been in the way of a death.
    pub fn is_worth_it(&self) -> bool {
        self.writes.len() > 50 && self.decisions.len() > 3 && self.found > 20
    }
}

//! summary.json: what came in, what came out, and with which versions and policy. Everything but the object `run` is
//! the same for the same input; `run` holds what differs from run to run (times, threads, memory).

use crate::args::Zones;
use crate::folder::MARK;
use crate::kinds::{STATES, state_key};
use crate::memory;
use domain::{LocalSku, Zone};
use engine::LinkOutcome;
use rustc_hash::FxHashMap;
use score::Promise;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tables::Records;

/// What the numbers of a run are made of, counted once for the summary, the terminal and the report.
pub struct Counts {
    /// By node name: records in each state, in the order of [`STATES`].
    pub nodes: BTreeMap<String, [usize; STATES.len()]>,
    pub states: [usize; STATES.len()],
    /// Pairs in the zones auto, review, reject.
    pub pairs: [usize; 3],
    /// How many masters have how many members.
    pub sizes: BTreeMap<usize, usize>,
    /// Veto code to pairs.
    pub vetoes: Vec<(String, usize)>,
}

impl Counts {
    pub fn of(skus: &[LocalSku], outcome: &LinkOutcome) -> Self {
        let place = |state| STATES.iter().position(|s| *s == state).unwrap_or(0);
        let mut nodes: BTreeMap<String, [usize; STATES.len()]> = BTreeMap::new();
        let mut states = [0; STATES.len()];
        for (sku, state) in skus.iter().zip(&outcome.states) {
            states[place(*state)] += 1;
            let node = sku.key.node.0.as_str();
            match nodes.get_mut(node) {
                Some(counts) => counts[place(*state)] += 1,
                None => nodes.entry(node.to_owned()).or_default()[place(*state)] += 1,
            }
        }
        let mut pairs = [0; 3];
        let mut vetoes: FxHashMap<&str, usize> = FxHashMap::default();
        for pair in &outcome.pairs {
            pairs[pair.zone as usize] += 1;
            if let Some(veto) = &pair.veto {
                *vetoes.entry(veto).or_default() += 1;
            }
        }
        let mut sizes = BTreeMap::new();
        for members in &outcome.members {
            *sizes.entry(members.len()).or_default() += 1;
        }
        let mut vetoes: Vec<(String, usize)> = vetoes.into_iter().map(|(v, n)| (v.to_owned(), n)).collect();
        vetoes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        Counts { nodes, states, pairs, sizes, vetoes }
    }

    pub fn records(&self) -> usize {
        self.states.iter().sum()
    }

    pub fn zone(&self, zone: Zone) -> usize {
        self.pairs[zone as usize]
    }

    /// Masters that join at least two records.
    pub fn joined_masters(&self) -> usize {
        self.sizes.iter().filter(|(size, _)| **size > 1).map(|(_, n)| n).sum()
    }

    /// Records that share their master with another.
    pub fn joined_records(&self) -> usize {
        self.sizes.iter().filter(|(size, _)| **size > 1).map(|(size, n)| size * n).sum()
    }

    pub fn masters(&self) -> usize {
        self.sizes.values().sum()
    }
}

/// What differs from run to run.
pub struct Run {
    pub threads: usize,
    /// (stage, wall seconds), in order.
    pub timings: Vec<(String, f64)>,
    pub seconds: f64,
    pub peak_memory: Option<u64>,
}

impl Run {
    pub fn new(timings: Vec<(String, f64)>) -> Self {
        Run {
            threads: rayon::current_num_threads(),
            seconds: timings.iter().map(|(_, s)| s).sum(),
            timings,
            peak_memory: memory::peak(),
        }
    }

    fn json(&self) -> Value {
        let milli = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        let timings: Vec<Value> =
            self.timings.iter().map(|(stage, s)| json!({"stage": stage, "seconds": milli(*s)})).collect();
        json!({
            "threads": self.threads,
            "seconds": milli(self.seconds),
            "timings": timings,
            "peak_memory_bytes": self.peak_memory,
        })
    }
}

pub struct Summary<'a> {
    pub command: &'a str,
    pub inputs: &'a [String],
    pub records: &'a Records,
    pub outcome: &'a LinkOutcome,
    pub counts: &'a Counts,
    pub zones: Zones,
    pub many_per_node: &'a [String],
    pub versions: &'a [(&'static str, String)],
    /// What labels proved of the scorer, where it was tested on any.
    pub promise: Option<&'a Promise>,
    pub run: &'a Run,
}

impl Summary<'_> {
    pub fn json(&self) -> String {
        let counts = self.counts;
        let by_state = |states: &[usize; STATES.len()]| -> Map<String, Value> {
            STATES.iter().zip(states).map(|(s, n)| (state_key(*s).to_owned(), json!(n))).collect()
        };
        let nodes: Map<String, Value> = counts
            .nodes
            .iter()
            .map(|(node, states)| {
                (node.clone(), json!({"records": states.iter().sum::<usize>(), "states": by_state(states)}))
            })
            .collect();
        let accepted = counts.records();
        let rejected = self.records.rejected.len();
        let vetoes: Map<String, Value> = counts.vetoes.iter().map(|(v, n)| (v.clone(), json!(n))).collect();
        let versions: Map<String, Value> =
            self.versions.iter().map(|(what, version)| ((*what).to_owned(), json!(version))).collect();
        let rest = json!({
            "format": 1,
            "command": self.command,
            "inputs": self.inputs,
            "records": {"read": accepted + rejected, "accepted": accepted, "rejected": rejected},
            "states": by_state(&counts.states),
            "nodes": nodes,
            "masters": {
                "total": counts.masters(),
                "with_two_or_more": counts.joined_masters(),
                "records_in_them": counts.joined_records(),
                "largest": counts.sizes.keys().next_back().copied().unwrap_or(0),
            },
            "pairs": {
                "candidates": self.outcome.candidates,
                "reported": self.outcome.pairs.len(),
                "auto": counts.zone(Zone::Auto),
                "review": counts.zone(Zone::Review),
                "reject": counts.zone(Zone::Reject),
                "vetoes": vetoes,
            },
            "questions": self.outcome.reviews.len(),
            "repeating_nodes": self.outcome.repeating_nodes,
            "policy": {
                "auto": self.zones.auto,
                "review": self.zones.review,
                "many_per_node": self.many_per_node,
            },
            "prior_shift": (self.outcome.prior_shift * 1e6).round() / 1e6,
            "versions": versions,
            "promise": self.promise,
            "run": self.run.json(),
        });
        // The mark comes first, so that a folder of ours is known by its first line.
        let text = serde_json::to_string_pretty(&rest).unwrap_or_default();
        format!("{MARK},{}\n", text.trim_start_matches('{'))
    }
}

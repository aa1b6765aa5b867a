//! From confidences to groups, questions and the outcome that files and services show.

use crate::prepare::Prepared;
use crate::scoring::Scored;
use crate::{Engine, EngineError, Progress};
use domain::{LocalSku, NodeId, ParsedName, SkuKey, Zone, ZonePolicy};
use link::golden::GoldenRecord;
use link::{Constraints, Decision, Judge, NodePolicy, Pair, Policy};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use score::{Veto, explain, veto};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::Instant;

/// A person's decision about two SKUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Different,
}

#[derive(Clone, Debug)]
pub struct LinkOptions {
    pub zones: ZonePolicy,
    /// Mean confidence across two groups below which they are not joined.
    pub group_mean: f64,
    /// Nodes that may list a product several times.
    pub many_per_node: Vec<NodeId>,
    /// Decisions by people; those on unknown SKUs are left aside.
    pub decisions: Vec<(SkuKey, SkuKey, Verdict)>,
    /// Pairs below this confidence are not reported.
    pub report_floor: f64,
    /// At most so many questions a record and master.
    pub questions_per_record: usize,
    pub retrieval: retrieve::Options,
}

impl Default for LinkOptions {
    fn default() -> Self {
        LinkOptions {
            zones: ZonePolicy::default(),
            group_mean: 0.6,
            many_per_node: Vec::new(),
            decisions: Vec::new(),
            report_floor: 0.01,
            questions_per_record: 3,
            retrieval: retrieve::Options::default(),
        }
    }
}

/// Where a record stands after a run; every record is in exactly one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchState {
    LinkedConfirmed,
    LinkedAuto,
    PendingReview,
    /// Had candidates, none of them good enough to link or to ask about.
    Rejected,
    NoCandidate,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateCounts {
    pub linked_confirmed: usize,
    pub linked_auto: usize,
    pub pending_review: usize,
    pub rejected: usize,
    pub no_candidate: usize,
}

/// A candidate pair at or above the report floor; `left` and `right` are input indices.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPair {
    pub left: u32,
    pub right: u32,
    pub confidence: f64,
    pub zone: Zone,
    pub veto: Option<String>,
    pub reason: String,
}

/// Does this record belong to that master?
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewQuestion {
    /// Input index.
    pub record: u32,
    /// Index into [`LinkOutcome::master_ids`].
    pub master: u32,
    pub confidence: f64,
    pub reason: String,
    /// Uncertainty times the records whose link it settles: the order of the queue.
    pub value: f64,
}

#[derive(Clone, Debug)]
pub struct LinkOutcome {
    /// Master index of each input record.
    pub masters: Vec<u32>,
    /// Stable ids: made of the smallest member's key.
    pub master_ids: Vec<String>,
    /// The golden record's name.
    pub master_names: Vec<String>,
    /// Members of each master as input indices, by key.
    pub members: Vec<Vec<u32>>,
    /// Sorted by the keys of left and right.
    pub pairs: Vec<ScoredPair>,
    /// Most valuable first.
    pub reviews: Vec<ReviewQuestion>,
    /// State of each input record.
    pub states: Vec<MatchState>,
    pub counts: StateCounts,
    /// Candidates scored, before the report floor.
    pub candidates: usize,
    pub prior_shift: f64,
    /// Nodes that seem to list products several times: their links are asked rather than made.
    pub repeating_nodes: Vec<String>,
    /// (stage, wall seconds)
    pub timings: Vec<(&'static str, f64)>,
}

struct Vetoes<'a>(&'a Prepared);

impl Judge for Vetoes<'_> {
    fn contradicts(&self, a: u32, b: u32) -> bool {
        veto::find(&self.0.profiles[a as usize], &self.0.profiles[b as usize]).is_some()
    }
}

impl Engine {
    /// Groups all records that mean the same.
    pub fn link(
        &self,
        records: &[LocalSku],
        options: &LinkOptions,
        progress: &dyn Progress,
    ) -> Result<LinkOutcome, EngineError> {
        let mut prepared = self.prepare(records, &options.retrieval, progress)?;
        let mut timings = std::mem::take(&mut prepared.timings);
        let clock = Instant::now();
        let scored = self.score(&prepared, &options.many_per_node, progress);
        timings.push(("score", clock.elapsed().as_secs_f64()));
        let clock = Instant::now();
        progress.stage("link", 0);
        let mut outcome = self.group(records, &prepared, &scored, options);
        timings.push(("link", clock.elapsed().as_secs_f64()));
        outcome.timings = timings;
        Ok(outcome)
    }

    /// Links what has been prepared and scored.
    pub fn group(
        &self,
        records: &[LocalSku],
        prepared: &Prepared,
        scored: &Scored,
        options: &LinkOptions,
    ) -> LinkOutcome {
        // Only reported pairs take part: nothing below the report floor can be linked or asked about.
        let (sources, pairs): (Vec<usize>, Vec<Pair>) = prepared
            .candidates
            .iter()
            .enumerate()
            .filter(|(i, _)| scored.confidence[*i] >= options.report_floor)
            .map(|(i, c)| {
                let vetoed = scored.veto[i].is_some();
                (i, Pair { left: c.left, right: c.right, confidence: scored.confidence[i], vetoed })
            })
            .unzip();
        let rank: Vec<u32> = (0..prepared.order.len() as u32).collect();
        let policy = self.policy(prepared, options);
        let constraints = constraints(records, prepared, &options.decisions);
        let groups = link::group(&prepared.nodes, &rank, &pairs, &constraints, &policy, &Vetoes(prepared));
        let (asked, decisions) = link::questions(&pairs, &groups, &rank, options.questions_per_record);

        let input = |record: u32| prepared.order[record as usize];
        let reasons: Vec<String> = pairs
            .par_iter()
            .zip(&sources)
            .map(|(pair, source)| {
                let parse = |record: u32| self.normalizer.parse(&records[input(record) as usize]);
                explain::reason(&parse(pair.left), &parse(pair.right), scored.veto[*source])
            })
            .collect();
        let reviews = asked
            .iter()
            .map(|q| ReviewQuestion {
                record: input(q.record),
                master: q.group,
                confidence: q.confidence,
                reason: reasons[q.pair as usize].clone(),
                value: q.value,
            })
            .collect();
        let states = states(prepared, &groups, &asked, &constraints);
        let mut masters = vec![0; records.len()];
        let mut input_states = vec![MatchState::NoCandidate; records.len()];
        for ((at, group), state) in prepared.order.iter().zip(&groups.group_of).zip(&states) {
            masters[*at as usize] = *group;
            input_states[*at as usize] = *state;
        }
        let scored_pairs = pairs
            .iter()
            .zip(&sources)
            .zip(&decisions)
            .zip(reasons)
            .map(|(((pair, source), decision), reason)| ScoredPair {
                left: input(pair.left),
                right: input(pair.right),
                confidence: pair.confidence,
                zone: match decision {
                    Decision::Auto => Zone::Auto,
                    Decision::Review => Zone::Review,
                    Decision::Reject => Zone::Reject,
                },
                veto: scored.veto[*source].map(|v| v.code()),
                reason,
            })
            .collect();
        let members: Vec<Vec<u32>> =
            groups.members.iter().map(|m| m.iter().map(|r| input(*r)).collect()).collect();
        LinkOutcome {
            master_ids: members.iter().map(|m| master_id(&records[m[0] as usize].key)).collect(),
            master_names: members.par_iter().map(|m| self.master_name(records, m)).collect(),
            masters,
            members,
            pairs: scored_pairs,
            reviews,
            counts: count(&input_states),
            states: input_states,
            candidates: prepared.candidates.len(),
            prior_shift: scored.prior_shift,
            repeating_nodes: scored.repeating_nodes.clone(),
            timings: Vec::new(),
        }
    }

    fn policy(&self, prepared: &Prepared, options: &LinkOptions) -> Policy {
        let many = |name: &String| options.many_per_node.iter().any(|n| n.0 == name.as_str());
        Policy {
            auto: options.zones.auto.get(),
            review: options.zones.review.get(),
            group_mean: options.group_mean,
            nodes: prepared
                .node_names
                .iter()
                .map(|name| if many(name) { NodePolicy::Many } else { NodePolicy::OnePerNode })
                .collect(),
        }
    }

    fn master_name(&self, records: &[LocalSku], members: &[u32]) -> String {
        if let [only] = members {
            return records[*only as usize].name.clone();
        }
        let members: Vec<&LocalSku> = members.iter().map(|r| &records[*r as usize]).collect();
        self.golden(&members).map(|g| g.name.value).unwrap_or_default()
    }

    /// The values that stand for a group; `members` in the order of their keys, `None` for no members.
    pub fn golden(&self, members: &[&LocalSku]) -> Option<GoldenRecord> {
        // Judged by what the name itself states: a spec column does not make a name complete.
        let parsed: Vec<ParsedName> = members
            .iter()
            .map(|record| self.normalizer.parse(&LocalSku::named("", "", &record.name)))
            .collect();
        link::golden::golden(members.iter().copied().zip(&parsed))
    }

    /// One line on why two records are or are not the same: vetoes first.
    pub fn reason(&self, left: &LocalSku, right: &LocalSku, veto: Option<Veto>) -> String {
        explain::reason(&self.normalizer.parse(left), &self.normalizer.parse(right), veto)
    }
}

fn constraints(
    records: &[LocalSku],
    prepared: &Prepared,
    decisions: &[(SkuKey, SkuKey, Verdict)],
) -> Constraints {
    let mut out = Constraints::default();
    if decisions.is_empty() {
        return out;
    }
    let place: FxHashMap<&SkuKey, u32> = prepared
        .order
        .iter()
        .enumerate()
        .map(|(record, at)| (&records[*at as usize].key, record as u32))
        .collect();
    for (a, b, verdict) in decisions {
        if let (Some(a), Some(b)) = (place.get(a), place.get(b)) {
            match verdict {
                Verdict::Same => out.must.push((*a, *b)),
                Verdict::Different => out.cannot.push((*a, *b)),
            }
        }
    }
    out
}

fn states(
    prepared: &Prepared,
    groups: &link::Groups,
    asked: &[link::Question],
    constraints: &Constraints,
) -> Vec<MatchState> {
    let mut states = vec![MatchState::NoCandidate; prepared.order.len()];
    for c in &prepared.candidates {
        states[c.left as usize] = MatchState::Rejected;
        states[c.right as usize] = MatchState::Rejected;
    }
    for question in asked {
        states[question.record as usize] = MatchState::PendingReview;
        if let [only] = groups.members[question.group as usize].as_slice() {
            states[*only as usize] = MatchState::PendingReview;
        }
    }
    for members in groups.members.iter().filter(|m| m.len() > 1) {
        for record in members {
            states[*record as usize] = MatchState::LinkedAuto;
        }
    }
    for (a, b) in &constraints.must {
        states[*a as usize] = MatchState::LinkedConfirmed;
        states[*b as usize] = MatchState::LinkedConfirmed;
    }
    states
}

fn count(states: &[MatchState]) -> StateCounts {
    let mut counts = StateCounts::default();
    for state in states {
        *match state {
            MatchState::LinkedConfirmed => &mut counts.linked_confirmed,
            MatchState::LinkedAuto => &mut counts.linked_auto,
            MatchState::PendingReview => &mut counts.pending_review,
            MatchState::Rejected => &mut counts.rejected,
            MatchState::NoCandidate => &mut counts.no_candidate,
        } += 1;
    }
    counts
}

/// The id of the master whose smallest member this is. 64 bits of a digest: among a million masters two collide with probability 3e-8.
pub fn master_id(key: &SkuKey) -> String {
    let mut hasher = Sha256::new();
    hasher.update(key.node.0.as_bytes());
    hasher.update([0]);
    hasher.update(key.sku.0.as_bytes());
    let digest = hasher.finalize();
    digest[..8].iter().fold(String::from("m-"), |mut out, byte| {
        out.push_str(&format!("{byte:02x}"));
        out
    })
}

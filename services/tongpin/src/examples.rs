//! Pairs worth showing: a few of each zone, each record at most once, chosen the same way every time.
//!
//! - linked: spread over the whole confidence range, in each part the pair whose wording is least alike; these show
//!   what meaning adds, and they are also where a wrong link would be;
//! - asked: the most valuable questions;
//! - left apart: the nearest misses, half of them with a named contradiction, of as many kinds as there are.

use crate::args::Zones;
use crate::lang::{Language, pick, say};
use domain::{LocalSku, Zone};
use engine::{LinkOutcome, ScoredPair};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

/// Why a pair did not go where its confidence alone would have put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circumstance<'r> {
    /// Linked below the threshold: other members of the group brought the two together.
    ThroughGroup,
    /// This node's place in the group is taken by a better one.
    NodeTaken(&'r str),
    /// The rest of the groups does not agree.
    GroupsDisagree,
    /// Enough other questions are asked about these records.
    OtherQuestions,
}

impl Circumstance<'_> {
    pub fn in_words(self, language: Language) -> String {
        match self {
            Circumstance::ThroughGroup => {
                pick(language, "joined through the group", "由同组其他成员连到一起").to_owned()
            }
            Circumstance::NodeTaken(node) => {
                say!(language, "{node} has a better match there", "{node} 在那一组已有更合适的对应")
            }
            Circumstance::GroupsDisagree => {
                pick(language, "other members of the groups disagree", "与组内其他成员不合").to_owned()
            }
            Circumstance::OtherQuestions => {
                pick(language, "better questions are asked about these", "已就它们提出更好的问题").to_owned()
            }
        }
    }
}

/// `None` where the confidence, or a named contradiction, says it all.
pub fn circumstance<'r>(
    skus: &'r [LocalSku],
    outcome: &LinkOutcome,
    zones: Zones,
    many_per_node: &[String],
    pair: &ScoredPair,
) -> Option<Circumstance<'r>> {
    let members = |record: u32| &outcome.members[outcome.masters[record as usize] as usize];
    let node = |record: &u32| skus[*record as usize].key.node.0.as_str();
    match pair.zone {
        Zone::Auto => (pair.confidence < zones.auto).then_some(Circumstance::ThroughGroup),
        Zone::Reject if pair.veto.is_some() || pair.confidence < zones.review => None,
        Zone::Review if pair.confidence < zones.auto => None,
        zone => {
            let taken: FxHashSet<&str> = members(pair.left).iter().map(node).collect();
            let twice = members(pair.right)
                .iter()
                .map(node)
                .filter(|n| taken.contains(n) && !many_per_node.iter().any(|m| m == n))
                .min();
            Some(match (twice, zone) {
                (Some(node), _) => Circumstance::NodeTaken(node),
                (None, Zone::Review) => Circumstance::GroupsDisagree,
                (None, _) => Circumstance::OtherQuestions,
            })
        }
    }
}

pub struct Examples<'o> {
    pub linked: Vec<&'o ScoredPair>,
    pub asked: Vec<&'o ScoredPair>,
    pub apart: Vec<&'o ScoredPair>,
}

/// At most `each` of every zone.
pub fn choose<'o>(skus: &[LocalSku], outcome: &'o LinkOutcome, each: usize) -> Examples<'o> {
    Examples {
        linked: linked(skus, outcome, each),
        asked: asked(outcome, each),
        apart: apart(skus, outcome, each),
    }
}

fn by_confidence(a: &ScoredPair, b: &ScoredPair) -> Ordering {
    b.confidence.total_cmp(&a.confidence)
}

fn of_zone(outcome: &LinkOutcome, zone: Zone) -> Vec<&ScoredPair> {
    // The pairs come in key order and the sort is stable, so equal confidences keep that order.
    let mut pairs: Vec<&ScoredPair> = outcome.pairs.iter().filter(|p| p.zone == zone).collect();
    pairs.sort_by(|a, b| by_confidence(a, b));
    pairs
}

fn linked<'o>(skus: &[LocalSku], outcome: &'o LinkOutcome, each: usize) -> Vec<&'o ScoredPair> {
    /// Of a long part, so many are compared.
    const LOOKED_AT: usize = 60;
    let mut pairs = of_zone(outcome, Zone::Auto);
    pairs.retain(|p| !same_text(skus, p));
    let mut used = FxHashSet::default();
    let mut chosen = Vec::new();
    let parts = each.min(pairs.len());
    for part in 0..parts {
        let (from, to) = (part * pairs.len() / parts, (part + 1) * pairs.len() / parts);
        let free = |p: &&&'o ScoredPair| !used.contains(&p.left) && !used.contains(&p.right);
        let step = ((to - from) / LOOKED_AT).max(1);
        let best = pairs[from..to]
            .iter()
            .step_by(step)
            .filter(free)
            .min_by(|a, b| alike(skus, a).total_cmp(&alike(skus, b)).then_with(|| by_confidence(a, b)));
        if let Some(pair) = best {
            used.extend([pair.left, pair.right]);
            chosen.push(*pair);
        }
    }
    chosen
}

fn asked(outcome: &LinkOutcome, each: usize) -> Vec<&ScoredPair> {
    // A few more than needed: some questions may share records.
    let wanted: FxHashSet<u32> = outcome.reviews.iter().take(4 * each).map(|q| q.record).collect();
    let mut of_record: FxHashMap<u32, Vec<&ScoredPair>> = FxHashMap::default();
    for pair in outcome.pairs.iter().filter(|p| p.zone == Zone::Review) {
        for record in [pair.left, pair.right] {
            if wanted.contains(&record) {
                of_record.entry(record).or_default().push(pair);
            }
        }
    }
    let mut used = FxHashSet::default();
    let mut chosen = Vec::new();
    for question in outcome.reviews.iter().take(4 * each) {
        let of_master = |pair: &&&ScoredPair| {
            let other = if pair.left == question.record { pair.right } else { pair.left };
            outcome.masters[other as usize] == question.master
        };
        let pairs = of_record.get(&question.record).map_or(&[][..], Vec::as_slice);
        let best = pairs.iter().filter(of_master).min_by(|a, b| by_confidence(a, b));
        if let Some(pair) = best.filter(|p| !used.contains(&p.left) && !used.contains(&p.right)) {
            used.extend([pair.left, pair.right]);
            chosen.push(*pair);
        }
        if chosen.len() == each {
            break;
        }
    }
    chosen
}

fn apart<'o>(skus: &[LocalSku], outcome: &'o LinkOutcome, each: usize) -> Vec<&'o ScoredPair> {
    let mut used = FxHashSet::default();
    let mut take = |pair: &'o ScoredPair, chosen: &mut Vec<&'o ScoredPair>| {
        let free = !used.contains(&pair.left) && !used.contains(&pair.right) && !same_text(skus, pair);
        if free {
            used.extend([pair.left, pair.right]);
            chosen.push(pair);
        }
    };
    let mut vetoed: BTreeMap<&str, VecDeque<&ScoredPair>> = BTreeMap::new();
    let mut other = VecDeque::new();
    for pair in of_zone(outcome, Zone::Reject) {
        match &pair.veto {
            Some(veto) => vetoed.entry(veto).or_default().push_back(pair),
            None => other.push_back(pair),
        }
    }
    let mut chosen = Vec::new();
    while chosen.len() < each / 2 && vetoed.values().any(|queue| !queue.is_empty()) {
        for queue in vetoed.values_mut() {
            if let Some(pair) = queue.pop_front()
                && chosen.len() < each / 2
            {
                take(pair, &mut chosen);
            }
        }
    }
    while let Some(pair) = other.pop_front()
        && chosen.len() < each
    {
        take(pair, &mut chosen);
    }
    chosen.sort_by(|a, b| by_confidence(a, b));
    chosen
}

fn same_text(skus: &[LocalSku], pair: &ScoredPair) -> bool {
    let text = |record: u32| -> String {
        skus[record as usize]
            .name
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    text(pair.left) == text(pair.right)
}

/// Share of characters in common, 0 to 1.
fn alike(skus: &[LocalSku], pair: &ScoredPair) -> f64 {
    let set = |record: u32| -> FxHashSet<char> { skus[record as usize].name.chars().take(200).collect() };
    let (left, right) = (set(pair.left), set(pair.right));
    let common = left.intersection(&right).count();
    common as f64 / (left.len() + right.len() - common).max(1) as f64
}

//! From candidates to calibrated confidences: two stages, calibration, bounded adaptation of the prior.

use crate::prepare::{Prepared, WIDTH};
use crate::{Engine, Progress};
use domain::NodeId;
use ndarray::ArrayView1;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use score::model::probability;
use score::{Veto, adapt, context, features, veto};

/// One entry a candidate, in the order of [`Prepared::candidates`].
pub struct Scored {
    pub confidence: Vec<f64>,
    pub veto: Vec<Option<Veto>>,
    /// What the adaptation added to every log-odds.
    pub prior_shift: f64,
    /// Nodes that seem to list products several times; their links are asked of a person rather than made.
    pub repeating_nodes: Vec<String>,
}

/// Below this probability the second stage is not asked: its answer would be "no" as well.
const SECOND_FLOOR: f32 = 1e-4;
/// Vetoes are looked for from this confidence on; below it nothing would be linked anyway.
const VETO_FLOOR: f64 = 0.02;

impl Engine {
    /// `many_per_node`: nodes known to list products several times; they are linked all the same.
    pub fn score(&self, prepared: &Prepared, many_per_node: &[NodeId], progress: &dyn Progress) -> Scored {
        let count = prepared.candidates.len();
        progress.stage("score", count as u64);
        let around = prepared.surroundings();
        let first: Vec<f32> = (0..count)
            .into_par_iter()
            .map(|i| {
                let mut row = [0.0f32; WIDTH];
                prepared.fill(&around, i, &mut row);
                self.model.first.log_odds(ArrayView1::from(&row[..]))
            })
            .collect();
        progress.advance(count as u64 / 2);
        let first_probability: Vec<f32> =
            first.par_iter().map(|x| probability(f64::from(*x)) as f32).collect();
        let standings = around.neighbourhoods.standings(&first_probability);
        let log_odds: Vec<f64> = (0..count)
            .into_par_iter()
            .map(|i| {
                if first_probability[i] < SECOND_FLOOR {
                    // Kept in order below everything that the second stage has seen.
                    return f64::from(first[i]).min(-9.0);
                }
                let mut row = [0.0f32; WIDTH + features::SECOND.len()];
                prepared.fill(&around, i, &mut row);
                context::fill_second(first[i], &standings[i], &mut row[WIDTH..]);
                self.model.calibration.log_odds(self.model.second.log_odds(ArrayView1::from(&row[..])))
            })
            .collect();
        progress.advance(count as u64 / 2);
        let links = best_links(prepared, &log_odds);
        let link_log_odds: Vec<f64> = links.iter().map(|i| log_odds[*i as usize]).collect();
        let prior_shift = adapt::prior_shift(&link_log_odds, self.model.prior, self.model.adaptation);
        let mut confidence: Vec<f64> = log_odds.iter().map(|x| probability(x + prior_shift)).collect();
        // Judged before calibration: the thresholds were measured there, and calibration is about links, not rivals.
        let raw: Vec<f64> = log_odds.iter().map(|x| self.model.calibration.undo(*x)).collect();
        let mut repeating = repeating_nodes(prepared, &raw, &links);
        repeating.retain(|node| {
            let name = prepared.node_names[*node as usize].as_str();
            !many_per_node.iter().any(|many| many.0 == name)
        });
        for (c, confidence) in prepared.candidates.iter().zip(&mut confidence) {
            let touches = |record: u32| repeating.contains(&prepared.nodes[record as usize]);
            if touches(c.left) || touches(c.right) {
                *confidence *= REPEATING_FACTOR;
            }
        }
        let veto: Vec<Option<Veto>> = prepared
            .candidates
            .par_iter()
            .zip(&confidence)
            .map(|(c, confidence)| {
                let (a, b) = (&prepared.profiles[c.left as usize], &prepared.profiles[c.right as usize]);
                if *confidence >= VETO_FLOOR { veto::find(a, b) } else { None }
            })
            .collect();
        for (confidence, veto) in confidence.iter_mut().zip(&veto) {
            if veto.is_some() {
                *confidence *= veto::REMAINING;
            }
        }
        let mut repeating_nodes: Vec<String> =
            repeating.iter().map(|node| prepared.node_names[*node as usize].clone()).collect();
        repeating_nodes.sort();
        Scored { confidence, veto, prior_shift, repeating_nodes }
    }
}

/// The candidates of a greedy one-to-one assignment per pair of nodes.
fn best_links(prepared: &Prepared, log_odds: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..log_odds.len() as u32).filter(|i| log_odds[*i as usize] > -7.0).collect();
    // Candidates are sorted by (left, right), so the index breaks ties the same way every time.
    order.par_sort_by(|a, b| log_odds[*b as usize].total_cmp(&log_odds[*a as usize]).then(a.cmp(b)));
    let mut taken: FxHashSet<(u32, u32)> = FxHashSet::default();
    let mut links = Vec::new();
    for index in order {
        let c = &prepared.candidates[index as usize];
        let ends = [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])];
        if ends.iter().all(|end| !taken.contains(end)) {
            taken.extend(ends);
            links.push(index);
        }
    }
    links
}

/// A link whose record has a second good candidate in the same node is a coin toss. A node where that is common lists
/// products several times (a marketplace, a merged catalogue): one-per-node does not hold there, and neither does a
/// confidence learnt where it holds. Measured: 0.39 of the good links of Amazon-Google and 0.20 of PriceRunner's have
/// such a rival, at most 0.06 of every other set's; of the links claimed at 0.85 there 71 % and 66 % were right.
fn repeating_nodes(prepared: &Prepared, log_odds: &[f64], links: &[u32]) -> FxHashSet<u32> {
    let mut good: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    let ends = |index: usize| {
        let c = &prepared.candidates[index];
        [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])]
    };
    for index in (0..log_odds.len()).filter(|i| probability(log_odds[*i]) > RIVAL) {
        for end in ends(index) {
            *good.entry(end).or_default() += 1;
        }
    }
    // (links into the node, those with a rival there)
    let mut seen: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    for index in links.iter().filter(|i| probability(log_odds[**i as usize]) > GOOD_LINK) {
        for end in ends(*index as usize) {
            let entry = seen.entry(end.1).or_default();
            entry.0 += 1;
            entry.1 += u32::from(good.get(&end).is_some_and(|n| *n > 1));
        }
    }
    seen.into_iter()
        .filter(|(_, (links, rivals))| {
            *links >= LEAST_LINKS && f64::from(*rivals) > REPEATING_SHARE * f64::from(*links)
        })
        .map(|(node, _)| node)
        .collect()
}

const RIVAL: f64 = 0.3;
const GOOD_LINK: f64 = 0.7;
const LEAST_LINKS: u32 = 50;
const REPEATING_SHARE: f64 = 0.15;
/// Brings every confidence below the default auto threshold and keeps their order; about the share of such links that
/// were right above it.
const REPEATING_FACTOR: f64 = 0.84;

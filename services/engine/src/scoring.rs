//! From candidates to calibrated confidences: three stages, then the one-to-one matching under a prior adapted to the
//! data at hand.

use crate::prepare::{Prepared, Surroundings, WIDTH};
use crate::{Engine, Progress};
use domain::NodeId;
use ndarray::ArrayView1;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use score::matching::Matching;
use score::model::{log_odds, probability};
use score::{Veto, adapt, consensus, context, features, veto};

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
/// Below these log-odds of the second stage the third is not asked, and the pair is nobody's rival.
const THIRD_FLOOR: f32 = -7.0;
/// Vetoes are looked for from this confidence on; below it nothing would be linked anyway.
const VETO_FLOOR: f64 = 0.02;

const SECOND_WIDTH: usize = WIDTH + features::SECOND.len();
pub(crate) const THIRD_WIDTH: usize = SECOND_WIDTH + features::THIRD.len() + features::CONSENSUS.len();

impl Engine {
    /// `many_per_node`: nodes known to list products several times; they are linked all the same.
    pub fn score(&self, prepared: &Prepared, many_per_node: &[NodeId], progress: &dyn Progress) -> Scored {
        let count = prepared.candidates.len();
        progress.stage("score", count as u64);
        let staged = self.stages(prepared, progress);
        let is_many = |node: u32| {
            let name = prepared.node_names[node as usize].as_str();
            many_per_node.iter().any(|many| many.0 == name)
        };
        let links = best_links(prepared, &staged.second);
        let mut repeating = repeating_nodes(prepared, &staged.second, &links);
        repeating.retain(|node| !is_many(*node));
        let touches = |index: usize| {
            let c = &prepared.candidates[index];
            [c.left, c.right].iter().any(|r| repeating.contains(&prepared.nodes[*r as usize]))
        };

        let Staged { active, pairs, third: odds, .. } = staged;
        let matching = Matching::new(&pairs, &prepared.nodes, |node| !is_many(node));
        let marginals = |shift: f64| {
            let shifted: Vec<f64> = odds.iter().map(|x| x + shift).collect();
            matching.marginals(&shifted)
        };
        // Nodes that list products several times have no share of partners to learn from.
        let telling: Vec<usize> =
            best_of(prepared, &active, &odds).into_iter().filter(|i| !touches(active[*i] as usize)).collect();
        let prior_shift =
            adapt::prior_shift(telling.len(), self.model.prior, self.model.adaptation, |shift| {
                let marginals = marginals(shift);
                telling.iter().map(|i| marginals[*i]).sum::<f64>() / telling.len() as f64
            });
        let mut confidence: Vec<f64> = vec![0.0; count];
        for (index, marginal) in active.iter().zip(marginals(prior_shift)) {
            let posterior = self.model.posterior.log_odds(log_odds(marginal.clamp(1e-9, 1.0 - 1e-9)));
            confidence[*index as usize] = probability(posterior);
        }
        if !repeating.is_empty() {
            for index in active.iter().filter(|index| touches(**index as usize)) {
                confidence[*index as usize] *= REPEATING_FACTOR;
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

    /// The log-odds of the second stage and, where a pair has a chance, of the third.
    pub(crate) fn stages(&self, prepared: &Prepared, progress: &dyn Progress) -> Staged {
        let count = prepared.candidates.len();
        let around = prepared.surroundings();
        let first: Vec<f32> = (0..count)
            .into_par_iter()
            .map(|i| {
                let mut row = [0.0f32; WIDTH];
                prepared.fill(&around, i, &mut row);
                self.model.first.log_odds(ArrayView1::from(&row[..]))
            })
            .collect();
        progress.advance(count as u64 / 3);
        let chance = |log_odds: &f32| probability(f64::from(*log_odds)) as f32;
        let first_chance: Vec<f32> = first.par_iter().map(chance).collect();
        let first_standings = around.neighbourhoods.standings(&first_chance);
        let fill_second = |i: usize, row: &mut [f32]| {
            prepared.fill(&around, i, row);
            context::fill_stage(first[i], &first_standings[i], &mut row[WIDTH..]);
        };
        let second: Vec<f32> = (0..count)
            .into_par_iter()
            .map(|i| {
                if first_chance[i] < SECOND_FLOOR {
                    // Kept in order below everything that the second stage has seen.
                    return first[i].min(-9.0);
                }
                let mut row = [0.0f32; SECOND_WIDTH];
                fill_second(i, &mut row);
                self.model.second.log_odds(ArrayView1::from(&row[..]))
            })
            .collect();
        progress.advance(count as u64 / 3);

        // Only pairs with a chance go on; the others' odds are below a thousandth.
        let active: Vec<u32> = (0..count as u32).filter(|i| second[*i as usize] > THIRD_FLOOR).collect();
        let pairs: Vec<(u32, u32)> = active
            .iter()
            .map(|i| {
                let c = &prepared.candidates[*i as usize];
                (c.left, c.right)
            })
            .collect();
        let second_chance: Vec<f32> = active.par_iter().map(|i| chance(&second[*i as usize])).collect();
        let second_standings =
            context::Neighbourhoods::new(&pairs, &prepared.nodes).standings(&second_chance);
        let consensus = consensus::consensus(&pairs, &second_chance, &prepared.nodes);
        let mut staged = Staged {
            around,
            first,
            first_standings,
            second,
            active,
            pairs,
            second_standings,
            consensus,
            third: Vec::new(),
        };
        staged.third = (0..staged.active.len())
            .into_par_iter()
            .map(|at| {
                let mut row = [0.0f32; THIRD_WIDTH];
                staged.fill_third(prepared, at, &mut row);
                let raw = self.model.third.log_odds(ArrayView1::from(&row[..]));
                self.model.calibration.log_odds(f64::from(raw))
            })
            .collect();
        progress.advance(count as u64 / 3);
        staged
    }
}

/// What the stages saw and said.
pub(crate) struct Staged {
    around: Surroundings,
    /// `first`, `first_standings` and `second`: one a candidate.
    first: Vec<f32>,
    first_standings: Vec<context::Standing>,
    pub second: Vec<f32>,
    /// The candidates that have a chance, ascending; everything below goes with them.
    pub active: Vec<u32>,
    /// Left and right record.
    pub pairs: Vec<(u32, u32)>,
    second_standings: Vec<context::Standing>,
    consensus: Vec<[f32; consensus::WIDTH]>,
    /// Log-odds of the pair taken alone.
    pub third: Vec<f64>,
}

impl Staged {
    fn fill_second(&self, prepared: &Prepared, index: usize, row: &mut [f32]) {
        prepared.fill(&self.around, index, row);
        context::fill_stage(self.first[index], &self.first_standings[index], &mut row[WIDTH..SECOND_WIDTH]);
    }

    /// What the third stage reads of `active[at]`.
    pub fn fill_third(&self, prepared: &Prepared, at: usize, row: &mut [f32]) {
        let index = self.active[at] as usize;
        self.fill_second(prepared, index, row);
        let (standing, voices) = row[SECOND_WIDTH..THIRD_WIDTH].split_at_mut(features::THIRD.len());
        context::fill_stage(self.second[index], &self.second_standings[at], standing);
        voices.copy_from_slice(&self.consensus[at]);
    }

    /// The same of a candidate without a chance: what is not known of it is 0.
    pub fn fill_hopeless(&self, prepared: &Prepared, index: usize, row: &mut [f32]) {
        self.fill_second(prepared, index, row);
        row[SECOND_WIDTH..THIRD_WIDTH].fill(0.0);
        row[SECOND_WIDTH] = self.second[index].clamp(-14.0, 14.0);
    }
}

/// The candidates of a greedy one-to-one assignment per pair of nodes.
fn best_links(prepared: &Prepared, log_odds: &[f32]) -> Vec<u32> {
    let chosen: Vec<u32> =
        (0..log_odds.len() as u32).filter(|i| log_odds[*i as usize] > THIRD_FLOOR).collect();
    let odds: Vec<f64> = chosen.iter().map(|i| f64::from(log_odds[*i as usize])).collect();
    best_of(prepared, &chosen, &odds).into_iter().map(|i| chosen[i]).collect()
}

/// The same among `chosen` candidates with the log-odds `odds`; gives positions in `chosen`.
fn best_of(prepared: &Prepared, chosen: &[u32], odds: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    // Candidates are sorted by (left, right), so the index breaks ties the same way every time.
    order.par_sort_by(|a, b| odds[*b].total_cmp(&odds[*a]).then(a.cmp(b)));
    let mut taken: FxHashSet<(u32, u32)> = FxHashSet::default();
    order.retain(|position| {
        let c = &prepared.candidates[chosen[*position] as usize];
        let ends = [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])];
        let free = ends.iter().all(|end| !taken.contains(end));
        if free {
            taken.extend(ends);
        }
        free
    });
    order
}

/// A link whose record has a second good candidate in the same node is a coin toss. A node where that is common lists
/// products several times (a marketplace, a merged catalogue): one-per-node does not hold there, and neither does a
/// confidence learnt where it holds. Measured: 0.39 of the good links of Amazon-Google and 0.20 of PriceRunner's have
/// such a rival, at most 0.06 of every other set's; of the links claimed at 0.85 there 71 % and 66 % were right.
fn repeating_nodes(prepared: &Prepared, second: &[f32], links: &[u32]) -> FxHashSet<u32> {
    let mut good: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    let ends = |index: usize| {
        let c = &prepared.candidates[index];
        [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])]
    };
    for index in (0..second.len()).filter(|i| probability(f64::from(second[*i])) > RIVAL) {
        for end in ends(index) {
            *good.entry(end).or_default() += 1;
        }
    }
    // (links into the node, those with a rival there)
    let mut seen: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    for index in links.iter().filter(|i| probability(f64::from(second[**i as usize])) > GOOD_LINK) {
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

//! From candidates to calibrated confidences: two stages, calibration, bounded adaptation of the prior.

use crate::prepare::{Prepared, WIDTH};
use crate::{Engine, Progress};
use ndarray::ArrayView1;
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use score::model::probability;
use score::{Veto, adapt, context, features, veto};

/// One entry a candidate, in the order of [`Prepared::candidates`].
pub struct Scored {
    pub confidence: Vec<f64>,
    pub veto: Vec<Option<Veto>>,
    /// What the adaptation added to every log-odds.
    pub prior_shift: f64,
}

/// Below this probability the second stage is not asked: its answer would be "no" as well.
const SECOND_FLOOR: f32 = 1e-4;
/// Vetoes are looked for from this confidence on; below it nothing would be linked anyway.
const VETO_FLOOR: f64 = 0.02;

impl Engine {
    pub fn score(&self, prepared: &Prepared, progress: &dyn Progress) -> Scored {
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
        let first_probability: Vec<f32> = first.par_iter().map(|x| probability(f64::from(*x)) as f32).collect();
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
        let prior_shift = adapt::prior_shift(&links, self.model.prior, self.model.adaptation);
        let confidence: Vec<f64> = log_odds.iter().map(|x| probability(x + prior_shift)).collect();
        let veto = prepared
            .candidates
            .par_iter()
            .zip(&confidence)
            .map(|(c, confidence)| {
                let (a, b) = (&prepared.profiles[c.left as usize], &prepared.profiles[c.right as usize]);
                if *confidence >= VETO_FLOOR { veto::find(a, b) } else { None }
            })
            .collect();
        Scored { confidence, veto, prior_shift }
    }
}

/// Log-odds of a greedy one-to-one assignment per pair of nodes.
fn best_links(prepared: &Prepared, log_odds: &[f64]) -> Vec<f64> {
    let mut order: Vec<u32> =
        (0..log_odds.len() as u32).filter(|i| log_odds[*i as usize] > -7.0).collect();
    // Candidates are sorted by (left, right), so the index breaks ties the same way every time.
    order.par_sort_by(|a, b| log_odds[*b as usize].total_cmp(&log_odds[*a as usize]).then(a.cmp(b)));
    let mut taken: FxHashSet<(u32, u32)> = FxHashSet::default();
    let mut links = Vec::new();
    for index in order {
        let c = &prepared.candidates[index as usize];
        let ends = [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])];
        if ends.iter().all(|end| !taken.contains(end)) {
            taken.extend(ends);
            links.push(log_odds[index as usize]);
        }
    }
    links
}

//! A reader fitted to labels, starting from a scorer's own answer: a logistic curve over the scorer's log-odds, then
//! boosted trees over all features on top of it. How many trees is found by cross-validation over products, and none is a
//! possible answer: where labels are few or say nothing new, the scorer is only recalibrated.

use crate::boost::{Settings, boost};
use crate::calibrate;
use crate::logistic;
use crate::reliability::Answer;
use crate::split::Split;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use score::Calibrator;
use score::model::{Stage, Tree, probability};

/// Labelled pairs and what a reader sees of them.
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    /// One row a pair.
    pub rows: ArrayView2<'a, f32>,
    pub same: &'a [bool],
    /// What a pair that is not the same counts; one that is counts 1.
    pub different: f64,
    /// (left, right) record numbers below `records`: what a product is made of.
    pub pairs: &'a [(u32, u32)],
    pub records: usize,
}

/// A reader, and how it was found. `trees` are those of each of the models that are averaged.
#[derive(Clone, Debug)]
pub struct Fitted {
    pub stage: Stage,
    pub calibrator: Calibrator,
    pub trees: usize,
    /// Mean log loss over the folds with no tree and with `trees`.
    pub loss_without: f64,
    pub loss: f64,
    /// Calibrated, each pair by a reader that saw nothing of its product.
    pub out_of_fold: Vec<Answer>,
}

const FOLDS: u8 = 5;
/// Ridge of the curve over the scorer's log-odds.
const RIDGE: f64 = 1.0;
/// Models that are grown beside each other on other samples of rows and columns, and averaged: with a few thousand labels, what
/// one of them makes of the last hundred trees is chance.
const BAGS: usize = 5;
/// Log-odds beyond this change nothing.
const CLIP: f32 = 30.0;

/// `base` are the columns that hold the scorer's log-odds.
pub fn tune(data: Labelled<'_>, base: &[usize], settings: &Settings) -> Fitted {
    let split = Split::by_product(data.pairs, data.same, data.records, FOLDS, settings.seed);
    // Per fold: its pairs, and their log-odds after each number of trees.
    let folds: Vec<(Vec<usize>, Vec<Vec<f64>>)> = (0..split.parts())
        .into_par_iter()
        .map(|fold| {
            let held = split.held(fold);
            let (line, rounds) = {
                let chosen = split.fit(fold);
                let different = data.different * Split::weight_of_different(data.same, &chosen);
                fit(Labelled { different, ..data }, &chosen, base, settings)
            };
            let along = held.iter().map(|pair| progress(data, *pair, base, &line, &rounds)).collect();
            (held, along)
        })
        .collect();
    let loss_after = |trees: usize| -> f64 {
        let loss = |same: bool, x: f64| {
            let (z, weight) = if same { (-x, 1.0) } else { (x, data.different) };
            weight * (z.max(0.0) + (-z.abs()).exp().ln_1p())
        };
        let sums = folds.iter().map(|(held, along)| {
            held.iter().zip(along).map(|(pair, along)| loss(data.same[*pair], along[trees])).sum::<f64>()
        });
        sums.sum::<f64>() / data.same.len().max(1) as f64
    };
    let losses: Vec<f64> = (0..=settings.trees).map(loss_after).collect();
    let trees = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap_or(0);
    let mut raw = vec![(0.0, false); data.same.len()];
    for (held, along) in &folds {
        for (pair, along) in held.iter().zip(along) {
            raw[*pair] = (along[trees], data.same[*pair]);
        }
    }
    let calibrator = calibrate::fit(&raw, data.different);
    let all: Vec<usize> = (0..data.same.len()).collect();
    let (line, rounds) = fit(data, &all, base, &Settings { trees, ..*settings });
    let grown = rounds.into_iter().flatten().collect();
    let out_of_fold = raw.iter().map(|(x, same)| (probability(calibrator.log_odds(*x)), *same)).collect();
    Fitted {
        stage: stage(data.rows.ncols(), base, &line, grown),
        calibrator,
        trees,
        loss_without: losses[0],
        loss: losses[trees],
        out_of_fold,
    }
}

fn fit(
    data: Labelled<'_>,
    chosen: &[usize],
    base: &[usize],
    settings: &Settings,
) -> (logistic::Line, Vec<Vec<Tree>>) {
    let rows = data.rows.select(Axis(0), chosen);
    let same: Vec<bool> = chosen.iter().map(|i| data.same[*i]).collect();
    let columns = Array2::from_shape_fn((chosen.len(), base.len()), |(i, j)| f64::from(rows[(i, base[j])]));
    let line = logistic::fit(columns.view(), &same, data.different, RIDGE);
    let start: Vec<f64> = columns.outer_iter().map(|row| line.log_odds(row.iter().copied())).collect();
    let weight: Vec<f64> = same.iter().map(|same| if *same { 1.0 } else { data.different }).collect();
    let bag = |bag: usize| {
        let seed = settings.seed.wrapping_add(bag as u64 * 7_919);
        boost(rows.view(), &same, &weight, &start, &Settings { seed, ..*settings })
    };
    let mut bags: Vec<_> = (0..BAGS).into_par_iter().map(bag).map(Vec::into_iter).collect();
    let share = |mut tree: Tree| {
        tree.value.iter_mut().for_each(|value| *value /= BAGS as f32);
        tree
    };
    let round = |_| bags.iter_mut().filter_map(Iterator::next).map(share).collect();
    (line, (0..settings.trees).map(round).collect())
}

/// The log-odds of a pair after no round, one, two …
fn progress(
    data: Labelled<'_>,
    pair: usize,
    base: &[usize],
    line: &logistic::Line,
    rounds: &[Vec<Tree>],
) -> Vec<f64> {
    let row = data.rows.row(pair);
    let start = line.log_odds(base.iter().map(|c| f64::from(row[*c])));
    let later = rounds.iter().scan(start, |sum, trees| {
        *sum += trees.iter().map(|tree| f64::from(tree.value(row))).sum::<f64>();
        Some(*sum)
    });
    std::iter::once(start).chain(later).collect()
}

fn stage(width: usize, base: &[usize], line: &logistic::Line, trees: Vec<Tree>) -> Stage {
    let mut weights = vec![0.0; width];
    base.iter().zip(&line.weights).for_each(|(column, weight)| weights[*column] = *weight as f32);
    let curve = Stage::Logistic {
        gate: None,
        mean: vec![0.0; width],
        scale: vec![1.0; width],
        clip: CLIP,
        weights,
        bias: line.bias as f32,
    };
    if trees.is_empty() { curve } else { Stage::Boosted { trees, bias: 0.0, base: Some(Box::new(curve)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::log_loss;
    use crate::random::Random;

    struct Set {
        rows: Array2<f32>,
        same: Vec<bool>,
        pairs: Vec<(u32, u32)>,
    }

    /// The scorer's log-odds (column 0) are right but for pairs with a mark (column 1), of which `turned` are never the same.
    fn set(pairs: usize, turned: bool, seed: u64) -> Set {
        let mut random = Random::new(seed);
        let mut uniform = || random.below(1 << 30) as f64 / f64::from(1 << 30);
        let mut rows = Array2::<f32>::zeros((pairs, 3));
        let mut same = Vec::new();
        for mut row in rows.outer_iter_mut() {
            let x = 8.0 * uniform() - 4.0;
            let mark = uniform() < 0.3;
            let values = [x as f32, f32::from(mark), uniform() as f32];
            row.iter_mut().zip(values).for_each(|(cell, value)| *cell = value);
            same.push(uniform() < probability(x) && !(turned && mark));
        }
        let pairs = (0..pairs as u32).map(|i| (2 * i, 2 * i + 1)).collect();
        Set { rows, same, pairs }
    }

    fn tuned(set: &Set) -> Fitted {
        let data = Labelled {
            rows: set.rows.view(),
            same: &set.same,
            different: 1.0,
            pairs: &set.pairs,
            records: 2 * set.pairs.len(),
        };
        tune(data, &[0], &Settings { trees: 60, rate: 0.1, columns: 1.0, ..Settings::default() })
    }

    #[test]
    fn trees_come_where_they_help() {
        let fitted = tuned(&set(1500, true, 1));
        assert!(
            fitted.trees > 5 && fitted.loss < 0.9 * fitted.loss_without,
            "{} {}",
            fitted.trees,
            fitted.loss
        );
        let fresh = set(2000, true, 2);
        let answers: Vec<Answer> = fresh
            .rows
            .outer_iter()
            .zip(&fresh.same)
            .map(|(row, same)| {
                (probability(fitted.calibrator.log_odds(f64::from(fitted.stage.log_odds(row)))), *same)
            })
            .collect();
        assert!((log_loss(&answers) - log_loss(&fitted.out_of_fold)).abs() < 0.06);
    }

    #[test]
    fn a_scorer_that_knows_all_is_left_alone() {
        let fitted = tuned(&set(1500, false, 3));
        assert!(fitted.trees < 8, "{} trees on noise", fitted.trees);
    }

    #[test]
    fn same_reader_for_any_number_of_threads() {
        let set = set(300, true, 4);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| tuned(&set).stage)
        };
        assert_eq!(with(1), with(2));
    }

    #[test]
    fn a_handful_of_labels_is_no_error() {
        let fitted = tuned(&set(4, false, 5));
        assert!(fitted.out_of_fold.iter().all(|(p, _)| p.is_finite()));
    }
}

//! Which calibrator, and its numbers: as many as the sample can carry.

use crate::logistic;
use crate::reliability::Answer;
use ndarray::Array2;
use score::Calibrator;
use score::model::{Calibration, log_odds};

/// With fewer of the rarer label, two numbers (Platt); up to `MANY`, three (beta); beyond, a curve (isotonic).
const FEW: usize = 150;
const MANY: usize = 2000;
/// An isotonic block holds at least so many pairs: smaller ones at the ends would claim certainty.
const LEAST_BLOCK: usize = 50;

/// `answers` are raw log-odds and labels; one that is not the same counts `different`. Where one label is missing nothing can
/// be learnt: no change.
pub fn fit(answers: &[Answer], different: f64) -> Calibrator {
    let same = answers.iter().filter(|a| a.1).count();
    let rarer = same.min(answers.len() - same);
    if rarer == 0 {
        return Calibrator::NONE;
    }
    let rises = |calibrator: &Calibrator| match calibrator {
        Calibrator::Beta { a, b, .. } => *a >= 0.0 && *b >= 0.0 && a + b > 1e-6,
        _ => true,
    };
    let fitted = match rarer {
        n if n < FEW => platt(answers, different),
        n if n < MANY => beta(answers, different),
        _ => isotonic(answers, different),
    };
    if rises(&fitted) { fitted } else { platt(answers, different) }
}

/// Platt's targets, which keep a separable sample from claiming certainty, as pseudo-labels: each answer counts as its
/// own label with almost all, as the other with a little of its weight. Here by a ridge, which does the same.
fn platt(answers: &[Answer], different: f64) -> Calibrator {
    let x = Array2::from_shape_fn((answers.len(), 1), |(i, _)| answers[i].0);
    let same: Vec<bool> = answers.iter().map(|a| a.1).collect();
    let line = logistic::fit(x.view(), &same, different, 0.5);
    // Labels that run against the scorer say that it is of no use, not that it should be turned round.
    let slope = line.weights[0].max(1e-3);
    Calibrator::Platt(Calibration { slope, intercept: line.bias })
}

fn beta(answers: &[Answer], different: f64) -> Calibrator {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let x = Array2::from_shape_fn((answers.len(), 2), |(i, j)| {
        let raw = answers[i].0;
        if j == 0 { -softplus(-raw) } else { softplus(raw) }
    });
    let same: Vec<bool> = answers.iter().map(|a| a.1).collect();
    let line = logistic::fit(x.view(), &same, different, 0.5);
    Calibrator::Beta { a: line.weights[0], b: line.weights[1], c: line.bias }
}

/// Pool adjacent violators over blocks of at least [`LEAST_BLOCK`] answers.
fn isotonic(answers: &[Answer], different: f64) -> Calibrator {
    struct Block {
        sum: f64,
        right: f64,
        pairs: f64,
    }
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut blocks: Vec<Block> = Vec::new();
    let whole = sorted.len() / LEAST_BLOCK;
    for b in 0..whole.max(1) {
        let part = &sorted[b * sorted.len() / whole.max(1)..(b + 1) * sorted.len() / whole.max(1)];
        let weight = |a: &Answer| if a.1 { 1.0 } else { different };
        blocks.push(Block {
            sum: part.iter().map(|a| weight(a) * a.0).sum(),
            right: part.iter().filter(|a| a.1).count() as f64,
            pairs: part.iter().map(weight).sum(),
        });
        while blocks.len() > 1 {
            let [.., below, above] = &blocks[..] else { break };
            // Equal ones too: the curve must rise.
            if rate(below.right, below.pairs) < rate(above.right, above.pairs) {
                break;
            }
            let above = blocks.pop();
            if let (Some(above), Some(below)) = (above, blocks.last_mut()) {
                below.sum += above.sum;
                below.right += above.right;
                below.pairs += above.pairs;
            }
        }
    }
    // Blocks of one raw value (thousands of equal answers) have one place.
    blocks.dedup_by(|next, first| {
        let equal = next.sum / next.pairs <= first.sum / first.pairs;
        if equal {
            first.right += next.right;
            first.pairs += next.pairs;
            first.sum += next.sum;
        }
        equal
    });
    Calibrator::Isotonic {
        from: blocks.iter().map(|b| b.sum / b.pairs).collect(),
        to: blocks.iter().map(|b| log_odds(rate(b.right, b.pairs))).collect(),
    }
}

/// The share of right ones, never quite 0 or 1 (Laplace's rule of succession, half a pair each way).
fn rate(right: f64, pairs: f64) -> f64 {
    (right + 0.5) / (pairs + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::reliability::{bins, expected_error};
    use score::model::probability;

    /// Log-odds `stretch` times too large, each label drawn from the true one.
    fn overconfident(pairs: usize, stretch: f64, seed: u64) -> Vec<Answer> {
        let mut random = Random::new(seed);
        let mut uniform = || random.below(1 << 30) as f64 / f64::from(1 << 30);
        (0..pairs)
            .map(|_| {
                let truth = 8.0 * uniform() - 5.0;
                (stretch * truth, uniform() < probability(truth))
            })
            .collect()
    }

    #[test]
    fn every_size_gets_its_form_and_is_calibrated() {
        for (pairs, error) in [(200, 0.08), (1500, 0.04), (9000, 0.02)] {
            let fitted = fit(&overconfident(pairs, 2.5, 1), 1.0);
            match (pairs, &fitted) {
                (200, Calibrator::Platt(_))
                | (1500, Calibrator::Beta { .. })
                | (9000, Calibrator::Isotonic { .. }) => {}
                other => panic!("{other:?}"),
            }
            let fresh: Vec<Answer> = overconfident(4000, 2.5, 2)
                .into_iter()
                .map(|(raw, right)| (probability(fitted.log_odds(raw)), right))
                .collect();
            let found = expected_error(&bins(&fresh)).expect("answers");
            assert!(found < error, "{pairs} pairs: {found}");
        }
    }

    #[test]
    fn weights_bring_back_the_share_of_positives() {
        // every second pair labelled different is lost and the others count double: as if none were lost
        let all = overconfident(8000, 1.5, 4);
        let mut different = 0;
        let kept: Vec<Answer> = all
            .iter()
            .filter(|a| {
                different += usize::from(!a.1);
                a.1 || different % 2 == 0
            })
            .copied()
            .collect();
        for raw in [-2.0, 0.0, 2.0] {
            let (whole, half) = (fit(&all, 1.0).log_odds(raw), fit(&kept, 2.0).log_odds(raw));
            assert!((whole - half).abs() < 0.35, "{raw}: {whole} and {half}");
        }
    }

    #[test]
    fn one_label_alone_changes_nothing() {
        assert_eq!(fit(&[(1.0, true), (2.0, true)], 1.0), Calibrator::NONE);
        assert_eq!(fit(&[], 1.0), Calibrator::NONE);
    }

    #[test]
    fn a_scorer_that_errs_is_not_turned_round() {
        let answers: Vec<Answer> = (0..40).map(|i| (f64::from(i) - 20.0, i < 20)).collect();
        let Calibrator::Platt(line) = fit(&answers, 1.0) else { panic!("small samples get two numbers") };
        assert!(line.slope > 0.0 && line.slope < 0.01);
    }
}

//! Is a confidence a probability? Answers are sorted by confidence and cut into bins of equal size (equal mass: with
//! bins of equal width nearly all answers would fall into the first).

use crate::interval::{Interval, clopper_pearson};
use serde::{Deserialize, Serialize};

/// A confidence and whether the pair that got it is truly the same.
pub type Answer = (f64, bool);

pub const BINS: usize = 10;

/// One point of the reliability diagram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub count: usize,
    pub right: usize,
    pub mean_confidence: f64,
    pub lowest: f64,
    pub highest: f64,
    /// 95 % interval of the share that is right.
    pub interval: Interval,
}

impl Bin {
    pub fn accuracy(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.right as f64 / self.count as f64 }
    }
}

/// What was claimed for the answers of at least `from`, and what came true.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub count: usize,
    pub right: usize,
    pub mean_confidence: f64,
}

/// The answers in [`BINS`] bins of equal size, by rising confidence; empty bins are left out.
pub fn bins(answers: &[Answer]) -> Vec<Bin> {
    let mut sorted = answers.to_vec();
    // Ties: wrong before right, as the measuring script sorts them.
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    (0..BINS)
        .map(|b| &sorted[b * sorted.len() / BINS..(b + 1) * sorted.len() / BINS])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let right = part.iter().filter(|(_, right)| *right).count();
            Bin {
                count: part.len(),
                right,
                mean_confidence: mean(part),
                lowest: part[0].0,
                highest: part[part.len() - 1].0,
                interval: clopper_pearson(right, part.len(), 0.95),
            }
        })
        .collect()
}

/// Expected calibration error: the gap between mean confidence and share of right ones, weighted by bin.
pub fn expected_error(bins: &[Bin]) -> Option<f64> {
    let total: usize = bins.iter().map(|b| b.count).sum();
    let gap = |b: &Bin| b.count as f64 / total as f64 * (b.mean_confidence - b.accuracy()).abs();
    (total > 0).then(|| bins.iter().map(gap).sum())
}

pub fn claim_from(answers: &[Answer], from: f64) -> Option<Claim> {
    let high: Vec<Answer> = answers.iter().filter(|a| a.0 >= from).copied().collect();
    let right = high.iter().filter(|a| a.1).count();
    (!high.is_empty()).then(|| Claim { count: high.len(), right, mean_confidence: mean(&high) })
}

fn mean(answers: &[Answer]) -> f64 {
    answers.iter().map(|a| a.0).sum::<f64>() / answers.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
    }

    #[test]
    fn by_hand() {
        // answers → expected calibration error
        let half_right: Vec<Answer> = (0..20).map(|i| (0.5, i % 2 == 0)).collect();
        let sure_and_wrong: Vec<Answer> = vec![(1.0, false); 10];
        // five of 0.2 of which one is right, five of 0.9 of which all are: ten bins of one answer each:
        // .2 four times, .8 once, .1 five times
        let one_a_bin: Vec<Answer> =
            (0..10).map(|i| if i < 5 { (0.2, i == 0) } else { (0.9, true) }).collect();
        let table = [
            (vec![], None),
            (vec![(0.7, true)], Some(0.3)),
            (sure_and_wrong, Some(1.0)),
            (one_a_bin, Some((0.2 * 4.0 + 0.8 + 0.1 * 5.0) / 10.0)),
            // wrong ones sort first: five bins (0.5, all wrong), five bins (0.5, all right)
            (half_right, Some(0.5)),
        ];
        for (answers, expected) in table {
            match (expected_error(&bins(&answers)), expected) {
                (Some(got), Some(expected)) => near(got, expected),
                (got, expected) => assert_eq!(got, expected),
            }
        }
    }

    #[test]
    fn bins_have_equal_mass_and_ranges() {
        let answers: Vec<Answer> = (0..25).map(|i| (f64::from(i) / 100.0, false)).collect();
        let got = bins(&answers);
        assert_eq!(got.iter().map(|b| b.count).collect::<Vec<_>>(), [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
        near(got[1].lowest, 0.02);
        near(got[1].highest, 0.04);
        near(got[1].mean_confidence, 0.03);
    }

    #[test]
    fn claims() {
        let answers = [(0.9, true), (0.8, true), (0.85, false)];
        let claim = claim_from(&answers, 0.85).expect("two answers");
        assert_eq!((claim.count, claim.right), (2, 1));
        near(claim.mean_confidence, 0.875);
        assert_eq!(claim_from(&answers, 0.95), None);
    }
}

//! The labelled pairs of two-table benchmarks (`pairs_test.csv`): the figure that papers report. A pair that the run did
//! not score counts as confidence 0.

use super::{Answer, PrecisionRecall};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestSplit {
    pub pairs: usize,
    /// At confidence 0.5.
    pub at_half: PrecisionRecall,
    /// At the threshold that is best on the valid split; the test split has no say in it.
    pub tuned: PrecisionRecall,
    pub tuned_threshold: f64,
}

pub fn test_split(valid: &[Answer], test: &[Answer]) -> TestSplit {
    let mut thresholds: Vec<f64> = valid.iter().map(|a| a.0).chain([0.5]).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let mut best = (f64::MIN, 0.5);
    for threshold in thresholds {
        let f1 = at(valid, threshold).f1;
        if f1 > best.0 {
            best = (f1, threshold);
        }
    }
    TestSplit { pairs: test.len(), at_half: at(test, 0.5), tuned: at(test, best.1), tuned_threshold: best.1 }
}

fn at(answers: &[Answer], threshold: f64) -> PrecisionRecall {
    let claimed = answers.iter().filter(|a| a.0 >= threshold);
    let right = claimed.clone().filter(|a| a.1).count();
    PrecisionRecall::of_counts(right, claimed.count(), answers.iter().filter(|a| a.1).count())
}

#[cfg(test)]
mod tests {
    use super::super::check::near;
    use super::*;

    #[test]
    fn by_hand() {
        // on valid 0.3 separates perfectly; on test it claims three of which two are right, of two
        let valid = [(0.3, true), (0.2, false), (0.9, true)];
        let test = [(0.35, true), (0.6, true), (0.55, false), (0.0, false)];
        let got = test_split(&valid, &test);
        near(got.tuned_threshold, 0.3);
        near(got.tuned.precision, 2.0 / 3.0);
        near(got.tuned.recall, 1.0);
        near(got.at_half.precision, 0.5);
        near(got.at_half.recall, 0.5);
    }
}

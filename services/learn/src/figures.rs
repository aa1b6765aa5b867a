//! The figures of one set of answers: what is shown before and after training.

use crate::reliability::{Answer, bins, expected_error};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub pairs: usize,
    pub same: usize,
    /// At the cut that is best for these very answers: hindsight.
    pub best_f1: f64,
    pub best_cut: f64,
    /// At 0.5.
    pub f1: f64,
    pub auto: Zone,
    /// Expected calibration error over ten bins of equal size.
    pub calibration_error: f64,
    /// Mean log loss, in nats.
    pub log_loss: f64,
}

/// The pairs from a cut on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    pub cut: f64,
    pub pairs: usize,
    pub right: usize,
    /// `None` where the zone is empty.
    pub precision: Option<f64>,
    pub recall: f64,
}

impl Figures {
    pub fn of(answers: &[Answer], auto: f64) -> Figures {
        let same = answers.iter().filter(|a| a.1).count();
        let (best_f1, best_cut) = best_f1(answers);
        let half = Zone::of(answers, 0.5);
        Figures {
            pairs: answers.len(),
            same,
            best_f1,
            best_cut,
            f1: f1(half.right, half.pairs, same),
            auto: Zone::of(answers, auto),
            calibration_error: expected_error(&bins(answers)).unwrap_or(0.0),
            log_loss: log_loss(answers),
        }
    }
}

impl Zone {
    pub fn of(answers: &[Answer], cut: f64) -> Zone {
        let same = answers.iter().filter(|a| a.1).count();
        let pairs = answers.iter().filter(|a| a.0 >= cut).count();
        let right = answers.iter().filter(|a| a.0 >= cut && a.1).count();
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let precision = (pairs > 0).then(|| share(right, pairs));
        Zone { cut, pairs, right, precision, recall: share(right, same) }
    }
}

fn f1(right: usize, claimed: usize, same: usize) -> f64 {
    2.0 * right as f64 / (claimed + same).max(1) as f64
}

/// The best F1 over all cuts and the loosest cut that has it.
fn best_f1(answers: &[Answer]) -> (f64, f64) {
    let same = answers.iter().filter(|a| a.1).count();
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut right = 0;
    let mut best = (0.0, 1.0);
    for (i, (confidence, is_right)) in sorted.iter().enumerate() {
        right += usize::from(*is_right);
        let last_of_equals = sorted.get(i + 1).is_none_or(|(other, _)| other < confidence);
        let found = f1(right, i + 1, same);
        if last_of_equals && found >= best.0 {
            best = (found, *confidence);
        }
    }
    best
}

pub fn log_loss(answers: &[Answer]) -> f64 {
    // A certainty that fails costs much, but not everything.
    let of = |(confidence, right): &Answer| {
        let p = if *right { *confidence } else { 1.0 - confidence };
        -p.clamp(1e-6, 1.0).ln()
    };
    answers.iter().map(of).sum::<f64>() / answers.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let answers = [(0.9, true), (0.8, false), (0.6, true), (0.4, true), (0.1, false)];
        let got = Figures::of(&answers, 0.85);
        assert_eq!((got.pairs, got.same), (5, 3));
        // at 0.4: three of four right, none missed
        assert!((got.best_f1 - 6.0 / 7.0).abs() < 1e-12 && got.best_cut == 0.4);
        assert!((got.f1 - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!((got.auto.pairs, got.auto.right, got.auto.precision), (1, 1, Some(1.0)));
        assert!((got.auto.recall - 1.0 / 3.0).abs() < 1e-12);
        let loss = -(0.9f64.ln() + 0.2f64.ln() + 0.6f64.ln() + 0.4f64.ln() + 0.9f64.ln()) / 5.0;
        assert!((got.log_loss - loss).abs() < 1e-12);
        assert_eq!(Zone::of(&answers, 0.95).precision, None);
    }

    #[test]
    fn nothing_is_no_error() {
        let got = Figures::of(&[], 0.85);
        assert_eq!((got.pairs, got.f1, got.log_loss), (0, 0.0, 0.0));
    }
}

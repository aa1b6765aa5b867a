//! The measures, each on plain numbers: pairs of record numbers, confidences, group numbers. Nothing here knows the
//! engine, so that every formula can be checked by hand on a small table.
//!
//! Pairs are `(smaller, larger)` record numbers. Definitions that could be taken two ways are those of the measuring
//! script that also scores other tools; where it makes a choice (ties, empty sets), the choice is named.

pub mod bcubed;
pub mod labelled;
pub mod linkage;
pub mod ranking;
pub mod recall;

pub use learn::interval;
pub use learn::reliability as calibration;

pub use learn::reliability::Answer;

/// `part / whole`, 0 where there is nothing to divide.
pub fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Precision, recall and their harmonic mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PrecisionRecall {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

impl PrecisionRecall {
    pub fn new(precision: f64, recall: f64) -> Self {
        let sum = precision + recall;
        let f1 = if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 };
        PrecisionRecall { precision, recall, f1 }
    }

    /// Of `claimed` pairs `right` are true; `wanted` are true in all.
    pub fn of_counts(right: usize, claimed: usize, wanted: usize) -> Self {
        PrecisionRecall::new(share(right, claimed), share(right, wanted))
    }
}

#[cfg(test)]
pub(crate) mod check {
    /// Equal up to the rounding of sums.
    pub fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
    }
}

#[cfg(test)]
mod tests {
    use super::check::near;
    use super::*;

    #[test]
    fn precision_recall_by_hand() {
        // right, claimed, wanted → precision, recall, F1
        let table = [
            (0, 0, 0, 0.0, 0.0, 0.0),
            (0, 5, 5, 0.0, 0.0, 0.0),
            (3, 4, 6, 0.75, 0.5, 0.6),
            (4, 4, 4, 1.0, 1.0, 1.0),
        ];
        for (right, claimed, wanted, precision, recall, f1) in table {
            let got = PrecisionRecall::of_counts(right, claimed, wanted);
            near(got.precision, precision);
            near(got.recall, recall);
            near(got.f1, f1);
        }
    }
}

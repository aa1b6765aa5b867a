//! Adaptation to the data at hand without labels. A new trade has another share of true pairs among its best
//! candidates than the training sets; the expectation-maximisation of Saerens, Latinne and Decaestecker (Neural
//! Computation 14, 2002) finds the shift of the prior under which the mean posterior agrees with itself. It overshoots
//! where siblings abound, so the shift is bounded.

use crate::model::probability;
use serde::{Deserialize, Serialize};

/// Bounds of the shift in log-odds; measured on the open sets (see evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub lower: f64,
    pub upper: f64,
    /// With fewer links than this nothing can be estimated: no shift.
    pub least_links: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { lower: -1.5, upper: 1.0, least_links: 50 }
    }
}

/// The shift to add to every calibrated log-odds, from those of the links of a one-to-one assignment.
pub fn prior_shift(link_log_odds: &[f64], training_prior: f64, bounds: Bounds) -> f64 {
    if link_log_odds.len() < bounds.least_links {
        return 0.0;
    }
    let odds = |p: f64| (p / (1.0 - p)).ln();
    let mut prior = training_prior.clamp(1e-4, 1.0 - 1e-4);
    let mut shift = 0.0;
    for _ in 0..200 {
        shift = odds(prior) - odds(training_prior);
        let mean =
            link_log_odds.iter().map(|x| probability(x + shift)).sum::<f64>() / link_log_odds.len() as f64;
        let next = mean.clamp(1e-4, 1.0 - 1e-4);
        if (next - prior).abs() < 1e-6 {
            break;
        }
        prior = next;
    }
    shift.clamp(bounds.lower, bounds.upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_towards_the_data_and_stays_in_bounds() {
        let mostly_true: Vec<f64> = (0..200).map(|i| if i % 10 == 0 { -3.0 } else { 2.0 }).collect();
        let mostly_false: Vec<f64> = (0..200).map(|i| if i % 10 == 0 { 2.0 } else { -3.0 }).collect();
        let bounds = Bounds { lower: -1.0, upper: 1.0, least_links: 50 };
        assert!(prior_shift(&mostly_true, 0.5, bounds) > 0.2);
        assert!(prior_shift(&mostly_false, 0.5, bounds) < -0.2);
        assert!(prior_shift(&vec![9.0; 100], 0.5, bounds) <= 1.0);
        assert_eq!(prior_shift(&[2.0; 10], 0.5, bounds), 0.0, "too few links to say anything");
    }
}

//! Adaptation to the data at hand without labels. A new trade has another share of true pairs among its best
//! candidates than the training sets; the expectation-maximisation of Saerens, Latinne and Decaestecker (Neural
//! Computation 14, 2002) finds the shift of the prior under which the mean posterior agrees with itself. The posterior is
//! that of the one-to-one matching ([`crate::matching`]): over single pairs the shift overshoots where siblings abound.

use crate::model::log_odds;
use serde::{Deserialize, Serialize};

/// Bounds of the shift in log-odds; measured on the open sets (see evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub lower: f64,
    pub upper: f64,
    /// With fewer links than this nothing can be estimated.
    pub least_links: usize,
    /// The shift then.
    #[serde(default)]
    pub unknown: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { lower: -1.5, upper: 1.0, least_links: 50, unknown: 0.0 }
    }
}

/// The shift to add to every log-odds. `mean_posterior` gives the mean probability of the best links (a one-to-one
/// assignment, `links` of them) under a shift; the shift sought is the one that this mean agrees with, next to 0.
pub fn prior_shift(
    links: usize,
    training_prior: f64,
    bounds: Bounds,
    mean_posterior: impl Fn(f64) -> f64,
) -> f64 {
    if links < bounds.least_links {
        return bounds.unknown;
    }
    let within = |p: f64| p.clamp(1e-4, 1.0 - 1e-4);
    let start = log_odds(within(training_prior));
    let surplus = |shift: f64| log_odds(within(mean_posterior(shift))) - start - shift;
    let up = surplus(0.0) > 0.0;
    let (mut near, mut far) = (0.0, if up { bounds.upper } else { bounds.lower });
    if (surplus(far) > 0.0) == up {
        return far;
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (near + far);
        if (surplus(middle) > 0.0) == up {
            near = middle;
        } else {
            far = middle;
        }
    }
    0.5 * (near + far)
}

/// To a hundredth of what the bounds span at most.
const HALVINGS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::probability;

    #[test]
    fn moves_towards_the_data_and_stays_in_bounds() {
        let mean = |odds: Vec<f64>| {
            move |shift: f64| odds.iter().map(|x| probability(x + shift)).sum::<f64>() / odds.len() as f64
        };
        let mostly_true = mean((0..200).map(|i| if i % 10 == 0 { -3.0 } else { 2.0 }).collect());
        let mostly_false = mean((0..200).map(|i| if i % 10 == 0 { 2.0 } else { -3.0 }).collect());
        let bounds = Bounds { lower: -1.0, upper: 1.0, least_links: 50, unknown: 0.4 };
        assert!(prior_shift(200, 0.5, bounds, mostly_true) > 0.2);
        assert!(prior_shift(200, 0.5, bounds, mostly_false) < -0.2);
        assert_eq!(prior_shift(100, 0.5, bounds, mean(vec![9.0; 100])), 1.0);
        assert_eq!(prior_shift(10, 0.5, bounds, mean(vec![2.0; 10])), 0.4, "too few links to say anything");
        // The share that a prior of one half and these odds agree with: one half again.
        let balanced = mean(vec![-1.0, 1.0]);
        assert!(prior_shift(100, 0.5, bounds, balanced).abs() < 0.01);
    }
}

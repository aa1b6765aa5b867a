//! Calibrated probabilities and the zones they fall into.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The calibrated probability that two local SKUs are the same product and pack; finite, 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confidence(f64);

#[derive(Debug, Error, PartialEq)]
#[error("{what} is {value}: give a number from 0 to 1")]
pub struct OutOfRange {
    what: &'static str,
    value: f64,
}

impl Confidence {
    pub const ZERO: Confidence = Confidence(0.0);

    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        if (0.0..=1.0).contains(&value) {
            Ok(Confidence(value))
        } else {
            Err(OutOfRange { what: "confidence", value })
        }
    }

    /// For values that a probability model made: clamps rounding, maps NaN to 0 (an unknown pair is never linked).
    pub fn saturating(value: f64) -> Self {
        if value.is_nan() { Confidence(0.0) } else { Confidence(value.clamp(0.0, 1.0)) }
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

/// What happens to a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// Linked by the machine.
    Auto,
    /// A question for a person.
    Review,
    /// Left apart.
    Reject,
}

impl Zone {
    pub fn as_str(self) -> &'static str {
        match self {
            Zone::Auto => "auto",
            Zone::Review => "review",
            Zone::Reject => "reject",
        }
    }
}

/// Where the zones begin. `review <= auto`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZonePolicy {
    pub auto: Confidence,
    pub review: Confidence,
}

impl Default for ZonePolicy {
    fn default() -> Self {
        ZonePolicy { auto: Confidence(0.85), review: Confidence(0.15) }
    }
}

impl ZonePolicy {
    pub fn zone(&self, confidence: Confidence) -> Zone {
        if confidence >= self.auto {
            Zone::Auto
        } else if confidence >= self.review {
            Zone::Review
        } else {
            Zone::Reject
        }
    }
}

//! Fits a scorer to a user's labelled pairs. Pure: numbers in, numbers out; no IO, no clock, and the same answer for any
//! number of threads.
//!
//! - [`split`]: parts without a product in common;
//! - [`boost`], [`logistic`]: what is fitted; [`tune`]: how much of it, by cross-validation over products;
//! - [`calibrate`]: log-odds to probabilities, by the size of the sample;
//! - [`reliability`], [`figures`]: is it so, on pairs that were held back?
//! - [`interval`], [`bound`]: what can be promised, with what certainty.

pub mod boost;
pub mod bound;
pub mod calibrate;
pub mod figures;
pub mod interval;
pub mod logistic;
pub mod random;
pub mod reliability;
pub mod split;
pub mod tune;

pub use figures::Figures;
pub use tune::{Fitted, Labelled, tune};

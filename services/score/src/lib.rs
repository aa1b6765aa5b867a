//! Pair to features, vetoes, calibrated probability and explanation. Pure: no IO beyond reading a model that the
//! caller has loaded, no async, no clock.
//!
//! The way of a pair:
//!
//! 1. [`Corpus::count`] learns how rare each word is among the records at hand; [`Corpus::profile`] compiles a
//!    [`domain::ParsedName`] into a [`Profile`] so that the pair loop neither hashes text nor allocates.
//! 2. [`features::fill`] compares two profiles: what is alike and, kind by kind, what the names *state*.
//! 3. [`context`] adds what the pair is among the other candidates of both records: ranks, margins, shares.
//! 4. [`Model`] turns that into log-odds in three stages: the second sees the first one's ranks, the third the second's
//!    and, through [`consensus`], what third nodes say of the pair.
//! 5. [`matching`] makes them probabilities under "at most one partner a node", with the prior that [`adapt`] finds for
//!    the data at hand, within bounds.
//! 6. [`veto::find`] names stated contradictions; such a pair is never linked by the machine.
//! 7. [`tuned`] is what a user's own labels add; it reads [`texts`] too.
//! 8. [`Explanation`] is the tree of all that for a person.

pub mod adapt;
pub mod attributes;
pub mod consensus;
pub mod context;
pub mod corpus;
pub mod explain;
pub mod features;
pub mod matching;
pub mod model;
pub mod texts;
pub mod tuned;
pub mod veto;

pub use corpus::{Corpus, Profile};
pub use explain::{Explanation, Language};
pub use model::{Model, ModelError};
pub use tuned::{Calibrator, Promise, Tuned};
pub use veto::Veto;

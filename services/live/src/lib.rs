//! The running service's use cases: the world in memory, live linking, finding, and people's decisions.
//!
//! ```text
//! store ── change log ──> ledger (groups, questions, decisions, policies)
//!                    └──> graph  (records, pairs, confidences) <── engine: read, rescore, settle
//! ledger + graph ── draft ── batch ──> store
//! ```
//!
//! - [`Live::build`] runs over everything once ([`engine::Engine::fit`]) and keeps what it learnt; from then on a changed
//!   SKU re-scores its surroundings (`near`) and re-links its component (`draft`).
//! - The world in memory changes through the store's change log alone, also for our own writes: what is lost with the
//!   process is built anew.
//! - Finding and explaining write nothing; they never wait for a writer longer than it takes to put something in place.
//!
//! This room knows no transport and no SQL.

mod audit;
mod catalog;
mod commit;
mod draft;
mod error;
mod find;
mod graph;
mod ledger;
mod near;
pub mod notes;
mod owed;
mod people;
mod revert;
mod rivals;
mod rules;
mod scorers;
mod service;
mod simulate;

pub use audit::AUDIT_SHARE;
pub use catalog::{Effect, Imported, Saved, SkuWrite};
pub use draft::Splits;
pub use error::{LiveError, Result};
pub use find::{Found, Judged, Query, Wanted};
pub use people::{Answer, Decided, Eye, Force, GoldenField, HandLink, HandMerge, Preview, Settled};
pub use revert::{HandRevert, Reverted};
pub use rules::{Policies, Rules};
pub use service::{Live, Options, Trial, Writer, machine, now};
pub use simulate::{Changes, Simulated};

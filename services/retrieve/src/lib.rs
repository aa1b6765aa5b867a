//! Candidates: for every record and every *other* node, the few records that may mean the same product.
//!
//! Three channels propose: exact keys (a trusted GTIN, brand and model code), text (words, CJK n-grams, quantities … in a
//! tantivy index) and vectors (nearest neighbours of the encoder's vectors). A fused score ranks what they found.
//! Proposing is all this room does: it never decides, and a pair it misses is lost, so it is measured by recall.
//!
//! - [`Index::build`] takes all records at once; it is derived and disposable.
//! - [`LiveIndex`] is the same index for records that come and go, one by one.
//! - [`Index::candidates`] links everything with everything; [`Index::search`] asks for one name (the same code).
//!
//! Same records in the same order, same answer: whatever the number of threads. Ties fall by canonical text, then by
//! the caller's order, so a caller that gives records in the order of their keys gets the same answer for shuffled files.

mod candidate;
mod error;
mod exact;
mod index;
mod live;
mod rows;
mod terms;
mod text;
mod top;
mod vector;

pub use candidate::{Candidate, Channels, Hit};
pub use error::RetrieveError;
pub use index::{Index, Options, Probe, Timings};
pub use live::LiveIndex;
pub use vector::Evening;

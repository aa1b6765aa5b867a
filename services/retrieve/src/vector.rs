//! The vector channel: nearest neighbours by cosine.
//!
//! Vectors are kept in 8 bits a number. Up to [`crate::Options::exact_rows`] rows the search is exact; beyond, rows are grouped
//! around centroids (IVF) and a query looks into the nearest few groups. Queries are asked in blocks that share their
//! nearest centroid, so that each group's rows are scored for the whole block in one matrix product: what makes linking
//! everything with everything cheap.

mod even;
mod ivf;
mod search;

pub use even::Evening;
pub(crate) use ivf::{Quantised, VectorIndex};
pub(crate) use search::Lists;

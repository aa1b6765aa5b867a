//! What can go wrong: only a caller's mistake, or tantivy failing on its own memory or disk.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum RetrieveError {
    #[error("{nodes} nodes, {names} names and {vectors} vectors were given: one of each a record is needed")]
    Lengths { nodes: usize, names: usize, vectors: usize },

    #[error("{0} records were given; one index holds at most {max}: split them by node", max = u32::MAX)]
    TooMany(usize),

    #[error(
        "the vector has {found} numbers, the index holds vectors of {expected}: encode both with one model version"
    )]
    Dimension { expected: usize, found: usize },

    #[error("the text index failed while {doing}: {source}; it is derived data: build it again")]
    Text { doing: &'static str, source: tantivy::TantivyError },
}

impl RetrieveError {
    pub(crate) fn text<E: Into<tantivy::TantivyError>>(doing: &'static str) -> impl Fn(E) -> RetrieveError {
        move |source| RetrieveError::Text { doing, source: source.into() }
    }
}

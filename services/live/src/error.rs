//! What can go wrong, said for the person who gets it.

use engine::EngineError;
use store::StoreError;
use thiserror::Error;

pub type Result<T, E = LiveError> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum LiveError {
    /// The index is being built from the store.
    #[error("the index is being built: try again in a moment")]
    Building,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A computation was given up: the process is stopping, or it panicked.
    #[error("the computation was given up ({0}): try again")]
    GivenUp(String),
}

impl LiveError {
    pub fn not_found(kind: &'static str, id: &dyn ToString) -> Self {
        StoreError::NotFound { kind, id: id.to_string() }.into()
    }

    pub(crate) fn precondition(subject: &dyn ToString, rule: impl Into<String>) -> Self {
        StoreError::Precondition { subject: subject.to_string(), rule: rule.into() }.into()
    }
}

//! What can go wrong, for the person who gets it: what was wrong, where, what to do. The gateway maps these to status
//! codes.

use domain::{Sequence, Version};
use thiserror::Error;

/// The store's results.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store did not do what it was asked. After any error of a write, nothing of it was written, with one
/// exception: [`StoreError::Unavailable`] while committing leaves it open; a request id settles it (ask again with
/// the same one).
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("{kind} `{id}` does not exist: check the name")]
    NotFound {
        /// `node`, `sku`, `master` …
        kind: &'static str,
        /// Its key.
        id: String,
    },
    /// There is one already.
    #[error("{kind} `{id}` exists already: read it, or choose another id")]
    AlreadyExists {
        /// `node`, `sku`, `master` …
        kind: &'static str,
        /// Its key.
        id: String,
    },
    /// It was written since it was read.
    #[error("{kind} `{id}` is at version {found}, not {expected}: read it again and decide again")]
    Conflict {
        /// `node`, `sku`, `master` …
        kind: &'static str,
        /// Its key.
        id: String,
        /// The version that the write depended on.
        expected: Version,
        /// The version that it has.
        found: Version,
    },
    /// An invariant of the data forbids it.
    #[error("{subject}: {rule}")]
    Precondition {
        /// What it would have broken.
        subject: String,
        /// The rule, and what to do first.
        rule: String,
    },
    /// The review is not, or no longer, held by the one who acts.
    #[error("review `{id}` is not held by `{actor}`: claim it again")]
    LeaseLost {
        /// The review.
        id: String,
        /// Who acted.
        actor: String,
    },
    /// A value cannot be kept.
    #[error("{field} {problem}")]
    Invalid {
        /// Which value.
        field: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// A request id came again with other content.
    #[error("request id `{id}` was used for other content: use a new id for new content")]
    RequestReused {
        /// The request id.
        id: String,
    },
    /// A page token is damaged or belongs to another question.
    #[error("the page token does not belong to this request: start again from the first page")]
    PageToken,
    /// The log was trimmed beyond the cursor.
    #[error(
        "changes after {cursor} are no longer all kept, the oldest is {oldest}: read everything, then follow"
    )]
    CursorTooOld {
        /// Where the reader was.
        cursor: Sequence,
        /// First change that is kept.
        oldest: Sequence,
    },
    /// The backend has tools of its own for it.
    #[error("{what} is not done by this backend: {instead}")]
    Unsupported {
        /// What was asked.
        what: &'static str,
        /// What to use.
        instead: &'static str,
    },
    /// The database was written by a newer program.
    #[error(
        "the store was written by a newer version (migration {found}): use that version or restore an older backup"
    )]
    TooNew {
        /// The migration that this program does not know.
        found: i64,
    },
    /// The database is away, locked, full or refuses connections.
    #[error("the store is not available ({0}): try again with back-off")]
    Unavailable(String),
    /// What is kept cannot be understood.
    #[error("the store is damaged ({0}): stop writing, verify it, restore a backup")]
    Corrupt(String),
    /// A defect of this program: the database refused what the checks let through.
    #[error("the database refused a statement ({0}): please report it")]
    Internal(String),
}

impl StoreError {
    pub(crate) fn not_found<K: ToString + ?Sized>(kind: &'static str, id: &K) -> Self {
        StoreError::NotFound { kind, id: id.to_string() }
    }

    pub(crate) fn precondition<S: ToString + ?Sized>(subject: &S, rule: impl Into<String>) -> Self {
        StoreError::Precondition { subject: subject.to_string(), rule: rule.into() }
    }

    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        StoreError::Invalid { field: field.into(), problem: problem.into() }
    }

    /// Whether the same call may work later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }
}

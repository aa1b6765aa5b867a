//! What a call can fail with, and the one place that maps it to status codes.

use live::LiveError;
use store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Whose error reasons these are (google.rpc.ErrorInfo).
const DOMAIN: &str = "tongpin";

#[derive(Debug)]
pub enum Failure {
    Live(LiveError),
    /// A field of the request cannot be used.
    Field {
        field: String,
        problem: String,
    },
    /// No key, or one that is none.
    Unauthenticated(&'static str),
    /// The key's role does not allow it.
    Denied(String),
    /// A limit of this server.
    Exhausted(String),
    /// The caller has to change something first.
    Precondition {
        reason: &'static str,
        text: String,
    },
    NotFound(String),
    AlreadyRunning(String),
    Stopping,
    /// It takes longer than this server waits; what was begun goes on.
    Late,
    Internal(String),
}

impl Failure {
    pub fn field(field: &str, problem: impl Into<String>) -> Failure {
        Failure::Field { field: field.to_owned(), problem: problem.into() }
    }

    pub fn required(field: &str) -> Failure {
        Failure::field(field, "is required")
    }

    /// Whether the audit log shall know of it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Failure::Unauthenticated(_) | Failure::Denied(_))
    }
}

impl From<LiveError> for Failure {
    fn from(error: LiveError) -> Self {
        Failure::Live(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Live(LiveError::Store(error))
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        status(&failure)
    }
}

fn status(failure: &Failure) -> Status {
    let with = |code: Code, reason: &str, message: String| {
        let details = ErrorDetails::with_error_info(reason, DOMAIN, []);
        Status::with_error_details(code, message, details)
    };
    match failure {
        Failure::Field { field, problem } => {
            let mut details = ErrorDetails::with_error_info("INVALID_FIELD", DOMAIN, []);
            details.add_bad_request_violation(field.clone(), problem.clone());
            Status::with_error_details(Code::InvalidArgument, format!("{field} {problem}"), details)
        }
        Failure::Unauthenticated(text) => with(Code::Unauthenticated, "NO_VALID_KEY", (*text).to_owned()),
        Failure::Denied(text) => with(Code::PermissionDenied, "ROLE_TOO_SMALL", text.clone()),
        Failure::Exhausted(text) => with(Code::ResourceExhausted, "LIMIT_REACHED", text.clone()),
        Failure::Precondition { reason, text } => with(Code::FailedPrecondition, reason, text.clone()),
        Failure::NotFound(text) => with(Code::NotFound, "NOT_FOUND", text.clone()),
        Failure::AlreadyRunning(text) => with(Code::AlreadyExists, "ALREADY_RUNNING", text.clone()),
        Failure::Stopping => {
            with(Code::Unavailable, "STOPPING", "the server is stopping: try again elsewhere".to_owned())
        }
        Failure::Late => {
            let text = "the answer takes longer than the server waits; a write may still be done: ask again with the same request_id";
            with(Code::DeadlineExceeded, "LATE", text.to_owned())
        }
        Failure::Internal(text) => with(Code::Internal, "DEFECT", text.clone()),
        Failure::Live(LiveError::Building) => {
            with(Code::Unavailable, "INDEX_BUILDING", LiveError::Building.to_string())
        }
        Failure::Live(LiveError::GivenUp(why)) => {
            tracing::error!(why, "a computation was given up");
            with(Code::Internal, "GIVEN_UP", "a computation was given up: try again".to_owned())
        }
        Failure::Live(LiveError::Engine(error)) => {
            tracing::error!(%error, "the engine failed");
            with(Code::Internal, "ENGINE", "the engine failed; the server's log says why".to_owned())
        }
        Failure::Live(LiveError::Store(error)) => store_status(error),
    }
}

fn store_status(error: &StoreError) -> Status {
    let (code, reason) = match error {
        StoreError::NotFound { .. } => (Code::NotFound, "NOT_FOUND"),
        StoreError::AlreadyExists { .. } => (Code::AlreadyExists, "ALREADY_EXISTS"),
        StoreError::Conflict { .. } => (Code::Aborted, "ETAG_IS_OLD"),
        StoreError::Precondition { rule, .. } if rule.contains("NEEDS_SECOND_PERSON") => {
            (Code::FailedPrecondition, "NEEDS_SECOND_PERSON")
        }
        StoreError::Precondition { .. } => (Code::FailedPrecondition, "RULE"),
        StoreError::LeaseLost { .. } => (Code::FailedPrecondition, "LEASE_LOST"),
        StoreError::Invalid { field, problem } => {
            let mut details = ErrorDetails::with_error_info("INVALID_FIELD", DOMAIN, []);
            details.add_bad_request_violation(field.clone(), problem.clone());
            return Status::with_error_details(Code::InvalidArgument, error.to_string(), details);
        }
        StoreError::RequestReused { .. } => (Code::InvalidArgument, "REQUEST_ID_REUSED"),
        StoreError::PageToken => (Code::InvalidArgument, "PAGE_TOKEN"),
        StoreError::CursorTooOld { .. } => (Code::OutOfRange, "CURSOR_TOO_OLD"),
        StoreError::Unsupported { .. } => (Code::FailedPrecondition, "UNSUPPORTED_BY_BACKEND"),
        StoreError::TooNew { .. } => (Code::FailedPrecondition, "STORE_TOO_NEW"),
        StoreError::Unavailable(_) => (Code::Unavailable, "STORE_UNAVAILABLE"),
        StoreError::Corrupt(_) | StoreError::Internal(_) => {
            tracing::error!(%error, "the store failed");
            let details = ErrorDetails::with_error_info("STORE", DOMAIN, []);
            let text = "the store failed; the server's log says why";
            return Status::with_error_details(Code::Internal, text, details);
        }
    };
    let text = match error {
        // What the database says stays in the log.
        StoreError::Unavailable(why) => {
            tracing::warn!(why, "the store is not available");
            "the store is not available: try again with back-off".to_owned()
        }
        error => error.to_string(),
    };
    Status::with_error_details(code, text, ErrorDetails::with_error_info(reason, DOMAIN, []))
}

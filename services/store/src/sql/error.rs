//! From the databases' errors to ours.

use crate::StoreError;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

pub(crate) fn sqlx_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(database) => database_error(&*database),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Configuration(_) => StoreError::Unavailable(error.to_string()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Protocol(_) => {
            StoreError::Corrupt(error.to_string())
        }
        sqlx::Error::Migrate(error) => migration_error(*error),
        other => StoreError::Internal(other.to_string()),
    }
}

/// SQLite gives a number (<https://www.sqlite.org/rescode.html>, the low byte is the primary code), PostgreSQL five
/// characters (<https://www.postgresql.org/docs/current/errcodes-appendix.html>, the first two are the class).
fn database_error(error: &dyn DatabaseError) -> StoreError {
    let text = error.message().to_owned();
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return match code.parse::<i32>().unwrap_or(0) & 0xff {
            // BUSY, LOCKED, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN
            5 | 6 | 8 | 9 | 10 | 13 | 14 => StoreError::Unavailable(text),
            // CORRUPT, NOTADB
            11 | 26 => StoreError::Corrupt(text),
            _ => StoreError::Internal(text),
        };
    }
    match code.get(..2).unwrap_or_default() {
        // connection, resources, operator intervention, system error, rolled back, lock not available, read-only,
        // authorisation, no such database
        "08" | "53" | "57" | "58" | "40" | "55" | "25" | "28" | "3D" => StoreError::Unavailable(text),
        "XX" => StoreError::Corrupt(text),
        _ => StoreError::Internal(text),
    }
}

pub(crate) fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => sqlx_error(error),
        MigrateError::ExecuteMigration(error, _) => sqlx_error(error),
        MigrateError::VersionMissing(found) => StoreError::TooNew { found },
        other => StoreError::Corrupt(other.to_string()),
    }
}

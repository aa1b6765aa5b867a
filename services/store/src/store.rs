//! Opening and closing.

use crate::follow::Signal;
use crate::sql::Db;
use crate::{Result, StoreError};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the truth is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, made where there is none. Its folder must exist. One server at a time should write to it.
    Sqlite(PathBuf),
    /// A database that exists: `postgres://user:password@host:port/database?sslmode=verify-full`.
    Postgres(String),
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Embedded.
    Sqlite,
    /// A server.
    Postgres,
}

/// The truth; cheap to clone, all clones share connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Db,
    pub(crate) signal: Signal,
}

impl Store {
    /// Opens the store and brings its tables up to this version. Fails with [`StoreError::TooNew`] when a newer
    /// version wrote it, and with [`StoreError::Unavailable`] when it cannot be reached.
    pub async fn open(location: &Location) -> Result<Store> {
        let db = match location {
            Location::Sqlite(path) => Db::sqlite(path).await?,
            Location::Postgres(url) => Db::postgres(url).await?,
        };
        let signal = Signal::new(&db);
        Ok(Store { db, signal })
    }

    /// Waits for what is under way and closes all connections, of all clones.
    pub async fn close(&self) {
        self.signal.stop();
        self.db.close().await;
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        match self.db {
            Db::Sqlite { .. } => Backend::Sqlite,
            Db::Postgres(_) => Backend::Postgres,
        }
    }

    /// Number of the last migration.
    pub async fn schema_version(&self) -> Result<i64> {
        let sql = "SELECT max(version) FROM _sqlx_migrations";
        self.db.read().await?.conn().number(sql, Vec::new()).await
    }
}

impl FromStr for Location {
    type Err = StoreError;

    /// `postgres://…` or `postgresql://…` is a database; anything else is a file, with or without `sqlite:` in front.
    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(StoreError::invalid(
                "store location",
                "is empty: give a file or a postgres:// address",
            ));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Location::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        Ok(Location::Sqlite(path.into()))
    }
}

/// Without the password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Location::Postgres(url) => {
                let host = url.rsplit_once('@').map_or(url.as_str(), |(_, host)| host);
                f.debug_tuple("Postgres").field(&host).finish()
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend()).finish()
    }
}

//! A fresh store for one case.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use store::{Ack, Batch, Location, Store};
use tempfile::TempDir;

pub struct Fixture {
    pub store: Store,
    pub location: Location,
    _folder: Option<TempDir>,
}

impl Fixture {
    pub async fn sqlite() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("truth.db"));
        Fixture { store: Store::open(&location).await.unwrap(), location, _folder: Some(folder) }
    }

    pub async fn postgres(url: String) -> Fixture {
        let location = Location::Postgres(url);
        Fixture { store: Store::open(&location).await.unwrap(), location, _folder: None }
    }

    /// Another handle on the same store, as another server would have.
    pub async fn another(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }

    pub async fn keep(&self, batch: Batch) -> Ack {
        self.store.commit(&batch).await.unwrap()
    }

    /// Does what no store would: statements past all rules.
    pub async fn tamper(&self, statements: &str) {
        let statements = AssertSqlSafe(statements.to_owned());
        match &self.location {
            Location::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
                connection.execute("PRAGMA foreign_keys = OFF").await.unwrap();
                connection.execute(statements).await.unwrap();
            }
            Location::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute("SET session_replication_role = replica").await.unwrap();
                connection.execute(statements).await.unwrap();
            }
        }
    }
}

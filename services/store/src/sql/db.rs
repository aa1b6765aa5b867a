//! The pools, and how a write begins.
//!
//! Writes are serial on both databases: SQLite has one writing connection and `BEGIN IMMEDIATE`; on PostgreSQL every
//! write first locks the row of the change counter. So a commit's sequence numbers are in the order of commits,
//! without gaps, and whoever reads the log after a cursor never sees a number before a smaller one; checks made
//! inside a write hold until it commits. Reads never wait.

use super::error::{migration_error, sqlx_error};
use super::{Conn, Value};
use crate::{Result, StoreError};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Longest wait for a connection or a lock.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) enum Db {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

pub(crate) enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Db {
    /// Opens or creates a file.
    pub(crate) async fn sqlite(path: &Path) -> Result<Db> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged write survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            // 64 MiB: the upper levels of every index at a million SKUs.
            .pragma("cache_size", "-65536");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(PATIENCE)
            // On a full disk SQLite takes the transaction back by itself, and the one that is then taken back in turn is
            // none: the connection believes for ever that it is inside one. It goes, another comes. (The ping before
            // this has waited for whatever was still being taken back.)
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone())
            .await
            .map_err(sqlx_error)?;
        SQLITE.run(&writer).await.map_err(migration_error)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(PATIENCE)
            .connect_with(options.pragma("query_only", "1"))
            .await
            .map_err(sqlx_error)?;
        Ok(Db::Sqlite { writer, readers })
    }

    /// Connects to a database that exists; `url` as in `postgres://user@host/database`.
    pub(crate) async fn postgres(url: &str) -> Result<Db> {
        let options =
            PgConnectOptions::from_str(url).map_err(sqlx_error)?.application_name("tongpin").options([
                ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "60s"),
                // A plan made while a table was empty reads it whole, and is kept until the next ANALYZE: plan anew
                // each time (a millisecond for 256 rows), for disks without seeks.
                ("plan_cache_mode", "force_custom_plan"),
                ("random_page_cost", "1.1"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(sqlx_error)?;
        POSTGRES.run(&pool).await.map_err(migration_error)?;
        Ok(Db::Postgres(pool))
    }

    /// A connection for one statement at a time.
    pub(crate) async fn read(&self) -> Result<Reader> {
        match self {
            Db::Sqlite { readers, .. } => readers.acquire().await.map(Reader::Sqlite),
            Db::Postgres(pool) => pool.acquire().await.map(Reader::Postgres),
        }
        .map_err(sqlx_error)
    }

    /// One unchanging view for several statements.
    pub(crate) async fn snapshot(&self) -> Result<Tx> {
        match self {
            Db::Sqlite { readers, .. } => readers.begin().await.map(Tx::Sqlite),
            Db::Postgres(pool) => {
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map(Tx::Postgres)
            }
        }
        .map_err(sqlx_error)
    }

    /// Begins a write, alone.
    pub(crate) async fn write(&self) -> Result<Tx> {
        let mut tx = match self {
            Db::Sqlite { writer, .. } => writer.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Db::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .map_err(sqlx_error)?;
        if matches!(tx, Tx::Postgres(_)) {
            let lock = "SELECT value FROM counters WHERE name = 'change' FOR UPDATE";
            tx.conn().rows(lock, Vec::new()).await?;
        }
        Ok(tx)
    }

    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

/// Runs one statement on a connection that is closed afterwards.
pub(crate) async fn on_own_connection(
    options: SqliteConnectOptions,
    sql: &'static str,
    args: Vec<Value>,
) -> Result<()> {
    let mut connection = options.connect().await.map_err(sqlx_error)?;
    let done = Conn::Sqlite(&mut connection).run(sql, args).await;
    connection.close().await.map_err(sqlx_error)?;
    done.map(|_| ())
}

/// Puts the contents of another file in the place of a store's own, in one transaction: nobody sees half of it, and writers
/// wait. Tables in `kept` stay as they are; `finish` runs inside the transaction, at its end. On a connection of its own, which
/// goes with whoever waits for it: rows are compared with what they refer to at the end, not at every step.
pub(crate) async fn replace_contents(
    options: SqliteConnectOptions,
    from: &Path,
    kept: &[&str],
    finish: &[&'static str],
) -> Result<()> {
    let from = from.to_str().ok_or_else(|| StoreError::invalid("backup path", "is not UTF-8"))?;
    let mut connection = options.foreign_keys(false).connect().await.map_err(sqlx_error)?;
    let attach = "ATTACH DATABASE $1 AS restored";
    Conn::Sqlite(&mut connection).run(attach, vec![Value::Text(Some(from.to_owned()))]).await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(sqlx_error)?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM restored.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'
         AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(sqlx_error)?;
    for table in tables.iter().filter(|table| !kept.contains(&table.as_str())) {
        // Names of our own tables, of the schema that was just found to be this version's: nothing of a caller's.
        let empty = format!("DELETE FROM main.{table}");
        let fill = format!("INSERT INTO main.{table} SELECT * FROM restored.{table}");
        for sql in [empty, fill] {
            Conn::Sqlite(&mut tx).run(sql, Vec::new()).await?;
        }
    }
    for sql in finish {
        Conn::Sqlite(&mut tx).run(*sql, Vec::new()).await?;
    }
    let broken = Conn::Sqlite(&mut tx).rows("PRAGMA main.foreign_key_check", Vec::new()).await?;
    if !broken.is_empty() {
        return Err(StoreError::precondition(
            &from,
            "refers to rows that it does not hold: it is no backup of a store",
        ));
    }
    tx.commit().await.map_err(sqlx_error)?;
    connection.close().await.map_err(sqlx_error)
}

/// Opens a SQLite file for reading, which must be of this version or older, and is left as it is.
pub(crate) async fn open_copy(path: &Path) -> Result<Db> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(sqlx_error)?;
    let copy = Db::Sqlite { writer: pool.clone(), readers: pool };
    let sql = "SELECT max(version) FROM _sqlx_migrations";
    let found = copy.read().await?.conn().number(sql, Vec::new()).await?;
    let known = SQLITE.iter().map(|migration| migration.version).max().unwrap_or(0);
    if found > known {
        return Err(StoreError::TooNew { found });
    }
    if found < known {
        let rule = format!("is of migration {found}, older than {known}: open it once with this version");
        return Err(StoreError::precondition(&path.display(), rule));
    }
    Ok(copy)
}

impl Reader {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Reader::Sqlite(conn) => Conn::Sqlite(conn),
            Reader::Postgres(conn) => Conn::Postgres(conn),
        }
    }
}

impl Tx {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Tx::Sqlite(tx) => Conn::Sqlite(tx),
            Tx::Postgres(tx) => Conn::Postgres(tx),
        }
    }

    /// Makes it last. Dropping instead undoes it.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
        .map_err(sqlx_error)
    }
}

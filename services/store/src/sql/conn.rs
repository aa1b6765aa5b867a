//! One connection, in or out of a transaction.

use super::error::sqlx_error;
use super::{Row, Value};
use crate::Result;
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};
use std::borrow::Cow;

/// A statement of this crate: a constant, or made of constants.
pub(crate) type Sql = Cow<'static, str>;

pub(crate) enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

macro_rules! bound {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql));
        for value in $args {
            value.check()?;
            query = match value {
                Value::Text(value) => query.bind(value),
                Value::Int(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Conn<'_> {
    /// All rows of a query.
    pub(crate) async fn rows(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Vec<Row>> {
        let sql: Sql = sql.into();
        #[cfg(test)]
        super::plans::record(&sql);
        match self {
            Conn::Sqlite(conn) => {
                let rows = bound!(sql, args).fetch_all(&mut **conn).await.map_err(sqlx_error)?;
                Ok(rows.into_iter().map(Row::from).collect())
            }
            Conn::Postgres(conn) => {
                let rows = bound!(sql, args).fetch_all(&mut **conn).await.map_err(sqlx_error)?;
                Ok(rows.into_iter().map(Row::from).collect())
            }
        }
    }

    /// The first row of a query.
    pub(crate) async fn row(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// The number that a query gives; 0 where it gives no row.
    pub(crate) async fn number(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<i64> {
        self.row(sql, args).await?.map_or(Ok(0), |mut row| row.int())
    }

    /// Runs a statement; how many rows it touched.
    pub(crate) async fn run(&mut self, sql: impl Into<Sql>, args: Vec<Value>) -> Result<u64> {
        let sql: Sql = sql.into();
        #[cfg(test)]
        super::plans::record(&sql);
        match self {
            Conn::Sqlite(conn) => {
                Ok(bound!(sql, args).execute(&mut **conn).await.map_err(sqlx_error)?.rows_affected())
            }
            Conn::Postgres(conn) => {
                Ok(bound!(sql, args).execute(&mut **conn).await.map_err(sqlx_error)?.rows_affected())
            }
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Conn::Postgres(_))
    }
}

//! One row that came back, read column by column in the order of the statement.

use super::error::sqlx_error;
use crate::{Result, StoreError};
use domain::{Confidence, Timestamp};
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

pub(crate) struct Row {
    raw: Raw,
    next: usize,
}

enum Raw {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Row { raw: Raw::Sqlite(row), next: 0 }
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Row { raw: Raw::Postgres(row), next: 0 }
    }
}

impl Row {
    fn take<T>(&mut self) -> Result<T>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let column = self.next;
        self.next += 1;
        match &self.raw {
            Raw::Sqlite(row) => row.try_get(column),
            Raw::Postgres(row) => row.try_get(column),
        }
        .map_err(sqlx_error)
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.take()
    }

    pub(crate) fn small(&mut self) -> Result<SmolStr> {
        self.text().map(SmolStr::from)
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>> {
        self.take()
    }

    pub(crate) fn opt_small(&mut self) -> Result<Option<SmolStr>> {
        Ok(self.opt_text()?.map(SmolStr::from))
    }

    pub(crate) fn int(&mut self) -> Result<i64> {
        self.take()
    }

    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>> {
        self.take()
    }

    pub(crate) fn real(&mut self) -> Result<f64> {
        self.take()
    }

    pub(crate) fn opt_real(&mut self) -> Result<Option<f64>> {
        self.take()
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        self.take()
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.int().map(Timestamp)
    }

    pub(crate) fn opt_time(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.opt_int()?.map(Timestamp))
    }

    pub(crate) fn confidence(&mut self) -> Result<Confidence> {
        Confidence::new(self.real()?).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// A word of an enum.
    pub(crate) fn word<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T> {
        let word = self.text()?;
        parse(&word).ok_or_else(|| StoreError::Corrupt(format!("`{word}` is no known word")))
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        from_json(&self.text()?)
    }

    pub(crate) fn opt_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        self.opt_text()?.as_deref().map(from_json).transpose()
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("{error} in {text:.200}")))
}

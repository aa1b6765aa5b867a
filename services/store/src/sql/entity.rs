//! Things with a key that live in a table: how each is found, read and written, many at a time.

use super::{Conn, Row, Value, chunks};
use crate::Result;
use domain::{Stored, Version};
use std::fmt::{Debug, Display};

/// A thing with a key and a table. Its columns are the key's, its own, then version, created, updated.
pub(crate) trait Entity: Clone + PartialEq + Send + Sync {
    /// Its identity.
    type Key: Ord + Clone + Debug + Display + Send + Sync;

    /// What people call it.
    const KIND: &'static str;
    const TABLE: &'static str;
    const KEY: &'static [&'static str];
    const OWN: &'static [&'static str];

    fn key(&self) -> Self::Key;
    /// As many values as there are columns in [`Entity::KEY`].
    fn key_values(key: &Self::Key) -> Vec<Value>;
    /// As many values as there are columns in [`Entity::OWN`].
    fn own_values(&self) -> Vec<Value>;
    /// Reads the key's columns, then its own.
    fn read(row: &mut Row) -> Result<Self>;
}

const COMMON: [&str; 3] = ["version", "created", "updated"];

fn all_columns<E: Entity>() -> impl Iterator<Item = &'static str> + Clone {
    E::KEY.iter().chain(E::OWN).chain(&COMMON).copied()
}

fn list<'a>(columns: impl Iterator<Item = &'a str>, prefix: &str) -> String {
    columns.map(|column| format!("{prefix}{column}")).collect::<Vec<_>>().join(", ")
}

fn read_stored<E: Entity>(row: &mut Row) -> Result<Stored<E>> {
    Ok(Stored {
        value: E::read(row)?,
        version: Version(row.int()?),
        created: row.time()?,
        updated: row.time()?,
    })
}

/// Those of the keys that exist, in no order.
pub(crate) async fn load<E: Entity>(conn: &mut Conn<'_>, keys: &[E::Key]) -> Result<Vec<Stored<E>>> {
    let keys: Vec<Vec<Value>> = keys.iter().map(E::key_values).collect();
    find(conn, E::KEY, &keys, "").await
}

/// Those whose `columns` have one of these lists of values and that meet `also` (`AND …`, or nothing), in no order.
/// As a join, because SQLite reads the whole table for `(a, b) IN (VALUES …)`.
pub(crate) async fn find<E: Entity>(
    conn: &mut Conn<'_>,
    columns: &[&str],
    values: &[Vec<Value>],
    also: &str,
) -> Result<Vec<Stored<E>>> {
    let on = columns.iter().map(|c| format!("t.{c} = wanted.k_{c}")).collect::<Vec<_>>().join(" AND ");
    let mut found = Vec::with_capacity(values.len());
    for chunk in chunks(values) {
        let sql = format!(
            "WITH wanted ({}) AS (VALUES {}) SELECT {} FROM wanted JOIN {} t ON {on} {also}",
            list(columns.iter().copied(), "k_"),
            conn.placeholders(chunk.len(), columns.len()),
            list(all_columns::<E>(), "t."),
            E::TABLE,
        );
        for row in &mut conn.rows(sql, chunk.concat()).await? {
            found.push(read_stored(row)?);
        }
    }
    Ok(found)
}

/// Those that a condition (and order, and limit) gives; the table is `t`.
pub(crate) async fn select<E: Entity>(
    conn: &mut Conn<'_>,
    condition: &str,
    args: Vec<Value>,
) -> Result<Vec<Stored<E>>> {
    let sql = format!("SELECT {} FROM {} t {condition}", list(all_columns::<E>(), "t."), E::TABLE);
    conn.rows(sql, args).await?.iter_mut().map(read_stored).collect()
}

/// Writes rows, new or not.
pub(crate) async fn upsert<E: Entity>(conn: &mut Conn<'_>, rows: &[&Stored<E>]) -> Result<()> {
    let count = all_columns::<E>().count();
    let set =
        E::OWN.iter().chain(&COMMON).map(|c| format!("{c} = excluded.{c}")).collect::<Vec<_>>().join(", ");
    for chunk in chunks(rows) {
        let sql = format!(
            "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {set}",
            E::TABLE,
            list(all_columns::<E>(), ""),
            conn.placeholders(chunk.len(), count),
            list(E::KEY.iter().copied(), ""),
        );
        let mut args = Vec::with_capacity(chunk.len() * count);
        for row in chunk {
            args.extend(E::key_values(&row.value.key()));
            args.extend(row.value.own_values());
            args.extend([row.version.into(), row.created.into(), row.updated.into()]);
        }
        conn.run(sql, args).await?;
    }
    Ok(())
}

/// Removes rows.
pub(crate) async fn delete<E: Entity>(conn: &mut Conn<'_>, keys: &[E::Key]) -> Result<()> {
    let keys: Vec<Vec<Value>> = keys.iter().map(E::key_values).collect();
    delete_where(conn, E::TABLE, E::KEY, &keys).await
}

/// Removes rows of a table whose `columns` have one of these lists of values. Spelled out with OR, for which both
/// databases use an index.
pub(crate) async fn delete_where(
    conn: &mut Conn<'_>,
    table: &'static str,
    columns: &[&str],
    values: &[Vec<Value>],
) -> Result<()> {
    for chunk in chunks(values) {
        let mut number = 0;
        let one = |_| {
            let equal = columns.iter().map(|column| {
                number += 1;
                format!("{column} = ${number}")
            });
            format!("({})", equal.collect::<Vec<_>>().join(" AND "))
        };
        let any = (0..chunk.len()).map(one).collect::<Vec<_>>().join(" OR ");
        conn.run(format!("DELETE FROM {table} WHERE {any}"), chunk.concat()).await?;
    }
    Ok(())
}

//! The seam between the store and its databases. Everything above it is written once: a statement with `$1`
//! parameters, a list of [`Value`]s, [`Row`]s that come back. Below it, two arms: SQLite and PostgreSQL.
//!
//! Statements are made of constants of this crate only; what comes from outside goes through [`Value`].

mod chunks;
mod conn;
mod db;
mod entity;
mod error;
mod filter;
#[cfg(test)]
mod plans;
mod row;
mod value;

pub(crate) use chunks::chunks;
pub(crate) use conn::Conn;
pub(crate) use db::{Db, on_own_connection, open_copy, replace_contents};
pub(crate) use entity::{Entity, delete, delete_where, find, load, select, upsert};
pub(crate) use filter::Filter;
pub(crate) use row::Row;
pub(crate) use value::{Value, args};

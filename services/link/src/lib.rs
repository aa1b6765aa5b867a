//! Scored pairs and constraints to groups, questions and golden records. Pure and deterministic: the result depends
//! on the pairs and on each record's stable rank, never on input order or threads.
//!
//! - [`grouping`]: best-first linking with must- and cannot-links, one record per node, and a gate against the whole
//!   group: a chain of good pairs must not make a bad group.
//! - [`questions`]: what is left open, as questions "does this SKU belong to that master?", most valuable first.
//! - [`golden`]: the name, brand and spec that stand for a group, each with its source.

pub mod golden;
pub mod grouping;
pub mod questions;

pub use grouping::{
    Constraints, Decision, Groups, Judge, NodePolicy, Pair, Policy, decide, group, node_is_free,
};
pub use questions::{Question, questions};

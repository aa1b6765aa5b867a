//! What the tables hold: one file a table, each says how its rows become domain types and back.

pub(crate) mod candidate;
mod decision;
mod json;
pub(crate) mod link;
mod master;
mod member;
mod node;
pub(crate) mod policy;
mod review;
pub(crate) mod revision;
mod sku;

pub(crate) use json::json;
pub(crate) use link::LinkKey;
pub(crate) use policy::PolicyKey;

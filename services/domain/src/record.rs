//! What comes in: one row of one node's catalogue.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;

/// An inventory holder with its own codes: a shop, franchise, warehouse or supplier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub SmolStr);

/// A node's own code for one of its goods; unique inside the node only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SkuCode(pub SmolStr);

/// A local SKU's identity everywhere: its node and its code there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SkuKey {
    pub node: NodeId,
    pub sku: SkuCode,
}

/// One row of a node's catalogue. An absent column is `None`; an empty cell is read as absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalSku {
    pub key: SkuKey,
    pub name: String,
    pub brand: Option<String>,
    pub spec: Option<String>,
    /// Unit of sale as the node writes it: `瓶`, `箱`, `kg`.
    pub unit: Option<String>,
    pub category: Option<String>,
    /// As written; [`crate::Gtin::parse`] decides whether it is one.
    pub gtin: Option<String>,
    /// Longer text, read for model numbers only.
    pub description: Option<String>,
    /// In the node's own currency; compared as a ratio, never as a fact.
    pub price: Option<f64>,
}

impl LocalSku {
    /// A record that states nothing but its name.
    pub fn named(node: &str, sku: &str, name: &str) -> Self {
        LocalSku {
            key: SkuKey::new(node, sku),
            name: name.to_owned(),
            brand: None,
            spec: None,
            unit: None,
            category: None,
            gtin: None,
            description: None,
            price: None,
        }
    }
}

impl SkuKey {
    pub fn new(node: &str, sku: &str) -> Self {
        SkuKey { node: NodeId(node.into()), sku: SkuCode(sku.into()) }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SkuCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SkuKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.sku)
    }
}

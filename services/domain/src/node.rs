//! Who holds goods.

use crate::words::words;
use crate::{NodeId, Timestamp};
use serde::{Deserialize, Serialize};

words!(
    /// What kind of holder a node is.
    NodeKind {
        /// Not told.
        Unknown = "unknown",
        /// Sells to people.
        Shop = "shop",
        /// Sells to people under a franchise.
        Franchise = "franchise",
        /// Holds for others.
        Warehouse = "warehouse",
        /// Sells to shops.
        Supplier = "supplier",
    }
);

words!(
    /// Whether a node holds a product under one code or several.
    Holding {
        /// A master has at most one SKU of this node.
        OnePerMaster = "one_per_master",
        /// A master may have several: marketplaces, merged catalogues.
        ManyPerMaster = "many_per_master",
    }
);

/// Where a node is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Town, street; empty for unknown.
    pub address: String,
    /// Latitude and longitude in degrees, WGS 84.
    pub position: Option<(f64, f64)>,
}

/// An inventory holder with its own codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// For ever.
    pub id: NodeId,
    /// For people.
    pub title: String,
    /// Kind of holder.
    pub kind: NodeKind,
    /// Where it is, if it has a place.
    pub place: Option<Place>,
    /// One code a product or several.
    pub holding: Holding,
    /// Since when it takes no part in matching; `None` while it does.
    pub archived: Option<Timestamp>,
}

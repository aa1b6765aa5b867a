//! The words of Tongpin as types. Every room speaks them; this room knows no IO, no async and no clock.
//!
//! - [`record`]: what comes in: [`NodeId`], [`SkuCode`], [`LocalSku`].
//! - [`parsed`]: what normalisation reads out of a name: [`ParsedName`] and its parts.
//! - [`quantity`]: numbers with a dimension, in one base unit each.
//! - [`gtin`]: trade item numbers whose check digit holds, and which of them may be trusted across nodes.
//! - [`confidence`]: calibrated probabilities and the zones they fall into.

pub mod confidence;
pub mod gtin;
pub mod parsed;
pub mod quantity;
pub mod record;

pub use confidence::{Confidence, Zone, ZonePolicy};
pub use gtin::Gtin;
pub use parsed::{Brand, BrandSource, Claim, Mark, Marks, Pack, ParsedName, Token, TokenKind, Variant};
pub use quantity::{Dimension, Quantity};
pub use record::{LocalSku, NodeId, SkuCode, SkuKey};

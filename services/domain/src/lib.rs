//! The words of Tongpin as types. Every room speaks them; this room knows no IO, no async and no clock.
//!
//! - [`record`]: what comes in: [`NodeId`], [`SkuCode`], [`LocalSku`].
//! - [`parsed`]: what normalisation reads out of a name: [`ParsedName`] and its parts.
//! - [`quantity`]: numbers with a dimension, in one base unit each.
//! - [`gtin`]: trade item numbers whose check digit holds, and which of them may be trusted across nodes.
//! - [`confidence`]: calibrated probabilities and the zones they fall into.
//! - [`stored`]: what everything that is kept has in common: version, times, place in the log.
//! - [`node`], [`catalog`], [`master`], [`review`], [`policy`]: what the service keeps.

mod words;

pub mod catalog;
pub mod confidence;
pub mod gtin;
pub mod master;
pub mod node;
pub mod parsed;
pub mod policy;
pub mod quantity;
pub mod record;
pub mod review;
pub mod stored;

pub use catalog::{Candidate, CatalogSku, MatchState};
pub use confidence::{Confidence, Zone, ZonePolicy};
pub use gtin::Gtin;
pub use master::{
    Freshness, Golden, Link, LinkCause, LinkInverse, Master, MasterId, MasterState, Member, Revision,
    SourcedValue, Standing,
};
pub use node::{Holding, Node, NodeKind, Place};
pub use parsed::{Brand, BrandSource, Claim, Mark, Marks, Pack, ParsedName, Token, TokenKind, Variant};
pub use policy::{Activity, Eyes, Policy, PolicyScope};
pub use quantity::{Dimension, Quantity};
pub use record::{LocalSku, NodeId, SkuCode, SkuKey};
pub use review::{Decision, DecisionId, Review, ReviewId, ReviewState, Undone, Verdict};
pub use stored::{Actor, Sequence, Stored, Timestamp, Version};

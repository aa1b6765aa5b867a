//! The truth: the only room that knows SQL. One [`Store`] on SQLite (embedded) or PostgreSQL (several servers),
//! written once above a thin seam (`sql/`), held to one conformance suite on both.
//!
//! - **The engine decides, the store keeps.** A decision is a [`Batch`] of [`Mutation`]s; [`Store::commit`] keeps it
//!   as a whole with its change entries, master revisions, audit note and request id, or not at all. When it returns,
//!   it is durable.
//! - **Nothing is lost or doubled.** A batch with a [`Request`] may be sent again after any failure: it is kept once
//!   and answered alike.
//! - **Nobody overwrites what they have not seen.** [`Expect::Version`] makes a mutation depend on what was read.
//! - **The log has no gaps.** Changes are numbered in the order of commits ([`Store::changes_after`],
//!   [`Store::follow`]); whoever follows it has seen everything.
//! - **Rules of the data hold at every commit** (and [`Store::verify`] checks them on the whole): every live SKU in
//!   exactly one state; linked SKUs in exactly one live master; one SKU a master from a node that holds a product
//!   once; links inside one master; redirects without circles.
//!
//! ```
//! use domain::{Actor, Holding, LocalSku, Node, NodeId, NodeKind, Sequence, SkuKey, Timestamp, Version};
//! use store::{Batch, Expect, Location, Mutation, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> store::Result<()> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let path = folder.path().join("truth.db");
//! let store = Store::open(&Location::Sqlite(path)).await?;
//! let node = Node {
//!     id: NodeId("shop-7".into()),
//!     title: "七号店".to_owned(),
//!     kind: NodeKind::Shop,
//!     place: None,
//!     holding: Holding::OnePerMaster,
//!     archived: None,
//! };
//! let sku = LocalSku::named("shop-7", "A-17", "可乐 500ml");
//! let batch = Batch::new(Timestamp(0), &Actor::new("key:1"), "import")
//!     .with(Mutation::PutNode { node, expect: Expect::Absent })
//!     .with(Mutation::PutSku { sku, state: None, expect: Expect::Any });
//! let ack = store.commit(&batch).await?;
//! assert_eq!(ack.versions, [Version(1), Version(1)]);
//!
//! let mut follower = store.follow(Sequence(0));
//! assert_eq!(follower.next(100).await?.len(), 2);
//! assert!(store.sku(&SkuKey::new("shop-7", "A-17")).await?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! Writes are serial; reads are not and never wait for them. The store has no clock: whoever acts says when. Calls
//! are safe to drop: a write that was not acknowledged is there whole or not at all.

mod access;
mod backup;
mod batch;
mod changes;
mod commit;
mod error;
mod follow;
mod page;
mod read;
mod reviews;
mod scorers;
mod sql;
mod store;
mod tables;
mod verify;

pub use access::{ApiKey, KeySpec, Principal, Role, Secret, Session, User};
pub use backup::BackupReport;
pub use batch::{Ack, AuditNote, Batch, Expect, Mutation, Replay, Request};
pub use changes::{Change, LoggedChange, SkuAction};
pub use commit::content_digest;
pub use error::{Result, StoreError};
pub use follow::Follower;
pub use page::{Page, Paged};
pub use read::audit::{AuditEvent, AuditFilter};
pub use read::decisions::DecisionFilter;
pub use read::masters::{Resolution, Translation};
pub use read::positions::Position;
pub use read::skus::{Deleted, SkuFilter};
pub use reviews::{Claim, LATE_SECONDS, QueueStats, ReviewFilter};
pub use scorers::{SHIPPED, Scorer};
pub use store::{Backend, Location, Store};
pub use verify::Finding;

//! The change log: every change of everything, in the order of commits, numbered without gaps.
//!
//! Entries are made by the store from what a batch changed; they cannot be forgotten. A reader keeps the last number
//! it has handled and asks for what comes after. Old entries may be trimmed; a reader that comes too late is told so
//! and never gets a gap.

use crate::sql::{Conn, args, chunks};
use crate::tables::json;
use crate::{Result, Store, StoreError};
use domain::{
    Actor, CatalogSku, Decision, Link, Master, MasterId, MatchState, Node, Policy, Review, Sequence, SkuKey,
    Stored, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What happened to a SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkuAction {
    /// First written.
    Created,
    /// Says something else.
    Updated,
    /// Taken out.
    Deleted,
    /// Brought back.
    Undeleted,
}

/// One change, with the thing as it was afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A node was written.
    Node(Stored<Node>),
    /// A SKU was written, deleted or brought back.
    Sku {
        /// What happened.
        action: SkuAction,
        /// As it is now.
        sku: Stored<CatalogSku>,
    },
    /// A SKU's state moved.
    State {
        /// Which.
        key: SkuKey,
        /// Before.
        from: MatchState,
        /// Now.
        to: MatchState,
    },
    /// A SKU joined or left a master.
    Member {
        /// Which.
        key: SkuKey,
        /// Before.
        from: Option<MasterId>,
        /// Now.
        to: Option<MasterId>,
    },
    /// A master was written, or its members changed.
    Master(Stored<Master>),
    /// A link was written.
    Link(Stored<Link>),
    /// A link was taken back.
    Unlink(Stored<Link>),
    /// A review was written, claimed or released.
    Review(Stored<Review>),
    /// A decision was made or taken back.
    Decision(Stored<Decision>),
    /// A policy was written, or began or ceased to hold.
    Policy(Stored<Policy>),
}

impl Change {
    /// Its kind as a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Change::Node(_) => "node",
            Change::Sku { .. } => "sku",
            Change::State { .. } => "state",
            Change::Member { .. } => "member",
            Change::Master(_) => "master",
            Change::Link(_) => "link",
            Change::Unlink(_) => "unlink",
            Change::Review(_) => "review",
            Change::Decision(_) => "decision",
            Change::Policy(_) => "policy",
        }
    }
}

/// A change and its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedChange {
    /// Its place.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub change: Change,
}

/// Adds changes; gives the last number before and after. The caller holds the write lock.
pub(crate) async fn add(
    conn: &mut Conn<'_>,
    at: Timestamp,
    actor: &Actor,
    changes: &[Change],
) -> Result<(Sequence, Sequence)> {
    let count = changes.len() as i64;
    let sql = "UPDATE counters SET value = value + $1 WHERE name = 'change' RETURNING value";
    let last = conn.number(sql, args![count]).await?;
    let before = last - count;
    let numbered: Vec<(i64, &Change)> = (before + 1..).zip(changes).collect();
    for chunk in chunks(&numbered) {
        let sql = format!(
            "INSERT INTO changes (seq, at, actor, kind, body) VALUES {}",
            conn.placeholders(chunk.len(), 5)
        );
        let args = chunk
            .iter()
            .flat_map(|(seq, change)| args![*seq, at, &actor.0, change.kind(), json(*change)])
            .collect();
        conn.run(sql, args).await?;
    }
    if count > 0 && conn.is_postgres() {
        // Followers on other machines hear of it when, and only if, the transaction commits.
        conn.run("SELECT pg_notify('tongpin_change', $1)", args![last.to_string()]).await?;
    }
    Ok((Sequence(before), Sequence(last)))
}

impl Store {
    /// The last change; 0 for none.
    pub async fn last_sequence(&self) -> Result<Sequence> {
        let sql = "SELECT value FROM counters WHERE name = 'change'";
        self.db.read().await?.conn().number(sql, Vec::new()).await.map(Sequence)
    }

    /// Up to `limit` changes after `cursor`, in order, without a gap; empty at the end of the log. Fails with
    /// [`StoreError::CursorTooOld`] when the first of them was trimmed.
    pub async fn changes_after(&self, cursor: Sequence, limit: usize) -> Result<Vec<LoggedChange>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut reader = self.db.read().await?;
        let mut conn = reader.conn();
        let sql = "SELECT seq, at, actor, body FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2";
        let mut changes = Vec::new();
        for mut row in conn.rows(sql, args![cursor, limit]).await? {
            changes.push(LoggedChange {
                sequence: Sequence(row.int()?),
                at: row.time()?,
                actor: Actor(row.small()?),
                change: row.json()?,
            });
        }
        // Looked at after the rows: a trim between the two statements shows as a gap or here.
        let floor = conn.number("SELECT value FROM counters WHERE name = 'floor'", Vec::new()).await?;
        let gap = changes.first().is_some_and(|first| first.sequence.0 != cursor.0 + 1);
        if gap || cursor.0 < floor {
            return Err(StoreError::CursorTooOld { cursor, oldest: Sequence(floor + 1) });
        }
        Ok(changes)
    }

    /// Forgets changes up to `through`, which must not be after the last; readers behind it have to start anew. Gives
    /// how many were forgotten.
    pub async fn trim_changes(&self, through: Sequence) -> Result<u64> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let last = conn.number("SELECT value FROM counters WHERE name = 'change'", Vec::new()).await?;
        if through.0 > last {
            return Err(StoreError::invalid(
                "through",
                format!("is {through}, after the last change {last}"),
            ));
        }
        let gone = conn.run("DELETE FROM changes WHERE seq <= $1", args![through]).await?;
        let sql = "UPDATE counters SET value = $1 WHERE name = 'floor' AND value < $1";
        conn.run(sql, args![through]).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

//! Scorers that were learnt from people's answers: kept here, so that every server of a store uses the same one, a backup holds
//! it, and it can be gone back from. Not in the change log: servers ask which is in use ([`Store::scorer_in_use`]).

use crate::read::audit;
use crate::sql::{Row, args};
use crate::{AuditNote, Result, Store, StoreError};
use domain::{Actor, Timestamp};

/// The scorer of the models folder.
pub const SHIPPED: i64 = 0;

/// What is known of a scorer, without the model itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scorer {
    /// Counts up from 1.
    pub number: i64,
    /// The model's own version.
    pub title: String,
    /// JSON: what was measured.
    pub note: String,
    /// Who proposed it.
    pub author: Actor,
    /// When.
    pub created: Timestamp,
    /// When it was last put in use, and by whom.
    pub used: Option<(Timestamp, Actor)>,
    /// Whether it is the one that gives the confidences.
    pub in_use: bool,
}

const COLUMNS: &str = "number, title, note, author, created, used, used_by, in_use";

fn read(row: &mut Row) -> Result<Scorer> {
    Ok(Scorer {
        number: row.int()?,
        title: row.text()?,
        note: row.text()?,
        author: Actor::new(&row.text()?),
        created: row.time()?,
        used: match (row.opt_time()?, row.opt_text()?) {
            (Some(at), Some(by)) => Some((at, Actor::new(&by))),
            _ => None,
        },
        in_use: row.int()? == 1,
    })
}

fn note(action: &str, number: i64, detail: &str) -> AuditNote {
    AuditNote { action: action.to_owned(), subject: format!("scorers/{number}"), detail: detail.to_owned() }
}

impl Store {
    /// Keeps a scorer, not in use; gives its number.
    pub async fn add_scorer(
        &self,
        title: &str,
        body: &str,
        measured: &str,
        by: &Actor,
        at: Timestamp,
    ) -> Result<i64> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let number = 1 + conn.number("SELECT coalesce(max(number), 0) FROM scorers", Vec::new()).await?;
        let sql = "INSERT INTO scorers (number, title, body, note, author, created, in_use) \
                   VALUES ($1, $2, $3, $4, $5, $6, 0)";
        conn.run(sql, args![number, title, body, measured, &by.0, at]).await?;
        audit::add(&mut conn, at, by, &note("propose_scorer", number, title), "done").await?;
        tx.commit().await?;
        Ok(number)
    }

    /// The latest scorers, newest first.
    pub async fn scorers(&self, most: usize) -> Result<Vec<Scorer>> {
        let sql = format!("SELECT {COLUMNS} FROM scorers ORDER BY number DESC LIMIT $1");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.db.read().await?.conn().rows(sql, args![most]).await?.iter_mut().map(read).collect()
    }

    /// A scorer.
    pub async fn scorer(&self, number: i64) -> Result<Option<Scorer>> {
        let sql = format!("SELECT {COLUMNS} FROM scorers WHERE number = $1");
        self.db.read().await?.conn().row(sql, args![number]).await?.map(|mut row| read(&mut row)).transpose()
    }

    /// Which scorer gives the confidences; [`SHIPPED`] for the models folder's own.
    pub async fn scorer_in_use(&self) -> Result<i64> {
        let sql = "SELECT coalesce(max(number), 0) FROM scorers WHERE in_use = 1";
        self.db.read().await?.conn().number(sql, Vec::new()).await
    }

    /// A scorer's model, as it was given.
    pub async fn scorer_body(&self, number: i64) -> Result<Option<String>> {
        let sql = "SELECT body FROM scorers WHERE number = $1";
        self.db.read().await?.conn().row(sql, args![number]).await?.map(|mut row| row.text()).transpose()
    }

    /// Puts a scorer in use in the place of `expected`, or [`SHIPPED`].
    pub async fn use_scorer(&self, number: i64, expected: i64, by: &Actor, at: Timestamp) -> Result<()> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let sql = "SELECT coalesce(max(number), 0) FROM scorers WHERE in_use = 1";
        let found = conn.number(sql, Vec::new()).await?;
        if found != expected {
            let rule = format!(
                "is not in use any more, {found} is: somebody else changed it; read it again and decide again"
            );
            return Err(StoreError::precondition(&format!("scorer {expected}"), rule));
        }
        conn.run("UPDATE scorers SET in_use = 0 WHERE in_use = 1", Vec::new()).await?;
        let sql = "UPDATE scorers SET in_use = 1, used = $2, used_by = $3 WHERE number = $1";
        if number != SHIPPED && conn.run(sql, args![number, at, &by.0]).await? == 0 {
            return Err(StoreError::not_found("scorer", &number));
        }
        audit::add(&mut conn, at, by, &note("use_scorer", number, &format!("in place of {found}")), "done")
            .await?;
        tx.commit().await
    }
}

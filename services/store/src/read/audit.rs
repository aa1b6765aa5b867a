//! Who did what, and who was refused.

use crate::page::number;
use crate::sql::{Conn, Filter, args};
use crate::{AuditNote, Page, Paged, Result, Store};
use domain::{Actor, Timestamp};

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Counts up from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub note: AuditNote,
    /// `done`, `refused`, `failed`.
    pub outcome: String,
}

/// Which lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only by this actor.
    pub actor: Option<Actor>,
    /// Only this action.
    pub action: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Adds a line. The caller holds the write lock.
pub(crate) async fn add(
    conn: &mut Conn<'_>,
    at: Timestamp,
    actor: &Actor,
    note: &AuditNote,
    outcome: &str,
) -> Result<()> {
    let sql = "UPDATE counters SET value = value + 1 WHERE name = 'audit' RETURNING value";
    let number = conn.number(sql, Vec::new()).await?;
    let sql = "INSERT INTO audit (seq, at, actor, action, subject, outcome, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = args![number, at, &actor.0, &note.action, &note.subject, outcome, &note.detail];
    conn.run(sql, args).await?;
    Ok(())
}

impl Store {
    /// Adds a line about something that no batch tells of: a refusal, a failure, a login.
    pub async fn audit(&self, at: Timestamp, actor: &Actor, note: &AuditNote, outcome: &str) -> Result<()> {
        let mut tx = self.db.write().await?;
        add(&mut tx.conn(), at, actor, note, outcome).await?;
        tx.commit().await
    }

    /// Lines, newest first.
    pub async fn audit_events(&self, which: &AuditFilter, page: &Page) -> Result<Paged<AuditEvent>> {
        let question = ("audit", which);
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 1)? {
            filter.and("seq < ?", args![number(&key[0])?]);
        }
        if let Some(actor) = &which.actor {
            filter.and("actor = ?", args![&actor.0]);
        }
        if let Some(action) = &which.action {
            filter.and("action = ?", args![action]);
        }
        if let Some(since) = which.since {
            filter.and("at >= ?", args![since]);
        }
        if let Some(until) = which.until {
            filter.and("at < ?", args![until]);
        }
        let (condition, args) = filter.finish("ORDER BY seq DESC", page.rows() + 1);
        let sql = format!("SELECT seq, at, actor, action, subject, detail, outcome FROM audit{condition}");
        let mut events = Vec::new();
        for mut row in self.db.read().await?.conn().rows(sql, args).await? {
            events.push(AuditEvent {
                number: row.int()?,
                at: row.time()?,
                actor: Actor(row.small()?),
                note: AuditNote { action: row.text()?, subject: row.text()?, detail: row.text()? },
                outcome: row.text()?,
            });
        }
        Ok(Paged::cut(events, page, &question, |event: &AuditEvent| vec![event.number.to_string()]))
    }
}

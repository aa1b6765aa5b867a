//! Table `revisions`: only ever added to.

use super::json;
use crate::Result;
use crate::sql::{Conn, args, chunks};
use domain::{MasterId, Revision, Version};

pub(crate) async fn add(conn: &mut Conn<'_>, revisions: &[Revision]) -> Result<()> {
    for chunk in chunks(revisions) {
        let sql = format!(
            "INSERT INTO revisions (master, number, body) VALUES {}",
            conn.placeholders(chunk.len(), 3)
        );
        let args = chunk.iter().flat_map(|r| args![&r.master.id.0, r.number, json(r)]).collect();
        conn.run(sql, args).await?;
    }
    Ok(())
}

/// Newest first, older than `before`.
pub(crate) async fn of(
    conn: &mut Conn<'_>,
    master: &MasterId,
    before: Version,
    limit: i64,
) -> Result<Vec<Revision>> {
    let sql = "SELECT body FROM revisions WHERE master = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
    conn.rows(sql, args![&master.0, before, limit]).await?.iter_mut().map(|row| row.json()).collect()
}

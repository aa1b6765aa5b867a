//! Step 4: what differs is written, in the order in which rows refer to each other.

use super::Work;
use crate::sql::{Conn, args, delete, upsert};
use crate::tables::{candidate, json, revision};
use crate::{Ack, Batch, Request, Result, changes, read};
use domain::{Link, Member, Sequence, Timestamp};

pub(super) async fn flush(conn: &mut Conn<'_>, work: &Work, batch: &Batch) -> Result<(Sequence, Sequence)> {
    // Destructured whole, so that a new table cannot be forgotten.
    let Work {
        nodes,
        skus,
        members,
        masters,
        links,
        reviews,
        decisions,
        policies,
        candidates,
        revisions,
        changes,
    } = work;
    delete::<Link>(conn, &links.removed()).await?;
    delete::<Member>(conn, &members.removed()).await?;
    upsert(conn, &nodes.written()).await?;
    upsert(conn, &skus.written()).await?;
    upsert(conn, &masters.written()).await?;
    upsert(conn, &members.written()).await?;
    upsert(conn, &links.written()).await?;
    // One that is closed makes room for another about the same SKU and master.
    let (waiting, closed): (Vec<_>, Vec<_>) =
        reviews.written().into_iter().partition(|review| review.value.state.is_waiting());
    upsert(conn, &closed).await?;
    upsert(conn, &waiting).await?;
    upsert(conn, &decisions.written()).await?;
    upsert(conn, &policies.written()).await?;
    // A SKU that is new has none to be forgotten.
    let known = candidates.iter().map(|(key, _)| key).filter(|key| skus.before(key).is_some());
    candidate::forget(conn, &known.collect::<Vec<_>>()).await?;
    candidate::add(conn, candidates).await?;
    revision::add(conn, revisions).await?;
    if let Some(note) = &batch.audit {
        read::audit::add(conn, batch.at, &batch.actor, note, "done").await?;
    }
    changes::add(conn, batch.at, &batch.actor, changes).await
}

pub(super) async fn request(conn: &mut Conn<'_>, request: &Request, ack: &Ack, at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO requests (caller, id, digest, ack, response, at) VALUES ($1, $2, $3, $4, $5, $6)";
    let args = args![&request.caller.0, &request.id, &request.digest, json(ack), ack.response.clone(), at];
    conn.run(sql, args).await?;
    Ok(())
}

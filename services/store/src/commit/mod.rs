//! Keeping a batch, in five steps inside one write:
//!
//! 1. [`load`]: everything that the batch touches, a few statements a table;
//! 2. [`apply`]: the mutations, in memory, in order, each with its expectation and its change entry;
//! 3. [`rules`]: the invariants, on the outcome;
//! 4. [`flush`]: what differs, a few statements a table, with changes, revisions and audit;
//! 5. commit.
//!
//! Writes are serial (see `sql/db.rs`), so what step 1 read still holds at step 5.

mod apply;
mod flush;
mod limits;
mod load;
mod rules;
mod working;

use crate::sql::{Conn, args};
use crate::{Ack, Batch, Change, Replay, Request, Result, Store, StoreError};
use domain::{
    Candidate, CatalogSku, Decision, Link, Master, Member, Node, Policy, Review, Revision, SkuKey, Timestamp,
};
use working::Working;

pub use apply::content_digest;

/// Everything a batch touches, as it was and as it will be.
#[derive(Default)]
pub(crate) struct Work {
    nodes: Working<Node>,
    skus: Working<CatalogSku>,
    members: Working<Member>,
    masters: Working<Master>,
    links: Working<Link>,
    reviews: Working<Review>,
    decisions: Working<Decision>,
    policies: Working<Policy>,
    candidates: Vec<(SkuKey, Vec<Candidate>)>,
    revisions: Vec<Revision>,
    changes: Vec<Change>,
}

impl Store {
    /// Keeps a batch as a whole or, with an error, not at all. Durable when it returns. A repeated request (same
    /// caller, id and digest) changes nothing and gives the first answer.
    #[tracing::instrument(name = "commit", level = "debug", skip_all)]
    pub async fn commit(&self, batch: &Batch) -> Result<Ack> {
        limits::check(batch)?;
        let mut tx = self.db.write().await?;
        let ack = run(&mut tx.conn(), batch).await?;
        if ack.replay == Replay::Fresh {
            tx.commit().await?;
            self.signal.announce(ack.last);
        }
        Ok(ack)
    }

    /// Says what [`Store::commit`] would say, and keeps nothing.
    pub async fn dry_run(&self, batch: &Batch) -> Result<Ack> {
        limits::check(batch)?;
        let mut tx = self.db.write().await?;
        let ack = run(&mut tx.conn(), batch).await?;
        Ok(ack) // dropping the transaction undoes it
    }

    /// The answer to a request that was kept before; `None` for a new one. Lets the engine save itself the work;
    /// `commit` looks again.
    pub async fn replay(&self, request: &Request) -> Result<Option<Ack>> {
        find_request(&mut self.db.read().await?.conn(), request).await
    }

    /// Forgets the answers to requests that were given before a time; gives how many.
    pub async fn forget_requests(&self, before: Timestamp) -> Result<u64> {
        let mut tx = self.db.write().await?;
        let gone = tx.conn().run("DELETE FROM requests WHERE at < $1", args![before]).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Steps 1 to 4.
pub(crate) async fn run(conn: &mut Conn<'_>, batch: &Batch) -> Result<Ack> {
    if let Some(request) = &batch.request
        && let Some(ack) = find_request(conn, request).await?
    {
        return Ok(ack);
    }
    let mut work = load::load(conn, &batch.mutations).await?;
    for mutation in &batch.mutations {
        work.apply(mutation, batch)?;
    }
    work.number_masters(batch);
    rules::check(conn, &mut work).await?;
    let (before, last) = flush::flush(conn, &work, batch).await?;
    let versions = batch.mutations.iter().map(|mutation| work.version_after(mutation)).collect();
    let ack = Ack { before, last, versions, response: batch.response.clone(), replay: Replay::Fresh };
    if let Some(request) = &batch.request {
        flush::request(conn, request, &ack, batch.at).await?;
    }
    Ok(ack)
}

async fn find_request(conn: &mut Conn<'_>, request: &Request) -> Result<Option<Ack>> {
    let sql = "SELECT digest, ack, response FROM requests WHERE caller = $1 AND id = $2";
    let Some(mut row) = conn.row(sql, args![&request.caller.0, &request.id]).await? else { return Ok(None) };
    if row.text()? != request.digest {
        return Err(StoreError::RequestReused { id: request.id.clone() });
    }
    Ok(Some(Ack { replay: Replay::Repeated, ..row.json::<Ack>()?.with_response(row.bytes()?) }))
}

impl Ack {
    fn with_response(self, response: Vec<u8>) -> Self {
        Ack { response, ..self }
    }
}

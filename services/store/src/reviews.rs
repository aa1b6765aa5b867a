//! The review queue: who may answer what, for how long.
//!
//! A claim is a lease: it ends by itself. Claims are serial like all writes, so two stewards never get the same
//! review.

use crate::changes::{self, Change};
use crate::sql::{Conn, Filter, args, load, select, upsert};
use crate::{Page, Paged, Result, Store, StoreError};
use domain::{Actor, MasterId, NodeId, Review, ReviewId, ReviewState, SkuKey, Stored, Timestamp, Verdict};

/// Which reviews.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewFilter {
    /// Only about SKUs of these nodes; empty for all.
    pub nodes: Vec<NodeId>,
    /// Only about SKUs of these categories; empty for all.
    pub categories: Vec<String>,
    /// Only about this SKU.
    pub sku: Option<SkuKey>,
    /// Only about this master.
    pub master: Option<MasterId>,
    /// Only from this confidence.
    pub min_confidence: Option<f64>,
    /// Only up to this confidence.
    pub max_confidence: Option<f64>,
    /// Only opened at or before.
    pub opened_until: Option<Timestamp>,
    /// Only whose evidence holds this text: evidence is JSON, so it is a part of that.
    pub evidence_has: Vec<String>,
    /// Only whose evidence holds none of these.
    pub evidence_lacks: Vec<String>,
    /// Only those that somebody has agreed to and that wait for a second person, or none of them.
    pub agreed: Option<bool>,
    /// Only held by this steward.
    pub assignee: Option<Actor>,
    /// Only in these states; empty for those that wait (open, claimed).
    pub states: Vec<ReviewState>,
}

/// A steward's wish for work.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// How long, in seconds.
    pub lease_seconds: i64,
    /// From which part of the queue.
    pub filter: ReviewFilter,
    /// At most so many.
    pub limit: usize,
}

/// The queue in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// To be had now.
    pub open: i64,
    /// Held.
    pub claimed: i64,
    /// Put off.
    pub deferred: i64,
    /// Answered.
    pub decided: i64,
    /// No longer questions.
    pub withdrawn: i64,
    /// Waiting, held or put off ones that were opened [`LATE_SECONDS`] ago or before.
    pub late: i64,
    /// When the oldest that is to be had now was opened.
    pub oldest_open: Option<Timestamp>,
    /// Answers that hold, by verdict; verdicts without any are left out. Of the whole queue.
    pub verdicts: Vec<(Verdict, i64)>,
}

/// Seconds after which a question has waited too long: a week.
pub const LATE_SECONDS: i64 = 7 * 86_400;

/// In the queue at a time: open and not put off, or a hold that has ended.
const AVAILABLE: &str = "((t.state = 'open' AND (t.deferred_until IS NULL OR t.deferred_until <= ?)) \
                          OR (t.state = 'claimed' AND t.lease_until <= ?))";

/// A pattern for texts that hold this one.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl ReviewFilter {
    fn narrow(&self, filter: &mut Filter) {
        filter.one_of("t.node", self.nodes.iter().map(|node| (&node.0).into()));
        filter.one_of("s.category", self.categories.iter().map(Into::into));
        if let Some(sku) = &self.sku {
            filter.and("t.node = ? AND t.code = ?", args![&sku.node.0, &sku.sku.0]);
        }
        if let Some(master) = &self.master {
            filter.and("t.master = ?", args![&master.0]);
        }
        if let Some(least) = self.min_confidence {
            filter.and("t.confidence >= ?", args![least]);
        }
        if let Some(most) = self.max_confidence {
            filter.and("t.confidence <= ?", args![most]);
        }
        if let Some(until) = self.opened_until {
            filter.and("t.created <= ?", args![until]);
        }
        for text in &self.evidence_has {
            filter.and("t.evidence LIKE ? ESCAPE '!'", args![containing(text)]);
        }
        for text in &self.evidence_lacks {
            filter.and("t.evidence NOT LIKE ? ESCAPE '!'", args![containing(text)]);
        }
        if let Some(agreed) = self.agreed {
            // As an index has it: an argument would not do.
            let condition = match agreed {
                true => "t.evidence LIKE '%\"agreed\":%'",
                false => "t.evidence NOT LIKE '%\"agreed\":%'",
            };
            filter.and(condition, []);
        }
        if let Some(assignee) = &self.assignee {
            filter.and("t.assignee = ?", args![&assignee.0]);
        }
    }

    /// Categories are the SKUs'.
    fn join(&self) -> &'static str {
        if self.categories.is_empty() { "" } else { "JOIN skus s ON s.node = t.node AND s.code = t.code" }
    }
}

impl Store {
    /// A review, in any state.
    pub async fn review(&self, id: &ReviewId) -> Result<Option<Stored<Review>>> {
        let mut reader = self.db.read().await?;
        Ok(load(&mut reader.conn(), std::slice::from_ref(id)).await?.pop())
    }

    /// Reviews, most valuable first, ties by id.
    pub async fn reviews(&self, which: &ReviewFilter, page: &Page) -> Result<Paged<Stored<Review>>> {
        let question = ("reviews", which);
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 2)? {
            let value = f64::from_bits(key[0].parse().map_err(|_| StoreError::PageToken)?);
            filter.and("(t.value < ? OR (t.value = ? AND t.id > ?))", args![value, value, &key[1]]);
        }
        which.narrow(&mut filter);
        if which.states.is_empty() {
            filter.and("t.state IN ('open', 'claimed')", []);
        }
        filter.one_of("t.state", which.states.iter().map(|state| state.as_str().into()));
        let (condition, args) = filter.finish("ORDER BY t.value DESC, t.id", page.rows() + 1);
        let condition = format!("{}{condition}", which.join());
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<Review>| {
            vec![row.value.value.to_bits().to_string(), row.value.id.to_string()]
        }))
    }

    /// Claims the most valuable reviews that are to be had; fewer or none where there are not so many.
    pub async fn claim_reviews(&self, claim: &Claim) -> Result<Vec<Stored<Review>>> {
        let mut filter = Filter::default();
        filter.and("t.state IN ('open', 'claimed')", []).and(AVAILABLE, args![claim.at, claim.at]);
        claim.filter.narrow(&mut filter);
        let (condition, args) = filter.finish("ORDER BY t.value DESC, t.id", claim.limit);
        let condition = format!("{}{condition}", claim.filter.join());
        self.hold(&claim.by, &claim.by, claim.at, claim.lease_seconds, Choice::Query(condition, args)).await
    }

    /// Claims named reviews, all or none; fails for one that is held by another or no longer waits.
    pub async fn claim_named(
        &self,
        ids: &[ReviewId],
        by: &Actor,
        at: Timestamp,
        lease_seconds: i64,
    ) -> Result<Vec<Stored<Review>>> {
        self.hold(by, by, at, lease_seconds, Choice::Named(ids)).await
    }

    /// Makes the leases of held reviews end `lease_seconds` after `at`, all or none; [`StoreError::LeaseLost`] for
    /// one that `by` does not hold.
    pub async fn renew_reviews(
        &self,
        ids: &[ReviewId],
        by: &Actor,
        at: Timestamp,
        lease_seconds: i64,
    ) -> Result<Vec<Stored<Review>>> {
        self.hold(by, by, at, lease_seconds, Choice::Held(ids)).await
    }

    /// Gives a review to another steward, whoever holds it.
    pub async fn reassign_review(
        &self,
        id: &ReviewId,
        by: &Actor,
        to: &Actor,
        at: Timestamp,
        lease_seconds: i64,
    ) -> Result<Stored<Review>> {
        let held = self.hold(by, to, at, lease_seconds, Choice::Forced(id)).await?;
        held.into_iter().next().ok_or_else(|| StoreError::not_found("review", id))
    }

    /// Gives held reviews back to the queue, all or none; [`StoreError::LeaseLost`] for one that `by` does not hold.
    pub async fn release_reviews(
        &self,
        ids: &[ReviewId],
        by: &Actor,
        at: Timestamp,
    ) -> Result<Vec<Stored<Review>>> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let rows = choose(&mut conn, by, at, Choice::Held(ids)).await?;
        let released = rows
            .iter()
            .map(|row| {
                let state = ReviewState::Open;
                row.replaced(Review { state, assignee: None, lease_until: None, ..row.value.clone() }, at)
            })
            .collect();
        let (released, last) = write(&mut conn, by, at, released).await?;
        tx.commit().await?;
        self.signal.announce(last);
        Ok(released)
    }

    /// The queue in numbers at a time; the filter's states are left aside.
    pub async fn queue_stats(&self, which: &ReviewFilter, at: Timestamp) -> Result<QueueStats> {
        let mut tx = self.db.snapshot().await?;
        let mut conn = tx.conn();
        let mut stats = QueueStats::default();
        let mut filter = Filter::default();
        which.narrow(&mut filter);
        let (condition, mut args) = filter.bare();
        // Behind those of the condition: the moment, and a week before it.
        let (moment, week_before) = (args.len() + 1, args.len() + 2);
        args.extend(args![at, at.plus_seconds(-LATE_SECONDS)]);
        let available = AVAILABLE.replace('?', &format!("${moment}"));
        // One reading of what an index holds: of a long queue, its rows are many times as much.
        let sql = format!(
            "SELECT t.state, count(*), count(CASE WHEN {available} THEN 1 END), \
             min(CASE WHEN {available} THEN t.created END), count(CASE WHEN t.created <= ${week_before} THEN 1 END) \
             FROM reviews t {}{condition} GROUP BY t.state",
            which.join()
        );
        for mut row in conn.rows(sql, args).await? {
            let (state, count) = (row.word(ReviewState::parse)?, row.int()?);
            let (available, oldest, late) = (row.int()?, row.opt_time()?, row.int()?);
            match state {
                ReviewState::Open => {
                    (stats.open, stats.deferred) = (stats.open + available, count - available)
                }
                // A hold that has ended is to be had.
                ReviewState::Claimed => {
                    stats.open += available;
                    stats.claimed = count - available;
                }
                ReviewState::Decided => stats.decided = count,
                ReviewState::Withdrawn => stats.withdrawn = count,
            }
            if state.is_waiting() {
                stats.late += late;
                stats.oldest_open = stats.oldest_open.into_iter().chain(oldest).min();
            }
        }
        let sql = "SELECT verdict, count(*) FROM decisions WHERE undone_at IS NULL GROUP BY verdict ORDER BY verdict";
        for mut row in conn.rows(sql, Vec::new()).await? {
            stats.verdicts.push((row.word(Verdict::parse)?, row.int()?));
        }
        Ok(stats)
    }

    async fn hold(
        &self,
        actor: &Actor,
        holder: &Actor,
        at: Timestamp,
        lease_seconds: i64,
        choice: Choice<'_>,
    ) -> Result<Vec<Stored<Review>>> {
        if lease_seconds <= 0 {
            return Err(StoreError::invalid("lease", format!("is {lease_seconds} s: give at least 1 s")));
        }
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let rows = choose(&mut conn, actor, at, choice).await?;
        let held = rows
            .iter()
            .map(|row| {
                let review = Review {
                    state: ReviewState::Claimed,
                    assignee: Some(holder.clone()),
                    lease_until: Some(at.plus_seconds(lease_seconds)),
                    deferred_until: None,
                    ..row.value.clone()
                };
                row.replaced(review, at)
            })
            .collect();
        let (held, last) = write(&mut conn, actor, at, held).await?;
        tx.commit().await?;
        self.signal.announce(last);
        Ok(held)
    }
}

/// Which reviews are to be held or let go.
enum Choice<'a> {
    /// What the queue gives.
    Query(String, Vec<crate::sql::Value>),
    /// These, if they are to be had or held by the one who acts.
    Named(&'a [ReviewId]),
    /// These, if they are held by the one who acts.
    Held(&'a [ReviewId]),
    /// This, if it waits.
    Forced(&'a ReviewId),
}

async fn choose(
    conn: &mut Conn<'_>,
    actor: &Actor,
    at: Timestamp,
    choice: Choice<'_>,
) -> Result<Vec<Stored<Review>>> {
    let (ids, may): (&[ReviewId], fn(&Holder) -> bool) = match choice {
        Choice::Query(condition, args) => return select(conn, &condition, args).await,
        Choice::Named(ids) => (ids, |holder| *holder != Holder::Another),
        Choice::Held(ids) => (ids, |holder| *holder == Holder::Self_),
        Choice::Forced(id) => (std::slice::from_ref(id), |_| true),
    };
    let mut ids = ids.to_vec();
    ids.sort();
    ids.dedup();
    let mut rows: Vec<Stored<Review>> = load(conn, &ids).await?;
    rows.sort_by(|a, b| a.value.id.cmp(&b.value.id));
    if let Some(missing) = ids.iter().find(|id| !rows.iter().any(|row| row.value.id == **id)) {
        return Err(StoreError::not_found("review", missing));
    }
    for row in &rows {
        if !row.value.state.is_waiting() {
            let rule = format!("is {}: nothing is left to answer", row.value.state.as_str());
            return Err(StoreError::precondition(&row.value.id, rule));
        }
        if !may(&holder(&row.value, actor, at)) {
            return Err(StoreError::LeaseLost { id: row.value.id.to_string(), actor: actor.to_string() });
        }
    }
    Ok(rows)
}

#[derive(PartialEq)]
enum Holder {
    Nobody,
    Self_,
    Another,
}

fn holder(review: &Review, actor: &Actor, at: Timestamp) -> Holder {
    let holds = review.state == ReviewState::Claimed && review.lease_until.is_some_and(|until| until > at);
    match &review.assignee {
        Some(assignee) if holds && assignee == actor => Holder::Self_,
        Some(_) if holds => Holder::Another,
        _ => Holder::Nobody,
    }
}

async fn write(
    conn: &mut Conn<'_>,
    actor: &Actor,
    at: Timestamp,
    rows: Vec<Stored<Review>>,
) -> Result<(Vec<Stored<Review>>, domain::Sequence)> {
    upsert(conn, &rows.iter().collect::<Vec<_>>()).await?;
    let changes: Vec<Change> = rows.iter().cloned().map(Change::Review).collect();
    let (_, last) = changes::add(conn, at, actor, &changes).await?;
    Ok((rows, last))
}

//! ReviewService.

use super::master::eye;
use super::most;
use crate::call::{Caller, Right, Shared};
use crate::failure::Failure;
use crate::{convert, names};
use api::v1;
use domain::{Actor, Review, ReviewId, ReviewState, Stored};
use live::{Answer, Decided, Settled, now};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Batch, Claim, DecisionFilter, Deleted, Expect, Mutation, Page, ReviewFilter};
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Reviews(pub Arc<Shared>);

const MOST_AT_ONCE: usize = 100;
/// Seconds.
const LEASE: i64 = 600;
const LONGEST_LEASE: i64 = 86_400;

fn filter(from: &Option<v1::ReviewFilter>) -> Result<ReviewFilter, Failure> {
    let Some(from) = from else { return Ok(ReviewFilter::default()) };
    let least = convert::share("filter.min_confidence", from.min_confidence)?.get();
    let greatest = convert::share("filter.max_confidence", from.max_confidence)?.get();
    Ok(ReviewFilter {
        nodes: names::parse_nodes("filter.nodes", &from.nodes)?,
        categories: from.categories.clone(),
        sku: None,
        master: None,
        min_confidence: (least > 0.0).then_some(least),
        max_confidence: (greatest > 0.0).then_some(greatest),
        assignee: (!from.assignee.is_empty()).then(|| Actor::new(&from.assignee)),
        states: from.states.iter().map(|state| convert::review_state(*state)).collect::<Result<_, _>>()?,
        ..ReviewFilter::default()
    })
}

fn ids(field: &str, names: &[String]) -> Result<Vec<ReviewId>, Failure> {
    names.iter().map(|name| names::parse_review(field, name)).collect()
}

impl Shared {
    async fn review(&self, id: &ReviewId) -> Result<Stored<Review>, Failure> {
        let row = self.live.store().review(id).await?;
        row.ok_or_else(|| Failure::NotFound(format!("review `{id}` does not exist: check the name")))
    }

    /// With the verdicts given so far.
    async fn review_message(&self, row: &Stored<Review>) -> Result<v1::Review, Failure> {
        let filter = DecisionFilter { review: Some(row.value.id.clone()), ..DecisionFilter::default() };
        let given = self.live.store().decisions(&filter, &Page::first(100)).await?;
        let decisions = given.items.iter().map(|row| names::decision(&row.value.id)).collect();
        Ok(v1::Review { decisions, ..convert::review(row) })
    }

    async fn decided_message(&self, decided: &Decided) -> Result<v1::DecideReviewResponse, Failure> {
        let review = match &decided.review {
            Some(row) => Some(self.review_message(row).await?),
            None => None,
        };
        Ok(v1::DecideReviewResponse {
            review,
            decision: Some(convert::decision(&decided.decision)),
            master: decided.master.as_ref().map(names::master).unwrap_or_default(),
            needs_second_person: decided.needs_second_person,
            change_sequence: decided.ack.last.0,
            settled_meanwhile: false,
        })
    }
}

fn answer(caller: &Caller, message: &v1::DecideReviewRequest) -> Result<Answer, Failure> {
    let seen = convert::parse_etag("etag", &message.etag)?;
    Ok(Answer {
        review: names::parse_review("name", &message.name)?,
        verdict: convert::parse_verdict("verdict", message.verdict)?,
        reason: message.reason.clone(),
        seen: seen.ok_or_else(|| Failure::field("etag", "is required: a decision is about what was seen"))?,
        eye: eye(caller),
    })
}

#[tonic::async_trait]
impl v1::review_service_server::ReviewService for Reviews {
    async fn list_reviews(
        &self,
        request: Request<v1::ListReviewsRequest>,
    ) -> Result<Response<v1::ListReviewsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.ListReviews", Right::Read, request, |_, message| async move {
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().reviews(&filter(&message.filter)?, &page).await?;
                Ok(v1::ListReviewsResponse {
                    reviews: paged.items.iter().map(convert::review).collect(),
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn get_review(
        &self,
        request: Request<v1::GetReviewRequest>,
    ) -> Result<Response<v1::GetReviewResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.GetReview", Right::Read, request, |_, message| async move {
                let row = shared.review(&names::parse_review("name", &message.name)?).await?;
                let mut review = shared.review_message(&row).await?;
                let store = shared.live.store();
                let master = store.resolve_master(&row.value.master).await?.master.value.id;
                let members = shared.members(&master).await?;
                let saved = shared.live.saved(std::slice::from_ref(&row.value.sku)).await?;
                let note: live::notes::Evidence = live::notes::read(&row.value.evidence);
                if let Some(other) = note.other {
                    // All reasons, as things are now; the confidence stays that of the question.
                    let (sku, other) = (live::Query::Sku(row.value.sku.clone()), live::Query::Sku(other));
                    if let Ok((judged, _)) = shared.live.explain(&sku, &other).await {
                        let engine = shared.live.engine();
                        let model = engine.scorer_version();
                        let language = convert::language(&message.language_code);
                        let now = convert::evidence(&judged, model, language);
                        if let Some(evidence) = &mut review.evidence {
                            evidence.reasons = now.reasons;
                        }
                    }
                }
                Ok(v1::GetReviewResponse {
                    review: Some(review),
                    sku: saved.first().map(convert::saved),
                    members: members.iter().map(|row| convert::sku(row, Some(&master))).collect(),
                })
            })
            .await
    }

    async fn claim_reviews(
        &self,
        request: Request<v1::ClaimReviewsRequest>,
    ) -> Result<Response<v1::ClaimReviewsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.ClaimReviews", Right::Decide, request, |caller, message| async move {
                let lease_seconds = convert::seconds("lease", message.lease.as_ref(), LEASE, LONGEST_LEASE)?;
                let (by, at) = (caller.actor().clone(), now());
                let store = shared.live.store();
                let held = if message.names.is_empty() {
                    let limit = match usize::try_from(message.max_results) {
                        Ok(0) => 1,
                        Ok(wanted) if wanted <= MOST_AT_ONCE => wanted,
                        _ => return Err(Failure::field("max_results", "must be 0 to 100")),
                    };
                    let filter = filter(&message.filter)?;
                    store.claim_reviews(&Claim { by, at, lease_seconds, filter, limit }).await?
                } else {
                    most("names", &message.names, MOST_AT_ONCE)?;
                    store.claim_named(&ids("names", &message.names)?, &by, at, lease_seconds).await?
                };
                Ok(v1::ClaimReviewsResponse { reviews: held.iter().map(convert::review).collect() })
            })
            .await
    }

    async fn renew_reviews(
        &self,
        request: Request<v1::RenewReviewsRequest>,
    ) -> Result<Response<v1::RenewReviewsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.RenewReviews", Right::Decide, request, |caller, message| async move {
                most("names", &message.names, MOST_AT_ONCE)?;
                let lease = convert::seconds("lease", message.lease.as_ref(), LEASE, LONGEST_LEASE)?;
                let ids = ids("names", &message.names)?;
                let held = shared.live.store().renew_reviews(&ids, caller.actor(), now(), lease).await?;
                Ok(v1::RenewReviewsResponse { reviews: held.iter().map(convert::review).collect() })
            })
            .await
    }

    async fn release_reviews(
        &self,
        request: Request<v1::ReleaseReviewsRequest>,
    ) -> Result<Response<v1::ReleaseReviewsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.ReleaseReviews", Right::Decide, request, |caller, message| async move {
                most("names", &message.names, MOST_AT_ONCE)?;
                let ids = ids("names", &message.names)?;
                let released = shared.live.store().release_reviews(&ids, caller.actor(), now()).await?;
                Ok(v1::ReleaseReviewsResponse { reviews: released.iter().map(convert::review).collect() })
            })
            .await
    }

    async fn reassign_review(
        &self,
        request: Request<v1::ReassignReviewRequest>,
    ) -> Result<Response<v1::ReassignReviewResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.ReassignReview", Right::Decide, request, |caller, message| async move {
                if message.assignee.is_empty() {
                    return Err(Failure::required("assignee"));
                }
                let id = names::parse_review("name", &message.name)?;
                if let Some(seen) = convert::parse_etag("etag", &message.etag)? {
                    let found = shared.review(&id).await?.version;
                    if found != seen {
                        let (kind, id, expected) = ("review", id.to_string(), seen);
                        return Err(store::StoreError::Conflict { kind, id, expected, found }.into());
                    }
                }
                let lease = convert::seconds("lease", message.lease.as_ref(), LEASE, LONGEST_LEASE)?;
                let to = Actor::new(&message.assignee);
                let store = shared.live.store();
                let row = store.reassign_review(&id, caller.actor(), &to, now(), lease).await?;
                Ok(v1::ReassignReviewResponse { review: Some(convert::review(&row)) })
            })
            .await
    }

    async fn defer_review(
        &self,
        request: Request<v1::DeferReviewRequest>,
    ) -> Result<Response<v1::DeferReviewResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.DeferReview", Right::Decide, request, |caller, message| async move {
                let id = names::parse_review("name", &message.name)?;
                let until = message.defer_time.as_ref().ok_or_else(|| Failure::required("defer_time"))?;
                let until = convert::parse_time("defer_time", until)?;
                let row = shared.review(&id).await?;
                if !row.value.state.is_waiting() {
                    let text =
                        format!("review `{id}` is {}: nothing is left to put off", row.value.state.as_str());
                    return Err(Failure::Precondition { reason: "RULE", text });
                }
                let held = row.value.lease_until.is_some_and(|until| until > now());
                if held && row.value.assignee.as_ref() != Some(caller.actor()) {
                    let (id, actor) = (id.to_string(), caller.actor().to_string());
                    return Err(store::StoreError::LeaseLost { id, actor }.into());
                }
                let expect = convert::parse_etag("etag", &message.etag)?.unwrap_or(row.version);
                let review = Review {
                    state: ReviewState::Open,
                    assignee: None,
                    lease_until: None,
                    deferred_until: Some(until),
                    ..row.value
                };
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let mut batch = Batch::new(now(), caller.actor(), "defer")
                    .with(Mutation::PutReview { review, expect: Expect::Version(expect) });
                (batch.request, batch.audit) = (writer.request, writer.audit);
                shared.live.store().commit(&batch).await?;
                Ok(v1::DeferReviewResponse { review: Some(convert::review(&shared.review(&id).await?)) })
            })
            .await
    }

    async fn decide_review(
        &self,
        request: Request<v1::DecideReviewRequest>,
    ) -> Result<Response<v1::DecideReviewResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.DecideReview", Right::Decide, request, |caller, message| async move {
                let answer = answer(&caller, &message)?;
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let decided = shared.live.decide(&answer, &writer).await?;
                shared.decided_message(&decided).await
            })
            .await
    }

    async fn batch_decide_reviews(
        &self,
        request: Request<v1::BatchDecideReviewsRequest>,
    ) -> Result<Response<v1::BatchDecideReviewsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.BatchDecideReviews", Right::Decide, request, |caller, message| async move {
                most("requests", &message.requests, MOST_AT_ONCE)?;
                let mut names: Vec<&str> = message.requests.iter().map(|one| one.name.as_str()).collect();
                names.sort_unstable();
                if let Some(twice) = names.windows(2).find(|two| two[0] == two[1]) {
                    return Err(Failure::field("requests", format!("names {} twice", twice[0])));
                }
                let answers =
                    message.requests.iter().map(|one| answer(&caller, one)).collect::<Result<Vec<_>, _>>()?;
                let subject = format!("{} reviews", answers.len());
                let writer = caller.writer(&message.request_id, &message, &subject);
                let mut responses = Vec::with_capacity(answers.len());
                for settled in shared.live.decide_all(&answers, &writer).await? {
                    responses.push(match settled {
                        Settled::Decided(decided) => shared.decided_message(&decided).await?,
                        Settled::Meanwhile(id) => v1::DecideReviewResponse {
                            review: Some(shared.review_message(&shared.review(&id).await?).await?),
                            settled_meanwhile: true,
                            ..Default::default()
                        },
                    });
                }
                Ok(v1::BatchDecideReviewsResponse { responses })
            })
            .await
    }

    async fn preview_decision(
        &self,
        request: Request<v1::PreviewDecisionRequest>,
    ) -> Result<Response<v1::PreviewDecisionResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.PreviewDecision", Right::Decide, request, |caller, message| async move {
                let id = names::parse_review("name", &message.name)?;
                let answer = Answer {
                    verdict: convert::parse_verdict("verdict", message.verdict)?,
                    reason: String::new(),
                    seen: shared.review(&id).await?.version,
                    eye: eye(&caller),
                    review: id,
                };
                let preview = shared.live.preview(&answer, caller.actor()).await?;
                let name = |id: &Option<domain::MasterId>| id.as_ref().map(names::master).unwrap_or_default();
                Ok(v1::PreviewDecisionResponse {
                    moves: preview
                        .moves
                        .iter()
                        .map(|(key, from, to)| v1::PreviewedMove {
                            sku: names::sku(key),
                            from_master: name(from),
                            to_master: name(to),
                        })
                        .collect(),
                    merged_masters: preview.merged.iter().map(names::master).collect(),
                    withdrawn_reviews: preview.withdrawn.iter().map(names::review).collect(),
                    needs_second_person: preview.needs_second_person,
                    obstacles: preview.obstacles,
                })
            })
            .await
    }

    async fn undo_decision(
        &self,
        request: Request<v1::UndoDecisionRequest>,
    ) -> Result<Response<v1::UndoDecisionResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.UndoDecision", Right::Decide, request, |caller, message| async move {
                let id = names::parse_decision("name", &message.name)?;
                let mut writer = caller.writer(&message.request_id, &message, &message.name);
                if let Some(audit) = &mut writer.audit {
                    audit.detail.clone_from(&message.reason);
                }
                let undone = shared.live.undo(&id, &writer).await?;
                let waits = |row: &&Stored<Review>| row.value.state.is_waiting();
                let review = match undone.review.as_ref().filter(waits) {
                    Some(row) => Some(shared.review_message(row).await?),
                    None => None,
                };
                Ok(v1::UndoDecisionResponse {
                    decision: Some(convert::decision(&undone.decision)),
                    review,
                    change_sequence: undone.ack.last.0,
                })
            })
            .await
    }

    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.ListDecisions", Right::Read, request, |_, message| async move {
                let sku = match message.sku.as_str() {
                    "" => None,
                    name => Some(names::parse_sku("sku", name)?),
                };
                let filter = DecisionFilter {
                    sku,
                    actor: (!message.actor.is_empty()).then(|| Actor::new(&message.actor)),
                    undone: if message.show_undone { Deleted::Shown } else { Deleted::Hidden },
                    ..DecisionFilter::default()
                };
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().decisions(&filter, &page).await?;
                Ok(v1::ListDecisionsResponse {
                    decisions: paged.items.iter().map(convert::decision).collect(),
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn get_review_stats(
        &self,
        request: Request<v1::GetReviewStatsRequest>,
    ) -> Result<Response<v1::GetReviewStatsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("ReviewService.GetReviewStats", Right::Read, request, |_, message| async move {
                let at = now();
                let stats = shared.live.store().queue_stats(&filter(&message.filter)?, at).await?;
                let verdicts: BTreeMap<String, i64> = stats
                    .verdicts
                    .iter()
                    .map(|(verdict, count)| (convert::verdict(*verdict).as_str_name().to_owned(), *count))
                    .collect();
                let age = stats.oldest_open.map(|oldest| (at.0 - oldest.0).max(0) / 1_000_000);
                Ok(v1::GetReviewStatsResponse {
                    open: stats.open,
                    claimed: stats.claimed,
                    deferred: stats.deferred,
                    decided: stats.decided,
                    withdrawn: stats.withdrawn,
                    verdicts,
                    oldest_open_age: age.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
                })
            })
            .await
    }
}

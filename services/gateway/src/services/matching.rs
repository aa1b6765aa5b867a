//! MatchService: reads only.

use super::most;
use crate::call::{Right, Shared};
use crate::failure::Failure;
use crate::settings::MOST_QUERIES;
use crate::{convert, names};
use api::v1;
use live::{Query, Wanted};
use std::sync::Arc;
use store::{DecisionFilter, Page};
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Matching(pub Arc<Shared>);

const MOST_MATCHES: i32 = 100;

async fn find(shared: &Shared, message: &v1::FindMatchesRequest) -> Result<v1::FindMatchesResponse, Failure> {
    let query = convert::parse_query("query", &message.query)?;
    if !(0..=MOST_MATCHES).contains(&message.max_results) {
        return Err(Failure::field("max_results", format!("must be 0 to {MOST_MATCHES}")));
    }
    let wanted = Wanted {
        nodes: names::parse_nodes("nodes", &message.nodes)?,
        most: if message.max_results == 0 { 10 } else { message.max_results as usize },
        min_confidence: convert::share("min_confidence", message.min_confidence)?.get(),
        explanations: message.explain,
    };
    let (found, sequence) = shared.live.find(&query, &wanted).await?;
    let language = convert::language(&message.language_code);
    let engine = shared.live.engine();
    let model = engine.scorer_version();
    Ok(v1::FindMatchesResponse {
        matches: found.iter().map(|found| convert::found(found, model, language)).collect(),
        change_sequence: sequence.0,
    })
}

#[tonic::async_trait]
impl v1::match_service_server::MatchService for Matching {
    async fn find_matches(
        &self,
        request: Request<v1::FindMatchesRequest>,
    ) -> Result<Response<v1::FindMatchesResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MatchService.FindMatches", Right::Read, request, |_, message| async move {
                find(&shared, &message).await
            })
            .await
    }

    async fn batch_find_matches(
        &self,
        request: Request<v1::BatchFindMatchesRequest>,
    ) -> Result<Response<v1::BatchFindMatchesResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MatchService.BatchFindMatches", Right::Read, request, |_, message| async move {
                most("requests", &message.requests, MOST_QUERIES)?;
                let mut responses = Vec::with_capacity(message.requests.len());
                for query in &message.requests {
                    responses.push(find(&shared, query).await?);
                }
                Ok(v1::BatchFindMatchesResponse { responses })
            })
            .await
    }

    async fn score_pair(
        &self,
        request: Request<v1::ScorePairRequest>,
    ) -> Result<Response<v1::ScorePairResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MatchService.ScorePair", Right::Read, request, |_, message| async move {
                let left = convert::parse_query("left", &message.left)?;
                let right = convert::parse_query("right", &message.right)?;
                let judged = shared.live.score_pair(&left, &right).await?;
                let engine = shared.live.engine();
                let model = engine.scorer_version();
                let evidence = Some(convert::evidence(&judged, model, convert::language("")));
                Ok(v1::ScorePairResponse { evidence })
            })
            .await
    }

    async fn explain_match(
        &self,
        request: Request<v1::ExplainMatchRequest>,
    ) -> Result<Response<v1::ExplainMatchResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MatchService.ExplainMatch", Right::Read, request, |_, message| async move {
                let left = convert::parse_query("left", &message.left)?;
                let right = convert::parse_query("right", &message.right)?;
                let (judged, linked) = shared.live.explain(&left, &right).await?;
                let mut decisions = Vec::new();
                if let (Query::Sku(left), Query::Sku(right)) = (&left, &right) {
                    let filter = DecisionFilter { sku: Some(left.clone()), ..DecisionFilter::default() };
                    let paged = shared.live.store().decisions(&filter, &Page::first(1_000)).await?;
                    let about = |row: &&domain::Stored<domain::Decision>| {
                        let seen: live::notes::Seen = live::notes::read(&row.value.seen);
                        let others = row.value.other.iter().chain(&seen.members).chain([&row.value.sku]);
                        others.into_iter().any(|key| key == right)
                    };
                    decisions
                        .extend(paged.items.iter().filter(about).map(|row| names::decision(&row.value.id)));
                }
                let engine = shared.live.engine();
                let model = engine.scorer_version();
                let language = convert::language(&message.language_code);
                let evidence = Some(convert::evidence(&judged, model, language));
                Ok(v1::ExplainMatchResponse { evidence, linked, decisions })
            })
            .await
    }

    async fn translate_sku(
        &self,
        request: Request<v1::TranslateSkuRequest>,
    ) -> Result<Response<v1::TranslateSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MatchService.TranslateSku", Right::Read, request, |_, message| async move {
                let key = names::parse_sku("name", &message.name)?;
                let nodes = names::parse_nodes("nodes", &message.nodes)?;
                let translation = shared.live.store().translate(&key, &nodes).await?;
                let master = translation.master.as_ref();
                Ok(v1::TranslateSkuResponse {
                    master: master.map(names::master).unwrap_or_default(),
                    skus: translation.skus.iter().map(|row| convert::sku(row, master)).collect(),
                    match_state: convert::match_state(translation.state).into(),
                })
            })
            .await
    }
}

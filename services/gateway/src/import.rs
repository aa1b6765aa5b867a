//! ImportSkus: rows come in, acknowledgements go out.
//!
//! Rows are kept some at a time; those that came while the last ones were being kept go together, so that a fast sender
//! gets large batches and a slow one quick answers. Nothing is read while rows are being kept, and nothing is kept while
//! the caller does not take the acknowledgements: the sender feels both through HTTP/2's flow control.

use crate::call::{Caller, Right, Shared, tell};
use crate::failure::Failure;
use crate::{convert, names, trace};
use api::v1;
use api::v1::import_skus_request::Message;
use api::v1::import_skus_response;
use domain::{LocalSku, NodeId, Sequence, SkuKey};
use live::{Effect, Imported};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Expect, SkuFilter};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

const METHOD: &str = "CatalogService.ImportSkus";
/// Rows kept at once.
const ROWS: usize = 500;
/// Waiting for more rows once there is one.
const PATIENCE: Duration = Duration::from_millis(4);
/// Longest silence of a sender.
const SILENCE: Duration = Duration::from_secs(300);

type Answers = mpsc::Sender<Result<v1::ImportSkusResponse, Status>>;

pub async fn begin(
    shared: Arc<Shared>,
    request: Request<Streaming<v1::ImportSkusRequest>>,
) -> Result<Response<ReceiverStream<Result<v1::ImportSkusResponse, Status>>>, Status> {
    let (metadata, _, rows) = request.into_parts();
    let caller = match shared.enter(&metadata, METHOD, Right::WriteSkus).await {
        Ok(caller) => caller,
        Err((actor, failure)) => return Err(shared.refuse(METHOD, actor, failure).await),
    };
    let Ok(place) = shared.streams.clone().try_acquire_owned() else {
        return Err(Failure::Exhausted("too many streams are open: try again later".to_owned()).into());
    };
    let (answers, out) = mpsc::channel(2 * ROWS);
    let span = trace::span(METHOD, &metadata);
    let of_call = span.clone();
    let running = async move {
        let begun = Instant::now();
        let actor = caller.actor().clone();
        let mut import = Import {
            shared: shared.clone(),
            caller,
            answers,
            start: None,
            expected: 1,
            counts: v1::ImportSummary::default(),
            seen: BTreeSet::new(),
        };
        let outcome = import.run(rows).await;
        let code = match outcome {
            Ok(()) => tonic::Code::Ok,
            Err(Ended::CallerLeft) => tonic::Code::Cancelled,
            Err(Ended::Failed(failure)) => {
                let status = shared.refuse(METHOD, Some(actor), failure).await;
                let code = status.code();
                let _ = import.answers.send(Err(status)).await;
                code
            }
        };
        trace::end(&of_call, code);
        tell(METHOD, code, begun.elapsed());
        drop(place);
    };
    tokio::spawn(running.instrument(span));
    Ok(Response::new(ReceiverStream::new(out)))
}

enum Ended {
    CallerLeft,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(error: E) -> Self {
        Ended::Failed(error.into())
    }
}

struct Import {
    shared: Arc<Shared>,
    caller: Caller,
    answers: Answers,
    start: Option<Start>,
    /// The next row's number.
    expected: i64,
    counts: v1::ImportSummary,
    /// For `replace`: what the import holds.
    seen: BTreeSet<SkuKey>,
}

#[derive(Clone)]
struct Start {
    node: Option<NodeId>,
    replace: bool,
}

/// A row on its way: its number, and what it says or why it cannot be taken.
type Arrived = (i64, Result<LocalSku, String>);

impl Import {
    async fn run(&mut self, mut rows: Streaming<v1::ImportSkusRequest>) -> Result<(), Ended> {
        let mut is_open = true;
        while is_open {
            let mut arrived: Vec<Arrived> = Vec::new();
            while arrived.len() < ROWS {
                let patience = if arrived.is_empty() { SILENCE } else { PATIENCE };
                let next = tokio::select! {
                    next = tokio::time::timeout(patience, rows.next()) => next,
                    () = stopped(&self.shared), if arrived.is_empty() => return Err(Failure::Stopping.into()),
                };
                match next {
                    Err(_) if arrived.is_empty() => {
                        let text = format!("no row for {} s", SILENCE.as_secs());
                        return Err(Failure::Precondition { reason: "SILENCE", text }.into());
                    }
                    Err(_) => break,
                    Ok(None) => {
                        is_open = false;
                        break;
                    }
                    // The caller went away, or the message was no message: what arrived before is kept all the same.
                    Ok(Some(Err(_))) => {
                        self.keep(arrived).await?;
                        return Err(Ended::CallerLeft);
                    }
                    Ok(Some(Ok(message))) => arrived.extend(self.take(message)?),
                }
            }
            self.keep(arrived).await?;
        }
        if self.start.is_none() {
            return Err(Failure::field("message", "begins with start").into());
        }
        self.replace().await?;
        let summary = import_skus_response::Message::Summary(self.counts);
        self.send(summary).await
    }

    fn take(&mut self, message: v1::ImportSkusRequest) -> Result<Option<Arrived>, Failure> {
        match message.message {
            None => Err(Failure::required("message")),
            Some(Message::Start(start)) => {
                if self.start.is_some() {
                    return Err(Failure::field("start", "came before"));
                }
                let node = names::parse_parent("start.parent", &start.parent)?;
                if let Some(node) = &node {
                    self.caller.may_write(node)?;
                }
                if start.replace && node.is_none() {
                    return Err(Failure::field(
                        "start.replace",
                        "is for a single node: give nodes/{node} as parent",
                    ));
                }
                self.start = Some(Start { node, replace: start.replace });
                Ok(None)
            }
            Some(Message::Row(row)) => {
                let Some(start) = self.start.clone() else {
                    return Err(Failure::field("message", "begins with start"));
                };
                if self.expected == 1 && row.row > 1 && !start.replace {
                    // Continued after a break.
                    self.expected = row.row;
                }
                if row.row != self.expected {
                    let text = format!(
                        "is {}, expected {}; a replacing import begins with row 1",
                        row.row, self.expected
                    );
                    return Err(Failure::field("row.row", text));
                }
                // The last number has none after it: a row that came then would not be the expected one.
                self.expected = self.expected.saturating_add(1);
                if start.replace
                    && let Some(sku) = &row.sku
                    && let Ok(key) = names::parse_sku("sku.name", &sku.name)
                {
                    // Held by the import, even if its row is refused: such a SKU is not deleted.
                    self.seen.insert(key);
                }
                Ok(Some((row.row, self.row(&start, row.sku.unwrap_or_default()))))
            }
        }
    }

    /// A row, or the reason why it is refused.
    fn row(&self, start: &Start, sku: v1::Sku) -> Result<LocalSku, String> {
        let read = || -> Result<LocalSku, Failure> {
            let key = names::parse_sku("sku.name", &sku.name)?;
            if start.node.as_ref().is_some_and(|node| *node != key.node) {
                return Err(Failure::field("sku.name", "is not of the import's node"));
            }
            self.caller.may_write(&key.node)?;
            convert::parse_row("sku.attributes", key, &sku.attributes.clone().unwrap_or_default())
        };
        read().map_err(|failure| Status::from(failure).message().to_owned())
    }

    async fn keep(&mut self, arrived: Vec<Arrived>) -> Result<(), Ended> {
        let good: Vec<LocalSku> = arrived.iter().filter_map(|(_, row)| row.as_ref().ok().cloned()).collect();
        let outcomes: Vec<Imported> = if good.is_empty() {
            Vec::new()
        } else {
            // To its end, whatever becomes of the caller.
            let (shared, writer) = (self.shared.clone(), self.caller.plain_writer());
            let keeping = async move { shared.live.import_skus(&good, &writer).await };
            let kept = tokio::spawn(keeping.in_current_span()).await;
            kept.map_err(|error| Failure::Internal(error.to_string()))??
        };
        let mut outcomes = outcomes.into_iter();
        for (number, row) in arrived {
            let ack = match row {
                Err(error) => self.refused(number, error),
                Ok(_) => match outcomes.next() {
                    Some(Ok((saved, effect, sequence))) => {
                        self.count(effect);
                        taken(number, &saved, sequence)
                    }
                    Some(Err(error)) => self.refused(number, error.to_string()),
                    None => return Err(Failure::Internal("fewer outcomes than rows".to_owned()).into()),
                },
            };
            self.send(import_skus_response::Message::Ack(ack)).await?;
        }
        Ok(())
    }

    fn count(&mut self, effect: Effect) {
        match effect {
            Effect::Created => self.counts.created += 1,
            Effect::Updated => self.counts.updated += 1,
            Effect::Nothing => self.counts.unchanged += 1,
        }
    }

    fn refused(&mut self, row: i64, error: String) -> v1::ImportAck {
        self.counts.refused += 1;
        v1::ImportAck { row, error, ..v1::ImportAck::default() }
    }

    /// Deletes what the node holds and the import does not.
    async fn replace(&mut self) -> Result<(), Ended> {
        let Some(Start { node: Some(node), replace: true }) = self.start.clone() else { return Ok(()) };
        let filter = SkuFilter { node: Some(node), ..SkuFilter::default() };
        let mut gone: Vec<SkuKey> = Vec::new();
        let mut page = store::Page::first(1_000);
        loop {
            let paged = self.shared.live.store().list_skus(&filter, &page).await?;
            let keys = paged.items.into_iter().map(|row| row.value.sku.key);
            gone.extend(keys.filter(|key| !self.seen.contains(key)));
            let Some(next) = paged.next else { break };
            page = store::Page::after(1_000, Some(next));
        }
        for some in gone.chunks(ROWS) {
            let keys: Vec<(SkuKey, Expect)> = some.iter().map(|key| (key.clone(), Expect::Any)).collect();
            let (shared, writer) = (self.shared.clone(), self.caller.plain_writer());
            let deleted = tokio::spawn(async move { shared.live.delete_skus(&keys, &writer).await }).await;
            deleted.map_err(|error| Failure::Internal(error.to_string()))??;
            self.counts.deleted += some.len() as i64;
        }
        Ok(())
    }

    async fn send(&self, message: import_skus_response::Message) -> Result<(), Ended> {
        let answer = v1::ImportSkusResponse { message: Some(message) };
        self.answers.send(Ok(answer)).await.map_err(|_| Ended::CallerLeft)
    }
}

fn taken(row: i64, saved: &live::Saved, sequence: Sequence) -> v1::ImportAck {
    v1::ImportAck {
        row,
        match_state: convert::match_state(saved.sku.value.state).into(),
        master: saved.master.as_ref().map(names::master).unwrap_or_default(),
        change_sequence: sequence.0,
        error: String::new(),
    }
}

/// Returns when the server stops.
pub async fn stopped(shared: &Shared) {
    let mut stopping = shared.stopping.clone();
    // An error means that the server is gone.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

//! WatchChanges: the change log as it grows, from a cursor, in order, without a gap.
//!
//! A slow caller is waited for: nothing is read ahead of what it has taken, and the log keeps what it has not.

use crate::call::{Right, Shared, tell};
use crate::convert;
use crate::failure::Failure;
use crate::import::stopped;
use crate::names;
use api::v1;
use domain::{NodeId, Sequence};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::LoggedChange;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

const METHOD: &str = "MasterService.WatchChanges";
/// Changes a message.
const CHANGES: usize = 500;
/// Where nothing happens the caller hears so.
const HEARTBEAT: Duration = Duration::from_secs(10);

type Answers = ReceiverStream<Result<v1::WatchChangesResponse, Status>>;

struct Filter {
    kinds: BTreeSet<i32>,
    nodes: BTreeSet<NodeId>,
}

impl Filter {
    fn wants(&self, logged: &LoggedChange) -> bool {
        let kind = i32::from(convert::change_kind(&logged.change));
        let nodes = || convert::nodes_of(&logged.change).into_iter().any(|node| self.nodes.contains(node));
        (self.kinds.is_empty() || self.kinds.contains(&kind)) && (self.nodes.is_empty() || nodes())
    }
}

pub async fn begin(
    shared: Arc<Shared>,
    request: Request<v1::WatchChangesRequest>,
) -> Result<Response<Answers>, Status> {
    let (metadata, _, message) = request.into_parts();
    if let Err((actor, failure)) = shared.enter(&metadata, METHOD, Right::Read).await {
        return Err(shared.refuse(METHOD, actor, failure).await);
    }
    let Ok(place) = shared.streams.clone().try_acquire_owned() else {
        return Err(Failure::Exhausted("too many streams are open: try again later".to_owned()).into());
    };
    let filter = Filter {
        kinds: message.kinds.iter().copied().collect(),
        nodes: names::parse_nodes("nodes", &message.nodes)?.into_iter().collect(),
    };
    let store = shared.live.store().clone();
    let cursor = match message.after_sequence {
        Some(after) if after < 0 => return Err(Failure::field("after_sequence", "is negative").into()),
        Some(after) => Sequence(after),
        None => store.last_sequence().await.map_err(Failure::from)?,
    };
    let last = store.last_sequence().await.map_err(Failure::from)?;
    if cursor > last {
        let text = format!("is {cursor}, after the last change {last}");
        return Err(Failure::field("after_sequence", text).into());
    }
    let (answers, out) = mpsc::channel(4);
    tokio::spawn(async move {
        let begun = Instant::now();
        let code = match watch(&shared, cursor, &filter, &answers).await {
            // The caller went away.
            Ok(()) => tonic::Code::Cancelled,
            Err(failure) => {
                let status = Status::from(failure);
                let code = status.code();
                let _ = answers.send(Err(status)).await;
                code
            }
        };
        tell(METHOD, code, begun.elapsed());
        drop(place);
    });
    Ok(Response::new(ReceiverStream::new(out)))
}

async fn watch(
    shared: &Shared,
    cursor: Sequence,
    filter: &Filter,
    answers: &mpsc::Sender<Result<v1::WatchChangesResponse, Status>>,
) -> Result<(), Failure> {
    let mut follower = shared.live.store().follow(cursor);
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(HEARTBEAT, follower.next(CHANGES)) => next,
            () = stopped(shared) => return Err(Failure::Stopping),
            () = answers.closed() => return Ok(()),
        };
        let changes = match next {
            Ok(changes) => changes?,
            Err(_) => Vec::new(),
        };
        let answer = v1::WatchChangesResponse {
            changes: changes.iter().filter(|logged| filter.wants(logged)).map(convert::change).collect(),
            sequence: follower.cursor().0,
        };
        if answers.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
}

//! Work that takes longer than a call, in this process: kept for a day after it has ended.

use crate::failure::Failure;
use crate::{convert, names};
use api::v1;
use domain::Timestamp;
use live::now;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic::{Code, Status};

/// Seconds.
const KEPT: i64 = 86_400;

#[derive(Default)]
pub struct Operations {
    running: Mutex<BTreeMap<String, Entry>>,
}

struct Entry {
    kind: &'static str,
    began: Timestamp,
    outcome: watch::Receiver<Option<Outcome>>,
    abort: AbortHandle,
}

#[derive(Clone)]
struct Outcome {
    at: Timestamp,
    result: Result<prost_types::Any, Status>,
}

impl Operations {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins work; one of a kind at a time.
    pub fn begin<R: Message + 'static>(
        self: &Arc<Self>,
        kind: &'static str,
        response: &'static str,
        work: impl Future<Output = Result<R, Failure>> + Send + 'static,
    ) -> Result<v1::Operation, Failure> {
        let mut running = self.lock();
        let old = now().plus_seconds(-KEPT);
        running.retain(|_, entry| entry.outcome.borrow().as_ref().is_none_or(|outcome| outcome.at > old));
        let busy = |entry: &Entry| entry.kind == kind && entry.outcome.borrow().is_none();
        if let Some((id, _)) = running.iter().find(|(_, entry)| busy(entry)) {
            return Err(Failure::AlreadyRunning(format!("{kind} is running as {}", names::operation(id))));
        }
        let began = now();
        // Newest last: ids are in the order of their beginnings.
        let id = format!("{:016x}-{kind}", began.0);
        let (tell, outcome) = watch::channel(None);
        let task = tokio::spawn(async move {
            let result = work.await.map_err(Status::from).map(|response_message| prost_types::Any {
                type_url: format!("type.googleapis.com/tongpin.v1.{response}"),
                value: response_message.encode_to_vec(),
            });
            let _ = tell.send(Some(Outcome { at: now(), result }));
        });
        let entry = Entry { kind, began, outcome, abort: task.abort_handle() };
        let told = message(&id, &entry);
        running.insert(id, entry);
        Ok(told)
    }

    pub fn get(&self, id: &str) -> Result<v1::Operation, Failure> {
        self.lock().get(id).map(|entry| message(id, entry)).ok_or_else(|| unknown(id))
    }

    /// Newest first, before the id given.
    pub fn list(&self, before: Option<&str>, rows: usize) -> Vec<v1::Operation> {
        let running = self.lock();
        let all = running.iter().rev().filter(|(id, _)| before.is_none_or(|before| id.as_str() < before));
        all.take(rows).map(|(id, entry)| message(id, entry)).collect()
    }

    pub fn cancel(&self, id: &str) -> Result<(), Failure> {
        let running = self.lock();
        let entry = running.get(id).ok_or_else(|| unknown(id))?;
        if entry.outcome.borrow().is_some() {
            let text = format!("operation `{id}` has ended: nothing is left to cancel");
            return Err(Failure::Precondition { reason: "HAS_ENDED", text });
        }
        entry.abort.abort();
        Ok(())
    }

    /// Returns when it has ended.
    pub async fn wait(&self, id: &str) -> Result<(), Failure> {
        let mut outcome =
            self.lock().get(id).map(|entry| entry.outcome.clone()).ok_or_else(|| unknown(id))?;
        // An error means that it was cancelled.
        let _ = outcome.wait_for(Option::is_some).await;
        Ok(())
    }
}

fn unknown(id: &str) -> Failure {
    Failure::NotFound(format!("operation `{id}` never was, or is no longer kept"))
}

fn message(id: &str, entry: &Entry) -> v1::Operation {
    let outcome = entry.outcome.borrow().clone();
    let was_cancelled = outcome.is_none() && entry.outcome.has_changed().is_err();
    let result = match &outcome {
        Some(Outcome { result: Ok(response), .. }) => Some(v1::operation::Result::Response(response.clone())),
        Some(Outcome { result: Err(status), .. }) => Some(error(status)),
        None if was_cancelled => Some(error(&Status::new(Code::Cancelled, "was cancelled"))),
        None => None,
    };
    let done = result.is_some();
    v1::Operation {
        name: names::operation(id),
        kind: entry.kind.to_owned(),
        progress: if done { 1.0 } else { 0.0 },
        stage: if done { "done".to_owned() } else { entry.kind.to_owned() },
        create_time: Some(convert::time(entry.began)),
        end_time: outcome.map(|outcome| convert::time(outcome.at)),
        done,
        result,
    }
}

fn error(status: &Status) -> v1::operation::Result {
    v1::operation::Result::Error(v1::Status {
        code: i32::from(status.code()),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

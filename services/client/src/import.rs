//! Rows to the server, until each is acknowledged. After a break the same import goes on with the first row that was not;
//! a row that was kept though its acknowledgement got lost says then what is known, and changes nothing.

use crate::{Client, ClientError, PATIENCE, PAUSE, is_worth_another_try, refused};
use api::v1;
use api::v1::import_skus_request::Message;
use api::v1::import_skus_response;
use std::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// Messages on their way to the connection.
const AHEAD: usize = 256;

/// How to import.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The node of all rows; none for rows of several nodes.
    pub node: Option<String>,
    /// The same for the same rows.
    pub id: String,
    /// Delete what the node holds and the rows do not; only with a node.
    pub replace: bool,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which of the rows, from 0.
    pub at: usize,
    pub reason: String,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// New, or said something else than before.
    pub changed: usize,
    /// Said what was known.
    pub unchanged: usize,
    pub refused: Vec<Refused>,
    /// SKUs of the node that were not among the rows.
    pub deleted: usize,
    /// Times that the connection broke.
    pub breaks: usize,
}

impl Client {
    /// Sends rows in their order; `step` hears of every acknowledged row.
    pub async fn import(
        &self,
        rows: &[v1::Sku],
        import: &Import,
        mut step: impl FnMut(&v1::ImportAck),
    ) -> Result<Imported, ClientError> {
        let mut outcome = Imported::default();
        // Rows acknowledged, of all; and of this try, where it has to begin with the first.
        let mut done = 0;
        let mut last_step = Instant::now();
        loop {
            let before = done;
            let ended = self.send(rows, import, &mut done, &mut outcome, &mut step).await;
            let detail = match ended {
                Ok(deleted) => {
                    outcome.deleted = deleted;
                    return Ok(outcome);
                }
                Err(ClientError::Refused { status, .. }) if is_worth_another_try(&status) => {
                    status.message().to_owned()
                }
                Err(error) => return Err(error),
            };
            outcome.breaks += 1;
            if done > before {
                last_step = Instant::now();
            }
            if last_step.elapsed() > PATIENCE {
                return Err(ClientError::BrokenOff { acknowledged: done, rows: rows.len(), detail });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One stream, as far as it goes; gives the number of deleted SKUs.
    async fn send(
        &self,
        rows: &[v1::Sku],
        import: &Import,
        done: &mut usize,
        outcome: &mut Imported,
        step: &mut impl FnMut(&v1::ImportAck),
    ) -> Result<usize, ClientError> {
        let parent = import.node.as_deref().map_or_else(|| "nodes/-".to_owned(), api::names::node);
        let start =
            v1::ImportStart { parent: parent.clone(), import_id: import.id.clone(), replace: import.replace };
        // What is to be deleted shows only from all rows.
        let first = if import.replace { 0 } else { *done };
        let (tell, told) = tokio::sync::mpsc::channel(AHEAD);
        let sending: Vec<v1::Sku> = rows[first..].to_vec();
        tokio::spawn(async move {
            let start = v1::ImportSkusRequest { message: Some(Message::Start(start)) };
            if tell.send(start).await.is_err() {
                return;
            }
            for (row, sku) in (first as i64 + 1..).zip(sending) {
                let row = v1::ImportRow { row, sku: Some(sku) };
                if tell.send(v1::ImportSkusRequest { message: Some(Message::Row(row)) }).await.is_err() {
                    return;
                }
            }
        });
        let what = || format!("import into {parent}");
        let answers = self.catalog().import_skus(ReceiverStream::new(told)).await;
        let mut answers = answers.map_err(|status| refused(&what(), status))?.into_inner();
        let mut expected = first;
        while let Some(answer) = answers.next().await {
            match answer.map_err(|status| refused(&what(), status))?.message {
                Some(import_skus_response::Message::Ack(ack)) => {
                    if ack.row != expected as i64 + 1 || expected >= rows.len() {
                        return Err(ClientError::Answer("rows are acknowledged in another order"));
                    }
                    expected += 1;
                    // Those of an earlier try are counted.
                    if expected > *done {
                        *done = expected;
                        match (&ack.error, ack.change_sequence) {
                            (reason, _) if !reason.is_empty() => {
                                outcome.refused.push(Refused { at: expected - 1, reason: reason.clone() });
                            }
                            (_, 0) => outcome.unchanged += 1,
                            _ => outcome.changed += 1,
                        }
                        step(&ack);
                    }
                }
                Some(import_skus_response::Message::Summary(summary)) => {
                    return Ok(usize::try_from(summary.deleted).unwrap_or(0));
                }
                None => return Err(ClientError::Answer("an empty message")),
            }
        }
        Err(refused(&what(), tonic::Status::unavailable("the stream ended before its summary")))
    }
}

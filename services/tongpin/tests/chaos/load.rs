//! Who works on the server, until told to end; everybody ends with an answer to the last thing asked.

use crate::book::{Book, Decided, Seen};
use crate::support::wire::{Keys, NODES, Wire, is_no_answer};
use crate::support::{Chance, PRODUCTS, name};
use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::import_skus_request::Message;
use api::v1::import_skus_response;
use api::v1::master_service_client::MasterServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use api::v1::review_service_client::ReviewServiceClient;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

/// SKUs of a writer.
const CODES: usize = 60;
/// Rows of one import.
const ROWS: usize = 25;

pub struct Load {
    workers: JoinSet<()>,
    watchers: JoinSet<()>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Load {
    /// Everybody's last answer, then the watchers' last change.
    pub async fn end(mut self) {
        while let Some(done) = self.workers.join_next().await {
            done.expect("a client found nothing wrong");
        }
        self.stop.send_replace(true);
        while let Some(done) = self.watchers.join_next().await {
            done.expect("a watcher found nothing wrong");
        }
    }
}

#[derive(Clone)]
struct Worker {
    wire: Wire,
    key: String,
    book: Arc<Mutex<Book>>,
    until: Instant,
}

impl Worker {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().expect("no client panicked")
    }
}

pub fn begin(wire: &Wire, keys: &Keys, book: &Arc<Mutex<Book>>, seed: u64, until: Instant) -> Load {
    let with = |key: &str| Worker { wire: wire.clone(), key: key.to_owned(), book: book.clone(), until };
    let (mut workers, mut watchers) = (JoinSet::new(), JoinSet::new());
    for (at, node) in NODES.iter().enumerate() {
        let chance = Chance(seed.wrapping_mul(31) + at as u64);
        match node.starts_with('w') {
            true => workers.spawn(write(with(&keys.node), at, chance)),
            false => workers.spawn(import(with(&keys.node), at, chance)),
        };
    }
    workers.spawn(find(with(&keys.reader), Chance(seed.wrapping_mul(37))));
    workers.spawn(decide(with(&keys.approver), Chance(seed.wrapping_mul(41))));
    let (stop, stopping) = tokio::sync::watch::channel(false);
    for pause in [0, 100] {
        watchers.spawn(watch(with(&keys.reader), Duration::from_millis(pause), stopping.clone()));
    }
    Load { workers, watchers, stop }
}

/// Writes, deletes and brings back, one at a time, and reads what it wrote.
async fn write(worker: Worker, node: usize, mut chance: Chance) {
    // (what it says, whether it is there)
    let mut rows: BTreeMap<String, (String, bool)> = BTreeMap::new();
    let mut number = 0;
    while worker.goes_on() {
        number += 1;
        let request_id = format!("{}-{number}", NODES[node]);
        let sku = format!("nodes/{}/skus/{}", NODES[node], chance.below(CODES));
        let before = rows.get(&sku).cloned();
        let (action, text, sequence) = match before {
            Some((text, false)) => {
                let request = v1::UndeleteSkuRequest { name: sku.clone(), request_id, ..Default::default() };
                let done = worker.wire.insist(&worker.key, |transport| {
                    let request = request.clone();
                    async move { CatalogServiceClient::new(transport).undelete_sku(request).await }
                });
                ("undeleted", text, done.await.expect("brought back").change_sequence)
            }
            Some((text, true)) if chance.percent(15) => {
                let request = v1::DeleteSkuRequest { name: sku.clone(), request_id, ..Default::default() };
                let done = worker.wire.insist(&worker.key, |transport| {
                    let request = request.clone();
                    async move { CatalogServiceClient::new(transport).delete_sku(request).await }
                });
                ("deleted", text, done.await.expect("deleted").change_sequence)
            }
            before => {
                // Always something else than before, so that every write is a change.
                let mut text = name(chance.below(PRODUCTS), node);
                while before.as_ref().is_some_and(|(before, _)| *before == text) {
                    text = name(chance.below(PRODUCTS), node);
                }
                let attributes = v1::SkuAttributes { display_name: text.clone(), ..Default::default() };
                let written =
                    v1::Sku { name: sku.clone(), attributes: Some(attributes), ..Default::default() };
                let request = v1::UpdateSkuRequest {
                    sku: Some(written),
                    allow_missing: true,
                    request_id,
                    ..Default::default()
                };
                let done = worker.wire.insist(&worker.key, |transport| {
                    let request = request.clone();
                    async move { CatalogServiceClient::new(transport).update_sku(request).await }
                });
                let action = if before.is_some() { "updated" } else { "created" };
                (action, text, done.await.expect("written").change_sequence)
            }
        };
        let is_there = action != "deleted";
        worker.book().wrote(&sku, action, &text, sequence);
        rows.insert(sku.clone(), (text.clone(), is_there));
        if chance.percent(30) {
            let request = v1::GetSkuRequest { name: sku.clone(), ..Default::default() };
            let read = worker.wire.insist(&worker.key, |transport| {
                let request = request.clone();
                async move { CatalogServiceClient::new(transport).get_sku(request).await }
            });
            match read.await {
                Ok(read) => {
                    let read = read.sku.and_then(|sku| sku.attributes).unwrap_or_default().display_name;
                    assert!(is_there && read == text, "{sku} was {action} as {text}, read as {read}");
                }
                Err(status) => {
                    assert!(!is_there && status.code() == Code::NotFound, "{sku} was {action}: {status:?}");
                }
            }
        }
    }
}

/// Imports lists; after a break, from the first row without an acknowledgement.
async fn import(worker: Worker, node: usize, mut chance: Chance) {
    let mut number = 0;
    while worker.goes_on() {
        number += 1;
        let rows: Vec<(String, String)> = (0..ROWS)
            .map(|row| {
                // One in twenty cannot be taken: a row without a name.
                let text = if chance.percent(5) { String::new() } else { name(chance.below(PRODUCTS), node) };
                (format!("nodes/{}/skus/{number}-{row}", NODES[node]), text)
            })
            .collect();
        let mut acknowledged = 0;
        let begun = Instant::now();
        while acknowledged < rows.len() {
            let before = acknowledged;
            send(&worker, node, number, &rows, &mut acknowledged).await;
            if acknowledged < rows.len() {
                worker.book().broken += usize::from(acknowledged > before);
                assert!(begun.elapsed() < Duration::from_secs(60), "the import never ends");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(300 + chance.next() % 1_000)).await;
    }
}

/// One stream, as far as it goes.
async fn send(
    worker: &Worker,
    node: usize,
    number: usize,
    rows: &[(String, String)],
    acknowledged: &mut usize,
) {
    let start = v1::ImportStart {
        parent: format!("nodes/{}", NODES[node]),
        import_id: format!("{number}"),
        ..Default::default()
    };
    let first = *acknowledged;
    let mut messages = vec![v1::ImportSkusRequest { message: Some(Message::Start(start)) }];
    for (at, (name, text)) in rows.iter().enumerate().skip(first) {
        let attributes = v1::SkuAttributes { display_name: text.clone(), ..Default::default() };
        let sku = v1::Sku { name: name.clone(), attributes: Some(attributes), ..Default::default() };
        let row = v1::ImportRow { row: at as i64 + 1, sku: Some(sku) };
        messages.push(v1::ImportSkusRequest { message: Some(Message::Row(row)) });
    }
    let (tell, told) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        for message in messages {
            // Slowly, so that rows come in several parts.
            tokio::time::sleep(Duration::from_millis(2)).await;
            if tell.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut client = CatalogServiceClient::new(worker.wire.with(&worker.key));
    let mut answers = match client.import_skus(ReceiverStream::new(told)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) if is_no_answer(&status) => return,
        Err(status) => panic!("the import is refused: {status:?}"),
    };
    while let Some(answer) = answers.next().await {
        let ack = match answer {
            Ok(v1::ImportSkusResponse { message: Some(import_skus_response::Message::Ack(ack)) }) => ack,
            Ok(_) => continue,
            Err(status) if is_no_answer(&status) => return,
            Err(status) => panic!("the import broke: {status:?}"),
        };
        assert_eq!(ack.row, *acknowledged as i64 + 1, "rows are acknowledged in their order");
        let (name, text) = &rows[*acknowledged];
        assert_eq!(ack.error.is_empty(), !text.is_empty(), "{name}: {}", ack.error);
        if !text.is_empty() {
            worker.book().wrote(name, "created", text, ack.change_sequence);
        }
        *acknowledged += 1;
    }
}

/// Asks for what was acknowledged: it is found, and what is found is sound.
async fn find(worker: Worker, mut chance: Chance) {
    while worker.goes_on() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let by_name = chance.percent(50);
        let imported = {
            let book = worker.book();
            let rows: Vec<&String> = book.writes.keys().filter(|name| name.starts_with("nodes/i")).collect();
            if rows.is_empty() { continue } else { rows[chance.below(rows.len())].clone() }
        };
        let query = if by_name {
            let text = name(chance.below(PRODUCTS), chance.below(3));
            v1::match_query::Query::Attributes(v1::SkuAttributes { display_name: text, ..Default::default() })
        } else {
            v1::match_query::Query::Sku(imported)
        };
        let request = v1::FindMatchesRequest {
            query: Some(v1::MatchQuery { query: Some(query) }),
            ..Default::default()
        };
        let found = worker.wire.insist(&worker.key, |transport| {
            let request = request.clone();
            async move { MatchServiceClient::new(transport).find_matches(request).await }
        });
        for found in found.await.expect("an answer").matches {
            let evidence = found.evidence.expect("with evidence");
            assert!((0.0..=1.0).contains(&evidence.confidence), "{evidence:?}");
            let is_auto = evidence.zone == i32::from(v1::Zone::Auto);
            assert!(evidence.veto.is_empty() || !is_auto, "a contradiction is never linked: {evidence:?}");
        }
        worker.book().found += 1;
    }
}

/// A steward: claims, decides, and takes some of it back.
async fn decide(worker: Worker, mut chance: Chance) {
    let mut number = 0;
    while worker.goes_on() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let claim = v1::ClaimReviewsRequest { max_results: 3, ..Default::default() };
        let claimed = worker.wire.insist(&worker.key, |transport| {
            let claim = claim.clone();
            async move { ReviewServiceClient::new(transport).claim_reviews(claim).await }
        });
        for review in claimed.await.expect("claimed").reviews {
            number += 1;
            let verdict = [v1::Verdict::Same, v1::Verdict::Different, v1::Verdict::New][chance.below(3)];
            let request = v1::DecideReviewRequest {
                name: review.name.clone(),
                verdict: verdict.into(),
                reason: format!("d{number}"),
                etag: review.etag.clone(),
                request_id: format!("d{number}"),
            };
            let decided = worker.wire.insist(&worker.key, |transport| {
                let request = request.clone();
                async move { ReviewServiceClient::new(transport).decide_review(request).await }
            });
            let decision = match decided.await {
                Ok(answer) => answer.decision.expect("the decision"),
                // Withdrawn or changed meanwhile, or it would tear a rule.
                Err(status) => {
                    let expected = [Code::Aborted, Code::FailedPrecondition, Code::NotFound];
                    assert!(expected.contains(&status.code()), "{status:?}");
                    continue;
                }
            };
            let name = decision.name.clone();
            let fresh = worker.book().decisions.insert(name.clone(), Decided { decision, undone: false });
            assert!(fresh.is_none(), "{name} is given twice");
            if chance.percent(15) {
                let request = v1::UndoDecisionRequest {
                    name: name.clone(),
                    reason: "after all not".to_owned(),
                    request_id: format!("u{number}"),
                };
                let undone = worker.wire.insist(&worker.key, |transport| {
                    let request = request.clone();
                    async move { ReviewServiceClient::new(transport).undo_decision(request).await }
                });
                match undone.await {
                    Ok(_) => worker.book().decisions.get_mut(&name).expect("just put").undone = true,
                    Err(status) => assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}"),
                }
            }
        }
    }
}

/// From the beginning of the log, each time from where it was.
async fn watch(worker: Worker, pause: Duration, stopping: tokio::sync::watch::Receiver<bool>) {
    let mut seen = Seen::default();
    let mut cursor = 0;
    loop {
        let request = v1::WatchChangesRequest { after_sequence: Some(cursor), ..Default::default() };
        let mut client = MasterServiceClient::new(worker.wire.with(&worker.key));
        let mut answers = match client.watch_changes(request).await {
            Ok(answers) => answers.into_inner(),
            Err(status) => {
                assert!(is_no_answer(&status), "{status:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        loop {
            // The last changes come within a moment of the last write.
            let patience = if *stopping.borrow() { 2 } else { 1 };
            match tokio::time::timeout(Duration::from_secs(patience), answers.next()).await {
                Ok(Some(Ok(answer))) => {
                    for change in answer.changes {
                        assert_eq!(change.sequence, cursor + 1, "a number was left out or came twice");
                        cursor = change.sequence;
                        seen.changes.push(change);
                    }
                    assert_eq!(answer.sequence, cursor, "nothing was filtered");
                    // A slow reader, who catches up at the end.
                    if !*stopping.borrow() {
                        tokio::time::sleep(pause).await;
                    }
                }
                Ok(Some(Err(status))) => {
                    assert!(is_no_answer(&status), "{status:?}");
                    break;
                }
                Ok(None) => break,
                Err(_) if *stopping.borrow() && patience == 2 => {
                    worker.book().seen.push(seen);
                    return;
                }
                Err(_) => {}
            }
        }
    }
}

//! kill -9 at any moment: what was acknowledged is there, once; nothing is there by half; the store verifies.
//!
//! The test starts itself again as a child that keeps batches and says so after each; kills it; opens the store;
//! looks; and goes on with it.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

#[path = "support/mod.rs"]
mod support;

use domain::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use store::{Batch, Deleted, Location, Page, Request, SkuFilter, Store};
use support::postgres::{Fsync, Server};
use support::words::*;

/// Lives and deaths of the child.
const LIVES: u64 = 12;
/// SKUs in a batch; besides, it has a master and its members.
const SKUS: usize = 20;
const STORE: &str = "TONGPIN_CRASH_STORE";
const FIRST: &str = "TONGPIN_CRASH_FIRST";

/// Batch `i`: SKUs i-0 …, two of them in a master of their own; repeatable.
fn work(i: usize) -> Batch {
    let mut all = batch(i as i64);
    for n in 0..SKUS {
        all = all.with(put_sku("a", &format!("{i}-{n}"), "可乐"));
    }
    let id = format!("m{i}");
    all = all.with(put_sku("b", &format!("{i}"), "可乐")).with(put_master(&id));
    all = all.with(join("a", &format!("{i}-0"), &id)).with(join("b", &format!("{i}"), &id));
    let request = Request { caller: actor("child"), id: format!("{i}"), digest: "d".into() };
    all.repeatable(request, Vec::new())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Not a test of its own: what the child does.
#[test]
#[ignore = "the child of the crash tests"]
fn child() {
    let Ok(location) = std::env::var(STORE) else { return };
    let first: usize = std::env::var(FIRST).unwrap().parse().unwrap();
    runtime().block_on(async {
        let store = Store::open(&location.parse().unwrap()).await.unwrap();
        for i in first.. {
            store.commit(&work(i)).await.unwrap();
            // Into one write, so that a line is there whole or not at all.
            std::io::stderr().write_all(format!("kept {i}\n").as_bytes()).unwrap();
        }
    });
}

/// Lets a child live for a while; the last batch that it acknowledged.
fn live_and_die(location: &str, first: usize, life: Duration) -> Option<usize> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(STORE, location)
        .env(FIRST, first.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(i) = line.strip_prefix("kept ").and_then(|i| i.parse().ok()) {
                let _ = tell.send(i);
            }
        }
    });
    // The life begins with the first batch: before, there is nothing to lose.
    let begun = told.recv_timeout(Duration::from_secs(30)).expect("the child keeps a batch");
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    told.try_iter().last().or(Some(begun))
}

async fn look(location: &Location, acknowledged: usize) -> usize {
    let store = Store::open(location).await.unwrap();
    assert_eq!(store.verify().await.unwrap(), []);
    let masters = all_masters(&store).await;
    // The one under way when the child died may be there too, whole.
    let kept = masters.len();
    assert!(kept == acknowledged + 1 || kept == acknowledged + 2, "{kept} kept, {acknowledged} acknowledged");
    let mut codes = Vec::new();
    let mut page = Page::first(1_000);
    loop {
        let filter = SkuFilter { deleted: Deleted::Shown, ..Default::default() };
        let paged = store.list_skus(&filter, &page).await.unwrap();
        codes.extend(paged.items.into_iter().map(|row| row.value.sku.key));
        let Some(token) = paged.next else { break };
        page = Page::after(1_000, Some(token));
    }
    assert_eq!(codes.len(), kept * (SKUS + 1), "every batch whole, once");
    // Asking again for what was acknowledged changes nothing; asking for the one under way settles it.
    let last = store.last_sequence().await.unwrap();
    store.commit(&work(acknowledged)).await.unwrap();
    assert_eq!(store.last_sequence().await.unwrap(), last);
    store.commit(&work(acknowledged + 1)).await.unwrap();
    assert_eq!(all_masters(&store).await.len(), acknowledged + 2);
    let per_batch = (2 + SKUS + 1 + 1) as i64; // members, SKUs, master
    assert_eq!(store.last_sequence().await.unwrap().0, 2 + per_batch * (acknowledged as i64 + 2));
    store.close().await;
    acknowledged + 2
}

async fn all_masters(store: &Store) -> Vec<Stored<Master>> {
    let (mut all, mut page) = (Vec::new(), Page::first(1_000));
    loop {
        let paged = store.list_masters(Deleted::Shown, &page).await.unwrap();
        all.extend(paged.items);
        let Some(token) = paged.next else { return all };
        page = Page::after(1_000, Some(token));
    }
}

fn die_often(address: &str) {
    let location: Location = address.parse().unwrap();
    let runtime = runtime();
    runtime.block_on(async {
        let store = Store::open(&location).await.unwrap();
        store.commit(&batch(0).with(put_node("a")).with(put_node("b"))).await.unwrap();
        store.close().await;
    });
    let mut next = 0;
    for life in 0..LIVES {
        // Odd lengths from 0 to some 150 ms: anywhere inside a batch.
        let length = Duration::from_micros(life * 13_337 % 150_000);
        let acknowledged = live_and_die(address, next, length).unwrap();
        next = runtime.block_on(look(&location, acknowledged));
    }
    println!("{next} batches, {LIVES} deaths");
}

#[test]
fn sqlite_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    die_often(folder.path().join("truth.db").to_str().unwrap());
}

#[test]
fn postgres_loses_nothing() {
    let server = Server::start(Fsync::Off);
    die_often(&server.database("crash"));
}

/// The server itself dies, with fsync, while a client writes; the client is told, waits, asks again and ends with
/// everything once.
#[test]
fn postgres_itself_may_die() {
    let mut server = Server::start(Fsync::On);
    let location: Location = server.database("crash").parse().unwrap();
    runtime().block_on(async {
        let store = Store::open(&location).await.unwrap();
        store.commit(&batch(0).with(put_node("a")).with(put_node("b"))).await.unwrap();
        let mut follower = store.follow(Sequence(0));
        let writer = tokio::spawn(async move {
            let mut refused = 0;
            for i in 0..60 {
                while let Err(error) = store.commit(&work(i)).await {
                    assert!(error.is_transient(), "{error:?}");
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            refused
        });
        let mut refused = 0;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            server = tokio::task::spawn_blocking(move || {
                server.stop();
                std::thread::sleep(Duration::from_millis(200));
                server.resume();
                server
            })
            .await
            .unwrap();
        }
        refused += writer.await.unwrap();
        let expected = 2 + 60 * (2 + SKUS as i64 + 1 + 1);
        let mut seen = Vec::new();
        while (seen.len() as i64) < expected {
            match follower.next(500).await {
                Ok(changes) => seen.extend(changes.into_iter().map(|entry| entry.sequence.0)),
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        }
        assert_eq!(seen, (1..=expected).collect::<Vec<_>>());
        let store = Store::open(&location).await.unwrap();
        assert_eq!(store.verify().await.unwrap(), []);
        assert_eq!(store.last_sequence().await.unwrap().0, expected);
        println!("the writer was refused {refused} times");
    });
}

//! How fast the truth is kept: `cargo bench -p store` (50,000 SKUs), or `cargo bench -p store -- 200000 500`: SKUs,
//! batch size.
//!
//! Real durability on both: SQLite with WAL and synchronous FULL in a temporary folder (set `TMPDIR` to choose the
//! disk), PostgreSQL with fsync on a throwaway server. Every batch is acknowledged before the next is sent: one
//! client.

#[path = "../tests/support/mod.rs"]
mod support;

use domain::*;
use std::time::{Duration, Instant};
use store::{Batch, Expect, Location, Mutation, Store};
use support::postgres::{Fsync, Server};
use support::words::*;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let skus = numbers.first().copied().unwrap_or(50_000);
    let size = numbers.get(1).copied().unwrap_or(1_000);
    println!("{skus} SKUs of 20 nodes in batches of {size}, one client\n");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("truth.db");
    println!("SQLite (WAL, synchronous FULL)");
    runtime.block_on(measure(&Location::Sqlite(file.clone()), skus, size));
    let bytes = std::fs::metadata(&file).expect("the store's file").len();
    println!("  {:<52} {:>10} bytes a SKU\n", "file, log and revisions included", bytes / skus as u64);

    println!("PostgreSQL (fsync on)");
    let server = Server::start(Fsync::On);
    runtime.block_on(measure(&Location::Postgres(server.database("bench")), skus, size));
}

async fn measure(location: &Location, skus: usize, size: usize) {
    let store = Store::open(location).await.expect("the store opens");
    let nodes = (0..20).fold(batch(1), |all, i| all.with(put_node(&format!("n{i:02}"))));
    store.commit(&nodes).await.expect("nodes");

    run(&store, "new SKUs", skus, size, |i| vec![put(i, "康师傅红烧牛肉面", None)]).await;
    run(&store, "the same again", skus, size, |i| vec![put(i, "康师傅红烧牛肉面", None)]).await;
    run(&store, "renamed", skus, size, |i| vec![put(i, "统一老坛酸菜面", Some(MatchState::NotRun))]).await;
    run(&store, "new SKU, own master, 10 candidates", skus / 5, size / 5, |i| linked(skus + i)).await;
    run(&store, "one SKU a batch (each durable)", 500.min(skus), 1, |i| vec![put(i, "农心辛拉面", None)])
        .await;

    let start = Instant::now();
    let mut follower = store.follow(Sequence(0));
    let last = store.last_sequence().await.expect("a sequence");
    while follower.cursor() < last {
        follower.next(1_000).await.expect("changes");
    }
    rate("changes read from the log", last.0 as usize, start.elapsed());

    let mut times = Vec::new();
    for i in 0..2_000 {
        let start = Instant::now();
        store.translate(&sku_key(skus + (i * 7919) % (skus / 5)), &[]).await.expect("a translation");
        times.push(start.elapsed());
    }
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("  {:<52} {:>7} µs p50, {} µs p99", "translate", p50.as_micros(), p99.as_micros());

    let start = Instant::now();
    let findings = store.verify().await.expect("a verification");
    assert!(findings.is_empty(), "{findings:?}");
    rate("SKUs verified", skus + skus / 5, start.elapsed());
    store.close().await;
}

async fn run(
    store: &Store,
    what: &str,
    count: usize,
    size: usize,
    mutations: impl Fn(usize) -> Vec<Mutation>,
) {
    let start = Instant::now();
    let all: Vec<usize> = (0..count).collect();
    for (second, part) in all.chunks(size.max(1)).enumerate() {
        let mut batch = Batch::new(at(second as i64), &actor("bench"), "import");
        batch.mutations = part.iter().flat_map(|i| mutations(*i)).collect();
        store.commit(&batch).await.expect("a batch");
    }
    rate(what, count, start.elapsed());
}

fn rate(what: &str, count: usize, time: Duration) {
    println!("  {what:<52} {:>10.0} a second", count as f64 / time.as_secs_f64());
}

fn sku_key(i: usize) -> SkuKey {
    key(&format!("n{:02}", i % 20), &format!("SKU-{i:07}"))
}

fn put(i: usize, name: &str, state: Option<MatchState>) -> Mutation {
    let sku = LocalSku {
        key: sku_key(i),
        brand: Some("康师傅".into()),
        spec: Some("103g*12".into()),
        unit: Some("箱".into()),
        category: Some("方便食品".into()),
        price: Some(i as f64 / 100.0),
        ..LocalSku::named("", "", &format!("{name} {i}"))
    };
    Mutation::PutSku { sku, state, expect: Expect::Any }
}

/// What the engine writes for a SKU that nothing matches: itself, its candidates, a master of its own.
fn linked(i: usize) -> Vec<Mutation> {
    let candidate = |n: usize| Candidate {
        other: sku_key(i + n),
        confidence: Confidence::saturating(1.0 / (n + 2) as f64),
        zone: Zone::Reject,
        evidence: "{\"reasons\":[[\"brand\",\"agrees\",1.2],[\"mass\",\"contradicts\",-6.1]]}".into(),
        model: "scorer-1".into(),
    };
    let id = format!("m{i:08}");
    vec![
        put(i, "洽洽香瓜子", Some(MatchState::Rejected)),
        Mutation::SetCandidates { key: sku_key(i), candidates: (1..=10).map(candidate).collect() },
        put_master(&id),
        Mutation::SetMember { key: sku_key(i), master: Some(MasterId::new(&id)) },
    ]
}

//! How fast the service answers: `cargo bench -p gateway` (20,000 SKUs), `cargo bench -p gateway -- 200000`, or
//! `cargo bench -p gateway -- 1000000 find` for finding alone, over SKUs that were put into the store directly.
//!
//! One client over gRPC against a server in this process, SQLite with full durability in a temporary folder. Writes
//! `evaluation/reports/service/`.

#[path = "../../tests/support/mod.rs"]
mod support;

mod goods;
mod report;

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::import_skus_request::Message;
use api::v1::import_skus_response;
use api::v1::match_service_client::MatchServiceClient;
use domain::{Holding, LocalSku, MatchState, Node, NodeId, NodeKind};
use goods::{NODES, name, product, products};
use report::{Report, memory, processor};
use std::path::Path;
use std::time::{Duration, Instant};
use store::{Batch, Expect, Location, Mutation, Store};
use support::{Running, Transport, free, stored, update};
use tokio_stream::StreamExt;
use tonic::transport::Channel;

fn sku_name(at: usize) -> String {
    let (node, code, _) = goods::sku(at);
    format!("nodes/{node}/skus/{code}")
}

async fn import(running: &Running, from: usize, rows: usize) -> Duration {
    let mut client = CatalogServiceClient::new(running.admin());
    let start =
        v1::ImportStart { parent: "nodes/-".to_owned(), import_id: format!("i{from}"), replace: false };
    let start = v1::ImportSkusRequest { message: Some(Message::Start(start)) };
    let row = |at: usize| support::sku(&sku_name(at), &goods::sku(at).2);
    let rows = (1..).zip(from..from + rows).map(move |(number, at)| v1::ImportSkusRequest {
        message: Some(Message::Row(v1::ImportRow { row: number, sku: Some(row(at)) })),
    });
    let clock = Instant::now();
    let messages = tokio_stream::iter(std::iter::once(start).chain(rows));
    let mut answers = client.import_skus(messages).await.expect("an import").into_inner();
    while let Some(answer) = answers.next().await {
        if let Some(import_skus_response::Message::Ack(ack)) = answer.expect("an answer").message {
            assert!(ack.error.is_empty(), "{}", ack.error);
        }
    }
    clock.elapsed()
}

async fn wait_until_linked(running: &Running) -> Duration {
    let clock = Instant::now();
    loop {
        let counts = running.live.store().state_counts().await.expect("counts");
        if counts.iter().all(|(state, _)| *state != MatchState::NotRun) {
            return clock.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn rate(rows: usize, time: Duration) -> String {
    format!("{:.0} rows/s", rows as f64 / time.as_secs_f64())
}

async fn measure_imports(running: &Running, report: &mut Report, skus: usize) {
    let time = import(running, 0, skus).await;
    report.figure("ImportSkus into an empty store, durable", rate(skus, time), "");
    let time = time + wait_until_linked(running).await;
    report.figure("the same until all are linked", rate(skus, time), "1,500 rows/s");
    let batch = 5_000.min(skus / 4);
    let (held, used) = (memory(), processor());
    let time = import(running, skus, batch).await;
    let time = time + wait_until_linked(running).await;
    let per_row = (processor() - used) * 1e3 / batch as f64;
    let figure = format!("{}, {per_row:.2} ms of processor time a row", rate(batch, time));
    report.figure(&format!("ImportSkus of {batch} new rows, durable and linked"), figure, "1,500 rows/s");
    report.figure("memory before and after it", format!("{held} MB, {} MB", memory()), "flat");
    let time = import(running, skus, batch).await;
    report.figure("ImportSkus of the same rows again", rate(batch, time), "");
}

/// The query of each step.
type Query = fn(usize) -> Option<v1::MatchQuery>;

async fn measure_finding(running: &Running, report: &mut Report, skus: usize) {
    const ASKED: usize = 1_000;
    const WARMING: usize = 50;
    let mut matches = MatchServiceClient::new(running.admin());
    let names = |at: usize| free(&format!("{} {}号", name(at * 31 % products(), at), at % 7));
    let queries: [(&str, Query); 2] =
        [("FindMatches of a stored SKU", |at| stored(&sku_name(at))), ("FindMatches of a free name", names)];
    for (what, query) in queries {
        let mut times = Vec::with_capacity(ASKED);
        for at in 0..ASKED + WARMING {
            let request = v1::FindMatchesRequest { query: query(at * 17 % skus), ..Default::default() };
            let clock = Instant::now();
            matches.find_matches(request).await.expect("an answer");
            times.push(clock.elapsed());
        }
        report.latency(what, times.split_off(WARMING), "p50 5 ms, p99 25 ms at 1,000,000");
    }
}

/// New SKUs and renamed ones, each with its link decision in the answer; and how long another client asks until it finds it.
async fn measure_writing(running: &Running, report: &mut Report, skus: usize) {
    const WRITTEN: usize = 300;
    let mut catalog = CatalogServiceClient::new(running.admin());
    let mut other = other_client(running).await;
    let (mut created, mut renamed, mut visible) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..WRITTEN {
        let (number, node) = (at * 113 % products(), at % NODES.len());
        let sku = format!("nodes/{}/skus/U{at}", NODES[node]);
        let clock = Instant::now();
        catalog.update_sku(update(&sku, &name(number, node))).await.expect("written");
        created.push(clock.elapsed());
        visible.push(time_until_found(&mut other, &sku).await);
    }
    for at in 0..WRITTEN {
        // The holder writes the same product otherwise, or says another flavour or size of it.
        let at = at * 71 % skus;
        let (node, number) = product(at);
        let text = match at % 2 {
            0 => name(number, node + 1),
            _ => name((number + products() / 12) % products(), node),
        };
        let clock = Instant::now();
        catalog.update_sku(update(&sku_name(at), &text)).await.expect("written");
        renamed.push(clock.elapsed());
    }
    report.latency("UpdateSku of a new SKU, with its link decision", created, "p99 100 ms at 200,000");
    report.latency("UpdateSku that renames, with its link decision", renamed, "p99 100 ms at 200,000");
    report.latency("from the answer until another client finds it", visible, "p99 100 ms");
}

async fn other_client(running: &Running) -> MatchServiceClient<Transport> {
    let address = format!("http://{}", running.gateway.address());
    let channel = Channel::from_shared(address).expect("an address").connect().await.expect("a connection");
    let key = support::Keyed(running.admin.clone());
    MatchServiceClient::new(Transport::new(channel, key))
}

async fn time_until_found(client: &mut MatchServiceClient<Transport>, sku: &str) -> Duration {
    let clock = Instant::now();
    loop {
        let request = v1::FindMatchesRequest { query: stored(sku), ..Default::default() };
        let answer = client.find_matches(request).await;
        if answer.is_ok_and(|answer| !answer.into_inner().matches.is_empty()) {
            return clock.elapsed();
        }
        assert!(clock.elapsed() < Duration::from_secs(5), "{sku} is not found");
    }
}

/// A server over SKUs that are in the store already and count as looked at: finding reads the index and the scores, not
/// the groups.
async fn filled(skus: usize, report: &mut Report) -> Running {
    const ROWS: usize = 2_000;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await.expect("a store");
    let batch = || Batch::new(live::now(), &domain::Actor::new("bench"), "import");
    let node = |id: &&str| Node {
        id: NodeId((*id).into()),
        title: (*id).to_owned(),
        kind: NodeKind::Shop,
        place: None,
        holding: Holding::OnePerMaster,
        archived: None,
    };
    let mut nodes = batch();
    let put = |node: Node| Mutation::PutNode { node, expect: Expect::Absent };
    nodes.mutations.extend(NODES.iter().map(node).map(put));
    store.commit(&nodes).await.expect("the nodes are kept");
    for from in (0..skus).step_by(ROWS) {
        let mut rows = batch();
        rows.mutations.extend((from..skus.min(from + ROWS)).map(goods::sku).map(|(node, code, name)| {
            let sku = LocalSku::named(node, &code, &name);
            Mutation::PutSku { sku, state: Some(MatchState::Rejected), expect: Expect::Absent }
        }));
        store.commit(&rows).await.expect("the rows are kept");
    }
    let clock = Instant::now();
    let running = Running::over(store, folder, |_| {}).await;
    report.figure("the index is built from the store", format!("{:.0} s", clock.elapsed().as_secs_f64()), "");
    report.figure("memory", format!("{} MB", memory()), "");
    running
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let skus = arguments.iter().filter_map(|argument| argument.parse().ok()).next().unwrap_or(20_000);
    let finds_only = arguments.iter().any(|argument| argument == "find");
    let about = format!("The service over {skus} SKUs of {} nodes, one client", NODES.len());
    println!("{about}\n");
    let mut report = Report::default();
    let running = if finds_only {
        filled(skus, &mut report).await
    } else {
        let running = Running::start().await;
        running.nodes(&NODES).await;
        measure_imports(&running, &mut report, skus).await;
        running
    };
    measure_finding(&running, &mut report, skus).await;
    if !finds_only {
        measure_writing(&running, &mut report, skus).await;
        let findings = running.live.store().verify().await.expect("verified");
        assert!(findings.is_empty(), "{findings:?}");
        let counts = running.live.store().state_counts().await.expect("counts");
        let counts: Vec<String> = counts.iter().map(|(s, n)| format!("{} {n}", s.as_str())).collect();
        report.figure("states in the end", counts.join(", "), "");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../evaluation/reports/service");
    let mode = if finds_only { " find" } else { "" };
    let file = format!("{skus}{}", mode.replace(' ', "-"));
    report.write(&folder, &file, &format!("cargo bench -p gateway -- {skus}{mode}"), &about);
    running.gateway.stop().await;
}

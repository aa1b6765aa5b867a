//! How long a steward waits: `cargo bench -p console@0.1.0` (20,000 SKUs), or `cargo bench -p console@0.1.0 -- 200000`.
//!
//! A real Chromium against a server in this process, SQLite in a temporary folder; times by the browser's own clock. Writes
//! `evaluation/reports/service/console-N.md`.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // the tests use the rest
#[path = "../tests/browser/driver.rs"]
mod driver;
#[path = "../../gateway/benches/service/goods.rs"]
mod goods;
#[allow(dead_code)] // the other bench uses the rest
#[path = "../../gateway/benches/service/report.rs"]
mod report;

use console::Settings;
use domain::{Actor, Holding, LocalSku, Node, NodeId, NodeKind};
use driver::Chromium;
use engine::{Engine, EngineOptions, Quiet};
use live::{Live, Options, now};
use report::Report;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Batch, Expect, Location, Mutation, Role, Store};

const PASSWORD: &str = "correct horse battery";
const ROWS: usize = 5_000;
const ROUNDS: usize = 20;
const QUESTIONS: usize = 50;
const PAINT: &str = "1 s to the first paint at 200,000";
const ACTION: &str = "200 ms at 200,000";

async fn fill(store: &Store, skus: usize) {
    let batch = || Batch::new(now(), &Actor::new("bench"), "import");
    let mut nodes = batch();
    for id in goods::NODES {
        let (kind, holding) = (NodeKind::Shop, Holding::OnePerMaster);
        let node =
            Node { id: NodeId(id.into()), title: id.to_owned(), kind, place: None, holding, archived: None };
        nodes = nodes.with(Mutation::PutNode { node, expect: Expect::Absent });
    }
    store.commit(&nodes).await.unwrap();
    for from in (0..skus).step_by(ROWS) {
        let mut rows = batch();
        for at in from..(from + ROWS).min(skus) {
            let (node, code, name) = goods::sku(at);
            let sku = LocalSku::named(node, &code, &name);
            rows.mutations.push(Mutation::PutSku { sku, state: None, expect: Expect::Absent });
        }
        store.commit(&rows).await.unwrap();
    }
}

/// From the start of the navigation to the first paint with content, and until everything is there.
fn painted(browser: &mut Chromium) -> (Duration, Duration) {
    let paint = "new Promise(done => { const look = () => { \
                 const paint = performance.getEntriesByName('first-contentful-paint')[0]; \
                 paint ? done(paint.startTime) : setTimeout(look, 5); }; look(); })";
    let whole = "performance.getEntriesByType('navigation')[0].loadEventEnd";
    let milliseconds = |value: f64| Duration::from_secs_f64(value / 1e3);
    let first = browser.eval(paint).as_f64().unwrap();
    (milliseconds(first), milliseconds(browser.eval(whole).as_f64().unwrap()))
}

fn look(browser: &mut Chromium, address: &str) -> (Vec<Duration>, Vec<Duration>) {
    (0..ROUNDS)
        .map(|_| {
            browser.go(address);
            painted(browser)
        })
        .unzip()
}

fn main() {
    let skus = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(20_000);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(skus));
}

async fn run(skus: usize) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let engine = Arc::new(Engine::open(&models, &EngineOptions::default(), &Quiet).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await.unwrap();
    for (name, role) in [("root", Role::Admin), ("li", Role::Steward)] {
        store.create_user(name, role, PASSWORD, &Actor::new("bench"), now()).await.unwrap();
    }
    fill(&store, skus).await;
    let live = Live::new(engine, store, Options::default());
    let clock = Instant::now();
    live.build().await.unwrap();
    println!(
        "{skus} SKUs of {} products, linked in {:.0} s",
        goods::products(),
        clock.elapsed().as_secs_f64()
    );
    let router = console::router(live.clone(), Settings::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let report = tokio::task::spawn_blocking(move || walk(&server)).await.unwrap();
    let command = format!("cargo bench -p console@0.1.0 -- {skus}");
    let about = format!("The steward's console over {skus} SKUs of 8 nodes, one browser");
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../evaluation/reports/service");
    report.write(&reports, &format!("console-{skus}"), &command, &about);
}

fn walk(server: &str) -> Report {
    let mut report = Report::default();
    let mut browser = Chromium::start();
    let browser = &mut browser;
    browser.size(1280, 900);
    browser.go(&format!("{server}/console/login"));
    browser.type_into("[name=name]", "root");
    browser.type_into("[name=password]", PASSWORD);
    browser.follow(".login button");
    let pages = [
        ("queue", "/console/"),
        ("queue, one node", "/console/?node=n3"),
        ("masters", "/console/masters"),
        ("masters, a search", "/console/masters?q=%E6%B5%B7%E5%A4%A9%E9%85%B1%E6%B2%B9500ml"),
        ("quality", "/console/quality"),
        ("learning", "/console/learning"),
        ("import", "/console/import"),
        ("persons", "/console/persons"),
        ("what was done", "/console/audit"),
    ];
    for (name, path) in pages {
        let (first, whole) = look(browser, &format!("{server}{path}"));
        report.latency(&format!("{name}: first paint"), first, PAINT);
        report.latency(&format!("{name}: all of it"), whole, "");
    }
    // A master, by the first that the search shows.
    browser.go(&format!("{server}/console/masters"));
    let master = browser.text("document.querySelector('main a[href^=\"/console/masters/\"]').href");
    let (first, whole) = look(browser, &master);
    report.latency("a master: first paint", first, PAINT);
    report.latency("a master: all of it", whole, "");

    // From a key to the next question ready to be answered.
    browser.go(&format!("{server}/console/"));
    let milliseconds = |value: f64| Duration::from_secs_f64(value / 1e3);
    let begun = browser.press_on("Enter");
    report.latency("the first question, from the key", vec![milliseconds(begun)], ACTION);
    let (first, _) = painted(browser);
    report.latency("a question: first paint", vec![first], PAINT);
    let (mut answered, mut taken_back) = (Vec::new(), Vec::new());
    for at in 0..QUESTIONS {
        answered.push(milliseconds(browser.press_on(["s", "d", "n", "x"][at % 4])));
        if at % 5 == 4 {
            taken_back.push(milliseconds(browser.press_on("u")));
            // What is no question any more once its answer is taken back leads to the queue.
            if !browser.text("location.pathname").starts_with("/console/reviews/") {
                browser.press_on("Enter");
            }
            answered.push(milliseconds(browser.press_on("x")));
        }
    }
    report.latency("an answer, from the key to the next question", answered, ACTION);
    report.latency("taking back, from the key to the question again", taken_back, ACTION);
    report
}

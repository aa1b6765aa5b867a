//! The console in a real browser: the whole journey in both languages, on a desk and on a phone; fifty questions by keyboard;
//! two stewards at one queue, one of whose browsers is killed. Pictures land in the folder that the test names.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod driver;

use console::Settings;
use domain::{Actor, Holding, LocalSku, Node, NodeId, NodeKind};
use driver::Chromium;
use engine::{Engine, EngineOptions, Quiet};
use live::{Live, Options, now};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use store::{Batch, Expect, Location, Mutation, ReviewFilter, Role, Store};
use tables::{ColumnMap, NodeFrom, RecordReader};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let open = || Arc::new(Engine::open(&models, &EngineOptions::default(), &Quiet).unwrap());
    ENGINE.get_or_init(open).clone()
}

struct Server {
    live: Live,
    address: String,
    _folder: TempDir,
}

impl Server {
    async fn new(settings: Settings) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await.unwrap();
        for (name, role) in [("root", Role::Admin), ("li", Role::Steward), ("wang", Role::Steward)] {
            store.create_user(name, role, PASSWORD, &Actor::new("test"), now()).await.unwrap();
        }
        let live = Live::new(engine(), store, Options::default());
        live.build().await.unwrap();
        let router = console::router(live.clone(), settings);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { live, address, _folder: folder }
    }

    /// The project's own six nodes: some hundred questions.
    /// Over sets of the project's `datasets`.
    async fn with_sets(sets: &[&str], settings: Settings) -> Server {
        let server = Server::new(settings).await;
        let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        let mut reader = RecordReader::new(&ColumnMap::default());
        for set in sets {
            reader.file(&datasets.join(set).join("records.csv"), &NodeFrom::Column).unwrap();
        }
        server.keep(&reader.finish().unwrap().skus).await;
        server
    }

    async fn keep(&self, skus: &[LocalSku]) {
        let by = Actor::new("test");
        let nodes: BTreeSet<&NodeId> = skus.iter().map(|sku| &sku.key.node).collect();
        let mut batch = Batch::new(now(), &by, "import");
        for id in nodes {
            let (kind, holding) = (NodeKind::Shop, Holding::OnePerMaster);
            let node =
                Node { id: id.clone(), title: id.to_string(), kind, place: None, holding, archived: None };
            batch = batch.with(Mutation::PutNode { node, expect: Expect::Any });
        }
        for sku in skus {
            batch = batch.with(Mutation::PutSku { sku: sku.clone(), state: None, expect: Expect::Any });
        }
        self.live.store().commit(&batch).await.unwrap();
        self.live.build().await.unwrap();
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    fn log_in(&self, browser: &mut Chromium, name: &str) {
        browser.go(&self.at("/console/login"));
        browser.type_into("[name=name]", name);
        browser.type_into("[name=password]", PASSWORD);
        browser.follow(".login button");
        assert_eq!(browser.text("location.pathname"), "/console/", "{name} is in");
    }

    async fn waiting(&self) -> usize {
        let page = store::Page::first(1_000);
        self.live.store().reviews(&ReviewFilter::default(), &page).await.unwrap().items.len()
    }
}

/// Where pictures go.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Goods of three nodes that agree, and a kiosk that leaves out the brand, as a file.
fn goods_file() -> String {
    let mut file = String::from("门店,货号,品名\n");
    for (g, good) in
        ["酱油", "陈醋", "洗洁精", "矿泉水", "花生油", "沐浴露", "洗衣液", "白酒"].iter().enumerate()
    {
        for (s, (ml, litres)) in [("500ml", "0.5升"), ("1L", "1升")].iter().enumerate() {
            for (b, brand) in ["海天", "立白"].iter().enumerate() {
                file.push_str(&format!("一店,A{b}{g}{s},{brand}{good}{ml}\n"));
                file.push_str(&format!("二店,B{b}{g}{s},{brand} {good} {litres}\n"));
                file.push_str(&format!("仓库,C{b}{g}{s},{good}({brand}) {ml}\n"));
            }
        }
        file.push_str(&format!("小店,K{g},{good}500毫升\n"));
    }
    // What must stay text: markup, a turned direction, a picture that is none, one endless name.
    file.push_str("小店,X1,\"酱油500ml<script>window.harm=1</script>\"\n");
    file.push_str("小店,X2,\"陈醋500ml\u{202e}\"\"><img src=x onerror=window.harm=1>\"\n");
    file.push_str("小店,X3,洗洁精500ml 👨‍👩‍👧🧴\n");
    file.push_str(&format!("小店,X4,白酒{}500ml\n", "长".repeat(10_000)));
    file.push_str("小店,,没有编码\n");
    file
}

/// What every page has to be, whatever it shows; gives what axe-core finds serious.
fn check_page(browser: &mut Chromium, axe: Option<&str>, name: &str, folder: &Path) -> Option<String> {
    let wide = browser.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert!(wide.as_i64().unwrap() <= 0, "{name}: the page is {wide} px wider than the screen");
    assert!(browser.eval("typeof window.harm").as_str() == Some("undefined"), "{name}: a name was run");
    assert!(browser.complaints.is_empty(), "{name}: {:?}", browser.complaints);
    let unnamed = "[...document.querySelectorAll('input:not([type=hidden]), select, button, a[href]')].filter(one => \
                   !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).map(one => one.outerHTML).join('\\n')";
    assert_eq!(browser.text(unnamed), "", "{name}: controls without a name");
    let mut findings = None;
    if let Some(axe) = axe {
        browser.eval(axe);
        let found = browser.text(
            "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations \
             .filter(one => one.impact === 'serious' || one.impact === 'critical') \
             .map(one => one.id + ': ' + one.nodes.map(node => node.html.slice(0, 160) + ' ' + (node.any[0]?.message || '')).slice(0, 3).join(' | ')).join('\\n'))",
        );
        findings = (!found.is_empty()).then(|| format!("{name}: {found}"));
    }
    browser.picture(&folder.join(format!("{name}.png")));
    findings
}

const AXE: &str = "axe-core@4.10.3";

/// The checker of accessibility, by the ordinary npm client; `None`, said aloud, where that cannot be had.
fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(AXE.replace('@', "-"));
    let script = folder.join("package/axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let packed = Command::new("npm").args(["pack", AXE, "--silent"]).current_dir(&folder).output();
        let name = match packed {
            Ok(output) if output.status.success() => {
                String::from_utf8(output.stdout).unwrap().trim().to_owned()
            }
            other => {
                println!("axe-core cannot be had from npm, only the checks of our own are made: {other:?}");
                return None;
            }
        };
        let unpacked = Command::new("tar").args(["xzf", &name]).current_dir(&folder).status();
        assert!(unpacked.unwrap().success(), "{name} is no archive");
    }
    Some(std::fs::read_to_string(script).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_whole_journey() {
    let axe = tokio::task::spawn_blocking(axe).await.unwrap();
    for (language, name, width, height) in [("en", "desk", 1280, 900), ("zh", "phone", 390, 844)] {
        let server = Server::new(Settings::default()).await;
        let axe = axe.clone();
        let journey = tokio::task::spawn_blocking(move || {
            let mut browser = Chromium::start();
            browser.size(width, height);
            journey(&server, &mut browser, axe.as_deref(), language, name);
            server
        });
        let server = journey.await.unwrap();
        assert_eq!(server.live.store().verify().await.unwrap(), []);
    }
    println!("pictures: {}", pictures().display());
}

fn journey(server: &Server, browser: &mut Chromium, axe: Option<&str>, language: &str, name: &str) {
    let folder = pictures();
    let mut findings: Vec<String> = Vec::new();
    let mut see = |browser: &mut Chromium, page: &str| {
        findings.extend(check_page(browser, axe, &format!("{name}-{language}-{page}"), &folder));
    };
    browser.go(&server.at("/console/login"));
    if browser.text("document.documentElement.lang").starts_with("zh") != (language == "zh") {
        browser.follow(&format!("button[name=language][value={language}]"));
    }
    if name == "phone" {
        browser.follow("button[name=theme][value=dark]");
    }
    see(browser, "login");
    server.log_in(browser, "root");

    // Import: dropped, mapped, kept.
    browser.go(&server.at("/console/import"));
    see(browser, "import");
    let drop = format!(
        "(() => {{ const data = new DataTransfer(); data.items.add(new File([{}], 'goods.csv')); \
         document.dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true, cancelable: true }})); }})()",
        serde_json::json!(goods_file())
    );
    browser.eval(&drop);
    browser.follow("form.drop button");
    see(browser, "import-columns");
    browser.follow("button[value=import]");
    let begun = Instant::now();
    while browser.eval("!document.querySelector('main a[href=\"/console/\"]')").as_bool().unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the import ends");
        std::thread::sleep(Duration::from_millis(200));
    }
    see(browser, "import-outcome");

    // What was linked by itself.
    browser.go(&server.at("/console/masters?q=%E6%B5%B7%E5%A4%A9%E9%85%B1%E6%B2%B9500ml"));
    see(browser, "masters");
    browser.follow("table.list a");
    assert!(browser.eval("document.querySelectorAll('[name=pick]').length").as_i64().unwrap() >= 3, "linked");
    see(browser, "master");
    let master = browser.text("location.pathname");

    // Split one off, and put it back.
    browser.click("[name=pick]");
    browser.follow("#split button");
    see(browser, "split");
    browser.follow("button.primary");
    assert_eq!(browser.text("location.search"), "?said=split");
    browser.go(&server.at(&format!("{master}/merge")));
    see(browser, "merge-search");
    let mut merged = false;
    for at in
        0..browser.eval("document.querySelectorAll('a.button[href*=\"with=\"]').length").as_i64().unwrap()
    {
        browser.go(&server.at(&format!("{master}/merge")));
        let address =
            browser.text(&format!("document.querySelectorAll('a.button[href*=\"with=\"]')[{at}].href"));
        browser.go(&address);
        if browser.eval("!!document.querySelector('button.primary')").as_bool().unwrap() {
            see(browser, "merge");
            browser.follow("button.primary");
            merged = true;
            break;
        }
    }
    assert!(merged, "what was split off can be put back");
    assert_eq!(browser.text("location.search"), "?said=merged");

    // Questions by keyboard.
    browser.go(&server.at("/console/"));
    see(browser, "queue");
    browser.press_on("Enter");
    assert!(browser.text("location.pathname").starts_with("/console/reviews/"), "a question");
    see(browser, "question");
    let first = browser.text("location.pathname");
    browser.press("1");
    assert!(browser.eval("document.querySelector('[name=reason][value=size]').checked").as_bool().unwrap());
    browser.press_on("d");
    assert_ne!(browser.text("location.pathname"), first, "the next one");
    browser.press_on("u");
    assert_eq!(browser.text("location.pathname"), first, "the answer is taken back");
    browser.press("?");
    assert!(browser.eval("document.querySelector('dialog').open").as_bool().unwrap(), "help");
    see(browser, "help");
    browser.click("dialog button");
    browser.press_on("s");
    browser.press_on("n");

    // An answer that is typed while the connection is gone is kept, and sent when it is back.
    let here = browser.text("location.pathname");
    let offline = |browser: &mut Chromium, gone: bool| {
        browser.call("Network.enable", serde_json::json!({}));
        let conditions = serde_json::json!({ "offline": gone, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        browser.call("Network.emulateNetworkConditions", conditions);
    };
    if here.starts_with("/console/reviews/") {
        offline(browser, true);
        browser.press("d");
        assert!(!browser.eval("document.querySelector('.offline').hidden").as_bool().unwrap(), "it is said");
        browser.leaving(|browser| offline(browser, false));
        assert_ne!(browser.text("location.pathname"), here, "the answer went out by itself");
        browser.complaints.clear();
    }
    if browser.text("location.pathname").starts_with("/console/reviews/") {
        browser.press_on("Escape");
    }

    // Many at once, and back.
    browser.go(&server.at("/console/"));
    browser.click("details.bulk summary");
    see(browser, "queue-bulk");
    browser.follow("details.bulk button");
    see(browser, "bulk-preview");
    browser.follow("button[value=apply]");
    assert!(browser.text("location.pathname").starts_with("/console/bulk/b-"), "given");
    see(browser, "bulk");
    browser.press_on("u");
    assert_eq!(browser.text("location.search"), "?said=undone");

    browser.go(&server.at("/console/quality"));
    see(browser, "quality");
    browser.go(&server.at("/console/answers"));
    see(browser, "answers");
    browser.go(&server.at("/console/learning"));
    see(browser, "learning");
    browser.go(&server.at("/console/learning/try?cut=0.6"));
    see(browser, "learning-try");
    browser.go(&server.at("/console/approvals"));
    see(browser, "approvals");
    browser.go(&server.at("/console/persons"));
    see(browser, "persons");
    browser.go(&server.at("/console/audit"));
    see(browser, "audit");
    browser.follow("form[action='/console/logout'] button");
    assert_eq!(browser.text("location.pathname"), "/console/login");
    assert!(findings.is_empty(), "axe-core finds serious:\n{}", findings.join("\n"));
}

/// Answers by keyboard until nothing is left or `most` are answered; gives the milliseconds of each answer.
fn answer(browser: &mut Chromium, most: usize) -> Vec<f64> {
    let mut took = Vec::new();
    while took.len() < most && browser.text("location.pathname").starts_with("/console/reviews/") {
        let key = if browser.eval("!!document.querySelector('[data-key=d]')").as_bool().unwrap() {
            "d"
        } else {
            break;
        };
        took.push(browser.press_on(key));
    }
    took
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_stewards_settle_a_queue_while_claims_expire_and_a_browser_dies() {
    // Claims end so soon that one that died with its browser comes back while the test runs.
    let settings = Settings { lease_seconds: 4, ..Settings::default() };
    let server = Arc::new(Server::with_sets(&["demo", "tills"], settings).await);
    let before = server.waiting().await;
    assert!((500..1_000).contains(&before), "{before} questions");
    let steward = |name: &'static str, most: usize| {
        let server = server.clone();
        tokio::task::spawn_blocking(move || {
            let mut browser = Chromium::start();
            browser.size(1280, 900);
            server.log_in(&mut browser, name);
            browser.press_on("Enter");
            let took = answer(&mut browser, most);
            (browser, took)
        })
    };
    // Fifty by keyboard, alone: the figure that a steward feels.
    let (mut li, took) = steward("li", 50).await.unwrap();
    let alone = median(took);
    println!(
        "50 questions by keyboard: median {alone:.0} ms from answer to next question ready (debug build)"
    );
    assert!(alone < 1_500.0, "{alone} ms");

    let wang = steward("wang", 200);
    let li = tokio::task::spawn_blocking(move || {
        let took = answer(&mut li, 200);
        (li, took)
    });
    let (wang, by_wang) = wang.await.unwrap();
    let (mut li, by_li) = li.await.unwrap();
    println!(
        "two at once: {} and {} answers, median {:.0} ms",
        by_li.len(),
        by_wang.len(),
        median(by_li.clone())
    );
    assert_eq!((by_li.len(), by_wang.len()), (200, 200), "there are questions enough for both");
    // With a question in hand.
    wang.kill();
    let address = server.at("/console/");
    let done = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let mut more = 0;
        loop {
            more += answer(&mut li, 1_000).len();
            li.go(&address);
            if li.eval("!document.querySelector('table.queue')").as_bool().unwrap() {
                return more;
            }
            assert!(begun.elapsed() < Duration::from_secs(400), "the queue ends");
            // What the dead browser held is free when its lease has run out.
            std::thread::sleep(Duration::from_secs(1));
            li.press_on("Enter");
        }
    });
    println!("{} more by the one who is left", done.await.unwrap());
    assert_eq!(server.waiting().await, 0, "none is lost");
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    let mut page = store::Page::first(1_000);
    loop {
        let found = server.live.store().decisions(&store::DecisionFilter::default(), &page).await.unwrap();
        for row in found.items {
            *given.entry(row.value.review.unwrap().to_string()).or_default() += 1;
        }
        let Some(next) = found.next else { break };
        page = store::Page::after(1_000, Some(next));
    }
    assert!(given.len() >= before, "{} of {before} and what came after", given.len());
    let twice: Vec<_> = given.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "answered twice: {twice:?}");
    assert_eq!(server.live.store().verify().await.unwrap(), []);
}

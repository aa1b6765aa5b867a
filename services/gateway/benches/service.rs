//! How fast the service answers: `cargo bench -p gateway` (20,000 SKUs), or `cargo bench -p gateway -- 200000`.
//!
//! One client over gRPC against a server in this process, SQLite with full durability in a temporary folder. The catalogue is
//! made up: eight nodes, each with its own way of writing brand, good, flavour and size.

#[path = "../tests/support/mod.rs"]
mod support;

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::import_skus_request::Message;
use api::v1::import_skus_response;
use api::v1::match_service_client::MatchServiceClient;
use std::time::{Duration, Instant};
use support::{Running, free, sku, stored, update};
use tokio_stream::StreamExt;

const NODES: [&str; 8] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"];
const BRANDS: [&str; 24] = [
    "海天",
    "立白",
    "康师傅",
    "统一",
    "伊利",
    "蒙牛",
    "农夫山泉",
    "怡宝",
    "金龙鱼",
    "鲁花",
    "蓝月亮",
    "雕牌",
    "汰渍",
    "舒肤佳",
    "清风",
    "维达",
    "心相印",
    "洽洽",
    "旺旺",
    "奥利奥",
    "德芙",
    "青岛",
    "雪花",
    "李锦记",
];
const GOODS: [&str; 40] = [
    "酱油",
    "陈醋",
    "蚝油",
    "料酒",
    "花生油",
    "玉米油",
    "大米",
    "挂面",
    "方便面",
    "火腿肠",
    "酸奶",
    "纯牛奶",
    "矿泉水",
    "苏打水",
    "绿茶",
    "红茶",
    "可乐",
    "啤酒",
    "白酒",
    "黄酒",
    "饼干",
    "薯片",
    "瓜子",
    "巧克力",
    "软糖",
    "洗衣液",
    "洗洁精",
    "肥皂",
    "沐浴露",
    "洗发水",
    "护发素",
    "牙膏",
    "抽纸",
    "卷纸",
    "湿巾",
    "垃圾袋",
    "保鲜膜",
    "电池",
    "毛巾",
    "拖把",
];
const FLAVOURS: [&str; 12] = [
    "原味",
    "草莓味",
    "柠檬味",
    "薄荷",
    "玫瑰",
    "椰子味",
    "蜂蜜",
    "芒果味",
    "茉莉",
    "香辣味",
    "海盐味",
    "黄瓜味",
];
const SIZES: [(&str, &str); 12] = [
    ("100g", "100克"),
    ("250g", "0.25kg"),
    ("300ml", "0.3升"),
    ("450g", "450克"),
    ("500ml", "0.5L"),
    ("750ml", "750毫升"),
    ("800g", "0.8kg"),
    ("1L", "1升"),
    ("1.5L", "1500ml"),
    ("2kg", "2千克"),
    ("3L", "3升"),
    ("5kg", "10斤"),
];

/// The name of product `number` as node `node` writes it.
fn name(number: usize, node: usize) -> String {
    let brand = BRANDS[number % BRANDS.len()];
    let rest = number / BRANDS.len();
    let good = GOODS[rest % GOODS.len()];
    let rest = rest / GOODS.len();
    let flavour = FLAVOURS[rest % FLAVOURS.len()];
    let rest = rest / FLAVOURS.len();
    let (size, other) = SIZES[rest % SIZES.len()];
    match node % 4 {
        0 => format!("{brand}{good}{flavour}{size}"),
        1 => format!("{brand} {flavour}{good} {other}"),
        2 => format!("{good}({brand}){flavour} {size}"),
        _ => format!("{flavour}{good} {brand} {other} 装"),
    }
}

fn products() -> usize {
    BRANDS.len() * GOODS.len() * FLAVOURS.len() * SIZES.len()
}

/// SKU `at` of the whole catalogue.
fn row(at: usize) -> v1::Sku {
    // A prime step spreads products; eight nodes share most of them.
    let (node, number) = (at % NODES.len(), (at / NODES.len() * 7_919 + at % 3) % products());
    sku(&format!("nodes/{}/skus/S{at:07}", NODES[node]), &name(number, node))
}

async fn import(running: &Running, from: usize, rows: usize) -> Duration {
    let mut client = CatalogServiceClient::new(running.admin());
    let start =
        v1::ImportStart { parent: "nodes/-".to_owned(), import_id: format!("i{from}"), replace: false };
    let start = v1::ImportSkusRequest { message: Some(Message::Start(start)) };
    let rows = (1..).zip(from..from + rows).map(|(number, at)| v1::ImportSkusRequest {
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
        if counts.iter().all(|(state, _)| *state != domain::MatchState::NotRun) {
            return clock.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "  {what:<46} p50 {:>8.2} ms  p90 {:>8.2} ms  p99 {:>8.2} ms  max {:>8.2} ms",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

#[tokio::main]
async fn main() {
    let skus: usize = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(20_000);
    println!("{skus} SKUs of {} nodes, one client\n", NODES.len());
    let running = Running::start().await;
    running.nodes(&NODES).await;
    let time = import(&running, 0, skus).await;
    println!(
        "  {:<46} {:>8.0} rows/s",
        "ImportSkus into an empty store, durable",
        skus as f64 / time.as_secs_f64()
    );
    let rest = wait_until_linked(&running).await;
    println!("  {:<46} {:>8.0} rows/s", "  and linked", skus as f64 / (time + rest).as_secs_f64());
    let (more, batch) = (skus, 3_000.min(skus / 4));
    let time = import(&running, more, batch).await;
    let linked = time + wait_until_linked(&running).await;
    println!(
        "  {:<46} {:>8.0} rows/s",
        "ImportSkus of new rows, durable and linked",
        batch as f64 / linked.as_secs_f64()
    );
    let time = import(&running, more, batch).await;
    println!("  {:<46} {:>8.0} rows/s", "ImportSkus of the same rows", batch as f64 / time.as_secs_f64());

    let mut matches = MatchServiceClient::new(running.admin());
    let mut catalog = CatalogServiceClient::new(running.admin());
    let asked = 1_000;
    for (what, query) in [
        (
            "FindMatches of a stored SKU",
            (|at: usize| stored(&row(at).name)) as fn(usize) -> Option<v1::MatchQuery>,
        ),
        ("FindMatches of a free name", |at: usize| {
            free(&format!("{} {}号", name(at * 31 % products(), at), at % 7))
        }),
    ] {
        let mut times = Vec::with_capacity(asked);
        for at in 0..asked + 50 {
            let request = v1::FindMatchesRequest { query: query(at * 17 % skus), ..Default::default() };
            let clock = Instant::now();
            matches.find_matches(request).await.expect("an answer");
            times.push(clock.elapsed());
        }
        tell(what, times.split_off(50)); // warm
    }
    let mut times = Vec::new();
    for at in 0..200 {
        let (number, node) = (at * 113 % products(), at % NODES.len());
        let request = update(&format!("nodes/{}/skus/U{at}", NODES[node]), &name(number, node));
        let clock = Instant::now();
        catalog.update_sku(request).await.expect("written");
        times.push(clock.elapsed());
    }
    tell("UpdateSku of a new SKU, with its link decision", times);
    let counts = running.live.store().state_counts().await.expect("counts");
    println!(
        "\n  states: {}",
        counts.iter().map(|(s, n)| format!("{} {n}", s.as_str())).collect::<Vec<_>>().join(", ")
    );
    let findings = running.live.store().verify().await.expect("verified");
    assert!(findings.is_empty(), "{findings:?}");
    running.gateway.stop().await;
}

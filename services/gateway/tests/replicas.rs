//! Two servers on one PostgreSQL: what is written through one is answered by the other within a second, and both may write.

#[path = "../../store/tests/support/postgres.rs"]
#[allow(dead_code)]
mod postgres;
mod support;

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use std::time::{Duration, Instant};
use store::{Location, Store};
use support::{Running, free, stored, update};

async fn server(url: &str) -> Running {
    let store = Store::open(&Location::Postgres(url.to_owned())).await.expect("a store");
    Running::over(store, tempfile::tempdir().expect("a folder"), |_| {}).await
}

/// Names found for a query, best first, with confidences as they are on the wire.
async fn found(at: &Running, query: Option<v1::MatchQuery>) -> Vec<(String, u64)> {
    let request = v1::FindMatchesRequest { query, max_results: 20, ..Default::default() };
    let answer = MatchServiceClient::new(at.admin()).find_matches(request).await;
    let matches = answer.map(|answer| answer.into_inner().matches).unwrap_or_default();
    let of = |found: v1::Match| {
        let confidence = found.evidence.unwrap_or_default().confidence;
        (found.sku.unwrap_or_default().name, confidence.to_bits())
    };
    matches.into_iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_answer_alike_within_a_second() {
    let postgres = postgres::Server::start(postgres::Fsync::Off);
    let url = postgres.database("replicas");
    let one = server(&url).await;
    one.fill().await;
    let two = server(&url).await;
    let mut slowest = Duration::ZERO;
    let products = [
        "鲁花花生油5L",
        "金龙鱼玉米油4升",
        "蓝月亮洗衣液2kg",
        "清风抽纸3包",
        "洽洽瓜子500g",
        "青岛啤酒500ml",
    ];
    for (number, text) in products.iter().enumerate() {
        let (writer, reader) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        for node in ["shop", "store"] {
            let name = format!("nodes/{node}/skus/N{number}");
            let mut catalog = CatalogServiceClient::new(writer.admin());
            let written = catalog.update_sku(update(&name, text)).await.expect("written").into_inner();
            let begun = Instant::now();
            while !found(reader, free(text)).await.iter().any(|(found, _)| *found == name) {
                assert!(begun.elapsed() < Duration::from_secs(20), "{name} never arrives");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slowest = slowest.max(begun.elapsed());
            assert!(written.change_sequence > 0);
        }
        // The same links, found by whichever is asked.
        let name = format!("nodes/shop/skus/N{number}");
        let begun = Instant::now();
        loop {
            let request = || v1::GetSkuRequest { name: name.clone(), ..Default::default() };
            let a =
                CatalogServiceClient::new(one.admin()).get_sku(request()).await.expect("there").into_inner();
            let b =
                CatalogServiceClient::new(two.admin()).get_sku(request()).await.expect("there").into_inner();
            if a == b && found(&one, stored(&name)).await == found(&two, stored(&name)).await {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{a:?}\n{b:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        slowest = slowest.max(begun.elapsed());
    }
    println!("at most {slowest:?} from an acknowledgement to the other server's answer");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let findings = one.live.store().verify().await.expect("verified");
    assert!(findings.is_empty(), "{findings:?}");
}

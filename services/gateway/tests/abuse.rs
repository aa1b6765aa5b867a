//! Callers who do it wrong, or very often: each gets a clear answer or a closed connection, and everybody else is served.
//!
//! The long form holds ten thousand streams open:
//!
//! ```text
//! TONGPIN_STREAMS=10000 cargo test --release -p gateway --test abuse -- --nocapture
//! ```

mod support;

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::master_service_client::MasterServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::{Chance, Keyed, Running, free, number, panics, update};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

/// Somebody else asks, and is answered soon.
async fn is_served(running: &Running) -> Duration {
    let request = v1::FindMatchesRequest { query: free("海天酱油500ml"), ..Default::default() };
    let begun = Instant::now();
    let found = MatchServiceClient::new(running.admin()).find_matches(request).await.expect("an answer");
    assert!(!found.into_inner().matches.is_empty());
    begun.elapsed()
}

async fn is_sound(running: &Running) {
    assert_eq!(panics::seen(), 0);
    let findings = running.live.store().verify().await.expect("verified");
    assert!(findings.is_empty(), "{findings:?}");
}

/// Bytes, and gone before an answer.
async fn throw(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let _ = stream.write_all(bytes).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// What the server says to some bytes, until it closes or is silent.
async fn say(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // It may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    answer
}

fn post(path: &str, key: &str, content: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content}\r\nauthorization: Bearer {key}\r\n\
         content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_mean_nothing_are_answered_or_dropped() {
    panics::watch();
    let running = Running::filled().await;
    let address = running.gateway.address();
    let mut chance = Chance(5);
    for _ in 0..60 {
        throw(address, &chance.bytes(400)).await;
        let http2 = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &chance.bytes(400)].concat();
        throw(address, &http2).await;
    }
    let path = "/tongpin.v1.MatchService/FindMatches";
    for content in [
        "application/grpc",
        "application/grpc-web",
        "application/grpc-web-text",
        "application/json",
        "text/plain",
        "",
    ] {
        for _ in 0..25 {
            let mut body = chance.bytes(300);
            if chance.percent(50) {
                // A frame's head that promises four gigabytes, or a compressed message that is none.
                body = [[u8::from(chance.percent(50)), 0xff, 0xff, 0xff, 0xff].as_slice(), &body].concat();
            }
            let answer = say(address, &post(path, &running.admin, content, &body)).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(answer.starts_with("HTTP/1.1 "), "{content}: {answer}");
            assert!(
                !answer.starts_with("HTTP/1.1 200 OK") || answer.contains("grpc-status"),
                "{content}: {answer}"
            );
            assert!(!answer.contains("DEFECT"), "{content}: {answer}");
        }
    }
    is_served(&running).await;
    is_sound(&running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused() {
    panics::watch();
    let running = Running::filled().await;
    let long = "酱".repeat(3 << 20); // 9 MB where 8 MiB are allowed
    let mut catalog = CatalogServiceClient::new(running.admin());
    let refused = catalog.update_sku(update("nodes/shop/skus/X1", &long)).await.expect_err("refused");
    assert!(matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted), "{refused:?}");
    // Inside the limit of messages, but no name.
    let refused =
        catalog.update_sku(update("nodes/shop/skus/X1", &long[..3 << 20])).await.expect_err("refused");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let json = format!("{{\"query\":{{\"attributes\":{{\"displayName\":\"{long}\"}}}}}}");
    let path = "/tongpin.v1.MatchService/FindMatches";
    let request = post(path, &running.admin, "application/json", json.as_bytes());
    // Read while it is written: the server answers before it has everything.
    let stream = TcpStream::connect(running.gateway.address()).await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    let sending = tokio::spawn(async move { to.write_all(&request).await });
    let mut answer = Vec::new();
    let _ = from.read_to_end(&mut answer).await;
    let _ = sending.await.expect("sent as far as it went");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("resource_exhausted"), "{answer}");
    // Nested deeper than anything is.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer =
        say(running.gateway.address(), &post(path, &running.admin, "application/json", deep.as_bytes()))
            .await;
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    is_served(&running).await;
    is_sound(&running).await;
}

/// Watches of everything that comes, some hundred a connection.
async fn watches(running: &Running, count: usize) -> Vec<Streaming<v1::WatchChangesResponse>> {
    let mut open = Vec::with_capacity(count);
    let address = format!("http://{}", running.gateway.address());
    let mut channel = None;
    for at in 0..count {
        if at % 200 == 0 {
            let endpoint = Channel::from_shared(address.clone()).expect("an address");
            channel = Some(endpoint.connect().await.expect("a connection"));
        }
        let transport =
            InterceptedService::new(channel.clone().expect("just made"), Keyed(running.admin.clone()));
        let mut masters = MasterServiceClient::new(transport);
        let watch = masters.watch_changes(v1::WatchChangesRequest::default()).await;
        open.push(watch.expect("a watch").into_inner());
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_are_held_and_no_more_than_allowed() {
    panics::watch();
    let most = number("TONGPIN_STREAMS", 400);
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::with_settings(folder, |settings| {
        settings.limits.streams = most;
        settings.limits.calls_per_second = 100_000;
    })
    .await;
    running.fill().await;
    let before = is_served(&running).await;
    let mut open = watches(&running, most).await;
    let mut masters = MasterServiceClient::new(running.admin());
    let refused = masters.watch_changes(v1::WatchChangesRequest::default()).await.expect_err("one too many");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    let with_all = is_served(&running).await;

    // Everybody hears of a write.
    let mut catalog = CatalogServiceClient::new(running.admin());
    let begun = Instant::now();
    catalog.update_sku(update("nodes/shop/skus/X1", "鲁花花生油5L")).await.expect("written");
    let acknowledged = begun.elapsed();
    for stream in &mut open {
        let heard = async {
            loop {
                let message = stream.message().await.expect("sound").expect("a message");
                if message.changes.iter().any(|change| change.resource == "nodes/shop/skus/X1") {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), heard).await.expect("heard in time");
    }
    println!(
        "{most} streams: a search {before:?} without, {with_all:?} with them; a write acknowledged in {acknowledged:?}, \
         heard by all in {:?}",
        begun.elapsed()
    );
    assert!(with_all < Duration::from_secs(2), "{with_all:?}");
    drop(open);
    // Their places are free again, a moment later.
    let begun = Instant::now();
    while masters.watch_changes(v1::WatchChangesRequest::default()).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "places are never given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_sound(&running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_caller_holds_up_nobody_and_misses_nothing() {
    panics::watch();
    let running = Running::filled().await;
    // Requests that never end.
    let mut halves = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(running.gateway.address()).await.expect("a connection");
        stream.write_all(b"POST /tongpin.v1.MatchService/FindMatches HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{").await.expect("sent");
        halves.push(stream);
    }
    let mut masters = MasterServiceClient::new(running.admin());
    let watch = v1::WatchChangesRequest { after_sequence: Some(0), ..Default::default() };
    let mut slow = masters.watch_changes(watch).await.expect("a watch").into_inner();
    let mut catalog = CatalogServiceClient::new(running.admin());
    for round in 0..6 {
        let requests =
            (0..100).map(|at| update(&format!("nodes/erp/skus/S{at}"), &format!("特产{round}号{at}")));
        let batch = v1::BatchUpdateSkusRequest {
            parent: "nodes/erp".to_owned(),
            requests: requests.collect(),
            ..Default::default()
        };
        catalog.batch_update_skus(batch).await.expect("written");
        assert!(is_served(&running).await < Duration::from_secs(2));
    }
    let last = running.live.store().last_sequence().await.expect("a number").0;
    let mut cursor = 0;
    while cursor < last {
        let answer = tokio::time::timeout(Duration::from_secs(20), slow.message()).await.expect("in time");
        for change in answer.expect("sound").expect("a message").changes {
            assert_eq!(change.sequence, cursor + 1);
            cursor = change.sequence;
        }
    }
    drop(halves);
    is_sound(&running).await;
}

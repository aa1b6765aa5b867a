//! What speaks plain HTTP: JSON calls, the description, metrics, health.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use support::Running;

/// (status line, body) of one request on a connection of its own.
fn ask(address: SocketAddr, head: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    let request = format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn json_says_what_grpc_says() {
    let running = Running::filled().await;
    let (address, key) = (running.gateway.address(), running.admin.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let post = |call: &str, key: &str, body: &str| {
            let head = format!(
                "POST /tongpin.v1.{call} HTTP/1.1\r\ncontent-type: application/json\r\nauthorization: Bearer {key}"
            );
            ask(address, &head, body)
        };
        let (status, body) = post(
            "MatchService/FindMatches",
            &key,
            r#"{"query":{"attributes":{"displayName":"海天酱油500ml"}},"maxResults":2}"#,
        );
        assert!(status.contains(" 200 "), "{status} {body}");
        assert!(body.contains("nodes/shop/skus/A000") && body.contains("\"confidence\":"), "{body}");
        let (status, body) = post("CatalogService/GetSku", &key, r#"{"name":"nodes/shop/skus/none"}"#);
        assert!(status.contains(" 404 ") && body.contains("\"reason\":\"NOT_FOUND\""), "{status} {body}");
        let (status, body) = post("CatalogService/GetSku", &key, r#"{"name":"shop"}"#);
        assert!(status.contains(" 400 ") && body.contains("\"field\":\"name\""), "{status} {body}");
        let (status, body) = post("CatalogService/GetSku", &key, r#"{"nom":"x"}"#);
        assert!(status.contains(" 400 "), "{status} {body}");
        let (status, _) = post("CatalogService/GetSku", "none", "{}");
        assert!(status.contains(" 401 "), "{status}");
        let (status, _) = post("CatalogService/ImportSkus", &key, "{}");
        assert!(status.contains(" 501 "), "{status}");
        let (status, _) = post("Nothing/Here", &key, "{}");
        assert!(status.contains(" 501 "), "{status}");

        let (status, body) = ask(address, "GET /openapi.json HTTP/1.1", "");
        assert!(
            status.contains(" 200 ") && body.contains("/tongpin.v1.MatchService/FindMatches"),
            "{status}"
        );
        let (status, body) = ask(address, "GET /metrics HTTP/1.1", "");
        assert!(status.contains(" 200 "), "{status}");
        assert!(body.contains("tongpin_calls_total") && body.contains("tongpin_index_records 120"), "{body}");
        assert!(!body.contains("tp_") && !body.contains("酱油"), "no key, no name");
        let (status, _) = ask(address, "GET /healthz HTTP/1.1", "");
        assert!(status.contains(" 200 "), "{status}");
    });
    asked.await.expect("all asked");
}

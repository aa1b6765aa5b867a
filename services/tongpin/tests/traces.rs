//! What the process tells of itself, read by others: the log, the metrics and the traces hold no names of goods and no keys,
//! and a collector of traces gets what the service was made of, or is missed by nobody.

mod support;

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::serve_with;
use support::wire::{Keys, Wire};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};

/// What must be read nowhere.
const GOODS: &str = "绝密配方老坛酸菜";
const CODE: &str = "SECRETCODE77";

/// A collector: keeps what is brought, in the order of its coming.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().expect("no test panicked").push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Collector, String) {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server =
            tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, address)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().expect("no test panicked");
        let of_resources = requests.iter().flat_map(|request| &request.resource_spans);
        of_resources
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| scope.spans.clone())
            .collect()
    }
}

/// Writes, finds, fails; the first write inside a trace of the caller's.
async fn use_it(wire: &Wire, keys: &Keys, traceparent: &str) {
    let sku = |node: &str, text: &str| v1::Sku {
        name: format!("nodes/{node}/skus/{CODE}"),
        attributes: Some(v1::SkuAttributes { display_name: text.to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let write = |node: &str, text: &str| v1::UpdateSkuRequest {
        sku: Some(sku(node, text)),
        allow_missing: true,
        ..Default::default()
    };
    let mut catalog = CatalogServiceClient::new(wire.with(&keys.node));
    let mut request = Request::new(write("w0", &format!("{GOODS}500g")));
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("ASCII"));
    catalog.update_sku(request).await.expect("written");
    catalog.update_sku(write("w1", &format!("{GOODS} 500克"))).await.expect("written");
    let attributes = v1::SkuAttributes { display_name: format!("{GOODS}1kg"), ..Default::default() };
    let query = v1::MatchQuery { query: Some(v1::match_query::Query::Attributes(attributes)) };
    let find = v1::FindMatchesRequest { query: Some(query), ..Default::default() };
    MatchServiceClient::new(wire.with(&keys.reader)).find_matches(find).await.expect("found");
    // What goes wrong is told of too: another's node, a name that is too long, a wrong key with a name in it.
    let mut foreign = CatalogServiceClient::new(wire.with(&keys.reader));
    let refused = foreign.update_sku(write("w0", GOODS)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = catalog.update_sku(write("w0", &GOODS.repeat(9_000))).await.expect_err("refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut stranger = CatalogServiceClient::new(wire.with("tp_0123456789abcdef_SECRETSECRET"));
    let refused = stranger.update_sku(write("w0", GOODS)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::Unauthenticated);
}

fn metrics(address: &str) -> String {
    let host = address.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a page");
    page
}

/// Parents and children by name.
fn parent_of<'a>(spans: &'a [Span], child: &Span) -> Option<&'a Span> {
    spans.iter().find(|span| span.span_id == child.parent_span_id && span.trace_id == child.trace_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_calls_and_nobody_gets_names_or_keys() {
    let (collector, endpoint) = Collector::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let stderr = Stdio::from(std::fs::File::create(&log).expect("a log"));
    let data = folder.path().join("data");
    let flags = ["--data".as_ref(), data.as_os_str(), "--traces".as_ref(), endpoint.as_ref()];
    let mut served = serve_with(flags, stderr);
    let admin = served.key.take().expect("the first start shows a key");
    let wire = Wire::new(&served.address);
    let keys = Keys::make(&wire, &admin).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    use_it(&wire, &keys, &format!("00-{trace}-00f067aa0ba902b7-01")).await;
    let page = metrics(&served.address);
    served.signal("-TERM");
    assert!(served.child.wait().expect("it ends").success());

    // All of them are there when the service has ended.
    let spans = collector.spans();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let updates = named("CatalogService.UpdateSku");
    assert_eq!(updates.len(), 5, "two written, three refused");
    let inside: Vec<_> = updates.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    assert_eq!(inside.len(), 1, "one was called inside a trace");
    assert_eq!(hex(&inside[0].parent_span_id), "00f067aa0ba902b7");
    assert_eq!(named("MatchService.FindMatches").len(), 1);
    for (child, parent) in [("write rows", "CatalogService.UpdateSku"), ("find", "MatchService.FindMatches")]
    {
        let child = *named(child).first().unwrap_or_else(|| panic!("no span {child}"));
        assert_eq!(parent_of(&spans, child).map(|span| span.name.as_str()), Some(parent));
    }
    let steps: Vec<_> = spans
        .iter()
        .filter(|span| parent_of(&spans, span).is_some_and(|parent| parent.name == "write rows"))
        .map(|span| span.name.as_str())
        .collect();
    assert!(steps.contains(&"commit") && steps.contains(&"take in changes"), "{steps:?}");

    // Every text of every span, and all that others can read.
    let told = format!("{:?}", collector.0.lock().expect("no test panicked"));
    let log = std::fs::read_to_string(&log).expect("a log");
    let stdout_only = [admin.as_str(), &keys.node, &keys.reader, "SECRETSECRET", GOODS, CODE, "绝密"];
    for (place, text) in [("traces", &told), ("log", &log), ("metrics", &page)] {
        assert!(!text.is_empty(), "{place}");
        for secret in stdout_only {
            assert!(!text.contains(secret), "{place} hold {secret}: {text}");
        }
        assert!(!text.contains("tp_"), "{place} hold a key: {text}");
    }
    assert!(log.lines().all(|line| line.starts_with('{')), "JSON lines: {log}");
    assert!(page.contains("tongpin_calls_total"), "{page}");
}

/// The service goes on without a collector, says so, and does not wait for it at the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_is_missed_by_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let stderr = Stdio::from(std::fs::File::create(&log).expect("a log"));
    let data = folder.path().join("data");
    // The discard port: nobody listens there.
    let flags = ["--data".as_ref(), data.as_os_str(), "--traces".as_ref(), "http://127.0.0.1:9".as_ref()];
    let mut served = serve_with(flags, stderr);
    let admin = served.key.take().expect("the first start shows a key");
    let wire = Wire::new(&served.address);
    let keys = Keys::make(&wire, &admin).await;
    use_it(&wire, &keys, "no trace").await;
    let begun = Instant::now();
    served.signal("-TERM");
    assert!(served.child.wait().expect("it ends").success());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(log.contains("spans were not delivered") || log.contains("opentelemetry"), "{log}");
    assert!(!log.contains(GOODS) && !log.contains(CODE) && !log.contains("panicked"), "{log}");
}

#[test]
fn a_collector_that_cannot_be_asked_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tongpin.toml");
    for (text, expected) in [
        ("[traces]\nendpoint = \"https://collector:4317\"", "http://HOST:PORT"),
        ("[traces]\nendpoint = \"http://127.0.0.1:9\"\nshare = 7.0", "not in 0 to 1"),
        ("[traces]\nendpiont = \"http://127.0.0.1:9\"", "unknown field `endpiont`"),
    ] {
        std::fs::write(&config, text).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_tongpin"))
            .args(["serve", "--lang", "en", "--data"])
            .arg(folder.path())
            .arg("--config")
            .arg(&config)
            .output()
            .expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(expected), "{text}: {told}");
    }
}

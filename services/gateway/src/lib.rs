//! The service on the wire: gRPC, gRPC-Web and JSON over HTTP on one port. The only room that knows a transport.
//!
//! ```text
//! request ── json (JSON ─> gRPC) ── services ── call (key, right, rate, deadline, audit, metrics) ── live, store
//!                                             └── convert, names (wire <─> inside), failure (errors ─> status)
//! ```
//!
//! - [`Gateway::start`] listens; health says NOT_SERVING until the index is built, and again when the server stops.
//! - A call that has begun to write is finished, whether its caller waits or not.
//! - `/metrics` (Prometheus), `/openapi.json` and `/healthz` need no key and name nobody.

mod call;
mod convert;
mod failure;
mod import;
mod json;
mod names;
mod operations;
mod services;
mod settings;
mod tls;
mod trace;
mod watch;

pub use settings::{Limits, Settings, Tls};

use crate::call::Shared;
use crate::json::Transcoder;
use crate::operations::Operations;
use api::v1;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use live::Live;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

#[derive(Debug, Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no {what}: a PEM file is needed")]
    NotInFile { path: PathBuf, what: &'static str },
    #[error("TLS cannot be set up with {certificate} and {key} ({detail}): check that they belong together")]
    Tls { certificate: PathBuf, key: PathBuf, detail: String },
    #[error("a defect of this build: {0}")]
    Build(String),
}

/// A server that listens.
pub struct Gateway {
    address: SocketAddr,
    stop: channel::Sender<bool>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    grace: Duration,
}

/// One recorder a process: metrics are global.
fn recorder() -> Result<PrometheusHandle, StartError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
    let builder = PrometheusBuilder::new().set_buckets(&buckets);
    let recorder = builder.map_err(|error| StartError::Build(error.to_string()))?.build_recorder();
    let handle = recorder.handle();
    // Fails only where another thread was faster; its recorder is as good.
    let _ = metrics::set_global_recorder(recorder);
    Ok(HANDLE.get_or_init(|| handle).clone())
}

impl Gateway {
    /// Listens, and builds the index beside it.
    pub async fn start(live: Live, settings: Settings) -> Result<Gateway, StartError> {
        Gateway::start_with(live, settings, axum::Router::new()).await
    }

    /// With other pages on the same port.
    pub async fn start_with(
        live: Live,
        settings: Settings,
        pages: axum::Router,
    ) -> Result<Gateway, StartError> {
        let recorder = recorder()?;
        let wanted = settings.listen;
        let listener = TcpListener::bind(wanted).await;
        let listener = listener.map_err(|source| StartError::Listen { address: wanted, source })?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { address: wanted, source })?;
        let (stop, stopping) = channel::channel(false);
        let grace = settings.grace;
        let shared = Shared::new(live.clone(), settings, stopping.clone());
        let server = builder(&shared.settings)?;
        let (reporter, health) = tonic_health::server::health_reporter();
        let routes = routes(&shared, health, recorder, pages)?;

        let mut until = stopping.clone();
        // Here and not on the builder, which leaves connections from elsewhere alone: an answer of several frames would wait
        // 40 ms for the caller's delayed acknowledgement (RFC 896 against RFC 1122).
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut server = server;
        let serving = tokio::spawn(async move {
            let stopped = async move {
                // An error means that the handle is gone: stop too.
                let _ = until.wait_for(|stop| *stop).await;
            };
            server.add_routes(routes).serve_with_incoming_shutdown(incoming, stopped).await
        });
        tokio::spawn(keep_health(live.clone(), reporter, stopping.clone()));
        tokio::spawn(run(live, stopping));
        Ok(Gateway { address, stop, serving, grace })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new calls, lets those under way end, then returns; calls that take longer than the grace are cut off, but what
    /// they write is finished or absent.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(self.grace, &mut self.serving).await.is_err() {
            tracing::warn!("calls under way were cut off");
            self.serving.abort();
        }
    }
}

fn builder(settings: &Settings) -> Result<Server, StartError> {
    let limits = &settings.limits;
    let server = Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)));
    match &settings.tls {
        Some(tls) => tls::secure(server, tls),
        None => Ok(server),
    }
}

fn routes(
    shared: &Arc<Shared>,
    health: impl tonic::codegen::Service<
        http::Request<tonic::body::Body>,
        Response = http::Response<tonic::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + tonic::server::NamedService
    + Clone
    + Send
    + Sync
    + 'static,
    recorder: PrometheusHandle,
    pages: axum::Router,
) -> Result<Routes, StartError> {
    use services::{admin, catalog, master, matching, node, operation, policy, review};
    let most = shared.settings.limits.message_bytes;
    let operations = Arc::new(Operations::default());
    let broken = |error: &dyn ToString| StartError::Build(error.to_string());
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(api::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| broken(&error))?;
    macro_rules! service {
        ($server:path, $service:expr) => {{
            use $server as Server;
            Server::new($service)
                .max_decoding_message_size(most)
                .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
                .send_compressed(tonic::codec::CompressionEncoding::Gzip)
        }};
    }
    let routes = Routes::new(health)
        .add_service(reflection)
        .add_service(service!(v1::node_service_server::NodeServiceServer, node::Nodes(shared.clone())))
        .add_service(service!(
            v1::catalog_service_server::CatalogServiceServer,
            catalog::Catalog(shared.clone())
        ))
        .add_service(service!(
            v1::match_service_server::MatchServiceServer,
            matching::Matching(shared.clone())
        ))
        .add_service(service!(
            v1::master_service_server::MasterServiceServer,
            master::Masters(shared.clone())
        ))
        .add_service(service!(
            v1::review_service_server::ReviewServiceServer,
            review::Reviews(shared.clone())
        ))
        .add_service(service!(
            v1::policy_service_server::PolicyServiceServer,
            policy::Policies(shared.clone(), operations.clone())
        ))
        .add_service(service!(
            v1::admin_service_server::AdminServiceServer,
            admin::Administration(shared.clone(), operations.clone())
        ))
        .add_service(service!(
            v1::operation_service_server::OperationServiceServer,
            operation::Following(shared.clone(), operations)
        ));
    let transcoder = Arc::new(Transcoder::new(most).map_err(|error| broken(&error))?);
    let openapi = transcoder.openapi().to_string();
    let live = shared.live.clone();
    let ready = live.clone();
    let router = routes
        .into_axum_router()
        .layer(tonic_web::GrpcWebLayer::new())
        .layer(axum::middleware::from_fn(move |request, next| transcoder.clone().middleware(request, next)))
        .route(
            "/openapi.json",
            get(|| async move { ([(header::CONTENT_TYPE, "application/json")], openapi) }),
        )
        .route("/metrics", get(move || metrics_page(live.clone(), recorder.clone())))
        .route(
            "/healthz",
            get(|| async move {
                if ready.is_ready() {
                    (StatusCode::OK, "ok\n")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "building\n")
                }
            }),
        );
    Ok(Routes::from(router.merge(pages)))
}

async fn metrics_page(live: Live, recorder: PrometheusHandle) -> impl IntoResponse {
    metrics::gauge!("tongpin_index_records").set(live.len() as f64);
    metrics::gauge!("tongpin_index_sequence").set(live.position().0 as f64);
    if let Ok(counts) = live.store().state_counts().await {
        for (state, count) in counts {
            metrics::gauge!("tongpin_skus", "state" => state.as_str()).set(count as f64);
        }
    }
    if let Ok(last) = live.store().last_sequence().await {
        metrics::gauge!("tongpin_store_sequence").set(last.0 as f64);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render())
}

/// Builds the index, then follows the log until the server stops.
async fn run(live: Live, mut stopping: channel::Receiver<bool>) {
    let work = async {
        loop {
            let done = match live.is_ready() {
                true => live.follow().await,
                false => live.build().await,
            };
            if let Err(error) = done {
                tracing::error!(%error, "the index; trying again in a moment");
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = live.follow_scorer() => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

async fn keep_health(
    live: Live,
    reporter: tonic_health::server::HealthReporter,
    mut stopping: channel::Receiver<bool>,
) {
    use tonic_health::ServingStatus;
    let mut told = None;
    loop {
        let stops = *stopping.borrow_and_update();
        let status =
            if live.is_ready() && !stops { ServingStatus::Serving } else { ServingStatus::NotServing };
        if told != Some(status) {
            for service in ["", "tongpin.v1.MatchService"] {
                reporter.set_service_status(service, status).await;
            }
            told = Some(status);
        }
        if stops
            || tokio::time::timeout(Duration::from_millis(100), stopping.changed())
                .await
                .is_ok_and(|c| c.is_err())
        {
            return;
        }
    }
}

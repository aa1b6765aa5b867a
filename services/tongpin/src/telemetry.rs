//! What the process tells of itself: lines for a person, JSON for a collector of logs, spans for a collector of traces.
//!
//! Spans go to an OpenTelemetry collector over OTLP (gRPC), where one is named; none is by default. They say which calls
//! came and what they were made of (`write rows`, `commit`, `link`, `find`), never of which goods.

use crate::failure::Failure;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use std::time::Duration;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Longest wait for the collector: of one delivery, and of the last one when the service stops.
const PATIENCE: Duration = Duration::from_secs(3);
/// Rooms whose spans are traced.
const TRACED: [&str; 3] = ["gateway", "live", "store"];

/// Where spans go.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    pub endpoint: String,
    /// Of the calls that come without a trace of the caller's; those with one follow it.
    pub share: f64,
}

/// Kept while the service runs.
pub struct Telemetry(Option<SdkTracerProvider>);

fn filter(usual: &str) -> EnvFilter {
    EnvFilter::try_from_env("TONGPIN_LOG").unwrap_or_else(|_| EnvFilter::new(usual))
}

/// Lines for a person, only where something is wrong.
pub fn for_a_command() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter("error")).init();
}

/// JSON for a collector. Called inside the runtime: the connection to the collector of traces lives there.
pub fn for_the_service(traces: Option<&Traces>) -> Result<Telemetry, Failure> {
    let provider = traces.map(provider).transpose()?;
    let spans = provider.as_ref().map(|provider| {
        let ours = |target: &str| TRACED.contains(&target.split("::").next().unwrap_or_default());
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("tongpin"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(move |of| {
                of.is_span() && *of.level() <= Level::DEBUG && ours(of.target())
            }))
    });
    let lines =
        tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).with_filter(filter("info"));
    tracing_subscriber::registry().with(spans).with(lines).init();
    Ok(Telemetry(provider))
}

fn provider(traces: &Traces) -> Result<SdkTracerProvider, Failure> {
    let refused = |detail: String| Failure::Traces { endpoint: traces.endpoint.clone(), detail };
    if !traces.endpoint.starts_with("http://") {
        return Err(refused(
            "give http://HOST:PORT of a collector in reach; it speaks TLS onwards".to_owned(),
        ));
    }
    if !(0.0..=1.0).contains(&traces.share) {
        return Err(refused(format!("the share {} is not in 0 to 1", traces.share)));
    }
    let exporter =
        SpanExporter::builder().with_tonic().with_endpoint(&traces.endpoint).with_timeout(PATIENCE).build();
    let exporter = exporter.map_err(|error| refused(error.to_string()))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traces.share)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name("tongpin").build())
        .build())
}

impl Telemetry {
    /// Delivers what is left, if the collector takes it in time.
    pub async fn end(self) {
        let Telemetry(Some(provider)) = self else { return };
        let ending = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE)).await;
        if let Ok(Err(error)) = ending {
            tracing::warn!(%error, "the last spans were not delivered");
        }
    }
}

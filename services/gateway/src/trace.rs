//! What a trace tells of a call: its method, how long, how it ended. No names, no keys; nothing at all where nobody listens
//! (spans are at debug level, and only a collector's layer takes those).

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tonic::Code;
use tonic::metadata::MetadataMap;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A call's span, a child of the caller's where the caller names one.
pub fn span(method: &'static str, metadata: &MetadataMap) -> Span {
    let span = tracing::debug_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.grpc.status_code = Empty,
        otel.status_code = Empty
    );
    let parent = metadata.get("traceparent").and_then(|value| value.to_str().ok()).and_then(parse);
    if let Some(parent) = parent {
        // Fails only where nobody listens.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// How the call ended; what is the caller's fault is no error of the service.
pub fn end(span: &Span, code: Code) {
    span.record("rpc.grpc.status_code", i64::from(i32::from(code)));
    let ours = [Code::Internal, Code::Unknown, Code::DataLoss, Code::Unavailable, Code::DeadlineExceeded];
    if ours.contains(&code) {
        span.record("otel.status_code", "ERROR");
    }
}

/// `00-{trace id}-{span id}-{flags}` (W3C Trace Context, section 3.2.2); later versions may say more behind that.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_sound = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    if !is_sound || version == "ff" || version == "00" && parts.next().is_some() {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_callers_place_in_a_trace() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: &str| {
            parse(text).map(|c| (c.trace_id().to_string(), c.span_id().to_string(), c.is_sampled()))
        };
        let expected = |sampled| Some((trace.to_owned(), "00f067aa0ba902b7".to_owned(), sampled));
        for (text, read) in [
            (format!("00-{trace}-00f067aa0ba902b7-01"), expected(true)),
            (format!("00-{trace}-00f067aa0ba902b7-00"), expected(false)),
            (format!("01-{trace}-00f067aa0ba902b7-01-more"), expected(true)),
            (format!("00-{trace}-00f067aa0ba902b7-01-more"), None),
            (format!("ff-{trace}-00f067aa0ba902b7-01"), None),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None),
            (format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()), None),
            (format!("00-{trace}-00f067aa0ba902b7"), None),
            (String::new(), None),
        ] {
            assert_eq!(of(&text), read, "{text}");
        }
    }
}

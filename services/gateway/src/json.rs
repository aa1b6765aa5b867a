//! JSON over HTTP for those who cannot speak gRPC: every unary call as `POST /tongpin.v1.Service/Method` with the request as
//! JSON (the mapping of proto3; the form of the Connect protocol's unary calls). The body is turned into a gRPC request and
//! goes the same way as all others: same keys, limits and errors.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use tonic::{Code, Status};

pub struct Transcoder {
    pool: DescriptorPool,
    most_bytes: usize,
}

impl Transcoder {
    pub fn new(most_bytes: usize) -> Result<Transcoder, prost_reflect::DescriptorError> {
        Ok(Transcoder { pool: DescriptorPool::decode(api::DESCRIPTORS)?, most_bytes })
    }

    fn method(&self, path: &str) -> Option<MethodDescriptor> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        self.pool.get_service_by_name(service)?.methods().find(|known| known.name() == method)
    }

    /// Takes the JSON calls out of the stream of requests.
    pub async fn middleware(self: Arc<Self>, request: Request, next: Next) -> Response {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.trim_start().starts_with("application/json"));
        if !is_json || request.method() != Method::POST {
            return next.run(request).await;
        }
        match self.call(request, next).await {
            Ok(response) => response,
            Err(status) => refusal(&status),
        }
    }

    async fn call(&self, request: Request, next: Next) -> Result<Response, Status> {
        let method = self.method(request.uri().path());
        let method =
            method.ok_or_else(|| Status::unimplemented("there is no such call; /openapi.json lists them"))?;
        if method.is_client_streaming() || method.is_server_streaming() {
            return Err(Status::unimplemented("streams need gRPC; for single calls see /openapi.json"));
        }
        let (mut parts, body) = request.into_parts();
        let limited = Limited::new(body, self.most_bytes).collect().await;
        let json = limited.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => {
                Status::resource_exhausted(format!("the body is longer than {} bytes", self.most_bytes))
            }
            None => Status::cancelled("the body did not come"),
        })?;
        let message = read(&method, &json.to_bytes())?;
        // Inside, it is what a gRPC client would have sent.
        parts.version = http::Version::HTTP_2;
        let content = HeaderValue::from_static("application/grpc");
        parts.headers.insert(header::CONTENT_TYPE, content);
        parts.headers.insert(header::TE, HeaderValue::from_static("trailers"));
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::ACCEPT_ENCODING);
        let response = next.run(Request::from_parts(parts, Body::from(frame(&message)))).await;
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.map_err(|error| Status::internal(error.to_string()))?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let bytes = collected.to_bytes();
        for headers in [&trailers, &parts.headers] {
            if let Some(status) = Status::from_header_map(headers) {
                if status.code() != Code::Ok {
                    return Err(status);
                }
                break;
            }
        }
        let answer = unframe(&bytes).ok_or_else(|| Status::internal("the answer is no gRPC message"))?;
        write(&method, answer)
    }

    /// The calls as an OpenAPI 3.1 document.
    pub fn openapi(&self) -> Value {
        let mut paths = serde_json::Map::new();
        let mut schemas = serde_json::Map::new();
        for service in self.pool.services().filter(|service| service.package_name() == "tongpin.v1") {
            for method in service.methods() {
                if method.is_client_streaming() || method.is_server_streaming() {
                    continue;
                }
                let (input, output) = (method.input(), method.output());
                schema(&input, &mut schemas);
                schema(&output, &mut schemas);
                let body = |name: &str| json!({"application/json": {"schema": {"$ref": reference(name)}}});
                let operation = json!({
                    "operationId": format!("{}.{}", service.name(), method.name()),
                    "tags": [service.name()],
                    "requestBody": {"required": true, "content": body(input.name())},
                    "responses": {
                        "200": {"description": "done", "content": body(output.name())},
                        "default": {"description": "an error", "content": body("Error")},
                    },
                });
                paths.insert(
                    format!("/{}/{}", service.full_name(), method.name()),
                    json!({"post": operation}),
                );
            }
        }
        let text = json!({"type": "string"});
        schemas.insert(
            "Error".to_owned(),
            json!({"type": "object", "properties": {"code": text, "message": text,
                   "details": {"type": "array", "items": {"type": "object"}}}}),
        );
        json!({
            "openapi": "3.1.0",
            "info": {"title": "Tongpin", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0"},
                     "description": "Every unary call of tongpin.v1 as JSON; the proto files say what each means."},
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
        })
    }
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// Adds a message's schema and those it needs.
fn schema(message: &prost_reflect::MessageDescriptor, into: &mut serde_json::Map<String, Value>) {
    use prost_reflect::{Cardinality, Kind};
    let name = message.full_name().trim_start_matches("tongpin.v1.").to_owned();
    if into.contains_key(&name) {
        return;
    }
    into.insert(name.clone(), Value::Null); // messages may hold themselves
    let mut properties = serde_json::Map::new();
    for field in message.fields() {
        let mut one = |kind: Kind| match kind {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer"})
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "int64"})
            }
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "format": "byte"}),
            Kind::Enum(words) => {
                let words: Vec<String> = words.values().map(|value| value.name().to_owned()).collect();
                json!({"type": "string", "enum": words})
            }
            Kind::Message(inner) => match inner.full_name() {
                "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
                "google.protobuf.Duration" | "google.protobuf.FieldMask" => json!({"type": "string"}),
                "google.protobuf.Any" => json!({"type": "object"}),
                other => {
                    let reference = reference(other.trim_start_matches("tongpin.v1."));
                    schema(&inner, into);
                    json!({"$ref": reference})
                }
            },
        };
        let value = if field.is_map() {
            json!({"type": "object"})
        } else if field.cardinality() == Cardinality::Repeated {
            json!({"type": "array", "items": one(field.kind())})
        } else {
            one(field.kind())
        };
        properties.insert(field.json_name().to_owned(), value);
    }
    into.insert(name, json!({"type": "object", "properties": properties}));
}

fn read(method: &MethodDescriptor, json: &[u8]) -> Result<DynamicMessage, Status> {
    let json = if json.iter().all(u8::is_ascii_whitespace) { b"{}" } else { json };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize(method.input(), &mut reader);
    let message =
        message.map_err(|error| Status::invalid_argument(format!("the body cannot be read: {error}")))?;
    reader.end().map_err(|error| Status::invalid_argument(format!("the body cannot be read: {error}")))?;
    Ok(message)
}

fn write(method: &MethodDescriptor, answer: Bytes) -> Result<Response, Status> {
    let broken = |error: String| Status::internal(format!("the answer cannot be written: {error}"));
    let message =
        DynamicMessage::decode(method.output(), answer).map_err(|error| broken(error.to_string()))?;
    let mut json = Vec::new();
    let mut writer = serde_json::Serializer::new(&mut json);
    message
        .serialize_with_options(&mut writer, &SerializeOptions::new())
        .map_err(|error| broken(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Length-prefixed, not compressed.
fn frame(message: &DynamicMessage) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(length + 5);
    framed.put_u8(0);
    framed.put_u32(length as u32);
    framed.put_slice(&message.encode_to_vec());
    framed.freeze()
}

fn unframe(bytes: &Bytes) -> Option<Bytes> {
    let length = u32::from_be_bytes(bytes.get(1..5)?.try_into().ok()?) as usize;
    (bytes[0] == 0 && bytes.len() == length + 5).then(|| bytes.slice(5..))
}

/// An error as JSON: code, message and what google.rpc details say.
fn refusal(status: &Status) -> Response {
    use tonic_types::StatusExt;
    let details = status.get_error_details();
    let mut listed = Vec::new();
    if let Some(info) = details.error_info() {
        listed.push(json!({"reason": info.reason, "domain": info.domain}));
    }
    for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
        listed.push(json!({"field": violation.field, "description": violation.description}));
    }
    let (word, http) = match status.code() {
        Code::InvalidArgument => ("invalid_argument", StatusCode::BAD_REQUEST),
        Code::OutOfRange => ("out_of_range", StatusCode::BAD_REQUEST),
        Code::FailedPrecondition => ("failed_precondition", StatusCode::BAD_REQUEST),
        Code::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
        Code::PermissionDenied => ("permission_denied", StatusCode::FORBIDDEN),
        Code::NotFound => ("not_found", StatusCode::NOT_FOUND),
        Code::AlreadyExists => ("already_exists", StatusCode::CONFLICT),
        Code::Aborted => ("aborted", StatusCode::CONFLICT),
        Code::ResourceExhausted => ("resource_exhausted", StatusCode::TOO_MANY_REQUESTS),
        Code::Unimplemented => ("unimplemented", StatusCode::NOT_IMPLEMENTED),
        Code::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        Code::DeadlineExceeded => ("deadline_exceeded", StatusCode::GATEWAY_TIMEOUT),
        Code::Cancelled => ("canceled", StatusCode::REQUEST_TIMEOUT),
        _ => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
    };
    let body = json!({"code": word, "message": status.message(), "details": listed});
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if http == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    (http, headers, body.to_string()).into_response()
}

//! What every call goes through: whose key, which right, how often, how long; and what is told of it.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::trace;
use domain::{Actor, NodeId, Timestamp};
use live::{Live, Writer, now};
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::{AuditNote, Principal, Role};
use tokio::sync::{Semaphore, watch};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::Instrument;

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Every key.
    Read,
    /// SKUs; of which node is asked later ([`Caller::may_write`]).
    WriteSkus,
    /// Reviews, links.
    Decide,
    /// Merges, splits.
    Approve,
    /// Everything else.
    Administer,
}

impl Right {
    fn is_held_by(self, role: Role) -> bool {
        match self {
            Right::Read => true,
            Right::WriteSkus => matches!(role, Role::Node | Role::Admin),
            Right::Decide => matches!(role, Role::Steward | Role::Approver | Role::Admin),
            Right::Approve => matches!(role, Role::Approver | Role::Admin),
            Right::Administer => role == Role::Admin,
        }
    }

    fn needs(self) -> &'static str {
        match self {
            Right::Read => "a key",
            Right::WriteSkus => "a node's own key or an admin's",
            Right::Decide => "a steward's, an approver's or an admin's key",
            Right::Approve => "an approver's or an admin's key",
            Right::Administer => "an admin's key",
        }
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    /// The rpc, `CatalogService.GetSku`.
    pub method: &'static str,
}

impl Caller {
    pub fn may_write(&self, node: &NodeId) -> Result<(), Failure> {
        let allowed = match self.principal.role {
            Role::Admin => true,
            Role::Node => self.principal.nodes.contains(node),
            _ => false,
        };
        if allowed {
            Ok(())
        } else {
            Err(Failure::Denied(format!("this key does not write the SKUs of node {node}")))
        }
    }

    /// For a write that may be sent again under a request id, and that the audit log shall know of.
    pub fn writer(&self, request_id: &str, message: &impl Message, subject: &str) -> Writer {
        let request = (!request_id.is_empty()).then(|| store::Request {
            caller: self.principal.actor.clone(),
            id: request_id.to_owned(),
            digest: digest(self.method, message),
        });
        let audit =
            AuditNote { action: self.method.to_owned(), subject: subject.to_owned(), detail: String::new() };
        Writer { request, audit: Some(audit), ..Writer::new(&self.principal.actor) }
    }

    /// For writes that come by the thousand: the change log tells of them.
    pub fn plain_writer(&self) -> Writer {
        Writer::new(&self.principal.actor)
    }

    pub fn actor(&self) -> &Actor {
        &self.principal.actor
    }
}

fn digest(method: &str, message: &impl Message) -> String {
    let digest = Sha256::new().chain_update(method).chain_update(message.encode_to_vec()).finalize();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What all services share.
pub struct Shared {
    pub live: Live,
    pub settings: Settings,
    pub streams: Arc<Semaphore>,
    pub stopping: watch::Receiver<bool>,
    pub started: Timestamp,
    keys: Mutex<HashMap<String, Known>>,
    buckets: Mutex<HashMap<Actor, Bucket>>,
    refusals: Mutex<Bucket>,
}

/// A key that was checked a moment ago.
struct Known {
    principal: Principal,
    until: Instant,
}

/// A revoked key ends this much later at most.
const KEY_TRUST: Duration = Duration::from_secs(2);
/// Keys remembered.
const MOST_KEYS: usize = 10_000;

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, per_second: f64) -> bool {
        let now = Instant::now();
        self.tokens = (self.tokens + per_second * now.duration_since(self.at).as_secs_f64()).min(per_second);
        self.at = now;
        let has = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(has));
        has
    }
}

impl Shared {
    pub fn new(live: Live, settings: Settings, stopping: watch::Receiver<bool>) -> Arc<Shared> {
        Arc::new(Shared {
            streams: Arc::new(Semaphore::new(settings.limits.streams)),
            live,
            settings,
            stopping,
            started: now(),
            keys: Mutex::default(),
            buckets: Mutex::default(),
            refusals: Mutex::new(Bucket { tokens: 20.0, at: Instant::now() }),
        })
    }

    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Runs a call to its end, also when the caller goes away: a write that has begun is finished.
    pub async fn call<Q, A, F>(
        self: &Arc<Self>,
        method: &'static str,
        right: Right,
        request: Request<Q>,
        work: impl FnOnce(Caller, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        A: Send + 'static,
        F: Future<Output = Result<A, Failure>> + Send + 'static,
    {
        let begun = Instant::now();
        let (metadata, _, message) = request.into_parts();
        let span = trace::span(method, &metadata);
        let outcome = match self.enter(&metadata, method, right).instrument(span.clone()).await {
            Ok(caller) => {
                let actor = caller.actor().clone();
                let running = tokio::spawn(work(caller, message).instrument(span.clone()));
                let done = match tokio::time::timeout(self.settings.limits.deadline, running).await {
                    Ok(Ok(done)) => done,
                    Ok(Err(error)) => Err(Failure::Internal(format!("the call failed: {error}"))),
                    Err(_) => Err(Failure::Late),
                };
                done.map_err(|failure| (Some(actor), failure))
            }
            Err(refused) => Err(refused),
        };
        let outcome = match outcome {
            Ok(answer) => Ok(Response::new(answer)),
            Err((actor, failure)) => Err(self.refuse(method, actor, failure).await),
        };
        let code = outcome.as_ref().map_or_else(Status::code, |_| tonic::Code::Ok);
        trace::end(&span, code);
        tell(method, code, begun.elapsed());
        outcome
    }

    /// Who calls, if they may; else who it was, as far as that is known.
    pub async fn enter(
        &self,
        metadata: &MetadataMap,
        method: &'static str,
        right: Right,
    ) -> Result<Caller, (Option<Actor>, Failure)> {
        if self.is_stopping() {
            return Err((None, Failure::Stopping));
        }
        let principal = self.principal(metadata).await.map_err(|failure| (None, failure))?;
        let refused = |failure| Err((Some(principal.actor.clone()), failure));
        if !self.has_allowance(&principal.actor) {
            let limit = self.settings.limits.calls_per_second;
            return refused(Failure::Exhausted(format!(
                "more than {limit} calls a second with one key: slow down"
            )));
        }
        if !right.is_held_by(principal.role) {
            let role = principal.role.as_str();
            return refused(Failure::Denied(format!(
                "{method} needs {}; this key is a {role}'s",
                right.needs()
            )));
        }
        Ok(Caller { principal, method })
    }

    async fn principal(&self, metadata: &MetadataMap) -> Result<Principal, Failure> {
        let presented = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let secret =
            presented.and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer ")));
        let Some(secret) = secret.map(str::trim) else {
            return Err(Failure::Unauthenticated("send your key as `authorization: Bearer KEY`"));
        };
        // Remembered under its digest: the secret itself is not kept.
        let digest: String = Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(principal) = self.remembered(&digest) {
            return Ok(principal);
        }
        match self.live.store().authenticate(secret, now()).await? {
            Some(principal) => {
                let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
                if keys.len() >= MOST_KEYS {
                    keys.clear();
                }
                let until = Instant::now() + KEY_TRUST;
                keys.insert(digest, Known { principal: principal.clone(), until });
                Ok(principal)
            }
            None => Err(Failure::Unauthenticated("this key is none, or it has ended")),
        }
    }

    fn remembered(&self, digest: &str) -> Option<Principal> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(digest).filter(|known| known.until > Instant::now()).map(|known| known.principal.clone())
    }

    /// Forgets what was remembered of keys, after one was ended.
    pub fn forget_keys(&self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn has_allowance(&self, actor: &Actor) -> bool {
        let rate = f64::from(self.settings.limits.calls_per_second);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: rate, at: Instant::now() };
        buckets.entry(actor.clone()).or_insert(full).take(rate)
    }

    /// The status of a failure; refusals are audited, but not faster than a flood of them may fill the disk.
    pub async fn refuse(&self, method: &'static str, actor: Option<Actor>, failure: Failure) -> Status {
        let is_refusal = failure.is_refusal();
        let status = Status::from(failure);
        let worth = is_refusal && {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.take(20.0)
        };
        if worth {
            let note = AuditNote {
                action: method.to_owned(),
                subject: String::new(),
                detail: status.message().to_owned(),
            };
            let actor = actor.unwrap_or_else(|| Actor::new("nobody"));
            if let Err(error) = self.live.store().audit(now(), &actor, &note, "refused").await {
                tracing::warn!(%error, "a refusal could not be audited");
            }
        }
        status
    }
}

/// For metrics and the log: no names, no keys.
pub fn tell(method: &'static str, code: tonic::Code, time: Duration) {
    let code = format!("{code:?}");
    metrics::counter!("tongpin_calls_total", "method" => method, "code" => code.clone()).increment(1);
    metrics::histogram!("tongpin_call_seconds", "method" => method).record(time.as_secs_f64());
    let milliseconds = time.as_secs_f64() * 1e3;
    tracing::debug!(method, code, milliseconds, "call");
}

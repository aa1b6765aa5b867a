//! AdminService.

use crate::call::{Right, Shared};
use crate::failure::Failure;
use crate::operations::Operations;
use crate::settings::MOST_IN_BATCH;
use crate::{convert, names};
use api::v1;
use domain::Actor;
use live::{Splits, now};
use std::path::PathBuf;
use std::sync::Arc;
use store::{ApiKey, AuditFilter, AuditNote, Backend, DecisionFilter, KeySpec, Page, Role, Store};
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Administration(pub Arc<Shared>, pub Arc<Operations>);

/// Seconds that a rotated key goes on.
const OVERLAP: i64 = 86_400;
const LONGEST_OVERLAP: i64 = 90 * 86_400;
const MOST_FINDINGS: usize = 1_000;
const BINS: usize = 10;

impl Shared {
    /// A file in the backup folder: no path, no hidden file.
    fn backup_file(&self, name: &str) -> Result<PathBuf, Failure> {
        let Some(folder) = &self.settings.backups else {
            let text = "this server has no backup folder: start it with --backups DIR".to_owned();
            return Err(Failure::Precondition { reason: "NO_BACKUP_FOLDER", text });
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(allowed) {
            let text =
                "must be letters, digits, '-', '_' and '.', not beginning with a dot: a name, not a path";
            return Err(Failure::field("file_name", text));
        }
        Ok(folder.join(name))
    }

    async fn note(&self, method: &str, actor: &Actor, subject: &str) -> Result<(), Failure> {
        let note =
            AuditNote { action: method.to_owned(), subject: subject.to_owned(), detail: String::new() };
        Ok(self.live.store().audit(now(), actor, &note, "done").await?)
    }
}

fn role(role: Role) -> v1::Role {
    match role {
        Role::Reader => v1::Role::Reader,
        Role::Node => v1::Role::Node,
        Role::Steward => v1::Role::Steward,
        Role::Approver => v1::Role::Approver,
        Role::Admin => v1::Role::Admin,
    }
}

fn parse_role(from: i32) -> Result<Role, Failure> {
    let found = Role::ALL.into_iter().find(|known| i32::from(role(*known)) == from);
    found.ok_or_else(|| Failure::field("api_key.role", "must be READER, NODE, STEWARD, APPROVER or ADMIN"))
}

fn api_key(key: &ApiKey) -> v1::ApiKey {
    v1::ApiKey {
        name: names::api_key(&key.id),
        display_name: key.spec.title.clone(),
        role: role(key.spec.role).into(),
        nodes: key.spec.nodes.iter().map(names::node).collect(),
        create_time: Some(convert::time(key.created)),
        expire_time: key.spec.expires.map(convert::time),
        revoke_time: key.revoked.map(convert::time),
        successor: key.successor.as_deref().map(names::api_key).unwrap_or_default(),
    }
}

fn backup_result(name: &str, report: &store::BackupReport) -> v1::BackupResult {
    v1::BackupResult {
        file_name: name.to_owned(),
        size_bytes: i64::try_from(report.bytes).unwrap_or(i64::MAX),
        change_sequence: report.sequence.0,
        sku_count: report.skus,
    }
}

#[tonic::async_trait]
impl v1::admin_service_server::AdminService for Administration {
    async fn create_backup(
        &self,
        request: Request<v1::CreateBackupRequest>,
    ) -> Result<Response<v1::CreateBackupResponse>, Status> {
        let (shared, operations) = (self.0.clone(), self.1.clone());
        self.0
            .call("AdminService.CreateBackup", Right::Administer, request, |caller, message| async move {
                let path = shared.backup_file(&message.file_name)?;
                let store = shared.live.store().clone();
                if store.backend() != Backend::Sqlite {
                    let instead = "use pg_dump or a base backup";
                    return Err(store::StoreError::Unsupported { what: "backup", instead }.into());
                }
                if path.exists() {
                    let text = format!("{} exists: choose another name", message.file_name);
                    return Err(Failure::Precondition { reason: "EXISTS", text });
                }
                shared.note("AdminService.CreateBackup", caller.actor(), &message.file_name).await?;
                let name = message.file_name;
                let operation = operations.begin("backup", "BackupResult", async move {
                    let report = store.backup(&path).await?;
                    Ok(backup_result(&name, &report))
                })?;
                Ok(v1::CreateBackupResponse { operation: Some(operation) })
            })
            .await
    }

    async fn restore_backup(
        &self,
        request: Request<v1::RestoreBackupRequest>,
    ) -> Result<Response<v1::RestoreBackupResponse>, Status> {
        let (shared, operations) = (self.0.clone(), self.1.clone());
        self.0
            .call("AdminService.RestoreBackup", Right::Administer, request, |caller, message| async move {
                let path = shared.backup_file(&message.file_name)?;
                if shared.live.store().backend() != Backend::Sqlite {
                    let instead = "use pg_restore or a base backup";
                    return Err(store::StoreError::Unsupported { what: "restore", instead }.into());
                }
                let (live, name) = (shared.live.clone(), message.file_name);
                if !message.validate_only {
                    shared.note("AdminService.RestoreBackup", caller.actor(), &name).await?;
                }
                let operation = operations.begin("restore", "BackupResult", async move {
                    if !message.validate_only {
                        return Ok(backup_result(&name, &live.restore(&path).await?));
                    }
                    let report = Store::check_backup(&path).await?;
                    if let Some(finding) = report.findings.first() {
                        let text =
                            format!("{name} is not sound: {} is broken by {}", finding.rule, finding.subject);
                        return Err(Failure::Precondition { reason: "NOT_SOUND", text });
                    }
                    Ok(backup_result(&name, &report))
                })?;
                Ok(v1::RestoreBackupResponse { operation: Some(operation) })
            })
            .await
    }

    async fn rebuild_index(
        &self,
        request: Request<v1::RebuildIndexRequest>,
    ) -> Result<Response<v1::RebuildIndexResponse>, Status> {
        let (shared, operations) = (self.0.clone(), self.1.clone());
        self.0
            .call("AdminService.RebuildIndex", Right::Administer, request, |caller, _| async move {
                shared.note("AdminService.RebuildIndex", caller.actor(), "index").await?;
                let live = shared.live.clone();
                let operation = operations.begin("rebuild", "RebuildIndexResult", async move {
                    live.regroup(Splits::Held).await?;
                    let sku_count = live.len() as i64;
                    Ok(v1::RebuildIndexResult { sku_count, change_sequence: live.position().0 })
                })?;
                Ok(v1::RebuildIndexResponse { operation: Some(operation) })
            })
            .await
    }

    async fn verify_store(
        &self,
        request: Request<v1::VerifyStoreRequest>,
    ) -> Result<Response<v1::VerifyStoreResponse>, Status> {
        let (shared, operations) = (self.0.clone(), self.1.clone());
        self.0
            .call("AdminService.VerifyStore", Right::Administer, request, |_, _| async move {
                let store = shared.live.store().clone();
                let operation = operations.begin("verify", "VerifyStoreResult", async move {
                    let findings = store.verify().await?;
                    let finding = |finding: &store::Finding| v1::Finding {
                        rule: finding.rule.to_owned(),
                        resource: finding.subject.clone(),
                        detail: format!("breaks {}", finding.rule),
                    };
                    Ok(v1::VerifyStoreResult {
                        findings: findings.iter().take(MOST_FINDINGS).map(finding).collect(),
                        finding_count: findings.len() as i64,
                    })
                })?;
                Ok(v1::VerifyStoreResponse { operation: Some(operation) })
            })
            .await
    }

    async fn list_audit_events(
        &self,
        request: Request<v1::ListAuditEventsRequest>,
    ) -> Result<Response<v1::ListAuditEventsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.ListAuditEvents", Right::Administer, request, |_, message| async move {
                let time = |field: &str, at: &Option<prost_types::Timestamp>| {
                    at.as_ref().map(|at| convert::parse_time(field, at)).transpose()
                };
                let filter = AuditFilter {
                    actor: (!message.actor.is_empty()).then(|| Actor::new(&message.actor)),
                    action: (!message.action.is_empty()).then(|| message.action.clone()),
                    since: time("start_time", &message.start_time)?,
                    until: time("end_time", &message.end_time)?,
                };
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().audit_events(&filter, &page).await?;
                let event = |event: &store::AuditEvent| v1::AuditEvent {
                    sequence: event.number,
                    time: Some(convert::time(event.at)),
                    actor: event.actor.to_string(),
                    action: event.note.action.clone(),
                    resource: event.note.subject.clone(),
                    outcome: event.outcome.clone(),
                    detail: event.note.detail.clone(),
                };
                Ok(v1::ListAuditEventsResponse {
                    events: paged.items.iter().map(event).collect(),
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn get_model_info(
        &self,
        request: Request<v1::GetModelInfoRequest>,
    ) -> Result<Response<v1::GetModelInfoResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.GetModelInfo", Right::Administer, request, |_, _| async move {
                let versions = shared.live.engine().versions().into_iter();
                let models =
                    versions.filter(|(role, _)| *role != "tongpin").map(|(role, version)| v1::ModelInfo {
                        role: role.to_owned(),
                        version,
                        sha256: String::new(),
                        origin: "the project's models folder; its cards state origin and licence".to_owned(),
                    });
                Ok(v1::GetModelInfoResponse { models: models.collect() })
            })
            .await
    }

    async fn get_calibration_report(
        &self,
        request: Request<v1::GetCalibrationReportRequest>,
    ) -> Result<Response<v1::GetCalibrationReportResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.GetCalibrationReport", Right::Administer, request, |_, message| async move {
                let since = message.start_time.as_ref();
                let since = since.map(|at| convert::parse_time("start_time", at)).transpose()?;
                let filter = DecisionFilter { since, ..DecisionFilter::default() };
                // (decisions, sum of confidences, same)
                let mut bins = [(0i64, 0.0f64, 0i64); BINS];
                let mut page = Page::first(1_000);
                loop {
                    let paged = shared.live.store().decisions(&filter, &page).await?;
                    // Links made by hand were not asked with a confidence.
                    for row in paged.items.iter().filter(|row| row.value.review.is_some()) {
                        let same = match row.value.verdict {
                            domain::Verdict::Same => 1,
                            domain::Verdict::Different | domain::Verdict::New => 0,
                            domain::Verdict::Unsure => continue,
                        };
                        let seen: live::notes::Seen = live::notes::read(&row.value.seen);
                        let bin = &mut bins[((seen.confidence * BINS as f64) as usize).min(BINS - 1)];
                        *bin = (bin.0 + 1, bin.1 + seen.confidence, bin.2 + same);
                    }
                    let Some(next) = paged.next else { break };
                    page = Page::after(1_000, Some(next));
                }
                let all: i64 = bins.iter().map(|(count, ..)| count).sum();
                let error: f64 = bins.iter().map(|(_, sum, same)| (sum - *same as f64).abs()).sum();
                let bin = |(at, (count, sum, same)): (usize, &(i64, f64, i64))| {
                    let per = |sum: f64| if *count > 0 { sum / *count as f64 } else { 0.0 };
                    v1::CalibrationBin {
                        low: at as f64 / BINS as f64,
                        high: (at + 1) as f64 / BINS as f64,
                        decision_count: *count,
                        mean_confidence: per(*sum),
                        share_same: per(*same as f64),
                    }
                };
                Ok(v1::GetCalibrationReportResponse {
                    bins: bins.iter().enumerate().map(bin).collect(),
                    decision_count: all,
                    expected_calibration_error: if all > 0 { error / all as f64 } else { 0.0 },
                })
            })
            .await
    }

    async fn get_server_info(
        &self,
        request: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.GetServerInfo", Right::Read, request, |_, _| async move {
                let store = shared.live.store();
                let backend = match store.backend() {
                    Backend::Sqlite => "sqlite",
                    Backend::Postgres => "postgresql",
                };
                Ok(v1::GetServerInfoResponse {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    store_backend: backend.to_owned(),
                    schema_version: store.schema_version().await?,
                    change_sequence: store.last_sequence().await?.0,
                    index_sequence: shared.live.position().0,
                    start_time: Some(convert::time(shared.started)),
                    max_batch_size: MOST_IN_BATCH as i32,
                    max_message_bytes: shared.settings.limits.message_bytes as i64,
                })
            })
            .await
    }

    async fn create_api_key(
        &self,
        request: Request<v1::CreateApiKeyRequest>,
    ) -> Result<Response<v1::CreateApiKeyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.CreateApiKey", Right::Administer, request, |caller, message| async move {
                let from = message.api_key.ok_or_else(|| Failure::required("api_key"))?;
                let expires = from.expire_time.as_ref();
                let spec = KeySpec {
                    title: from.display_name,
                    role: parse_role(from.role)?,
                    nodes: names::parse_nodes("api_key.nodes", &from.nodes)?,
                    expires: expires.map(|at| convert::parse_time("api_key.expire_time", at)).transpose()?,
                };
                let (key, secret) = shared.live.store().create_key(&spec, caller.actor(), now()).await?;
                let secret = secret.expose().to_owned();
                Ok(v1::CreateApiKeyResponse { api_key: Some(api_key(&key)), secret })
            })
            .await
    }

    async fn list_api_keys(
        &self,
        request: Request<v1::ListApiKeysRequest>,
    ) -> Result<Response<v1::ListApiKeysResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.ListApiKeys", Right::Administer, request, |_, message| async move {
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().keys(&page).await?;
                Ok(v1::ListApiKeysResponse {
                    api_keys: paged.items.iter().map(api_key).collect(),
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn rotate_api_key(
        &self,
        request: Request<v1::RotateApiKeyRequest>,
    ) -> Result<Response<v1::RotateApiKeyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.RotateApiKey", Right::Administer, request, |caller, message| async move {
                let id = names::parse_api_key("name", &message.name)?;
                let overlap = message.overlap.as_ref().map_or(OVERLAP, |overlap| overlap.seconds);
                if !(0..=LONGEST_OVERLAP).contains(&overlap) {
                    return Err(Failure::field("overlap", "must be 0 to 90 days"));
                }
                let store = shared.live.store();
                let (key, secret) = store.rotate_key(&id, overlap, caller.actor(), now()).await?;
                shared.forget_keys();
                let secret = secret.expose().to_owned();
                Ok(v1::RotateApiKeyResponse { api_key: Some(api_key(&key)), secret })
            })
            .await
    }

    async fn revoke_api_key(
        &self,
        request: Request<v1::RevokeApiKeyRequest>,
    ) -> Result<Response<v1::RevokeApiKeyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("AdminService.RevokeApiKey", Right::Administer, request, |caller, message| async move {
                let id = names::parse_api_key("name", &message.name)?;
                let key = shared.live.store().revoke_key(&id, caller.actor(), now()).await?;
                shared.forget_keys();
                Ok(v1::RevokeApiKeyResponse { api_key: Some(api_key(&key)) })
            })
            .await
    }
}

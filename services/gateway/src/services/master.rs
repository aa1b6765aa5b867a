//! MasterService.

use super::most;
use crate::call::{Caller, Right, Shared};
use crate::failure::Failure;
use crate::{convert, names, watch};
use api::v1;
use domain::{Master, MasterId, SkuKey, Stored, Version};
use live::{Eye, Force, GoldenField, HandLink, HandMerge, HandRevert};
use std::sync::Arc;
use store::{Deleted, Page, Role};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Masters(pub Arc<Shared>);

impl Shared {
    /// A master as the wire tells it, with the number of its members.
    pub async fn master_message(&self, id: &MasterId) -> Result<v1::Master, Failure> {
        let row = self.live.store().master(id).await?;
        let row =
            row.ok_or_else(|| Failure::NotFound(format!("master `{id}` does not exist: check the name")))?;
        Ok(convert::master(&row, self.count_members(id).await?))
    }

    async fn count_members(&self, id: &MasterId) -> Result<usize, Failure> {
        Ok(self.members(id).await?.len())
    }

    pub async fn members(&self, id: &MasterId) -> Result<Vec<Stored<domain::CatalogSku>>, Failure> {
        let mut members = Vec::new();
        let mut page = Page::first(1_000);
        loop {
            let paged = self.live.store().members(id, &page).await?;
            members.extend(paged.items);
            let Some(next) = paged.next else { return Ok(members) };
            page = Page::after(1_000, Some(next));
        }
    }

    async fn with_counts(&self, rows: &[Stored<Master>]) -> Result<Vec<v1::Master>, Failure> {
        let mut masters = Vec::with_capacity(rows.len());
        for row in rows {
            masters.push(convert::master(row, self.count_members(&row.value.id).await?));
        }
        Ok(masters)
    }
}

fn force(force: bool) -> Force {
    if force { Force::Yes } else { Force::No }
}

pub fn eye(caller: &Caller) -> Eye {
    match caller.principal.role {
        Role::Approver | Role::Admin => Eye::MayBeSecond,
        _ => Eye::First,
    }
}

/// Place in the change log; 0 for what was only tried.
fn place(ack: &store::Ack, only: bool) -> i64 {
    if only { 0 } else { ack.last.0 }
}

#[tonic::async_trait]
impl v1::master_service_server::MasterService for Masters {
    async fn get_master(
        &self,
        request: Request<v1::GetMasterRequest>,
    ) -> Result<Response<v1::GetMasterResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.GetMaster", Right::Read, request, |_, message| async move {
                let id = names::parse_master("name", &message.name)?;
                Ok(v1::GetMasterResponse { master: Some(shared.master_message(&id).await?) })
            })
            .await
    }

    async fn list_masters(
        &self,
        request: Request<v1::ListMastersRequest>,
    ) -> Result<Response<v1::ListMastersResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.ListMasters", Right::Read, request, |_, message| async move {
                let retired = if message.show_retired { Deleted::Shown } else { Deleted::Hidden };
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().list_masters(retired, &page).await?;
                Ok(v1::ListMastersResponse {
                    masters: shared.with_counts(&paged.items).await?,
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn resolve_master(
        &self,
        request: Request<v1::ResolveMasterRequest>,
    ) -> Result<Response<v1::ResolveMasterResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.ResolveMaster", Right::Read, request, |_, message| async move {
                let id = names::parse_master("name", &message.name)?;
                let found = shared.live.store().resolve_master(&id).await?;
                let members = shared.count_members(&found.master.value.id).await?;
                Ok(v1::ResolveMasterResponse {
                    master: Some(convert::master(&found.master, members)),
                    path: found.path.iter().map(names::master).collect(),
                })
            })
            .await
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.ListMembers", Right::Read, request, |_, message| async move {
                let id = names::parse_master("parent", &message.parent)?;
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().members(&id, &page).await?;
                Ok(v1::ListMembersResponse {
                    members: paged.items.iter().map(|row| convert::sku(row, Some(&id))).collect(),
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn link_sku(
        &self,
        request: Request<v1::LinkSkuRequest>,
    ) -> Result<Response<v1::LinkSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.LinkSku", Right::Decide, request, |caller, message| async move {
                let call = HandLink {
                    master: names::parse_master("name", &message.name)?,
                    sku: names::parse_sku("sku", &message.sku)?,
                    expect: convert::parse_etag("etag", &message.etag)?,
                    reason: message.reason.clone(),
                    force: force(message.force),
                };
                let writer =
                    caller.writer(&message.request_id, &message, &message.name).trying(message.validate_only);
                let ack = shared.live.link_by_hand(&call, &writer).await?;
                let master = Some(shared.master_message(&call.master).await?);
                Ok(v1::LinkSkuResponse { master, change_sequence: place(&ack, message.validate_only) })
            })
            .await
    }

    async fn unlink_sku(
        &self,
        request: Request<v1::UnlinkSkuRequest>,
    ) -> Result<Response<v1::UnlinkSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.UnlinkSku", Right::Decide, request, |caller, message| async move {
                let call = HandLink {
                    master: names::parse_master("name", &message.name)?,
                    sku: names::parse_sku("sku", &message.sku)?,
                    expect: convert::parse_etag("etag", &message.etag)?,
                    reason: message.reason.clone(),
                    force: Force::No,
                };
                let writer =
                    caller.writer(&message.request_id, &message, &message.name).trying(message.validate_only);
                let ack = shared.live.unlink_by_hand(&call, &writer).await?;
                let own = shared.live.store().masters_of(std::slice::from_ref(&call.sku)).await?;
                let own_master = match own.get(&call.sku) {
                    Some(id) => Some(shared.master_message(id).await?),
                    None => None,
                };
                Ok(v1::UnlinkSkuResponse {
                    master: Some(shared.master_message(&call.master).await?),
                    own_master,
                    change_sequence: place(&ack, message.validate_only),
                })
            })
            .await
    }

    async fn merge_masters(
        &self,
        request: Request<v1::MergeMastersRequest>,
    ) -> Result<Response<v1::MergeMastersResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.MergeMasters", Right::Approve, request, |caller, message| async move {
                most("sources", &message.sources, 100)?;
                let parse = |name: &String| names::parse_master("sources", name);
                let call = HandMerge {
                    master: names::parse_master("name", &message.name)?,
                    sources: message.sources.iter().map(parse).collect::<Result<_, _>>()?,
                    expect: convert::parse_etag("etag", &message.etag)?,
                    reason: message.reason.clone(),
                    force: force(message.force),
                    eye: eye(&caller),
                };
                let writer =
                    caller.writer(&message.request_id, &message, &message.name).trying(message.validate_only);
                let ack = shared.live.merge_by_hand(&call, &writer).await?;
                let master = Some(shared.master_message(&call.master).await?);
                Ok(v1::MergeMastersResponse { master, change_sequence: place(&ack, message.validate_only) })
            })
            .await
    }

    async fn split_master(
        &self,
        request: Request<v1::SplitMasterRequest>,
    ) -> Result<Response<v1::SplitMasterResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.SplitMaster", Right::Approve, request, |caller, message| async move {
                most("skus", &message.skus, 1_000)?;
                let master = names::parse_master("name", &message.name)?;
                let parse = |name: &String| names::parse_sku("skus", name);
                let skus: Vec<SkuKey> = message.skus.iter().map(parse).collect::<Result<_, _>>()?;
                let expect = convert::parse_etag("etag", &message.etag)?;
                let writer =
                    caller.writer(&message.request_id, &message, &message.name).trying(message.validate_only);
                let ack = shared.live.split_by_hand(&master, &skus, expect, &message.reason, &writer).await?;
                let new = MasterId::new(&String::from_utf8_lossy(&ack.response));
                let new_master = match message.validate_only {
                    true => None,
                    false => Some(shared.master_message(&new).await?),
                };
                Ok(v1::SplitMasterResponse {
                    master: Some(shared.master_message(&master).await?),
                    new_master,
                    change_sequence: place(&ack, message.validate_only),
                })
            })
            .await
    }

    async fn update_master(
        &self,
        request: Request<v1::UpdateMasterRequest>,
    ) -> Result<Response<v1::UpdateMasterResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.UpdateMaster", Right::Decide, request, |caller, message| async move {
                let from = message.master.clone().ok_or_else(|| Failure::required("master"))?;
                let id = names::parse_master("master.name", &from.name)?;
                let mask = message.update_mask.as_ref().map(|mask| mask.paths.clone()).unwrap_or_default();
                if mask.is_empty() {
                    return Err(Failure::field("update_mask", "is required: display_name, brand, spec"));
                }
                let mut values = Vec::new();
                for path in &mask {
                    let (field, value) = match path.as_str() {
                        "display_name" => (GoldenField::Name, &from.display_name),
                        "brand" => (GoldenField::Brand, &from.brand),
                        "spec" => (GoldenField::Spec, &from.spec),
                        other => {
                            let text = format!("names `{other}`: display_name, brand, spec can be changed");
                            return Err(Failure::field("update_mask", text));
                        }
                    };
                    let value =
                        value.as_ref().map(|value| value.value.clone()).filter(|text| !text.is_empty());
                    values.push((field, value));
                }
                let expect = convert::parse_etag("master.etag", &from.etag)?;
                let writer =
                    caller.writer(&message.request_id, &message, &from.name).trying(message.validate_only);
                let ack = shared.live.override_golden(&id, &values, expect, &writer).await?;
                let master = Some(shared.master_message(&id).await?);
                Ok(v1::UpdateMasterResponse { master, change_sequence: place(&ack, message.validate_only) })
            })
            .await
    }

    async fn explain_master(
        &self,
        request: Request<v1::ExplainMasterRequest>,
    ) -> Result<Response<v1::ExplainMasterResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.ExplainMaster", Right::Read, request, |_, message| async move {
                let id = names::parse_master("name", &message.name)?;
                let members = shared.members(&id).await?;
                let keys: Vec<SkuKey> = members.iter().map(|row| row.value.sku.key.clone()).collect();
                let links = shared.live.store().links_of(&keys).await?;
                let decisions = shared.live.store().decisions_of(&keys).await?;
                Ok(v1::ExplainMasterResponse {
                    master: Some(shared.master_message(&id).await?),
                    links: links.iter().map(convert::link).collect(),
                    decisions: decisions.iter().map(|row| names::decision(&row.value.id)).collect(),
                })
            })
            .await
    }

    async fn list_master_revisions(
        &self,
        request: Request<v1::ListMasterRevisionsRequest>,
    ) -> Result<Response<v1::ListMasterRevisionsResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.ListMasterRevisions", Right::Read, request, |_, message| async move {
                let id = names::parse_master("parent", &message.parent)?;
                let rows = match usize::try_from(message.page_size) {
                    Ok(0) => 50,
                    Ok(size) => size.min(1_000),
                    Err(_) => return Err(Failure::field("page_size", "is negative")),
                };
                let before = convert::parse_etag("page_token", &message.page_token)?;
                let mut revisions = shared.live.store().revisions(&id, before, rows + 1).await?;
                if revisions.is_empty() && before.is_none() {
                    return Err(Failure::NotFound(format!("master `{id}` does not exist: check the name")));
                }
                let more = revisions.len() > rows;
                revisions.truncate(rows);
                let last = revisions.last().map(|revision| revision.number);
                let next: Option<Version> = last.filter(|_| more);
                let revision = |revision: &domain::Revision| {
                    let row = Stored {
                        value: revision.master.clone(),
                        version: revision.number,
                        created: revision.at,
                        updated: revision.at,
                    };
                    let master =
                        v1::Master { create_time: None, ..convert::master(&row, revision.members.len()) };
                    v1::MasterRevision {
                        revision: revision.number.0,
                        master: Some(master),
                        members: revision.members.iter().map(names::sku).collect(),
                        actor: revision.actor.to_string(),
                        cause: revision.cause.clone(),
                        create_time: Some(convert::time(revision.at)),
                    }
                };
                Ok(v1::ListMasterRevisionsResponse {
                    revisions: revisions.iter().map(revision).collect(),
                    next_page_token: next.map(|version| version.to_string()).unwrap_or_default(),
                })
            })
            .await
    }

    async fn revert_master(
        &self,
        request: Request<v1::RevertMasterRequest>,
    ) -> Result<Response<v1::RevertMasterResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("MasterService.RevertMaster", Right::Approve, request, |caller, message| async move {
                if message.revision < 1 {
                    return Err(Failure::field(
                        "revision",
                        "must be a revision of ListMasterRevisions, 1 or more",
                    ));
                }
                let call = HandRevert {
                    master: names::parse_master("name", &message.name)?,
                    revision: Version(message.revision),
                    expect: convert::parse_etag("etag", &message.etag)?,
                    reason: message.reason.clone(),
                };
                let writer =
                    caller.writer(&message.request_id, &message, &message.name).trying(message.validate_only);
                let reverted = shared.live.revert_by_hand(&call, &writer).await?;
                Ok(v1::RevertMasterResponse {
                    master: Some(shared.master_message(&call.master).await?),
                    left_out: reverted.left_out.iter().map(names::sku).collect(),
                    change_sequence: place(&reverted.ack, message.validate_only),
                })
            })
            .await
    }

    type WatchChangesStream = ReceiverStream<Result<v1::WatchChangesResponse, Status>>;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        watch::begin(self.0.clone(), request).await
    }
}

//! CatalogService.

use super::{live_skus, most};
use crate::call::{Caller, Right, Shared};
use crate::failure::Failure;
use crate::settings::MOST_IN_BATCH;
use crate::{convert, import, names};
use api::v1;
use domain::{LocalSku, SkuKey};
use live::{Saved, SkuWrite};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Deleted, Expect, SkuFilter};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

#[derive(Clone)]
pub struct Catalog(pub Arc<Shared>);

const FIELDS: [&str; 8] =
    ["display_name", "brand", "spec", "unit", "category", "gtin", "description", "price"];

/// A row as an update wants it: all attributes, or those of the mask over what is stored.
async fn row_of(
    shared: &Shared,
    key: SkuKey,
    from: &v1::SkuAttributes,
    mask: &[String],
) -> Result<LocalSku, Failure> {
    if mask.is_empty() || mask.iter().any(|path| path == "attributes" || path == "*") {
        return convert::parse_row("sku.attributes", key, from);
    }
    let before = shared.live.store().sku(&key).await?;
    let before = before.filter(|row| row.value.is_live()).map(|row| convert::attributes(&row.value.sku));
    let mut merged = before.unwrap_or_default();
    for path in mask {
        match path.strip_prefix("attributes.").unwrap_or(path) {
            "display_name" => merged.display_name.clone_from(&from.display_name),
            "brand" => merged.brand.clone_from(&from.brand),
            "spec" => merged.spec.clone_from(&from.spec),
            "unit" => merged.unit.clone_from(&from.unit),
            "category" => merged.category.clone_from(&from.category),
            "gtin" => merged.gtin.clone_from(&from.gtin),
            "description" => merged.description.clone_from(&from.description),
            "price" => merged.price = from.price,
            other => {
                let known = FIELDS.join(", ");
                return Err(Failure::field(
                    "update_mask",
                    format!("names `{other}`: {known} can be changed"),
                ));
            }
        }
    }
    convert::parse_row("sku.attributes", key, &merged)
}

async fn write_of(
    shared: &Shared,
    caller: &Caller,
    message: &v1::UpdateSkuRequest,
    parent: Option<&domain::NodeId>,
) -> Result<SkuWrite, Failure> {
    let sku = message.sku.as_ref().ok_or_else(|| Failure::required("sku"))?;
    let key = names::parse_sku("sku.name", &sku.name)?;
    if parent.is_some_and(|parent| *parent != key.node) {
        return Err(Failure::field("sku.name", format!("`{}` is not of the parent's node", sku.name)));
    }
    caller.may_write(&key.node)?;
    let attributes = sku.attributes.as_ref().ok_or_else(|| Failure::required("sku.attributes"))?;
    let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let expect = match convert::parse_etag("sku.etag", &sku.etag)? {
        Some(version) => Expect::Version(version),
        None if message.allow_missing => Expect::Any,
        None => Expect::Present,
    };
    Ok(SkuWrite { sku: row_of(shared, key, attributes, mask).await?, expect })
}

/// As it would be: for validate_only.
fn imagined(write: &SkuWrite) -> v1::Sku {
    v1::Sku {
        name: names::sku(&write.sku.key),
        attributes: Some(convert::attributes(&write.sku)),
        ..v1::Sku::default()
    }
}

async fn with_masters(
    shared: &Shared,
    rows: Vec<domain::Stored<domain::CatalogSku>>,
) -> Result<Vec<v1::Sku>, Failure> {
    let keys: Vec<SkuKey> = rows.iter().map(|row| row.value.sku.key.clone()).collect();
    let masters = shared.live.store().masters_of(&keys).await?;
    Ok(rows.iter().map(|row| convert::sku(row, masters.get(&row.value.sku.key))).collect())
}

#[tonic::async_trait]
impl v1::catalog_service_server::CatalogService for Catalog {
    async fn get_sku(
        &self,
        request: Request<v1::GetSkuRequest>,
    ) -> Result<Response<v1::GetSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.GetSku", Right::Read, request, |_, message| async move {
                let key = names::parse_sku("name", &message.name)?;
                let saved: Saved = if message.show_deleted {
                    shared.live.saved(std::slice::from_ref(&key)).await?.remove(0)
                } else {
                    live_skus(&shared.live, std::slice::from_ref(&key)).await?.remove(0)
                };
                Ok(v1::GetSkuResponse { sku: Some(convert::saved(&saved)) })
            })
            .await
    }

    async fn lookup_skus(
        &self,
        request: Request<v1::LookupSkusRequest>,
    ) -> Result<Response<v1::LookupSkusResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.LookupSkus", Right::Read, request, |_, message| async move {
                let node = names::parse_parent("parent", &message.parent)?;
                most("codes", &message.codes, MOST_IN_BATCH)?;
                let rows = shared.live.store().lookup_codes(node.as_ref(), &message.codes).await?;
                Ok(v1::LookupSkusResponse { skus: with_masters(&shared, rows).await? })
            })
            .await
    }

    async fn list_skus(
        &self,
        request: Request<v1::ListSkusRequest>,
    ) -> Result<Response<v1::ListSkusResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.ListSkus", Right::Read, request, |_, message| async move {
                let filter = SkuFilter {
                    node: names::parse_parent("parent", &message.parent)?,
                    states: convert::parse_match_states(&message.match_states)?,
                    deleted: if message.show_deleted { Deleted::Shown } else { Deleted::Hidden },
                };
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().list_skus(&filter, &page).await?;
                let next_page_token = paged.next.unwrap_or_default();
                Ok(v1::ListSkusResponse { skus: with_masters(&shared, paged.items).await?, next_page_token })
            })
            .await
    }

    async fn update_sku(
        &self,
        request: Request<v1::UpdateSkuRequest>,
    ) -> Result<Response<v1::UpdateSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.UpdateSku", Right::WriteSkus, request, |caller, message| async move {
                let write = write_of(&shared, &caller, &message, None).await?;
                if message.validate_only {
                    shared.live.try_skus(std::slice::from_ref(&write), &caller.plain_writer()).await?;
                    return Ok(v1::UpdateSkuResponse { sku: Some(imagined(&write)), change_sequence: 0 });
                }
                let subject = names::sku(&write.sku.key);
                let writer = caller.writer(&message.request_id, &message, &subject);
                let (saved, ack) = shared.live.put_skus(std::slice::from_ref(&write), &writer).await?;
                let sku = saved.first().map(convert::saved);
                Ok(v1::UpdateSkuResponse { sku, change_sequence: ack.last.0 })
            })
            .await
    }

    async fn delete_sku(
        &self,
        request: Request<v1::DeleteSkuRequest>,
    ) -> Result<Response<v1::DeleteSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.DeleteSku", Right::WriteSkus, request, |caller, message| async move {
                let key = names::parse_sku("name", &message.name)?;
                caller.may_write(&key.node)?;
                let expect = convert::expect("etag", &message.etag)?;
                let before = shared.live.store().sku(&key).await?;
                // A repeated request is answered below, from what was kept.
                let is_gone = before.as_ref().is_none_or(|row| !row.value.is_live());
                if is_gone && message.allow_missing && message.request_id.is_empty() {
                    let sku = before.as_ref().map(|row| convert::sku(row, None));
                    return Ok(v1::DeleteSkuResponse { sku, change_sequence: 0 });
                }
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let ack = match shared.live.delete_skus(&[(key.clone(), expect)], &writer).await {
                    Ok(ack) => ack,
                    Err(live::LiveError::Store(store::StoreError::NotFound { .. }))
                        if message.allow_missing =>
                    {
                        return Ok(v1::DeleteSkuResponse { sku: None, change_sequence: 0 });
                    }
                    Err(error) => return Err(error.into()),
                };
                let row = shared.live.store().sku(&key).await?;
                let sku = row.as_ref().map(|row| convert::sku(row, None));
                Ok(v1::DeleteSkuResponse { sku, change_sequence: ack.last.0 })
            })
            .await
    }

    async fn undelete_sku(
        &self,
        request: Request<v1::UndeleteSkuRequest>,
    ) -> Result<Response<v1::UndeleteSkuResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.UndeleteSku", Right::WriteSkus, request, |caller, message| async move {
                let key = names::parse_sku("name", &message.name)?;
                caller.may_write(&key.node)?;
                let expect = convert::expect("etag", &message.etag)?;
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let (saved, ack) = shared.live.undelete_sku(&key, expect, &writer).await?;
                Ok(v1::UndeleteSkuResponse { sku: Some(convert::saved(&saved)), change_sequence: ack.last.0 })
            })
            .await
    }

    async fn batch_update_skus(
        &self,
        request: Request<v1::BatchUpdateSkusRequest>,
    ) -> Result<Response<v1::BatchUpdateSkusResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.BatchUpdateSkus", Right::WriteSkus, request, |caller, message| async move {
                let parent = names::parse_parent("parent", &message.parent)?;
                most("requests", &message.requests, MOST_IN_BATCH)?;
                let mut writes = Vec::with_capacity(message.requests.len());
                let mut seen: BTreeSet<SkuKey> = BTreeSet::new();
                for (at, row) in message.requests.iter().enumerate() {
                    let write = write_of(&shared, &caller, row, parent.as_ref()).await;
                    let write = write.map_err(|failure| match failure {
                        Failure::Field { field, problem } => {
                            Failure::Field { field: format!("requests[{at}].{field}"), problem }
                        }
                        other => other,
                    })?;
                    if !seen.insert(write.sku.key.clone()) {
                        let field = format!("requests[{at}].sku.name");
                        return Err(Failure::field(&field, "occurs twice in this batch"));
                    }
                    writes.push(write);
                }
                if message.validate_only {
                    shared.live.try_skus(&writes, &caller.plain_writer()).await?;
                    let skus = writes.iter().map(imagined).collect();
                    return Ok(v1::BatchUpdateSkusResponse { skus, change_sequence: 0 });
                }
                let writer = caller.writer(&message.request_id, &message, &message.parent);
                let (saved, ack) = shared.live.put_skus(&writes, &writer).await?;
                let skus = saved.iter().map(convert::saved).collect();
                Ok(v1::BatchUpdateSkusResponse { skus, change_sequence: ack.last.0 })
            })
            .await
    }

    async fn batch_get_skus(
        &self,
        request: Request<v1::BatchGetSkusRequest>,
    ) -> Result<Response<v1::BatchGetSkusResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("CatalogService.BatchGetSkus", Right::Read, request, |_, message| async move {
                let parent = names::parse_parent("parent", &message.parent)?;
                most("names", &message.names, MOST_IN_BATCH)?;
                let parse = |name: &String| names::parse_sku("names", name);
                let keys: Vec<SkuKey> = message.names.iter().map(parse).collect::<Result<_, _>>()?;
                if keys.iter().any(|key| parent.as_ref().is_some_and(|parent| *parent != key.node)) {
                    return Err(Failure::field("names", "are not all of the parent's node"));
                }
                let saved = live_skus(&shared.live, &keys).await?;
                Ok(v1::BatchGetSkusResponse { skus: saved.iter().map(convert::saved).collect() })
            })
            .await
    }

    type ImportSkusStream = ReceiverStream<Result<v1::ImportSkusResponse, Status>>;

    async fn import_skus(
        &self,
        request: Request<Streaming<v1::ImportSkusRequest>>,
    ) -> Result<Response<Self::ImportSkusStream>, Status> {
        import::begin(self.0.clone(), request).await
    }
}

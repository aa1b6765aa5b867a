//! NodeService.

use crate::call::{Right, Shared};
use crate::failure::Failure;
use crate::{convert, names};
use api::v1;
use domain::{Node, NodeId, Stored};
use live::now;
use std::sync::Arc;
use store::{Batch, Deleted, Expect, Mutation};
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Nodes(pub Arc<Shared>);

impl Nodes {
    async fn existing(shared: &Shared, id: &NodeId) -> Result<Stored<Node>, Failure> {
        let row = shared.live.store().node(id).await?;
        row.ok_or_else(|| {
            Failure::NotFound(format!("node `{id}` does not exist: create it, or check the id"))
        })
    }
}

/// The same node with the fields of the mask taken from the message.
fn merged(before: &Node, from: &v1::Node, mask: &[String]) -> Result<Node, Failure> {
    let mut node = before.clone();
    let everything = ["display_name", "kind", "place", "link_policy"].map(str::to_owned);
    let paths: Vec<&String> = if mask.is_empty() {
        // Absent means those that are set.
        let set = |path: &&String| match path.as_str() {
            "display_name" => !from.display_name.is_empty(),
            "kind" => from.kind != 0,
            "place" => from.place.is_some(),
            _ => from.link_policy != 0,
        };
        everything.iter().filter(set).collect()
    } else {
        mask.iter().collect()
    };
    for path in paths {
        match path.as_str() {
            "display_name" => node.title.clone_from(&from.display_name),
            "kind" => node.kind = convert::parse_kind(from.kind)?,
            "place" => node.place = convert::parse_place(&from.place)?,
            "link_policy" => node.holding = convert::parse_holding(from.link_policy)?,
            other => {
                let known = everything.join(", ");
                return Err(Failure::field(
                    "update_mask",
                    format!("names `{other}`: {known} can be changed"),
                ));
            }
        }
    }
    Ok(node)
}

/// Keeps nothing, but fails as the write would.
async fn try_node(
    shared: &Shared,
    node: &Node,
    expect: Expect,
    caller: &crate::call::Caller,
) -> Result<(), Failure> {
    let batch =
        Batch::new(now(), caller.actor(), "node").with(Mutation::PutNode { node: node.clone(), expect });
    shared.live.store().dry_run(&batch).await?;
    Ok(())
}

#[tonic::async_trait]
impl v1::node_service_server::NodeService for Nodes {
    async fn create_node(
        &self,
        request: Request<v1::CreateNodeRequest>,
    ) -> Result<Response<v1::CreateNodeResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("NodeService.CreateNode", Right::Administer, request, |caller, message| async move {
                let from = message.node.clone().unwrap_or_default();
                if message.node_id.is_empty() || message.node_id.len() > 128 {
                    return Err(Failure::field("node_id", "must have 1 to 128 bytes"));
                }
                let node = Node {
                    id: NodeId(message.node_id.as_str().into()),
                    title: from.display_name.clone(),
                    kind: convert::parse_kind(from.kind)?,
                    place: convert::parse_place(&from.place)?,
                    holding: convert::parse_holding(from.link_policy)?,
                    archived: None,
                };
                if message.validate_only {
                    try_node(&shared, &node, Expect::Absent, &caller).await?;
                    let node = Some(convert::node(&Stored::new(node, now())));
                    return Ok(v1::CreateNodeResponse { node, change_sequence: 0 });
                }
                let writer = caller.writer(&message.request_id, &message, &names::node(&node.id));
                let (row, ack) = shared.live.put_node(&node, Expect::Absent, &writer).await?;
                Ok(v1::CreateNodeResponse { node: Some(convert::node(&row)), change_sequence: ack.last.0 })
            })
            .await
    }

    async fn get_node(
        &self,
        request: Request<v1::GetNodeRequest>,
    ) -> Result<Response<v1::GetNodeResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("NodeService.GetNode", Right::Read, request, |_, message| async move {
                let id = names::parse_node("name", &message.name)?;
                let row = Nodes::existing(&shared, &id).await?;
                Ok(v1::GetNodeResponse { node: Some(convert::node(&row)) })
            })
            .await
    }

    async fn list_nodes(
        &self,
        request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("NodeService.ListNodes", Right::Read, request, |_, message| async move {
                let archived = if message.show_archived { Deleted::Shown } else { Deleted::Hidden };
                let page = convert::page(message.page_size, &message.page_token)?;
                let paged = shared.live.store().nodes(archived, &page).await?;
                Ok(v1::ListNodesResponse {
                    nodes: paged.items.iter().map(convert::node).collect(),
                    next_page_token: paged.next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn update_node(
        &self,
        request: Request<v1::UpdateNodeRequest>,
    ) -> Result<Response<v1::UpdateNodeResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("NodeService.UpdateNode", Right::Administer, request, |caller, message| async move {
                let from = message.node.clone().ok_or_else(|| Failure::required("node"))?;
                let id = names::parse_node("node.name", &from.name)?;
                let before = Nodes::existing(&shared, &id).await?;
                let mask = message.update_mask.as_ref().map(|mask| mask.paths.clone()).unwrap_or_default();
                let node = merged(&before.value, &from, &mask)?;
                let expect = convert::expect("node.etag", &from.etag)?;
                if message.validate_only {
                    try_node(&shared, &node, expect, &caller).await?;
                    let node = Some(convert::node(&Stored { value: node, ..before }));
                    return Ok(v1::UpdateNodeResponse { node, change_sequence: 0 });
                }
                let writer = caller.writer(&message.request_id, &message, &from.name);
                let (row, ack) = shared.live.put_node(&node, expect, &writer).await?;
                Ok(v1::UpdateNodeResponse { node: Some(convert::node(&row)), change_sequence: ack.last.0 })
            })
            .await
    }

    async fn archive_node(
        &self,
        request: Request<v1::ArchiveNodeRequest>,
    ) -> Result<Response<v1::ArchiveNodeResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("NodeService.ArchiveNode", Right::Administer, request, |caller, message| async move {
                let id = names::parse_node("name", &message.name)?;
                let before = Nodes::existing(&shared, &id).await?;
                let archived = before.value.archived.or(Some(now()));
                let node = Node { archived, ..before.value };
                let expect = convert::expect("etag", &message.etag)?;
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let (row, ack) = shared.live.put_node(&node, expect, &writer).await?;
                Ok(v1::ArchiveNodeResponse { node: Some(convert::node(&row)), change_sequence: ack.last.0 })
            })
            .await
    }

    async fn unarchive_node(
        &self,
        request: Request<v1::UnarchiveNodeRequest>,
    ) -> Result<Response<v1::UnarchiveNodeResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("NodeService.UnarchiveNode", Right::Administer, request, |caller, message| async move {
                let id = names::parse_node("name", &message.name)?;
                let before = Nodes::existing(&shared, &id).await?;
                let node = Node { archived: None, ..before.value };
                let expect = convert::expect("etag", &message.etag)?;
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let (row, ack) = shared.live.put_node(&node, expect, &writer).await?;
                Ok(v1::UnarchiveNodeResponse { node: Some(convert::node(&row)), change_sequence: ack.last.0 })
            })
            .await
    }
}

//! Table `nodes`.

use super::json;
use crate::Result;
use crate::sql::{Entity, Row, Value, args};
use domain::{Holding, Node, NodeId, NodeKind};

impl Entity for Node {
    type Key = NodeId;
    const KIND: &'static str = "node";
    const TABLE: &'static str = "nodes";
    const KEY: &'static [&'static str] = &["id"];
    const OWN: &'static [&'static str] = &["title", "kind", "place", "holding", "archived"];

    fn key(&self) -> NodeId {
        self.id.clone()
    }

    fn key_values(key: &NodeId) -> Vec<Value> {
        args![&key.0]
    }

    fn own_values(&self) -> Vec<Value> {
        args![
            &self.title,
            self.kind.as_str(),
            self.place.as_ref().map(json),
            self.holding.as_str(),
            self.archived
        ]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(Node {
            id: NodeId(row.small()?),
            title: row.text()?,
            kind: row.word(NodeKind::parse)?,
            place: row.opt_json()?,
            holding: row.word(Holding::parse)?,
            archived: row.opt_time()?,
        })
    }
}

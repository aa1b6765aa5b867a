//! Nodes.

use crate::sql::{Filter, args, load, select};
use crate::{Deleted, Page, Paged, Result, Store};
use domain::{Node, NodeId, Stored};

impl Store {
    /// A node, archived or not.
    pub async fn node(&self, id: &NodeId) -> Result<Option<Stored<Node>>> {
        let mut reader = self.db.read().await?;
        Ok(load(&mut reader.conn(), std::slice::from_ref(id)).await?.pop())
    }

    /// Nodes by id; [`Deleted`] says whether archived ones too.
    pub async fn nodes(&self, archived: Deleted, page: &Page) -> Result<Paged<Stored<Node>>> {
        let question = ("nodes", archived);
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 1)? {
            filter.and("t.id > ?", args![&key[0]]);
        }
        if archived == Deleted::Hidden {
            filter.and("t.archived IS NULL", []);
        }
        let (condition, args) = filter.finish("ORDER BY t.id", page.rows() + 1);
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<Node>| vec![row.value.id.to_string()]))
    }
}

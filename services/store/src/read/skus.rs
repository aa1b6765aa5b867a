//! SKUs and what was found near them.

use crate::sql::{Filter, args, load, select};
use crate::tables::candidate;
use crate::{Page, Paged, Result, Store};
use domain::{Candidate, CatalogSku, MatchState, NodeId, SkuKey, Stored};

/// Whether what was taken out is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deleted {
    /// Only what is live.
    #[default]
    Hidden,
    /// Both.
    Shown,
}

/// Which SKUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkuFilter {
    /// Only of this node.
    pub node: Option<NodeId>,
    /// Only in these states; empty for all.
    pub states: Vec<MatchState>,
    /// Deleted ones too?
    pub deleted: Deleted,
}

impl Store {
    /// A SKU, deleted or not.
    pub async fn sku(&self, key: &SkuKey) -> Result<Option<Stored<CatalogSku>>> {
        let mut reader = self.db.read().await?;
        Ok(load(&mut reader.conn(), std::slice::from_ref(key)).await?.pop())
    }

    /// Those of the SKUs that exist, deleted or not, in the order of their keys.
    pub async fn skus(&self, keys: &[SkuKey]) -> Result<Vec<Stored<CatalogSku>>> {
        let mut reader = self.db.read().await?;
        let mut rows: Vec<Stored<CatalogSku>> = load(&mut reader.conn(), keys).await?;
        rows.sort_by(|a, b| a.value.sku.key.cmp(&b.value.sku.key));
        rows.dedup_by(|a, b| a.value.sku.key == b.value.sku.key);
        Ok(rows)
    }

    /// Live SKUs with one of these codes, in one node or in all, by node and code; at most 10,000.
    pub async fn lookup_codes(
        &self,
        node: Option<&NodeId>,
        codes: &[String],
    ) -> Result<Vec<Stored<CatalogSku>>> {
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        let mut filter = Filter::default();
        if let Some(node) = node {
            filter.and("t.node = ?", args![&node.0]);
        }
        filter.and("t.deleted IS NULL", []);
        filter.one_of("t.code", codes.iter().map(Into::into));
        let (condition, args) = filter.finish("ORDER BY t.node, t.code", 10_000);
        select(&mut self.db.read().await?.conn(), &condition, args).await
    }

    /// SKUs by node and code. Also the way to read everything when the index is built anew.
    pub async fn list_skus(&self, which: &SkuFilter, page: &Page) -> Result<Paged<Stored<CatalogSku>>> {
        let question = ("skus", which);
        let mut filter = Filter::default();
        if let Some(node) = &which.node {
            filter.and("t.node = ?", args![&node.0]);
        }
        if let Some(key) = page.start(&question, 2)? {
            filter.and("(t.node, t.code) > (?, ?)", args![&key[0], &key[1]]);
        }
        filter.one_of("t.state", which.states.iter().map(|state| state.as_str().into()));
        if which.deleted == Deleted::Hidden {
            filter.and("t.deleted IS NULL", []);
        }
        let (condition, args) = filter.finish("ORDER BY t.node, t.code", page.rows() + 1);
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<CatalogSku>| {
            vec![row.value.sku.key.node.to_string(), row.value.sku.key.sku.to_string()]
        }))
    }

    /// How many live SKUs are in each state; states without any are left out. Their sum is the number of live SKUs.
    pub async fn state_counts(&self) -> Result<Vec<(MatchState, i64)>> {
        let sql = "SELECT state, count(*) FROM skus WHERE deleted IS NULL GROUP BY state ORDER BY state";
        let mut counts = Vec::new();
        for mut row in self.db.read().await?.conn().rows(sql, Vec::new()).await? {
            counts.push((row.word(MatchState::parse)?, row.int()?));
        }
        Ok(counts)
    }

    /// How many live SKUs of each node are in each state.
    pub async fn state_counts_by_node(&self) -> Result<Vec<(NodeId, MatchState, i64)>> {
        let sql =
            "SELECT node, state, count(*) FROM skus WHERE deleted IS NULL GROUP BY state, node ORDER BY node";
        let mut counts = Vec::new();
        for mut row in self.db.read().await?.conn().rows(sql, Vec::new()).await? {
            counts.push((NodeId(row.small()?), row.word(MatchState::parse)?, row.int()?));
        }
        Ok(counts)
    }

    /// What was found near a SKU when it was last matched, best first.
    pub async fn candidates(&self, key: &SkuKey) -> Result<Vec<Candidate>> {
        candidate::of(&mut self.db.read().await?.conn(), key).await
    }
}

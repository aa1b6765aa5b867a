//! Masters, members, links, and the way from a code to the codes of others.

use crate::sql::{Filter, args, load, select};
use crate::tables::link::links_of;
use crate::tables::revision;
use crate::{Deleted, Page, Paged, Result, Store, StoreError};
use domain::{
    CatalogSku, Link, LinkCause, Master, MasterId, MatchState, Member, NodeId, Revision, SkuKey, Stored,
    Version,
};
use std::collections::BTreeMap;

/// Where a master's name leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// The master at the end: live, or retired.
    pub master: Stored<Master>,
    /// The names on the way, the asked one first; the last is the master's.
    pub path: Vec<MasterId>,
}

/// A code in other nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// Where the asked SKU stands.
    pub state: MatchState,
    /// Its master, if it has one.
    pub master: Option<MasterId>,
    /// Other members of the master in other nodes, by node and code.
    pub skus: Vec<Stored<CatalogSku>>,
}

impl Store {
    /// A master, in any state.
    pub async fn master(&self, id: &MasterId) -> Result<Option<Stored<Master>>> {
        let mut reader = self.db.read().await?;
        Ok(load(&mut reader.conn(), std::slice::from_ref(id)).await?.pop())
    }

    /// Those of the masters that exist, in no order.
    pub async fn masters(&self, ids: &[MasterId]) -> Result<Vec<Stored<Master>>> {
        load(&mut self.db.read().await?.conn(), ids).await
    }

    /// Masters by id; [`Deleted`] says whether merged and retired ones too.
    pub async fn list_masters(&self, retired: Deleted, page: &Page) -> Result<Paged<Stored<Master>>> {
        let question = ("masters", retired);
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 1)? {
            filter.and("t.id > ?", args![&key[0]]);
        }
        if retired == Deleted::Hidden {
            filter.and("t.state = 'live'", []);
        }
        let (condition, args) = filter.finish("ORDER BY t.id", page.rows() + 1);
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<Master>| vec![row.value.id.to_string()]))
    }

    /// Follows redirects from a name to the master at the end. `NotFound` for a name that never was.
    pub async fn resolve_master(&self, id: &MasterId) -> Result<Resolution> {
        let sql = "WITH RECURSIVE way (id, into_id) AS (
                       SELECT m.id, m.merged_into FROM masters m WHERE m.id = $1
                       UNION
                       SELECT m.id, m.merged_into FROM way JOIN masters m ON m.id = way.into_id)
                   SELECT id, into_id FROM way";
        let mut reader = self.db.read().await?;
        let mut conn = reader.conn();
        let mut next: BTreeMap<MasterId, Option<MasterId>> = BTreeMap::new();
        for mut row in conn.rows(sql, args![&id.0]).await? {
            next.insert(MasterId(row.small()?), row.opt_small()?.map(MasterId));
        }
        let mut path = vec![id.clone()];
        while let Some(into) = next.remove(&path[path.len() - 1]).flatten() {
            path.push(into);
        }
        let end = &path[path.len() - 1];
        let master: Option<Stored<Master>> = load(&mut conn, std::slice::from_ref(end)).await?.pop();
        let master = master.ok_or_else(|| StoreError::not_found("master", id))?;
        Ok(Resolution { master, path })
    }

    /// Members of a master as SKUs, by node and code.
    pub async fn members(&self, master: &MasterId, page: &Page) -> Result<Paged<Stored<CatalogSku>>> {
        let question = ("members", master);
        let mut filter = Filter::default();
        filter.and("m.master = ?", args![&master.0]);
        if let Some(key) = page.start(&question, 2)? {
            filter.and("(m.node, m.code) > (?, ?)", args![&key[0], &key[1]]);
        }
        let (condition, args) = filter.finish("ORDER BY m.node, m.code", page.rows() + 1);
        let condition = format!("JOIN members m ON m.node = t.node AND m.code = t.code{condition}");
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<CatalogSku>| {
            vec![row.value.sku.key.node.to_string(), row.value.sku.key.sku.to_string()]
        }))
    }

    /// The masters of SKUs; those without one are left out.
    pub async fn masters_of(&self, keys: &[SkuKey]) -> Result<BTreeMap<SkuKey, MasterId>> {
        let members: Vec<Stored<Member>> = load(&mut self.db.read().await?.conn(), keys).await?;
        Ok(members.into_iter().map(|member| (member.value.key, member.value.master)).collect())
    }

    /// All memberships, by node and code: the way to read every group when the index is built anew.
    pub async fn list_members(&self, page: &Page) -> Result<Paged<Member>> {
        let question = "all members";
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 2)? {
            filter.and("(t.node, t.code) > (?, ?)", args![&key[0], &key[1]]);
        }
        let (condition, args) = filter.finish("ORDER BY t.node, t.code", page.rows() + 1);
        let rows: Vec<Stored<Member>> = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        let rows = rows.into_iter().map(|row| row.value).collect();
        Ok(Paged::cut(rows, page, &question, |row: &Member| {
            vec![row.key.node.to_string(), row.key.sku.to_string()]
        }))
    }

    /// A code of one node in the codes of others (of `nodes`, or of all where it is empty). `NotFound` for a SKU that
    /// is not live.
    pub async fn translate(&self, key: &SkuKey, nodes: &[NodeId]) -> Result<Translation> {
        let mut tx = self.db.snapshot().await?;
        let mut conn = tx.conn();
        let sql =
            "SELECT s.state, m.master FROM skus s LEFT JOIN members m ON m.node = s.node AND m.code = s.code
                   WHERE s.node = $1 AND s.code = $2 AND s.deleted IS NULL";
        let Some(mut row) = conn.row(sql, args![&key.node.0, &key.sku.0]).await? else {
            return Err(StoreError::not_found("sku", key));
        };
        let (state, master) = (row.word(MatchState::parse)?, row.opt_small()?.map(MasterId));
        let Some(master) = master else { return Ok(Translation { state, master: None, skus: Vec::new() }) };
        let mut filter = Filter::default();
        filter.and("m.master = ?", args![&master.0]).and("m.node <> ?", args![&key.node.0]);
        filter.one_of("m.node", nodes.iter().map(|node| (&node.0).into()));
        let (condition, args) = filter.bare();
        let condition = format!(
            "JOIN members m ON m.node = t.node AND m.code = t.code{condition} ORDER BY t.node, t.code"
        );
        let skus = select(&mut conn, &condition, args).await?;
        Ok(Translation { state, master: Some(master), skus })
    }

    /// Links that have one of these SKUs on either side, each once, by key.
    pub async fn links_of(&self, skus: &[SkuKey]) -> Result<Vec<Stored<Link>>> {
        links_of(&mut self.db.read().await?.conn(), skus).await
    }

    /// All links with a cause, by key.
    pub async fn list_links(&self, cause: LinkCause, page: &Page) -> Result<Paged<Stored<Link>>> {
        let question = ("links", cause.as_str());
        let mut filter = Filter::default();
        filter.and("t.cause = ?", args![cause.as_str()]);
        if let Some(key) = page.start(&question, 4)? {
            let (left, right) = (args![&key[0], &key[1]], args![&key[2], &key[3]]);
            let values = left.into_iter().chain(right);
            filter.and("(t.left_node, t.left_code, t.right_node, t.right_code) > (?, ?, ?, ?)", values);
        }
        let order = "ORDER BY t.left_node, t.left_code, t.right_node, t.right_code";
        let (condition, args) = filter.finish(order, page.rows() + 1);
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<Link>| {
            let Link { left, right, .. } = &row.value;
            [&left.node.0, &left.sku.0, &right.node.0, &right.sku.0].map(ToString::to_string).to_vec()
        }))
    }

    /// How many links with a cause have at least a confidence.
    pub async fn count_links(&self, cause: LinkCause, least: f64) -> Result<i64> {
        let sql = "SELECT count(*) FROM links t WHERE t.cause = $1 AND t.confidence >= $2";
        self.db.read().await?.conn().number(sql, args![cause.as_str(), least]).await
    }

    /// How many links of each cause were made in each span of so many microseconds, counted from 1970; spans without any
    /// are left out.
    pub async fn link_counts(&self, span: i64) -> Result<Vec<(LinkCause, i64, i64)>> {
        let sql = "SELECT t.cause, t.created / $1, count(*) FROM links t GROUP BY 1, 2 ORDER BY 2, 1";
        let mut counts = Vec::new();
        for mut row in self.db.read().await?.conn().rows(sql, args![span.max(1)]).await? {
            counts.push((row.word(LinkCause::parse)?, row.int()?, row.int()?));
        }
        Ok(counts)
    }

    /// History of a master, newest first, older than `before` (`None` for the newest).
    pub async fn revisions(
        &self,
        master: &MasterId,
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<Revision>> {
        let before = before.unwrap_or(Version(i64::MAX));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        revision::of(&mut self.db.read().await?.conn(), master, before, limit).await
    }
}

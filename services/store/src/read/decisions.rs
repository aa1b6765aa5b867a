//! What people decided.

use crate::page::number;
use crate::sql::{Filter, Value, args, find, load, select};
use crate::{Deleted, Page, Paged, Result, Store};
use domain::{Actor, Decision, DecisionId, ReviewId, SkuKey, Stored, Timestamp};

/// Which decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Only about this SKU, on either side.
    pub sku: Option<SkuKey>,
    /// Only by this person.
    pub actor: Option<Actor>,
    /// Only for this review.
    pub review: Option<ReviewId>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Those taken back too?
    pub undone: Deleted,
}

impl Store {
    /// A decision, taken back or not.
    pub async fn decision(&self, id: &DecisionId) -> Result<Option<Stored<Decision>>> {
        let mut reader = self.db.read().await?;
        Ok(load(&mut reader.conn(), std::slice::from_ref(id)).await?.pop())
    }

    /// Decisions, newest first.
    pub async fn decisions(&self, which: &DecisionFilter, page: &Page) -> Result<Paged<Stored<Decision>>> {
        let question = ("decisions", which);
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 2)? {
            filter.and("(t.at, t.id) < (?, ?)", args![number(&key[0])?, &key[1]]);
        }
        if let Some(sku) = &which.sku {
            let (node, code) = (&sku.node.0, &sku.sku.0);
            filter.and(
                "((t.node = ? AND t.code = ?) OR (t.other_node = ? AND t.other_code = ?))",
                args![node, code, node, code],
            );
        }
        if let Some(actor) = &which.actor {
            filter.and("t.actor = ?", args![&actor.0]);
        }
        if let Some(review) = &which.review {
            filter.and("t.review = ?", args![&review.0]);
        }
        if let Some(since) = which.since {
            filter.and("t.at >= ?", args![since]);
        }
        if which.undone == Deleted::Hidden {
            filter.and("t.undone_at IS NULL", []);
        }
        let (condition, args) = filter.finish("ORDER BY t.at DESC, t.id DESC", page.rows() + 1);
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<Decision>| {
            vec![row.value.at.0.to_string(), row.value.id.to_string()]
        }))
    }

    /// Decisions that hold about any of these SKUs, on either side, oldest first: the constraints of linking.
    pub async fn decisions_of(&self, skus: &[SkuKey]) -> Result<Vec<Stored<Decision>>> {
        let mut reader = self.db.read().await?;
        let mut conn = reader.conn();
        let keys: Vec<Vec<Value>> = skus.iter().map(|key| args![&key.node.0, &key.sku.0]).collect();
        let mut decisions: Vec<Stored<Decision>> = Vec::new();
        for side in [["node", "code"], ["other_node", "other_code"]] {
            decisions.extend(find::<Decision>(&mut conn, &side, &keys, "AND t.undone_at IS NULL").await?);
        }
        decisions.sort_by(|a, b| (a.value.at, &a.value.id).cmp(&(b.value.at, &b.value.id)));
        decisions.dedup_by(|a, b| a.value.id == b.value.id);
        Ok(decisions)
    }
}

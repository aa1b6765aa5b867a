//! Table `decisions`.

use super::sku::read_key;
use crate::Result;
use crate::sql::{Entity, Row, Value, args};
use domain::{Actor, Decision, DecisionId, MasterId, NodeId, ReviewId, SkuCode, SkuKey, Undone, Verdict};

impl Entity for Decision {
    type Key = DecisionId;
    const KIND: &'static str = "decision";
    const TABLE: &'static str = "decisions";
    const KEY: &'static [&'static str] = &["id"];
    const OWN: &'static [&'static str] = &[
        "review",
        "node",
        "code",
        "other_node",
        "other_code",
        "master",
        "verdict",
        "reason",
        "actor",
        "seen",
        "at",
        "undone_by",
        "undone_at",
    ];

    fn key(&self) -> DecisionId {
        self.id.clone()
    }

    fn key_values(key: &DecisionId) -> Vec<Value> {
        args![&key.0]
    }

    fn own_values(&self) -> Vec<Value> {
        args![
            self.review.as_ref().map(|id| &id.0),
            &self.sku.node.0,
            &self.sku.sku.0,
            self.other.as_ref().map(|key| &key.node.0),
            self.other.as_ref().map(|key| &key.sku.0),
            self.master.as_ref().map(|id| &id.0),
            self.verdict.as_str(),
            &self.reason,
            &self.actor.0,
            &self.seen,
            self.at,
            self.undone.as_ref().map(|undone| &undone.by.0),
            self.undone.as_ref().map(|undone| undone.at)
        ]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(Decision {
            id: DecisionId(row.small()?),
            review: row.opt_small()?.map(ReviewId),
            sku: read_key(row)?,
            other: row
                .opt_small()?
                .zip(row.opt_small()?)
                .map(|(node, code)| SkuKey { node: NodeId(node), sku: SkuCode(code) }),
            master: row.opt_small()?.map(MasterId),
            verdict: row.word(Verdict::parse)?,
            reason: row.text()?,
            actor: Actor(row.small()?),
            seen: row.text()?,
            at: row.time()?,
            undone: row.opt_small()?.zip(row.opt_time()?).map(|(by, at)| Undone { by: Actor(by), at }),
        })
    }
}

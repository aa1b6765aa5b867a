//! Table `links`.

use super::json;
use super::sku::read_key;
use crate::Result;
use crate::sql::{Conn, Entity, Row, Value, args, chunks, load};
use domain::{DecisionId, Freshness, Link, LinkCause, SkuKey, Stored};
use std::fmt;

/// The two sides, smaller first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkKey {
    pub(crate) left: SkuKey,
    pub(crate) right: SkuKey,
}

impl LinkKey {
    pub(crate) fn new(a: &SkuKey, b: &SkuKey) -> Self {
        let (left, right) = if a <= b { (a, b) } else { (b, a) };
        LinkKey { left: left.clone(), right: right.clone() }
    }
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ~ {}", self.left, self.right)
    }
}

impl Entity for Link {
    type Key = LinkKey;
    const KIND: &'static str = "link";
    const TABLE: &'static str = "links";
    const KEY: &'static [&'static str] = &["left_node", "left_code", "right_node", "right_code"];
    const OWN: &'static [&'static str] =
        &["cause", "confidence", "model", "policy", "decision", "inverse", "freshness"];

    fn key(&self) -> LinkKey {
        LinkKey::new(&self.left, &self.right)
    }

    fn key_values(key: &LinkKey) -> Vec<Value> {
        args![&key.left.node.0, &key.left.sku.0, &key.right.node.0, &key.right.sku.0]
    }

    fn own_values(&self) -> Vec<Value> {
        args![
            self.cause.as_str(),
            self.confidence.get(),
            &self.model,
            self.policy,
            self.decision.as_ref().map(|id| &id.0),
            json(&self.inverse),
            self.freshness.as_str()
        ]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(Link {
            left: read_key(row)?,
            right: read_key(row)?,
            cause: row.word(LinkCause::parse)?,
            confidence: row.confidence()?,
            model: row.text()?,
            policy: row.int()?,
            decision: row.opt_small()?.map(DecisionId),
            inverse: row.json()?,
            freshness: row.word(Freshness::parse)?,
        })
    }
}

/// Every link that has one of these SKUs on either side, once, by key.
pub(crate) async fn links_of(conn: &mut Conn<'_>, skus: &[SkuKey]) -> Result<Vec<Stored<Link>>> {
    let mut keys = Vec::new();
    for chunk in chunks(skus) {
        let wanted = conn.placeholders(chunk.len(), 2);
        for side in ["left", "right"] {
            let sql = format!(
                "WITH wanted (node, code) AS (VALUES {wanted}) SELECT left_node, left_code, right_node, right_code \
                 FROM wanted JOIN links ON {side}_node = wanted.node AND {side}_code = wanted.code"
            );
            let args = chunk.iter().flat_map(|key| args![&key.node.0, &key.sku.0]).collect();
            for row in &mut conn.rows(sql, args).await? {
                keys.push(LinkKey { left: read_key(row)?, right: read_key(row)? });
            }
        }
    }
    keys.sort();
    keys.dedup();
    let mut links: Vec<Stored<Link>> = load(conn, &keys).await?;
    links.sort_by(|a, b| (&a.value.left, &a.value.right).cmp(&(&b.value.left, &b.value.right)));
    Ok(links)
}

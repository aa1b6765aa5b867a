//! Table `reviews`.

use super::sku::read_key;
use crate::Result;
use crate::sql::{Entity, Row, Value, args};
use domain::{Actor, MasterId, Review, ReviewId, ReviewState};

impl Entity for Review {
    type Key = ReviewId;
    const KIND: &'static str = "review";
    const TABLE: &'static str = "reviews";
    const KEY: &'static [&'static str] = &["id"];
    const OWN: &'static [&'static str] = &[
        "node",
        "code",
        "master",
        "confidence",
        "value",
        "evidence",
        "model",
        "state",
        "assignee",
        "lease_until",
        "deferred_until",
    ];

    fn key(&self) -> ReviewId {
        self.id.clone()
    }

    fn key_values(key: &ReviewId) -> Vec<Value> {
        args![&key.0]
    }

    fn own_values(&self) -> Vec<Value> {
        args![
            &self.sku.node.0,
            &self.sku.sku.0,
            &self.master.0,
            self.confidence.get(),
            self.value,
            &self.evidence,
            &self.model,
            self.state.as_str(),
            self.assignee.as_ref().map(|a| &a.0),
            self.lease_until,
            self.deferred_until
        ]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(Review {
            id: ReviewId(row.small()?),
            sku: read_key(row)?,
            master: MasterId(row.small()?),
            confidence: row.confidence()?,
            value: row.real()?,
            evidence: row.text()?,
            model: row.text()?,
            state: row.word(ReviewState::parse)?,
            assignee: row.opt_small()?.map(Actor),
            lease_until: row.opt_time()?,
            deferred_until: row.opt_time()?,
        })
    }
}

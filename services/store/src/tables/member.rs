//! Table `members`.

use super::sku::read_key;
use crate::Result;
use crate::sql::{Entity, Row, Value, args};
use domain::{MasterId, Member, SkuKey};

impl Entity for Member {
    type Key = SkuKey;
    const KIND: &'static str = "member";
    const TABLE: &'static str = "members";
    const KEY: &'static [&'static str] = &["node", "code"];
    const OWN: &'static [&'static str] = &["master"];

    fn key(&self) -> SkuKey {
        self.key.clone()
    }

    fn key_values(key: &SkuKey) -> Vec<Value> {
        args![&key.node.0, &key.sku.0]
    }

    fn own_values(&self) -> Vec<Value> {
        args![&self.master.0]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(Member { key: read_key(row)?, master: MasterId(row.small()?) })
    }
}

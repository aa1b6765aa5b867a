//! Table `skus`.

use crate::Result;
use crate::sql::{Entity, Row, Value, args};
use domain::{CatalogSku, LocalSku, MatchState, NodeId, SkuCode, SkuKey};

impl Entity for CatalogSku {
    type Key = SkuKey;
    const KIND: &'static str = "sku";
    const TABLE: &'static str = "skus";
    const KEY: &'static [&'static str] = &["node", "code"];
    const OWN: &'static [&'static str] = &[
        "name",
        "brand",
        "spec",
        "unit",
        "category",
        "gtin",
        "description",
        "price",
        "content",
        "state",
        "deleted",
    ];

    fn key(&self) -> SkuKey {
        self.sku.key.clone()
    }

    fn key_values(key: &SkuKey) -> Vec<Value> {
        args![&key.node.0, &key.sku.0]
    }

    fn own_values(&self) -> Vec<Value> {
        let sku = &self.sku;
        args![
            &sku.name,
            &sku.brand,
            &sku.spec,
            &sku.unit,
            &sku.category,
            &sku.gtin,
            &sku.description,
            sku.price,
            &self.content,
            self.state.as_str(),
            self.deleted
        ]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(CatalogSku {
            sku: LocalSku {
                key: read_key(row)?,
                name: row.text()?,
                brand: row.opt_text()?,
                spec: row.opt_text()?,
                unit: row.opt_text()?,
                category: row.opt_text()?,
                gtin: row.opt_text()?,
                description: row.opt_text()?,
                price: row.opt_real()?,
            },
            content: row.text()?,
            state: row.word(MatchState::parse)?,
            deleted: row.opt_time()?,
        })
    }
}

/// Two columns, node and code.
pub(super) fn read_key(row: &mut Row) -> Result<SkuKey> {
    Ok(SkuKey { node: NodeId(row.small()?), sku: SkuCode(row.small()?) })
}

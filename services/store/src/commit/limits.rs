//! What a batch may hold, known before anything is read.

use crate::{Batch, Mutation, Result, StoreError};

/// Of an id or code, in bytes; PostgreSQL's index entries end at 2,704 bytes, and a link's key has four of these.
const LONGEST_ID: usize = 512;
/// Of a request id, in bytes.
const LONGEST_REQUEST: usize = 128;
/// Of any other text of a SKU, in bytes.
const LONGEST_TEXT: usize = 65_536;

pub(super) fn check(batch: &Batch) -> Result<()> {
    id("actor", batch.actor.as_str())?;
    if let Some(request) = &batch.request {
        bytes("request_id", &request.id, 1, LONGEST_REQUEST)?;
    }
    for mutation in &batch.mutations {
        match mutation {
            Mutation::PutNode { node, .. } => {
                id("node id", &node.id.0)?;
                if let Some((latitude, longitude)) = node.place.as_ref().and_then(|place| place.position) {
                    degrees("latitude", latitude, 90.0)?;
                    degrees("longitude", longitude, 180.0)?;
                }
            }
            Mutation::PutSku { sku, .. } => {
                id("sku code", &sku.key.sku.0)?;
                let column = |name: &str| format!("{name} of {}", sku.key);
                bytes(&column("name"), &sku.name, 1, LONGEST_TEXT)?;
                for (name, text) in [
                    ("brand", &sku.brand),
                    ("spec", &sku.spec),
                    ("unit", &sku.unit),
                    ("category", &sku.category),
                    ("gtin", &sku.gtin),
                    ("description", &sku.description),
                ] {
                    bytes(&column(name), text.as_deref().unwrap_or_default(), 0, LONGEST_TEXT)?;
                }
            }
            Mutation::PutMaster { master, .. } => id("master id", master.id.as_str())?,
            Mutation::PutReview { review, .. } => id("review id", review.id.as_str())?,
            Mutation::AddDecision { decision } => id("decision id", decision.id.as_str())?,
            Mutation::AddPolicy { policy } => {
                bytes("policy scope", &policy.scope.key(), 1, 2 * LONGEST_ID + 32)?;
                if policy.zones.review > policy.zones.auto {
                    return Err(StoreError::invalid(
                        "review threshold",
                        format!(
                            "is {}, above the auto threshold {}",
                            policy.zones.review.get(),
                            policy.zones.auto.get()
                        ),
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn id(field: &str, text: &str) -> Result<()> {
    bytes(field, text, 1, LONGEST_ID)
}

fn degrees(field: &str, value: f64, most: f64) -> Result<()> {
    if value.abs() <= most {
        return Ok(());
    }
    Err(StoreError::invalid(field, format!("is {value}: -{most} to {most} degrees are allowed")))
}

fn bytes(field: &str, text: &str, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&text.len()) {
        return Ok(());
    }
    Err(StoreError::invalid(field, format!("is {} bytes long: {least} to {most} are allowed", text.len())))
}

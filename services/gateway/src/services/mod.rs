//! One file a service of the contract.

pub mod admin;
pub mod catalog;
pub mod master;
pub mod matching;
pub mod node;
pub mod operation;
pub mod policy;
pub mod review;

use crate::failure::Failure;
use domain::SkuKey;
use live::{Live, Saved};

/// SKUs that exist and are live, or the failure that names the first that is not.
async fn live_skus(live: &Live, keys: &[SkuKey]) -> Result<Vec<Saved>, Failure> {
    let saved = live.saved(keys).await?;
    match saved.iter().find(|saved| !saved.sku.value.is_live()) {
        None => Ok(saved),
        Some(gone) => {
            Err(Failure::NotFound(format!("sku `{}` is deleted: undelete it first", gone.sku.value.sku.key)))
        }
    }
}

fn most<T>(field: &str, items: &[T], most: usize) -> Result<(), Failure> {
    if (1..=most).contains(&items.len()) {
        return Ok(());
    }
    Err(Failure::field(field, format!("holds {} entries: 1 to {most} are allowed", items.len())))
}

//! The outcome in the form of the bulk command's files, confidences in full: for scoring a run by another script.

use anyhow::{Context, Result};
use engine::{LinkOutcome, LocalSku};
use std::fs;
use std::path::Path;

pub fn write(folder: &Path, records: &[LocalSku], outcome: &LinkOutcome) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let key = |record: u32| {
        let key = &records[record as usize].key;
        [key.node.to_string(), key.sku.to_string()]
    };
    let masters = outcome.masters.iter().enumerate().map(|(record, master)| {
        let [node, sku] = key(record as u32);
        vec![node, sku, outcome.master_ids[*master as usize].clone()]
    });
    table(&folder.join("masters.csv"), &["node", "sku", "master_id"], masters)?;
    let links = outcome.pairs.iter().map(|p| {
        let ([left_node, left_sku], [right_node, right_sku]) = (key(p.left), key(p.right));
        let (confidence, decision) = (p.confidence.to_string(), p.zone.as_str().to_owned());
        vec![left_node, left_sku, right_node, right_sku, confidence, decision]
    });
    let header = ["left_node", "left_sku", "right_node", "right_sku", "confidence", "decision"];
    table(&folder.join("links.csv"), &header, links)?;
    let questions = outcome.reviews.iter().map(|q| {
        let [node, sku] = key(q.record);
        vec![node, sku, outcome.master_ids[q.master as usize].clone(), q.confidence.to_string()]
    });
    table(&folder.join("review.csv"), &["node", "sku", "master_id", "confidence"], questions)
}

fn table(path: &Path, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut writer = csv::Writer::from_path(path).with_context(context)?;
    writer.write_record(header).with_context(context)?;
    for row in rows {
        writer.write_record(row).with_context(context)?;
    }
    writer.flush().with_context(context)
}

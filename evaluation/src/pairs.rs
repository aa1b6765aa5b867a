//! The labelled splits of two-table benchmarks, `pairs_valid.csv` and `pairs_test.csv` (left_id, right_id, label).

use anyhow::{Context, Result};
use engine::{LocalSku, SkuKey};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::path::Path;

use crate::metrics::Answer;
use crate::sets::pair;

#[derive(Deserialize)]
struct Row {
    left_id: String,
    right_id: String,
    label: String,
}

/// The splits' answers under these confidences, 0 where a pair has none: (valid, test). `None` where the folder has no
/// labelled splits.
pub fn answers(
    folder: &Path,
    records: &[LocalSku],
    confidence: &FxHashMap<(u32, u32), f64>,
) -> Result<Option<(Vec<Answer>, Vec<Answer>)>> {
    let [valid, test] = ["pairs_valid.csv", "pairs_test.csv"].map(|name| folder.join(name));
    if !valid.is_file() || !test.is_file() {
        return Ok(None);
    }
    let at: FxHashMap<&SkuKey, u32> = records.iter().enumerate().map(|(i, r)| (&r.key, i as u32)).collect();
    let read = |path: &Path| -> Result<Vec<Answer>> {
        let mut reader =
            csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
        reader
            .deserialize()
            .map(|row| {
                let row: Row = row.with_context(|| format!("in {}", path.display()))?;
                let left = at.get(&SkuKey::new("left", &row.left_id));
                let right = at.get(&SkuKey::new("right", &row.right_id));
                let found = left.zip(right).and_then(|(a, b)| confidence.get(&pair(*a, *b)));
                Ok((found.copied().unwrap_or(0.0), row.label == "1"))
            })
            .collect()
    };
    Ok(Some((read(&valid)?, read(&test)?)))
}

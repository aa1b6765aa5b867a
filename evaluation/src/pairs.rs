//! The labelled splits of two-table benchmarks, `pairs_train.csv`, `pairs_valid.csv` and `pairs_test.csv` (left_id, right_id,
//! label): the run's answers for them, and the same pairs as files that `tongpin train` and `tongpin score` read.

use anyhow::{Context, Result};
use engine::{LocalSku, SkuKey};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::path::Path;

use crate::metrics::Answer;
use crate::sets::{BenchSet, pair};

/// Writes `target/NAME-train.csv`, `-valid` and `-test`, or, for a set of several nodes with hard negatives,
/// `target/NAME-pairs.csv` with these and the true pairs.
pub fn write(folder: &Path, set: &BenchSet, target: &Path) -> Result<()> {
    let at: FxHashMap<&SkuKey, u32> =
        set.records.iter().enumerate().map(|(i, r)| (&r.key, i as u32)).collect();
    let mut written = 0;
    for split in ["train", "valid", "test"] {
        let path = folder.join(format!("pairs_{split}.csv"));
        if !path.is_file() {
            continue;
        }
        let rows = rows(&path)?;
        let indexed = rows.iter().filter_map(|row| {
            let left = at.get(&SkuKey::new("left", &row.left_id))?;
            let right = at.get(&SkuKey::new("right", &row.right_id))?;
            Some((*left, *right, row.label == "1"))
        });
        written += write_pairs(&target.join(format!("{}-{split}.csv", set.name)), &set.records, indexed)?;
    }
    if written == 0 && !set.hard_negatives.is_empty() {
        let mut all: Vec<(u32, u32, bool)> = set.truth.iter().map(|(a, b)| (*a, *b, true)).collect();
        all.extend(set.hard_negatives.iter().map(|(a, b)| (*a, *b, false)));
        all.sort_unstable();
        written =
            write_pairs(&target.join(format!("{}-pairs.csv", set.name)), &set.records, all.into_iter())?;
    }
    anyhow::ensure!(written > 0, "{} has no labelled pairs", folder.display());
    Ok(())
}

const FIELDS: [&str; 8] = ["name", "brand", "spec", "unit", "category", "gtin", "description", "price"];

fn write_pairs(
    path: &Path,
    records: &[LocalSku],
    pairs: impl Iterator<Item = (u32, u32, bool)>,
) -> Result<usize> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut out = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
    let header = ["left", "right"].into_iter().flat_map(|side| FIELDS.map(|field| format!("{side}_{field}")));
    out.write_record(header.chain(["label".to_owned()]))?;
    let mut count = 0;
    for (left, right, same) in pairs {
        let cells = [left, right].into_iter().flat_map(|record| {
            let LocalSku { key: _, name, brand, spec, unit, category, gtin, description, price } =
                records[record as usize].clone();
            let text = Option::unwrap_or_default;
            let price = price.map_or(String::new(), |p| p.to_string());
            [name, text(brand), text(spec), text(unit), text(category), text(gtin), text(description), price]
        });
        out.write_record(cells.chain([u8::from(same).to_string()]))?;
        count += 1;
    }
    out.flush()?;
    println!("{}: {count} pairs", path.display());
    Ok(count)
}

fn rows(path: &Path) -> Result<Vec<Row>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().map(|row| row.with_context(|| format!("in {}", path.display()))).collect()
}

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
        let answer = |row: &Row| {
            let left = at.get(&SkuKey::new("left", &row.left_id));
            let right = at.get(&SkuKey::new("right", &row.right_id));
            let found = left.zip(right).and_then(|(a, b)| confidence.get(&pair(*a, *b)));
            (found.copied().unwrap_or(0.0), row.label == "1")
        };
        Ok(rows(path)?.iter().map(answer).collect())
    };
    Ok(Some((read(&valid)?, read(&test)?)))
}

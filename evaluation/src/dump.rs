//! The features of a set's candidates, for training (`models/scorer/train.py`): raw little-endian arrays, one file
//! each, and `meta.json` that says how to read them.

use crate::sets::{BenchSet, pair};
use anyhow::{Context, Result};
use engine::{Engine, LinkOptions, Progress};
use std::fs;
use std::path::Path;

/// Writes into `folder/<set name>/`:
/// `features.f32` [candidates, features]; `left.u32`, `right.u32` [candidates] record indices; `label.u8`
/// [candidates] 1 true, 2 hard negative, 0 other; `node.u32`, `cluster.u32` [records]; `word.u32` [words]
/// hashes of the records' words, `word_start.u32` [records + 1] where each record's begin.
pub fn dump(engine: &Engine, set: &BenchSet, folder: &Path, progress: &dyn Progress) -> Result<()> {
    let prepared = engine.prepare(&set.records, &LinkOptions::default().retrieval, progress)?;
    let target = folder.join(&set.name);
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let rows = prepared.feature_rows();
    write(&target.join("features.f32"), rows.iter().flatten().flat_map(|v| v.to_le_bytes()))?;
    let words =
        |values: &mut dyn Iterator<Item = u32>| values.flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
    let c = &prepared.candidates;
    fs::write(target.join("left.u32"), words(&mut c.iter().map(|c| c.left)))?;
    fs::write(target.join("right.u32"), words(&mut c.iter().map(|c| c.right)))?;
    fs::write(target.join("node.u32"), words(&mut prepared.nodes.iter().copied()))?;
    // Hashes of the records' words, and where each record's begin.
    fs::write(
        target.join("word.u32"),
        words(&mut prepared.profiles.iter().flat_map(|p| p.words.iter().map(|word| word.hash))),
    )?;
    fs::write(
        target.join("word_start.u32"),
        words(&mut std::iter::once(0).chain(prepared.profiles.iter().scan(0, |end, p| {
            *end += p.words.len() as u32;
            Some(*end)
        }))),
    )?;
    let cluster = |record: u32| match &set.clusters {
        Some(clusters) => clusters[prepared.order[record as usize] as usize],
        None => u32::MAX,
    };
    fs::write(target.join("cluster.u32"), words(&mut (0..prepared.nodes.len() as u32).map(cluster)))?;
    let label = |left: u32, right: u32| {
        let key = pair(prepared.order[left as usize], prepared.order[right as usize]);
        if set.truth.contains(&key) {
            1u8
        } else if set.hard_negatives.contains(&key) {
            2
        } else {
            0
        }
    };
    let labels: Vec<u8> = c.iter().map(|c| label(c.left, c.right)).collect();
    let found = labels.iter().filter(|l| **l == 1).count();
    fs::write(target.join("label.u8"), &labels)?;
    // Names by record, so that a person can read what a model gets wrong.
    let names: Vec<String> = prepared
        .order
        .iter()
        .map(|i| {
            let r = &set.records[*i as usize];
            [Some(&r.name), r.brand.as_ref(), r.spec.as_ref()]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect();
    // Index pairs in the prepared order, missed ones included, so that recall can be counted.
    let place: rustc_hash::FxHashMap<u32, u32> =
        prepared.order.iter().enumerate().map(|(record, input)| (*input, record as u32)).collect();
    let mut truth: Vec<(u32, u32)> = set.truth.iter().map(|(a, b)| pair(place[a], place[b])).collect();
    truth.sort_unstable();
    let meta = serde_json::json!({
        "set": set.name,
        "judged": format!("{:?}", set.judged),
        "features": score::features::names(),
        "candidates": c.len(),
        "records": prepared.nodes.len(),
        "true_pairs": set.truth.len(),
        "true_pairs_found": found,
        "truth": truth,
        "names": names,
    });
    fs::write(target.join("meta.json"), serde_json::to_vec(&meta)?)?;
    println!(
        "{}: {} candidates, {found} of {} true pairs among them ({:.4})",
        set.name,
        c.len(),
        set.truth.len(),
        found as f64 / set.truth.len().max(1) as f64
    );
    Ok(())
}

fn write(path: &Path, bytes: impl Iterator<Item = u8>) -> Result<()> {
    let all: Vec<u8> = bytes.collect();
    fs::write(path, all).with_context(|| format!("cannot write {}", path.display()))
}

//! Benchmark folders. Two forms: several nodes (`records.csv` with `truth.csv` and, where the truth is partial,
//! `matches.csv` and `hard_negatives.csv`), or two tables (`left.csv`, `right.csv`, `matches.csv`).

use anyhow::{Context, Result, bail};
use engine::{LocalSku, SkuKey};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;
use tables::{ColumnMap, NodeFrom, RecordReader};

/// Which pairs a set's truth can judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Every pair: what is not true is false.
    All,
    /// Only listed matches and hard negatives.
    Labelled,
    /// Those, and every other pair of a record whose partner in that node is known.
    Anchored,
}

pub struct BenchSet {
    pub name: String,
    pub records: Vec<LocalSku>,
    /// True cross-node pairs as input indices, smaller first.
    pub truth: FxHashSet<(u32, u32)>,
    pub hard_negatives: FxHashSet<(u32, u32)>,
    /// Cluster of each record, where the set has clusters.
    pub clusters: Option<Vec<u32>>,
    /// How the set is to be judged unless the caller says otherwise; see its README.
    pub judged: Judged,
}

pub fn pair(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

fn rows(path: &Path) -> Result<Vec<FxHashMap<String, String>>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().map(|row| row.with_context(|| format!("in {}", path.display()))).collect()
}

impl BenchSet {
    pub fn load(folder: &Path) -> Result<BenchSet> {
        let name = folder
            .canonicalize()
            .with_context(|| format!("no folder {}", folder.display()))?
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let file = |name: &str| folder.join(name);
        let two_tables = file("left.csv").is_file();
        let mut reader = RecordReader::new(&ColumnMap::default());
        if two_tables {
            reader.file(&file("left.csv"), &NodeFrom::Fixed("left".into()))?;
            reader.file(&file("right.csv"), &NodeFrom::Fixed("right".into()))?;
        } else {
            reader.file(&file("records.csv"), &NodeFrom::Column)?;
        }
        let records = reader.finish()?.skus;
        let at: FxHashMap<SkuKey, u32> =
            records.iter().enumerate().map(|(i, r)| (r.key.clone(), i as u32)).collect();

        let clusters = if file("truth.csv").is_file() {
            Some(clusters(&file("truth.csv"), &at, records.len())?)
        } else {
            None
        };
        let matches_file = file("matches.csv");
        // Where the truth is partial, the listed matches are the truth; elsewhere the clusters are.
        let judged = match name.as_str() {
            "cn-pos-shops" => Judged::Labelled,
            "hk-pricewatch-trilingual" => Judged::Anchored,
            _ => Judged::All,
        };
        let truth = match &clusters {
            Some(clusters) if judged == Judged::All => cross_node_pairs(clusters, &records),
            _ if matches_file.is_file() => listed(&matches_file, &at, true)?,
            Some(clusters) => cross_node_pairs(clusters, &records),
            None => bail!("{} has neither truth.csv nor matches.csv", folder.display()),
        };
        let negatives_file = file("hard_negatives.csv");
        let hard_negatives = if negatives_file.is_file() {
            listed(&negatives_file, &at, false)?
        } else {
            FxHashSet::default()
        };
        Ok(BenchSet { name, records, truth, hard_negatives, clusters, judged })
    }

    /// The set cut down to its `count` largest nodes.
    pub fn largest_nodes(mut self, count: usize) -> BenchSet {
        let mut sizes: FxHashMap<&str, usize> = FxHashMap::default();
        for record in &self.records {
            *sizes.entry(record.key.node.0.as_str()).or_default() += 1;
        }
        let mut by_size: Vec<_> = sizes.into_iter().collect();
        by_size.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let kept: FxHashSet<String> = by_size.iter().take(count).map(|(n, _)| (*n).to_owned()).collect();
        let mut new_index = FxHashMap::default();
        let mut records = Vec::new();
        let mut clusters = Vec::new();
        for (i, record) in self.records.iter().enumerate() {
            if kept.contains(record.key.node.0.as_str()) {
                new_index.insert(i as u32, records.len() as u32);
                records.push(record.clone());
                if let Some(c) = &self.clusters {
                    clusters.push(c[i]);
                }
            }
        }
        let renumber = |set: &FxHashSet<(u32, u32)>| {
            set.iter().filter_map(|(a, b)| Some(pair(*new_index.get(a)?, *new_index.get(b)?))).collect()
        };
        self.truth = renumber(&self.truth);
        self.hard_negatives = renumber(&self.hard_negatives);
        self.records = records;
        self.clusters = self.clusters.map(|_| clusters);
        self
    }
}

fn clusters(path: &Path, at: &FxHashMap<SkuKey, u32>, count: usize) -> Result<Vec<u32>> {
    let mut number: FxHashMap<String, u32> = FxHashMap::default();
    let mut out = vec![u32::MAX; count];
    for row in rows(path)? {
        let key = SkuKey::new(&row["node"], &row["sku"]);
        // A record that was rejected when read has no place; its pairs count as missed.
        let Some(record) = at.get(&key) else { continue };
        let next = number.len() as u32;
        out[*record as usize] = *number.entry(row["cluster"].clone()).or_insert(next);
    }
    let lonely = out.iter_mut().filter(|c| **c == u32::MAX);
    for (next, cluster) in (number.len() as u32..).zip(lonely) {
        *cluster = next;
    }
    Ok(out)
}

fn cross_node_pairs(clusters: &[u32], records: &[LocalSku]) -> FxHashSet<(u32, u32)> {
    let mut members: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (record, cluster) in clusters.iter().enumerate() {
        members.entry(*cluster).or_default().push(record as u32);
    }
    let mut out = FxHashSet::default();
    for group in members.values() {
        for (i, a) in group.iter().enumerate() {
            for b in &group[i + 1..] {
                if records[*a as usize].key.node != records[*b as usize].key.node {
                    out.insert(pair(*a, *b));
                }
            }
        }
    }
    out
}

fn listed(path: &Path, at: &FxHashMap<SkuKey, u32>, wanted: bool) -> Result<FxHashSet<(u32, u32)>> {
    let mut out = FxHashSet::default();
    for row in rows(path)? {
        let label = row.get("label").map_or("1", String::as_str);
        if wanted && !matches!(label, "1" | "1.0" | "true" | "True") {
            continue;
        }
        let key = |node: &str, sku: &str, side: &str| match row.get(node) {
            Some(node) => SkuKey::new(node, &row[sku]),
            None => SkuKey::new(side, &row[&format!("{side}_id")]),
        };
        let (a, b) = (key("left_node", "left_sku", "left"), key("right_node", "right_sku", "right"));
        if let (Some(a), Some(b)) = (at.get(&a), at.get(&b)) {
            out.insert(pair(*a, *b));
        }
    }
    Ok(out)
}

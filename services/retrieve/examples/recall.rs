//! Recall of retrieval on benchmark folders, per channel and fused:
//!
//!     cargo run --release -p retrieve --example recall -- DIR... [text=50] [vector=50] [keep=50] [postings=20000] ...
//!
//! A folder holds records.csv (node,sku,name,...) with truth.csv (node,sku,cluster) or matches.csv, or left.csv and
//! right.csv with matches.csv. Recall@k: of all true (record, partner in another node), how many partners stand among
//! the first k of the record's list for that node. `candidates` is the share of true pairs that the default options
//! propose at all, and how many pairs they propose a record.

use domain::{LocalSku, ParsedName};
use embed::Encoder;
use normalize::Normalizer;
use retrieve::{Candidate, Evening, Index, Options};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

type Row = HashMap<String, String>;

fn main() -> Result<(), Box<dyn Error>> {
    let (settings, folders): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.contains('='));
    let options = with_settings(Options { text: 50, vector: 50, keep: 50, ..Options::default() }, &settings)?;
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    embed::runtime::ensure(&models, |line| eprintln!("{line}"))?;
    let encoder = Encoder::open(&models)?;
    println!("{:<28} {:>7}  channel  recall@1  @10    @50", "set", "truth");
    for folder in &folders {
        measure(Path::new(folder), &encoder, &options, &settings)?;
    }
    Ok(())
}

fn measure(
    folder: &Path,
    encoder: &Encoder,
    options: &Options,
    settings: &[String],
) -> Result<(), Box<dyn Error>> {
    let records = read_records(folder)?;
    let truth = read_truth(folder, &records)?;
    let parsed: Vec<ParsedName> = records.iter().map(|record| Normalizer::shared().parse(record)).collect();
    let mut node_numbers: BTreeMap<&str, u32> =
        records.iter().map(|record| (record.key.node.0.as_str(), 0)).collect();
    node_numbers.values_mut().zip(0..).for_each(|(number, at)| *number = at);
    let nodes: Vec<u32> = records.iter().map(|record| node_numbers[record.key.node.0.as_str()]).collect();
    let texts: Vec<&str> = parsed.iter().map(|parsed| parsed.canonical.as_str()).collect();
    let mut vectors = encoder.encode(&texts)?;
    Evening::of(&vectors).apply(&mut vectors);

    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let index = Index::build(&nodes, &parsed, vectors.view(), options)?;
    let candidates = index.candidates()?;
    let of_pair: HashMap<(u32, u32), &Candidate> =
        candidates.iter().map(|pair| ((pair.left, pair.right), pair)).collect();
    type Ranks = fn(&Candidate) -> [u8; 2];
    let channels: [(&str, Ranks); 3] = [
        ("text", |pair| pair.text_rank),
        ("vector", |pair| pair.vector_rank),
        ("fused", |pair| pair.fused_rank),
    ];
    for (channel, ranks) in channels {
        let recall = |k: u8| {
            let hits: usize = truth
                .iter()
                .filter_map(|pair| of_pair.get(pair))
                .map(|pair| ranks(pair).iter().filter(|&&rank| (1..=k).contains(&rank)).count())
                .sum();
            hits as f64 / (2 * truth.len()) as f64
        };
        println!(
            "{name:<28} {:>7}  {channel:<7}  {:.3}     {:.3}  {:.4}",
            truth.len(),
            recall(1),
            recall(10),
            recall(50)
        );
    }

    let start = Instant::now();
    let defaults = with_settings(Options::default(), settings)?;
    let index = Index::build(&nodes, &parsed, vectors.view(), &defaults)?;
    let candidates = index.candidates()?;
    let found = candidates.iter().filter(|pair| truth.contains(&(pair.left, pair.right))).count();
    println!(
        "{name:<28} candidates: {:.4} of the truth in {:.1} pairs a record; {:.1} s for {} records",
        found as f64 / truth.len() as f64,
        candidates.len() as f64 / records.len() as f64,
        start.elapsed().as_secs_f64(),
        records.len(),
    );
    if std::env::var_os("MISSED").is_some() {
        let found: HashSet<(u32, u32)> = candidates.iter().map(|pair| (pair.left, pair.right)).collect();
        for &(left, right) in truth.iter().filter(|pair| !found.contains(pair)) {
            let of = |at: u32| (&parsed[at as usize].canonical, &parsed[at as usize].residual);
            println!("  missed {:?} ~ {:?}", of(left), of(right));
        }
    }
    Ok(())
}

fn with_settings(mut options: Options, settings: &[String]) -> Result<Options, Box<dyn Error>> {
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let value: usize = value.parse()?;
        match name {
            "text" => options.text = value,
            "vector" => options.vector = value,
            "keep" => options.keep = value,
            "postings" => options.postings = value,
            "exact_rows" => options.exact_rows = value,
            "probes" => options.probes = value,
            _ => return Err(format!("no option {name}").into()),
        }
    }
    Ok(options)
}

fn read_rows(path: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}

fn read_records(folder: &Path) -> Result<Vec<LocalSku>, Box<dyn Error>> {
    let files = if folder.join("records.csv").exists() {
        vec![("", "records.csv")]
    } else {
        vec![("left", "left.csv"), ("right", "right.csv")]
    };
    let mut records = Vec::new();
    for (side, file) in files {
        for row in read_rows(&folder.join(file))? {
            let get = |names: &[&str]| {
                names.iter().find_map(|&name| row.get(name).filter(|value| !value.is_empty())).cloned()
            };
            let text = |names: &[&str]| get(names).unwrap_or_default();
            let node = if side.is_empty() { text(&["node"]) } else { side.to_owned() };
            let mut record = LocalSku::named(&node, &text(&["sku", "id"]), &text(&["name", "title"]));
            record.brand = get(&["brand", "manufacturer"]);
            record.spec = get(&["spec"]);
            record.unit = get(&["unit"]);
            record.category = get(&["category"]);
            record.gtin = get(&["gtin"]);
            record.description = get(&["description"]);
            record.price = get(&["price"]).and_then(|price| price.parse().ok());
            records.push(record);
        }
    }
    records.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(records)
}

fn read_truth(folder: &Path, records: &[LocalSku]) -> Result<HashSet<(u32, u32)>, Box<dyn Error>> {
    let numbers: HashMap<(&str, &str), u32> = records
        .iter()
        .zip(0..)
        .map(|(record, at)| ((record.key.node.0.as_str(), record.key.sku.0.as_str()), at))
        .collect();
    let number = |node: &str, sku: &str| numbers.get(&(node, sku)).copied();
    let mut truth = HashSet::new();
    let mut add = |a: Option<u32>, b: Option<u32>| {
        if let (Some(a), Some(b)) = (a, b) {
            truth.insert((a.min(b), a.max(b)));
        }
    };
    if folder.join("truth.csv").exists() {
        let mut clusters: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for row in read_rows(&folder.join("truth.csv"))? {
            if let Some(at) = number(&row["node"], &row["sku"]) {
                clusters.entry(row["cluster"].clone()).or_default().push(at);
            }
        }
        for members in clusters.values() {
            for (at, &a) in members.iter().enumerate() {
                for &b in &members[at + 1..] {
                    if records[a as usize].key.node != records[b as usize].key.node {
                        add(Some(a), Some(b));
                    }
                }
            }
        }
    } else {
        for row in read_rows(&folder.join("matches.csv"))? {
            add(number("left", &row["left_id"]), number("right", &row["right_id"]));
        }
    }
    Ok(truth)
}

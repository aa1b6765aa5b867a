//! Runs benchmark folders through the engine and says how good the links are. See README.md for every figure.
//!
//! A model is never scored on a set it was trained on: the set NAME is linked with the scorer `without-NAME` where
//! there is one.

mod baseline;
mod chain;
mod dump;
mod figures;
mod files;
mod judge;
mod measure;
mod meter;
mod metrics;
mod pairs;
mod peers;
mod progress;
mod report;
mod sets;

use anyhow::{Context, Result, bail};
use baseline::{Baselines, Worse};
use clap::Parser;
use engine::{Engine, EngineOptions, models_folder};
use figures::{Figures, scorer_without};
use peers::Peers;
use progress::Lines;
use sets::{BenchSet, Judged};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Scores the engine on benchmark folders, beside other tools, and against committed baselines
#[derive(Parser)]
#[command(name = "evaluation", version)]
struct Args {
    /// Benchmark folders: records.csv with truth.csv, or left.csv, right.csv and matches.csv; without any, our own
    /// datasets/demo and datasets/mini
    folders: Vec<PathBuf>,
    /// The scorer for every set, instead of without-NAME (where there is one) or default
    #[arg(long, value_name = "NAME")]
    scorer: Option<String>,
    /// Judge listed matches and hard negatives only
    #[arg(long, conflicts_with = "anchored")]
    labelled: bool,
    /// Judge those and every other pair of a record whose partner in that node is known
    #[arg(long)]
    anchored: bool,
    /// Keep only the N largest nodes of each set
    #[arg(long, value_name = "N")]
    largest_nodes: Option<usize>,
    /// Where reports go [default: evaluation/reports; with --check nowhere]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also write masters.csv, links.csv and review.csv of each set into DIR/NAME
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Make these figures the committed baselines (our own sets only)
    #[arg(long, conflicts_with = "check")]
    save: bool,
    /// Compare with the committed baselines; exit code 1 where a figure is worse
    #[arg(long)]
    check: bool,
    /// Other tools' figures [default: ../shared/peers/results.jsonl where it is there]
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,
    /// The models folder [default: TONGPIN_MODELS, else the project's]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Write the feature matrix of each set's candidates into DIR/NAME, for training, and measure nothing
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Write the labelled pairs of each set as files for `tongpin train`, `calibrate` and `score` into DIR, and measure nothing
    #[arg(long, value_name = "DIR", conflicts_with = "dump")]
    pairs: Option<PathBuf>,
    /// Simulate surpluses and shortages in this chain (a folder of datasets/catalogue/generate.py), and measure nothing else;
    /// the report goes to reports/chain
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dump", "pairs", "check", "save"])]
    chain: Option<PathBuf>,
    /// Only fetch what the engine needs at run time (ONNX Runtime) and open the encoder
    #[arg(long)]
    prepare: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("evaluation: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    let models = models_folder(args.models.as_deref())?;
    if args.prepare {
        Engine::untrained(&models, &Lines)?;
        println!("the encoder in {} runs", models.display());
        return Ok(ExitCode::SUCCESS);
    }
    let root = project_root();
    if let Some(folder) = &args.chain {
        let scorer = args.scorer.clone().unwrap_or_else(|| "default".to_owned());
        let engine = Engine::open(&models, &EngineOptions { scorer: scorer.clone() }, &Lines)?;
        let out = args.out.clone().unwrap_or_else(|| root.join("evaluation/reports")).join("chain");
        chain::run(&engine, &scorer, folder, &out, &Lines)?;
        return Ok(ExitCode::SUCCESS);
    }
    let folders = if args.folders.is_empty() { own_sets(&root) } else { args.folders.clone() };
    if let Some(target) = &args.pairs {
        for folder in &folders {
            pairs::write(folder, &load(folder, args)?, target)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(target) = &args.dump {
        let engine = Engine::untrained(&models, &Lines)?;
        for folder in &folders {
            dump::dump(&engine, &load(folder, args)?, target, &Lines)?;
        }
        return Ok(ExitCode::SUCCESS);
    }

    let reports = match &args.out {
        Some(folder) => Some(folder.clone()),
        None => (!args.check).then(|| root.join("evaluation/reports")),
    };
    let peers = read_peers(args, &root)?;
    let baselines = root.join("evaluation/baselines.json");
    // Whatever can be wrong with the request is said before the first long run.
    let expected = if args.check { Some(baseline::read(&baselines)?) } else { None };
    if args.save {
        only_own(&folders, &own_sets(&root))?;
    }
    let sets: Vec<BenchSet> = folders.iter().map(|folder| load(folder, args)).collect::<Result<_>>()?;
    let mut runner = Runner::new(models, args.scorer.clone())?;
    let mut all = Vec::new();
    for (set, folder) in sets.iter().zip(&folders) {
        let figures = runner.measure(set, folder, args.files.as_deref())?;
        println!("{}", report::page(&figures, &peers));
        if let Some(reports) = &reports {
            report::save(reports, &figures, &peers)?;
        }
        all.push(figures);
    }
    if let Some(reports) = &reports {
        report::save_overview(reports)?;
        println!("Reports are in {}.", reports.display());
    }
    if args.save {
        save_baselines(&baselines, &all)?;
    }
    expected.map_or(Ok(ExitCode::SUCCESS), |expected| check(&expected, &all))
}

/// Where this crate was built from; it is a tool of the project and lives nowhere else.
fn project_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

fn own_sets(root: &Path) -> Vec<PathBuf> {
    ["datasets/demo", "datasets/mini"].map(|set| root.join(set)).to_vec()
}

fn load(folder: &Path, args: &Args) -> Result<BenchSet> {
    let mut set =
        BenchSet::load(folder).with_context(|| format!("cannot use {} as a benchmark", folder.display()))?;
    if let Some(count) = args.largest_nodes {
        set = set.largest_nodes(count);
    }
    if args.labelled {
        set.judged = Judged::Labelled;
    } else if args.anchored {
        set.judged = Judged::Anchored;
    }
    Ok(set)
}

fn read_peers(args: &Args, root: &Path) -> Result<Peers> {
    if let Some(path) = &args.peers {
        return Peers::read(path);
    }
    let usual = root.join("../shared/peers/results.jsonl");
    if usual.is_file() { Peers::read(&usual) } else { Ok(Peers::default()) }
}

/// Opens each scorer once.
struct Runner {
    models: PathBuf,
    scorer: Option<String>,
    known: BTreeSet<String>,
    open: BTreeMap<String, Engine>,
}

impl Runner {
    fn new(models: PathBuf, scorer: Option<String>) -> Result<Runner> {
        let manifest = models.join("manifest.json");
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}: has the scorer been trained?", manifest.display()))?;
        let json: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("in {}", manifest.display()))?;
        let known = json["scorers"].as_object().map(|s| s.keys().cloned().collect()).unwrap_or_default();
        Ok(Runner { models, scorer, known, open: BTreeMap::new() })
    }

    /// The scorer for a set, and why that one.
    fn choose(&self, set: &str) -> (String, &'static str) {
        let without = scorer_without(set);
        if let Some(name) = &self.scorer {
            (name.clone(), "as asked for")
        } else if self.known.contains(&without) {
            (without, "trained without this set")
        } else {
            ("default".to_owned(), "no scorer was trained without this set on purpose")
        }
    }

    fn measure(&mut self, set: &BenchSet, folder: &Path, files: Option<&Path>) -> Result<Figures> {
        let (scorer, why) = self.choose(&set.name);
        eprintln!(
            "{}: {} records, {} true pairs, scorer {scorer} ({why}), judged: {}",
            set.name,
            set.records.len(),
            set.truth.len(),
            measure::judged_name(set.judged)
        );
        if !self.open.contains_key(&scorer) {
            let options = EngineOptions { scorer: scorer.clone() };
            self.open.insert(scorer.clone(), Engine::open(&self.models, &options, &Lines)?);
        }
        let engine = &self.open[&scorer];
        let (figures, outcome) = measure::measure(engine, &scorer, set, folder, &Lines)?;
        if let Some(files) = files {
            files::write(&files.join(&set.name), &set.records, &outcome)?;
        }
        Ok(figures)
    }
}

fn only_own(folders: &[PathBuf], own: &[PathBuf]) -> Result<()> {
    let same = |a: &PathBuf, b: &PathBuf| a.canonicalize().ok() == b.canonicalize().ok();
    match folders.iter().find(|folder| !own.iter().any(|o| same(o, folder))) {
        Some(foreign) => bail!(
            "baselines are kept for datasets/demo and datasets/mini only, not for {}: anyone with a clone must be able \
             to check them",
            foreign.display()
        ),
        None => Ok(()),
    }
}

fn save_baselines(path: &Path, all: &[Figures]) -> Result<()> {
    let mut baselines = if path.is_file() { baseline::read(path)? } else { Baselines::new() };
    baselines.extend(all.iter().map(|f| (f.set.clone(), baseline::of(f))));
    baseline::write(path, &baselines)?;
    println!("Baselines are in {}.", path.display());
    Ok(())
}

fn check(baselines: &Baselines, all: &[Figures]) -> Result<ExitCode> {
    let mut worse: Vec<Worse> = Vec::new();
    for figures in all {
        let Some(baseline) = baselines.get(&figures.set) else {
            bail!("{} has no baseline: make one with --save", figures.set);
        };
        worse.extend(baseline::compare(figures, baseline));
    }
    if worse.is_empty() {
        println!("No figure is worse than its baseline.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("Worse than the baselines:\n\n{}", report::worse_table(&worse));
    Ok(ExitCode::FAILURE)
}

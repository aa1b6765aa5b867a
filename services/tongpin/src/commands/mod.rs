//! What each command does, and what they share: threads, models, reading, and the way from an outcome to a folder.

mod demo;
mod explain;
mod link;
mod load;
mod remote;
mod score;
mod serve;
mod train;

use crate::args::{Call, Linking, Task, Zones, shown};
use crate::failure::{self, Failure};
use crate::files;
use crate::folder::{self, ResultFolder};
use crate::lang::{Language, pick, say};
use crate::progress::Display;
use crate::report;
use crate::summary::{Counts, Run, Summary};
use domain::{Confidence, NodeId, ZonePolicy};
use engine::{Engine, EngineOptions, LinkOptions, LinkOutcome, Progress};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use tables::Records;

/// How a command ended.
pub enum Finish {
    Complete,
    SomeRowsRejected,
    /// A model that would be worse was not written.
    Worse,
}

impl Finish {
    fn with(rejected: usize) -> Self {
        if rejected == 0 { Finish::Complete } else { Finish::SomeRowsRejected }
    }
}

pub fn run(call: &Call) -> Result<Finish, Failure> {
    if let Some(threads) = call.threads {
        // Fails only where the pool exists already, which nothing before this line makes.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    match &call.task {
        Task::Link { records, linking, server: None } => link::link(call, records, linking),
        Task::Link { records, linking, server: Some(server) } => remote::link(call, records, linking, server),
        Task::Import { records, map, server, replace } => {
            remote::import(call, records, map, server, *replace)
        }
        Task::Load { records, map, from, place } => load::load(call, records, map, from, place),
        Task::Match { left, right, linking } => link::match_two(call, left, right, linking),
        Task::Score { pairs, out, report, map, zones } => {
            score::score(call, pairs, out, report.as_deref(), map, *zones)
        }
        Task::Explain { left, right, zones } => explain::explain(call, left, right, *zones),
        Task::Demo { out, serve: None } => demo::demo(call, out),
        Task::Demo { serve: Some(listen), .. } => serve::demo(call, *listen, demo::records()?),
        Task::Serve(serving) => serve::serve(call, serving),
        Task::User(person) => serve::user(call, person),
        Task::Train { pairs, valid, test, fitting } => {
            train::train(call, pairs, valid.as_deref(), test.as_deref(), fitting)
        }
        Task::Calibrate { pairs, fitting } => train::calibrate(call, pairs, fitting),
    }
}

/// Wall seconds by stage, for what happens around the engine.
struct Clock {
    began: Instant,
    laps: Vec<(String, f64)>,
}

impl Clock {
    fn start() -> Self {
        Clock { began: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, stage: &str) {
        self.laps.push((stage.to_owned(), self.began.elapsed().as_secs_f64()));
        self.began = Instant::now();
    }
}

fn open(call: &Call, display: &Display) -> Result<Engine, Failure> {
    display.stage("open", 0);
    let models = engine::models_folder(call.models.as_deref())?;
    let mut options = EngineOptions::default();
    if let Some(model) = &call.model {
        options.scorer.clone_from(model);
    }
    Ok(Engine::open(&models, &options, display)?)
}

/// The zones of given pairs: where the user did not choose, from the cut that the model's labels proved (never below the
/// default), and nowhere if they proved none.
fn proved_zones(zones: Zones, engine: &Engine) -> Zones {
    match &engine.model().promise {
        // No confidence reaches 1.
        Some(promise) if !zones.chosen => {
            let auto = promise.cut.map_or(1.0, |cut| cut.max(zones.auto));
            Zones { auto, review: zones.review.min(auto), ..zones }
        }
        _ => zones,
    }
}

fn zone_policy(zones: Zones) -> ZonePolicy {
    ZonePolicy { auto: Confidence::saturating(zones.auto), review: Confidence::saturating(zones.review) }
}

/// One linking run: what it is called, reads and shall write.
struct Job<'a> {
    command: &'a str,
    inputs: Vec<String>,
    out: &'a Path,
    zones: Zones,
    many_per_node: &'a [String],
    force: bool,
}

impl<'a> Job<'a> {
    fn new(command: &'a str, inputs: &[&Path], linking: &'a Linking) -> Self {
        Job {
            command,
            inputs: inputs.iter().map(|p| shown(p)).collect(),
            out: &linking.out,
            zones: linking.zones,
            many_per_node: &linking.many_per_node,
            force: linking.force,
        }
    }
}

/// What a finished run leaves for the terminal.
struct Done {
    records: Records,
    outcome: LinkOutcome,
    counts: Counts,
    summary: String,
}

/// The way from files to a folder: read, link, write, make visible.
fn produce(
    call: &Call,
    job: &Job<'_>,
    read: impl FnOnce() -> Result<Records, Failure>,
) -> Result<Done, Failure> {
    let display = Display::new(call.language, call.quiet);
    folder::check(job.out, job.force)?;
    let mut clock = Clock::start();
    display.stage("read", 0);
    let mut records = read()?;
    clock.lap("read");
    check_usable(&records)?;
    let nodes: BTreeSet<&str> = records.skus.iter().map(|s| s.key.node.0.as_str()).collect();
    check_nodes(&nodes, job.many_per_node)?;
    if nodes.len() == 1 && job.many_per_node.is_empty() {
        display.note(pick(
            call.language,
            "note: all records are of one node, and a node is taken to list a product once; nothing will be linked \
             (--many-per-node allows it)",
            "注意：所有记录都属于同一个节点，而默认一个节点内同一商品只出现一次，因此不会关联（可用 --many-per-node 放开）",
        ));
    }

    let engine = open(call, &display)?;
    clock.lap("open");
    let options = LinkOptions {
        zones: zone_policy(job.zones),
        many_per_node: job.many_per_node.iter().map(|n| NodeId(n.as_str().into())).collect(),
        ..LinkOptions::default()
    };
    let outcome = engine.link(&records.skus, &options, &display)?;
    let mut timings = clock.laps;
    timings.extend(outcome.timings.iter().map(|(stage, seconds)| ((*stage).to_owned(), *seconds)));

    if !outcome.repeating_nodes.is_empty() {
        let nodes = outcome.repeating_nodes.join(", ");
        display.note(&say!(
            call.language,
            "note: {nodes} seems to list the same goods several times, so its pairs are asked instead of linked",
            "注意：{nodes} 似乎把同一商品列了多次，相关名称对改为请人确认，而不自动关联"
        ));
    }
    display.stage("write", 0);
    let writing = Instant::now();
    let result = ResultFolder::begin(job.out)?;
    files::masters(&result.path("masters.csv"), &records, &outcome)?;
    // The report does not need the carried columns, and they may be the largest part of memory.
    records.carried = Vec::new();
    files::links(&result.path("links.csv"), &records.skus, &outcome)?;
    files::review(&result.path("review.csv"), &records.skus, &outcome)?;
    if !records.rejected.is_empty() {
        files::rejected(&result.path("rejected.csv"), &records.rejected)?;
    }
    let counts = Counts::of(&records.skus, &outcome);
    timings.push(("write".to_owned(), writing.elapsed().as_secs_f64()));
    let run = Run::new(timings);
    let versions = engine.versions();
    let summary = Summary {
        command: job.command,
        inputs: &job.inputs,
        records: &records,
        outcome: &outcome,
        counts: &counts,
        zones: job.zones,
        many_per_node: job.many_per_node,
        versions: &versions,
        promise: engine.model().promise.as_ref(),
        run: &run,
    };
    write_text(&result.path("report.html"), &report::render(&summary, call.language))?;
    let summary = summary.json();
    write_text(&result.path("summary.json"), &summary)?;
    result.finish()?;
    display.close();
    if !call.quiet {
        let all = shown(&job.out.join("rejected.csv"));
        failure::warn_of_rejected(&records.rejected, &all, call.language);
    }
    Ok(Done { records, outcome, counts, summary })
}

fn write_text(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|source| Failure::Write { path: path.to_owned(), source })
}

fn check_usable(records: &Records) -> Result<(), Failure> {
    if records.skus.is_empty() {
        let first = records.rejected.first().cloned();
        return Err(Failure::NothingUsable(records.rejected.len(), Box::new(first)));
    }
    Ok(())
}

fn check_nodes(nodes: &BTreeSet<&str>, many_per_node: &[String]) -> Result<(), Failure> {
    match many_per_node.iter().find(|name| !nodes.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Failure::NoSuchNode {
            name: name.clone(),
            nodes: nodes.iter().map(|n| (*n).to_owned()).collect(),
        }),
    }
}

/// Results go to stdout; a reader that has gone away (`| head`) is not an error.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Where the results are, in one line.
fn where_to_look(out: &Path, language: Language) -> String {
    let report = shown(&out.join("report.html"));
    say!(language, "report   {report}", "报告    {report}")
}

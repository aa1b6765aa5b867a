//! One set through the engine: the same three steps as [`Engine::link`], kept apart because the figures need what lies
//! between them.

use crate::figures::{Cost, Figures, Retrieval};
use crate::judge::Judge;
use crate::meter::Meter;
use crate::metrics::bcubed::b_cubed;
use crate::metrics::linkage::{Answers, Asked, Link, hard_negatives, linkage};
use crate::metrics::recall::{ChannelRecall, DEPTHS, Places, channel_recall};
use crate::metrics::{calibration, labelled, share};
use crate::pairs;
use crate::sets::{BenchSet, Judged, pair};
use anyhow::{Result, bail};
use engine::{Engine, LinkOptions, LinkOutcome, Prepared, Progress};
use retrieve::{Candidate, Channels};
use rustc_hash::FxHashMap;
use std::path::Path;
use std::time::Instant;

/// Runs the set and measures the outcome; `folder` is where the set came from.
pub fn measure(
    engine: &Engine,
    scorer: &str,
    set: &BenchSet,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(Figures, LinkOutcome)> {
    if set.judged != Judged::All && set.hard_negatives.is_empty() {
        bail!(
            "{} has no hard_negatives.csv: without wrong pairs, labelled pairs alone say nothing",
            set.name
        );
    }
    let options = LinkOptions::default();
    let meter = Meter::start();
    let prepared = engine.prepare(&set.records, &options.retrieval, progress)?;
    let mut stages: Vec<(String, f64)> =
        prepared.timings.iter().map(|(s, t)| ((*s).to_owned(), *t)).collect();
    let clock = Instant::now();
    let scored = engine.score(&prepared, &options.many_per_node, progress);
    stages.push(("score".to_owned(), clock.elapsed().as_secs_f64()));
    let clock = Instant::now();
    let outcome = engine.group(&set.records, &prepared, &scored, &options);
    stages.push(("link".to_owned(), clock.elapsed().as_secs_f64()));
    let reading = meter.read();
    let cost = Cost {
        stages,
        wall_seconds: reading.wall_seconds,
        cpu_seconds: reading.cpu_seconds,
        peak_megabytes: reading.peak_megabytes,
    };

    let (nodes, rank) = by_input(&prepared);
    let links: Vec<Link> = outcome
        .pairs
        .iter()
        .map(|p| Link { pair: pair(p.left, p.right), confidence: p.confidence, zone: p.zone })
        .collect();
    let questions: Vec<Asked> =
        outcome.reviews.iter().map(|q| Asked { record: q.record, master: q.master }).collect();
    let run = Answers {
        nodes: &nodes,
        rank: &rank,
        masters: &outcome.masters,
        links: &links,
        questions: &questions,
    };
    let judge = Judge::new(set.judged, &set.truth, &set.hard_negatives, &nodes);
    let (linkage, answers) = linkage(&run, &judge);
    let bins = calibration::bins(&answers);
    let confidence: FxHashMap<(u32, u32), f64> = links.iter().map(|l| (l.pair, l.confidence)).collect();
    let figures = Figures {
        set: set.name.clone(),
        scorer: scorer.to_owned(),
        judged: judged_name(set.judged).to_owned(),
        records: set.records.len(),
        nodes: prepared.node_names.len(),
        versions: engine.versions().into_iter().map(|(name, version)| (name.to_owned(), version)).collect(),
        retrieval: retrieval(engine, set, &prepared, progress)?,
        linkage,
        ece: calibration::expected_error(&bins),
        bins,
        b_cubed: set.clusters.as_ref().map(|clusters| b_cubed(&outcome.masters, clusters)),
        hard_negatives: hard_negatives(&set.hard_negatives, &outcome.masters),
        labelled_test: pairs::answers(folder, &set.records, &confidence)?
            .map(|(valid, test)| labelled::test_split(&valid, &test)),
        prior_shift: outcome.prior_shift,
        cost,
    };
    Ok((figures, outcome))
}

pub fn judged_name(judged: Judged) -> &'static str {
    match judged {
        Judged::All => "all",
        Judged::Labelled => "labelled",
        Judged::Anchored => "anchored",
    }
}

/// Node and place in the order of keys, of each input record.
fn by_input(prepared: &Prepared) -> (Vec<u32>, Vec<u32>) {
    let count = prepared.order.len();
    let (mut nodes, mut rank) = (vec![0; count], vec![0; count]);
    for (place, input) in prepared.order.iter().enumerate() {
        nodes[*input as usize] = prepared.nodes[place];
        rank[*input as usize] = place as u32;
    }
    (nodes, rank)
}

/// Recall of the run's own candidates, and of each channel with lists deep enough for [`DEPTHS`].
fn retrieval(engine: &Engine, set: &BenchSet, run: &Prepared, progress: &dyn Progress) -> Result<Retrieval> {
    let deepest = DEPTHS[DEPTHS.len() - 1];
    // Retrieval shortens its lists where a record has more than four other nodes to ask; asking for more makes up for
    // it, as far as it goes (with more than seven nodes the lists stay shorter than 50).
    let list = deepest * run.node_names.len().saturating_sub(1).max(4) / 4;
    // Fused lists are cut after joining the channels: room for both keeps their first 50 whole.
    let deep =
        retrieve::Options { text: list, vector: list, keep: 2 * list, ..LinkOptions::default().retrieval };
    let prepared = engine.prepare(&set.records, &deep, progress)?;
    let found = true_candidates(set, &prepared);
    let channel = |name: &str, places: fn(&Candidate) -> Places| -> ChannelRecall {
        let all: Vec<Places> =
            set.truth.iter().map(|pair| found.get(pair).map_or([0, 0], |c| places(c))).collect();
        channel_recall(name, &all)
    };
    Ok(Retrieval {
        candidates: run.candidates.len(),
        candidate_recall: share(true_candidates(set, run).len(), set.truth.len()),
        channels: vec![
            // Exact keys have no ranks: what shares a key is there, both ways.
            channel("exact", |c| if c.channels.has(Channels::EXACT) { [1, 1] } else { [0, 0] }),
            channel("text", |c| c.text_rank),
            channel("vector", |c| c.vector_rank),
            channel("fused", |c| c.fused_rank),
        ],
    })
}

fn true_candidates<'a>(set: &BenchSet, prepared: &'a Prepared) -> FxHashMap<(u32, u32), &'a Candidate> {
    let input = |record: u32| prepared.order[record as usize];
    let keyed = prepared.candidates.iter().map(|c| (pair(input(c.left), input(c.right)), c));
    keyed.filter(|(pair, _)| set.truth.contains(pair)).collect()
}

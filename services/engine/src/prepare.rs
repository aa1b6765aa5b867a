//! From records to candidates: parse, embed, retrieve, profile.

use crate::field::{Field, Surroundings, WIDTH};
use crate::{Engine, EngineError, Progress};
use domain::{LocalSku, ParsedName};
use rayon::prelude::*;
use retrieve::{Candidate, Channels};
use rustc_hash::FxHashSet;
use score::{Corpus, Profile};
use std::time::Instant;

/// Records made ready and the candidates among them. Everything is in the order of node, name and code; `order` leads
/// back to the input.
pub struct Prepared {
    /// `order[i]` is the input index of record i.
    pub order: Vec<u32>,
    /// Node of each record, as an index into `node_names` (sorted).
    pub nodes: Vec<u32>,
    pub node_names: Vec<String>,
    pub corpus: Corpus,
    pub profiles: Vec<Profile>,
    pub candidates: Vec<Candidate>,
    /// (stage, wall seconds)
    pub timings: Vec<(&'static str, f64)>,
}

/// Rows are handled in pieces so that progress is seen and memory stays flat.
const PIECE: usize = 8192;

/// What candidates were found with; a service goes on searching with it.
pub(crate) struct Reading {
    pub parsed: Vec<ParsedName>,
    /// Evened out.
    pub vectors: ndarray::Array2<f32>,
    pub evening: retrieve::Evening,
}

impl Engine {
    pub fn prepare(
        &self,
        records: &[LocalSku],
        options: &retrieve::Options,
        progress: &dyn Progress,
    ) -> Result<Prepared, EngineError> {
        self.prepare_with(records, &[], options, progress)
    }

    /// The same with pairs of input records, each of two nodes, that are candidates whether or not retrieval proposes
    /// them.
    pub(crate) fn prepare_with(
        &self,
        records: &[LocalSku],
        given: &[(u32, u32)],
        options: &retrieve::Options,
        progress: &dyn Progress,
    ) -> Result<Prepared, EngineError> {
        let mut timings = Vec::new();
        let (mut prepared, _) =
            self.prepare_keeping(records, given, options, false, &mut timings, progress)?;
        prepared.timings = timings;
        Ok(prepared)
    }

    pub(crate) fn prepare_keeping(
        &self,
        records: &[LocalSku],
        given: &[(u32, u32)],
        options: &retrieve::Options,
        keep: bool,
        timings: &mut Vec<(&'static str, f64)>,
        progress: &dyn Progress,
    ) -> Result<(Prepared, Option<Reading>), EngineError> {
        if records.len() > 1 << 24 {
            return Err(EngineError::TooMany(records.len()));
        }
        let mut clock = Instant::now();
        let mut lap = |name: &'static str, clock: &mut Instant| {
            timings.push((name, clock.elapsed().as_secs_f64()));
            *clock = Instant::now();
        };

        let mut order: Vec<u32> = (0..records.len() as u32).collect();
        order.par_sort_by(|a, b| records[*a as usize].key.cmp(&records[*b as usize].key));
        if let Some(twice) =
            order.windows(2).find(|w| records[w[0] as usize].key == records[w[1] as usize].key)
        {
            return Err(EngineError::Duplicate(records[twice[0] as usize].key.clone()));
        }
        // Within a node by name: names that begin alike have the same candidates, which are then still in the
        // processor's cache. Keys decide between equal names, so that the order is the same for any input.
        order.par_sort_by(|a, b| {
            let (a, b) = (&records[*a as usize], &records[*b as usize]);
            a.key.node.cmp(&b.key.node).then_with(|| a.name.cmp(&b.name)).then_with(|| a.key.cmp(&b.key))
        });
        let (nodes, node_names) = number_nodes(records, &order);

        progress.stage("parse", records.len() as u64);
        let mut parsed: Vec<ParsedName> = Vec::with_capacity(records.len());
        for piece in order.chunks(PIECE) {
            parsed.par_extend(piece.par_iter().map(|i| self.normalizer.parse(&records[*i as usize])));
            progress.advance(piece.len() as u64);
        }
        lap("parse", &mut clock);

        progress.stage("embed", records.len() as u64);
        let dim = self.encoder.dim();
        let mut vectors = ndarray::Array2::<f32>::zeros((records.len(), dim));
        for (index, piece) in parsed.chunks(PIECE).enumerate() {
            let texts: Vec<&str> = piece.iter().map(|p| p.canonical.as_str()).collect();
            let encoded = self.encoder.encode(&texts)?;
            let from = index * PIECE;
            vectors.slice_mut(ndarray::s![from..from + piece.len(), ..]).assign(&encoded);
            progress.advance(piece.len() as u64);
        }
        let evening = retrieve::Evening::of(&vectors);
        evening.apply(&mut vectors);
        lap("embed", &mut clock);

        progress.stage("retrieve", 0);
        let index = retrieve::Index::build(&nodes, &parsed, vectors.view(), options)?;
        let mut candidates = index.candidates()?;
        drop(index);
        add_given(&mut candidates, given, &order, &vectors);
        lap("retrieve", &mut clock);

        progress.stage("profile", 0);
        let corpus = Corpus::count(&parsed);
        let prices: Vec<Option<f64>> = order.iter().map(|i| records[*i as usize].price).collect();
        let (profiles, reading) = if keep {
            (corpus.profiles(&parsed, &prices), Some(Reading { parsed, vectors, evening }))
        } else {
            // Each name's memory is free for the next profile.
            drop(vectors);
            let profile = |(name, price): (ParsedName, _)| corpus.profile(&name, price);
            (parsed.into_par_iter().zip(prices).map(profile).collect(), None)
        };
        lap("profile", &mut clock);
        let prepared =
            Prepared { order, nodes, node_names, corpus, profiles, candidates, timings: Vec::new() };
        Ok((prepared, reading))
    }
}

fn add_given(
    candidates: &mut Vec<Candidate>,
    given: &[(u32, u32)],
    order: &[u32],
    vectors: &ndarray::Array2<f32>,
) {
    if given.is_empty() {
        return;
    }
    let mut place = vec![0u32; order.len()];
    order.iter().enumerate().for_each(|(record, input)| place[*input as usize] = record as u32);
    let known: FxHashSet<(u32, u32)> = candidates.iter().map(|c| (c.left, c.right)).collect();
    let mut missing: Vec<(u32, u32)> = given
        .iter()
        .map(|(a, b)| (place[*a as usize], place[*b as usize]))
        .map(|(a, b)| (a.min(b), a.max(b)))
        .filter(|pair| !known.contains(pair))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    candidates.extend(missing.into_iter().map(|(left, right)| Candidate {
        left,
        right,
        cosine: vectors.row(left as usize).dot(&vectors.row(right as usize)),
        channels: Channels::default(),
        text_rank: [0; 2],
        vector_rank: [0; 2],
        fused_rank: [0; 2],
    }));
    candidates.sort_unstable_by_key(|c| (c.left, c.right));
}

fn number_nodes(records: &[LocalSku], order: &[u32]) -> (Vec<u32>, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let nodes = order
        .iter()
        .map(|i| {
            let node = records[*i as usize].key.node.0.as_str();
            if names.last().is_none_or(|last| last != node) {
                names.push(node.to_owned());
            }
            names.len() as u32 - 1
        })
        .collect();
    (nodes, names)
}

impl Field for Prepared {
    fn count(&self) -> usize {
        self.candidates.len()
    }

    fn ends(&self, pair: usize) -> (u32, u32) {
        (self.candidates[pair].left, self.candidates[pair].right)
    }

    fn cosine(&self, pair: usize) -> f32 {
        self.candidates[pair].cosine
    }

    fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    fn profile(&self, record: u32) -> &Profile {
        &self.profiles[record as usize]
    }
}

impl Prepared {
    /// All features of all candidates, row by row: what training reads.
    pub fn feature_rows(&self) -> Vec<[f32; WIDTH]> {
        let around = Surroundings::of(self);
        (0..self.candidates.len())
            .into_par_iter()
            .map(|i| {
                let mut row = [0.0; WIDTH];
                around.fill(self, i, &mut row);
                row
            })
            .collect()
    }
}

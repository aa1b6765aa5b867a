//! From records to candidates: parse, embed, retrieve, profile.

use crate::{Engine, EngineError, Progress};
use domain::{LocalSku, ParsedName};
use rayon::prelude::*;
use retrieve::{Candidate, Channels};
use rustc_hash::FxHashSet;
use score::features::{self, Likeness};
use score::{Corpus, Profile, context};
use std::time::Instant;

/// Records made ready and the candidates among them. Everything is in the order of the records' keys; `order` leads
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
        if records.len() > 1 << 24 {
            return Err(EngineError::TooMany(records.len()));
        }
        let mut timings = Vec::new();
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
        retrieve::Evening::of(&vectors).apply(&mut vectors);
        lap("embed", &mut clock);

        progress.stage("retrieve", 0);
        let index = retrieve::Index::build(&nodes, &parsed, vectors.view(), options)?;
        let mut candidates = index.candidates()?;
        drop(index);
        add_given(&mut candidates, given, &order, &vectors);
        drop(vectors);
        lap("retrieve", &mut clock);

        progress.stage("profile", 0);
        let corpus = Corpus::count(&parsed);
        let prices: Vec<Option<f64>> = order.iter().map(|i| records[*i as usize].price).collect();
        let profiles = corpus.profiles(&parsed, &prices);
        lap("profile", &mut clock);
        Ok(Prepared { order, nodes, node_names, corpus, profiles, candidates, timings })
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
        bm25: 0.0,
        cosine: vectors.row(left as usize).dot(&vectors.row(right as usize)),
        fused: 0.0,
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

/// The candidates' place among each other under likeness, from which the context features are read.
pub(crate) struct Surroundings {
    pub likeness: Vec<Likeness>,
    pub neighbourhoods: context::Neighbourhoods,
    combined: Vec<context::Standing>,
    cosine: Vec<context::Standing>,
    text: Vec<context::Standing>,
}

/// Pair and context features together.
pub const WIDTH: usize = features::PAIR.len() + features::CONTEXT.len();

impl Prepared {
    pub(crate) fn surroundings(&self) -> Surroundings {
        let of = |c: &Candidate| (&self.profiles[c.left as usize], &self.profiles[c.right as usize]);
        let likeness: Vec<Likeness> = self
            .candidates
            .par_iter()
            .map(|c| {
                let (a, b) = of(c);
                Likeness::of(a, b, c.cosine)
            })
            .collect();
        let combined: Vec<f32> = self
            .candidates
            .par_iter()
            .zip(&likeness)
            .map(|(c, l)| {
                let (a, b) = of(c);
                l.combined(features::cross_script(a, b))
            })
            .collect();
        let pairs: Vec<(u32, u32)> = self.candidates.iter().map(|c| (c.left, c.right)).collect();
        let neighbourhoods = context::Neighbourhoods::new(&pairs, &self.nodes);
        let by = |score: Vec<f32>| neighbourhoods.standings(&score);
        let cosine = by(likeness.iter().map(|l| l.cosine).collect());
        let text = by(likeness.iter().map(|l| l.text).collect());
        Surroundings { combined: by(combined), cosine, text, likeness, neighbourhoods }
    }

    /// Fills the pair and context features of candidate `index` into `out[..WIDTH]`.
    pub(crate) fn fill(&self, around: &Surroundings, index: usize, out: &mut [f32]) {
        let c = &self.candidates[index];
        let (a, b) = (&self.profiles[c.left as usize], &self.profiles[c.right as usize]);
        features::fill(a, b, around.likeness[index], out);
        context::fill(
            &around.combined[index],
            &around.cosine[index],
            &around.text[index],
            &mut out[features::PAIR.len()..WIDTH],
        );
    }

    /// All features of all candidates, row by row: what training reads.
    pub fn feature_rows(&self) -> Vec<[f32; WIDTH]> {
        let around = self.surroundings();
        (0..self.candidates.len())
            .into_par_iter()
            .map(|i| {
                let mut row = [0.0; WIDTH];
                self.fill(&around, i, &mut row);
                row
            })
            .collect()
    }
}

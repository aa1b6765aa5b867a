//! Scoring for a running service: what a full run learnt is kept ([`Statistics`]), and a changed record re-scores its
//! surroundings under it ([`Engine::rescore`]) with the functions of the full run.
//!
//! **Equal to a full run under the same statistics**: every stage of a pair whose groups (the pairs of either record with
//! the other's node) are in the [`Surrounding`] with nothing older than it is; the confidence, where all pairs
//! within ten steps of rivalry are there. **Approximate**: what lies beyond the surrounding is taken as it was.

use crate::field::{Field, Holds, PairState};
use crate::prepare::{Prepared, Reading};
use crate::scoring::{Context, Depth, Staged};
use crate::{Engine, EngineError, Progress, Quiet};
use domain::{Confidence, LocalSku, NodeId, ParsedName};
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use retrieve::{Evening, LiveIndex};
use rustc_hash::FxHashSet;
use score::context::Neighbourhoods;
use score::matching::Matching;
use score::{Corpus, Profile, Veto};

/// What only all records together can tell, as the last full run found it.
pub struct Statistics {
    pub(crate) evening: Evening,
    pub(crate) corpus: Corpus,
    /// What the adaptation added to every log-odds.
    pub prior_shift: f64,
    /// Nodes that seem to list products several times.
    pub repeating_nodes: Vec<String>,
    /// Records it was learnt from.
    pub records: usize,
}

/// A full run, with everything that a service goes on with. Records are in the order of their keys and have the rows
/// 0, 1, … of the index in that order.
pub struct Fit {
    pub statistics: Statistics,
    pub index: LiveIndex,
    /// `order[row]` is the input index.
    pub order: Vec<u32>,
    /// Node of each row, as an index into `node_names` (sorted).
    pub nodes: Vec<u32>,
    pub node_names: Vec<String>,
    pub profiles: Vec<Profile>,
    /// (left row, right row, state), sorted.
    pub pairs: Vec<(u32, u32, Ranked)>,
}

/// A pair as it was scored.
pub struct Ranked {
    pub state: PairState,
    /// Where the third stage may have to look at it again, what the second read of its rivals.
    pub context: Option<Box<Context>>,
}

/// A record as it is compared.
pub struct ReadRecord {
    pub parsed: ParsedName,
    /// Evened out.
    pub vector: Array1<f32>,
    pub profile: Profile,
}

/// A pair of a [`Surrounding`]; `left < right`.
pub struct NearPair<'a> {
    pub left: u32,
    pub right: u32,
    /// Used where nothing is known.
    pub cosine: f32,
    pub known: Option<(Holds, PairState)>,
    /// For [`Engine::rescore_thirds`], where the third stage does not hold.
    pub context: Option<&'a Context>,
}

/// Records, in any order, and the pairs among them that are scored together.
pub struct Surrounding<'a> {
    pub nodes: Vec<u32>,
    pub profiles: Vec<&'a Profile>,
    /// Sorted by (left, right).
    pub pairs: Vec<NearPair<'a>>,
}

/// Which nodes are not as others are.
#[derive(Clone, Debug, Default)]
pub struct NodeTraits {
    /// May list a product several times.
    pub many: FxHashSet<u32>,
    /// Seem to, without leave.
    pub repeating: FxHashSet<u32>,
}

impl NodeTraits {
    /// Whether another candidate of the node speaks against one.
    pub fn lists_once(&self, node: u32) -> bool {
        !self.many.contains(&node) && !self.repeating.contains(&node)
    }
}

impl Surrounding<'_> {
    /// One a pair, where all are known.
    fn states(&self) -> Vec<PairState> {
        self.pairs.iter().filter_map(|pair| pair.known.map(|(_, state)| state)).collect()
    }
}

impl Field for Surrounding<'_> {
    fn count(&self) -> usize {
        self.pairs.len()
    }

    fn ends(&self, pair: usize) -> (u32, u32) {
        (self.pairs[pair].left, self.pairs[pair].right)
    }

    fn cosine(&self, pair: usize) -> f32 {
        self.pairs[pair].cosine
    }

    fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    fn profile(&self, record: u32) -> &Profile {
        self.profiles[record as usize]
    }

    fn known(&self, pair: usize) -> Option<(Holds, &PairState)> {
        self.pairs[pair].known.as_ref().map(|(holds, state)| (*holds, state))
    }
}

impl Engine {
    /// Runs over all records and keeps what a service needs.
    pub fn fit(
        &self,
        records: &[LocalSku],
        many_per_node: &[NodeId],
        options: &retrieve::Options,
        progress: &dyn Progress,
    ) -> Result<Fit, EngineError> {
        let (mut prepared, reading) =
            self.prepare_keeping(records, &[], options, true, &mut Vec::new(), progress)?;
        progress.stage("score", prepared.candidates.len() as u64);
        let (staged, seen) = self.stages(&prepared, progress);
        let scored = self.judge(&prepared, &staged, many_per_node);
        let states = staged.states(|pair| seen.likeness(&prepared, pair), &scored.confidence, &scored.veto);
        let pairs = prepared
            .candidates
            .iter()
            .zip(states)
            .zip(staged.contexts(&seen, &prepared))
            .map(|((candidate, state), context)| (candidate.left, candidate.right, Ranked { state, context }))
            .collect();
        let Some(Reading { parsed, vectors, evening }) = reading else {
            unreachable!("kept on request");
        };
        let index = LiveIndex::build(&prepared.nodes, &parsed, vectors.view(), options);
        let statistics = Statistics {
            evening,
            corpus: std::mem::take(&mut prepared.corpus),
            prior_shift: scored.prior_shift,
            repeating_nodes: scored.repeating_nodes,
            records: records.len(),
        };
        let Prepared { order, nodes, node_names, profiles, .. } = prepared;
        Ok(Fit { statistics, index, order, nodes, node_names, profiles, pairs })
    }

    /// Reads records that come after a full run, with what it learnt.
    pub fn read(&self, records: &[&LocalSku], with: &Statistics) -> Result<Vec<ReadRecord>, EngineError> {
        let parsed: Vec<ParsedName> =
            records.par_iter().map(|record| self.normalizer.parse(record)).collect();
        let texts: Vec<&str> = parsed.iter().map(|name| name.canonical.as_str()).collect();
        let vectors: Array2<f32> = self.encoder.encode(&texts)?;
        Ok(parsed
            .into_par_iter()
            .zip(records)
            .enumerate()
            .map(|(at, (parsed, record))| ReadRecord {
                vector: with.evening.one(vectors.row(at)),
                profile: with.corpus.profile(&parsed, record.price),
                parsed,
            })
            .collect())
    }

    /// The stages of every pair as far as nothing known holds. Confidences and vetoes are those known; new pairs get
    /// theirs from [`Engine::settle`].
    pub fn rescore(&self, surrounding: &Surrounding) -> Vec<Ranked> {
        self.rescore_to(Depth::Third, surrounding)
    }

    /// The first two stages alone: the third is as it was, or, where there was none, what the second says.
    pub fn rescore_ranks(&self, surrounding: &Surrounding) -> Vec<Ranked> {
        self.rescore_to(Depth::Second, surrounding)
    }

    fn rescore_to(&self, depth: Depth, surrounding: &Surrounding) -> Vec<Ranked> {
        let (staged, seen) = self.stages_to(depth, surrounding, &Quiet);
        let of = |known: &Option<(Holds, PairState)>| known.as_ref().map(|(_, state)| *state);
        let earlier: Vec<Option<PairState>> = surrounding.pairs.iter().map(|pair| of(&pair.known)).collect();
        let confidence: Vec<f64> =
            earlier.iter().map(|state| state.map_or(0.0, |state| state.confidence.get())).collect();
        let veto: Vec<_> = earlier.iter().map(|state| state.and_then(|state| state.veto)).collect();
        let states = staged.states(|pair| seen.likeness(surrounding, pair), &confidence, &veto);
        let contexts = staged.contexts(&seen, surrounding);
        states.into_iter().zip(contexts).map(|(state, context)| Ranked { state, context }).collect()
    }

    /// The third stage of the pairs that come with their contexts; all stages of the others are known. Asks for the pairs
    /// with a chance of both records alone.
    pub fn rescore_thirds(&self, surrounding: &Surrounding) -> Vec<PairState> {
        let mut known = surrounding.states();
        let staged = Staged::of_known(surrounding, &known);
        let third_of = staged.third_of(self, surrounding);
        for (at, pair) in staged.active.iter().enumerate() {
            if let Some(context) = surrounding.pairs[*pair as usize].context {
                known[*pair as usize].third = Some(third_of(at, context) as f32);
            }
        }
        known
    }

    /// Confidences of pairs whose stages are all known, as rivals of each other.
    pub fn settle(
        &self,
        surrounding: &Surrounding,
        statistics: &Statistics,
        traits: &NodeTraits,
    ) -> Vec<PairState> {
        let known = surrounding.states();
        let staged = Staged::of_known(surrounding, &known);
        let matching =
            Matching::new(&staged.pairs, &staged.rivals, &surrounding.nodes, |node| traits.lists_once(node));
        let (confidence, veto) =
            self.confidences(surrounding, &staged, &matching, statistics.prior_shift, |node| {
                traits.repeating.contains(&node)
            });
        staged.states(|pair| known[pair].likeness, &confidence, &veto)
    }
}

impl Engine {
    /// What becomes of a pair whose rivals leave it this probability ([`Statistics::weight`] and the places of
    /// [`score::matching`] go into it).
    pub fn conclude(
        &self,
        marginal: f64,
        statistics: &Statistics,
        repeats: bool,
        (a, b): (&Profile, &Profile),
    ) -> (Confidence, Option<Veto>) {
        let (confidence, veto) = self.concluded(marginal, statistics.prior_shift, repeats, (a, b));
        (Confidence::saturating(confidence), veto)
    }
}

impl Statistics {
    /// The odds of a pair taken alone, under the prior of the data at hand, as the matching weighs them.
    pub fn weight(&self, third: f32) -> f64 {
        score::matching::weight(f64::from(third) + self.prior_shift)
    }
}

impl Staged {
    /// `known` holds one state a pair.
    fn of_known(surrounding: &Surrounding, known: &[PairState]) -> Staged {
        let active: Vec<u32> =
            (0u32..).zip(known).filter(|(_, state)| state.is_active()).map(|(pair, _)| pair).collect();
        let pairs: Vec<(u32, u32)> = active.iter().map(|pair| surrounding.ends(*pair as usize)).collect();
        Staged {
            first: known.iter().map(|state| state.first).collect(),
            second: known.iter().map(|state| state.second).collect(),
            rivals: Neighbourhoods::new(pairs.len(), |pair| pairs[pair], &surrounding.nodes),
            pairs,
            third: known.iter().filter_map(|state| state.third).map(f64::from).collect(),
            active,
        }
    }
}

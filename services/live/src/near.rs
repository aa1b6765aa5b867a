//! Scoring the surroundings of what changed. Three steps, each with the functions of the full run (see
//! [`engine::Surrounding`]):
//!
//! 1. the first two stages of new pairs, and of pairs whose rivals changed;
//! 2. the third stage of pairs whose third records may say something else now;
//! 3. the matching, over the pairs with a chance within [`STEPS`] steps of what changed.
//!
//! What is further away is taken as it was: a rank that changed there because a rival's rank changed here is not seen
//! until the next full run. How little that is, is measured in `tests/like_batch.rs`.

use crate::graph::{Graph, Group};
use domain::LocalSku;
use engine::{Engine, EngineError, Holds, NearPair, PairState, ReadRecord, Surrounding};
use retrieve::Probe;
use rustc_hash::{FxHashMap, FxHashSet};
use score::Profile;

/// Steps of rivalry that the matching looks at.
const STEPS: usize = 3;
/// Confidences that move less than this are left as they are.
const STILL: f64 = 1e-5;
/// Second-stage log-odds below which a pair is not scored again when its rivals change: it has no chance.
const HOPELESS: f32 = -9.5;
/// A change of the second stage's probability that is taken note of.
const HEARD: f64 = 0.002;

/// Pairs by number, each with what still holds (`None`: nothing is known).
type Wanted = FxHashMap<u32, Option<Holds>>;

fn chance(log_odds: f32) -> f64 {
    score::model::probability(f64::from(log_odds))
}

impl Graph {
    fn surrounding(&self, wanted: &Wanted) -> (Surrounding<'_>, Vec<u32>) {
        let mut pairs: Vec<u32> = wanted.keys().copied().collect();
        let mut rows: Vec<u32> = pairs.iter().flat_map(|pair| self.pairs[*pair as usize].ends).collect();
        rows.sort_unstable();
        rows.dedup();
        let place: FxHashMap<u32, u32> = rows.iter().copied().zip(0u32..).collect();
        let ends = |pair: u32| {
            let [a, b] = self.pairs[pair as usize].ends.map(|row| place[&row]);
            (a.min(b), a.max(b))
        };
        pairs.sort_unstable_by_key(|pair| ends(*pair));
        let near = |pair: &u32| {
            let (left, right) = ends(*pair);
            let of = &self.pairs[*pair as usize];
            let known = wanted[pair].zip(of.state);
            NearPair { left, right, cosine: of.cosine, known }
        };
        let surrounding = Surrounding {
            nodes: rows.iter().map(|row| self.records[*row as usize].node).collect(),
            profiles: rows.iter().map(|row| &self.records[*row as usize].profile).collect(),
            pairs: pairs.iter().map(near).collect(),
        };
        (surrounding, pairs)
    }

    /// Adds the groups of the pairs that are to be scored, as they are.
    fn close(&self, wanted: &mut Wanted) {
        let scored: Vec<u32> =
            wanted.iter().filter(|(_, holds)| **holds != Some(Holds::ThirdStage)).map(|(p, _)| *p).collect();
        let groups: FxHashSet<Group> = scored.iter().flat_map(|pair| self.groups_of(*pair)).collect();
        for group in groups {
            for pair in self.group(group) {
                wanted.entry(pair).or_insert(Some(Holds::ThirdStage));
            }
        }
    }

    fn run(&self, engine: &Engine, wanted: &Wanted) -> Vec<(u32, PairState)> {
        let (surrounding, pairs) = self.surrounding(wanted);
        let states = engine.rescore(&surrounding);
        let scored = pairs.into_iter().zip(states);
        scored.filter(|(pair, _)| wanted[pair] != Some(Holds::ThirdStage)).collect()
    }

    /// Step 1; gives the pairs that are new or moved.
    pub fn first_stages(&self, engine: &Engine, groups: &FxHashSet<Group>) -> Vec<(u32, PairState)> {
        let mut wanted = Wanted::default();
        for group in groups {
            for pair in self.group(*group) {
                let holds = match self.pairs[pair as usize].state {
                    None => None,
                    Some(state) if state.second > HOPELESS => Some(Holds::Likeness),
                    Some(_) => Some(Holds::ThirdStage),
                };
                wanted.insert(pair, holds);
            }
        }
        self.close(&mut wanted);
        let mut scored = self.run(engine, &wanted);
        scored.retain(|(pair, state)| self.is_news(*pair, state));
        scored
    }

    /// Whether a pair that step 1 scored is to be kept as scored: it is new, or it moved. The others stay as they were,
    /// their third stage included, which step 1 cannot tell: it does not look at third records.
    fn is_news(&self, pair: u32, state: &PairState) -> bool {
        self.pairs[pair as usize].state.is_none_or(|before| {
            let moved = (chance(state.second) - chance(before.second)).abs() > HEARD;
            moved || state.is_active() != before.is_active()
        })
    }

    /// Records whose pairs the third stage has to see: those of what step 1 found, which is not yet kept.
    pub fn hearing(&self, news: &[(u32, PairState)]) -> FxHashSet<u32> {
        let mut rows = FxHashSet::default();
        for (pair, state) in news {
            let of = &self.pairs[*pair as usize];
            if state.is_active() || of.state.is_some_and(|before| before.is_active()) {
                rows.extend(of.ends);
            }
        }
        rows
    }

    /// Step 2.
    pub fn third_stage(&self, engine: &Engine, rows: &FxHashSet<u32>) -> Vec<(u32, PairState)> {
        let mut wanted = Wanted::default();
        let mut voices = FxHashSet::default();
        for row in rows {
            for (pair, _) in self.active(*row) {
                wanted.insert(pair, Some(Holds::SecondStage));
                voices.insert(self.other(pair, *row));
            }
        }
        self.close(&mut wanted);
        for row in voices {
            for (pair, _) in self.active(row) {
                wanted.entry(pair).or_insert(Some(Holds::ThirdStage));
            }
        }
        self.run(engine, &wanted)
    }

    /// Step 3; gives the confidences that moved.
    pub fn matching(&self, engine: &Engine, rows: &FxHashSet<u32>) -> Vec<(u32, PairState)> {
        let mut wanted = Wanted::default();
        let (mut seen, mut front) = (rows.clone(), rows.clone());
        let mut settled = FxHashSet::default();
        for step in 0..STEPS {
            let mut next = FxHashSet::default();
            for row in &front {
                for (pair, _) in self.active(*row) {
                    wanted.insert(pair, Some(Holds::ThirdStage));
                    if step < STEPS - 1 {
                        settled.insert(pair);
                    }
                    let other = self.other(pair, *row);
                    if seen.insert(other) {
                        next.insert(other);
                    }
                }
            }
            front = next;
        }
        let mut moved = self.settled(engine, &wanted);
        moved.retain(|(pair, state)| settled.contains(pair) && self.moves(*pair, state));
        moved
    }

    fn moves(&self, pair: u32, state: &PairState) -> bool {
        self.pairs[pair as usize].state.is_none_or(|before| {
            (before.confidence.get() - state.confidence.get()).abs() > STILL || before.veto != state.veto
        })
    }

    fn settled(&self, engine: &Engine, wanted: &Wanted) -> Vec<(u32, PairState)> {
        let (surrounding, pairs) = self.surrounding(wanted);
        pairs.into_iter().zip(engine.settle(&surrounding, &self.statistics, &self.traits)).collect()
    }

    /// Scores every pair anew under the statistics as they are: what the steps above come near to.
    pub fn score_all(&mut self, engine: &Engine) {
        let live = |graph: &Graph| -> Vec<u32> {
            let rows = graph.rows.values();
            let mut pairs: Vec<u32> =
                rows.flat_map(|row| graph.records[*row as usize].pairs.iter().copied()).collect();
            pairs.sort_unstable();
            pairs.dedup();
            pairs
        };
        let pairs = live(self);
        let states = self.run(engine, &pairs.iter().map(|pair| (*pair, None)).collect());
        self.set(&states);
        let wanted = pairs.iter().map(|pair| (*pair, Some(Holds::ThirdStage))).collect();
        let states = self.settled(engine, &wanted);
        self.set(&states);
    }

    /// Scores a name that is not stored against all records, as if it were the only record of a node of its own: exactly what a full
    /// run under the same statistics would say. Best first, ties by key.
    pub fn score_name(&self, engine: &Engine, sku: &LocalSku) -> Result<Vec<(u32, PairState)>, EngineError> {
        let mut read = engine.read(&[sku], &self.statistics)?;
        let Some(ReadRecord { parsed, vector, profile }) = read.pop() else { return Ok(Vec::new()) };
        let probe = Probe { node: None, parsed: &parsed, vector: vector.view() };
        let mut hits: Vec<(u32, f32)> =
            self.index.search(&probe).iter().map(|hit| (hit.record, hit.cosine)).collect();
        hits.sort_unstable_by_key(|(row, _)| *row);
        let rows: Vec<u32> = hits.iter().map(|(row, _)| *row).collect();
        let asked = rows.len() as u32;
        let place: FxHashMap<u32, u32> = rows.iter().copied().zip(0u32..).collect();
        let mut pairs: Vec<NearPair> = (0u32..)
            .zip(&hits)
            .map(|(left, (_, cosine))| NearPair { left, right: asked, cosine: *cosine, known: None })
            .collect();
        // What third nodes say: the links among those that were found.
        for (at, row) in (0u32..).zip(&rows) {
            for (pair, state) in self.active(*row) {
                let Some(&other) = place.get(&self.other(pair, *row)) else { continue };
                if at < other {
                    let known = Some((Holds::ThirdStage, state));
                    pairs.push(NearPair { left: at, right: other, cosine: 0.0, known });
                }
            }
        }
        pairs.sort_unstable_by_key(|pair| (pair.left, pair.right));
        let surrounding = self.around(&rows, &profile, pairs);
        let states = engine.rescore(&surrounding);
        let own: Vec<(u32, PairState)> = surrounding
            .pairs
            .iter()
            .zip(states)
            .filter(|(pair, _)| pair.right == asked)
            .map(|(pair, state)| (pair.left, state))
            .collect();
        let pairs = own
            .iter()
            .map(|(left, state)| NearPair {
                left: *left,
                right: asked,
                cosine: 0.0,
                known: Some((Holds::ThirdStage, *state)),
            })
            .collect();
        let surrounding = self.around(&rows, &profile, pairs);
        let states = engine.settle(&surrounding, &self.statistics, &self.traits);
        let mut found: Vec<(u32, PairState)> =
            own.iter().zip(states).map(|((left, _), state)| (rows[*left as usize], state)).collect();
        self.order(&mut found);
        Ok(found)
    }

    fn around<'a>(&'a self, rows: &[u32], profile: &'a Profile, pairs: Vec<NearPair>) -> Surrounding<'a> {
        let nodes = rows.iter().map(|row| self.records[*row as usize].node);
        let profiles = rows.iter().map(|row| &self.records[*row as usize].profile);
        Surrounding {
            nodes: nodes.chain([u32::MAX]).collect(),
            profiles: profiles.chain([profile]).collect(),
            pairs,
        }
    }

    /// What a stored record was compared with, best first, ties by key.
    pub fn matches_of(&self, row: u32) -> Vec<(u32, PairState)> {
        let pairs = self.records[row as usize].pairs.iter();
        let mut found: Vec<(u32, PairState)> = pairs
            .filter_map(|pair| self.pairs[*pair as usize].state.map(|state| (self.other(*pair, row), state)))
            .collect();
        self.order(&mut found);
        found
    }

    fn order(&self, found: &mut [(u32, PairState)]) {
        let rank = |state: &PairState| (state.confidence.get(), state.second);
        found.sort_by(|(a, x), (b, y)| {
            let (x, y) = (rank(x), rank(y));
            y.0.total_cmp(&x.0)
                .then(y.1.total_cmp(&x.1))
                .then_with(|| self.records[*a as usize].key.cmp(&self.records[*b as usize].key))
        });
    }
}

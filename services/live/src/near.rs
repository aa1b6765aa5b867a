//! Scoring the surroundings of what changed. Four steps, each with the functions of the full run (see
//! [`engine::Surrounding`]):
//!
//! 1. the first two stages of new pairs;
//! 2. the same of the rivals that stand otherwise now that pairs came or went ([`Standing`]);
//! 3. the third stage of pairs whose third records may say something else now;
//! 4. the matching, as far as it moves (`rivals`).
//!
//! A rank that changed further away because a rival's rank changed here is not seen until the next full run. How little
//! that is, is measured in `tests/like_batch.rs`.

use crate::graph::{Graph, Group};
use domain::LocalSku;
use engine::{Context, Engine, EngineError, Holds, NearPair, PairState, Ranked, ReadRecord, Surrounding};
use rayon::prelude::*;
use retrieve::Probe;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use score::Profile;
use score::consensus::{ASKED, VOICE};
use score::features::Likeness;

/// Second-stage log-odds from which a pair is somebody's rival.
const ACTIVE: f32 = -7.0;
/// Those below which it is not scored again: it has no chance.
const HOPELESS: f32 = -9.5;
/// A change of the second stage's probability that is taken note of.
const HEARD: f64 = 0.006;
/// The same of the third stage's: what a change is expected to come to at least.
const LISTENED: f64 = 0.02;
/// A change of the third stage's log-odds that is.
const MOVED: f32 = 2e-3;

/// Pairs that are scored in one go.
const TOGETHER: usize = 512;

/// Pairs by number, each with what still holds (`None`: nothing is known).
type Wanted = FxHashMap<u32, Option<Holds>>;

/// What came and went in a group.
#[derive(Default)]
pub(crate) struct Change {
    pub gained: Vec<u32>,
    pub lost: Vec<PairState>,
}

/// What came and went, by group.
#[derive(Default)]
pub(crate) struct Changes {
    pub groups: FxHashMap<Group, Change>,
}

/// A pair whose first stages changed.
pub(crate) struct Moved {
    pub pair: u32,
    pub before: Option<PairState>,
    pub now: PairState,
    context: Option<Box<Context>>,
}

impl Moved {
    /// Whether it is to be kept as scored: it is new, or it moved. The others stay as they were, their third stage
    /// included, which step 2 cannot tell: it does not look at third records.
    fn is_news(&self) -> bool {
        self.before.is_none_or(|before| {
            let moved = (chance(self.now.second) - chance(before.second)).abs() > HEARD;
            moved || self.now.is_active() != before.is_active()
        })
    }
}

/// The scores by which a pair stands among its rivals.
struct Place {
    /// Combined likeness, cosine, text.
    likeness: [f32; 3],
    first: f32,
}

impl Place {
    fn of(state: &PairState) -> Place {
        let Likeness { cosine, text, combined, .. } = state.likeness;
        Place { likeness: [combined, cosine, text], first: chance(state.first) as f32 }
    }

    fn scores(&self) -> [f32; 4] {
        let [a, b, c] = self.likeness;
        [a, b, c, self.first]
    }
}

/// How a pair stands in a group, as [`score::context`] sees it.
struct Standing {
    ranks: [u8; 4],
    margins: [f32; 4],
    share: f32,
    close: u8,
}

impl Standing {
    /// Of a pair that is one of the group.
    fn of(own: &Place, group: &[Place]) -> Standing {
        let mut standing = Standing { ranks: [0; 4], margins: [0.0; 4], share: 0.0, close: 0 };
        for (kind, own) in own.scores().into_iter().enumerate() {
            let scores = || group.iter().map(|place| place.scores()[kind]);
            let (mut best, mut second) = (f32::MIN, 0.0);
            for score in scores() {
                match score > best {
                    true => (best, second) = (score, if best == f32::MIN { 0.0 } else { best }),
                    false => second = if second < score { score } else { second },
                }
            }
            let better = scores().filter(|score| *score > own).count();
            standing.ranks[kind] = better.min(12) as u8;
            standing.margins[kind] = if better == 0 { best - second } else { own - best };
            if kind == 0 {
                standing.close =
                    scores().filter(|score| *score >= best - 0.1 * best.abs()).count().min(11) as u8;
            }
        }
        standing.share = own.first / group.iter().map(|place| place.first).sum::<f32>().max(1e-6);
        standing
    }

    /// By how much two standings move a log-odds apart, roughly: with the greatest weights that the trained stages give to
    /// a step of a rank, to a margin and to a share.
    fn worth(&self, other: &Standing) -> f32 {
        let steps = |kind: usize| f32::from(self.ranks[kind].abs_diff(other.ranks[kind]));
        let margin = |kind: usize| (self.margins[kind] - other.margins[kind]).abs();
        let ranks: f32 = RANK.iter().enumerate().map(|(kind, weight)| weight * steps(kind)).sum();
        let margins: f32 = MARGIN.iter().enumerate().map(|(kind, weight)| weight * margin(kind)).sum();
        let close = f32::from(self.close.abs_diff(other.close));
        ranks + margins + SHARE * (self.share - other.share).abs() + CLOSE * close
    }
}

/// By kind: combined likeness, cosine, text, first stage.
const RANK: [f32; 4] = [0.4, 0.05, 0.35, 0.1];
const MARGIN: [f32; 4] = [2.0, 5.0, 1.5, 2.5];
const SHARE: f32 = 1.0;
const CLOSE: f32 = 0.15;

/// How much a probability moves with its log-odds.
fn play(chance: f64) -> f64 {
    chance * (1.0 - chance)
}

/// The same of a pair, whether it is what the second stage says of it or the third.
fn play_of(state: &PairState) -> f64 {
    play(chance(state.second)).max(state.third.map_or(0.0, |third| play(chance(third))))
}

/// Whether a pair says something about others ([`score::consensus`]).
pub(crate) fn has_say(state: &PairState) -> bool {
    chance(state.second) >= f64::from(VOICE)
}

fn chance(log_odds: f32) -> f64 {
    score::model::probability(f64::from(log_odds))
}

impl Graph {
    fn surrounding(&self, wanted: &Wanted) -> (Surrounding<'_>, Vec<u32>) {
        let ends = |pair: u32| self.pairs[pair as usize].ends;
        let mut rows: Vec<u32> = wanted.keys().flat_map(|pair| ends(*pair)).collect();
        rows.par_sort_unstable();
        rows.dedup();
        let mut place = FxHashMap::with_capacity_and_hasher(rows.len(), FxBuildHasher);
        place.extend(rows.iter().copied().zip(0u32..));
        let mut pairs: Vec<(u32, u32, u32)> = (wanted.keys())
            .map(|pair| {
                let [a, b] = ends(*pair).map(|row| place[&row]);
                (a.min(b), a.max(b), *pair)
            })
            .collect();
        pairs.par_sort_unstable();
        let near = |(left, right, pair): &(u32, u32, u32)| {
            let of = &self.pairs[*pair as usize];
            let holds = wanted[pair];
            let context = of.context.as_deref().filter(|_| holds == Some(Holds::SecondStage));
            NearPair { left: *left, right: *right, cosine: of.cosine, known: holds.zip(of.state), context }
        };
        let surrounding = Surrounding {
            nodes: rows.iter().map(|row| self.records[*row as usize].node).collect(),
            profiles: rows.iter().map(|row| &self.records[*row as usize].profile).collect(),
            pairs: pairs.par_iter().map(near).collect(),
        };
        (surrounding, pairs.into_iter().map(|(.., pair)| pair).collect())
    }

    /// Adds the groups of the pairs that are to be scored, as they are.
    fn close(&self, wanted: &mut Wanted) {
        let mut groups: Vec<Group> = wanted.keys().flat_map(|pair| self.groups_of(*pair)).collect();
        groups.sort_unstable();
        groups.dedup();
        for pair in groups.into_iter().flat_map(|group| self.group(group)) {
            wanted.entry(pair).or_insert(Some(Holds::ThirdStage));
        }
    }

    /// Scores what does not hold any more, with one of the engine's functions for it, some pairs at a time: neighbours
    /// together, since they share what is around them.
    fn run<T: Send>(
        &self,
        score: impl Fn(&Surrounding) -> Vec<T> + Sync,
        around: impl Fn(&mut Wanted) + Sync,
        scored: Wanted,
        together: usize,
    ) -> Vec<(u32, T)> {
        let mut scored: Vec<(u32, Option<Holds>)> = scored.into_iter().collect();
        scored.par_sort_unstable_by_key(|(pair, _)| (self.pairs[*pair as usize].ends, *pair));
        let of_piece = |piece: &[(u32, Option<Holds>)]| {
            let own: Wanted = piece.iter().copied().collect();
            let mut wanted = own.clone();
            around(&mut wanted);
            let (surrounding, pairs) = self.surrounding(&wanted);
            let found = pairs.into_iter().zip(score(&surrounding));
            found.filter(|(pair, _)| own.contains_key(pair)).collect::<Vec<_>>()
        };
        scored.par_chunks(together).flat_map_iter(of_piece).collect()
    }

    /// Step 1.
    pub fn new_pairs(&self, engine: &Engine, pairs: &[u32]) -> Vec<Moved> {
        let wanted = pairs.iter().map(|pair| (*pair, None)).collect();
        // All at once: new rivals see each other.
        let close = |wanted: &mut Wanted| self.close(wanted);
        let scored = self.run(|around| engine.rescore_ranks(around), close, wanted, usize::MAX);
        self.moved(scored)
    }

    /// Step 2; gives the pairs that moved, with what they were before.
    pub fn shaken(&self, engine: &Engine, changes: &Changes) -> Vec<Moved> {
        let mut wanted = Wanted::default();
        for (group, change) in &changes.groups {
            self.shaken_of(*group, change, &mut wanted);
        }
        let close = |wanted: &mut Wanted| self.close(wanted);
        let scored = self.run(|around| engine.rescore_ranks(around), close, wanted, TOGETHER);
        self.moved(scored)
    }

    /// Those of the scored pairs that are news.
    fn moved(&self, scored: Vec<(u32, Ranked)>) -> Vec<Moved> {
        let moved = scored.into_iter().map(|(pair, Ranked { state: now, context })| {
            let before = self.pairs[pair as usize].state;
            Moved { pair, before, now, context }
        });
        moved.filter(Moved::is_news).collect()
    }

    /// Keeps what steps 1 and 2 found.
    pub fn keep_moved(&mut self, moved: &mut [Moved]) {
        for Moved { pair, now, context, .. } in moved {
            self.set(&[(*pair, *now)]);
            self.pairs[*pair as usize].context = context.take();
        }
    }

    /// The pairs of a group that stand otherwise than before, and its new pairs where they have a chance: those were
    /// scored among rivals as they stood before.
    fn shaken_of(&self, group: Group, change: &Change, wanted: &mut Wanted) {
        let places = |state: &PairState| Place::of(state);
        let scored: Vec<(u32, PairState)> =
            self.group(group).filter_map(|pair| Some((pair, self.pairs[pair as usize].state?))).collect();
        let after: Vec<Place> = scored.iter().map(|(_, state)| places(state)).collect();
        let is_new = |pair: &u32| change.gained.contains(pair);
        let old = scored.iter().filter(|(pair, _)| !is_new(pair));
        let before: Vec<Place> = old.map(|(_, state)| state).chain(&change.lost).map(places).collect();
        let mut is_shaken = false;
        for (pair, state) in scored.iter().filter(|(pair, state)| state.second > HOPELESS && !is_new(pair)) {
            let own = Place::of(state);
            let (was, is) = (Standing::of(&own, &before), Standing::of(&own, &after));
            let by = was.worth(&is);
            // Who loses a rival may gain as much.
            let most = if change.lost.is_empty() { state.second } else { state.second + by };
            if play(chance(most)) * f64::from(by) > HEARD {
                wanted.insert(*pair, Some(Holds::Likeness));
                is_shaken = true;
            }
        }
        if is_shaken {
            let new = scored.iter().filter(|(pair, state)| state.second > ACTIVE && is_new(pair));
            wanted.extend(new.map(|(pair, _)| (*pair, Some(Holds::Likeness))));
        }
    }

    /// Pairs whose third stage has to be looked at after these moved (already kept): themselves, their rivals, and what
    /// their records have to do with others, each where the change is expected to come to something.
    pub fn hearing(&self, moved: &[Moved], changes: &Changes) -> FxHashSet<u32> {
        let mut hearing = FxHashSet::default();
        for Moved { pair, before, now, .. } in moved {
            let is_asked = chance(now.second) >= f64::from(ASKED);
            if now.is_active() && (is_asked || before.is_some_and(|before| before.is_active())) {
                hearing.insert(*pair);
            }
            let by = (before.map_or(0.0, |before| chance(before.second)) - chance(now.second)).abs();
            for group in self.groups_of(*pair) {
                self.rivals_hearing(group, by, &mut hearing);
            }
            let [a, b] = self.pairs[*pair as usize].ends;
            self.others_hearing(a, b, by, &mut hearing);
            self.others_hearing(b, a, by, &mut hearing);
        }
        for (group, change) in &changes.groups {
            for by in change.lost.iter().map(|state| chance(state.second)) {
                self.rivals_hearing(*group, by, &mut hearing);
                self.others_hearing(group.0, group.0, by, &mut hearing);
            }
        }
        hearing
    }

    /// The rivals in a group where a pair's probability changed: by a rank, and by so much of a margin.
    fn rivals_hearing(&self, group: Group, by: f64, hearing: &mut FxHashSet<u32>) {
        const STEP: f64 = 0.3;
        const FURTHER: f64 = 3.0;
        if by < HEARD {
            return;
        }
        for pair in self.rivals(group) {
            let state = self.pairs[pair as usize].state;
            if state.is_some_and(|state| play_of(&state) * (STEP + FURTHER * by) > LISTENED) {
                hearing.insert(pair);
            }
        }
    }

    /// Pairs of `row` that `third` speaks about, having moved so far towards `row`: against them, and for those whose
    /// other record it is linked to as well. (With itself: one that is gone.)
    fn others_hearing(&self, row: u32, third: u32, by: f64, hearing: &mut FxHashSet<u32>) {
        const AGAINST: f64 = 2.0;
        const FOR: f64 = 6.0;
        if by * (AGAINST + FOR) * 0.25 <= LISTENED {
            return;
        }
        let agreeing: FxHashMap<u32, f64> = (self.active(third))
            .filter(|(_, state)| has_say(state))
            .map(|(pair, state)| (self.other(pair, third), chance(state.second)))
            .collect();
        for (pair, state) in self.active(row).filter(|(_, state)| chance(state.second) >= f64::from(ASKED)) {
            let agrees = agreeing.get(&self.other(pair, row)).copied().unwrap_or(0.0);
            if play_of(&state) * by * (AGAINST + FOR * agrees) > LISTENED {
                hearing.insert(pair);
            }
        }
    }

    /// Step 3; gives the pairs that moved.
    pub fn third_stage(&self, engine: &Engine, pairs: &FxHashSet<u32>) -> Vec<(u32, PairState)> {
        let has_context = |pair: &&u32| self.pairs[**pair as usize].context.is_some();
        let wanted = pairs.iter().filter(has_context).map(|pair| (*pair, Some(Holds::SecondStage))).collect();
        let around = |wanted: &mut Wanted| {
            // Their rivals, and what speaks for and against them.
            let rows: FxHashSet<u32> =
                wanted.keys().flat_map(|pair| self.pairs[*pair as usize].ends).collect();
            for (pair, _) in rows.into_iter().flat_map(|row| self.active(row)) {
                wanted.entry(pair).or_insert(Some(Holds::ThirdStage));
            }
        };
        let mut scored = self.run(|around| engine.rescore_thirds(around), around, wanted, TOGETHER);
        scored.retain(|(pair, now)| {
            let before = self.pairs[*pair as usize].state.and_then(|state| state.third);
            match (before, now.third) {
                (Some(before), Some(now)) => (before - now).abs() > MOVED,
                (before, now) => before.is_some() != now.is_some(),
            }
        });
        scored
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
                rows.flat_map(|row| graph.records[*row as usize].pairs.iter().map(|tie| tie.pair)).collect();
            pairs.sort_unstable();
            pairs.dedup();
            pairs
        };
        let pairs = live(self);
        let (surrounding, pairs) = self.surrounding(&pairs.iter().map(|pair| (*pair, None)).collect());
        let of = |(pair, Ranked { state, context })| Moved { pair, before: None, now: state, context };
        let mut states: Vec<Moved> =
            pairs.iter().copied().zip(engine.rescore(&surrounding)).map(of).collect();
        self.keep_moved(&mut states);
        let wanted = pairs.iter().map(|pair| (*pair, Some(Holds::ThirdStage))).collect();
        let states = self.settled(engine, &wanted);
        self.set(&states);
        self.send_all();
    }

    /// Scores a name that is not stored against all records, as if it were the only record of a node of its own: exactly what a full
    /// run under the same statistics would say. Best first, ties by key. Records of `node` are left out.
    pub fn score_name(
        &self,
        engine: &Engine,
        sku: &LocalSku,
        node: Option<u32>,
    ) -> Result<Vec<(u32, PairState)>, EngineError> {
        let mut read = engine.read(&[sku], &self.statistics)?;
        let Some(ReadRecord { parsed, vector, profile }) = read.pop() else { return Ok(Vec::new()) };
        let probe = Probe { node, parsed: &parsed, vector: vector.view() };
        let mut hits: Vec<(u32, f32)> =
            self.index.search(&probe).iter().map(|hit| (hit.record, hit.cosine)).collect();
        hits.sort_unstable_by_key(|(row, _)| *row);
        let rows: Vec<u32> = hits.iter().map(|(row, _)| *row).collect();
        let asked = rows.len() as u32;
        let place: FxHashMap<u32, u32> = rows.iter().copied().zip(0u32..).collect();
        let mut pairs: Vec<NearPair> = (0u32..)
            .zip(&hits)
            .map(|(left, (_, cosine))| NearPair {
                left,
                right: asked,
                cosine: *cosine,
                known: None,
                context: None,
            })
            .collect();
        // What third nodes say: the links among those that were found.
        for (at, row) in (0u32..).zip(&rows) {
            for (pair, state) in self.active(*row) {
                let Some(&other) = place.get(&self.other(pair, *row)) else { continue };
                if at < other {
                    let known = Some((Holds::ThirdStage, state));
                    pairs.push(NearPair { left: at, right: other, cosine: 0.0, known, context: None });
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
            .map(|(pair, scored)| (pair.left, scored.state))
            .collect();
        let pairs = own
            .iter()
            .map(|(left, state)| NearPair {
                left: *left,
                right: asked,
                cosine: 0.0,
                known: Some((Holds::ThirdStage, *state)),
                context: None,
            })
            .collect();
        let surrounding = self.around(&rows, &profile, pairs);
        let states = engine.settle(&surrounding, &self.statistics, &self.traits);
        let mut found: Vec<(u32, PairState)> =
            own.iter().zip(states).map(|((left, _), state)| (rows[*left as usize], state)).collect();
        self.order(&mut found);
        Ok(found)
    }

    fn around<'a>(&'a self, rows: &[u32], profile: &'a Profile, pairs: Vec<NearPair<'a>>) -> Surrounding<'a> {
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
            .filter_map(|tie| {
                self.pairs[tie.pair as usize].state.map(|state| (self.other(tie.pair, row), state))
            })
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

#[cfg(test)]
mod tests {
    use super::*;
    use score::context::Neighbourhoods;

    /// The same ranks, margins and shares as the scorer's own.
    #[test]
    fn standings_are_those_of_the_scorer() {
        let firsts = [0.9f32, 0.1, 0.5, 0.5, 0.02];
        let places: Vec<Place> = (firsts.iter().enumerate())
            .map(|(at, first)| Place { likeness: [0.7 + 0.05 * at as f32, *first, 0.3], first: *first })
            .collect();
        // one record of node 0 against five of node 1
        let nodes = [0, 1, 1, 1, 1, 1];
        let around = Neighbourhoods::new(places.len(), |pair| (0, pair as u32 + 1), &nodes);
        for kind in 0..4 {
            let standings = around.standings(|pair| places[pair].scores()[kind]);
            for (pair, place) in places.iter().enumerate() {
                let (own, scorers) = (Standing::of(place, &places), standings.of(&around, pair));
                assert_eq!(own.ranks[kind] + 1, scorers.rank[0], "rank {kind} of {pair}");
                assert!((own.margins[kind] - scorers.margin[0]).abs() < 1e-3, "margin {kind} of {pair}");
                if kind == 0 {
                    assert_eq!(own.close - 1, scorers.rivals[0], "rivals of {pair}");
                }
                if kind == 3 {
                    assert!((own.share - scorers.share[0]).abs() < 1e-3, "share of {pair}");
                }
            }
        }
        let alone = &places[..1];
        assert_eq!(Standing::of(&alone[0], alone).margins[0], 0.7, "a single one leads by all it has");
    }
}

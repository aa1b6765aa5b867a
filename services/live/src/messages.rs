//! The one-to-one matching ([`score::matching`]), kept up to date: every pair with a chance holds the messages of belief
//! propagation for its two records, and a change is passed on from group to group as far as it changes anything. Where
//! nothing more moves, the messages are those that a run over everything settles to.

use crate::graph::{Graph, Group};
use domain::Confidence;
use engine::{Engine, PairState};
use rustc_hash::{FxHashMap, FxHashSet};
use score::matching;
use std::collections::VecDeque;

/// A message that changes by less than this factor is not passed on; a full run's messages are as exact.
const HEARD: f32 = 1e-3;
/// Confidences that move less than this are left as they are.
const STILL: f64 = 1e-4;
/// On cycles of candidates messages may swing: from the second visit on they are damped, and a group is left alone after
/// this many.
const VISITS: u8 = 16;

/// What passing on came to.
#[derive(Default)]
pub(crate) struct Settled {
    messages: FxHashMap<u32, [f32; 2]>,
    /// Pairs whose confidence or veto moved.
    pub states: Vec<(u32, PairState)>,
}

impl Graph {
    fn side(&self, pair: u32, row: u32) -> usize {
        usize::from(self.pairs[pair as usize].ends[1] == row)
    }

    /// Passes on what changed in the given groups.
    fn pass_on(&self, dirty: impl IntoIterator<Item = Group>) -> FxHashMap<u32, [f32; 2]> {
        let mut queue: VecDeque<Group> = dirty.into_iter().collect();
        let mut queued: FxHashSet<Group> = queue.iter().copied().collect();
        queue.retain({
            let mut first = queued.clone();
            move |group| first.remove(group)
        });
        let mut messages: FxHashMap<u32, [f32; 2]> = FxHashMap::default();
        let mut visits: FxHashMap<Group, u8> = FxHashMap::default();
        // (pair, the side of the group's record, what the pair offers)
        let mut offers: Vec<(u32, usize, f64)> = Vec::new();
        while let Some(group) = queue.pop_front() {
            queued.remove(&group);
            let visit = visits.entry(group).or_default();
            if *visit == VISITS {
                continue;
            }
            *visit += 1;
            let damping = if *visit > 1 { 0.5 } else { 0.0 };
            let (row, node) = group;
            let free = |messages: &FxHashMap<u32, [f32; 2]>, pair: u32| {
                messages.get(&pair).copied().unwrap_or(self.pairs[pair as usize].free)
            };
            offers.clear();
            for (pair, state) in self.active(row) {
                let Some(third) = state.third.filter(|_| self.node_of_other(pair, row) == node) else {
                    continue;
                };
                let side = self.side(pair, row);
                let odds = f64::from(third) + self.statistics.prior_shift;
                let theirs = f64::from(free(&messages, pair)[1 - side]);
                offers.push((pair, side, matching::weight(odds) * theirs));
            }
            let once = !self.traits.many.contains(&node);
            let total: f64 = offers.iter().map(|(_, _, offer)| offer).sum();
            let own_node = self.records[row as usize].node;
            for (pair, side, offer) in &offers {
                let mut of = free(&messages, *pair);
                let before = of[*side];
                let found = matching::left_free(total, *offer, once) as f32;
                let now = damping * before + (1.0 - damping) * found;
                if (now / before.max(f32::MIN_POSITIVE)).ln().abs() <= HEARD {
                    continue;
                }
                of[*side] = now;
                messages.insert(*pair, of);
                let theirs = (self.other(*pair, row), own_node);
                if queued.insert(theirs) {
                    queue.push_back(theirs);
                }
                // Half of the way is gone: the rest is gone when the group's turn comes again.
                if damping > 0.0
                    && (found / now.max(f32::MIN_POSITIVE)).ln().abs() > HEARD
                    && queued.insert(group)
                {
                    queue.push_back(group);
                }
            }
        }
        messages
    }

    fn node_of_other(&self, pair: u32, row: u32) -> u32 {
        self.records[self.other(pair, row) as usize].node
    }

    /// Step 3: passes on what changed in the groups `dirty`; the pairs `fresh` have a new third stage.
    pub fn settle(
        &self,
        engine: &Engine,
        dirty: impl IntoIterator<Item = Group>,
        fresh: impl IntoIterator<Item = u32>,
    ) -> Settled {
        let messages = self.pass_on(dirty);
        let mut pairs: Vec<u32> = messages.keys().copied().chain(fresh).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let states = pairs
            .into_iter()
            .filter_map(|pair| {
                let of = &self.pairs[pair as usize];
                let before = of.state?;
                let third = before.third?;
                let free = messages.get(&pair).copied().unwrap_or(of.free);
                let ends = of.ends.map(|row| &self.records[row as usize]);
                let repeats = ends.iter().any(|end| self.traits.repeating.contains(&end.node));
                let profiles = (&ends[0].profile, &ends[1].profile);
                let (confidence, veto) = engine.settle_pair(third, free, repeats, profiles, &self.statistics);
                let moved = |a: Confidence, b: Confidence| (a.get() - b.get()).abs() > STILL;
                (moved(before.confidence, confidence) || before.veto != veto)
                    .then_some((pair, PairState { confidence, veto, ..before }))
            })
            .collect();
        Settled { messages, states }
    }

    /// Keeps what [`Graph::settle`] found.
    pub fn take(&mut self, settled: Settled) {
        for (pair, free) in settled.messages {
            self.pairs[pair as usize].free = free;
        }
        self.set(&settled.states);
    }

    fn all_groups(&self) -> Vec<Group> {
        let rows = self.rows.values().copied();
        let mut groups: Vec<Group> = rows
            .flat_map(|row| self.active(row).map(move |(pair, _)| (row, self.node_of_other(pair, row))))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The messages of all pairs, whose confidences are known from a full run.
    pub fn listen(&mut self) {
        for (pair, free) in self.pass_on(self.all_groups()) {
            self.pairs[pair as usize].free = free;
        }
    }

    /// Messages and confidences of all pairs from nothing.
    pub fn settle_anew(&mut self, engine: &Engine) -> Settled {
        self.pairs.iter_mut().for_each(|pair| pair.free = [1.0; 2]);
        let groups = self.all_groups();
        let fresh: Vec<u32> =
            groups.iter().flat_map(|(row, _)| self.active(*row).map(|(pair, _)| pair)).collect();
        self.settle(engine, groups, fresh)
    }
}

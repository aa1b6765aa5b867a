//! The matching among rivals ([`score::matching`]), kept up to date. Its messages stay with the pairs; a change is passed
//! on from group to group as far as it makes a difference, so that its cost is that of what it moves, however large the
//! web of candidates around it is.

use crate::graph::{Graph, Group};
use engine::{Engine, PairState};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use score::matching::{ROUNDS, next_message};

/// A message that moves by less than this share of itself is not passed on: a confidence moves by a quarter of it at
/// most.
const UNHEARD: f32 = 4e-3;
/// Confidences that move less than this are left as they are.
const STILL: f64 = 1e-3;
/// A change that is not settled after so many rounds goes in circles.
const MOST_ROUNDS: usize = 3 * ROUNDS;

/// What a change of some pairs did to the others.
pub(crate) struct Resettled {
    /// Confidences that moved.
    pub moved: Vec<(u32, PairState)>,
    messages: FxHashMap<u32, [f32; 2]>,
}

/// A message: a pair, its end that speaks, and what it says.
type Message = (u32, usize, f32);

impl Graph {
    /// The messages as a full run leaves them.
    pub fn send_all(&mut self) {
        let mut rows: Vec<u32> = self.rows.values().copied().collect();
        rows.sort_unstable();
        self.pairs.par_iter_mut().for_each(|pair| pair.free = [1.0; 2]);
        for _ in 0..ROUNDS {
            let sent: Vec<Vec<Message>> =
                rows.par_chunks(PIECE).map(|rows| self.messages_of_rows(rows)).collect();
            for (pair, end, free) in sent.into_iter().flatten() {
                self.pairs[pair as usize].free[end] = free;
            }
        }
    }

    fn messages_of_rows(&self, rows: &[u32]) -> Vec<Message> {
        let mut messages = Vec::new();
        for row in rows {
            for node in self.rival_nodes(*row) {
                self.send((*row, node), &|pair| self.pairs[pair as usize].free, &mut messages);
            }
        }
        messages
    }

    /// What the record of a group says to each of its rivals there.
    fn send(&self, group: Group, free: &(impl Fn(u32) -> [f32; 2] + Sync), out: &mut Vec<Message>) {
        let from = out.len();
        let once = self.traits.lists_once(group.1);
        let mut total = 0.0;
        for pair in self.rivals(group) {
            let of = &self.pairs[pair as usize];
            let end = usize::from(of.ends[1] == group.0);
            let third = of.state.and_then(|state| state.third);
            let offer = third.map_or(0.0, |third| self.statistics.weight(third));
            let offer = offer * f64::from(free(pair)[1 - end]);
            // What it offers itself, until the sum of all is known; rounded alike in both.
            total += f64::from(offer as f32);
            out.push((pair, end, offer as f32));
        }
        for (pair, end, said) in &mut out[from..] {
            let others = if once { (total - f64::from(*said)).max(0.0) } else { 0.0 };
            *said = next_message(f64::from(free(*pair)[*end]), others) as f32;
        }
    }

    /// Passes on what the pairs of some groups have to say now; `changed` are pairs whose own odds are others than they
    /// were.
    pub fn resettle(&self, engine: &Engine, groups: FxHashSet<Group>, changed: &[u32]) -> Resettled {
        let mut messages: FxHashMap<u32, [f32; 2]> = FxHashMap::default();
        let mut speaking: Vec<Group> = groups.into_iter().collect();
        for _ in 0..MOST_ROUNDS {
            if speaking.is_empty() {
                break;
            }
            // In order, so that equal worlds settle equally.
            speaking.sort_unstable();
            let free = |pair: u32| messages.get(&pair).copied().unwrap_or(self.pairs[pair as usize].free);
            let heard = |groups: &[Group]| {
                let mut sent = Vec::new();
                groups.iter().for_each(|group| self.send(*group, &free, &mut sent));
                sent.retain(|(pair, end, said)| {
                    let before = free(*pair)[*end];
                    (said - before).abs() > UNHEARD * before
                });
                sent
            };
            let sent: Vec<Vec<Message>> = speaking.par_chunks(PIECE / 8).map(heard).collect();
            let mut next: FxHashSet<Group> = FxHashSet::default();
            for (pair, end, said) in sent.into_iter().flatten() {
                messages.entry(pair).or_insert(self.pairs[pair as usize].free)[end] = said;
                // The other's group hears it; the own one has said only half of it.
                next.extend(self.groups_of(pair));
            }
            speaking = next.into_iter().collect();
        }
        let mut heard: Vec<u32> = messages.keys().chain(changed).copied().collect();
        heard.sort_unstable();
        heard.dedup();
        let moved = heard.par_iter().filter_map(|pair| self.concluded(engine, *pair, &messages)).collect();
        Resettled { moved, messages }
    }

    /// The state of a pair under its messages, where it is another than it was.
    fn concluded(
        &self,
        engine: &Engine,
        pair: u32,
        messages: &FxHashMap<u32, [f32; 2]>,
    ) -> Option<(u32, PairState)> {
        let of = &self.pairs[pair as usize];
        let before = of.state?;
        let [a, b] = messages.get(&pair).copied().unwrap_or(of.free).map(f64::from);
        let odds = self.statistics.weight(before.third?) * a * b;
        let records = of.ends.map(|row| &self.records[row as usize]);
        let repeats = records.iter().any(|record| self.traits.repeating.contains(&record.node));
        let profiles = records.map(|record| &record.profile);
        let marginal = odds / (1.0 + odds);
        let (confidence, veto) =
            engine.conclude(marginal, &self.statistics, repeats, (profiles[0], profiles[1]));
        let moved = (confidence.get() - before.confidence.get()).abs() > STILL || veto != before.veto;
        moved.then_some((pair, PairState { confidence, veto, ..before }))
    }

    /// Keeps what [`Graph::resettle`] found.
    pub fn keep(&mut self, resettled: &Resettled) {
        for (pair, free) in &resettled.messages {
            self.pairs[*pair as usize].free = *free;
        }
        self.set(&resettled.moved);
    }
}

/// Records a thread takes at a time.
const PIECE: usize = 4096;

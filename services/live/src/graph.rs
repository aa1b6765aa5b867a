//! The records that take part in matching and the pairs among them: what a full run found, kept up to date.

use domain::{Confidence, LocalSku, NodeId, SkuKey};
use engine::{Fit, NodeTraits, PairState, ReadRecord, Statistics};
use rayon::prelude::*;
use retrieve::LiveIndex;
use rustc_hash::{FxHashMap, FxHashSet};
use score::Profile;

/// A record by its row, which is also its row in the index.
pub(crate) struct Record {
    pub key: SkuKey,
    pub node: u32,
    pub category: Option<String>,
    pub profile: Profile,
    /// Numbers of its pairs.
    pub pairs: Vec<u32>,
    /// Those that have a chance: few of many, and what linking walks along.
    chances: Vec<u32>,
}

/// A pair that one of the two proposed.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub ends: [u32; 2],
    pub cosine: f32,
    /// `None` until it is scored.
    pub state: Option<PairState>,
}

pub(crate) struct Graph {
    pub statistics: Statistics,
    pub index: LiveIndex,
    pub records: Vec<Record>,
    /// Of the records that are there.
    pub rows: FxHashMap<SkuKey, u32>,
    pub pairs: Vec<Pair>,
    /// Numbers of pairs that are no more, to be used again.
    free: Vec<u32>,
    pub node_names: Vec<NodeId>,
    node_numbers: FxHashMap<NodeId, u32>,
    pub traits: NodeTraits,
}

/// The pairs of a record with a node: what ranks are taken in.
pub(crate) type Group = (u32, u32);

impl Graph {
    /// `records` in the order that was given to the fit; `many` are the nodes that may list a product several times.
    pub fn new(fit: Fit, records: &[LocalSku], many: &[NodeId]) -> Graph {
        let Fit { statistics, index, order, nodes, node_names, profiles, pairs } = fit;
        let node_names: Vec<NodeId> = node_names.iter().map(|name| NodeId(name.as_str().into())).collect();
        let mut graph = Graph {
            records: profiles
                .into_iter()
                .enumerate()
                .map(|(row, profile)| {
                    let sku = &records[order[row] as usize];
                    Record {
                        key: sku.key.clone(),
                        node: nodes[row],
                        category: sku.category.clone(),
                        profile,
                        pairs: Vec::new(),
                        chances: Vec::new(),
                    }
                })
                .collect(),
            rows: (0u32..).zip(&order).map(|(row, at)| (records[*at as usize].key.clone(), row)).collect(),
            pairs: Vec::with_capacity(pairs.len()),
            free: Vec::new(),
            node_numbers: (0u32..).zip(&node_names).map(|(number, name)| (name.clone(), number)).collect(),
            node_names,
            traits: NodeTraits::default(),
            statistics,
            index,
        };
        for (left, right, state) in pairs {
            let pair = graph.add_pair(left, right, state.likeness.cosine);
            graph.put(pair, Some(state));
        }
        for node in many {
            let number = graph.node_number(node);
            graph.traits.many.insert(number);
        }
        for name in graph.statistics.repeating_nodes.clone() {
            let number = graph.node_number(&NodeId(name.into()));
            graph.traits.repeating.insert(number);
        }
        graph
    }

    pub fn node_number(&mut self, node: &NodeId) -> u32 {
        if let Some(&number) = self.node_numbers.get(node) {
            return number;
        }
        let number = self.node_names.len() as u32;
        self.node_names.push(node.clone());
        self.node_numbers.insert(node.clone(), number);
        number
    }

    pub fn insert(&mut self, sku: &LocalSku, read: ReadRecord) -> u32 {
        let node = self.node_number(&sku.key.node);
        let row = self.index.insert(node, &read.parsed, read.vector.view());
        self.records.push(Record {
            key: sku.key.clone(),
            node,
            category: sku.category.clone(),
            profile: read.profile,
            pairs: Vec::new(),
            chances: Vec::new(),
        });
        self.rows.insert(sku.key.clone(), row);
        row
    }

    /// Takes a record and its pairs out; gives the groups that lost a pair and the rows that lost a rival with a
    /// chance (their lists have room for another).
    pub fn remove(&mut self, key: &SkuKey) -> (Vec<Group>, Vec<u32>) {
        let (mut groups, mut bereaved) = (Vec::new(), Vec::new());
        let Some(row) = self.rows.remove(key) else { return (groups, bereaved) };
        self.index.remove(row);
        let node = self.records[row as usize].node;
        self.records[row as usize].profile = Profile::default();
        self.records[row as usize].chances.clear();
        for number in std::mem::take(&mut self.records[row as usize].pairs) {
            let other = self.other(number, row);
            self.records[other as usize].pairs.retain(|pair| *pair != number);
            groups.push((other, node));
            if self.pairs[number as usize].state.is_some_and(|state| state.is_active()) {
                bereaved.push(other);
            }
            self.put(number, None);
            self.free.push(number);
        }
        (groups, bereaved)
    }

    /// Adds a pair; the caller has made sure that there is none.
    pub fn add_pair(&mut self, a: u32, b: u32, cosine: f32) -> u32 {
        let pair = Pair { ends: [a, b], cosine, state: None };
        let number = match self.free.pop() {
            Some(number) => {
                self.pairs[number as usize] = pair;
                number
            }
            None => {
                self.pairs.push(pair);
                self.pairs.len() as u32 - 1
            }
        };
        self.records[a as usize].pairs.push(number);
        self.records[b as usize].pairs.push(number);
        number
    }

    pub fn other(&self, pair: u32, row: u32) -> u32 {
        let [a, b] = self.pairs[pair as usize].ends;
        if a == row { b } else { a }
    }

    pub fn others(&self, row: u32) -> FxHashSet<u32> {
        self.records[row as usize].pairs.iter().map(|pair| self.other(*pair, row)).collect()
    }

    /// The pairs of a record with a node.
    pub fn group(&self, (row, node): Group) -> impl Iterator<Item = u32> {
        let pairs = self.records[row as usize].pairs.iter().copied();
        pairs.filter(move |pair| self.records[self.other(*pair, row) as usize].node == node)
    }

    /// Both groups that a pair is in.
    pub fn groups_of(&self, pair: u32) -> [Group; 2] {
        let [a, b] = self.pairs[pair as usize].ends;
        let node = |row: u32| self.records[row as usize].node;
        [(a, node(b)), (b, node(a))]
    }

    /// The pairs of a record that have a chance.
    pub fn active(&self, row: u32) -> impl Iterator<Item = (u32, PairState)> {
        let pairs = self.records[row as usize].chances.iter().copied();
        pairs.filter_map(|pair| self.pairs[pair as usize].state.map(|state| (pair, state)))
    }

    /// Gives a pair its state, and its ends the chance or not.
    fn put(&mut self, pair: u32, state: Option<PairState>) {
        let of = &mut self.pairs[pair as usize];
        let has_chance = |state: &Option<PairState>| state.as_ref().is_some_and(PairState::is_active);
        let (before, after) = (has_chance(&of.state), has_chance(&state));
        of.state = state;
        for row in of.ends.into_iter().filter(|_| before != after) {
            let chances = &mut self.records[row as usize].chances;
            match after {
                true => chances.push(pair),
                false => chances.retain(|known| *known != pair),
            }
        }
    }

    /// The pair of two records, if there is one that is scored.
    pub fn between(&self, a: u32, b: u32) -> Option<PairState> {
        let number = self.records[a as usize].pairs.iter().find(|pair| self.other(**pair, a) == b)?;
        self.pairs[*number as usize].state
    }

    /// Keeps what scoring found; a pair without a chance has no confidence.
    pub fn set(&mut self, states: &[(u32, PairState)]) {
        for (pair, state) in states {
            let state = if state.is_active() {
                *state
            } else {
                PairState { confidence: Confidence::ZERO, veto: None, ..*state }
            };
            self.put(*pair, Some(state));
        }
    }

    /// Forgets all pairs and proposes them anew: what a full run would start from.
    pub fn propose_all(&mut self) {
        let mut rows: Vec<u32> = self.rows.values().copied().collect();
        rows.sort_unstable();
        let hits: Vec<(u32, Vec<retrieve::Hit>)> =
            rows.par_iter().map(|row| (*row, self.index.search_row(*row))).collect();
        self.pairs.clear();
        self.free.clear();
        self.records.iter_mut().for_each(|record| {
            record.pairs.clear();
            record.chances.clear();
        });
        let mut seen: FxHashSet<(u32, u32)> = FxHashSet::default();
        for (row, hits) in hits {
            for hit in hits {
                if seen.insert((row.min(hit.record), row.max(hit.record))) {
                    self.add_pair(row, hit.record, hit.cosine);
                }
            }
        }
    }
}

//! The records that take part in matching and the pairs among them: what a full run found, kept up to date.

use domain::{Confidence, LocalSku, NodeId, SkuKey};
use engine::{Context, Fit, NodeTraits, PairState, Ranked, ReadRecord, Statistics};
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
    /// Sorted.
    pub pairs: Vec<Tie>,
    /// Those that have a chance: few of many, and what linking walks along.
    chances: Vec<Tie>,
}

/// A pair as one of its records sees it: with the node of the other, since ranks are taken node by node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tie {
    pub node: u32,
    pub pair: u32,
}

/// A pair that one of the two proposed.
#[derive(Debug)]
pub(crate) struct Pair {
    pub ends: [u32; 2],
    pub cosine: f32,
    /// `None` until it is scored.
    pub state: Option<PairState>,
    /// By end: how probable it is that it has no other partner in the other's node (see [`score::matching`]).
    pub free: [f32; 2],
    /// What the second stage read of its rivals, where the third may have to look at it again.
    pub context: Option<Box<Context>>,
}

/// A pair that went with one of its records, as the group that lost it knew it.
pub(crate) struct Lost {
    pub group: Group,
    /// Where it was scored.
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
    /// Records that came while a new full run was due: they are found, but compared with none before it.
    pub waiting: FxHashSet<u32>,
    /// So much came while it was made that another full run is due; holds while that is taken in.
    pub is_flooded: bool,
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
            waiting: FxHashSet::default(),
            is_flooded: false,
            statistics,
            index,
        };
        for (left, right, Ranked { state, context }) in pairs {
            let pair = graph.add_pair(left, right, state.likeness.cosine);
            graph.put(pair, Some(state));
            graph.pairs[pair as usize].context = context;
        }
        for node in many {
            let number = graph.node_number(node);
            graph.traits.many.insert(number);
        }
        for name in graph.statistics.repeating_nodes.clone() {
            let number = graph.node_number(&NodeId(name.into()));
            graph.traits.repeating.insert(number);
        }
        graph.send_all();
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

    pub fn number_of(&self, node: &NodeId) -> Option<u32> {
        self.node_numbers.get(node).copied()
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

    /// Takes a record and its pairs out; gives what others lost by it.
    pub fn remove(&mut self, key: &SkuKey) -> Vec<Lost> {
        let mut lost = Vec::new();
        let Some(row) = self.rows.remove(key) else { return lost };
        self.index.remove(row);
        self.waiting.remove(&row);
        let node = self.records[row as usize].node;
        self.records[row as usize].profile = Profile::default();
        for Tie { pair, .. } in std::mem::take(&mut self.records[row as usize].pairs) {
            let other = self.other(pair, row);
            lost.push(Lost { group: (other, node), state: self.pairs[pair as usize].state });
            self.put(pair, None);
            take_tie(&mut self.records[other as usize].pairs, Tie { node, pair });
            self.free.push(pair);
        }
        lost
    }

    /// Adds a pair; the caller has made sure that there is none.
    pub fn add_pair(&mut self, a: u32, b: u32, cosine: f32) -> u32 {
        let pair = Pair { ends: [a, b], cosine, state: None, free: [1.0; 2], context: None };
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
        for (row, other) in [(a, b), (b, a)] {
            let node = self.records[other as usize].node;
            put_tie(&mut self.records[row as usize].pairs, Tie { node, pair: number });
        }
        number
    }

    pub fn other(&self, pair: u32, row: u32) -> u32 {
        let [a, b] = self.pairs[pair as usize].ends;
        if a == row { b } else { a }
    }

    pub fn others(&self, row: u32) -> FxHashSet<u32> {
        self.records[row as usize].pairs.iter().map(|tie| self.other(tie.pair, row)).collect()
    }

    /// The pairs of a record with a node.
    pub fn group(&self, (row, node): Group) -> impl Iterator<Item = u32> {
        of_node(&self.records[row as usize].pairs, node)
    }

    /// Those of them that have a chance.
    pub fn rivals(&self, (row, node): Group) -> impl Iterator<Item = u32> {
        of_node(&self.records[row as usize].chances, node)
    }

    /// The nodes in which a record has pairs with a chance.
    pub fn rival_nodes(&self, row: u32) -> Vec<u32> {
        let mut nodes: Vec<u32> = self.records[row as usize].chances.iter().map(|tie| tie.node).collect();
        nodes.dedup();
        nodes
    }

    /// Both groups that a pair is in.
    pub fn groups_of(&self, pair: u32) -> [Group; 2] {
        let [a, b] = self.pairs[pair as usize].ends;
        let node = |row: u32| self.records[row as usize].node;
        [(a, node(b)), (b, node(a))]
    }

    /// The pairs of a record that have a chance.
    pub fn active(&self, row: u32) -> impl Iterator<Item = (u32, PairState)> {
        let pairs = self.records[row as usize].chances.iter().map(|tie| tie.pair);
        pairs.filter_map(|pair| self.pairs[pair as usize].state.map(|state| (pair, state)))
    }

    /// Gives a pair its state, and its ends the chance or not.
    fn put(&mut self, pair: u32, state: Option<PairState>) {
        let of = &mut self.pairs[pair as usize];
        let has_chance = |state: &Option<PairState>| state.as_ref().is_some_and(PairState::is_active);
        let (before, after) = (has_chance(&of.state), has_chance(&state));
        of.state = state;
        if before == after {
            return;
        }
        (of.free, of.context) = ([1.0; 2], None);
        let [a, b] = of.ends;
        for (row, other) in [(a, b), (b, a)] {
            let node = self.records[other as usize].node;
            let chances = &mut self.records[row as usize].chances;
            match after {
                true => put_tie(chances, Tie { node, pair }),
                false => take_tie(chances, Tie { node, pair }),
            }
        }
    }

    /// The pair of two records, if there is one that is scored.
    pub fn between(&self, a: u32, b: u32) -> Option<PairState> {
        let node = self.records[b as usize].node;
        let pair = self.group((a, node)).find(|pair| self.other(*pair, a) == b)?;
        self.pairs[pair as usize].state
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

    /// Whether a row is of a record that is there.
    pub fn is_there(&self, row: u32) -> bool {
        self.rows.get(&self.records[row as usize].key) == Some(&row)
    }

    /// Forgets all pairs and proposes them anew: what a full run would start from.
    pub fn propose_all(&mut self) {
        let mut rows: Vec<u32> = self.rows.values().copied().collect();
        rows.sort_unstable();
        let hits: Vec<(u32, Vec<retrieve::Hit>)> =
            rows.par_iter().map(|row| (*row, self.index.search_row(*row))).collect();
        self.pairs.clear();
        self.free.clear();
        self.waiting.clear();
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

fn of_node(ties: &[Tie], node: u32) -> impl Iterator<Item = u32> {
    let from = ties.partition_point(|tie| tie.node < node);
    ties[from..].iter().take_while(move |tie| tie.node == node).map(|tie| tie.pair)
}

fn put_tie(ties: &mut Vec<Tie>, tie: Tie) {
    if let Err(at) = ties.binary_search(&tie) {
        ties.insert(at, tie);
    }
}

fn take_tie(ties: &mut Vec<Tie>, tie: Tie) {
    if let Ok(at) = ties.binary_search(&tie) {
        ties.remove(at);
    }
}

//! The index of a running service: records come and go one by one.
//!
//! What depends on all records at once (how rare a term is, where the vectors' centroids lie, how long the lists are,
//! which node is in which shard) is learnt when the index is built and kept from then on; a new build learns it anew. So an
//! answer is a function of the records that are there and of that build, never of the order in which they came, but for
//! ties. Right after a build, [`LiveIndex::search_row`] finds what [`crate::Index::candidates`] finds.
//!
//! Rows are numbered in the order of arrival and never used again: a removed row stays as a gap until the next build.

use crate::candidate::Hit;
use crate::exact::{Key, keys};
use crate::index::{Options, Probe, cjk_percent, join_shard, spread};
use crate::rows::{MAX_SHARDS, assign};
use crate::terms::{SEPARATOR, Terms, class_weight, joined_terms};
use crate::text::{SPARE, SPARE_MIN, idf, scale_of};
use crate::top::{Scored, Top};
use crate::vector::{Quantised, VectorIndex};
use domain::ParsedName;
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::cell::RefCell;

pub struct LiveIndex {
    asked: Options,
    /// As `asked`, shortened for the number of shards and records.
    options: Options,
    shards: Shards,
    /// By row.
    node: Vec<u32>,
    shard: Vec<u8>,
    alive: Vec<bool>,
    cjk: Vec<u8>,
    living: usize,
    text: LiveText,
    vectors: VectorIndex,
    exact: LiveKeys,
}

/// Node → shard.
struct Shards {
    of_node: FxHashMap<u32, u8>,
    /// Records in each.
    sizes: Vec<usize>,
}

impl Shards {
    /// A node that comes later gets a shard of its own while there are any, then the emptiest.
    fn of(&mut self, node: u32) -> u8 {
        if let Some(&shard) = self.of_node.get(&node) {
            return shard;
        }
        let shard = if self.sizes.len() < MAX_SHARDS {
            self.sizes.push(0);
            self.sizes.len() - 1
        } else {
            (0..MAX_SHARDS).min_by_key(|&shard| self.sizes[shard]).unwrap_or(0)
        };
        self.of_node.insert(node, shard as u8);
        shard as u8
    }
}

/// One asking name.
struct Asking<'a> {
    terms: &'a [u32],
    scale: f32,
    useful_from: usize,
    vector: Quantised,
    groups: Vec<u16>,
    exact: Vec<u32>,
    cjk: u8,
    node: Option<u32>,
}

impl LiveIndex {
    /// `nodes`, `parsed` and `vectors` (evened out, see [`crate::Evening`]) hold one entry a record; records get the rows
    /// 0, 1, … in that order.
    pub fn build(
        nodes: &[u32],
        parsed: &[ParsedName],
        vectors: ArrayView2<f32>,
        asked: &Options,
    ) -> LiveIndex {
        let mut shards = Shards { of_node: assign(nodes).into_iter().collect(), sizes: Vec::new() };
        shards.sizes = vec![0; shards.of_node.values().max().map_or(0, |&last| usize::from(last) + 1)];
        let shard: Vec<u8> = nodes.iter().map(|&node| shards.of(node)).collect();
        shard.iter().for_each(|&shard| shards.sizes[usize::from(shard)] += 1);
        let rows: Vec<u32> = (0..nodes.len() as u32).collect();
        let mut exact = LiveKeys::default();
        rows.iter().zip(parsed).for_each(|(&row, name)| exact.insert(row, name));
        LiveIndex {
            options: spread(asked, shards.sizes.len(), nodes.len()),
            asked: asked.clone(),
            shards,
            node: nodes.to_vec(),
            shard,
            alive: vec![true; nodes.len()],
            cjk: parsed.par_iter().map(|name| cjk_percent(&name.canonical)).collect(),
            living: nodes.len(),
            text: LiveText::build(parsed),
            vectors: VectorIndex::build(vectors, &rows, asked.probes, asked.exact_rows),
            exact,
        }
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        self.living
    }

    pub fn is_empty(&self) -> bool {
        self.living == 0
    }

    /// Rows that were given out, gaps included.
    pub fn rows(&self) -> usize {
        self.node.len()
    }

    /// Adds a record and gives its row.
    pub fn insert(&mut self, node: u32, parsed: &ParsedName, vector: ArrayView1<f32>) -> u32 {
        let row = self.node.len() as u32;
        let shards = self.shards.sizes.len();
        let shard = self.shards.of(node);
        self.shards.sizes[usize::from(shard)] += 1;
        self.node.push(node);
        self.shard.push(shard);
        self.alive.push(true);
        self.cjk.push(cjk_percent(&parsed.canonical));
        self.living += 1;
        self.text.insert(row, parsed);
        self.vectors.push(vector);
        self.exact.insert(row, parsed);
        if shards != self.shards.sizes.len() {
            self.options = spread(&self.asked, self.shards.sizes.len(), self.living);
        }
        row
    }

    /// Takes a record out.
    pub fn remove(&mut self, row: u32) {
        let alive = &mut self.alive[row as usize];
        if std::mem::replace(alive, false) {
            self.living -= 1;
            self.shards.sizes[usize::from(self.shard[row as usize])] -= 1;
        }
    }

    /// What a record of the index proposes in every other shard, best first within each.
    pub fn search_row(&self, row: u32) -> Vec<Hit> {
        self.search_asking(&Asking {
            terms: self.text.terms_of(row),
            scale: self.text.scale[row as usize],
            useful_from: 2,
            vector: self.vectors.row(row),
            groups: self.vectors.nearest_of_row(row).to_vec(),
            exact: self.exact.of_row(row),
            cjk: self.cjk[row as usize],
            node: Some(self.node[row as usize]),
        })
    }

    /// The same for a name that need not be in the index.
    pub fn search(&self, probe: &Probe) -> Vec<Hit> {
        let (terms, scale) = self.text.query(probe.parsed);
        let vector = Quantised::new(probe.vector);
        self.search_asking(&Asking {
            terms: &terms,
            scale,
            useful_from: 1,
            groups: self.vectors.nearest_of_vector(vector.restored().view()),
            vector,
            exact: self.exact.of_name(probe.parsed),
            cjk: cjk_percent(&probe.parsed.canonical),
            node: probe.node,
        })
    }

    fn search_asking(&self, asking: &Asking) -> Vec<Hit> {
        SCRATCH.with_borrow_mut(|scratch| {
            let text = self.text_lists(asking, scratch);
            let vector = self.vector_lists(asking, scratch);
            let mut hits = Vec::new();
            for shard in 0..self.shards.sizes.len() {
                let keyed = asking.exact.iter().copied().filter(|&row| {
                    self.wanted(asking, row) && usize::from(self.shard[row as usize]) == shard
                });
                let list = join_shard(
                    [&text[shard], &vector[shard]],
                    keyed,
                    &self.options,
                    |row| self.text.similarity(asking.terms, asking.scale, row),
                    |row| self.vectors.cosine_with(&asking.vector, row),
                    |row| (asking.cjk, self.cjk[row as usize]),
                );
                hits.extend((1u8..).zip(list).map(|(rank, found)| found.hit(found.row, rank)));
            }
            hits
        })
    }

    fn wanted(&self, asking: &Asking, row: u32) -> bool {
        self.alive[row as usize] && Some(self.node[row as usize]) != asking.node
    }

    fn text_lists(&self, asking: &Asking, scratch: &mut Scratch) -> Vec<Vec<Scored>> {
        let k = self.options.text;
        scratch.reset(self.node.len(), self.shards.sizes.len(), (k * SPARE).max(SPARE_MIN));
        self.text.add_up(asking, self.options.postings, scratch);
        let Scratch { sums, touched, tops, .. } = scratch;
        for row in touched.drain(..) {
            let sum = std::mem::take(&mut sums[row as usize]);
            if self.wanted(asking, row) {
                let top = &mut tops[usize::from(self.shard[row as usize])];
                top.offer(sum * self.text.scale[row as usize], row);
            }
        }
        let exactly = |top: &mut Top| {
            let mut best = top.take();
            for found in &mut best {
                found.score = self.text.similarity(asking.terms, asking.scale, found.row);
            }
            best.sort_unstable_by(Scored::order);
            best.truncate(k);
            best
        };
        tops.iter_mut().map(exactly).collect()
    }

    fn vector_lists(&self, asking: &Asking, scratch: &mut Scratch) -> Vec<Vec<Scored>> {
        scratch.reset(self.node.len(), self.shards.sizes.len(), self.options.vector);
        let tops = &mut scratch.tops;
        self.vectors.each_of(&asking.vector, &asking.groups, |row, cosine| {
            if self.wanted(asking, row) {
                tops[usize::from(self.shard[row as usize])].offer(cosine, row);
            }
        });
        tops.iter_mut().map(Top::take).collect()
    }
}

/// Working memory of one thread; sums are zero between uses.
#[derive(Default)]
struct Scratch {
    sums: Vec<f32>,
    touched: Vec<u32>,
    by_rarity: Vec<u32>,
    tops: Vec<Top>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Scratch {
    fn reset(&mut self, rows: usize, shards: usize, k: usize) {
        if self.sums.len() < rows {
            self.sums.resize(rows.next_power_of_two(), 0.0);
        }
        self.tops.clear();
        self.tops.resize_with(shards, || Top::new(k));
    }
}

/// The text channel: like [`crate::text`], over lists that grow.
struct LiveText {
    number: FxHashMap<Box<str>, u32>,
    weight: Vec<f32>,
    /// Term → its rows, ascending.
    postings: Vec<Vec<u32>>,
    /// Row → its terms, ascending: `term[start[row]..start[row + 1]]`.
    start: Vec<usize>,
    term: Vec<u32>,
    scale: Vec<f32>,
    /// Records when it was built: what rarities refer to.
    documents: usize,
}

impl LiveText {
    fn build(parsed: &[ParsedName]) -> LiveText {
        let mut text = LiveText {
            number: FxHashMap::default(),
            weight: Vec::new(),
            postings: Vec::new(),
            start: vec![0],
            term: Vec::new(),
            scale: Vec::new(),
            documents: parsed.len(),
        };
        let mut terms = Terms::default();
        for (row, name) in (0u32..).zip(parsed) {
            text.add(row, &joined_terms(name, &mut terms));
        }
        let numbered: Vec<(&Box<str>, &u32)> = text.number.iter().collect();
        for (word, &number) in numbered {
            let frequency = text.postings[number as usize].len() as u32;
            text.weight[number as usize] = class_weight(word.as_bytes()[0]) * idf(parsed.len(), frequency);
        }
        text.scale = (0..parsed.len() as u32).map(|row| text.scale_of_terms(text.terms_of(row))).collect();
        text
    }

    fn insert(&mut self, row: u32, parsed: &ParsedName) {
        self.add(row, &joined_terms(parsed, &mut Terms::default()));
        self.scale.push(self.scale_of_terms(self.terms_of(row)));
    }

    fn add(&mut self, row: u32, joined: &str) {
        let first = self.term.len();
        for word in joined.split(SEPARATOR).filter(|word| !word.is_empty()) {
            let number = match self.number.get(word) {
                Some(&number) => number,
                None => {
                    let number = self.weight.len() as u32;
                    self.number.insert(word.into(), number);
                    self.weight.push(self.unseen(word));
                    self.postings.push(Vec::new());
                    number
                }
            };
            self.postings[number as usize].push(row);
            self.term.push(number);
        }
        self.term[first..].sort_unstable();
        self.start.push(self.term.len());
    }

    /// A term that came after the build counts as seen once.
    fn unseen(&self, word: &str) -> f32 {
        class_weight(word.as_bytes()[0]) * idf(self.documents.max(1), 1)
    }

    fn query(&self, parsed: &ParsedName) -> (Vec<u32>, f32) {
        let joined = joined_terms(parsed, &mut Terms::default());
        let (mut terms, mut sum) = (Vec::new(), 0.0);
        for word in joined.split(SEPARATOR).filter(|word| !word.is_empty()) {
            match self.number.get(word) {
                Some(&number) => {
                    terms.push(number);
                    sum += self.weight[number as usize];
                }
                None => sum += self.unseen(word),
            }
        }
        terms.sort_unstable();
        (terms, scale_of(sum))
    }

    fn scale_of_terms(&self, terms: &[u32]) -> f32 {
        scale_of(terms.iter().map(|&term| self.weight[term as usize]).sum())
    }

    fn terms_of(&self, row: u32) -> &[u32] {
        &self.term[self.start[row as usize]..self.start[row as usize + 1]]
    }

    /// Adds up the weights of shared terms, rarest first, until the budget of postings is used up.
    fn add_up(&self, asking: &Asking, budget: usize, scratch: &mut Scratch) {
        let Scratch { sums, touched, by_rarity, .. } = scratch;
        let frequency = |term: u32| self.postings[term as usize].len();
        by_rarity.clear();
        by_rarity.extend(asking.terms.iter().filter(|&&term| frequency(term) >= asking.useful_from));
        by_rarity.sort_unstable_by_key(|&term| (frequency(term), term));
        let mut used = 0;
        for &term in by_rarity.iter() {
            used += frequency(term);
            if used > budget && !touched.is_empty() {
                break;
            }
            let weight = self.weight[term as usize];
            for &row in &self.postings[term as usize] {
                let sum = &mut sums[row as usize];
                if *sum == 0.0 {
                    touched.push(row);
                }
                *sum += weight;
            }
        }
    }

    fn similarity(&self, terms: &[u32], scale: f32, row: u32) -> f32 {
        let (mut a, mut b) = (terms, self.terms_of(row));
        let mut shared = 0.0f32;
        while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
            if x == y {
                shared += self.weight[x as usize];
            }
            if x <= y {
                a = &a[1..];
            }
            if y <= x {
                b = &b[1..];
            }
        }
        shared * (scale * self.scale[row as usize])
    }
}

/// Exact keys over lists that grow.
#[derive(Default)]
struct LiveKeys {
    rows: FxHashMap<Key, Vec<u32>>,
    of_row: FxHashMap<u32, Vec<Key>>,
}

impl LiveKeys {
    fn insert(&mut self, row: u32, parsed: &ParsedName) {
        let keys = keys(parsed);
        for key in &keys {
            self.rows.entry(key.clone()).or_default().push(row);
        }
        if !keys.is_empty() {
            self.of_row.insert(row, keys);
        }
    }

    fn of_row(&self, row: u32) -> Vec<u32> {
        self.of_row.get(&row).map(|keys| self.union(keys)).unwrap_or_default()
    }

    fn of_name(&self, parsed: &ParsedName) -> Vec<u32> {
        self.union(&keys(parsed))
    }

    fn union(&self, keys: &[Key]) -> Vec<u32> {
        let usable = |key: &Key| self.rows.get(key).filter(|rows| rows.len() <= key.limit());
        let mut rows: Vec<u32> = keys.iter().filter_map(usable).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

//! The three channels together: their lists, joined and ranked.

use crate::candidate::{Candidate, Channels, Hit};
use crate::error::RetrieveError;
use crate::exact::ExactKeys;
use crate::rows::Rows;
use crate::terms::{Script, script};
use crate::text::{Scratch, TextIndex, TextQuery};
use crate::top::Scored;
use crate::vector::{Lists, Quantised, VectorIndex};
use domain::ParsedName;
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// How much is proposed, and at what cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Best of the text channel, a record and other node (or shard); fewer where there are more than four others.
    pub text: usize,
    /// The same of the vector channel.
    pub vector: usize,
    /// At most so many by exact keys.
    pub exact: usize,
    /// At most so many altogether, by the fused score; exact keys stay in any case.
    pub keep: usize,
    /// Postings that one name's text search may read: bounds its time whatever the size of the index.
    pub postings: usize,
    /// Up to so many records vectors are compared one by one; beyond through groups.
    pub exact_rows: usize,
    /// Groups that a vector search looks into.
    pub probes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            text: 12,
            vector: 12,
            exact: 20,
            keep: 16,
            postings: 20_000,
            exact_rows: 20_000,
            probes: 12,
        }
    }
}

/// With more other shards than these the lists get shorter, so that the number of pairs stays near linear.
const OTHERS_AT_FULL_LENGTH: usize = 4;
/// They get shorter too where everything together would propose more pairs than these: what memory is planned for.
const PAIRS_AT_MOST: usize = 32_000_000;
const SHORTEST_LIST: usize = 4;

/// What is asked about one name that need not be in the index.
pub struct Probe<'a> {
    /// Its node, whose records are left out; `None` for a name of no node.
    pub node: Option<u32>,
    pub parsed: &'a ParsedName,
    /// Evened out like those of the index (see [`crate::Evening`]).
    pub vector: ArrayView1<'a, f32>,
}

/// Where building spent its time (wall clock).
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    pub text: Duration,
    pub vector: Duration,
    pub exact: Duration,
}

pub struct Index {
    options: Options,
    rows: Rows,
    text: TextIndex,
    vectors: VectorIndex,
    exact: ExactKeys,
    /// Row → share of CJK among its letters, in percent.
    cjk: Vec<u8>,
    timings: Timings,
}

/// One other record as seen by the asking one.
pub(crate) struct Found {
    pub row: u32,
    pub channels: Channels,
    pub text_rank: u8,
    pub vector_rank: u8,
    pub bm25: f32,
    pub cosine: f32,
    pub fused: f32,
}

impl Found {
    /// As the caller sees it.
    pub fn hit(&self, record: u32, fused_rank: u8) -> Hit {
        Hit {
            record,
            bm25: self.bm25,
            cosine: self.cosine,
            fused: self.fused,
            channels: self.channels,
            text_rank: self.text_rank,
            vector_rank: self.vector_rank,
            fused_rank,
        }
    }
}

/// What the channels know of the asking name.
struct Asking<'a> {
    text: &'a TextQuery<'a>,
    cjk: u8,
    exact: &'a [u32],
    node: Option<u32>,
}

impl Index {
    /// `nodes`, `parsed` and `vectors` hold one entry a record, in the caller's numbering. Vectors come evened out (see
    /// [`crate::Evening`]).
    pub fn build(
        nodes: &[u32],
        parsed: &[ParsedName],
        vectors: ArrayView2<f32>,
        options: &Options,
    ) -> Result<Index, RetrieveError> {
        if nodes.len() != parsed.len() || nodes.len() != vectors.nrows() {
            let (nodes, names, vectors) = (nodes.len(), parsed.len(), vectors.nrows());
            return Err(RetrieveError::Lengths { nodes, names, vectors });
        }
        if u32::try_from(nodes.len()).is_err() {
            return Err(RetrieveError::TooMany(nodes.len()));
        }
        let mut timings = Timings::default();
        let rows = Rows::new(nodes, parsed);
        let options = spread(options, rows.shards(), rows.len());
        let text = timed(&mut timings.text, || TextIndex::build(&rows, parsed, options.postings))?;
        let vectors = timed(&mut timings.vector, || {
            VectorIndex::build(vectors, &rows.record, options.probes, options.exact_rows)
        });
        let exact = timed(&mut timings.exact, || ExactKeys::build(&rows, parsed));
        let cjk =
            rows.record.par_iter().map(|&record| cjk_percent(&parsed[record as usize].canonical)).collect();
        Ok(Index { options, rows, text, vectors, exact, cjk, timings })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// Every pair that either side proposes, once, sorted by (left, right).
    pub fn candidates(&self) -> Result<Vec<Candidate>, RetrieveError> {
        let all = (0..self.rows.len() as u32).collect();
        self.candidates_of_rows(all)
    }

    /// The pairs that the given records (the caller's numbers) propose.
    pub fn candidates_of(&self, records: &[u32]) -> Result<Vec<Candidate>, RetrieveError> {
        let mut wanted = vec![false; self.rows.len()];
        for &record in records {
            if let Some(wanted) = wanted.get_mut(record as usize) {
                *wanted = true;
            }
        }
        let rows = (0u32..).zip(&self.rows.record).filter(|&(_, &record)| wanted[record as usize]);
        self.candidates_of_rows(rows.map(|(row, _)| row).collect())
    }

    /// The best of every other node (or shard) for one name, by falling fused score within each.
    pub fn search(&self, probe: &Probe) -> Result<Vec<Hit>, RetrieveError> {
        if probe.vector.len() != self.vectors.dim {
            return Err(RetrieveError::Dimension { expected: self.vectors.dim, found: probe.vector.len() });
        }
        let options = &self.options;
        let text = self.text.query_name(probe.parsed)?;
        let mut scratch = self.text.scratch(self.rows.shards(), options.text);
        let text_lists = self.text.search(&text, probe.node, &self.rows, options.text, &mut scratch)?;
        let vector = Quantised::new(probe.vector);
        let vector_lists = self.vectors.search(&self.rows, &vector, probe.node, options.vector);
        let exact = self.exact.of_name(probe.parsed);
        let asking = Asking {
            text: &text,
            cjk: cjk_percent(&probe.parsed.canonical),
            exact: &exact,
            node: probe.node,
        };
        let lists =
            self.join(&asking, &text_lists, &vector_lists, |row| self.vectors.cosine_with(&vector, row));
        let mut hits = Vec::new();
        for list in lists {
            let seen = (1u8..).zip(list);
            hits.extend(seen.map(|(rank, found)| found.hit(self.rows.record[found.row as usize], rank)));
        }
        Ok(hits)
    }

    fn candidates_of_rows(&self, queries: Vec<u32>) -> Result<Vec<Candidate>, RetrieveError> {
        let blocks = self.vectors.blocks(&self.rows, queries);
        let scratch = || self.text.scratch(self.rows.shards(), self.options.text);
        let found: Vec<Vec<Candidate>> = blocks
            .par_iter()
            .map_init(scratch, |scratch, block| self.candidates_of_block(block, scratch))
            .collect::<Result<_, _>>()?;
        let mut pairs = Vec::with_capacity(found.iter().map(Vec::len).sum());
        found.into_iter().for_each(|found| pairs.extend(found));
        pairs.par_sort_unstable_by_key(|pair: &Candidate| (pair.left, pair.right, pair.fused_rank));
        pairs.dedup_by(|again, kept| {
            let same = (again.left, again.right) == (kept.left, kept.right);
            if same {
                kept.absorb(again);
            }
            same
        });
        Ok(pairs)
    }

    fn candidates_of_block(
        &self,
        block: &[u32],
        scratch: &mut Scratch,
    ) -> Result<Vec<Candidate>, RetrieveError> {
        let mut pairs = Vec::new();
        let vector_lists = self.vectors.search_block(&self.rows, block, self.options.vector);
        for (&row, vector_lists) in block.iter().zip(&vector_lists) {
            let node = Some(self.rows.node[row as usize]);
            let text = self.text.query_row(row);
            let text_lists = self.text.search(&text, node, &self.rows, self.options.text, scratch)?;
            let exact = self.exact.of_row(row);
            let asking = Asking { text: &text, cjk: self.cjk[row as usize], exact: &exact, node };
            let lists =
                self.join(&asking, &text_lists, vector_lists, |other| self.vectors.cosine(row, other));
            let record = self.rows.record[row as usize];
            for list in lists {
                pairs.extend((1u8..).zip(list).map(|(rank, found)| self.candidate(record, rank, &found)));
            }
        }
        Ok(pairs)
    }

    fn candidate(&self, record: u32, fused_rank: u8, found: &Found) -> Candidate {
        let other = self.rows.record[found.row as usize];
        let sided = |rank: u8| if record < other { [rank, 0] } else { [0, rank] };
        Candidate {
            left: record.min(other),
            right: record.max(other),
            cosine: found.cosine,
            channels: found.channels,
            text_rank: sided(found.text_rank),
            vector_rank: sided(found.vector_rank),
            fused_rank: sided(fused_rank),
        }
    }

    /// One list a shard, by falling fused score.
    fn join(
        &self,
        asking: &Asking,
        text: &Lists,
        vector: &Lists,
        cosine: impl Fn(u32) -> f32,
    ) -> Vec<Vec<Found>> {
        let own = self.rows.own_shard(asking.node);
        (0u8..self.rows.shards() as u8)
            .filter(|&shard| Some(shard) != own)
            .map(|shard| {
                let range = &self.rows.ranges[usize::from(shard)];
                let keyed = asking.exact.iter().copied().filter(|row| range.contains(row));
                let keyed = keyed.filter(|&row| Some(self.rows.node[row as usize]) != asking.node);
                join_shard(
                    [&text[usize::from(shard)], &vector[usize::from(shard)]],
                    keyed,
                    &self.options,
                    |row| self.text.similarity(asking.text, row),
                    &cosine,
                    |row| (asking.cjk, self.cjk[row as usize]),
                )
            })
            .collect()
    }
}

/// What the channels found in one shard, as one list by falling fused score.
pub(crate) fn join_shard(
    [text, vector]: [&[Scored]; 2],
    keyed: impl Iterator<Item = u32>,
    options: &Options,
    similarity: impl Fn(u32) -> f32,
    cosine: impl Fn(u32) -> f32,
    cjk: impl Fn(u32) -> (u8, u8),
) -> Vec<Found> {
    let mut list = Vec::with_capacity(options.text + options.vector);
    let mut meet = |row: u32, channel: Channels, text_rank: u8, vector_rank: u8| {
        list.push(Found {
            row,
            channels: channel,
            text_rank,
            vector_rank,
            bm25: 0.0,
            cosine: 0.0,
            fused: 0.0,
        });
    };
    for (rank, found) in (1u8..).zip(text) {
        meet(found.row, Channels::TEXT, rank, 0);
    }
    for (rank, found) in (1u8..).zip(vector) {
        meet(found.row, Channels::VECTOR, 0, rank);
    }
    for row in keyed.take(options.exact) {
        meet(row, Channels::EXACT, 0, 0);
    }
    list.sort_unstable_by_key(|found| found.row);
    list.dedup_by(|again, kept| {
        let same = again.row == kept.row;
        if same {
            kept.channels = kept.channels.with(again.channels);
            kept.text_rank |= again.text_rank;
            kept.vector_rank |= again.vector_rank;
        }
        same
    });
    for found in &mut list {
        found.bm25 = similarity(found.row);
        found.cosine = cosine(found.row);
        let (own, other) = cjk(found.row);
        found.fused = fused(found, own, other);
    }
    list.sort_unstable_by(|a, b| b.fused.total_cmp(&a.fused).then(a.row.cmp(&b.row)));
    let mut place = 0;
    list.retain(|found| {
        place += 1;
        place <= options.keep || found.channels.has(Channels::EXACT)
    });
    list
}

impl Candidate {
    /// Takes over what the other side said of the same pair.
    fn absorb(&mut self, other: &Candidate) {
        self.channels = self.channels.with(other.channels);
        let join = |a: [u8; 2], b: [u8; 2]| [a[0] | b[0], a[1] | b[1]];
        self.text_rank = join(self.text_rank, other.text_rank);
        self.vector_rank = join(self.vector_rank, other.vector_rank);
        self.fused_rank = join(self.fused_rank, other.fused_rank);
    }
}

/// Names in two scripts share few terms, so there the vector speaks more. Measured with the `recall` example; the
/// optimum is flat.
fn fused(found: &Found, cjk: u8, other_cjk: u8) -> f32 {
    const CROSS_SCRIPT: u8 = 60;
    let text_share = if cjk.abs_diff(other_cjk) > CROSS_SCRIPT { 0.3 } else { 0.5 };
    let key = if found.channels.has(Channels::EXACT) { 0.1 } else { 0.0 };
    text_share * found.bm25 + (1.0 - text_share) * found.cosine + key
}

pub(crate) fn cjk_percent(text: &str) -> u8 {
    let (mut cjk, mut letters) = (0u32, 0u32);
    for c in text.chars() {
        match script(c) {
            Script::Cjk => cjk += 1,
            Script::Letters => letters += 1,
            Script::Other => {}
        }
    }
    (100 * cjk / (cjk + letters).max(1)) as u8
}

/// Shorter lists where there are many shards or very many records.
pub(crate) fn spread(options: &Options, shards: usize, records: usize) -> Options {
    let others = shards.saturating_sub(1).max(1);
    let longest = (PAIRS_AT_MOST / (records * others).max(1)).max(SHORTEST_LIST);
    let shorter = |length: usize| {
        // ranks are kept in a byte
        let length = length.min(usize::from(u8::MAX) / 3);
        let spread = length * OTHERS_AT_FULL_LENGTH / others.max(OTHERS_AT_FULL_LENGTH);
        spread.min(longest).max(SHORTEST_LIST.min(length))
    };
    Options {
        text: shorter(options.text),
        vector: shorter(options.vector),
        exact: options.exact.min(usize::from(u8::MAX) / 3),
        keep: shorter(options.keep),
        ..options.clone()
    }
}

fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *time = start.elapsed();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_shorten_with_shards_and_records() {
        let options = Options { text: 12, keep: 16, ..Options::default() };
        for (shards, records, text, keep) in [
            (2, 1_000, 12, 16),
            (5, 1_000, 12, 16),
            (9, 1_000, 6, 8),
            (16, 1_000, 4, 4),
            (2, 1_000_000, 12, 16),
            (8, 1_000_000, 4, 4),
            (1, 0, 12, 16),
        ] {
            let spread = spread(&options, shards, records);
            assert_eq!((spread.text, spread.keep), (text, keep), "{shards} shards, {records} records");
        }
        assert_eq!(spread(&Options { text: 0, ..options }, 16, 1_000).text, 0);
    }
}

//! Asking many rows at once.

use super::ivf::{Quantised, TILE, VectorIndex, multiply};
use crate::rows::Rows;
use crate::top::{Scored, Top};
use ndarray::{Array2, s};
use std::ops::Range;

/// Queries of one block.
const BLOCK: usize = 256;
/// With few shards a record's own makes up much of every group, so blocks are cut by shard and leave it out.
const FEW_SHARDS: usize = 3;

/// One query's lists: by shard, best first.
pub(crate) type Lists = Vec<Vec<Scored>>;

struct Block<'a> {
    vectors: Array2<f32>,
    nearest: Vec<&'a [u16]>,
    nodes: Vec<Option<u32>>,
    /// A shard that none of the queries wants.
    left_out: Option<u8>,
}

impl VectorIndex {
    /// Rows in groups that are cheap to ask together.
    pub fn blocks(&self, rows: &Rows, mut queries: Vec<u32>) -> Vec<Vec<u32>> {
        let by_shard = is_cut_by_shard(rows);
        let key = |row: u32| (self.nearest_of_row(row)[0], by_shard.then(|| rows.shard[row as usize]));
        queries.sort_by_key(|&row| (key(row), row));
        let same_key = queries.chunk_by(|&a, &b| key(a) == key(b));
        same_key.flat_map(|same| same.chunks(BLOCK)).map(<[u32]>::to_vec).collect()
    }

    /// For each row of a block of [`Self::blocks`] the `k` best rows of every other shard or node.
    pub fn search_block(&self, rows: &Rows, block: &[u32], k: usize) -> Vec<Lists> {
        let left_out = block.first().filter(|_| is_cut_by_shard(rows)).map(|&row| rows.shard[row as usize]);
        let block = Block {
            vectors: self.restored(block),
            nearest: block.iter().map(|&row| self.nearest_of_row(row)).collect(),
            nodes: block.iter().map(|&row| Some(rows.node[row as usize])).collect(),
            left_out,
        };
        self.ask(rows, &block, k)
    }

    /// The `k` best rows of every shard for one vector; rows of `node` are left out.
    pub fn search(&self, rows: &Rows, vector: &Quantised, node: Option<u32>, k: usize) -> Lists {
        let vectors = vector.restored();
        let nearest = self.nearest_of_vector(vectors.view());
        let block =
            Block { vectors, nearest: vec![&nearest], nodes: vec![node], left_out: rows.own_shard(node) };
        self.ask(rows, &block, k).pop().unwrap_or_default()
    }

    fn ask(&self, rows: &Rows, block: &Block, k: usize) -> Vec<Lists> {
        let queries = block.nearest.len();
        let shards = rows.shards();
        let mut tops: Vec<Top> = (0..queries * shards).map(|_| Top::new(k)).collect();
        let mut wanted: Vec<(u16, u32)> = (block.nearest.iter().zip(0u32..))
            .flat_map(|(groups, query)| groups.iter().map(move |&group| (group, query)))
            .collect();
        wanted.sort_unstable();

        let mut tile = Array2::<f32>::zeros((TILE, self.dim));
        let mut asking = Array2::<f32>::zeros((queries, self.dim));
        let mut scores = Array2::<f32>::zeros((queries, TILE));
        let left_out = block.left_out.map_or(0..0, |shard| rows.ranges[usize::from(shard)].clone());
        for same_group in wanted.chunk_by(|a, b| a.0 == b.0) {
            for (&(_, query), mut target) in same_group.iter().zip(asking.rows_mut()) {
                target.assign(&block.vectors.row(query as usize));
            }
            let asking = asking.slice(s![..same_group.len(), ..]);
            let group = &self.groups[usize::from(same_group[0].0)];
            let members = without(group, &left_out).into_iter().flat_map(|members| members.chunks(TILE));
            for members in members {
                self.restore_into(members, &mut tile);
                multiply(asking, tile.slice(s![..members.len(), ..]), &mut scores);
                let runs = shard_runs(members, rows);
                for (&(_, query), scores) in same_group.iter().zip(scores.rows()) {
                    let node = block.nodes[query as usize];
                    let own = rows.own_shard(node);
                    let scores = scores.to_slice().unwrap_or(&[]);
                    for (shard, run) in runs.iter().filter(|(shard, _)| Some(*shard) != own) {
                        let top = &mut tops[query as usize * shards + usize::from(*shard)];
                        for (&score, &row) in scores[run.clone()].iter().zip(&members[run.clone()]) {
                            if !rows.mixed || Some(rows.node[row as usize]) != node {
                                top.offer(score, row);
                            }
                        }
                    }
                }
            }
        }
        tops.chunks_mut(shards.max(1)).map(|tops| tops.iter_mut().map(Top::take).collect()).collect()
    }
}

fn is_cut_by_shard(rows: &Rows) -> bool {
    !rows.mixed && rows.shards() <= FEW_SHARDS
}

/// The ascending rows of a group outside a range: what is below it and what is above.
fn without<'a>(group: &'a [u32], range: &Range<u32>) -> [&'a [u32]; 2] {
    let below = group.partition_point(|&row| row < range.start);
    let above = group.partition_point(|&row| row < range.end);
    [&group[..below], &group[above.max(below)..]]
}

/// The runs of one shard each in ascending rows.
fn shard_runs(members: &[u32], rows: &Rows) -> Vec<(u8, Range<usize>)> {
    let mut at = 0;
    members
        .chunk_by(|&a, &b| rows.shard[a as usize] == rows.shard[b as usize])
        .map(|run| {
            let range = at..at + run.len();
            at = range.end;
            (rows.shard[run[0] as usize], range)
        })
        .collect()
}

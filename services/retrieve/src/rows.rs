//! The order of records inside the index: by shard, then canonical text, then the caller's order. A shard is so a range
//! of rows, and a lower row wins a tie.
//!
//! Up to [`MAX_SHARDS`] nodes each is a shard of its own. More nodes share shards, filled evenly; a record still never
//! meets its own node there.

use domain::ParsedName;
use std::ops::Range;

pub(crate) const MAX_SHARDS: usize = 16;

pub(crate) struct Rows {
    /// Row → the caller's number.
    pub record: Vec<u32>,
    /// Row → node.
    pub node: Vec<u32>,
    /// Row → shard.
    pub shard: Vec<u8>,
    /// Shard → its rows.
    pub ranges: Vec<Range<u32>>,
    /// Whether some shard holds several nodes.
    pub mixed: bool,
    /// Node → shard, by node.
    shard_of_node: Vec<(u32, u8)>,
}

impl Rows {
    pub fn new(nodes: &[u32], parsed: &[ParsedName]) -> Rows {
        let shard_of_node = assign(nodes);
        let shards = shard_of_node.iter().map(|&(_, shard)| usize::from(shard) + 1).max().unwrap_or(0);
        let mixed = shard_of_node.len() > shards;
        let of_node = |node: u32| match shard_of_node.binary_search_by_key(&node, |&(node, _)| node) {
            Ok(at) => shard_of_node[at].1,
            Err(_) => 0,
        };
        let mut record: Vec<u32> = (0..nodes.len() as u32).collect();
        let shard_of_record: Vec<u8> = nodes.iter().map(|&node| of_node(node)).collect();
        record.sort_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            let key = |at: usize| (shard_of_record[at], parsed[at].canonical.as_str(), at);
            key(a).cmp(&key(b))
        });
        let shard: Vec<u8> = record.iter().map(|&at| shard_of_record[at as usize]).collect();
        let ranges = (0..shards)
            .map(|s| {
                let start = shard.partition_point(|&shard| usize::from(shard) < s) as u32;
                start..shard.partition_point(|&shard| usize::from(shard) <= s) as u32
            })
            .collect();
        let node = record.iter().map(|&at| nodes[at as usize]).collect();
        Rows { record, node, shard, ranges, mixed, shard_of_node }
    }

    pub fn len(&self) -> usize {
        self.record.len()
    }

    pub fn shards(&self) -> usize {
        self.ranges.len()
    }

    /// The shard that holds nothing but this node, if there is one.
    pub fn own_shard(&self, node: Option<u32>) -> Option<u8> {
        if self.mixed {
            return None;
        }
        let node = node?;
        let at = self.shard_of_node.binary_search_by_key(&node, |&(node, _)| node).ok()?;
        Some(self.shard_of_node[at].1)
    }
}

/// Node → shard: one each, or, with more nodes than shards, the largest node first into the emptiest shard.
pub(crate) fn assign(nodes: &[u32]) -> Vec<(u32, u8)> {
    let mut sorted = nodes.to_vec();
    sorted.sort_unstable();
    let mut sizes: Vec<(u32, usize)> =
        sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
    if sizes.len() <= MAX_SHARDS {
        return sizes.iter().zip(0u8..).map(|(&(node, _), shard)| (node, shard)).collect();
    }
    sizes.sort_by_key(|&(node, size)| (std::cmp::Reverse(size), node));
    let mut load = [0usize; MAX_SHARDS];
    let mut assigned: Vec<(u32, u8)> = Vec::with_capacity(sizes.len());
    for (node, size) in sizes {
        let shard = (0..MAX_SHARDS).min_by_key(|&shard| load[shard]).unwrap_or(0);
        load[shard] += size;
        assigned.push((node, shard as u8));
    }
    assigned.sort_unstable();
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> ParsedName {
        ParsedName { canonical: text.to_owned(), ..ParsedName::default() }
    }

    #[test]
    fn few_nodes_have_shards_of_their_own() {
        let rows = Rows::new(&[7, 3, 7, 3], &[named("b"), named("z"), named("a"), named("a")]);
        assert_eq!(rows.record, [3, 1, 2, 0]);
        assert_eq!(rows.ranges, [0..2, 2..4]);
        assert_eq!(rows.own_shard(Some(7)), Some(1));
        assert_eq!(rows.own_shard(Some(99)), None);
    }

    #[test]
    fn many_nodes_share_evenly() {
        let nodes: Vec<u32> = (0..3000).map(|i| i % 100).collect();
        let rows = Rows::new(&nodes, &vec![named("x"); 3000]);
        assert_eq!(rows.shards(), MAX_SHARDS);
        assert!(rows.mixed && rows.own_shard(Some(1)).is_none());
        assert!(rows.ranges.iter().all(|range| (150..=250).contains(&range.len())));
    }
}

//! What retrieval says about a pair.

/// Which channels proposed a pair, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Channels(u8);

impl Channels {
    pub const EXACT: Channels = Channels(1);
    pub const TEXT: Channels = Channels(2);
    pub const VECTOR: Channels = Channels(4);

    pub fn has(self, channel: Channels) -> bool {
        self.0 & channel.0 != 0
    }

    pub fn with(self, channel: Channels) -> Channels {
        Channels(self.0 | channel.0)
    }
}

/// A pair of records of two nodes, `left < right` in the caller's numbering.
///
/// Ranks are `[left asks, right asks]`: the place of the other in that record's list for the other's node (its shard,
/// where there are more nodes than shards), from 1; 0 where it is not in the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub left: u32,
    pub right: u32,
    /// Cosine of the (centred) vectors, -1..=1. Known for every pair.
    pub cosine: f32,
    pub channels: Channels,
    pub text_rank: [u8; 2],
    pub vector_rank: [u8; 2],
    pub fused_rank: [u8; 2],
}

/// A record that was found for one [`crate::Probe`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// In the caller's numbering.
    pub record: u32,
    /// Sum of the idf weights of the shared terms over the geometric mean of both sides' sums (BM25 where every term occurs
    /// once, normalised to 0..=1). Known for every record, whichever channel proposed it.
    pub bm25: f32,
    /// Cosine of the (centred) vectors, -1..=1. Known for every record.
    pub cosine: f32,
    /// Both in one number, for ranking: larger is likelier; not a probability.
    pub fused: f32,
    pub channels: Channels,
    /// Places in the lists of the record's node (or shard), from 1; 0 where it is not in the list.
    pub text_rank: u8,
    pub vector_rank: u8,
    pub fused_rank: u8,
}

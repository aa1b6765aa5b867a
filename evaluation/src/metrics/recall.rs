//! Recall of retrieval: a pair that no channel proposes is lost, whatever the scorer can do.

use super::share;
use serde::{Deserialize, Serialize};

/// The depths at which recall is read.
pub const DEPTHS: [usize; 3] = [1, 10, 50];

/// A true pair's places in a channel's lists, `[one asks, the other asks]`, from 1; 0 where it is not in the list.
pub type Places = [u8; 2];

/// One channel's recall at [`DEPTHS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelRecall {
    pub channel: String,
    /// Of the questions "which records of that node are the same?", asked from both ends of every true pair, the
    /// share that the first k answer.
    pub one_way: [f64; 3],
    /// The share of true pairs that stand among the first k of at least one end: what becomes a candidate.
    pub either: [f64; 3],
}

pub fn channel_recall(channel: &str, true_pairs: &[Places]) -> ChannelRecall {
    let within = |place: u8, depth: usize| place > 0 && usize::from(place) <= depth;
    let found = |places: &Places, depth: usize| places.iter().filter(|p| within(**p, depth)).count();
    ChannelRecall {
        channel: channel.to_owned(),
        one_way: DEPTHS.map(|k| share(true_pairs.iter().map(|p| found(p, k)).sum(), 2 * true_pairs.len())),
        either: DEPTHS
            .map(|k| share(true_pairs.iter().filter(|p| found(p, k) > 0).count(), true_pairs.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // first of both; 10th of one, 11th of the other; 50th of one only; nowhere
        let got = channel_recall("text", &[[1, 1], [10, 11], [0, 50], [0, 0]]);
        assert_eq!(got.one_way, [2.0 / 8.0, 3.0 / 8.0, 5.0 / 8.0]);
        assert_eq!(got.either, [1.0 / 4.0, 2.0 / 4.0, 3.0 / 4.0]);
        assert_eq!(channel_recall("text", &[]).either, [0.0; 3]);
    }
}

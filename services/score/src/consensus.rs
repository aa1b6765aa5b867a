//! What third nodes say of a pair. If a and c are the same and b and c are the same, then so are a and b; if a and c
//! are the same and b and c are not, a and b are hardly. Read from the second stage's probabilities, before any group
//! is made: among six nodes this decides more pairs than any likeness of the two names does.

use crate::features;
use rayon::prelude::*;

/// Weaker candidates say nothing about third nodes.
pub const VOICE: f32 = 0.02;
/// Pairs below this probability are not asked about: all their consensus features are 0.
pub const ASKED: f32 = 0.005;
/// Sums stop here, so that a pair among fifty nodes looks like one among ten.
const MOST: f32 = 5.0;

pub const WIDTH: usize = features::CONSENSUS.len();

/// The confident candidates of every record, in compressed rows sorted by record.
struct Voices {
    /// Row boundaries, one more than there are records.
    starts: Vec<u32>,
    /// (the other record, probability)
    entries: Vec<(u32, f32)>,
}

impl Voices {
    fn of(pairs: &[(u32, u32)], probability: &[f32], records: usize) -> Voices {
        let mut keyed: Vec<(u32, u32, f32)> = pairs
            .iter()
            .zip(probability)
            .filter(|(_, p)| **p >= VOICE)
            .flat_map(|((a, b), p)| [(*a, *b, *p), (*b, *a, *p)])
            .collect();
        keyed.par_sort_unstable_by_key(|(own, other, _)| (*own, *other));
        let mut starts = vec![0u32; records + 1];
        for (own, ..) in &keyed {
            starts[*own as usize + 1] += 1;
        }
        for record in 0..records {
            starts[record + 1] += starts[record];
        }
        Voices { starts, entries: keyed.into_iter().map(|(_, other, p)| (other, p)).collect() }
    }

    fn around(&self, record: u32) -> &[(u32, f32)] {
        let row = self.starts[record as usize] as usize..self.starts[record as usize + 1] as usize;
        &self.entries[row]
    }
}

/// Sums over the third records that one record of the pair is linked to.
#[derive(Default)]
struct View {
    support_max: f32,
    support_sum: f32,
    /// log of the probability that no third record supports the pair
    none: f32,
    dissent_max: f32,
    dissent_sum: f32,
    mass: f32,
}

/// The third records of `own` outside the node of `other`, merged with those of `other`: both rows are sorted.
fn view(own: &[(u32, f32)], other: &[(u32, f32)], nodes: &[u32], other_node: u32) -> View {
    let mut view = View::default();
    let mut at = 0;
    for (third, to_own) in own {
        if nodes[*third as usize] == other_node {
            continue;
        }
        while at < other.len() && other[at].0 < *third {
            at += 1;
        }
        let to_other = other.get(at).filter(|(record, _)| record == third).map_or(0.0, |(_, p)| *p);
        let (support, dissent) = (to_own * to_other, to_own * (1.0 - to_other));
        view.support_max = view.support_max.max(to_own.min(to_other));
        view.support_sum += support;
        view.none += (-support.min(0.999)).ln_1p();
        view.dissent_max = view.dissent_max.max(dissent);
        view.dissent_sum += dissent;
        view.mass += to_own;
    }
    view
}

/// What the confident candidates of all records say of any pair among them.
pub struct Consensus {
    voices: Voices,
}

impl Consensus {
    /// `probability` is the second stage's, one a pair, `nodes` one a record.
    pub fn new(pairs: &[(u32, u32)], probability: &[f32], nodes: &[u32]) -> Consensus {
        Consensus { voices: Voices::of(pairs, probability, nodes.len()) }
    }

    /// The [`features::CONSENSUS`] of a pair of this probability; `nodes` as before. Symmetric in its two records.
    pub fn of(&self, (a, b): (u32, u32), probability: f32, nodes: &[u32]) -> [f32; WIDTH] {
        if probability < ASKED {
            return [0.0; WIDTH];
        }
        let (of_a, of_b) = (self.voices.around(a), self.voices.around(b));
        let left = view(of_a, of_b, nodes, nodes[b as usize]);
        let right = view(of_b, of_a, nodes, nodes[a as usize]);
        let sum = |x: f32, y: f32| (x.min(y).min(MOST), x.max(y).min(MOST));
        let (dissent_min, dissent_max) = sum(left.dissent_max, right.dissent_max);
        // As shares: the sums of pairs that nobody is sure of grow with the number of nodes, and say no more for it.
        let share = |view: &View| view.dissent_sum / (1.0 + view.mass);
        let (dissents_min, dissents_max) = sum(share(&left), share(&right));
        // Support is the same seen from both sides, but for the order of summation.
        let support = 0.5 * (left.support_sum + right.support_sum);
        let dissent = 0.5 * (left.dissent_sum + right.dissent_sum);
        [
            left.support_max.max(right.support_max),
            support.min(MOST),
            1.0 - (0.5 * (left.none + right.none)).exp(),
            dissent_min,
            dissent_max,
            dissents_min,
            dissents_max,
            left.mass.min(right.mass).min(MOST),
            (support - dissent) / (1.0 + left.mass.max(right.mass)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(row: &[f32; WIDTH], name: &str) -> f32 {
        row[features::CONSENSUS.iter().position(|n| *n == name).expect("a consensus feature")]
    }

    fn consensus(pairs: &[(u32, u32)], probability: &[f32], nodes: &[u32]) -> Vec<[f32; WIDTH]> {
        let found = Consensus::new(pairs, probability, nodes);
        pairs.iter().zip(probability).map(|(pair, p)| found.of(*pair, *p, nodes)).collect()
    }

    #[test]
    fn a_third_node_supports_or_dissents() {
        // records 0, 1, 2 of nodes 0, 1, 2: 0 and 1 are asked about; 2 is like both, or like 0 alone
        let nodes = [0, 1, 2];
        let pairs = [(0, 1), (0, 2), (1, 2)];
        let agreed = consensus(&pairs, &[0.5, 0.9, 0.8], &nodes)[0];
        assert_eq!(feature(&agreed, "support_max"), 0.8);
        assert!((feature(&agreed, "support_sum") - 0.72).abs() < 1e-6);
        assert!(feature(&agreed, "agreement") > 0.2);
        let torn = consensus(&pairs[..2], &[0.5, 0.9], &nodes)[0];
        assert_eq!(feature(&torn, "support_max"), 0.0);
        assert_eq!(feature(&torn, "dissent_max"), 0.9);
        assert!(feature(&torn, "agreement") < 0.0);
    }

    #[test]
    fn a_rival_in_the_other_records_node_is_no_third_voice() {
        // records 1 and 2 are both of node 1
        let row = consensus(&[(0, 1), (0, 2)], &[0.5, 0.9], &[0, 1, 1])[0];
        assert_eq!(row, [0.0; WIDTH]);
    }

    #[test]
    fn turned_pairs_get_the_same() {
        let nodes = [0, 1, 2, 3, 3];
        let pairs = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (0, 4)];
        let turned: Vec<(u32, u32)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
        let p = [0.3, 0.9, 0.4, 0.7, 0.6, 0.1];
        assert_eq!(consensus(&pairs, &p, &nodes), consensus(&turned, &p, &nodes));
    }
}

//! From the odds of single pairs to probabilities under "at most one partner a node". Two candidates of one record in
//! one node cannot both be right, and a record that surely belongs elsewhere is no rival. The marginals of that model
//! (monomer-dimer: every set of pairs in which no record has two partners in a node weighs the product of its odds) by
//! belief propagation: exact where the candidates form a tree, and close to it where they do not (Bayati, Shah and
//! Sharma, IEEE Transactions on Information Theory 54, 2008).

use crate::context::Neighbourhoods;
use rayon::prelude::*;

/// Enough for the messages to settle to the third digit on every open set.
const ROUNDS: usize = 10;
/// Odds beyond e^±12 change no decision and would only cost digits.
const MOST: f64 = 12.0;

/// The pairs that take part, grouped by record and other node.
pub struct Matching {
    groups: Neighbourhoods,
    /// Whether the other record's node lists a product once, per pair for its left and right record.
    once: Vec<[bool; 2]>,
}

impl Matching {
    /// `once` says of a node whether it lists a product once; where it does not, candidates there do not exclude each
    /// other.
    pub fn new(pairs: &[(u32, u32)], nodes: &[u32], once: impl Fn(u32) -> bool) -> Matching {
        let of = |record: u32| once(nodes[record as usize]);
        Matching {
            groups: Neighbourhoods::new(pairs, nodes),
            once: pairs.iter().map(|(left, right)| [of(*right), of(*left)]).collect(),
        }
    }

    /// The probability of every pair, from its log-odds taken alone.
    pub fn marginals(&self, log_odds: &[f64]) -> Vec<f64> {
        let weight: Vec<f64> = log_odds.iter().map(|x| x.clamp(-MOST, MOST).exp()).collect();
        // Per pair and side: the probability that the record of that side has no other partner in the node.
        let mut free = vec![[1.0f64; 2]; weight.len()];
        for _ in 0..ROUNDS {
            let next = self.round(&weight, &free);
            free.par_iter_mut().zip(next).for_each(|(old, new)| {
                // Damped: on cycles of candidates the messages would swing.
                *old = [0.5 * (old[0] + new[0]), 0.5 * (old[1] + new[1])];
            });
        }
        weight
            .par_iter()
            .zip(&free)
            .map(|(w, free)| {
                let odds = w * free[0] * free[1];
                odds / (1.0 + odds)
            })
            .collect()
    }

    fn round(&self, weight: &[f64], free: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let mut next = vec![[1.0f64; 2]; weight.len()];
        for group in self.groups.groups() {
            // What each candidate of the group's record offers, as far as its other record is free.
            let offer = |entry: &u32| {
                let (pair, side) = ((entry >> 1) as usize, (entry & 1) as usize);
                weight[pair] * free[pair][1 - side]
            };
            let total: f64 = group.iter().map(offer).sum();
            for entry in group {
                let (pair, side) = ((entry >> 1) as usize, (entry & 1) as usize);
                if self.once[pair][side] {
                    next[pair][side] = 1.0 / (1.0 + (total - offer(entry)).max(0.0));
                }
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums over all allowed sets of pairs: what the marginals are by definition.
    fn exact(pairs: &[(u32, u32)], nodes: &[u32], log_odds: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; pairs.len()];
        let mut all = 0.0;
        for set in 0..1u32 << pairs.len() {
            let chosen: Vec<usize> = (0..pairs.len()).filter(|i| set >> i & 1 == 1).collect();
            let mut ends: Vec<(u32, u32)> = chosen
                .iter()
                .flat_map(|i| {
                    let (a, b) = pairs[*i];
                    [(a, nodes[b as usize]), (b, nodes[a as usize])]
                })
                .collect();
            let count = ends.len();
            ends.sort_unstable();
            ends.dedup();
            if ends.len() < count {
                continue;
            }
            let weight: f64 = chosen.iter().map(|i| log_odds[*i].exp()).product();
            all += weight;
            chosen.iter().for_each(|i| sums[*i] += weight);
        }
        sums.iter().map(|sum| sum / all).collect()
    }

    #[test]
    fn exact_on_trees() {
        // records 0, 1, 2 of node 0 and 3, 4, 5 of node 1, their candidates a path
        let nodes = [0, 0, 0, 1, 1, 1];
        let pairs = [(0, 3), (1, 3), (1, 4), (2, 4), (2, 5)];
        let log_odds = [2.0, 1.0, -1.0, 3.0, 0.5];
        let found = Matching::new(&pairs, &nodes, |_| true).marginals(&log_odds);
        for (found, exact) in found.iter().zip(exact(&pairs, &nodes, &log_odds)) {
            assert!((found - exact).abs() < 2e-3, "{found} instead of {exact}");
        }
    }

    #[test]
    fn rivals_share_and_a_taken_rival_does_not_count() {
        let nodes = [0, 0, 1, 1];
        let once = |_| true;
        let alone = Matching::new(&[(0, 2)], &nodes, once).marginals(&[1.0])[0];
        let shared = Matching::new(&[(0, 2), (0, 3)], &nodes, once).marginals(&[1.0, 1.0])[0];
        let taken = Matching::new(&[(0, 2), (0, 3), (1, 3)], &nodes, once).marginals(&[1.0, 1.0, 6.0])[0];
        assert!(shared < taken && taken < alone, "{shared} {taken} {alone}");
        let many = Matching::new(&[(0, 2), (0, 3)], &nodes, |_| false).marginals(&[1.0, 1.0])[0];
        assert!((many - alone).abs() < 1e-12, "where a node lists products several times nothing is shared");
    }
}

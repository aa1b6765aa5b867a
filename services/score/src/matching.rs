//! From the odds of single pairs to probabilities under "at most one partner a node". Two candidates of one record in
//! one node cannot both be right, and a record that surely belongs elsewhere is no rival. The marginals of that model
//! (monomer-dimer: every set of pairs in which no record has two partners in a node weighs the product of its odds) by
//! belief propagation: exact where the candidates form a tree, and close to it where they do not (Bayati, Shah and
//! Sharma, IEEE Transactions on Information Theory 54, 2008).

use crate::context::Neighbourhoods;
use rayon::prelude::*;

/// Enough for the messages to settle to the third digit on every open set.
pub const ROUNDS: usize = 10;
/// Odds beyond e^±12 change no decision and would only cost digits.
const MOST: f64 = 12.0;

/// The odds of a pair as they are weighed.
pub fn weight(log_odds: f64) -> f64 {
    log_odds.clamp(-MOST, MOST).exp()
}

/// The next message of a record about one of its pairs: how probable it is that it has no other partner in the node,
/// where its other candidates there offer `others`. Damped: on cycles of candidates the messages would swing.
pub fn next_message(before: f64, others: f64) -> f64 {
    0.5 * (before + 1.0 / (1.0 + others))
}

/// Entries a thread takes at a time.
const PIECE: usize = 1 << 14;

/// The pairs that take part, seen from both ends: an entry is a pair and one of its records. Entries of one record and
/// other node stand together.
pub struct Matching {
    /// The pair of each entry.
    pair: Vec<u32>,
    /// Where the same pair stands, seen from its other record.
    twin: Vec<u32>,
    /// Per group its end among the entries, and whether the node it looks at lists a product once.
    groups: Vec<(u32, bool)>,
    /// Ends of runs of whole groups, about [`PIECE`] entries each, as (entry, group).
    pieces: Vec<(usize, usize)>,
}

impl Matching {
    /// `neighbourhoods` are those of `pairs`; `once` says of a node whether it lists a product once; where it does not, candidates there do not exclude each
    /// other.
    pub fn new(
        pairs: &[(u32, u32)],
        neighbourhoods: &Neighbourhoods,
        nodes: &[u32],
        once: impl Fn(u32) -> bool,
    ) -> Matching {
        let count = 2 * pairs.len();
        let (mut pair, mut twin) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut groups, mut pieces) = (Vec::new(), Vec::new());
        for group in neighbourhoods.groups() {
            pair.extend(group.iter().map(|entry| entry >> 1));
            twin.extend(group.iter().map(|entry| neighbourhoods.twin(*entry)));
            let (left, right) = pairs[(group[0] >> 1) as usize];
            let looked_at = if group[0] & 1 == 0 { right } else { left };
            groups.push((pair.len() as u32, once(nodes[looked_at as usize])));
            if pair.len() - pieces.last().map_or(0, |(entry, _)| *entry) >= PIECE {
                pieces.push((pair.len(), groups.len()));
            }
        }
        pieces.push((pair.len(), groups.len()));
        Matching { pair, twin, groups, pieces }
    }

    /// The probability of every pair, from its log-odds taken alone.
    pub fn marginals(&self, log_odds: &[f64]) -> Vec<f64> {
        let weight: Vec<f64> = log_odds.par_iter().map(|x| weight(*x)).collect();
        // Per entry: the probability that its record has no other partner in the node.
        let mut free = vec![1.0f64; self.pair.len()];
        let mut next = free.clone();
        for _ in 0..ROUNDS {
            self.round(&weight, &free, &mut next);
            std::mem::swap(&mut free, &mut next);
        }
        let mut odds = weight;
        for (entry, pair) in self.pair.iter().enumerate() {
            odds[*pair as usize] *= free[entry];
        }
        odds.iter().map(|odds| odds / (1.0 + odds)).collect()
    }

    fn round(&self, weight: &[f64], free: &[f64], next: &mut [f64]) {
        let mut rest = next;
        let mut from = (0, 0);
        let mut work = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let (own, behind) = rest.split_at_mut(piece.0 - from.0);
            work.push((from, &self.groups[from.1..piece.1], own));
            (rest, from) = (behind, *piece);
        }
        work.into_par_iter().for_each(|((start, _), groups, out)| {
            let mut at = start;
            for (end, once) in groups {
                let entries = at..*end as usize;
                // What each candidate of the group's record offers, as far as its other record is free.
                let offer =
                    |entry: usize| weight[self.pair[entry] as usize] * free[self.twin[entry] as usize];
                let total: f64 = entries.clone().map(offer).sum();
                for entry in entries {
                    let others = if *once { (total - offer(entry)).max(0.0) } else { 0.0 };
                    out[entry - start] = next_message(free[entry], others);
                }
                at = *end as usize;
            }
        });
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

    fn matching(pairs: &[(u32, u32)], nodes: &[u32], once: impl Fn(u32) -> bool) -> Matching {
        Matching::new(pairs, &Neighbourhoods::new(pairs.len(), |pair| pairs[pair], nodes), nodes, once)
    }

    #[test]
    fn exact_on_trees() {
        // records 0, 1, 2 of node 0 and 3, 4, 5 of node 1, their candidates a path
        let nodes = [0, 0, 0, 1, 1, 1];
        let pairs = [(0, 3), (1, 3), (1, 4), (2, 4), (2, 5)];
        let log_odds = [2.0, 1.0, -1.0, 3.0, 0.5];
        let found = matching(&pairs, &nodes, |_| true).marginals(&log_odds);
        for (found, exact) in found.iter().zip(exact(&pairs, &nodes, &log_odds)) {
            assert!((found - exact).abs() < 2e-3, "{found} instead of {exact}");
        }
    }

    #[test]
    fn rivals_share_and_a_taken_rival_does_not_count() {
        let nodes = [0, 0, 1, 1];
        let once = |_| true;
        let alone = matching(&[(0, 2)], &nodes, once).marginals(&[1.0])[0];
        let shared = matching(&[(0, 2), (0, 3)], &nodes, once).marginals(&[1.0, 1.0])[0];
        let taken = matching(&[(0, 2), (0, 3), (1, 3)], &nodes, once).marginals(&[1.0, 1.0, 6.0])[0];
        assert!(shared < taken && taken < alone, "{shared} {taken} {alone}");
        let many = matching(&[(0, 2), (0, 3)], &nodes, |_| false).marginals(&[1.0, 1.0])[0];
        assert!((many - alone).abs() < 1e-12, "where a node lists products several times nothing is shared");
    }
}

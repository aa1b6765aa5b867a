//! Along the pairs by falling confidence: what the best threshold would give. Hindsight: upper bounds, for comparing
//! rankings and not for choosing a threshold.

use super::{Answer, share};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    pub f1: f64,
    pub threshold: f64,
}

/// The highest F1 over all thresholds. Ties fall in favour: right before wrong, as in the measuring script.
pub fn best_f1(answers: &[Answer], true_pairs: usize) -> Best {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    let mut best = Best { f1: 0.0, threshold: 1.0 };
    let mut right = 0;
    for (i, (confidence, is_right)) in sorted.iter().enumerate() {
        right += usize::from(*is_right);
        let f1 = 2.0 * right as f64 / (i + 1 + true_pairs) as f64;
        if f1 > best.f1 {
            best = Best { f1, threshold: *confidence };
        }
    }
    best
}

/// A pair with its confidence; `ends` are the records' places in the order of their keys, the smaller first.
#[derive(Clone, Copy, Debug)]
pub struct RankedPair {
    pub ends: (u32, u32),
    pub nodes: (u32, u32),
    pub answer: Answer,
}

/// Best first; ties by key.
fn by_falling_confidence(pairs: &[RankedPair]) -> Vec<RankedPair> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| b.answer.0.total_cmp(&a.answer.0).then(a.ends.cmp(&b.ends)));
    sorted
}

/// The answers that a greedy unique mapping keeps: best first, each record once for every other node.
pub fn one_to_one(pairs: &[RankedPair]) -> Vec<Answer> {
    let mut taken: FxHashSet<(u32, u32)> = FxHashSet::default();
    let mut kept = Vec::new();
    for pair in by_falling_confidence(pairs) {
        let sides = [(pair.ends.0, pair.nodes.1), (pair.ends.1, pair.nodes.0)];
        if sides.iter().all(|side| !taken.contains(side)) {
            taken.extend(sides);
            kept.push(pair.answer);
        }
    }
    kept
}

/// The largest recall of a beginning of the ranking that is at least so precise.
pub fn recall_at_precision(pairs: &[RankedPair], true_pairs: usize, precision: f64) -> f64 {
    let mut right = 0;
    let mut best = 0;
    for (i, pair) in by_falling_confidence(pairs).iter().enumerate() {
        right += usize::from(pair.answer.1);
        if right as f64 / (i + 1) as f64 >= precision {
            best = right;
        }
    }
    share(best, true_pairs)
}

#[cfg(test)]
mod tests {
    use super::super::check::near;
    use super::*;

    #[test]
    fn best_threshold_by_hand() {
        // answers, true pairs → best F1, threshold
        let table: [(&[Answer], usize, f64, f64); 5] = [
            (&[], 3, 0.0, 1.0),
            (&[(0.9, false)], 3, 0.0, 1.0),
            // 1/1 of 2 → 2/3; then 2/3 precise, all found → 4/5
            (&[(0.9, true), (0.5, false), (0.4, true)], 2, 0.8, 0.4),
            // a tie counts its right one first: 2·1/(1+1)
            (&[(0.5, false), (0.5, true)], 1, 1.0, 0.5),
            // the first of equal bests is kept
            (&[(0.9, true), (0.3, false)], 1, 1.0, 0.9),
        ];
        for (answers, true_pairs, f1, threshold) in table {
            let got = best_f1(answers, true_pairs);
            near(got.f1, f1);
            near(got.threshold, threshold);
        }
    }

    fn pairs(table: &[(u32, u32, f64, bool)]) -> Vec<RankedPair> {
        // records below 10 are of node 0, those of the tens of node 1, of the twenties of node 2
        table
            .iter()
            .map(|(a, b, c, right)| RankedPair {
                ends: (*a, *b),
                nodes: (a / 10, b / 10),
                answer: (*c, *right),
            })
            .collect()
    }

    #[test]
    fn unique_mapping_by_hand() {
        let all = pairs(&[
            (1, 11, 0.9, true),
            (1, 12, 0.8, false), // 1 is taken for node 1
            (2, 11, 0.7, false), // 11 is taken for node 0
            (1, 21, 0.6, true),  // another node
            (2, 12, 0.5, true),
        ]);
        assert_eq!(one_to_one(&all), [(0.9, true), (0.6, true), (0.5, true)]);
        // a tie falls to the smaller key
        let tie = pairs(&[(1, 12, 0.5, false), (1, 11, 0.5, true)]);
        assert_eq!(one_to_one(&tie), [(0.5, true)]);
    }

    #[test]
    fn recall_at_a_precision_by_hand() {
        let all = pairs(&[(1, 11, 0.9, true), (2, 12, 0.8, true), (3, 13, 0.7, false), (4, 14, 0.6, true)]);
        for (precision, expected) in [(1.0, 0.4), (0.75, 0.6), (0.5, 0.6), (0.9, 0.4)] {
            near(recall_at_precision(&all, 5, precision), expected);
        }
        near(recall_at_precision(&pairs(&[(1, 11, 0.9, false)]), 5, 0.9), 0.0);
    }
}

//! Questions for a person. A pair in the review zone asks whether two groups are one; of all pairs between the same
//! two groups one question remains: the best pair's record of the smaller group against the larger group's master.

use crate::grouping::{Decision, Groups, Pair};
use rustc_hash::FxHashMap;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// Index into the pairs: the best one between the two groups.
    pub pair: u32,
    pub record: u32,
    /// Group index.
    pub group: u32,
    pub confidence: f64,
    /// Uncertainty (binary entropy, 0..=1) times the records whose link it settles.
    pub value: f64,
}

/// The questions, most valuable first, and the final decision of each pair: a review pair whose question was not
/// kept (a record is asked about at most `per_record` times) is rejected.
pub fn questions(
    pairs: &[Pair],
    groups: &Groups,
    rank: &[u32],
    per_record: usize,
) -> (Vec<Question>, Vec<Decision>) {
    let mut best: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    for (index, pair) in pairs.iter().enumerate() {
        if groups.decisions[index] != Decision::Review {
            continue;
        }
        let between = joined(groups, pair);
        let better = |other: u32| {
            let old = &pairs[other as usize];
            pair.confidence > old.confidence
                || (pair.confidence == old.confidence && place(pair, rank) < place(old, rank))
        };
        let kept = best.entry(between).or_insert(index as u32);
        if better(*kept) {
            *kept = index as u32;
        }
    }
    let mut out: Vec<Question> = best.into_values().map(|index| ask(index, pairs, groups, rank)).collect();
    out.sort_by(|a, b| {
        b.confidence
            .total_cmp(&a.confidence)
            .then_with(|| place(&pairs[a.pair as usize], rank).cmp(&place(&pairs[b.pair as usize], rank)))
    });
    let mut asked: FxHashMap<u32, usize> = FxHashMap::default();
    out.retain(|question| {
        let pair = &pairs[question.pair as usize];
        let (a, b) = joined(groups, pair);
        let full = [a, b]
            .iter()
            .any(|g| asked.get(g).copied().unwrap_or(0) >= per_record * groups.members[*g as usize].len());
        if !full {
            *asked.entry(a).or_default() += 1;
            *asked.entry(b).or_default() += 1;
        }
        !full
    });
    let kept: rustc_hash::FxHashSet<(u32, u32)> =
        out.iter().map(|q| joined(groups, &pairs[q.pair as usize])).collect();
    let decisions = pairs
        .iter()
        .zip(&groups.decisions)
        .map(|(pair, decision)| match decision {
            Decision::Review if !kept.contains(&joined(groups, pair)) => Decision::Reject,
            other => *other,
        })
        .collect();
    out.sort_by(|a, b| {
        b.value
            .total_cmp(&a.value)
            .then_with(|| place(&pairs[a.pair as usize], rank).cmp(&place(&pairs[b.pair as usize], rank)))
    });
    (out, decisions)
}

fn joined(groups: &Groups, pair: &Pair) -> (u32, u32) {
    let (a, b) = (groups.group_of[pair.left as usize], groups.group_of[pair.right as usize]);
    (a.min(b), a.max(b))
}

fn place(pair: &Pair, rank: &[u32]) -> (u32, u32) {
    let (a, b) = (rank[pair.left as usize], rank[pair.right as usize]);
    (a.min(b), a.max(b))
}

fn ask(index: u32, pairs: &[Pair], groups: &Groups, rank: &[u32]) -> Question {
    let pair = &pairs[index as usize];
    let size = |record: u32| groups.members[groups.group_of[record as usize] as usize].len();
    let left_is_asked = (size(pair.left), std::cmp::Reverse(rank[pair.left as usize]))
        <= (size(pair.right), std::cmp::Reverse(rank[pair.right as usize]));
    let (record, other) = if left_is_asked { (pair.left, pair.right) } else { (pair.right, pair.left) };
    let settled = (size(pair.left) * size(pair.right)) as f64;
    Question {
        pair: index,
        record,
        group: groups.group_of[other as usize],
        confidence: pair.confidence,
        value: entropy(pair.confidence) * settled,
    }
}

fn entropy(p: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    term(p) + term(1.0 - p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grouping::{Constraints, Judge, Policy, group};

    struct Never;
    impl Judge for Never {
        fn contradicts(&self, _: u32, _: u32) -> bool {
            false
        }
    }

    #[test]
    fn one_question_between_two_groups() {
        // 0 and 1 are linked; 2 is asked about against both: one question, about 2.
        let pair = |left, right, confidence| Pair { left, right, confidence, vetoed: false };
        let pairs = [pair(0, 1, 0.95), pair(0, 2, 0.5), pair(1, 2, 0.6), pair(2, 3, 0.05)];
        let rank = [0, 1, 2, 3];
        let groups = group(&[0, 1, 2, 3], &rank, &pairs, &Constraints::default(), &Policy::default(), &Never);
        let (asked, decisions) = questions(&pairs, &groups, &rank, 3);
        assert_eq!(asked.len(), 1);
        assert_eq!((asked[0].record, asked[0].group, asked[0].pair), (2, 0, 2));
        assert_eq!(decisions, [Decision::Auto, Decision::Review, Decision::Review, Decision::Reject]);
        let (none, decisions) = questions(&pairs, &groups, &rank, 0);
        assert!(none.is_empty());
        assert_eq!(decisions[1], Decision::Reject, "no decision says review without a question");
    }
}

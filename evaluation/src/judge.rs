//! Which pairs a set's truth can judge. Where the truth is partial (another barcode does not prove another product), a
//! pair that is on no list is neither right nor wrong and is left out of every figure.

use crate::sets::Judged;
use rustc_hash::FxHashSet;

pub struct Judge<'a> {
    pub truth: &'a FxHashSet<(u32, u32)>,
    hard_negatives: &'a FxHashSet<(u32, u32)>,
    judged: Judged,
    nodes: &'a [u32],
    /// (record, node) where the record's partner in that node is known.
    partners: FxHashSet<(u32, u32)>,
}

impl<'a> Judge<'a> {
    pub fn new(
        judged: Judged,
        truth: &'a FxHashSet<(u32, u32)>,
        hard_negatives: &'a FxHashSet<(u32, u32)>,
        nodes: &'a [u32],
    ) -> Self {
        let mut partners = FxHashSet::default();
        if judged == Judged::Anchored {
            for (a, b) in truth {
                partners.extend([(*a, nodes[*b as usize]), (*b, nodes[*a as usize])]);
            }
        }
        Judge { truth, hard_negatives, judged, nodes, partners }
    }

    pub fn is_true(&self, pair: (u32, u32)) -> bool {
        self.truth.contains(&pair)
    }

    /// Whether the pair is known to be the same or known to be different.
    pub fn counts(&self, pair: (u32, u32)) -> bool {
        let (a, b) = pair;
        let node = |record: u32| self.nodes[record as usize];
        self.judged == Judged::All
            || self.is_true(pair)
            || self.hard_negatives.contains(&pair)
            || self.partners.contains(&(a, node(b)))
            || self.partners.contains(&(b, node(a)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts() {
        // node 0: records 0, 1; node 1: records 2, 3; known: 0 is 2, and 1 is not 3
        let truth = FxHashSet::from_iter([(0, 2)]);
        let negatives = FxHashSet::from_iter([(1, 3)]);
        let table = [
            (Judged::All, [true, true, true, true]),
            (Judged::Labelled, [true, false, false, true]),
            (Judged::Anchored, [true, true, true, true]),
        ];
        for (judged, expected) in table {
            let judge = Judge::new(judged, &truth, &negatives, &[0, 0, 1, 1]);
            assert_eq!([(0, 2), (0, 3), (1, 2), (1, 3)].map(|p| judge.counts(p)), expected, "{judged:?}");
        }
        let none = FxHashSet::default();
        let judge = Judge::new(Judged::Anchored, &truth, &none, &[0, 0, 1, 1]);
        assert!(!judge.counts((1, 3)));
    }
}

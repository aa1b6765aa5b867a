//! Parts by product. Two records are of one product when a chain of positive pairs joins them. What is measured on a held
//! part says something about new products only where the fit saw none of its products, in any pair.
//!
//! A negative pair joins two products. It is judged in the part of its left record, so that a part has the file's own
//! share of positives; whatever touches a held product on either side is kept from the fit.

use crate::random::mix;

/// Parts of each pair's left and right product.
pub struct Split {
    left: Vec<u8>,
    right: Vec<u8>,
    parts: u8,
}

impl Split {
    /// `pairs` are (left, right) record numbers below `records`, `same` their labels. The products are dealt by seed to the
    /// part that has the fewest pairs so far.
    pub fn by_product(pairs: &[(u32, u32)], same: &[bool], records: usize, parts: u8, seed: u64) -> Split {
        let product = products(pairs, same, records);
        let mut weight = vec![0usize; records];
        pairs.iter().for_each(|(a, _)| weight[product[*a as usize] as usize] += 1);
        let mut order: Vec<u32> = (0..records as u32).filter(|r| product[*r as usize] == *r).collect();
        order.sort_by_key(|r| (mix(seed ^ mix(u64::from(*r) + 1)), *r));
        let mut load = vec![0usize; usize::from(parts)];
        let mut part = vec![0u8; records];
        for root in order {
            let lightest = (0..parts).min_by_key(|p| (load[usize::from(*p)], *p)).unwrap_or(0);
            load[usize::from(lightest)] += weight[root as usize];
            part[root as usize] = lightest;
        }
        let of = |record: u32| part[product[record as usize] as usize];
        Split {
            left: pairs.iter().map(|(a, _)| of(*a)).collect(),
            right: pairs.iter().map(|(_, b)| of(*b)).collect(),
            parts,
        }
    }

    pub fn parts(&self) -> u8 {
        self.parts
    }

    /// The pairs judged in `part`: each pair is in exactly one.
    pub fn held(&self, part: u8) -> Vec<usize> {
        (0..self.left.len()).filter(|i| self.left[*i] == part).collect()
    }

    /// What a pair labelled different must count among `chosen` pairs, so that they have the file's own share of positives:
    /// keeping products apart costs negatives, which join two products, more often than positives.
    pub fn weight_of_different(same: &[bool], chosen: &[usize]) -> f64 {
        let odds = |same: usize, of: usize| (of - same) as f64 / same as f64;
        let all = odds(same.iter().filter(|same| **same).count(), same.len());
        let here = odds(chosen.iter().filter(|i| same[**i]).count(), chosen.len());
        let weight = all / here;
        if weight.is_finite() && weight > 0.0 { weight } else { 1.0 }
    }

    /// The pairs that touch no product of `part`.
    pub fn fit(&self, part: u8) -> Vec<usize> {
        (0..self.left.len()).filter(|i| self.left[*i] != part && self.right[*i] != part).collect()
    }
}

/// Of each record the smallest record of its product.
pub fn products(pairs: &[(u32, u32)], same: &[bool], records: usize) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..records as u32).collect();
    for ((a, b), _) in pairs.iter().zip(same).filter(|(_, same)| **same) {
        let (a, b) = (root(&mut parent, *a), root(&mut parent, *b));
        parent[a.max(b) as usize] = a.min(b);
    }
    (0..records as u32).map(|record| root(&mut parent, record)).collect()
}

fn root(parent: &mut [u32], mut record: u32) -> u32 {
    while parent[record as usize] != record {
        let above = parent[parent[record as usize] as usize];
        parent[record as usize] = above;
        record = above;
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lost_negatives_are_made_up_for() {
        // one of three is the same; among the chosen one of two
        let same = [true, false, false, true, false, false];
        assert_eq!(Split::weight_of_different(&same, &[0, 1]), 2.0);
        assert_eq!(Split::weight_of_different(&same, &[0]), 1.0, "nothing to count");
    }

    #[test]
    fn chains_are_one_product() {
        let pairs = [(0, 4), (1, 4), (1, 5), (2, 6), (3, 7)];
        let same = [true, true, true, false, true];
        assert_eq!(products(&pairs, &same, 8), [0, 0, 2, 3, 0, 0, 6, 3]);
    }

    proptest! {
        #[test]
        fn no_held_product_is_fitted(
            labelled in prop::collection::vec(((0u32..30, 30u32..60), any::<bool>()), 1..80),
            seed in any::<u64>(),
        ) {
            let (pairs, same): (Vec<(u32, u32)>, Vec<bool>) = labelled.into_iter().unzip();
            let product = products(&pairs, &same, 60);
            let split = Split::by_product(&pairs, &same, 60, 4, seed);
            let mut judged = 0;
            for part in 0..4 {
                let held = split.held(part);
                judged += held.len();
                let anchors: Vec<u32> = held.iter().map(|i| product[pairs[*i].0 as usize]).collect();
                for i in split.fit(part) {
                    let (a, b) = pairs[i];
                    prop_assert!(!anchors.contains(&product[a as usize]));
                    prop_assert!(!anchors.contains(&product[b as usize]));
                }
            }
            prop_assert_eq!(judged, pairs.len());
            // The order of the pairs has no say.
            let turned: Vec<(u32, u32)> = pairs.iter().rev().copied().collect();
            let turned_same: Vec<bool> = same.iter().rev().copied().collect();
            let other = Split::by_product(&turned, &turned_same, 60, 4, seed);
            for part in 0..4 {
                let mut mirrored: Vec<usize> =
                    other.held(part).iter().map(|i| pairs.len() - 1 - i).collect();
                mirrored.sort_unstable();
                prop_assert_eq!(mirrored, split.held(part));
            }
        }
    }
}

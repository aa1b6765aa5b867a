//! B-cubed (Bagga and Baldwin, "Algorithms for scoring coreference chains", 1998): precision and recall of a grouping,
//! taken record by record, so that a wrong join of two large groups costs more than one of two single records.

use super::PrecisionRecall;
use rustc_hash::FxHashMap;

/// For a record in the group G and the true cluster T: precision |G ∩ T| / |G|, recall |G ∩ T| / |T|; the means over
/// all records. `groups` and `clusters` give each record's number.
pub fn b_cubed(groups: &[u32], clusters: &[u32]) -> PrecisionRecall {
    let mut group_size: FxHashMap<u32, usize> = FxHashMap::default();
    let mut cluster_size: FxHashMap<u32, usize> = FxHashMap::default();
    let mut both: FxHashMap<(u32, u32), usize> = FxHashMap::default();
    for (group, cluster) in groups.iter().zip(clusters) {
        *group_size.entry(*group).or_default() += 1;
        *cluster_size.entry(*cluster).or_default() += 1;
        *both.entry((*group, *cluster)).or_default() += 1;
    }
    // In the order of the records, so that the sum is the same every time.
    let (mut precision, mut recall) = (0.0, 0.0);
    for (group, cluster) in groups.iter().zip(clusters) {
        let shared = both[&(*group, *cluster)] as f64;
        precision += shared / group_size[group] as f64;
        recall += shared / cluster_size[cluster] as f64;
    }
    let records = groups.len().max(1) as f64;
    PrecisionRecall::new(precision / records, recall / records)
}

#[cfg(test)]
mod tests {
    use super::super::check::near;
    use super::*;

    #[test]
    fn by_hand() {
        // groups, clusters → precision, recall
        let table: [(&[u32], &[u32], f64, f64); 5] = [
            (&[1, 1, 2], &[7, 7, 8], 1.0, 1.0),
            // all in one group: (2/3 + 2/3 + 1/3) / 3
            (&[1, 1, 1], &[7, 7, 8], 5.0 / 9.0, 1.0),
            // all apart: recall (1/2 + 1/2 + 1) / 3
            (&[1, 2, 3], &[7, 7, 8], 1.0, 2.0 / 3.0),
            // one strayed: records of group 1 {a, b, c}, of group 2 {d}; clusters {a, b}, {c, d}
            (&[1, 1, 1, 2], &[7, 7, 8, 8], (2.0 / 3.0 + 2.0 / 3.0 + 1.0 / 3.0 + 1.0) / 4.0, 0.75),
            (&[], &[], 0.0, 0.0),
        ];
        for (groups, clusters, precision, recall) in table {
            let got = b_cubed(groups, clusters);
            near(got.precision, precision);
            near(got.recall, recall);
        }
    }
}

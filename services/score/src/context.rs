//! What a pair is among the other candidates of its two records: rank, margin to the best, share of the mass. Measured
//! on peers and prototypes, these carry more of the decision than any likeness: a true pair is usually the best of both.

use rayon::prelude::*;

/// For every record and other node, the candidate pairs between them; built once, used for every score.
pub struct Neighbourhoods {
    /// Group boundaries in `entries`.
    starts: Vec<u32>,
    /// (pair index, side) by group: side 0 groups the pair's left record, 1 its right one.
    entries: Vec<u32>,
    pairs: usize,
}

/// One score seen from both records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// 1 = best, for the left and the right record.
    pub rank: [u16; 2],
    /// Score minus the best one's; for the best itself, its lead over the second.
    pub margin: [f32; 2],
    /// Score over the sum of the group's.
    pub share: [f32; 2],
    /// Others in the group within a tenth of the best.
    pub rivals: [u16; 2],
}

impl Neighbourhoods {
    /// `pairs` are (left, right) record indices, `nodes` the node of each record.
    pub fn new(pairs: &[(u32, u32)], nodes: &[u32]) -> Neighbourhoods {
        let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(pairs.len() * 2);
        for (index, (left, right)) in pairs.iter().enumerate() {
            let key = |own: u32, other: u32| u64::from(own) << 32 | u64::from(nodes[other as usize]);
            keyed.push((key(*left, *right), (index as u32) << 1));
            keyed.push((key(*right, *left), (index as u32) << 1 | 1));
        }
        keyed.par_sort_unstable();
        let mut starts = vec![0];
        starts.extend((1..keyed.len()).filter(|i| keyed[*i].0 != keyed[*i - 1].0).map(|i| i as u32));
        if !keyed.is_empty() {
            starts.push(keyed.len() as u32);
        }
        Neighbourhoods { starts, entries: keyed.into_iter().map(|(_, e)| e).collect(), pairs: pairs.len() }
    }

    /// Per record and other node, its pairs as (pair index) * 2 + side.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|bounds| &self.entries[bounds[0] as usize..bounds[1] as usize])
    }

    /// The standing of every pair under `score`. Equal scores share the better rank, so order of input never matters.
    pub fn standings(&self, score: &[f32]) -> Vec<Standing> {
        let mut out = vec![Standing::default(); self.pairs];
        let mut order: Vec<u32> = Vec::new();
        for group in self.groups() {
            order.clear();
            order.extend_from_slice(group);
            let of = |entry: u32| score[(entry >> 1) as usize];
            order.sort_unstable_by(|a, b| of(*b).total_cmp(&of(*a)));
            let best = of(order[0]);
            let second = order.get(1).map(|e| of(*e)).unwrap_or(0.0);
            let sum: f32 = order.iter().map(|e| of(*e).max(0.0)).sum();
            let close = best - 0.1 * best.abs();
            let rivals = order.iter().filter(|e| of(**e) >= close).count().saturating_sub(1) as u16;
            let mut rank = 0;
            for (place, entry) in order.iter().enumerate() {
                let value = of(*entry);
                if place == 0 || value < of(order[place - 1]) {
                    rank = place as u16 + 1;
                }
                let side = (entry & 1) as usize;
                let standing = &mut out[(entry >> 1) as usize];
                standing.rank[side] = rank;
                standing.margin[side] = if rank == 1 { best - second } else { value - best };
                standing.share[side] = value.max(0.0) / sum.max(1e-6);
                standing.rivals[side] = rivals;
            }
        }
        out
    }
}

fn sorted(values: [f32; 2]) -> (f32, f32) {
    (values[0].min(values[1]), values[0].max(values[1]))
}

/// Fills the [`crate::features::CONTEXT`] features.
pub fn fill(combined: &Standing, cosine: &Standing, text: &Standing, out: &mut [f32]) {
    let rank = |s: &Standing| sorted(s.rank.map(|r| f32::from(r.min(12))));
    let (best, worst) = rank(combined);
    let (margin_min, margin_max) = sorted(combined.margin);
    let (cosine_min, cosine_max) = sorted(cosine.margin);
    let (text_min, text_max) = sorted(text.margin);
    out.copy_from_slice(&[
        best,
        worst,
        f32::from(worst == 1.0),
        margin_min,
        margin_max,
        cosine_min,
        cosine_max,
        text_min,
        text_max,
        rank(cosine).0,
        rank(text).0,
        f32::from(combined.rivals[0].max(combined.rivals[1]).min(10)),
    ]);
}

/// Fills the [`crate::features::SECOND`] features from the first stage's log-odds and standing, or the
/// [`crate::features::THIRD`] ones from the second's.
pub fn fill_stage(logit: f32, standing: &Standing, out: &mut [f32]) {
    let (margin_min, margin_max) = sorted(standing.margin);
    let (share_min, share_max) = sorted(standing.share);
    let worst = f32::from(standing.rank[0].max(standing.rank[1]).min(12));
    out.copy_from_slice(&[logit.clamp(-14.0, 14.0), worst, margin_min, margin_max, share_min, share_max]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_margins_and_ties() {
        // records 0 and 1 of node 0, records 2 and 3 of node 1
        let pairs = [(0, 2), (0, 3), (1, 2)];
        let standings = Neighbourhoods::new(&pairs, &[0, 0, 1, 1]).standings(&[0.9, 0.4, 0.9]);
        assert_eq!(standings[0].rank, [1, 1]);
        assert_eq!(standings[1].rank, [2, 1]);
        assert_eq!(standings[2].rank, [1, 1], "a tie shares the better rank");
        assert!((standings[0].margin[0] - 0.5).abs() < 1e-6);
        assert_eq!(standings[0].margin[1], 0.0);
        assert!((standings[1].margin[0] + 0.5).abs() < 1e-6);
        assert!((standings[0].share[1] - 0.5).abs() < 1e-6);
    }
}

//! What a pair is among the other candidates of its two records: rank, margin to the best, share of the mass. Measured
//! on peers and prototypes, these carry more of the decision than any likeness: a true pair is usually the best of both.

use rayon::prelude::*;

/// For every record and other node, the candidate pairs between them; built once, used for every score.
pub struct Neighbourhoods {
    /// Group boundaries in `entries`; one more than there are groups.
    starts: Vec<u32>,
    /// (pair index) * 2 + side, by group: side 0 groups the pair's left record, 1 its right one.
    entries: Vec<u32>,
    /// Where each pair stands in `entries`, seen from its left and its right record.
    places: Vec<[u32; 2]>,
    /// Bounds of runs of whole groups, about [`PIECE`] entries each, as groups.
    pieces: Vec<u32>,
}

/// Entries a thread takes at a time.
const PIECE: usize = 1 << 14;

/// One score seen from both records of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// 1 = best, for the left and the right record; 255 and beyond are one.
    pub rank: [u8; 2],
    /// Score minus the best one's; for the best itself, its lead over the second.
    pub margin: [f32; 2],
    /// Score over the sum of the group's.
    pub share: [f32; 2],
    /// Others in the group within a tenth of the best.
    pub rivals: [u8; 2],
}

/// The same from one of them, in as little memory as a million names ask for: six bytes, and three of a [`Lead`], since
/// numbers in bytes need no alignment. The share goes in steps of [`SHARE_STEP`].
#[derive(Clone, Copy, Default)]
struct Place {
    lead: Lead,
    rivals: u8,
    share: [u8; 2],
}

#[derive(Clone, Copy, Default)]
struct Lead {
    margin: [u8; 2],
    rank: u8,
}

impl Lead {
    /// In steps of [`MARGIN_STEP`].
    fn margin(self) -> f32 {
        f32::from(i16::from_ne_bytes(self.margin)) * MARGIN_STEP
    }
}

const MARGIN_STEP: f32 = 1.0 / 16_000.0;
const SHARE_STEP: f32 = 1.0 / 65_000.0;

/// The standings of all pairs under one score; read with the [`Neighbourhoods`] they are of.
pub struct Standings {
    /// One an entry.
    seen: Vec<Place>,
}

/// Rank and margin of all pairs under one score; share and rivals are 0.
pub struct Leads {
    seen: Vec<Lead>,
}

impl Leads {
    pub fn of(&self, around: &Neighbourhoods, pair: usize) -> Standing {
        let leads = around.places[pair].map(|place| self.seen[place as usize]);
        Standing { rank: leads.map(|lead| lead.rank), margin: leads.map(Lead::margin), ..Standing::default() }
    }
}

impl Standings {
    pub fn of(&self, around: &Neighbourhoods, pair: usize) -> Standing {
        let [a, b] = around.places[pair].map(|place| self.seen[place as usize]);
        Standing {
            rank: [a.lead.rank, b.lead.rank],
            margin: [a.lead.margin(), b.lead.margin()],
            share: [a.share, b.share].map(|s| f32::from(u16::from_ne_bytes(s)) * SHARE_STEP),
            rivals: [a.rivals, b.rivals],
        }
    }
}

impl Neighbourhoods {
    /// `ends` are the (left, right) record indices of each of `count` pairs, `nodes` the node of each record.
    pub fn new(count: usize, ends: impl Fn(usize) -> (u32, u32), nodes: &[u32]) -> Neighbourhoods {
        // Entries by record, pairs ascending; then each record's by the other's node.
        let mut next = vec![0u32; nodes.len() + 1];
        for (left, right) in (0..count).map(&ends) {
            next[left as usize + 1] += 1;
            next[right as usize + 1] += 1;
        }
        for record in 0..nodes.len() {
            next[record + 1] += next[record];
        }
        let mut entries = vec![0u32; 2 * count];
        for (index, (left, right)) in (0..count).map(&ends).enumerate() {
            for (side, own) in [(0, left), (1, right)] {
                let place = &mut next[own as usize];
                entries[*place as usize] = (index as u32) << 1 | side;
                *place += 1;
            }
        }
        let other_node = |entry: u32| {
            let (left, right) = ends((entry >> 1) as usize);
            nodes[if entry & 1 == 0 { right } else { left } as usize]
        };
        // By now `next` holds the end of each record's entries.
        let mut starts = Vec::new();
        let mut keyed = Vec::new();
        let mut from = 0;
        for end in &next[..nodes.len()] {
            let own = &mut entries[from..*end as usize];
            keyed.clear();
            keyed.extend(own.iter().map(|entry| (other_node(*entry), *entry)));
            keyed.sort_unstable();
            for (at, (node, entry)) in keyed.iter().enumerate() {
                own[at] = *entry;
                if at == 0 || keyed[at - 1].0 != *node {
                    starts.push((from + at) as u32);
                }
            }
            from = *end as usize;
        }
        starts.push(entries.len() as u32);
        let mut places = vec![[0u32; 2]; count];
        for (place, entry) in entries.iter().enumerate() {
            places[(entry >> 1) as usize][(entry & 1) as usize] = place as u32;
        }
        let mut pieces = vec![0];
        for group in 1..starts.len() {
            let begun = starts[*pieces.last().unwrap_or(&0) as usize];
            if group + 1 == starts.len() || (starts[group] - begun) as usize >= PIECE {
                pieces.push(group as u32);
            }
        }
        Neighbourhoods { starts, entries, places, pieces }
    }

    /// Per record and other node, its pairs as (pair index) * 2 + side.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|bounds| &self.entries[bounds[0] as usize..bounds[1] as usize])
    }

    /// Where an entry's pair stands in the order of [`Neighbourhoods::groups`], seen from its other record.
    pub(crate) fn twin(&self, entry: u32) -> u32 {
        self.places[(entry >> 1) as usize][1 - (entry & 1) as usize]
    }

    /// The standing of every pair under `score`. Equal scores share the better rank, so order of input never matters.
    pub fn standings(&self, score: impl Fn(usize) -> f32 + Sync) -> Standings {
        Standings { seen: self.seen(score, |place| place) }
    }

    /// The part of [`Neighbourhoods::standings`] that takes the least room.
    pub fn leads(&self, score: impl Fn(usize) -> f32 + Sync) -> Leads {
        Leads { seen: self.seen(score, |place| place.lead) }
    }

    /// One an entry.
    fn seen<T: Clone + Default + Send>(
        &self,
        score: impl Fn(usize) -> f32 + Sync,
        part: impl Fn(Place) -> T + Sync,
    ) -> Vec<T> {
        let mut seen = vec![T::default(); self.entries.len()];
        let mut rest = seen.as_mut_slice();
        let mut work = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces.windows(2) {
            let groups = &self.starts[piece[0] as usize..=piece[1] as usize];
            let (own, behind) = rest.split_at_mut((groups[groups.len() - 1] - groups[0]) as usize);
            work.push((groups, own));
            rest = behind;
        }
        work.into_par_iter().for_each_init(Vec::new, |order: &mut Vec<(f32, u32)>, (groups, out)| {
            for bounds in groups.windows(2) {
                let place = |at: u32| (at - groups[0]) as usize;
                order.clear();
                order.extend(
                    (bounds[0]..bounds[1]).map(|at| (score((self.entries[at as usize] >> 1) as usize), at)),
                );
                order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                rank(order, |at, found| out[place(at)] = part(found));
            }
        });
        seen
    }
}

/// The places of one group's entries, its scores best first.
fn rank(order: &[(f32, u32)], mut put: impl FnMut(u32, Place)) {
    let best = order[0].0;
    let second = order.get(1).map_or(0.0, |(score, _)| *score);
    let sum: f32 = order.iter().map(|(score, _)| score.max(0.0)).sum();
    let close = best - 0.1 * best.abs();
    let rivals = order.iter().filter(|(score, _)| *score >= close).count().saturating_sub(1).min(255) as u8;
    let mut rank = 0;
    for (place, (value, at)) in order.iter().enumerate() {
        if place == 0 || *value < order[place - 1].0 {
            rank = place + 1;
        }
        let margin = if rank == 1 { best - second } else { value - best };
        let share = value.max(0.0) / sum.max(1e-6);
        // Casts of floats saturate.
        put(
            *at,
            Place {
                lead: Lead {
                    margin: ((margin / MARGIN_STEP).round() as i16).to_ne_bytes(),
                    rank: rank.min(255) as u8,
                },
                rivals,
                share: ((share / SHARE_STEP).round() as u16).to_ne_bytes(),
            },
        );
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
        let around = Neighbourhoods::new(pairs.len(), |pair| pairs[pair], &[0, 0, 1, 1]);
        let standings = around.standings(|pair| [0.9, 0.4, 0.9][pair]);
        let of: Vec<Standing> = (0..3).map(|pair| standings.of(&around, pair)).collect();
        assert_eq!(of[0].rank, [1, 1]);
        assert_eq!(of[1].rank, [2, 1]);
        assert_eq!(of[2].rank, [1, 1], "a tie shares the better rank");
        assert!((of[0].margin[0] - 0.5).abs() < MARGIN_STEP);
        assert_eq!(of[0].margin[1], 0.0);
        assert!((of[1].margin[0] + 0.5).abs() < MARGIN_STEP);
        assert!((of[0].share[1] - 0.5).abs() < SHARE_STEP);
    }

    #[test]
    fn pieces_hold_every_group() {
        // a thousand records, each with the same hundred of the other node: more entries than one piece takes
        let nodes: Vec<u32> = (0..1100).map(|record| u32::from(record >= 1000)).collect();
        let ends = |pair: usize| (pair as u32 / 100, 1000 + pair as u32 % 100);
        let around = Neighbourhoods::new(100_000, ends, &nodes);
        assert!(around.pieces.len() > 3);
        assert_eq!(around.groups().map(<[u32]>::len).sum::<usize>(), 200_000);
        let standings = around.standings(|pair| pair as f32);
        assert_eq!(
            standings.of(&around, 99_999).rank,
            [1, 1],
            "the last pair is the best of both its records"
        );
        assert_eq!(standings.of(&around, 0).rank, [100, 255]);
        assert_eq!(Neighbourhoods::new(0, ends, &nodes).standings(|_| 0.0).seen.len(), 0);
    }
}

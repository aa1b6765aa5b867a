//! The k best of many scored rows; ties fall to the lower row, so that the outcome does not hang on the order of arrival.

use std::cmp::Ordering;

/// A row and its score; the better first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub score: f32,
    pub row: u32,
}

impl Scored {
    pub fn order(&self, other: &Scored) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

/// Collects many rows and keeps the `k` best, by cutting a larger buffer now and then.
pub(crate) struct Top {
    k: usize,
    kept: Vec<Scored>,
    /// Scores below it cannot be among the best any more.
    floor: f32,
}

impl Top {
    pub fn new(k: usize) -> Top {
        Top { k, kept: Vec::with_capacity(k * 4), floor: f32::NEG_INFINITY }
    }

    #[inline]
    pub fn offer(&mut self, score: f32, row: u32) {
        if score >= self.floor {
            self.kept.push(Scored { score, row });
            if self.kept.len() >= self.k * 4 {
                self.shrink();
            }
        }
    }

    #[cold]
    fn shrink(&mut self) {
        if self.kept.len() > self.k {
            self.kept.select_nth_unstable_by(self.k - 1, Scored::order);
            self.kept.truncate(self.k);
            self.floor = self.kept[self.k - 1].score;
        }
    }

    /// The best, in order; empty for the next use.
    pub fn take(&mut self) -> Vec<Scored> {
        self.shrink();
        self.floor = f32::NEG_INFINITY;
        let mut best: Vec<Scored> = self.kept.drain(..).collect();
        best.sort_unstable_by(Scored::order);
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_best_whatever_the_order() {
        let rows: Vec<Scored> =
            (0..500u32).map(|row| Scored { score: (row * 7919 % 50) as f32, row }).collect();
        let mut expected = rows.clone();
        expected.sort_unstable_by(Scored::order);
        expected.truncate(10);
        for step in [1, 3, 7, 499] {
            let mut top = Top::new(10);
            (0..500).map(|i| rows[i * step % 500]).for_each(|s| top.offer(s.score, s.row));
            assert_eq!(top.take(), expected, "step {step}");
            assert!(top.take().is_empty());
        }
    }
}

//! Gradient-boosted trees for the log loss, on histograms, grown leaf by leaf: Friedman, "Greedy function approximation",
//! Annals of Statistics 29 (2001); second-order gains as in Chen and Guestrin, KDD 2016; best-first growth as in Ke et
//! al., NIPS 2017. Same rows, labels and seed: same trees, whatever the number of threads, since every sum runs over the
//! rows in their order.

use crate::random::Random;
use ndarray::ArrayView2;
use rayon::prelude::*;
use score::model::Tree;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub trees: usize,
    /// What a tree's answer is multiplied by.
    pub rate: f64,
    pub leaves: usize,
    /// Fewer rows are no leaf.
    pub least_rows: usize,
    /// Added to the sum of second derivatives: keeps small leaves small.
    pub ridge: f64,
    /// Share of the rows, of the columns, that a tree sees.
    pub rows: f64,
    pub columns: f64,
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            trees: 400,
            rate: 0.04,
            leaves: 7,
            least_rows: 25,
            ridge: 2.0,
            rows: 0.8,
            columns: 0.3,
            seed: 1,
        }
    }
}

/// Most bins a column; one more bin holds what is not a number.
const BINS: usize = 96;
/// Steps beyond this are no better for the log loss and may run away on pure leaves.
const MOST_STEP: f64 = 4.0;

/// A column cut into bins: bin b holds the values up to `edges[b]`, the last one the rest.
struct Column {
    edges: Vec<f32>,
    bins: Vec<u8>,
}

impl Column {
    fn of(values: Vec<f32>) -> Column {
        let mut sorted: Vec<f32> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let mut edges: Vec<f32> = Vec::new();
        for bin in 1..BINS {
            let at = bin * sorted.len() / BINS;
            if at == 0 || sorted.is_empty() {
                continue;
            }
            // An edge in the middle between two different neighbours at or after the quantile.
            let below = sorted[at - 1];
            let above = sorted[at..].iter().copied().find(|v| *v > below);
            if let Some(above) = above {
                let middle = below + (above - below) / 2.0;
                let edge = if middle < above { middle } else { below };
                if edges.last().is_none_or(|last| edge > *last) {
                    edges.push(edge);
                }
            }
        }
        let bin = |v: &f32| if v.is_nan() { edges.len() } else { edges.partition_point(|edge| edge < v) };
        let bins = values.iter().map(|v| bin(v) as u8).collect();
        Column { edges, bins }
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    curvature: f64,
    rows: u32,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.rows += other.rows;
    }

    fn less(self, other: Sums) -> Sums {
        Sums {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    /// How much better a leaf with its best answer is than none.
    fn score(&self, ridge: f64) -> f64 {
        self.gradient * self.gradient / (self.curvature + ridge)
    }
}

#[derive(Clone, Copy)]
struct Cut {
    gain: f64,
    column: usize,
    bin: usize,
}

/// A leaf that may still be split.
struct Open {
    rows: Vec<u32>,
    sums: Sums,
    cut: Option<Cut>,
    /// The node above and whether this is its left child; `None` at the root.
    above: Option<(usize, bool)>,
}

/// Trees that, added to `start`, bring the log loss of `same` down. `weight` counts a row more or less.
pub fn boost(
    x: ArrayView2<'_, f32>,
    same: &[bool],
    weight: &[f64],
    start: &[f64],
    settings: &Settings,
) -> Vec<Tree> {
    let columns: Vec<Column> =
        (0..x.ncols()).into_par_iter().map(|c| Column::of(x.column(c).to_vec())).collect();
    let useful: Vec<usize> = (0..columns.len()).filter(|c| !columns[*c].edges.is_empty()).collect();
    let mut random = Random::new(settings.seed);
    let mut log_odds = start.to_vec();
    let mut trees = Vec::with_capacity(settings.trees);
    let share = |of: usize, part: f64| ((of as f64 * part).ceil() as usize).clamp(1.min(of), of);
    for _ in 0..settings.trees {
        let slopes: Vec<(f64, f64)> = log_odds
            .iter()
            .zip(same)
            .zip(weight)
            .map(|((x, same), weight)| {
                let p = score::model::probability(*x);
                let target = f64::from(u8::from(*same));
                (weight * (p - target), weight * p * (1.0 - p))
            })
            .collect();
        let rows = random.sample(x.nrows(), share(x.nrows(), settings.rows));
        let chosen: Vec<usize> = random
            .sample(useful.len(), share(useful.len(), settings.columns))
            .into_iter()
            .map(|i| useful[i])
            .collect();
        let rows = rows.into_iter().map(|r| r as u32).collect();
        let tree = grow(&columns, &chosen, &slopes, rows, settings);
        for (row, log_odds) in log_odds.iter_mut().enumerate() {
            *log_odds += f64::from(tree.value(x.row(row)));
        }
        trees.push(tree);
    }
    trees
}

fn grow(
    columns: &[Column],
    chosen: &[usize],
    slopes: &[(f64, f64)],
    rows: Vec<u32>,
    settings: &Settings,
) -> Tree {
    let mut tree = Tree {
        feature: Vec::new(),
        threshold: Vec::new(),
        left: Vec::new(),
        right: Vec::new(),
        value: Vec::new(),
    };
    let open = |rows: Vec<u32>, above| {
        let mut sums = Sums::default();
        for row in &rows {
            let (gradient, curvature) = slopes[*row as usize];
            sums.add(Sums { gradient, curvature, rows: 1 });
        }
        let cut = best_cut(columns, chosen, slopes, &rows, sums, settings);
        Open { rows, sums, cut, above }
    };
    let mut leaves = vec![open(rows, None)];
    while leaves.len() < settings.leaves {
        // The first of equal gains: leaves stand in the order in which they were made.
        let best = (0..leaves.len())
            .filter_map(|i| leaves[i].cut.map(|cut| (i, cut)))
            .reduce(|a, b| if b.1.gain > a.1.gain { b } else { a });
        let Some((at, cut)) = best else { break };
        let leaf = leaves.remove(at);
        let node = tree.feature.len();
        if let Some((above, is_left)) = leaf.above {
            let child = if is_left { &mut tree.left[above] } else { &mut tree.right[above] };
            *child = node as i32;
        }
        let column = &columns[cut.column];
        tree.feature.push(cut.column as u16);
        tree.threshold.push(column.edges[cut.bin]);
        tree.left.push(-1);
        tree.right.push(-1);
        let (yes, no): (Vec<u32>, Vec<u32>) =
            leaf.rows.iter().partition(|row| usize::from(column.bins[**row as usize]) <= cut.bin);
        leaves.push(open(yes, Some((node, true))));
        leaves.push(open(no, Some((node, false))));
    }
    for leaf in leaves {
        let step = -leaf.sums.gradient / (leaf.sums.curvature + settings.ridge);
        if let Some((above, is_left)) = leaf.above {
            let child = if is_left { &mut tree.left[above] } else { &mut tree.right[above] };
            *child = !(tree.value.len() as i32);
        }
        tree.value.push((settings.rate * step.clamp(-MOST_STEP, MOST_STEP)) as f32);
    }
    tree
}

fn best_cut(
    columns: &[Column],
    chosen: &[usize],
    slopes: &[(f64, f64)],
    rows: &[u32],
    all: Sums,
    settings: &Settings,
) -> Option<Cut> {
    if rows.len() < 2 * settings.least_rows.max(1) {
        return None;
    }
    let before = all.score(settings.ridge);
    let cuts: Vec<Option<Cut>> = chosen
        .par_iter()
        .map(|c| {
            let column = &columns[*c];
            let mut bins = [Sums::default(); BINS + 1];
            for row in rows {
                let (gradient, curvature) = slopes[*row as usize];
                bins[usize::from(column.bins[*row as usize])].add(Sums { gradient, curvature, rows: 1 });
            }
            let mut left = Sums::default();
            let mut best: Option<Cut> = None;
            for (bin, sums) in bins[..column.edges.len()].iter().enumerate() {
                left.add(*sums);
                let right = all.less(left);
                if (left.rows.min(right.rows) as usize) < settings.least_rows.max(1) {
                    continue;
                }
                let gain = left.score(settings.ridge) + right.score(settings.ridge) - before;
                if gain > 1e-9 && best.is_none_or(|best| gain > best.gain) {
                    best = Some(Cut { gain, column: *c, bin });
                }
            }
            best
        })
        .collect();
    cuts.into_iter().flatten().reduce(|a, b| if b.gain > a.gain { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Two columns that matter together (same sign: true) and one of noise.
    fn squares(rows: usize, seed: u64) -> (Array2<f32>, Vec<bool>) {
        let mut random = Random::new(seed);
        let mut number = || random.below(2001) as f32 / 1000.0 - 1.0;
        let x = Array2::from_shape_fn((rows, 3), |_| number());
        let same = x.outer_iter().map(|row| row[0] * row[1] > 0.0).collect();
        (x, same)
    }

    fn log_odds(trees: &[Tree], x: &Array2<f32>) -> Vec<f64> {
        x.outer_iter().map(|row| trees.iter().map(|t| f64::from(t.value(row))).sum()).collect()
    }

    #[test]
    fn learns_what_no_single_column_says() {
        let (x, same) = squares(800, 1);
        let settings = Settings { trees: 80, rate: 0.2, columns: 1.0, ..Settings::default() };
        let trees = boost(x.view(), &same, &vec![1.0; 800], &vec![0.0; 800], &settings);
        let (fresh, truth) = squares(1000, 2);
        let right =
            log_odds(&trees, &fresh).iter().zip(&truth).filter(|(x, same)| (**x > 0.0) == **same).count();
        assert!(right > 930, "{right} of 1000");
    }

    #[test]
    fn same_trees_for_any_number_of_threads() {
        let (x, same) = squares(400, 3);
        let settings = Settings { trees: 10, ..Settings::default() };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| boost(x.view(), &same, &vec![1.0; 400], &vec![0.0; 400], &settings))
        };
        assert_eq!(with(1), with(2));
    }

    #[test]
    fn nothing_to_learn_from_is_no_error() {
        let settings = Settings { trees: 3, ..Settings::default() };
        let x = Array2::<f32>::zeros((30, 2));
        let same: Vec<bool> = (0..30).map(|i| i % 2 == 0).collect();
        let trees = boost(x.view(), &same, &[1.0; 30], &[0.0; 30], &settings);
        assert!(trees.iter().all(|t| t.feature.is_empty() && t.value.len() == 1));
        assert_eq!(boost(x.slice(ndarray::s![..0, ..]), &[], &[], &[], &settings).len(), 3);
    }

    #[test]
    fn bins_hold_what_their_edges_say() {
        let column = Column::of(vec![3.0, 1.0, 1.0, 2.0, f32::NAN]);
        assert_eq!(column.edges, [1.5, 2.5]);
        assert_eq!(column.bins, [2, 0, 0, 1, 2]);
    }
}

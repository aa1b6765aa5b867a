//! Quantised vectors in groups around centroids.

use crate::top::Scored;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, s};
use rayon::prelude::*;

/// Rows a centroid learns from.
const SAMPLE_PER_CENTROID: usize = 20;
const ROUNDS: usize = 5;
/// Rows multiplied at a time: keeps the scores of a tile within the second-level cache.
pub(crate) const TILE: usize = 512;

pub(crate) struct VectorIndex {
    pub dim: usize,
    /// Row-major codes: component = code × scale of the row.
    codes: Vec<i8>,
    scales: Vec<f32>,
    centroids: Array2<f32>,
    /// Group → its rows, ascending.
    pub groups: Vec<Vec<u32>>,
    /// Row → its `probes` nearest groups, nearest first.
    nearest: Vec<u16>,
    pub probes: usize,
}

impl VectorIndex {
    /// `vectors` by the caller's numbers, `record` the caller's number of each row.
    pub fn build(vectors: ArrayView2<f32>, record: &[u32], probes: usize, exact_rows: usize) -> VectorIndex {
        let (rows, dim) = (record.len(), vectors.ncols());
        let mut codes = vec![0i8; rows * dim];
        let mut scales = vec![0f32; rows];
        codes.par_chunks_mut(dim.max(1)).zip(&mut scales).zip(record).for_each(
            |((codes, scale), &record)| {
                *scale = quantise(vectors.row(record as usize), codes);
            },
        );
        let mut index = VectorIndex {
            dim,
            codes,
            scales,
            centroids: Array2::zeros((1, dim)),
            groups: vec![(0..rows as u32).collect()],
            nearest: vec![0; rows],
            probes: 1,
        };
        if rows > exact_rows {
            index.centroids = index.train(group_count(rows));
            index.probes = probes.clamp(1, index.centroids.nrows());
            index.assign();
        }
        index
    }

    /// Spherical k-means on an even sample. Rows are sorted by name, so equal steps give a fair and repeatable sample.
    fn train(&self, count: usize) -> Array2<f32> {
        let rows = self.scales.len();
        let sampled = (count * SAMPLE_PER_CENTROID).min(rows);
        let sample: Vec<u32> = (0..sampled).map(|at| (at * rows / sampled) as u32).collect();
        let mut centroids = Array2::zeros((count, self.dim));
        for (at, mut centroid) in centroids.rows_mut().into_iter().enumerate() {
            self.restore(sample[at * sampled / count], centroid.view_mut());
        }
        for _ in 0..ROUNDS {
            let nearest = self.nearest_groups(&sample, &centroids, 1);
            let mut sums = Array2::<f32>::zeros(centroids.raw_dim());
            let mut row_vector = Array2::<f32>::zeros((1, self.dim));
            for (&row, &group) in sample.iter().zip(&nearest) {
                self.restore(row, row_vector.row_mut(0));
                let mut sum = sums.row_mut(usize::from(group));
                sum += &row_vector.row(0);
            }
            for (mut centroid, sum) in centroids.rows_mut().into_iter().zip(sums.rows()) {
                let length = sum.dot(&sum).sqrt();
                // a centroid that nobody is near to stays where it is
                if length > 1e-6 {
                    centroid.assign(&(&sum / length));
                }
            }
        }
        centroids
    }

    fn assign(&mut self) {
        let rows: Vec<u32> = (0..self.scales.len() as u32).collect();
        self.nearest = self.nearest_groups(&rows, &self.centroids, self.probes);
        self.groups = vec![Vec::new(); self.centroids.nrows()];
        for &row in &rows {
            self.groups[usize::from(self.nearest[row as usize * self.probes])].push(row);
        }
    }

    /// For each row the numbers of the `count` nearest centroids, nearest first, one row after the other.
    fn nearest_groups(&self, rows: &[u32], centroids: &Array2<f32>, count: usize) -> Vec<u16> {
        let tiles: Vec<Vec<u16>> = rows
            .par_chunks(TILE / 2)
            .map(|rows| nearest_of(self.restored(rows).view(), centroids, count))
            .collect();
        tiles.concat()
    }

    /// Adds a row at the end. Centroids stay as they are.
    pub fn push(&mut self, vector: ArrayView1<f32>) {
        let row = self.scales.len() as u32;
        let start = self.codes.len();
        self.codes.resize(start + self.dim, 0);
        let scale = quantise(vector, &mut self.codes[start..]);
        self.scales.push(scale);
        let nearest = match self.groups.len() {
            1 => vec![0; self.probes],
            _ => self.nearest_of_vector(self.restored(&[row]).view()),
        };
        self.groups[usize::from(nearest[0])].push(row);
        self.nearest.extend(nearest);
    }

    /// A row as a query.
    pub fn row(&self, row: u32) -> Quantised {
        Quantised { codes: self.codes_of(row).to_vec(), scale: self.scales[row as usize] }
    }

    /// Every row of the groups, with its cosine.
    pub fn each_of(&self, query: &Quantised, groups: &[u16], mut on: impl FnMut(u32, f32)) {
        for &group in groups {
            self.groups[usize::from(group)].iter().for_each(|&row| on(row, self.cosine_with(query, row)));
        }
    }

    pub fn nearest_of_row(&self, row: u32) -> &[u16] {
        &self.nearest[row as usize * self.probes..][..self.probes]
    }

    /// The same for a vector that is not a row of the index.
    pub fn nearest_of_vector(&self, vector: ArrayView2<f32>) -> Vec<u16> {
        nearest_of(vector, &self.centroids, self.probes)
    }

    /// Rows as floats.
    pub fn restored(&self, rows: &[u32]) -> Array2<f32> {
        let mut restored = Array2::zeros((rows.len(), self.dim));
        self.restore_into(rows, &mut restored);
        restored
    }

    /// Fills the first rows of `into`, which may be larger.
    pub fn restore_into(&self, rows: &[u32], into: &mut Array2<f32>) {
        for (&row, target) in rows.iter().zip(into.rows_mut()) {
            self.restore(row, target);
        }
    }

    fn restore(&self, row: u32, mut into: ArrayViewMut1<f32>) {
        let scale = self.scales[row as usize];
        let codes = self.codes_of(row);
        into.iter_mut().zip(codes).for_each(|(to, &code)| *to = f32::from(code) * scale);
    }

    /// Symmetric to the last bit: the sum is one of integers.
    pub fn cosine(&self, a: u32, b: u32) -> f32 {
        dot(self.codes_of(a), self.codes_of(b)) as f32 * (self.scales[a as usize] * self.scales[b as usize])
    }

    pub fn cosine_with(&self, query: &Quantised, row: u32) -> f32 {
        dot(&query.codes, self.codes_of(row)) as f32 * (query.scale * self.scales[row as usize])
    }

    fn codes_of(&self, row: u32) -> &[i8] {
        &self.codes[row as usize * self.dim..][..self.dim]
    }
}

/// A vector of eight bits a number, as those of the index are.
pub(crate) struct Quantised {
    codes: Vec<i8>,
    scale: f32,
}

impl Quantised {
    pub fn new(vector: ArrayView1<f32>) -> Quantised {
        let mut codes = vec![0; vector.len()];
        let scale = quantise(vector, &mut codes);
        Quantised { codes, scale }
    }

    /// As floats, in one row.
    pub fn restored(&self) -> Array2<f32> {
        Array2::from_shape_fn((1, self.codes.len()), |(_, at)| f32::from(self.codes[at]) * self.scale)
    }
}

/// Writes codes -127..=127 and returns the scale that turns them back.
fn quantise(vector: ArrayView1<f32>, codes: &mut [i8]) -> f32 {
    let largest = vector.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        codes.fill(0);
        return 0.0;
    }
    codes.iter_mut().zip(vector).for_each(|(code, &x)| *code = (x / largest * 127.0).round() as i8);
    // so that the restored row has length 1 again, which removes most of the error of quantisation
    1.0 / (dot(codes, codes) as f32).sqrt() * vector.dot(&vector).sqrt()
}

/// Plain loops over fixed chunks, which the compiler turns into vector instructions.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    let (a_chunks, b_chunks) = (a.chunks_exact(32), b.chunks_exact(32));
    let rest: i32 = (a_chunks.remainder().iter().zip(b_chunks.remainder()))
        .map(|(&x, &y)| i32::from(x) * i32::from(y))
        .sum();
    let whole: i32 = a_chunks
        .zip(b_chunks)
        .map(|(a, b)| a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum::<i32>())
        .sum();
    whole + rest
}

fn nearest_of(vectors: ArrayView2<f32>, centroids: &Array2<f32>, count: usize) -> Vec<u16> {
    let mut scores = Array2::<f32>::zeros((vectors.nrows(), centroids.nrows()));
    general_mat_mul(1.0, &vectors, &centroids.t(), 0.0, &mut scores);
    let mut nearest = Vec::with_capacity(vectors.nrows() * count);
    let mut ranked: Vec<Scored> = Vec::with_capacity(centroids.nrows());
    for scores in scores.rows() {
        ranked.clear();
        ranked.extend(scores.iter().zip(0u32..).map(|(&score, row)| Scored { score, row }));
        if count < ranked.len() {
            ranked.select_nth_unstable_by(count - 1, Scored::order);
            ranked.truncate(count);
        }
        ranked.sort_unstable_by(Scored::order);
        nearest.extend(ranked.iter().map(|found| found.row as u16));
    }
    nearest
}

/// About twice the square root of the rows, as a power of two.
fn group_count(rows: usize) -> usize {
    let wanted = 2.0 * (rows as f64).sqrt();
    (wanted as usize).next_power_of_two().clamp(64, usize::from(u16::MAX) / 2)
}

/// `queries × tileᵀ` into the top left of `scores`.
pub(crate) fn multiply(queries: ArrayView2<f32>, tile: ArrayView2<f32>, scores: &mut Array2<f32>) {
    let mut scores = scores.slice_mut(s![..queries.nrows(), ..tile.nrows()]);
    general_mat_mul(1.0, &queries, &tile.t(), 0.0, &mut scores);
}

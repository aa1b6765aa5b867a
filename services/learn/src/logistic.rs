//! Logistic regression with a ridge on the weights, by Newton's method: for a handful of columns. Standardised inside, so
//! that the ridge means the same for every column.

use ndarray::ArrayView2;

/// log-odds = bias + weights · x
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub weights: Vec<f64>,
    pub bias: f64,
}

impl Line {
    pub fn log_odds(&self, row: impl IntoIterator<Item = f64>) -> f64 {
        self.bias + self.weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
    }
}

const STEPS: usize = 50;

/// Minimises log loss + ridge/2 · |weights|² over the rows, of which those that are not the same count `different` each.
pub fn fit(x: ArrayView2<'_, f64>, same: &[bool], different: f64, ridge: f64) -> Line {
    let (rows, width) = x.dim();
    let count = rows.max(1) as f64;
    let mean: Vec<f64> = x.columns().into_iter().map(|c| c.sum() / count).collect();
    let scale: Vec<f64> = x
        .columns()
        .into_iter()
        .zip(&mean)
        .map(|(c, mean)| (c.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-9))
        .collect();
    let size = width + 1;
    let row = |i: usize| -> Vec<f64> {
        let values =
            x.row(i).iter().zip(&mean).zip(&scale).map(|((v, m), s)| (v - m) / s).collect::<Vec<_>>();
        values.into_iter().chain([1.0]).collect()
    };
    let table: Vec<Vec<f64>> = (0..rows).map(row).collect();
    let weight = |same: bool| if same { 1.0 } else { different };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let loss = |w: &[f64]| -> f64 {
        let data: f64 = table
            .iter()
            .zip(same)
            .map(|(row, same)| {
                let z = if *same { -dot(row, w) } else { dot(row, w) };
                weight(*same) * (z.max(0.0) + (-z.abs()).exp().ln_1p())
            })
            .sum();
        data + 0.5 * ridge * w[..width].iter().map(|w| w * w).sum::<f64>()
    };
    let mut weights = vec![0.0; size];
    let mut best = loss(&weights);
    for _ in 0..STEPS {
        let mut gradient = vec![0.0; size];
        let mut hessian = vec![vec![0.0; size]; size];
        for (row, same) in table.iter().zip(same) {
            let p = score::model::probability(dot(row, &weights));
            let weight = weight(*same);
            let (error, curvature) = (weight * (p - f64::from(u8::from(*same))), weight * p * (1.0 - p));
            for i in 0..size {
                gradient[i] += error * row[i];
                for j in 0..=i {
                    hessian[i][j] += curvature * row[i] * row[j];
                }
            }
        }
        for i in 0..size {
            let own = if i < width { ridge } else { 0.0 };
            gradient[i] += own * weights[i];
            // A grain on the diagonal keeps separable data solvable.
            hessian[i][i] += own + 1e-6;
        }
        let step = solve(hessian, gradient);
        // Halved until it helps: a full Newton step may overshoot far from the optimum.
        let mut factor = 1.0;
        let moved = loop {
            let tried: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w - factor * s).collect();
            let loss = loss(&tried);
            if loss < best {
                break Some((tried, loss));
            }
            factor *= 0.5;
            if factor < 1e-6 {
                break None;
            }
        };
        let Some((tried, loss)) = moved else { break };
        let gained = best - loss;
        (weights, best) = (tried, loss);
        if gained < 1e-9 * (1.0 + best.abs()) {
            break;
        }
    }
    let bias = weights[width] - (0..width).map(|i| weights[i] * mean[i] / scale[i]).sum::<f64>();
    Line { weights: (0..width).map(|i| weights[i] / scale[i]).collect(), bias }
}

/// A symmetric positive definite system, given by its lower triangle: Cholesky.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for j in 0..n {
        for k in 0..j {
            for i in j..n {
                a[i][j] -= a[i][k] * a[j][k];
            }
        }
        let pivot = a[j][j].max(1e-12).sqrt();
        for row in a.iter_mut().skip(j) {
            row[j] /= pivot;
        }
    }
    for i in 0..n {
        for k in 0..i {
            b[i] -= a[i][k] * b[k];
        }
        b[i] /= a[i][i];
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            b[i] -= a[k][i] * b[k];
        }
        b[i] /= a[i][i];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_share_without_columns() {
        let x = Array2::<f64>::zeros((4, 0));
        let line = fit(x.view(), &[true, true, true, false], 1.0, 0.0);
        assert!((line.bias - 3.0f64.ln()).abs() < 1e-5, "{line:?}");
        let weighted = fit(x.view(), &[true, true, true, false], 3.0, 0.0);
        assert!(weighted.bias.abs() < 1e-5, "{weighted:?}");
    }

    #[test]
    fn two_groups_by_hand() {
        // at 0 one of four is true, at 1 three of four: log-odds -ln 3 and ln 3
        let x = Array2::from_shape_fn((8, 1), |(i, _)| f64::from(u8::from(i >= 4)));
        let same = [true, false, false, false, true, true, true, false];
        let line = fit(x.view(), &same, 1.0, 0.0);
        assert!((line.log_odds([0.0]) + 3.0f64.ln()).abs() < 1e-4, "{line:?}");
        assert!((line.log_odds([1.0]) - 3.0f64.ln()).abs() < 1e-4, "{line:?}");
    }

    #[test]
    fn separable_data_stay_finite() {
        let x = Array2::from_shape_fn((6, 2), |(i, j)| (i * (j + 1)) as f64);
        let line = fit(x.view(), &[false, false, false, true, true, true], 1.0, 1.0);
        assert!(line.weights.iter().all(|w| w.is_finite()) && line.bias.is_finite());
        assert!(line.log_odds([0.0, 0.0]) < 0.0 && line.log_odds([5.0, 10.0]) > 0.0);
    }
}

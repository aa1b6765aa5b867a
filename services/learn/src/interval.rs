//! The exact ("Clopper–Pearson") interval of a share: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial
//! limits illustrated in the case of the binomial", Biometrika 26 (1934). Its ends are quantiles of beta
//! distributions, found here by bisection on the regularised incomplete beta function.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// The two-sided interval at `level` (0.95) of the share behind `right` of `of`; nothing seen, nothing known: 0 to 1.
pub fn clopper_pearson(right: usize, of: usize, level: f64) -> Interval {
    let tail = (1.0 - level) / 2.0;
    let wrong = of - right;
    let low = if right == 0 { 0.0 } else { beta_quantile(tail, right as f64, wrong as f64 + 1.0) };
    let high = if wrong == 0 { 1.0 } else { beta_quantile(1.0 - tail, right as f64 + 1.0, wrong as f64) };
    Interval { low, high }
}

fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // Each step gains a bit; a double has 53.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if incomplete_beta(middle, a, b) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function I_x(a, b) for a, b >= 1: the continued fraction of DLMF 8.17.22 (converging
/// fast below the mean), the symmetry 8.17.4 above it.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let ln_front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    ln_front.exp() / a * fraction(x, a, b)
}

/// 1 / (1 + d₁ / (1 + d₂ / (1 + …))) by the modified Lentz method (DLMF 3.10(iii)), two terms a turn.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for turn in 1..10_000 {
        let m = f64::from(turn);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + numerator * d);
            c = away_from_zero(1.0 + numerator / c);
            change = c * d;
            value *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// ln Γ(x), x >= 1: Stirling's series (DLMF 5.11.1) after moving up to where four terms are exact to 1e-15.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut moved) = (x, 0.0);
    while x < 20.0 {
        moved += x.ln();
        x += 1.0;
    }
    let i = 1.0 / x;
    let series = i * (1.0 / 12.0 - i * i * (1.0 / 360.0 - i * i * (1.0 / 1260.0 - i * i / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64, by: f64) {
        assert!((got - expected).abs() < by, "{got} is not {expected}");
    }

    #[test]
    fn gamma_by_factorials() {
        for (x, expected) in [(1.0, 0.0), (2.0, 0.0), (5.0, 24.0f64.ln()), (11.0, 3_628_800.0f64.ln())] {
            near(ln_gamma(x), expected, 1e-12);
        }
    }

    #[test]
    fn beta_by_closed_forms() {
        for x in [0.01, 0.3, 0.5, 0.77, 0.999] {
            near(incomplete_beta(x, 1.0, 1.0), x, 1e-13);
            near(incomplete_beta(x, 3.0, 1.0), x.powi(3), 1e-13);
            near(incomplete_beta(x, 1.0, 4.0), 1.0 - (1.0f64 - x).powi(4), 1e-13);
            // I_x(2, 2) = 3x² - 2x³
            near(incomplete_beta(x, 2.0, 2.0), 3.0 * x * x - 2.0 * x.powi(3), 1e-13);
        }
    }

    #[test]
    fn known_intervals() {
        // right, of, level → low, high: closed forms where all or none are right, else the binomial tails below
        let table = [
            (0, 0, 0.95, 0.0, 1.0),
            (0, 10, 0.95, 0.0, 1.0 - 0.025f64.powf(0.1)),
            (10, 10, 0.95, 0.025f64.powf(0.1), 1.0),
            // "59 audited links without an error prove 95 %": one-sided 95 % is two-sided 90 %
            (59, 59, 0.90, 0.05f64.powf(1.0 / 59.0), 1.0),
            (5, 10, 0.95, 0.187_086, 0.812_914),
        ];
        for (right, of, level, low, high) in table {
            let got = clopper_pearson(right, of, level);
            near(got.low, low, 1e-6);
            near(got.high, high, 1e-6);
        }
    }

    /// The definition itself: at the low end so many or more right ones have the probability of the tail.
    #[test]
    fn ends_leave_the_tails() {
        for (right, of) in [(1usize, 7usize), (93, 95), (480, 500), (20, 3000)] {
            let got = clopper_pearson(right, of, 0.95);
            near(binomial(of, right..=of, got.low), 0.025, 1e-9);
            near(binomial(of, 0..=right, got.high), 0.025, 1e-9);
        }
    }

    fn binomial(of: usize, range: std::ops::RangeInclusive<usize>, p: f64) -> f64 {
        let ln_choose =
            |k: usize| ln_gamma(of as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((of - k) as f64 + 1.0);
        range.map(|k| (ln_choose(k) + k as f64 * p.ln() + (of - k) as f64 * (-p).ln_1p()).exp()).sum()
    }
}

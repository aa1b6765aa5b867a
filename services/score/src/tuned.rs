//! What training on a user's own labels adds to a scorer: readers of pairs fitted to those labels, each with its
//! calibrator, and what was promised and tested about the result. Optional parts of the scorer's JSON.

use crate::features;
use crate::model::{Calibration, Stage, probability};
use crate::texts::TEXTS;
use domain::LocalSku;
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

/// What a pair is among all pairs of its file after the third stage: its answer, its standing, and the answer of the
/// one-to-one matching.
pub const FOURTH: [&str; 7] = [
    "third_logit",
    "third_rank_worst",
    "third_margin_min",
    "third_margin_max",
    "third_share_min",
    "third_share_max",
    "matched_logit",
];

/// What [`Tuned::in_file`] reads, in order.
pub fn names() -> Vec<&'static str> {
    let stages = features::SECOND.iter().chain(&features::THIRD).chain(&features::CONSENSUS);
    features::PAIR
        .iter()
        .chain(&features::CONTEXT)
        .chain(stages)
        .chain(&FOURTH)
        .chain(&TEXTS)
        .copied()
        .collect()
}

/// Readers of given pairs, in place of `pair_only`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// What `in_file` reads, in order; checked against this build's.
    pub features: Vec<String>,
    /// Reads a pair among all names of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_file: Option<Reader>,
    /// `in_file` needs at least so many records on each side, the known ones included: among fewer, ranks and margins mean
    /// something else than they did in training.
    pub least_records: usize,
    /// The records of the labelled pairs, of nodes `left` and `right`: pairs are read among these and their own file's, so
    /// that a short file has rivals too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<LocalSku>,
    /// Reads a pair by itself.
    pub alone: Reader,
}

/// Features to a calibrated confidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reader {
    pub stage: Stage,
    pub calibrator: Calibrator,
}

impl Reader {
    pub fn confidence(&self, row: ArrayView1<'_, f32>) -> f64 {
        probability(self.calibrator.log_odds(f64::from(self.stage.log_odds(row))))
    }
}

/// Log-odds to calibrated log-odds; strictly rising, so that it changes no order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calibrator {
    /// Two numbers (Platt 1999): for small samples.
    Platt(Calibration),
    /// `a ln p - b ln(1-p) + c`, both ends bent on their own (Kull, Silva Filho, Flach, AISTATS 2017): for middling ones.
    Beta { a: f64, b: f64, c: f64 },
    /// Straight lines between the blocks of an isotonic regression (Zadrozny, Elkan, KDD 2002): for large ones.
    Isotonic { from: Vec<f64>, to: Vec<f64> },
}

/// Beyond its outermost blocks the isotonic form rises this slowly: enough to keep the order, too little to claim more.
const BEYOND: f64 = 0.05;

impl Calibrator {
    pub const NONE: Calibrator = Calibrator::Platt(Calibration::NONE);

    pub fn log_odds(&self, raw: f64) -> f64 {
        match self {
            Calibrator::Platt(line) => line.log_odds(raw),
            Calibrator::Beta { a, b, c } => {
                let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
                b * softplus(raw) - a * softplus(-raw) + c
            }
            Calibrator::Isotonic { from, to } => {
                let after = from.partition_point(|x| *x <= raw);
                let (Some(first), Some(last)) = (from.first(), from.last()) else { return raw };
                if after == 0 {
                    to[0] + BEYOND * (raw - first)
                } else if after == from.len() {
                    to[after - 1] + BEYOND * (raw - last)
                } else {
                    let part = (raw - from[after - 1]) / (from[after] - from[after - 1]);
                    to[after - 1] + part * (to[after] - to[after - 1])
                }
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let sound = match self {
            Calibrator::Platt(line) => {
                line.slope > 0.0 && line.slope.is_finite() && line.intercept.is_finite()
            }
            Calibrator::Beta { a, b, c } => {
                *a >= 0.0 && *b >= 0.0 && a + b > 0.0 && [a, b, c].into_iter().all(|v| v.is_finite())
            }
            Calibrator::Isotonic { from, to } => {
                let rises = |v: &[f64]| v.windows(2).all(|w| w[0] < w[1]) && v.iter().all(|x| x.is_finite());
                !from.is_empty() && from.len() == to.len() && rises(from) && rises(to)
            }
        };
        if sound { Ok(()) } else { Err("its calibrator does not rise".to_owned()) }
    }
}

/// What was claimed for the pairs above a cut and tested on labels that no part of the scorer was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The precision asked for, and with what certainty.
    pub target: f64,
    pub level: f64,
    /// The loosest confidence from which on the target was proved; `None`: nowhere, so the machine links nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<f64>,
    /// Labelled pairs in all; at or above the cut (where none holds: the one that came nearest); the wrong ones of these.
    pub pairs: usize,
    pub above: usize,
    pub wrong: usize,
    /// The precision proved there.
    pub at_least: f64,
    /// Further labels at or above the cut that would prove `tighter`, if as many of them are wrong as so far; `None` where
    /// no number would.
    pub tighter: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<usize>,
    /// The reliability diagram on the same pairs, those of hardly any confidence left out.
    pub reliability: Vec<Point>,
    /// File names and how the pairs were chosen, for the report.
    pub measured_on: String,
}

/// A bin of the reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub pairs: usize,
    pub right: usize,
    pub mean_confidence: f64,
    /// 95 % interval of the share that is right.
    pub low: f64,
    pub high: f64,
}

impl Tuned {
    /// What `alone` reads: the pair features and the shipped model's log-odds.
    pub const ALONE: usize = features::PAIR.len() + 1;

    pub(crate) fn check(&self) -> Result<(), String> {
        let reader = |reader: &Reader, width: usize| {
            reader.stage.check(width).and_then(|()| reader.calibrator.check())
        };
        reader(&self.alone, Self::ALONE).map_err(|what| format!("tuned reader alone: {what}"))?;
        let expected = names();
        if self.in_file.is_some() && self.features != expected {
            return Err("its tuned reader was made for other features; run `tongpin train` again".to_owned());
        }
        match &self.in_file {
            Some(in_file) => {
                reader(in_file, self.features.len()).map_err(|what| format!("tuned reader in_file: {what}"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_made_for_other_features_is_refused() {
        let reader = |width: usize| Reader {
            stage: Stage::Logistic {
                gate: None,
                mean: vec![0.0; width],
                scale: vec![1.0; width],
                clip: 5.0,
                weights: vec![0.0; width],
                bias: 0.0,
            },
            calibrator: Calibrator::NONE,
        };
        let features: Vec<String> = names().into_iter().map(str::to_owned).collect();
        let sound = Tuned {
            in_file: Some(reader(features.len())),
            features,
            least_records: 100,
            known: Vec::new(),
            alone: reader(Tuned::ALONE),
        };
        sound.check().expect("sound");
        let mut other = sound.clone();
        other.features[3] = "likeness".to_owned();
        assert!(other.check().expect_err("another feature").contains("tongpin train"));
        let short = Tuned { alone: reader(3), ..sound };
        assert!(short.check().is_err());
    }

    #[test]
    fn calibrators_rise_and_know_their_shape() {
        let forms = [
            Calibrator::Platt(Calibration { slope: 0.5, intercept: 1.0 }),
            Calibrator::Beta { a: 0.7, b: 1.4, c: -0.3 },
            Calibrator::Isotonic { from: vec![-2.0, 0.0, 3.0], to: vec![-4.0, -1.0, 2.0] },
        ];
        for form in forms {
            form.check().expect("sound");
            let along: Vec<f64> = (-40..=40).map(|x| form.log_odds(f64::from(x) / 4.0)).collect();
            assert!(along.windows(2).all(|w| w[0] < w[1]), "{form:?}");
        }
        // a = b = 1, c = 0 is no change
        let same = Calibrator::Beta { a: 1.0, b: 1.0, c: 0.0 };
        assert!((same.log_odds(1.3) - 1.3).abs() < 1e-12);
        let between = Calibrator::Isotonic { from: vec![0.0, 2.0], to: vec![1.0, 2.0] };
        assert_eq!(between.log_odds(1.0), 1.5);
        for broken in [
            Calibrator::Platt(Calibration { slope: -1.0, intercept: 0.0 }),
            Calibrator::Beta { a: 0.0, b: 0.0, c: 1.0 },
            Calibrator::Isotonic { from: vec![0.0, 1.0], to: vec![1.0, 1.0] },
        ] {
            assert!(broken.check().is_err(), "{broken:?}");
        }
    }
}

//! A trained scorer: three stages and a calibrator, and a one-stage variant for pairs that come without candidates
//! around them. Made by `models/scorer/train.py`; plain JSON so that a person can read what weighs how much.

use crate::adapt::Bounds;
use crate::features;
use crate::tuned::{Promise, Tuned};
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use thiserror::Error;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Model {
    /// Names the training run; goes into every summary.
    pub version: String,
    /// What the stages read, in order; checked against this build's features when the model is opened.
    pub features: Vec<String>,
    pub first: Stage,
    pub second: Stage,
    pub third: Stage,
    /// The third stage's log-odds to those of a pair taken alone: what [`crate::matching`] reads.
    pub calibration: Calibration,
    /// The matching's log-odds to those of the confidence.
    pub posterior: Calibration,
    /// What is added to that where the prior was moved far.
    #[serde(default)]
    pub overlap: Overlap,
    /// Reads the pair features alone.
    pub pair_only: Stage,
    pub pair_only_calibration: Calibration,
    /// Share of true pairs among the best links that `calibration` stands for: where prior-shift adaptation starts.
    pub prior: f64,
    pub adaptation: Bounds,
    /// Fitted to a user's labels, in place of `pair_only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// What was tested on a user's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
}

/// Turns features into a log-odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stage {
    /// Standardised, clipped, weighted sum: each weight can be read off. With a gate, the features are followed by
    /// their products with the feature `gate`, so that they weigh otherwise where it is 1 (across scripts, say).
    Logistic {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<u16>,
        mean: Vec<f32>,
        scale: Vec<f32>,
        clip: f32,
        weights: Vec<f32>,
        bias: f32,
    },
    /// Boosted trees as flat arrays; a sum of logistic and trees when both are given.
    Boosted { trees: Vec<Tree>, bias: f32, base: Option<Box<Stage>> },
}

/// A binary tree. Node i asks `feature[i] <= threshold[i]`: yes goes to `left[i]`, no to `right[i]`; a negative child
/// c is the leaf `value[!c]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    pub feature: Vec<u16>,
    pub threshold: Vec<f32>,
    pub left: Vec<i32>,
    pub right: Vec<i32>,
    pub value: Vec<f32>,
}

/// Log-odds to calibrated log-odds: a·x + b (Platt 1999), after which the probability is the logistic of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub slope: f64,
    pub intercept: f64,
}

/// Where nearly every record finds its partner, more of what is claimed is right than the prior of the data alone would say: the
/// wrong candidates have better ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// The shift of the prior (log-odds) from which on it counts.
    pub from: f64,
    /// Log-odds added for each unit beyond it.
    pub slope: f64,
}

impl Overlap {
    /// Log-odds to add under this shift of the prior.
    pub fn bonus(&self, prior_shift: f64) -> f64 {
        self.slope * (prior_shift - self.from).max(0.0)
    }

    fn is_valid(&self) -> bool {
        self.from.is_finite() && self.slope.is_finite() && self.slope >= 0.0
    }
}

#[derive(Debug, Error)]
pub enum ModelError {
    #[error("the scorer is not valid JSON ({0}); take it anew from the project's models folder")]
    Syntax(#[from] serde_json::Error),
    #[error(
        "the scorer `{version}` was trained on other features than this build computes (first difference: {first}); \
         retrain it with models/scorer/train.py or take the scorer of this version"
    )]
    Features { version: String, first: String },
    #[error("the scorer `{version}` is damaged: {what}")]
    Shape { version: String, what: String },
}

impl Model {
    /// Knows nothing: every pair is as likely as not. Training starts from it, since candidates and features need
    /// no weights.
    pub fn blank() -> Model {
        let stage = |width: usize| Stage::Logistic {
            gate: None,
            mean: vec![0.0; width],
            scale: vec![1.0; width],
            clip: 5.0,
            weights: vec![0.0; width],
            bias: 0.0,
        };
        let width = features::PAIR.len() + features::CONTEXT.len();
        Model {
            version: "blank".to_owned(),
            features: features::names().into_iter().map(str::to_owned).collect(),
            first: stage(width),
            second: stage(width + features::SECOND.len()),
            third: stage(width + features::SECOND.len() + features::THIRD.len() + features::CONSENSUS.len()),
            calibration: Calibration::NONE,
            posterior: Calibration::NONE,
            overlap: Overlap::default(),
            pair_only: stage(features::PAIR.len()),
            pair_only_calibration: Calibration::NONE,
            prior: 0.5,
            adaptation: Bounds::default(),
            tuned: None,
            promise: None,
        }
    }

    pub fn from_json(text: &str) -> Result<Model, ModelError> {
        let model: Model = serde_json::from_str(text)?;
        let expected = features::names();
        if let Some(first) = first_difference(&model.features, &expected) {
            return Err(ModelError::Features { version: model.version, first });
        }
        let positive = |c: &Calibration| c.slope > 0.0 && c.slope.is_finite() && c.intercept.is_finite();
        let calibrations = [&model.calibration, &model.posterior, &model.pair_only_calibration];
        if !calibrations.into_iter().all(positive) || !model.overlap.is_valid() {
            let what = "a calibration's slope is not positive, or a number of it not finite".to_owned();
            return Err(ModelError::Shape { version: model.version, what });
        }
        let total = expected.len();
        let second = total + features::SECOND.len();
        for (name, stage, width) in [
            ("first", &model.first, total),
            ("second", &model.second, second),
            ("third", &model.third, second + features::THIRD.len() + features::CONSENSUS.len()),
            ("pair_only", &model.pair_only, features::PAIR.len()),
        ] {
            stage.check(width).map_err(|what| ModelError::Shape {
                version: model.version.clone(),
                what: format!("stage {name}: {what}"),
            })?;
        }
        if let Some(Err(what)) = model.tuned.as_ref().map(Tuned::check) {
            return Err(ModelError::Shape { version: model.version, what });
        }
        Ok(model)
    }
}

fn first_difference(given: &[String], expected: &[&str]) -> Option<String> {
    if given.len() != expected.len() {
        return Some(format!("{} features instead of {}", given.len(), expected.len()));
    }
    given.iter().zip(expected).find(|(g, e)| g != *e).map(|(g, e)| format!("`{g}` instead of `{e}`"))
}

impl Stage {
    pub(crate) fn check(&self, width: usize) -> Result<(), String> {
        match self {
            Stage::Logistic { gate, mean, scale, weights, clip, bias } => {
                if gate.is_some_and(|gate| usize::from(gate) >= width) {
                    return Err("the gate is no feature".into());
                }
                let width = if gate.is_some() { 2 * width } else { width };
                let lengths = [mean.len(), scale.len(), weights.len()];
                if lengths != [width; 3] {
                    return Err(format!("vectors of {lengths:?} instead of {width}"));
                }
                let finite = mean.iter().chain(scale).chain(weights).all(|v| v.is_finite());
                if !finite || !clip.is_finite() || !bias.is_finite() || scale.iter().any(|s| *s <= 0.0) {
                    return Err("a number is not finite or a scale not positive".into());
                }
                Ok(())
            }
            Stage::Boosted { trees, base, .. } => {
                for tree in trees {
                    tree.check(width)?;
                }
                base.as_ref().map_or(Ok(()), |base| base.check(width))
            }
        }
    }

    pub fn log_odds(&self, features: ArrayView1<'_, f32>) -> f32 {
        match self {
            Stage::Logistic { gate, mean, scale, clip, weights, bias } => {
                let width = features.len();
                let row = features.to_slice().map_or_else(|| Cow::Owned(features.to_vec()), Cow::Borrowed);
                let sum = |from: usize, factor: f32| {
                    let own = from..from + width;
                    weighted_sum(
                        &row,
                        [&mean[own.clone()], &scale[own.clone()], &weights[own]],
                        *clip,
                        factor,
                    )
                };
                let gated = gate.map_or(0.0, |gate| sum(width, features[usize::from(gate)]));
                bias + sum(0, 1.0) + gated
            }
            Stage::Boosted { trees, bias, base } => {
                let from_base = base.as_ref().map_or(0.0, |base| base.log_odds(features));
                let row = features.to_slice().map_or_else(|| Cow::Owned(features.to_vec()), Cow::Borrowed);
                trees.chunks(LANES).fold(bias + from_base, |sum, some| add_values(sum, some, &row))
            }
        }
    }

    /// What each feature adds to the log-odds, for explanations; exact for the logistic form, empty for trees.
    pub fn contributions(&self, features: ArrayView1<'_, f32>) -> Vec<f32> {
        match self {
            Stage::Logistic { gate, mean, scale, clip, weights, .. } => {
                let term = |i: usize, x: f32| ((x - mean[i]) / scale[i]).clamp(-clip, *clip) * weights[i];
                let factor = gate.map(|gate| features[usize::from(gate)]);
                let gated = |i: usize, x: f32| factor.map_or(0.0, |f| term(features.len() + i, x * f));
                features.iter().enumerate().map(|(i, x)| term(i, *x) + gated(i, *x)).collect()
            }
            Stage::Boosted { base, .. } => base.as_ref().map_or(Vec::new(), |b| b.contributions(features)),
        }
    }
}

/// The sum of ((x · factor − mean) / scale, clipped) · weight. Over eight lanes: additions that need not wait for each
/// other let the compiler compute the terms side by side.
fn weighted_sum(row: &[f32], [mean, scale, weights]: [&[f32]; 3], clip: f32, factor: f32) -> f32 {
    let term = |x: f32, m: f32, s: f32, w: f32| ((x * factor - m) / s).max(-clip).min(clip) * w;
    let mut sums = [0.0f32; LANES];
    let whole = row.len() / LANES * LANES;
    for from in (0..whole).step_by(LANES) {
        let of = |values: &[f32]| -> [f32; LANES] {
            let mut out = [0.0; LANES];
            out.copy_from_slice(&values[from..from + LANES]);
            out
        };
        let (x, m, s, w) = (of(row), of(mean), of(scale), of(weights));
        for lane in 0..LANES {
            sums[lane] += term(x[lane], m[lane], s[lane], w[lane]);
        }
    }
    let rest = (whole..row.len()).map(|i| term(row[i], mean[i], scale[i], weights[i]));
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

const LANES: usize = 8;

impl Tree {
    fn check(&self, width: usize) -> Result<(), String> {
        let n = self.feature.len();
        if [self.threshold.len(), self.left.len(), self.right.len()] != [n; 3] || self.value.is_empty() {
            return Err("a tree's arrays differ in length".into());
        }
        // A child points further down or to a leaf, so that every walk ends.
        let child_ok = |i: usize, c: i32| {
            if c < 0 { ((!c) as usize) < self.value.len() } else { c as usize > i && (c as usize) < n }
        };
        for i in 0..n {
            if usize::from(self.feature[i]) >= width
                || !child_ok(i, self.left[i])
                || !child_ok(i, self.right[i])
            {
                return Err(format!("a tree's node {i} points nowhere"));
            }
        }
        Ok(())
    }

    pub fn value(&self, features: ArrayView1<'_, f32>) -> f32 {
        let row = features.to_slice().map_or_else(|| Cow::Owned(features.to_vec()), Cow::Borrowed);
        add_values(0.0, std::slice::from_ref(self), &row)
    }

    /// The child of node `at` that a row goes on to.
    fn next(&self, at: i32, row: &[f32]) -> i32 {
        let i = at as usize;
        let yes = row[usize::from(self.feature[i])] <= self.threshold[i];
        if yes { self.left[i] } else { self.right[i] }
    }
}

/// Adds what up to [`LANES`] trees say, in their order. They are walked down side by side: a step of one need not wait
/// for a step of another.
fn add_values(sum: f32, trees: &[Tree], row: &[f32]) -> f32 {
    let mut at = [-1i32; LANES];
    for (at, tree) in at.iter_mut().zip(trees) {
        // A tree without nodes is its first leaf.
        *at = if tree.feature.is_empty() { -1 } else { 0 };
    }
    while at.iter().any(|at| *at >= 0) {
        for (at, tree) in at.iter_mut().zip(trees) {
            if *at >= 0 {
                *at = tree.next(*at, row);
            }
        }
    }
    trees.iter().zip(at).fold(sum, |sum, (tree, leaf)| sum + tree.value[(!leaf) as usize])
}

impl Calibration {
    pub const NONE: Calibration = Calibration { slope: 1.0, intercept: 0.0 };

    pub fn log_odds(&self, raw: f64) -> f64 {
        self.slope * raw + self.intercept
    }
}

pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// The inverse of [`probability`]; `probability` must lie strictly between 0 and 1.
pub fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn stages_sum_what_they_say() {
        let stage = Stage::Logistic {
            gate: None,
            mean: vec![1.0, 0.0],
            scale: vec![2.0, 1.0],
            clip: 5.0,
            weights: vec![1.0, -1.0],
            bias: 0.5,
        };
        let x = array![3.0, 100.0];
        assert_eq!(stage.log_odds(x.view()), 0.5 + 1.0 - 5.0);
        assert_eq!(stage.contributions(x.view()), vec![1.0, -5.0]);
        let tree = Tree {
            feature: vec![0, 1],
            threshold: vec![2.0, 50.0],
            left: vec![-1, -2],
            right: vec![1, -3],
            value: vec![1.0, 2.0, 3.0],
        };
        let boosted = Stage::Boosted { trees: vec![tree], bias: 0.0, base: Some(Box::new(stage)) };
        assert_eq!(boosted.log_odds(x.view()), -3.5 + 3.0);
    }

    #[test]
    fn a_gate_switches_its_weights_on() {
        let stage = Stage::Logistic {
            gate: Some(1),
            mean: vec![0.0; 4],
            scale: vec![1.0; 4],
            clip: 5.0,
            weights: vec![1.0, 0.0, 10.0, 0.0],
            bias: 0.0,
        };
        assert_eq!(stage.log_odds(array![2.0, 0.0].view()), 2.0);
        assert_eq!(stage.log_odds(array![2.0, 1.0].view()), 22.0);
        assert_eq!(stage.contributions(array![2.0, 1.0].view()), vec![22.0, 0.0]);
    }

    #[test]
    fn damaged_trees_are_refused() {
        let endless =
            Tree { feature: vec![0], threshold: vec![0.0], left: vec![0], right: vec![-1], value: vec![0.0] };
        assert!(endless.check(3).is_err());
    }
}

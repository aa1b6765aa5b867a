//! Fitting the scorer to a user's labelled pairs: [`Engine::tune`] (readers and calibrators) and [`Engine::calibrate`]
//! (calibrators alone), each with what could be promised on labels that the fit did not see.

use crate::evidence;
use crate::pairwise::{ReadPairs, known};
use crate::{Engine, EngineError, Progress};
use domain::LocalSku;
use learn::boost::Settings;
use learn::bound::{self, Search, Tested};
use learn::reliability::{Answer, bins};
use learn::split::Split;
use learn::{Figures, Fitted, Labelled, calibrate};
use rustc_hash::FxHashSet;
use score::model::{Model, Stage};
use score::tuned::{self, Calibrator, Point, Promise, Reader, Tuned};
use sha2::{Digest, Sha256};

/// Pairs with what people say of them.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    pub pairs: Vec<(LocalSku, LocalSku)>,
    pub same: Vec<bool>,
    /// Where they come from, for the model's card and the report.
    pub source: String,
}

impl Labels {
    /// By what the pairs say, so that the order of the rows has no say in a model.
    fn in_order(&self) -> Labels {
        let key = |i: &usize| {
            let (left, right) = &self.pairs[*i];
            (evidence::content("left", left), evidence::content("right", right), self.same[*i])
        };
        let mut order: Vec<usize> = (0..self.pairs.len()).collect();
        order.sort_by_cached_key(key);
        self.part(&order)
    }

    fn part(&self, chosen: &[usize]) -> Labels {
        Labels {
            pairs: chosen.iter().map(|i| self.pairs[*i].clone()).collect(),
            same: chosen.iter().map(|i| self.same[*i]).collect(),
            source: self.source.clone(),
        }
    }

    /// How often a pair is labelled both ways; the labels must be in order.
    fn conflicting(&self) -> usize {
        let says = |(left, right): &(LocalSku, LocalSku)| {
            (evidence::content("left", left), evidence::content("right", right))
        };
        let neighbours = self.pairs.windows(2).zip(self.same.windows(2));
        neighbours.filter(|(pairs, same)| same[0] != same[1] && says(&pairs[0]) == says(&pairs[1])).count()
    }
}

#[derive(Clone, Debug)]
pub struct TuneOptions {
    /// The precision that the auto zone shall have, and with what certainty it is to be proved.
    pub target: f64,
    pub level: f64,
    /// The confidence that before and after are compared at, and below which no cut is looked for.
    pub auto: f64,
    pub seed: u64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        TuneOptions { target: 0.95, level: 0.95, auto: 0.85, seed: 1 }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub model: Model,
    /// Labels that the fit saw.
    pub fitted: usize,
    /// On the held-back labels. Where calibrators were fitted to them, after is by cross-validation over products.
    pub before: Figures,
    pub after: Figures,
    /// Distinct records of the held-back labels that the fit saw too: above 0 only where they come from a file of their own.
    pub shared_records: usize,
    /// Pairs labelled both ways.
    pub conflicting: usize,
    /// Trees of the reader in a file and of the reader alone.
    pub trees: [usize; 2],
}

impl Tuning {
    /// The log loss may not rise, and the best F1 may fall by no more than a point: less is noise in a few hundred labels.
    pub fn is_worse(&self) -> bool {
        let (before, after) = (&self.before, &self.after);
        after.log_loss > before.log_loss || after.best_f1 < before.best_f1 - 0.01
    }

    pub fn promise(&self) -> Option<&Promise> {
        self.model.promise.as_ref()
    }
}

/// The held-back share of the products, where no file of held-back labels is given, is one of so many.
const PARTS: u8 = 4;
/// With fewer labels of a kind nothing is fitted.
const LEAST_LABELS: usize = 20;
/// With fewer of a kind held back nothing can be compared.
const LEAST_HELD: usize = 10;
/// With fewer of a kind in a file of held-back labels, the calibrator of the folds is kept.
const LEAST_CALIBRATED: usize = 100;
/// Fewer records on a side are no file to compare among (see [`Tuned::least_records`]).
const LEAST_RECORDS: usize = 100;
/// The precision that a promise names the missing labels for, where the target is proved: half of what is left to 1.
fn tighter(target: f64) -> f64 {
    1.0 - (1.0 - target) / 2.0
}

impl Engine {
    /// Fits readers and calibrators to `labels`, and compares and promises on `held`, or on a quarter of the products.
    pub fn tune(
        &self,
        labels: &Labels,
        held: Option<&Labels>,
        options: &TuneOptions,
        progress: &dyn Progress,
    ) -> Result<Tuning, EngineError> {
        progress.stage("read", 0);
        let (labels, held) = (labels.in_order(), held.map(Labels::in_order));
        let conflicting = labels.conflicting();
        let parts;
        let (fit, different, held, own_file) = match &held {
            Some(held) => (&labels, 1.0, held, true),
            None => {
                parts = hold_back(&labels, options.seed);
                (&parts.0, parts.1, &parts.2, false)
            }
        };
        enough(fit, LEAST_LABELS)?;
        enough(held, LEAST_HELD)?;
        let fit_read = self.read_pairs(&fit.pairs, Some(&[]), progress)?;
        let names = evidence::known(&fit.pairs);
        let held_read = self.read_pairs(&held.pairs, Some(&names), progress)?;
        progress.stage("fit", 0);
        let settings = Settings { seed: options.seed, ..Settings::default() };
        let (in_file, alone) = fitted(&fit_read, &fit.same, different, &settings);
        let trees = [in_file.as_ref().map_or(0, |f| f.trees), alone.trees];
        let reader = |f: Fitted| Reader { stage: f.stage, calibrator: f.calibrator };
        let mut model = self.model.clone();
        model.tuned = Some(Tuned {
            features: tuned::names().into_iter().map(str::to_owned).collect(),
            in_file: in_file.map(reader),
            least_records: LEAST_RECORDS,
            known: names,
            alone: reader(alone),
        });
        // Readers that were fitted before are replaced: they are no part of it.
        let base = self.model.version.split("+tuned-").next().unwrap_or_default();
        model.version = version(base, "tuned", &[fit, held], options);
        let before = self.answers(&self.model, held, progress)?;
        // A file of held-back labels is the better sample to calibrate on, where it is large enough: folds are about products
        // that a fit never saw, and a file may be about known ones.
        let mut after = answers(&held_read.confidences(&model), &held.same);
        if own_file && enough(held, LEAST_CALIBRATED).is_ok() {
            after = cross_calibrate(&mut model, &held_read, held, options.seed);
        }
        model.promise = Some(promise(&held_read.linkable(&model), &held.same, &after, options, &held.source));
        Ok(Tuning {
            model,
            fitted: fit.pairs.len(),
            before: Figures::of(&before, options.auto),
            after: Figures::of(&after, options.auto),
            shared_records: shared(fit, held),
            conflicting,
            trees,
        })
    }

    /// Fits calibrators alone; the order of the pairs stays the model's own, so the promise may be tested on the same
    /// labels.
    pub fn calibrate(
        &self,
        labels: &Labels,
        options: &TuneOptions,
        progress: &dyn Progress,
    ) -> Result<Tuning, EngineError> {
        progress.stage("read", 0);
        enough(labels, LEAST_HELD)?;
        let labels = &labels.in_order();
        let known = known(&self.model).unwrap_or_default();
        let read = self.read_pairs(&labels.pairs, Some(known), progress)?;
        progress.stage("fit", 0);
        let before = answers(&read.confidences(&self.model), &labels.same);
        let mut model = self.model.clone();
        model.version = version(&self.model.version, "calibrated", &[labels], options);
        let after = cross_calibrate(&mut model, &read, labels, options.seed);
        model.promise = Some(promise(&read.linkable(&model), &labels.same, &after, options, &labels.source));
        Ok(Tuning {
            model,
            fitted: labels.pairs.len(),
            before: Figures::of(&before, options.auto),
            after: Figures::of(&after, options.auto),
            shared_records: 0,
            conflicting: labels.conflicting(),
            trees: [0; 2],
        })
    }

    /// What this engine's model and another with the same stages say of labelled pairs, each with its auto zone.
    pub fn compare(
        &self,
        other: &Model,
        labels: &Labels,
        auto: [f64; 2],
        progress: &dyn Progress,
    ) -> Result<[Figures; 2], EngineError> {
        let before = self.answers(&self.model, labels, progress)?;
        let after = self.answers(other, labels, progress)?;
        Ok([Figures::of(&before, auto[0]), Figures::of(&after, auto[1])])
    }

    fn answers(
        &self,
        model: &Model,
        labels: &Labels,
        progress: &dyn Progress,
    ) -> Result<Vec<Answer>, EngineError> {
        let read = self.read_pairs(&labels.pairs, known(model), progress)?;
        Ok(answers(&read.confidences(model), &labels.same))
    }

    pub fn model(&self) -> &Model {
        &self.model
    }
}

const CALIBRATION_FOLDS: u8 = 5;

/// Fits the calibrators of `model` to all labels, and gives what calibrators say of products that they were not fitted to.
fn cross_calibrate(model: &mut Model, read: &ReadPairs, labels: &Labels, seed: u64) -> Vec<Answer> {
    let old = model.tuned.take().unwrap_or_else(untuned);
    let (records, pairs) = evidence::numbered(&labels.pairs);
    let split = Split::by_product(&pairs, &labels.same, records, CALIBRATION_FOLDS, seed);
    let mut answers = vec![(0.0, false); pairs.len()];
    for part in 0..split.parts() {
        model.tuned = Some(recalibrated(&old, read, &labels.same, &split.fit(part)));
        let confidences = read.confidences(model);
        split.held(part).into_iter().for_each(|i| answers[i] = (confidences[i], labels.same[i]));
    }
    let all: Vec<usize> = (0..pairs.len()).collect();
    model.tuned = Some(recalibrated(&old, read, &labels.same, &all));
    answers
}

/// What to fit, what a pair labelled different counts there, and what is held back.
fn hold_back(labels: &Labels, seed: u64) -> (Labels, f64, Labels) {
    let (records, pairs) = evidence::numbered(&labels.pairs);
    let split = Split::by_product(&pairs, &labels.same, records, PARTS, seed);
    let fit = split.fit(0);
    let different = Split::weight_of_different(&labels.same, &fit);
    (labels.part(&fit), different, labels.part(&split.held(0)))
}

fn enough(labels: &Labels, needed: usize) -> Result<(), EngineError> {
    let same = labels.same.iter().filter(|same| **same).count();
    let different = labels.same.len() - same;
    if same.min(different) < needed {
        return Err(EngineError::TooFewLabels { same, different, needed, file: labels.source.clone() });
    }
    Ok(())
}

fn fitted(read: &ReadPairs, same: &[bool], different: f64, settings: &Settings) -> (Option<Fitted>, Fitted) {
    let names = tuned::names();
    let column = |name: &str| names.iter().position(|n| *n == name);
    let base: Vec<usize> = ["third_logit", "matched_logit"].into_iter().filter_map(column).collect();
    let Some(file) = &read.in_file else { unreachable!("labels are read in their file") };
    let labelled = |rows| Labelled { rows, same, different, pairs: &file.pairs, records: file.records };
    let in_file = (file.smaller_side >= LEAST_RECORDS)
        .then(|| learn::tune(labelled(file.rows.view()), &base, settings));
    let alone = learn::tune(labelled(read.alone.view()), &[Tuned::ALONE - 1], settings);
    (in_file, alone)
}

fn answers(confidences: &[f64], same: &[bool]) -> Vec<Answer> {
    confidences.iter().copied().zip(same.iter().copied()).collect()
}

/// Reads the shipped model's own log-odds: the matching's among the names of a file, the pair's alone.
fn untuned() -> Tuned {
    let names = tuned::names();
    let own = |width: usize, column: usize| {
        let mut weights = vec![0.0; width];
        weights[column] = 1.0;
        let stage = Stage::Logistic {
            gate: None,
            mean: vec![0.0; width],
            scale: vec![1.0; width],
            clip: 30.0,
            weights,
            bias: 0.0,
        };
        Reader { stage, calibrator: Calibrator::NONE }
    };
    let matched = names.iter().position(|name| *name == "matched_logit").unwrap_or_default();
    Tuned {
        in_file: Some(own(names.len(), matched)),
        features: names.into_iter().map(str::to_owned).collect(),
        least_records: LEAST_RECORDS,
        known: Vec::new(),
        alone: own(Tuned::ALONE, Tuned::ALONE - 1),
    }
}

/// `old` with calibrators fitted to the `chosen` labels.
fn recalibrated(old: &Tuned, read: &ReadPairs, same: &[bool], chosen: &[usize]) -> Tuned {
    let different = Split::weight_of_different(same, chosen);
    let fit = |reader: &Reader, rows: &ndarray::Array2<f32>| {
        let raw: Vec<Answer> =
            chosen.iter().map(|i| (f64::from(reader.stage.log_odds(rows.row(*i))), same[*i])).collect();
        Reader { stage: reader.stage.clone(), calibrator: calibrate::fit(&raw, different) }
    };
    let in_file = match (&old.in_file, &read.in_file) {
        (Some(reader), Some(file)) if file.smaller_side >= old.least_records => Some(fit(reader, &file.rows)),
        _ => None,
    };
    Tuned { in_file, alone: fit(&old.alone, &read.alone), ..old.clone() }
}

/// Least confidence in the reliability diagram.
const SHOWN_FROM: f64 = 0.01;

/// `linkable` are the confidences by which the machine would link (0 for a stated contradiction), `shown` the answers of
/// the reliability diagram.
fn promise(
    linkable: &[f64],
    same: &[bool],
    shown: &[Answer],
    options: &TuneOptions,
    source: &str,
) -> Promise {
    let Search { held, nearest } =
        bound::loosest_cut(&answers(linkable, same), options.auto, options.target, options.level);
    let tested = held.or(nearest);
    let Tested { above, wrong, at_least, .. } =
        tested.unwrap_or(Tested { cut: 1.0, above: 0, wrong: 0, at_least: 0.0 });
    let tighter = if held.is_some() { tighter(options.target) } else { options.target };
    // Most pairs are hopeless: they would fill nine of ten bins.
    let telling: Vec<Answer> = shown.iter().filter(|a| a.0 >= SHOWN_FROM).copied().collect();
    let reliability = bins(&telling)
        .into_iter()
        .map(|bin| Point {
            pairs: bin.count,
            right: bin.right,
            mean_confidence: bin.mean_confidence,
            low: bin.interval.low,
            high: bin.interval.high,
        })
        .collect();
    Promise {
        target: options.target,
        level: options.level,
        cut: held.map(|held| held.cut),
        pairs: same.len(),
        above,
        wrong,
        at_least,
        tighter,
        missing: bound::labels_missing(above, wrong, tighter, options.level),
        reliability,
        measured_on: source.to_owned(),
    }
}

/// Names what was fitted to what: the same labels and options on the same model give the same version.
fn version(base: &str, how: &str, labels: &[&Labels], options: &TuneOptions) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{base}\u{1f}{how}\u{1f}{options:?}"));
    for labels in labels {
        for ((left, right), same) in labels.pairs.iter().zip(&labels.same) {
            digest.update(evidence::content("left", left));
            digest.update(evidence::content("right", right));
            digest.update([u8::from(*same)]);
        }
        digest.update("\u{1e}");
    }
    let short: String = digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{base}+{how}-{short}")
}

fn shared(fit: &Labels, held: &Labels) -> usize {
    let contents = |labels: &Labels| -> FxHashSet<String> {
        let both =
            |(a, b): &(LocalSku, LocalSku)| [evidence::content("left", a), evidence::content("right", b)];
        labels.pairs.iter().flat_map(both).collect()
    };
    contents(fit).intersection(&contents(held)).count()
}

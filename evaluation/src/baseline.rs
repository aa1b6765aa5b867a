//! The committed figures of our own sets, and whether a fresh run is worse. Only figures that do not depend on the
//! machine: no times, no memory.

use crate::figures::Figures;
use crate::metrics::recall::DEPTHS;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A figure may be worse by so much: changes that nobody would notice, and floats that differ between processors.
const TOLERANCE: f64 = 0.005;

/// By set.
pub type Baselines = BTreeMap<String, Baseline>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub scorer: String,
    pub true_pairs: usize,
    pub figures: BTreeMap<String, f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
}

/// A figure that got worse, or is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Worse {
    pub set: String,
    pub figure: String,
    pub baseline: f64,
    pub now: Option<f64>,
    pub allowed: f64,
}

pub fn read(path: &Path) -> Result<Baselines> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read {}; make it with --save", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))
}

pub fn write(path: &Path, baselines: &Baselines) -> Result<()> {
    let text = serde_json::to_string_pretty(baselines)? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

pub fn of(figures: &Figures) -> Baseline {
    // Five decimals: enough for the tolerance, and a readable file.
    let rounded = |v: f64| (v * 1e5).round() / 1e5;
    Baseline {
        scorer: figures.scorer.clone(),
        true_pairs: figures.linkage.true_pairs,
        figures: watched(figures).into_iter().map(|(name, _, value)| (name, rounded(value))).collect(),
    }
}

/// The figures of `now` that are worse than `baseline` allows. A set's figures may always move by one pair, which on a
/// set of a hundred pairs is more than the tolerance.
pub fn compare(now: &Figures, baseline: &Baseline) -> Vec<Worse> {
    let one_pair = 1.0 / baseline.true_pairs.max(1) as f64;
    let allowed = TOLERANCE.max(one_pair);
    let fresh = watched(now);
    let worse = |(name, then): (&String, &f64)| {
        let found = fresh.iter().find(|(n, _, _)| n == name);
        let loss = found.map(|(_, better, value)| match better {
            Better::Higher => then - value,
            Better::Lower => value - then,
        });
        // Rounding of the saved figures is not a loss; a figure that is gone is one.
        if loss.is_some_and(|loss| loss <= allowed + 1e-5) {
            return None;
        }
        Some(Worse {
            set: now.set.clone(),
            figure: name.clone(),
            baseline: *then,
            now: found.map(|(_, _, value)| *value),
            allowed,
        })
    };
    baseline.figures.iter().filter_map(worse).collect()
}

/// Everything that is compared: name, which way is better, value.
fn watched(f: &Figures) -> Vec<(String, Better, f64)> {
    use Better::{Higher, Lower};
    let l = &f.linkage;
    let mut all = vec![
        ("auto_precision".to_owned(), Higher, l.auto.precision),
        ("auto_recall".to_owned(), Higher, l.auto.recall),
        ("auto_f1".to_owned(), Higher, l.auto.f1),
        ("best_f1".to_owned(), Higher, l.best.f1),
        ("one_to_one_best_f1".to_owned(), Higher, l.one_to_one_best.f1),
        ("reach".to_owned(), Higher, l.reach),
        ("questions_per_record".to_owned(), Lower, l.questions_per_record),
        ("candidate_recall".to_owned(), Higher, f.retrieval.candidate_recall),
    ];
    all.extend(f.ece.map(|ece| ("ece".to_owned(), Lower, ece)));
    if let Some(b) = f.b_cubed {
        all.push(("b_cubed_f1".to_owned(), Higher, b.f1));
    }
    if let Some(h) = f.hard_negatives {
        let linked = crate::metrics::share(h.linked, h.listed);
        all.push(("hard_negatives_linked".to_owned(), Lower, linked));
    }
    for channel in &f.retrieval.channels {
        for (depth, recall) in DEPTHS.iter().zip(channel.one_way) {
            all.push((format!("recall_{}_at_{depth}", channel.channel), Higher, recall));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn better_is_fine_and_worse_is_named() {
        let now = example();
        let base = of(&now);
        assert_eq!(compare(&now, &base), []);
        // figure, change of the baseline → worse?
        let table = [
            ("auto_f1", 0.02, true),
            ("auto_f1", 0.004, false),
            ("auto_f1", -0.5, false),
            ("ece", -0.02, true),
            ("ece", 0.5, false),
            ("hard_negatives_linked", -0.006, true),
            ("recall_text_at_10", 0.1, true),
        ];
        for (figure, change, worse) in table {
            let mut base = base.clone();
            base.true_pairs = 2000;
            *base.figures.get_mut(figure).unwrap() += change;
            let found: Vec<String> = compare(&now, &base).into_iter().map(|w| w.figure).collect();
            assert_eq!(found.iter().any(|f| f == figure), worse, "{figure} {change}");
            assert_eq!(found.len(), usize::from(worse));
        }
    }

    #[test]
    fn small_sets_may_move_by_a_pair() {
        let now = example();
        let mut base = of(&now);
        *base.figures.get_mut("reach").unwrap() += 0.009;
        base.true_pairs = 100;
        assert_eq!(compare(&now, &base), []);
        base.true_pairs = 1000;
        assert_eq!(compare(&now, &base).len(), 1);
    }

    #[test]
    fn a_missing_figure_is_worse() {
        let mut now = example();
        let base = of(&now);
        now.ece = None;
        let worse = compare(&now, &base);
        assert_eq!((worse[0].figure.as_str(), worse[0].now), ("ece", None));
    }

    #[test]
    fn file_keeps_everything() {
        let path = std::env::temp_dir().join(format!("tongpin-baselines-{}.json", std::process::id()));
        let all = Baselines::from([("demo".to_owned(), of(&example()))]);
        write(&path, &all).unwrap();
        assert_eq!(read(&path).unwrap(), all);
        fs::remove_file(&path).unwrap();
    }
}

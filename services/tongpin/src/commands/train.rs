//! `train` and `calibrate`: labelled pairs in, a new models folder out, with what was measured before and after on labels that
//! the fit did not see, and what can be promised.

use super::{Failure, Finish, open, print};
use crate::args::{Call, Fitting, shown};
use crate::failure;
use crate::lang::{Language, pick, say, thousands};
use crate::model_folder::{self, Made};
use crate::progress::Display;
use crate::promise;
use engine::{Figures, Labels, Progress, TuneOptions, Tuning};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tables::{ColumnMap, Rejected, read_labelled_pairs};

pub fn train(
    call: &Call,
    pairs: &[PathBuf],
    valid: Option<&Path>,
    test: Option<&Path>,
    fitting: &Fitting,
) -> Result<Finish, Failure> {
    let job = Job::begin(call, fitting)?;
    let mut rejected = Vec::new();
    let labels = read(pairs, &fitting.map, &mut rejected)?;
    let mut one = |path: Option<&Path>| {
        path.map(|path| read(&[path.to_owned()], &fitting.map, &mut rejected)).transpose()
    };
    let (valid, test) = (one(valid)?, one(test)?);
    let engine = open(call, &job.display)?;
    let options = options(fitting);
    let tuning = engine.tune(&labels, valid.as_ref(), &options, &job.display)?;
    let tested = match &test {
        Some(test) => {
            let cut = tuning.promise().and_then(|p| p.cut).unwrap_or(0.0).max(options.auto);
            Some((
                test.source.clone(),
                engine.compare(&tuning.model, test, [options.auto, cut], &job.display)?,
            ))
        }
        None => None,
    };
    let held = valid.as_ref().map(|valid| valid.source.clone());
    let outcome = Outcome { labels: &labels, held, tuning: &tuning, tested, rejected: &rejected };
    job.finish("train", &outcome, fitting.force || !tuning.is_worse())
}

pub fn calibrate(call: &Call, pairs: &[PathBuf], fitting: &Fitting) -> Result<Finish, Failure> {
    let job = Job::begin(call, fitting)?;
    let mut rejected = Vec::new();
    let labels = read(pairs, &fitting.map, &mut rejected)?;
    let engine = open(call, &job.display)?;
    let tuning = engine.calibrate(&labels, &options(fitting), &job.display)?;
    let outcome = Outcome { labels: &labels, held: None, tuning: &tuning, tested: None, rejected: &rejected };
    job.finish("calibrate", &outcome, true)
}

fn options(fitting: &Fitting) -> TuneOptions {
    TuneOptions { target: fitting.target, seed: fitting.seed, ..TuneOptions::default() }
}

/// All files as one; names without their folders, since they go into the model.
fn read(paths: &[PathBuf], map: &ColumnMap, rejected: &mut Vec<Rejected>) -> Result<Labels, Failure> {
    let mut labels = Labels::default();
    let mut names = Vec::new();
    for path in paths {
        let read = read_labelled_pairs(path, map)?;
        if read.pairs.is_empty() {
            let first = read.rejected.first().cloned();
            return Err(Failure::NothingUsable(read.rejected.len(), Box::new(first)));
        }
        labels.pairs.extend(read.pairs);
        labels.same.extend(read.same);
        rejected.extend(read.rejected);
        names.push(path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned());
    }
    labels.source = names.join(", ");
    Ok(labels)
}

struct Job<'a> {
    call: &'a Call,
    fitting: &'a Fitting,
    models: PathBuf,
    display: Display,
}

struct Outcome<'a> {
    labels: &'a Labels,
    /// The file of held-back labels, where there is one.
    held: Option<String>,
    tuning: &'a Tuning,
    tested: Option<(String, [Figures; 2])>,
    rejected: &'a [Rejected],
}

impl<'a> Job<'a> {
    fn begin(call: &'a Call, fitting: &'a Fitting) -> Result<Self, Failure> {
        let display = Display::new(call.language, call.quiet);
        let models = engine::models_folder(call.models.as_deref())?;
        model_folder::check(&models, &fitting.out)?;
        display.stage("read", 0);
        Ok(Job { call, fitting, models, display })
    }

    fn finish(self, command: &str, outcome: &Outcome<'_>, good: bool) -> Result<Finish, Failure> {
        if good {
            self.display.stage("write", 0);
            self.write(command, outcome)?;
        }
        self.display.close();
        if !self.call.quiet {
            failure::warn_of_rejected(outcome.rejected, "", self.call.language);
        }
        if self.call.json {
            print(&serde_json::to_string_pretty(&self.json(command, outcome, good)).unwrap_or_default());
        } else {
            print(&tell(command, outcome, &self.fitting.out, good, self.call.language));
        }
        Ok(if good { Finish::with(outcome.rejected.len()) } else { Finish::Worse })
    }

    fn write(&self, command: &str, outcome: &Outcome<'_>) -> Result<(), Failure> {
        let model = &outcome.tuning.model;
        let mut labels = vec![outcome.labels.source.clone()];
        labels.extend(outcome.held.clone());
        let both = [Language::En, Language::Zh]
            .map(|language| tell(command, outcome, Path::new("."), true, language));
        let card = format!(
            "# Scorer {}\n\nWritten by `tongpin {command}`. It holds the names of the labelled pairs: treat it as you treat them.\n\n\
             ```\n{}\n```\n\n```\n{}\n```\n",
            model.version, both[0], both[1]
        );
        let scorer = serde_json::to_string(model).unwrap_or_default();
        let made = Made {
            by: &format!("tongpin {command}"),
            scorer: &scorer,
            version: &model.version,
            base: self.call.model.as_deref().unwrap_or("default"),
            labels: &labels,
            card: &card,
        };
        model_folder::write(&self.models, &self.fitting.out, &made)
    }

    fn json(&self, command: &str, outcome: &Outcome<'_>, written: bool) -> Value {
        let tuning = outcome.tuning;
        let test = outcome
            .tested
            .as_ref()
            .map(|(file, [before, after])| json!({"file": file, "before": before, "after": after}));
        json!({
            "tool": "tongpin",
            "command": command,
            "version": tuning.model.version,
            "written": written,
            "out": shown(&self.fitting.out),
            "labels": {
                "pairs": outcome.labels.pairs.len(),
                "same": outcome.labels.same.iter().filter(|same| **same).count(),
                "fitted": tuning.fitted,
                "held_back": tuning.after.pairs,
                "held_back_file": outcome.held,
                "shared_records": tuning.shared_records,
                "conflicting": tuning.conflicting,
                "rejected": outcome.rejected.len(),
            },
            "trees": {"in_file": tuning.trees[0], "alone": tuning.trees[1]},
            "before": tuning.before,
            "after": tuning.after,
            "worse": tuning.is_worse(),
            "promise": tuning.promise(),
            "test": test,
        })
    }
}

fn tell(command: &str, outcome: &Outcome<'_>, out: &Path, written: bool, language: Language) -> String {
    let tuning = outcome.tuning;
    let mut lines = vec![labels_line(command, outcome, language)];
    lines.push(table(&tuning.before, &tuning.after, language));
    if let Some(promise) = tuning.promise() {
        lines.push(promise::sentences(promise, language).join("\n"));
    }
    if let Some((file, [before, after])) = &outcome.tested {
        lines.push(say!(language, "{file}, which nothing was decided by:", "{file}（不参与任何决定）："));
        lines.push(table(before, after, language));
    }
    let (out, version) = (shown(out), &tuning.model.version);
    lines.push(if written {
        say!(
            language,
            "model {version} is in {out}; use it with --models {out}",
            "模型 {version} 已写入 {out}；以后用 --models {out} 使用"
        )
    } else {
        pick(
            language,
            "the new model is worse on the held-back labels, so nothing was written; label more, or --force writes it all the same",
            "新模型在留出的标注上更差，因此没有写出；请再标一些，或用 --force 仍然写出",
        )
        .to_owned()
    });
    lines.join("\n\n")
}

fn labels_line(command: &str, outcome: &Outcome<'_>, language: Language) -> String {
    let tuning = outcome.tuning;
    let pairs = thousands(outcome.labels.pairs.len());
    let same = thousands(outcome.labels.same.iter().filter(|same| **same).count());
    let (fitted, held) = (thousands(tuning.fitted), thousands(tuning.after.pairs));
    let source = &outcome.labels.source;
    let first = say!(
        language,
        "{pairs} labelled pairs of {source}, {same} of them the same",
        "{source}：{pairs} 对已标注名称，其中 {same} 对同品"
    );
    let second = match (command, &outcome.held) {
        ("calibrate", _) => pick(
            language,
            "Before and after; after is by cross-validation over products:",
            "校准前后对比（校准后为按商品交叉验证的结果）：",
        )
        .to_owned(),
        (_, Some(file)) => {
            let shared = thousands(tuning.shared_records);
            say!(
                language,
                "Learnt from {fitted}; compared on the {held} of {file} ({shared} of its records are in the learnt pairs too):",
                "用 {fitted} 对训练；用 {file} 的 {held} 对做前后对比（其中 {shared} 条记录在训练对中也出现）："
            )
        }
        (_, None) => say!(
            language,
            "Learnt from {fitted}; compared on {held} held back, of products that none of those is about:",
            "用 {fitted} 对训练；用留出的 {held} 对做前后对比（训练对不涉及这些商品）："
        ),
    };
    if tuning.conflicting > 0 {
        let conflicting = thousands(tuning.conflicting);
        let note = say!(
            language,
            "{conflicting} of them are labelled both ways: the same two names once the same, once different",
            "其中 {conflicting} 对标注自相矛盾：同样的两个名称，一处标为同品，一处标为不同"
        );
        return format!("{first}\n{note}\n{second}");
    }
    format!("{first}\n{second}")
}

/// Both in columns; Chinese characters are two columns wide.
fn table(before: &Figures, after: &Figures, language: Language) -> String {
    let number = |v: f64| format!("{v:.4}");
    let optional = |v: Option<f64>| v.map_or("–".to_owned(), number);
    let zone = |f: &Figures| {
        let cut = crate::lang::confidence(f.auto.cut);
        say!(language, "from {cut}", "{cut} 起")
    };
    let rows = [
        (
            pick(language, "", ""),
            pick(language, "before", "之前").to_owned(),
            pick(language, "after", "之后").to_owned(),
        ),
        (
            pick(language, "F1 at the best cut (hindsight)", "最佳阈值下的 F1（事后）"),
            number(before.best_f1),
            number(after.best_f1),
        ),
        (pick(language, "F1 at 0.5", "阈值 0.5 的 F1"), number(before.f1), number(after.f1)),
        (pick(language, "auto zone", "自动区"), zone(before), zone(after)),
        (
            pick(language, "  its precision", "  准确率"),
            optional(before.auto.precision),
            optional(after.auto.precision),
        ),
        (pick(language, "  its recall", "  召回率"), number(before.auto.recall), number(after.auto.recall)),
        (
            pick(language, "calibration error", "校准误差"),
            number(before.calibration_error),
            number(after.calibration_error),
        ),
        (pick(language, "log loss", "对数损失"), number(before.log_loss), number(after.log_loss)),
    ];
    let width =
        |text: &str| text.chars().map(|c| if c.is_ascii() || c == '–' { 1 } else { 2 }).sum::<usize>();
    let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(width(text)));
    let lines: Vec<String> = rows
        .iter()
        .map(|(what, before, after)| {
            format!("  {what}{}{}{before}{}{after}", pad(what, 32), pad(before, 10), pad(after, 10))
        })
        .collect();
    lines.join("\n")
}

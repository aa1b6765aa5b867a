//! What a person reads: one page and one diagram a set, and an overview of all sets whose figures lie in the folder.

mod markdown;
mod overview;
mod reliability;

use crate::baseline::Worse;
use crate::figures::Figures;
use crate::peers::Peers;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

pub use markdown::page;

/// Writes `NAME.md`, `NAME.json` and `NAME-reliability.svg`.
pub fn save(folder: &Path, figures: &Figures, peers: &Peers) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = &figures.set;
    write(folder, &format!("{name}.md"), &page(figures, peers))?;
    write(folder, &format!("{name}.json"), &(serde_json::to_string_pretty(figures)? + "\n"))?;
    write(folder, &reliability_file(name), &reliability::svg(figures))
}

/// Rewrites `README.md` from every `NAME.json` in the folder, so that a run of one set keeps the others.
pub fn save_overview(folder: &Path) -> Result<()> {
    let mut all: Vec<Figures> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            // A file of an older form is left out until its set is run again.
            all.extend(serde_json::from_str::<Figures>(&text).ok());
        }
    }
    all.sort_by(|a, b| a.set.cmp(&b.set));
    write(folder, "README.md", &overview::page(&all))
}

fn reliability_file(set: &str) -> String {
    format!("{set}-reliability.svg")
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Four decimals, as the measuring script prints.
fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.1}"))
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.0}"))
}

/// The figures that got worse, with what was expected of them.
pub fn worse_table(worse: &[Worse]) -> String {
    let rows: Vec<Vec<String>> = worse
        .iter()
        .map(|w| {
            vec![w.set.clone(), w.figure.clone(), number(w.baseline), optional(w.now), number(w.allowed)]
        })
        .collect();
    table(&["set", "figure", "baseline", "now", "allowed to differ"], &rows)
}

/// A Markdown table.
fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<&str> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(&mut header.iter().copied());
    out += &line(&mut header.iter().map(|_| "---"));
    for row in rows {
        out += &line(&mut row.iter().map(String::as_str));
    }
    out
}

#[cfg(test)]
pub(crate) use tests::example;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Cost, Retrieval};
    use crate::judge::Judge;
    use crate::metrics::calibration;
    use crate::metrics::linkage::{Answers, Asked, HardNegatives, Link, linkage};
    use crate::metrics::recall::channel_recall;
    use crate::sets::Judged;
    use domain::Zone;
    use rustc_hash::FxHashSet;

    /// Two nodes of three records; two of three true pairs linked, one asked about, one wrong one rejected.
    pub(crate) fn example() -> Figures {
        let nodes = [0, 0, 0, 1, 1, 1];
        let truth = FxHashSet::from_iter([(0, 3), (1, 4), (2, 5)]);
        let none = FxHashSet::default();
        let link = |a, b, confidence, zone| Link { pair: (a, b), confidence, zone };
        let links = [
            link(0, 3, 0.97, Zone::Auto),
            link(1, 4, 0.9, Zone::Auto),
            link(2, 5, 0.5, Zone::Review),
            link(2, 4, 0.1, Zone::Reject),
        ];
        let run = Answers {
            nodes: &nodes,
            rank: &[0, 1, 2, 3, 4, 5],
            masters: &[0, 1, 2, 0, 1, 3],
            links: &links,
            questions: &[Asked { record: 5, master: 2 }],
        };
        let (linkage, answers) = linkage(&run, &Judge::new(Judged::All, &truth, &none, &nodes));
        let bins = calibration::bins(&answers);
        Figures {
            set: "example".to_owned(),
            scorer: "without-example".to_owned(),
            judged: "all".to_owned(),
            records: 6,
            nodes: 2,
            versions: vec![("scorer".to_owned(), "1".to_owned())],
            retrieval: Retrieval {
                candidates: 9,
                candidate_recall: 1.0,
                channels: vec![channel_recall("text", &[[1, 1], [2, 1], [0, 12]])],
            },
            linkage,
            ece: calibration::expected_error(&bins),
            bins,
            b_cubed: None,
            hard_negatives: Some(HardNegatives { listed: 50, linked: 1 }),
            labelled_test: None,
            prior_shift: 0.1,
            cost: Cost { stages: vec![("parse".to_owned(), 0.5)], wall_seconds: 1.0, ..Cost::default() },
        }
    }

    #[test]
    fn pages_and_diagram_are_written_and_read_back() {
        let folder = std::env::temp_dir().join(format!("tongpin-report-{}", std::process::id()));
        save(&folder, &example(), &Peers::default()).unwrap();
        let mut other = example();
        other.set = "other".to_owned();
        save(&folder, &other, &Peers::default()).unwrap();
        save_overview(&folder).unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let overview = read("README.md");
        assert!(overview.contains("[example](example.md)") && overview.contains("[other](other.md)"));
        assert!(read("example.md").contains("example-reliability.svg"));
        let svg = read("example-reliability.svg");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<circle").count(), example().bins.len());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn tables() {
        let rows = [vec!["a".to_owned(), "b".to_owned()]];
        assert_eq!(table(&["x", "y"], &rows), "| x | y |\n| --- | --- |\n| a | b |\n");
    }
}

//! Other tools' figures on the same sets: one JSON object a line, as the peer scripts print them. Where the file is not
//! there, reports stand alone.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;

/// One tool on one set.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    pub tool: String,
    /// Trained on labelled pairs of this very set; its figures are those of the pairs it was not shown.
    pub supervised: bool,
    pub best_f1: Option<f64>,
    pub one_to_one_best_f1: Option<f64>,
    pub auto_precision: Option<f64>,
    pub auto_recall: Option<f64>,
    /// Over ten bins of equal width.
    pub ece: Option<f64>,
    pub test_f1: Option<f64>,
    pub wall_seconds: Option<f64>,
    pub cpu_seconds: Option<f64>,
    pub peak_megabytes: Option<f64>,
}

/// Candidates alone: recall at 1, 10, 50, the left record asking.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocking {
    pub method: String,
    pub recall: [Option<f64>; 3],
}

#[derive(Clone, Debug, Default)]
pub struct Peers {
    tools: Vec<(String, Peer)>,
    blocking: Vec<(String, Blocking)>,
}

#[derive(Deserialize)]
struct Line {
    tool: String,
    #[serde(default)]
    bench: String,
    #[serde(default)]
    supervised: bool,
    e2e: Option<View>,
    e2e_unseen: Option<View>,
    one_to_one: Option<View>,
    one_to_one_unseen: Option<View>,
    pairwise_test: Option<TestSplit>,
    wall_s: Option<f64>,
    cpu_s: Option<f64>,
    peak_mb: Option<f64>,
    tfidf_char3: Option<Recall>,
    tfidf_word: Option<Recall>,
    rapidfuzz_token_set: Option<Recall>,
}

#[derive(Deserialize)]
struct View {
    best_f1: Option<At>,
    auto085: Option<At>,
    ece: Option<f64>,
}

#[derive(Deserialize)]
struct TestSplit {
    valid_tuned: Option<At>,
}

#[derive(Deserialize)]
struct At {
    p: f64,
    r: f64,
    f1: f64,
    n: usize,
}

#[derive(Deserialize)]
struct Recall {
    #[serde(rename = "r@1")]
    at_1: Option<f64>,
    #[serde(rename = "r@10")]
    at_10: Option<f64>,
    #[serde(rename = "r@50")]
    at_50: Option<f64>,
}

impl Peers {
    pub fn read(path: &Path) -> Result<Peers> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Peers::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Peers> {
        let mut peers = Peers::default();
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).with_context(|| format!("line {}", number + 1))?;
            peers.add(line);
        }
        Ok(peers)
    }

    fn add(&mut self, line: Line) {
        if line.tool == "blocking" {
            let methods = [
                ("TF-IDF, character 3-grams", line.tfidf_char3),
                ("TF-IDF, words", line.tfidf_word),
                ("rapidfuzz token_set_ratio", line.rapidfuzz_token_set),
            ];
            for (method, recall) in methods {
                let Some(recall) = recall else { continue };
                let recall = [recall.at_1, recall.at_10, recall.at_50];
                self.blocking.push((line.bench.clone(), Blocking { method: method.to_owned(), recall }));
            }
            return;
        }
        // Supervised tools have no whole-set view: they were shown part of it.
        let view = line.e2e.or(line.e2e_unseen);
        let unique = line.one_to_one.or(line.one_to_one_unseen);
        let auto = view.as_ref().and_then(|v| v.auto085.as_ref());
        let peer = Peer {
            tool: line.tool,
            supervised: line.supervised,
            best_f1: view.as_ref().and_then(|v| v.best_f1.as_ref()).map(|at| at.f1),
            one_to_one_best_f1: unique.and_then(|v| v.best_f1).map(|at| at.f1),
            // The precision of no links at all is not 0.
            auto_precision: auto.filter(|at| at.n > 0).map(|at| at.p),
            auto_recall: auto.map(|at| at.r),
            ece: view.as_ref().and_then(|v| v.ece),
            test_f1: line.pairwise_test.and_then(|t| t.valid_tuned).map(|at| at.f1),
            wall_seconds: line.wall_s,
            cpu_seconds: line.cpu_s,
            peak_megabytes: line.peak_mb,
        };
        if peer.best_f1.is_some() {
            self.tools.push((line.bench, peer));
        }
    }

    /// The tools that were run on this set, best first.
    pub fn on(&self, set: &str) -> Vec<&Peer> {
        let mut tools: Vec<&Peer> =
            self.tools.iter().filter(|(bench, _)| bench == set).map(|(_, p)| p).collect();
        let quality = |p: &Peer| p.one_to_one_best_f1.or(p.best_f1).unwrap_or(0.0);
        tools.sort_by(|a, b| quality(b).total_cmp(&quality(a)).then(a.tool.cmp(&b.tool)));
        tools
    }

    pub fn blocking_on(&self, set: &str) -> Vec<&Blocking> {
        self.blocking.iter().filter(|(bench, _)| bench == set).map(|(_, b)| b).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tools_and_blocking_and_leaves_the_rest() {
        let text = r#"
            {"tool": "a", "bench": "s", "supervised": false, "e2e": {"best_f1": {"p": 0.5, "r": 0.5, "f1": 0.5, "n": 4, "at": 0.1}, "auto085": {"p": 0.0, "r": 0.0, "f1": 0.0, "n": 0, "claimed": null}, "ece": 0.1}, "one_to_one": {"best_f1": {"p": 0.6, "r": 0.6, "f1": 0.6, "n": 4}, "auto085": null, "ece": 0.2}, "cpu_s": 2.5}
            {"tool": "b", "bench": "s", "supervised": true, "e2e": null, "e2e_unseen": {"best_f1": {"p": 0.9, "r": 0.9, "f1": 0.9, "n": 4}, "auto085": {"p": 0.8, "r": 0.4, "f1": 0.5, "n": 3}, "ece": 0.1}, "pairwise_test": {"valid_tuned": {"p": 0.7, "r": 0.7, "f1": 0.7, "n": 1}}}
            {"tool": "blocking", "bench": "s", "left": 3, "tfidf_word": {"r@1": 0.1, "r@5": 0.2, "r@10": 0.3, "r@50": 0.5}}
            {"tool": "scale", "rows": 10, "cpu_s": 1.0}
        "#;
        let peers = Peers::parse(text).unwrap();
        let on = peers.on("s");
        assert_eq!(on.iter().map(|p| p.tool.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(
            (on[0].auto_precision, on[0].test_f1, on[0].one_to_one_best_f1),
            (Some(0.8), Some(0.7), None)
        );
        assert_eq!(
            (on[1].auto_precision, on[1].auto_recall, on[1].one_to_one_best_f1),
            (None, Some(0.0), Some(0.6))
        );
        assert_eq!(peers.blocking_on("s")[0].recall, [Some(0.1), Some(0.3), Some(0.5)]);
        assert!(peers.on("t").is_empty());
        assert!(Peers::parse("{").is_err());
    }
}

//! The page as a whole, from an outcome made by hand.

use super::render;
use crate::args::Zones;
use crate::lang::Language;
use crate::summary::{Counts, Run, Summary};
use domain::{LocalSku, Zone};
use engine::{LinkOutcome, MatchState, ReviewQuestion, ScoredPair, StateCounts};
use score::Promise;
use score::tuned::Point;
use tables::{Reason, Records, Rejected};

fn wild() -> (Records, LinkOutcome) {
    let names = [
        "<script>alert(1)</script>",
        "\u{202e}evil\" onload=\"x",
        "👨‍👩‍👧 农夫山泉 1L",
        "农夫山泉 1.5L </bdi></main>",
        &"长".repeat(10_000),
    ];
    let skus: Vec<LocalSku> = names
        .iter()
        .enumerate()
        .map(|(i, n)| LocalSku::named(if i % 2 == 0 { "<b>店" } else { "仓'" }, &format!("{i}&"), n))
        .collect();
    let pair = |left, right, confidence, zone, veto: Option<&str>, reason: &str| ScoredPair {
        left,
        right,
        confidence,
        zone,
        veto: veto.map(str::to_owned),
        reason: reason.to_owned(),
    };
    let outcome = LinkOutcome {
        masters: vec![0, 0, 1, 2, 3],
        master_ids: ["m-0", "m-1", "m-2", "m-3"].map(str::to_owned).to_vec(),
        master_names: [names[0], names[2], names[3], names[4]].map(str::to_owned).to_vec(),
        members: vec![vec![0, 1], vec![2], vec![3], vec![4]],
        pairs: vec![
            pair(0, 1, 0.97, Zone::Auto, None, "text only"),
            pair(2, 3, 0.4, Zone::Reject, Some("volume"), "veto:volume; volume 1l≠1.5l; brand <i>农夫山泉"),
            pair(3, 4, 0.3, Zone::Review, None, "brand 农夫山泉?"),
        ],
        reviews: vec![ReviewQuestion {
            record: 4,
            master: 2,
            confidence: 0.3,
            reason: String::new(),
            value: 1.0,
        }],
        states: vec![
            MatchState::LinkedAuto,
            MatchState::LinkedAuto,
            MatchState::Rejected,
            MatchState::PendingReview,
            MatchState::PendingReview,
        ],
        counts: StateCounts::default(),
        candidates: 10,
        prior_shift: 0.0,
        repeating_nodes: vec!["<b>店".to_owned()],
        timings: vec![("parse", 0.5)],
    };
    let rejected = Rejected {
        file: "a<b>.csv".to_owned(),
        line: 3,
        reason: Reason::Missing { field: "na<me".to_owned() },
        raw: "<img src=x>".to_owned(),
    };
    (Records { skus, rejected: vec![rejected], ..Records::default() }, outcome)
}

fn with_summary<T>(check: impl FnOnce(&Summary<'_>) -> T) -> T {
    let (records, outcome) = wild();
    let counts = Counts::of(&records.skus, &outcome);
    let run = Run {
        threads: 2,
        timings: vec![("parse".to_owned(), 0.5)],
        seconds: 0.5,
        peak_memory: Some(1 << 20),
    };
    let promise = Promise {
        target: 0.95,
        level: 0.95,
        cut: Some(0.9),
        pairs: 300,
        above: 120,
        wrong: 1,
        at_least: 0.9611,
        tighter: 0.975,
        missing: Some(80),
        reliability: vec![Point { pairs: 30, right: 29, mean_confidence: 0.95, low: 0.83, high: 0.999 }],
        measured_on: "<script>labels.csv".to_owned(),
    };
    check(&Summary {
        command: "link",
        inputs: &["a<b>.csv".to_owned()],
        records: &records,
        outcome: &outcome,
        counts: &counts,
        zones: Zones::default(),
        many_per_node: &[],
        versions: &[("scorer", "<1>".to_owned())],
        promise: Some(&promise),
        run: &run,
    })
}

#[test]
fn nothing_in_the_data_becomes_markup() {
    let page = with_summary(|s| render(s, Language::Zh));
    for forbidden in
        ["<script", "<img", "onload=\"", "<b>店", "<i>农夫", "a<b>", "http://", "https://", "url("]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for (open, close) in
        [("<bdi>", "</bdi>"), ("<table", "</table>"), ("<span", "</span>"), ("<div", "</div>")]
    {
        assert_eq!(page.matches(open).count(), page.matches(close).count(), "{open}");
    }
    assert!(page.len() < 200_000, "long names are cut");
}

#[test]
fn the_page_holds_both_languages_and_the_contradiction() {
    let page = with_summary(|s| render(s, Language::En));
    for part in [
        "<html lang=\"en\">",
        "id=\"show-en\" checked",
        "容量矛盾",
        "volume contradicts",
        "每条记录的去向",
        "questions instead of links",
        "class=\"differs\">1L<",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_summary_adds_up_and_marks_what_varies() {
    let text = with_summary(|s| s.json());
    assert!(text.starts_with(crate::folder::MARK));
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["records"]["read"], 6);
    let states: u64 =
        value["states"].as_object().expect("states").values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(states, 5, "the sum over the states is the number of records");
    assert_eq!(value["run"]["peak_memory_bytes"], 1 << 20);
    let outside: Vec<&String> =
        value.as_object().expect("object").keys().filter(|k| k.contains("second")).collect();
    assert!(outside.is_empty());
}

#[test]
fn the_promise_is_told_in_both_languages() {
    let page = with_summary(|s| render(s, Language::Zh));
    for part in [
        "of 120 labelled pairs above it 1 are wrong",
        "其上有 120 对已标注，错 1 对",
        "about 80 more labels",
        "class=\"reliability\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let shipped = super::reliability::section(None, true);
    assert!(shipped.contains("tongpin calibrate") && !shipped.contains("<svg"));
}

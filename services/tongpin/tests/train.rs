//! `train` and `calibrate` from outside: a models folder that later runs can use, figures on labels that the fit did not see,
//! and a refusal where the labels make things worse.

use assert_cmd::Command;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn models() -> PathBuf {
    match std::env::var_os("TONGPIN_MODELS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
    }
}

/// Runs, expects a code, and gives stdout and stderr.
fn run(arguments: &[&str], code: i32) -> (String, String) {
    let output = Command::cargo_bin("tongpin")
        .expect("the binary")
        .env("LC_ALL", "en_US.UTF-8")
        .env("TONGPIN_MODELS", models())
        .args(arguments)
        .output()
        .expect("started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out.into_owned(), err.into_owned())
}

fn json(arguments: &[&str], code: i32) -> Value {
    let (out, _) = run(&[arguments, &["--json", "-q"]].concat(), code);
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

/// A trade that writes as no other does: the colour code in brackets decides, and the words before it do not.
fn labels(pairs: usize, from: usize, label: impl Fn(bool) -> &'static str) -> String {
    let kinds = ["门锁", "合页", "拉手", "滑轨", "螺丝", "地漏", "角阀", "龙头"];
    let makers = ["顺达", "恒固", "立信", "华艺", "金牛"];
    let mut out = "left_name,right_name,label\n".to_owned();
    for i in from..from + pairs {
        let (kind, maker) = (kinds[i % kinds.len()], makers[i / kinds.len() % makers.len()]);
        let (size, other) = (100 + 7 * i, 100 + 7 * i + 5);
        let same = i % 3 == 0;
        let right = if same { size } else { other };
        let _ = writeln!(out, "{maker}{kind}{size}型,{kind} {maker} {right},{}", label(same));
    }
    out
}

fn truth(same: bool) -> &'static str {
    if same { "同品" } else { "different" }
}

struct Room(TempDir);

impl Room {
    fn new() -> Self {
        Room(TempDir::new().expect("a temporary folder"))
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path
    }
}

#[test]
fn a_trained_folder_serves_later_runs_and_is_the_same_for_any_number_of_threads() {
    let room = Room::new();
    let pairs = room.put("labels.csv", &labels(400, 0, truth));
    let test = room.put("test.csv", &labels(120, 400, truth));
    let train = |out: &Path, threads: &str| {
        let arguments =
            ["train", shown(&pairs), "--test", shown(&test), "--out", shown(out), "--threads", threads];
        json(&arguments, 0)
    };
    let (one, two) = (room.path("one"), room.path("two"));
    let told = train(&one, "1");
    train(&two, "2");
    let scorer = |folder: &Path| fs::read(folder.join("scorer/default.json")).expect("a scorer");
    assert!(scorer(&one) == scorer(&two), "the number of threads changed the model");
    assert_eq!(
        fs::read(one.join("manifest.json")).expect("there"),
        fs::read(two.join("manifest.json")).expect("there")
    );

    // nor does the order of the rows
    let text = fs::read_to_string(&pairs).expect("there");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    fs::write(&pairs, lines.join("\n")).expect("writable");
    let three = room.path("three");
    train(&three, "2");
    assert!(scorer(&one) == scorer(&three), "the order of the rows changed the model");

    let loss = |which: &str| told[which]["log_loss"].as_f64().expect("a number");
    assert!(loss("after") < loss("before"), "{told}");
    assert!(told["written"].as_bool().expect("said") && !told["worse"].as_bool().expect("said"));
    assert!(told["test"]["after"]["f1"].as_f64() >= told["test"]["before"]["f1"].as_f64(), "{told}");
    assert_eq!(told["labels"]["pairs"], 400);
    let version = told["version"].as_str().expect("a version");
    assert!(version.contains("+tuned-"), "{version}");

    // later runs: score with a report, explain, link
    let scored = room.path("scored.csv");
    let report = room.path("report.html");
    let arguments = [
        "score",
        shown(&test),
        "--out",
        shown(&scored),
        "--report",
        shown(&report),
        "--models",
        shown(&one),
        "-q",
    ];
    run(&arguments, 0);
    let scored = fs::read_to_string(scored).expect("scored");
    assert_eq!(scored.lines().count(), 121);
    let page = fs::read_to_string(report).expect("a report");
    assert!(
        page.contains("with 95% confidence precision is at least") && page.contains("labels.csv"),
        "the promise"
    );
    run(&["explain", "顺达门锁107型", "门锁 顺达 107", "--models", shown(&one)], 0);

    // a changed scorer is noticed
    let path = one.join("scorer/default.json");
    let changed = fs::read_to_string(&path).expect("there").replacen("0.", "1.", 1);
    fs::write(&path, changed).expect("writable");
    let (_, error) = run(&["explain", "a", "b", "--models", shown(&one)], 1);
    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn labels_that_make_it_worse_are_refused_unless_forced() {
    let room = Room::new();
    let wrong = room.put("wrong.csv", &labels(300, 0, |same| truth(!same)));
    let valid = room.put("valid.csv", &labels(150, 300, truth));
    let out = room.path("mine");
    let arguments = ["train", shown(&wrong), "--valid", shown(&valid), "--out", shown(&out), "-q"];
    let (said, _) = run(&arguments, 4);
    assert!(said.contains("worse") && said.contains("--force"), "{said}");
    assert!(!out.exists());
    let (said, _) = run(&[&arguments[..], &["--lang", "zh"]].concat(), 4);
    assert!(said.contains("更差"), "{said}");
    run(&[&arguments[..], &["--force"]].concat(), 0);
    assert!(out.join("scorer/default.json").is_file());
}

#[test]
fn the_model_that_is_read_is_never_written() {
    let room = Room::new();
    let pairs = room.put("labels.csv", &labels(100, 0, truth));
    for command in ["train", "calibrate"] {
        let (_, error) = run(&[command, shown(&pairs), "--out", shown(&models()), "-q"], 1);
        assert!(error.contains("models folder that is read"), "{error}");
    }
    let full = room.path("full");
    fs::create_dir(&full).expect("new");
    fs::write(full.join("thesis.doc"), "years").expect("writable");
    let (_, error) = run(&["train", shown(&pairs), "--out", shown(&full), "-q"], 1);
    assert!(error.contains("thesis.doc"), "{error}");
}

#[test]
fn calibration_says_what_it_can_promise() {
    let room = Room::new();
    let pairs = room.put("labels.csv", &labels(600, 0, truth));
    let out = room.path("mine");
    let told = json(&["calibrate", shown(&pairs), "--out", shown(&out), "--target", "0.8"], 0);
    let promise = &told["promise"];
    assert_eq!(promise["pairs"], 600);
    assert_eq!(promise["target"], 0.8);
    if let Some(cut) = promise["cut"].as_f64() {
        // the cut is where score links from, without being asked to
        let scored = room.path("scored.csv");
        run(&["score", shown(&pairs), "--out", shown(&scored), "--models", shown(&out), "-q"], 0);
        let mut reader = csv::Reader::from_path(&scored).expect("scored");
        for row in reader.records().map(|r| r.expect("a row")) {
            let (confidence, zone) = (row[3].parse::<f64>().expect("a number"), &row[4]);
            // files carry six digits
            assert!(zone != "auto" || confidence > cut - 1e-6, "{confidence} {zone} {cut}");
        }
    }
    // a handful of labels proves nothing, and says so
    let few = room.put("few.csv", &labels(45, 0, truth));
    let (said, _) = run(&["calibrate", shown(&few), "--out", shown(&room.path("other")), "-q"], 0);
    assert!(said.contains("No cut holds") && said.contains("more labels"), "{said}");
    let (said, _) =
        run(&["calibrate", shown(&few), "--out", shown(&room.path("other")), "-q", "--lang", "zh"], 0);
    assert!(said.contains("没有阈值成立"), "{said}");
}

#[test]
fn bad_labels_are_named_by_file_and_line() {
    let room = Room::new();
    let out = room.path("mine");
    let bad = labels(100, 0, truth).replacen("different", "maybe", 1);
    let pairs = room.put("labels.csv", &bad);
    let output = run(&["calibrate", shown(&pairs), "--out", shown(&out)], 3);
    assert!(output.1.contains("labels.csv:3: the label 'maybe' is not understood"), "{}", output.1);
    let (_, error) = run(&["calibrate", shown(&pairs), "--out", shown(&out), "--lang", "zh"], 3);
    assert!(error.contains("看不懂标签 'maybe'"), "{error}");

    let none = room.put("none.csv", "left_name,right_name\n甲,乙\n");
    let (_, error) = run(&["train", shown(&none), "--out", shown(&out), "-q"], 1);
    assert!(error.contains("no column for 'label'") && error.contains("--map label=HEADER"), "{error}");
    let few = room.put("few.csv", &labels(30, 0, truth));
    for (language, part) in [("en", "too few labels"), ("zh", "标签太少")] {
        let (_, error) = run(&["train", shown(&few), "--out", shown(&out), "-q", "--lang", language], 1);
        assert!(error.contains(part) && error.contains("few.csv"), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
    run(&["train", shown(&few), "--out", shown(&out), "--target", "1.5"], 2);
}

#[test]
fn labels_that_contradict_each_other_are_counted() {
    let room = Room::new();
    let mut text = labels(100, 0, truth);
    text.push_str("顺达门锁100型,门锁 顺达 100,different\n");
    let pairs = room.put("labels.csv", &text);
    let (said, _) = run(&["calibrate", shown(&pairs), "--out", shown(&room.path("mine")), "-q"], 0);
    assert!(said.contains("1 of them are labelled both ways"), "{said}");
}

#[test]
fn a_label_column_by_another_name() {
    let room = Room::new();
    let text = labels(100, 0, truth).replacen("label", "结论", 1);
    let pairs = room.put("labels.csv", &text);
    let out = room.path("mine");
    run(&["calibrate", shown(&pairs), "--out", shown(&out), "-q", "--map", "label=结论"], 0);
}

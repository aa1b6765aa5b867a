//! The command from outside: exit codes, one clear line an error, the contract files, nothing half-written.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const RECORDS: &str = "\
node,sku,name,brand,spec,备注
shop,1,可口可乐500ml,,,a
shop,2,农夫山泉 550ml,,,
shop,3,海天金标生抽500ml,,,
shop,4,得力订书机,得力,,
online,x1,Coca-Cola 可口可乐 汽水 500毫升,可口可乐,500ml,b
online,x2,农夫山泉 饮用天然水 550ml,农夫山泉,550ml,
online,x3,海天 金标生抽 500ml,海天,500ml,
online,x4,农夫山泉 饮用天然水 1.5L,农夫山泉,1.5L,
";

fn tongpin() -> Command {
    let mut command = Command::cargo_bin("tongpin").expect("the binary");
    command.env("LC_ALL", "en_US.UTF-8").env("TONGPIN_MODELS", models());
    command
}

fn models() -> PathBuf {
    match std::env::var_os("TONGPIN_MODELS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
    }
}

struct Room(TempDir);

impl Room {
    fn new() -> Self {
        Room(TempDir::new().expect("a temporary folder"))
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("readable").flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs, expects a code, and gives stdout and stderr.
fn run(arguments: &[&str], code: i32) -> (String, String) {
    let output = tongpin().args(arguments).output().expect("started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out.into_owned(), err.into_owned())
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &["nonsense"][..],
        &["link"],
        &["link", "a.csv"],
        &["match", "a.csv", "--out", "x"],
        &["link", "a.csv", "--out", "x", "--auto", "85"],
        &["link", "a.csv", "--out", "x", "--auto", "0.2", "--review", "0.5"],
        &["link", "a.csv", "--out", "x", "--threads", "0"],
        &["link", "a.csv", "--out", "x", "--map", "colour=x"],
        &["demo", "--lang", "fr"],
    ] {
        let (_, error) = run(arguments, 2);
        assert!(!error.is_empty(), "{arguments:?}");
    }
    let (help, _) = run(&["--help"], 0);
    for part in ["link", "match", "score", "explain", "demo", "130", "rejected"] {
        assert!(help.contains(part), "{part}");
    }
    let (help, _) = run(&["link", "--help", "--lang", "zh"], 0);
    assert!(help.contains("用法") && !help.contains("Usage"));
}

#[test]
fn what_cannot_be_read_is_one_clear_line_in_both_languages() {
    let room = Room::new();
    let header = "node,sku,name\n";
    for (name, bytes, options, en, zh) in [
        ("a.csv", String::new(), &[][..], "the file is empty", "文件是空的"),
        ("a.csv", header.to_owned(), &[], "no row below", "没有数据行"),
        ("a.csv", "node,name\nn,a\n".to_owned(), &[], "no column for 'sku'", "找不到“sku”对应的列"),
        ("a.csv", "sku,name\n1,a\n".to_owned(), &[], "no column for 'node'", "找不到“node”对应的列"),
        ("a.csv", "\u{0}\u{1}\u{2}".to_owned(), &[], "binary data", "二进制数据"),
        ("a.xlsx", "nonsense".to_owned(), &[], "workbook cannot be read", "工作簿无法读取"),
        ("a.parquet", "PAR1".to_owned(), &[], "unknown kind of file 'parquet'", "不认识的文件类型"),
        ("a.csv", "x".repeat(10 << 20), &[], "not a header", "不像列名"),
        ("a.csv", format!("{header}n,1,\n"), &[], "none of the 1 rows", "没有一行可用"),
        (
            "a.csv",
            format!("{header}n,1,{}\n", "x".repeat(10 << 20)),
            &[],
            "name is 10485760 bytes long; the limit is 65536",
            "上限 65536",
        ),
        (
            "a.csv",
            format!("{header}n,1,a\n"),
            &["--map", "brand=牌子"],
            "no file has a column '牌子'",
            "没有哪个文件有",
        ),
        ("a.csv", format!("{header}n,1,a\n"), &["--many-per-node", "m"], "no such node", "没有这个节点"),
    ] {
        let path = room.put(name, bytes);
        let out = room.path("out");
        for (language, part) in [("en", en), ("zh", zh)] {
            let mut arguments =
                vec!["link", shown(&path), "--out", shown(&out), "--quiet", "--lang", language];
            arguments.extend(options);
            let (_, error) = run(&arguments, 1);
            assert!(error.contains(part), "{name}: {error}");
            assert_eq!(error.trim_end().lines().count(), 1, "{error}");
            assert!(error.len() < 1000, "{name}: {} bytes", error.len());
        }
        assert!(!out.exists(), "{name}");
        fs::remove_file(path).expect("there");
        assert!(room.names().is_empty(), "{name}: {:?}", room.names());
    }
    let (_, error) = run(&["link", "no/such.csv", "--out", shown(&room.path("out")), "-q"], 1);
    assert!(error.contains("no/such.csv: cannot be opened"), "{error}");
}

#[test]
fn folders_and_files_of_others_are_safe() {
    let room = Room::new();
    let records = room.put("records.csv", RECORDS);
    let full = room.path("full");
    fs::create_dir(&full).expect("a folder");
    fs::write(full.join("thesis.txt"), "years").expect("a file");
    let (_, error) = run(&["link", shown(&records), "--out", shown(&full), "-q"], 1);
    assert!(error.contains("thesis.txt") && error.contains("--force"), "{error}");
    let (_, error) = run(&["link", shown(&records), "--out", shown(&records), "-q"], 1);
    assert!(error.contains("is a file"), "{error}");
    let pairs = room.put("pairs.csv", "left_name,right_name\na,b\n");
    let (_, error) = run(&["score", shown(&pairs), "--out", shown(&pairs), "-q"], 1);
    assert!(error.contains("overwrite the input"), "{error}");
    let (_, error) = run(&["score", shown(&pairs), "--out", shown(&room.path("a.xlsx")), "-q"], 1);
    assert!(error.contains(".csv or .tsv"), "{error}");
    assert_eq!(text(&pairs), "left_name,right_name\na,b\n");
}

#[test]
fn a_missing_models_folder_says_what_to_do() {
    let room = Room::new();
    let (_, error) = run(&["explain", "a", "b", "--models", shown(&room.path("none"))], 1);
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(error.contains("manifest.json"), "{error}");
}

const CONTRACT: [(&str, &str); 3] = [
    ("masters.csv", "node,sku,master_id"),
    ("links.csv", "left_node,left_sku,right_node,right_sku,confidence,decision,reason"),
    ("review.csv", "node,sku,name,master_id,master_name,confidence,reason"),
];

#[test]
fn link_writes_the_contract_files() {
    let room = Room::new();
    let records = room.put("records.csv", RECORDS);
    let out = room.path("out/first");
    let (stdout, _) = run(&["link", shown(&records), "--out", shown(&out), "--json", "-q"], 0);
    for (name, header) in CONTRACT {
        assert_eq!(text(&out.join(name)).lines().next(), Some(header), "{name}");
    }
    assert_eq!(text(&out.join("masters.csv")).lines().count(), 9, "every record once");
    assert!(!out.join("rejected.csv").exists());
    let summary: serde_json::Value = serde_json::from_str(&stdout).expect("JSON on stdout");
    assert_eq!(text(&out.join("summary.json")).trim_end(), stdout.trim_end());
    let states = summary["states"].as_object().expect("states").values();
    assert_eq!(states.filter_map(serde_json::Value::as_u64).sum::<u64>(), 8, "in = sum over states");
    let report = text(&out.join("report.html"));
    assert!(report.contains("农夫山泉") && !report.contains("<script"));
    // shuffled rows, another number of threads: the same bytes
    let mut rows: Vec<&str> = RECORDS.lines().skip(1).collect();
    rows.reverse();
    let header = RECORDS.lines().next().unwrap_or_default();
    let shuffled = room.put("shuffled.csv", format!("{header}\n{}\n", rows.join("\n")));
    let second = room.path("out/second");
    run(&["link", shown(&shuffled), "--out", shown(&second), "-q", "--threads", "1"], 0);
    for (name, _) in CONTRACT {
        assert_eq!(text(&out.join(name)), text(&second.join(name)), "{name}");
    }
    // again into our own folder, with the other columns carried
    run(&["link", shown(&records), "--out", shown(&out), "-q", "--carry"], 0);
    let masters = text(&out.join("masters.csv"));
    assert_eq!(masters.lines().next(), Some("node,sku,master_id,name,brand,spec,备注"));
    assert!(
        masters.lines().any(|l| l.starts_with("shop,1,") && l.ends_with(",可口可乐500ml,,,a")),
        "{masters}"
    );
}

#[test]
fn rejected_rows_are_listed_and_the_code_is_3() {
    let room = Room::new();
    let records = room.put("records.csv", format!("{RECORDS}shop,1,again,,,\nshop,9,,,,\nshop,10\n"));
    let out = room.path("out");
    let (stdout, stderr) = run(&["link", shown(&records), "--out", shown(&out)], 3);
    let rejected = text(&out.join("rejected.csv"));
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(lines[0], "file,line,reason,raw");
    assert_eq!(lines.len(), 4, "{rejected}");
    for (line, part) in
        lines[1..].iter().zip([",10,\"duplicate: node shop already has sku 1", ",11,missing: name", ",12,"])
    {
        assert!(line.contains(part), "{line}");
    }
    assert!(stdout.contains("rejected 3 rows"), "{stdout}");
    assert!(stderr.contains("records.csv:10: node shop already has sku 1"), "{stderr}");
}

#[test]
fn match_calls_its_tables_left_and_right() {
    let room = Room::new();
    let left = room.put("left.csv", "id,title,manufacturer,price\n1,可口可乐500ml,,$3\n2,雪碧500ml,,\n");
    let right = room
        .put("right.jsonl", "{\"id\":1,\"name\":\"可口可乐 500毫升\"}\n{\"id\":2,\"name\":\"芬达 2L\"}\n");
    let out = room.path("out");
    run(&["match", shown(&left), shown(&right), "--out", shown(&out), "-q"], 0);
    let masters = text(&out.join("masters.csv"));
    let keys: Vec<&str> =
        masters.lines().skip(1).filter_map(|l| l.rsplit_once(',')).map(|(k, _)| k).collect();
    assert_eq!(keys, ["left,1", "left,2", "right,1", "right,2"]);
    for line in text(&out.join("links.csv")).lines().skip(1) {
        assert!(line.starts_with("left,"), "{line}");
    }
}

#[test]
fn score_keeps_the_files_own_columns() {
    let room = Room::new();
    let pairs = room.put(
        "pairs.csv",
        "left_name,right_name,label\n可口可乐500ml,可口可乐 500毫升,1\n,x,0\n农夫山泉1L,农夫山泉1.5L,0\n",
    );
    let out = room.path("scored/answer.csv");
    run(&["score", shown(&pairs), "--out", shown(&out), "-q"], 3);
    let scored = text(&out);
    let lines: Vec<&str> = scored.lines().collect();
    assert_eq!(lines[0], "left_name,right_name,label,confidence,zone,reason");
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("可口可乐500ml,可口可乐 500毫升,1,"));
    assert!(lines[2].contains(",reject,") && lines[2].contains("veto:volume"), "{}", lines[2]);
    assert!(text(&room.path("scored/answer.rejected.csv")).contains(",3,missing: left_name is empty"));
    let names: Vec<_> = fs::read_dir(room.path("scored")).expect("readable").flatten().collect();
    assert_eq!(names.len(), 2, "nothing temporary is left");
}

#[test]
fn explain_speaks_both_languages() {
    for (language, part) in [("en", "confidence"), ("zh", "置信度")] {
        let (out, _) = run(&["explain", "农夫山泉1L", "农夫山泉1.5L", "--lang", language], 0);
        assert!(out.contains(part), "{out}");
    }
    let (out, _) = run(&["explain", "农夫山泉1L", "农夫山泉1.5L", "--json"], 0);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["veto"], "volume");
    let (_, error) = run(&["explain", " ", "x"], 1);
    assert!(error.contains("LEFT_NAME is empty"), "{error}");
}

#[test]
fn the_demo_tells_its_story() {
    let room = Room::new();
    for (language, parts) in
        [("en", ["precision", "Next  ", "report.html"]), ("zh", ["准确率", "下一步", "report.html"])]
    {
        let output = tongpin()
            .args(["demo", "-q", "--lang", language])
            .current_dir(room.0.path())
            .output()
            .expect("run");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for part in parts {
            assert!(out.contains(part), "{part}: {out}");
        }
    }
    assert!(room.path("out/demo/masters.csv").exists());
}

/// Stopped at whatever moment: 130 and nothing, or finished and whole.
#[cfg(unix)]
#[test]
fn a_stop_leaves_nothing_half_written() {
    let room = Room::new();
    let rows: String = (0..400)
        .map(|i| format!("n{},{},商品 {} 型号{} {}ml\n", i % 4, i / 4, i / 4 % 37, i / 4, 100 + i / 4 % 9))
        .collect();
    let records = room.put("records.csv", format!("node,sku,name\n{rows}"));
    let program = assert_cmd::cargo::cargo_bin("tongpin");
    let mut stopped = 0;
    for delay in [20, 150, 400, 700, 1000, 1400, 2000] {
        let out = room.path("out");
        let mut child = Process::new(&program)
            .args(["link", shown(&records), "--out", shown(&out)])
            .env("TONGPIN_MODELS", models())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        std::thread::sleep(Duration::from_millis(delay));
        let sent =
            Process::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        assert!(sent.is_ok());
        let code = child.wait().expect("ended").code();
        match code {
            Some(130) => {
                stopped += 1;
                assert_eq!(room.names(), ["records.csv"], "after {delay} ms");
            }
            // Killed before the handler was there, or finished before the signal came.
            None => assert_eq!(room.names(), ["records.csv"], "after {delay} ms"),
            Some(0) => {
                assert_eq!(room.names(), ["out", "records.csv"]);
                assert_eq!(text(&out.join("masters.csv")).lines().count(), 401);
                fs::remove_dir_all(&out).expect("there");
            }
            other => panic!("{other:?} after {delay} ms"),
        }
    }
    assert!(stopped > 0, "no run was stopped in its middle");
}

//! `demo`: the project's own six nodes, linked and shown, with the precision against their truth. Data and truth are
//! in the program, so it needs nothing but the models.

use super::{Done, Failure, Finish, Job, print, produce};
use crate::args::{Call, Zones, shown};
use crate::examples;
use crate::kinds::reason_in_words;
use crate::lang::{Language, confidence, percent, pick, say, thousands};
use crate::report;
use domain::{LocalSku, SkuKey, Zone};
use engine::{LinkOutcome, ScoredPair};
use rustc_hash::FxHashMap;
use std::path::Path;
use tables::{ColumnMap, NodeFrom, RecordReader, Records};

const RECORDS: &[u8] = include_bytes!("../../../../datasets/demo/records.csv");
const TRUTH: &[u8] = include_bytes!("../../../../datasets/demo/truth.csv");

/// Pairs shown of each zone.
const SHOWN: usize = 4;

pub fn demo(call: &Call, out: &Path) -> Result<Finish, Failure> {
    let job = Job {
        command: "demo",
        inputs: vec!["datasets/demo/records.csv".to_owned()],
        out,
        zones: Zones::default(),
        many_per_node: &[],
        force: false,
    };
    let done = produce(call, &job, read)?;
    if call.json {
        print(done.summary.trim_end());
        return Ok(Finish::with(done.records.rejected.len()));
    }
    let language = call.language;
    let parts = [
        counts(&done, language),
        judgement(&judge(&done.records.skus, &done.outcome), saw_the_demo(call), language),
        zones(&done, language),
        next_steps(&done, out, language),
    ];
    print(&format!("\n{}", parts.join("\n").trim_end()));
    Ok(Finish::with(done.records.rejected.len()))
}

fn read() -> Result<Records, Failure> {
    let mut reader = RecordReader::new(&ColumnMap::default());
    reader.embedded("datasets/demo/records.csv", RECORDS, &NodeFrom::Column)?;
    Ok(reader.finish()?)
}

/// The demo's rows, for a service over them.
pub fn records() -> Result<Vec<LocalSku>, Failure> {
    Ok(read()?.skus)
}

fn counts(done: &Done, language: Language) -> String {
    let counts = &done.counts;
    let nodes = counts.nodes.len();
    let [records, masters, joined, pairs, questions] = [
        counts.records(),
        counts.joined_masters(),
        counts.joined_records(),
        counts.zone(Zone::Auto),
        done.outcome.reviews.len(),
    ]
    .map(thousands);
    say!(
        language,
        "Tongpin linked {records} records of {nodes} nodes, each with its own codes and names:\n  \
         {masters} goods are held by two or more records ({joined} records)\n  \
         {pairs} pairs were linked by machine\n  \
         {questions} questions are left for a person\n",
        "同品把 {nodes} 个节点各自编码、各自命名的 {records} 条记录关联了起来：\n  \
         {masters} 个商品由两条以上记录共有（共 {joined} 条）\n  \
         {pairs} 对名称由机器自动关联\n  \
         {questions} 个问题留给人确认\n"
    )
}

fn judgement(judged: &Judged, seen_in_training: bool, language: Language) -> String {
    let Judged { linked, right, true_pairs } = judged;
    let (precision, recall) = (percent(*right, *linked), percent(*right, *true_pairs));
    let [linked, right, true_pairs] = [*linked, *right, *true_pairs].map(thousands);
    let caution = if seen_in_training {
        pick(
            language,
            "The scorer was trained on these names too, so these figures flatter it; `evaluation` measures on unseen data.",
            "评分模型训练时也用过这些名称，因此数字偏高；未见过的数据上的表现请看 evaluation。",
        )
    } else {
        pick(
            language,
            "The scorer never saw these names; they were written for this project.",
            "评分模型没有见过这些名称；它们是为本项目编写的。",
        )
    };
    say!(
        language,
        "Checked against the demo's own truth, over pairs of records in different nodes:\n  \
         {right} of the {linked} that share a group are right (precision {precision});\n  \
         {right} of the {true_pairs} true pairs were found (recall {recall}).\n  \
         {caution}\n  \
         Expect other figures on your own data, and check a sample there.\n",
        "对照演示数据自带的标准答案（只看不同节点之间的记录对）：\n  \
         归为一组的 {linked} 对中 {right} 对正确（准确率 {precision}）；\n  \
         全部 {true_pairs} 对真同品中找到了 {right} 对（召回率 {recall}）。\n  \
         {caution}\n  \
         换成您自己的数据，数字会不同，请抽样核对。\n"
    )
}

/// Whether the manifest says that the scorer was trained on the demo: then its figures here are no test.
fn saw_the_demo(call: &Call) -> bool {
    let scorer = call.model.as_deref().unwrap_or("default");
    let manifest = engine::models_folder(call.models.as_deref())
        .ok()
        .and_then(|folder| std::fs::read_to_string(folder.join("manifest.json")).ok())
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let trained_on =
        manifest.as_ref().map(|m| &m["scorers"][scorer]["trained_on"]).and_then(|t| t.as_array());
    trained_on.is_none_or(|sets| sets.iter().any(|set| set == "demo"))
}

/// A few pairs of each zone, each with its reason.
fn zones(done: &Done, language: Language) -> String {
    let skus = &done.records.skus;
    // As many as for a page, then a few of them: the same spread, fewer lines.
    let chosen = examples::choose(skus, &done.outcome, 4 * SHOWN);
    let mut out = String::new();
    for (zone, pairs) in
        [(Zone::Auto, &chosen.linked), (Zone::Review, &chosen.asked), (Zone::Reject, &chosen.apart)]
    {
        if pairs.is_empty() {
            continue;
        }
        let title = match zone {
            Zone::Auto => pick(language, "Linked, for instance:", "自动关联，例如："),
            Zone::Review => pick(language, "Asked of a person, for instance:", "请人确认，例如："),
            Zone::Reject => pick(language, "Left apart, for instance:", "不关联，例如："),
        };
        out.push_str(title);
        out.push('\n');
        for pair in pairs.iter().step_by(pairs.len().div_ceil(SHOWN)) {
            out.push_str(&example(skus, pair, language));
            let why = examples::circumstance(skus, &done.outcome, Zones::default(), &[], pair);
            if let Some(why) = why {
                out.push_str(pick(language, "; ", "；"));
                out.push_str(&why.in_words(language));
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len() + 1);
    out
}

/// The program is named as it was called, so that the lines can be copied.
fn next_steps(done: &Done, out: &Path, language: Language) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "tongpin".to_owned());
    let report = shown(&out.join("report.html"));
    let (left, right) = names_to_explain(done);
    say!(
        language,
        "Report  {report}\n\
         Next    {program} explain '{left}' '{right}'\n        \
         {program} link YOUR-RECORDS.xlsx --out out/mine     (columns node, sku, name)",
        "报告    {report}\n\
         下一步  {program} explain '{left}' '{right}'\n        \
         {program} link 您的商品表.xlsx --out out/mine     （列：节点、编码、名称）"
    )
}

/// A linked pair whose names say it all: no further columns, nothing that a shell would read.
fn names_to_explain(done: &Done) -> (&str, &str) {
    let sku = |record: u32| &done.records.skus[record as usize];
    let plain = |s: &LocalSku| s.brand.is_none() && s.spec.is_none() && !s.name.contains('\'');
    examples::choose(&done.records.skus, &done.outcome, 4 * SHOWN)
        .linked
        .iter()
        .map(|pair| (sku(pair.left), sku(pair.right)))
        .find(|(left, right)| plain(left) && plain(right))
        .map_or(("绍兴黄酒礼盒A款", "鉴湖醉礼盒"), |(left, right)| (&left.name, &right.name))
}

fn example(skus: &[LocalSku], pair: &ScoredPair, language: Language) -> String {
    let side = |record: u32| {
        let sku = &skus[record as usize];
        let (name, cut) = report::cut_name(&sku.name, 36);
        let spec = sku.spec.as_deref().map(|s| format!(" [{s}]")).unwrap_or_default();
        format!("{name}{}{spec} ({})", if cut { "…" } else { "" }, sku.key.node)
    };
    let reason = reason_in_words(&pair.reason, language);
    let confidence = confidence(pair.confidence);
    format!("  {confidence:>5}  {}  ~  {}\n         {reason}", side(pair.left), side(pair.right))
}

/// How the machine's links stand to the truth, over pairs of records in different nodes.
struct Judged {
    linked: usize,
    right: usize,
    true_pairs: usize,
}

fn judge(skus: &[LocalSku], outcome: &LinkOutcome) -> Judged {
    let truth = truth();
    let cluster = |record: u32| truth.get(&skus[record as usize].key);
    let (mut linked, mut right) = (0, 0);
    for members in &outcome.members {
        for (i, a) in members.iter().enumerate() {
            for b in &members[i + 1..] {
                if skus[*a as usize].key.node != skus[*b as usize].key.node {
                    linked += 1;
                    right += usize::from(cluster(*a).is_some() && cluster(*a) == cluster(*b));
                }
            }
        }
    }
    let mut clusters: FxHashMap<&str, Vec<&SkuKey>> = FxHashMap::default();
    for (key, cluster) in &truth {
        clusters.entry(cluster).or_default().push(key);
    }
    let true_pairs = clusters
        .values()
        .map(|keys| {
            let others = |i: usize| keys[i + 1..].iter().filter(|k| k.node != keys[i].node).count();
            (0..keys.len()).map(others).sum::<usize>()
        })
        .sum();
    Judged { linked, right, true_pairs }
}

fn truth() -> FxHashMap<SkuKey, String> {
    csv::Reader::from_reader(TRUTH)
        .records()
        .flatten()
        .map(|row| (SkuKey::new(&row[0], &row[1]), row[2].to_owned()))
        .collect()
}

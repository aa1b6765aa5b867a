//! `demo`: the project's own six nodes, linked and shown, with the precision against their truth. Data and truth are
//! in the program, so it needs nothing but the models.

use super::{Failure, Finish, Job, print, produce};
use crate::args::{Call, Zones, shown};
use crate::examples;
use crate::kinds::{reason_in_words, zone_name};
use crate::lang::{Language, pick, say, thousands};
use crate::report;
use domain::{LocalSku, SkuKey, Zone};
use engine::{LinkOutcome, ScoredPair};
use rustc_hash::FxHashMap;
use std::path::Path;
use tables::{ColumnMap, NodeFrom, RecordReader};

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
    let done = produce(call, &job, || {
        let mut reader = RecordReader::new(&ColumnMap::default());
        reader.embedded("datasets/demo/records.csv", RECORDS, &NodeFrom::Column)?;
        Ok(reader.finish()?)
    })?;
    if call.json {
        print(done.summary.trim_end());
        return Ok(Finish::with(done.records.rejected.len()));
    }
    let language = call.language;
    let counts = &done.counts;
    let skus = &done.records.skus;
    let judged = judge(skus, &done.outcome);

    let mut text = String::from("\n");
    let mut line = |l: String| {
        text.push_str(&l);
        text.push('\n');
    };
    let (records, nodes) = (thousands(counts.records()), counts.nodes.len());
    line(say!(
        language,
        "Tongpin linked {records} records of {nodes} nodes, each with its own codes and names:",
        "同品把 {nodes} 个节点各自编码、各自命名的 {records} 条记录关联了起来："
    ));
    let masters = thousands(counts.joined_masters());
    let joined = thousands(counts.joined_records());
    let pairs = thousands(judged.linked);
    let questions = thousands(done.outcome.reviews.len());
    line(say!(
        language,
        "  {masters} goods are held by two or more records ({joined} records)",
        "  {masters} 个商品由两条以上记录共有（共 {joined} 条）"
    ));
    line(say!(
        language,
        "  {pairs} pairs across nodes were linked by machine",
        "  {pairs} 对跨节点名称由机器自动关联"
    ));
    line(say!(language, "  {questions} questions are left for a person", "  {questions} 个问题留给人确认"));
    let (right, linked, all) = (judged.right, judged.linked, judged.true_pairs);
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let (precision, recall) = (share(right, linked), share(right, all));
    line(String::new());
    line(say!(
        language,
        "  Checked against the demo's truth: {right} of {linked} linked pairs are right (precision {precision:.1}%),\n  \
         and {right} of the {all} true pairs were found (recall {recall:.1}%).\n  \
         The demo's names were written for this project: expect other figures on your data, and check a sample there.",
        "  对照演示数据的标准答案：自动关联的 {linked} 对中 {right} 对正确（准确率 {precision:.1}%），\n  \
         全部 {all} 对真同品中找到了 {right} 对（召回率 {recall:.1}%）。\n  \
         演示名称是为本项目编写的：换成您的数据，数字会不同，请抽样核对。"
    ));

    let chosen = examples::choose(skus, &done.outcome, 12);
    for (zone, pairs) in
        [(Zone::Auto, &chosen.linked), (Zone::Review, &chosen.asked), (Zone::Reject, &chosen.apart)]
    {
        if pairs.is_empty() {
            continue;
        }
        line(String::new());
        line(format!("{}{}", zone_name(zone, language), pick(language, ":", "：")));
        // Every third of those chosen for a page: the same spread, fewer lines.
        for pair in pairs.iter().step_by(pairs.len().div_ceil(SHOWN)) {
            line(example(skus, pair, language));
        }
    }
    line(String::new());
    let report = shown(&out.join("report.html"));
    line(say!(language, "Report:  {report}", "报告：    {report}"));
    line(
        pick(
            language,
            "Next:    tongpin explain '绍兴黄酒礼盒A款' '鉴湖醉礼盒'",
            "下一步：  tongpin explain '绍兴黄酒礼盒A款' '鉴湖醉礼盒'",
        )
        .to_owned(),
    );
    line(
        pick(
            language,
            "         tongpin link your-records.xlsx --out out/mine      (columns node, sku, name)",
            "          tongpin link 您的商品表.xlsx --out out/mine     （列：节点、编码、名称）",
        )
        .to_owned(),
    );
    print(text.trim_end());
    Ok(Finish::with(done.records.rejected.len()))
}

fn example(skus: &[LocalSku], pair: &ScoredPair, language: Language) -> String {
    let side = |record: u32| {
        let sku = &skus[record as usize];
        let (name, cut) = report::cut_name(&sku.name, 36);
        let spec = sku.spec.as_deref().map(|s| format!(" [{s}]")).unwrap_or_default();
        format!("{name}{}{spec} ({})", if cut { "…" } else { "" }, sku.key.node)
    };
    let reason = reason_in_words(&pair.reason, language);
    let confidence = pair.confidence;
    format!("  {confidence:.2}  {}  ~  {}\n        {reason}", side(pair.left), side(pair.right))
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

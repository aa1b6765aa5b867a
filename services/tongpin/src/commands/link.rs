//! `link` and `match`: files in, a result folder out.

use super::{Done, Failure, Finish, Job, print, produce, where_to_look};
use crate::args::{Call, Linking};
use crate::lang::{percent, say, thousands};
use domain::Zone;
use std::path::{Path, PathBuf};
use tables::{ColumnMap, NodeFrom, RecordReader, Records};

/// What `match` calls its two tables.
const SIDES: [&str; 2] = ["left", "right"];

pub fn link(call: &Call, paths: &[PathBuf], linking: &Linking) -> Result<Finish, Failure> {
    finish(call, "link", &with_nodes(paths), linking)
}

/// One file without a node column would be one node; several are a node each.
pub fn with_nodes(paths: &[PathBuf]) -> Vec<(&Path, NodeFrom)> {
    let node = if paths.len() > 1 { NodeFrom::ColumnOrFile } else { NodeFrom::Column };
    paths.iter().map(|path| (path.as_path(), node.clone())).collect()
}

pub fn match_two(call: &Call, left: &Path, right: &Path, linking: &Linking) -> Result<Finish, Failure> {
    let [l, r] = SIDES.map(|side| NodeFrom::Fixed(side.to_owned()));
    finish(call, "match", &[(left, l), (right, r)], linking)
}

fn finish(
    call: &Call,
    command: &str,
    files: &[(&Path, NodeFrom)],
    linking: &Linking,
) -> Result<Finish, Failure> {
    let paths: Vec<&Path> = files.iter().map(|(path, _)| *path).collect();
    let job = Job::new(command, &paths, linking);
    let done = produce(call, &job, || read(files, &linking.map, linking.carry))?;
    if call.json {
        print(done.summary.trim_end());
    } else {
        print(&overview(call, &done, &linking.out));
    }
    Ok(Finish::with(done.records.rejected.len()))
}

/// Many nodes' tables, for commands that need the rows alone.
pub fn read_all(paths: &[PathBuf], map: &ColumnMap) -> Result<Records, Failure> {
    let records = read(&with_nodes(paths), map, false)?;
    super::check_usable(&records)?;
    Ok(records)
}

fn read(files: &[(&Path, NodeFrom)], map: &ColumnMap, carry: bool) -> Result<Records, Failure> {
    let mut reader = RecordReader::new(map);
    if carry {
        reader = reader.carrying_columns();
    }
    for (path, node) in files {
        reader.file(path, node)?;
    }
    Ok(reader.finish()?)
}

fn overview(call: &Call, done: &Done, out: &Path) -> String {
    let language = call.language;
    let counts = &done.counts;
    let (records, nodes) = (thousands(counts.records()), counts.nodes.len());
    let (joined, share) =
        (thousands(counts.joined_records()), percent(counts.joined_records(), counts.records()));
    let masters = thousands(counts.joined_masters());
    let pairs = thousands(counts.zone(Zone::Auto));
    let questions = thousands(done.outcome.reviews.len());
    let mut lines = vec![
        say!(language, "records  {records} of {nodes} nodes", "记录    {records} 条，{nodes} 个节点"),
        say!(
            language,
            "linked   {joined} records ({share}) as {masters} goods, by {pairs} pairs",
            "已关联  {joined} 条（{share}），归为 {masters} 个商品，共 {pairs} 对"
        ),
        say!(
            language,
            "to ask   {questions} questions in review.csv",
            "待确认  {questions} 个问题，见 review.csv"
        ),
    ];
    let rejected = done.records.rejected.len();
    if rejected > 0 {
        let rejected = thousands(rejected);
        lines.push(say!(
            language,
            "rejected {rejected} rows, in rejected.csv",
            "未采用  {rejected} 行，见 rejected.csv"
        ));
    }
    lines.push(where_to_look(out, language));
    lines.join("\n")
}

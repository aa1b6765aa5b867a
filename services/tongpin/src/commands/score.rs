//! `score`: a file of pairs in, the same file with confidence, zone and reason out.

use super::{Failure, Finish, open, print, proved_zones, write_text, zone_policy};
use crate::args::{Call, Zones, shown};
use crate::failure;
use crate::files;
use crate::folder::{FolderError, move_file};
use crate::lang::{pick, say, thousands};
use crate::progress::Display;
use crate::report::{Scores, render_scores};
use crate::stop;
use domain::Zone;
use engine::{PairScore, Progress};
use serde_json::json;
use std::path::{Path, PathBuf};
use tables::{ColumnMap, read_pairs};

pub fn score(
    call: &Call,
    path: &Path,
    out: &Path,
    report: Option<&Path>,
    map: &ColumnMap,
    zones: Zones,
) -> Result<Finish, Failure> {
    let display = Display::new(call.language, call.quiet);
    let delimiter = delimiter_of(out)?;
    let same = |a: &Path, b: &Path| {
        std::fs::canonicalize(a).ok().is_some_and(|a| std::fs::canonicalize(b).ok() == Some(a))
    };
    for written in std::iter::once(out).chain(report) {
        if same(path, written) {
            return Err(Failure::OutIsInput(written.to_owned()));
        }
    }
    if out.is_dir() {
        return Err(Failure::OutName(out.to_owned()));
    }
    display.stage("read", 0);
    let read = read_pairs(path, map)?;
    if read.pairs.is_empty() {
        let first = read.rejected.first().cloned();
        return Err(Failure::NothingUsable(read.rejected.len(), Box::new(first)));
    }
    let engine = open(call, &display)?;
    let zones = proved_zones(zones, &engine);
    if zones.auto >= 1.0 && !zones.chosen {
        display.note(pick(
            call.language,
            "note: the labels that this model was tested on prove no cut, so nothing is linked; --auto chooses one all the same",
            "注意：该模型的标注数据证明不了任何阈值，因此不自动关联；可用 --auto 自行指定",
        ));
    }
    display.stage("score", 0);
    let scores = engine.score_pairs(&read.pairs, &zone_policy(zones))?;
    display.stage("write", 0);
    write_whole(out, |path| files::scores(path, delimiter, &read.header, &read.rows, &scores))?;
    if let Some(report) = report {
        let versions = engine.versions();
        let promise = engine.model().promise.as_ref();
        let page = Scores { file: &shown(path), scores: &scores, zones, promise, versions: &versions };
        write_whole(report, |path| write_text(path, &render_scores(&page, call.language)))?;
    }
    let rejected_path = out.with_extension("rejected.csv");
    if read.rejected.is_empty() {
        let _ = std::fs::remove_file(&rejected_path);
    } else {
        write_whole(&rejected_path, |path| files::rejected(path, &read.rejected))?;
    }
    display.close();
    if !call.quiet {
        failure::warn_of_rejected(&read.rejected, &shown(&rejected_path), call.language);
    }
    tell(call, out, &scores, read.rejected.len());
    Ok(Finish::with(read.rejected.len()))
}

fn delimiter_of(out: &Path) -> Result<u8, Failure> {
    let extension = out.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv") => Ok(b','),
        Some("tsv") => Ok(b'\t'),
        _ => Err(Failure::OutName(out.to_owned())),
    }
}

/// Writes beside the target and renames, so that a stop leaves the old file or the new one.
fn write_whole(target: &Path, write: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let folder =
        target.parent().filter(|p| !p.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    let failed = |source| FolderError::write(target, source);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let staging = tempfile::Builder::new().prefix(".tongpin-partial-").tempdir_in(&folder).map_err(failed)?;
    stop::remove_when_stopped(staging.path());
    let file = staging.path().join("table");
    write(&file)?;
    stop::finish(staging.path(), || move_file(&file, target)).map_err(failed)?;
    Ok(())
}

fn tell(call: &Call, out: &Path, scores: &[PairScore], rejected: usize) {
    let of = |zone| scores.iter().filter(|s| s.zone == zone).count();
    let (auto, review, reject) = (of(Zone::Auto), of(Zone::Review), of(Zone::Reject));
    if call.json {
        let summary = json!({
            "tool": "tongpin", "command": "score", "pairs": scores.len(), "rejected": rejected,
            "zones": {"auto": auto, "review": review, "reject": reject},
        });
        print(&serde_json::to_string_pretty(&summary).unwrap_or_default());
        return;
    }
    let out = shown(out);
    let [all, auto, review, reject] = [scores.len(), auto, review, reject].map(thousands);
    print(&say!(
        call.language,
        "{all} pairs: {auto} the same, {review} to be asked, {reject} not the same; written to {out}",
        "{all} 对：同品 {auto}，待确认 {review}，不同品 {reject}；已写入 {out}"
    ));
}

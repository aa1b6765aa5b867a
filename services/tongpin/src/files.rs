//! The contract files (design, "File contracts"): other tools read them, so columns and meaning stay. Cells are written
//! as they are, also those that begin with `=` or `+`: these are data for machines, and altering a name breaks links.

use crate::failure::Failure;
use csv::{StringRecord, Terminator, Writer, WriterBuilder};
use domain::LocalSku;
use engine::{LinkOutcome, PairScore};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use tables::{Records, Rejected};

type Table = Writer<BufWriter<File>>;

/// Columns of the contract files.
pub const MASTERS: [&str; 3] = ["node", "sku", "master_id"];
pub const LINKS: [&str; 7] =
    ["left_node", "left_sku", "right_node", "right_sku", "confidence", "decision", "reason"];
pub const REVIEW: [&str; 7] = ["node", "sku", "name", "master_id", "master_name", "confidence", "reason"];

fn table(
    path: &Path,
    delimiter: u8,
    write: impl FnOnce(&mut Table) -> csv::Result<()>,
) -> Result<(), Failure> {
    let failed = |source: std::io::Error| Failure::Write { path: path.to_owned(), source };
    let file = File::create(path).map_err(failed)?;
    let mut table = WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(Terminator::Any(b'\n'))
        .flexible(true)
        .from_writer(BufWriter::with_capacity(1 << 20, file));
    write(&mut table).map_err(|e| failed(e.into()))?;
    table.flush().map_err(failed)
}

/// Six decimals: finer than calibration can tell, coarse enough to be the same everywhere.
pub fn number(confidence: f64) -> String {
    format!("{confidence:.6}")
}

/// Every record once, by node and code.
pub fn masters(path: &Path, records: &Records, outcome: &LinkOutcome) -> Result<(), Failure> {
    let mut order: Vec<usize> = (0..records.skus.len()).collect();
    order.sort_by(|a, b| records.skus[*a].key.cmp(&records.skus[*b].key));
    table(path, b',', |out| {
        let carried = &records.carried_header;
        out.write_record(MASTERS.into_iter().chain(carried.iter().map(String::as_str)))?;
        for i in order {
            let key = &records.skus[i].key;
            let master = &outcome.master_ids[outcome.masters[i] as usize];
            let own = [key.node.0.as_str(), key.sku.0.as_str(), master];
            let cell = |column: usize| records.carried.get(i).and_then(|row| row.get(column)).unwrap_or("");
            out.write_record(own.into_iter().chain((0..carried.len()).map(cell)))?;
        }
        Ok(())
    })
}

/// Every pair at or above the report floor, by the keys of both sides.
pub fn links(path: &Path, skus: &[LocalSku], outcome: &LinkOutcome) -> Result<(), Failure> {
    table(path, b',', |out| {
        out.write_record(LINKS)?;
        for pair in &outcome.pairs {
            let (left, right) = (&skus[pair.left as usize].key, &skus[pair.right as usize].key);
            out.write_record([
                left.node.0.as_str(),
                left.sku.0.as_str(),
                right.node.0.as_str(),
                right.sku.0.as_str(),
                &number(pair.confidence),
                pair.zone.as_str(),
                &pair.reason,
            ])?;
        }
        Ok(())
    })
}

/// The questions for a person, most valuable first.
pub fn review(path: &Path, skus: &[LocalSku], outcome: &LinkOutcome) -> Result<(), Failure> {
    table(path, b',', |out| {
        out.write_record(REVIEW)?;
        for question in &outcome.reviews {
            let sku = &skus[question.record as usize];
            let master = question.master as usize;
            out.write_record([
                sku.key.node.0.as_str(),
                sku.key.sku.0.as_str(),
                &sku.name,
                &outcome.master_ids[master],
                &outcome.master_names[master],
                &number(question.confidence),
                &question.reason,
            ])?;
        }
        Ok(())
    })
}

/// `reason` is a stable code and an English sentence.
pub fn rejected(path: &Path, rows: &[Rejected]) -> Result<(), Failure> {
    table(path, b',', |out| {
        out.write_record(["file", "line", "reason", "raw"])?;
        for row in rows {
            let reason = format!("{}: {}", row.reason.code(), row.reason);
            out.write_record([row.file.as_str(), &row.line.to_string(), &reason, &row.raw])?;
        }
        Ok(())
    })
}

/// Rows that are ready.
pub fn rows<const N: usize>(path: &Path, header: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    table(path, b',', |out| {
        out.write_record(header)?;
        rows.iter().try_for_each(|row| out.write_record(row))
    })
}

/// The pair file's own columns, then ours.
pub fn scores(
    path: &Path,
    delimiter: u8,
    header: &[String],
    rows: &[StringRecord],
    scores: &[PairScore],
) -> Result<(), Failure> {
    table(path, delimiter, |out| {
        let ours = ["confidence", "zone", "reason"];
        out.write_record(header.iter().map(String::as_str).chain(ours))?;
        for (row, score) in rows.iter().zip(scores) {
            let confidence = number(score.confidence);
            let cell = |column: usize| row.get(column).unwrap_or("");
            let own = [confidence.as_str(), score.zone.as_str(), &score.reason];
            out.write_record((0..header.len()).map(cell).chain(own))?;
        }
        Ok(())
    })
}

//! Records and pairs out of the files that people have: CSV (UTF-8, with or without a byte order mark, GB18030 or
//! UTF-16), TSV, JSONL and XLSX/XLS, with headers in Chinese or English or under a column map.
//!
//! ```text
//! file ─ source (bytes, encoding) ─┬─ delimited (csv, tsv, txt) ─┐
//!                                  ├─ jsonl ─────────────────────┼─ sink: records | pairs
//!                                  └─ workbook (xlsx, xls) ──────┘
//! ```
//!
//! Two kinds of trouble, never mixed:
//! - a **row** that cannot be used is a [`Rejected`]: file, line, [`Reason`], the row's beginning. It never stops a run.
//! - a **file** that cannot be used is a [`TableError`]: one line that says what is wrong and what to do.
//!
//! Text files are streamed; memory holds the accepted records and the rejections only.

mod columns;
mod delimited;
mod error;
mod jsonl;
mod pairs;
mod records;
mod row;
mod source;
mod workbook;

pub use columns::{ColumnMap, Field};
pub use error::{BinaryKind, Reason, Rejected, TableError};
pub use pairs::{Pairs, read_labelled_pairs, read_pairs};
pub use records::{NodeFrom, RecordReader, Records};

use std::path::Path;

/// The longest cell that is read. Product names are a few dozen bytes; a cell beyond this is a mistake in the file.
pub const MAX_FIELD_BYTES: usize = 64 * 1024;

/// What takes the rows of a file, whatever its format.
pub(crate) trait Sink {
    /// Whether this row holds every column that is needed: how a workbook's header is found below its title lines.
    fn fits(&self, header: &[String]) -> bool;
    /// Called before the first row, and again when a later row brings columns that were unknown (JSONL).
    fn header(&mut self, header: &[String]);
    /// Fails when the header lacks a needed column.
    fn require(&self) -> Result<(), TableError>;
    /// One row, as many cells as the header has. `line` counts from 1.
    fn row(&mut self, line: u64, cells: &[std::borrow::Cow<'_, str>]);
    fn reject(&mut self, line: u64, reason: Reason, raw: &str);
    /// Rows seen so far, good or bad.
    fn seen(&self) -> u64;
}

/// Reads a file by its extension into a sink.
fn read_file(path: &Path, sink: &mut dyn Sink) -> Result<(), TableError> {
    let file = path.display().to_string();
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "csv" | "tsv" | "tab" | "txt" | "jsonl" | "ndjson" => {
            read_text(source::Source::open(path)?, &extension, sink)?;
        }
        "xlsx" | "xlsm" => workbook::read_xlsx(path, sink)?,
        "xls" => workbook::read_xls(path, sink)?,
        _ => return Err(TableError::UnknownExtension { file, extension }),
    }
    if sink.seen() == 0 { Err(TableError::NoRows { file }) } else { Ok(()) }
}

fn read_text(source: source::Source, extension: &str, sink: &mut dyn Sink) -> Result<(), TableError> {
    match extension {
        "jsonl" | "ndjson" => jsonl::read(source, sink),
        "tsv" | "tab" => delimited::read(source, Some(b'\t'), sink),
        _ => delimited::read(source, None, sink),
    }
}

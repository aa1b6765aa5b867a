//! CSV and TSV. Rows are parsed one line at a time by the state machine of the `csv` crate, for one reason: a quote
//! that somebody forgot to close must cost one row, not the rest of the file. Lines that belong to a failed row are
//! put back and read again as rows of their own.
//!
//! Delimiters and quotes are ASCII and no byte of a GB18030 character can be mistaken for one (trail bytes begin at
//! 0x30 and leave out `"`, `,`, tab and line breaks), so rows are split on raw bytes and decoded cell by cell.

use crate::source::{Encoding, Source};
use crate::{MAX_FIELD_BYTES, Reason, Sink, TableError};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::BufRead;

/// A quoted cell may run over several lines; beyond this the quote counts as left open.
const MAX_ROW_BYTES: usize = 16 * MAX_FIELD_BYTES;

/// `delimiter`: where the file's extension tells it; else comma, semicolon or tab, whichever the header has most of.
pub(crate) fn read(source: Source, delimiter: Option<u8>, sink: &mut dyn Sink) -> Result<(), TableError> {
    let Source { name, encoding, reader } = source;
    let mut lines = Lines { reader, pending: VecDeque::new(), next: 1 };
    let io = |source| TableError::Io { file: name.clone(), source };
    let first = loop {
        match lines.next().map_err(io)? {
            None => return Err(TableError::Empty { file: name }),
            Some(line) if line.is_blank() => {}
            Some(line) => break line,
        }
    };
    if first.bytes.len() > MAX_FIELD_BYTES {
        return Err(TableError::HeaderTooLong { file: name, bytes: first.bytes.len() });
    }
    let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(&first.bytes));
    lines.put_back(vec![first]);

    let io = |source| TableError::Io { file: name.clone(), source };
    let mut parser = Parser::new(delimiter);
    let mut header: Option<Vec<String>> = None;
    while let Some(row) = parser.next_row(&mut lines, header.as_ref().map(Vec::len)).map_err(io)? {
        let line = row.first_line;
        if row.outcome == Outcome::OpenQuote {
            sink.reject(line, Reason::OpenQuote, &encoding.decode_lossy(parser.raw()));
            continue;
        }
        let Some(header) = &header else {
            let names: Vec<String> =
                parser.cells().map(|c| encoding.decode_lossy(c).trim().to_owned()).collect();
            sink.header(&names);
            sink.require()?;
            header = Some(names);
            continue;
        };
        match decoded(&parser, encoding, header) {
            Ok(cells) => sink.row(line, &cells),
            Err(reason) => sink.reject(line, reason, &encoding.decode_lossy(parser.raw())),
        }
    }
    Ok(())
}

/// The row's cells as text, empty ones beyond the header dropped (spreadsheets write such).
fn decoded<'p>(
    parser: &'p Parser,
    encoding: Encoding,
    header: &[String],
) -> Result<Vec<Cow<'p, str>>, Reason> {
    let mut cells = Vec::with_capacity(header.len());
    for (i, cell) in parser.cells().enumerate() {
        if i >= header.len() && cell.is_empty() {
            continue;
        }
        let column = || header.get(i).cloned().unwrap_or_else(|| format!("#{}", i + 1));
        if cell.len() > MAX_FIELD_BYTES {
            return Err(Reason::TooLong { column: column(), bytes: cell.len() });
        }
        cells.push(encoding.decode(cell).ok_or_else(|| Reason::InvalidBytes { column: column() })?);
    }
    Ok(cells)
}

fn likely_delimiter(header: &[u8]) -> u8 {
    let count = |d: u8| header.iter().filter(|b| **b == d).count();
    // On equal counts the comma wins: max_by_key takes the last of equals.
    [b';', b'\t', b','].into_iter().max_by_key(|d| count(*d)).unwrap_or(b',')
}

struct Line {
    number: u64,
    bytes: Vec<u8>,
}

impl Line {
    fn is_blank(&self) -> bool {
        self.bytes.iter().all(|b| matches!(b, b'\n' | b'\r'))
    }
}

/// Physical lines, with those of a failed row put back in front.
struct Lines {
    reader: Box<dyn BufRead>,
    pending: VecDeque<Line>,
    next: u64,
}

impl Lines {
    fn next(&mut self) -> std::io::Result<Option<Line>> {
        if let Some(line) = self.pending.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        if self.reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let number = self.next;
        self.next += 1;
        Ok(Some(Line { number, bytes }))
    }

    fn put_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.pending.push_front(line);
        }
    }
}

#[derive(PartialEq)]
enum Outcome {
    Row,
    /// Only the first line was used up; the others were put back.
    OpenQuote,
}

struct Row {
    first_line: u64,
    outcome: Outcome,
}

/// One row at a time into reused buffers.
struct Parser {
    machine: Reader,
    delimiter: u8,
    output: Vec<u8>,
    ends: Vec<usize>,
    used: usize,
    fields: usize,
    held: Vec<Line>,
}

impl Parser {
    fn new(delimiter: u8) -> Self {
        Parser {
            machine: ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            output: vec![0; 4096],
            ends: vec![0; 64],
            used: 0,
            fields: 0,
            held: Vec::new(),
        }
    }

    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends[..self.fields].iter().map(move |&end| &self.output[std::mem::replace(&mut start, end)..end])
    }

    /// The bytes of the row's first line.
    fn raw(&self) -> &[u8] {
        let bytes = self.held.first().map_or(&[][..], |l| &l.bytes[..l.bytes.len().min(2048)]);
        let end = bytes.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |i| i + 1);
        &bytes[..end]
    }

    /// `width`: the header's number of fields; a row over several lines that has another number is an open quote
    /// that some later quote happened to close.
    fn next_row(&mut self, lines: &mut Lines, width: Option<usize>) -> std::io::Result<Option<Row>> {
        self.machine.reset();
        self.held.clear();
        (self.used, self.fields) = (0, 0);
        let mut bytes = 0;
        loop {
            let Some(line) = lines.next()? else {
                if self.held.is_empty() {
                    return Ok(None);
                }
                // The file ended: a last line without a line break is a row, an open quote is not.
                let complete = self.feed(b"\n");
                return Ok(Some(if complete && !self.is_odd(width) { self.row() } else { self.undo(lines) }));
            };
            if self.held.is_empty() && line.is_blank() {
                continue;
            }
            bytes += line.bytes.len();
            let complete = self.feed(&line.bytes);
            self.held.push(line);
            if complete {
                return Ok(Some(if self.is_odd(width) { self.undo(lines) } else { self.row() }));
            }
            if bytes > MAX_ROW_BYTES && self.held.len() > 1 {
                return Ok(Some(self.undo(lines)));
            }
        }
    }

    /// A row over several lines that is no row: its number of fields is wrong, or a quote closes in the middle of
    /// a cell, which is how the *opening* quote of a later row looks when an earlier one was left open.
    fn is_odd(&self, width: Option<usize>) -> bool {
        self.held.len() > 1 && (width.is_some_and(|w| w != self.fields) || !self.is_well_quoted())
    }

    fn is_well_quoted(&self) -> bool {
        #[derive(PartialEq)]
        enum At {
            CellStart,
            Plain,
            Quoted,
            QuoteInQuoted,
        }
        let mut at = At::CellStart;
        for &byte in self.held.iter().flat_map(|l| &l.bytes) {
            let ends_cell = byte == self.delimiter || matches!(byte, b'\n' | b'\r');
            at = match (at, byte) {
                (At::CellStart, b'"') | (At::QuoteInQuoted, b'"') => At::Quoted,
                (At::Quoted, b'"') => At::QuoteInQuoted,
                (At::Quoted, _) => At::Quoted,
                (At::QuoteInQuoted, _) if !ends_cell => return false,
                (_, _) if ends_cell => At::CellStart,
                (_, _) => At::Plain,
            };
        }
        at != At::Quoted
    }

    fn row(&self) -> Row {
        Row { first_line: self.held[0].number, outcome: Outcome::Row }
    }

    fn undo(&mut self, lines: &mut Lines) -> Row {
        lines.put_back(self.held.split_off(1));
        Row { first_line: self.held[0].number, outcome: Outcome::OpenQuote }
    }

    /// True when the row is complete.
    fn feed(&mut self, mut input: &[u8]) -> bool {
        loop {
            let (result, read, written, ended) =
                self.machine.read_record(input, &mut self.output[self.used..], &mut self.ends[self.fields..]);
            input = &input[read..];
            self.used += written;
            self.fields += ended;
            match result {
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty => return false,
                ReadRecordResult::Record | ReadRecordResult::End => return true,
            }
        }
    }
}

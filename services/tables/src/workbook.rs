//! XLSX (streamed cell by cell) and old XLS (whole sheet; it holds at most 65,536 rows). The first visible sheet whose
//! first rows hold a header with every needed column is read: exports often have a title line or a cover sheet before.

use crate::{Reason, Sink, TableError};
use calamine::{Data, DataRef, Reader, SheetType, SheetVisible, Xls, Xlsx, open_workbook};
use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Rows at a sheet's top among which the header is looked for.
const HEADER_ROWS: usize = 20;
/// Cells further right are ignored: a stray cell in column XFD must not make every row 16,384 wide.
const MAX_COLUMNS: usize = 1024;

type Cells = Vec<Result<String, String>>;

pub(crate) fn read_xlsx(path: &Path, sink: &mut dyn Sink) -> Result<(), TableError> {
    let file = path.display().to_string();
    refuse_empty(path)?;
    let mut book: Xlsx<BufReader<File>> = open_workbook(path).map_err(|e| broken(&file, e))?;
    let mut choice = Choice::default();
    for sheet in visible_sheets(book.sheets_metadata()) {
        let mut top = Vec::new();
        each_row(&mut book, &sheet, &file, &mut |line, cells| {
            top.push((line, cells));
            top.len() < HEADER_ROWS
        })?;
        if choice.settles_on(&sheet, &top, sink) {
            break;
        }
    }
    let (sheet, header_line) = choice.0.ok_or_else(|| TableError::Empty { file: file.clone() })?;
    let mut taker = Taker::new(header_line, sink);
    each_row(&mut book, &sheet, &file, &mut |line, cells| taker.take(line, cells))?;
    taker.finish()
}

pub(crate) fn read_xls(path: &Path, sink: &mut dyn Sink) -> Result<(), TableError> {
    let file = path.display().to_string();
    refuse_empty(path)?;
    let mut book: Xls<BufReader<File>> = open_workbook(path).map_err(|e| broken(&file, e))?;
    let mut choice = Choice::default();
    for sheet in visible_sheets(book.sheets_metadata()) {
        let range = book.worksheet_range(&sheet).map_err(|e| broken(&file, e))?;
        let top: Vec<(u64, Cells)> = range_rows(&range).take(HEADER_ROWS).collect();
        if choice.settles_on(&sheet, &top, sink) {
            break;
        }
    }
    let (sheet, header_line) = choice.0.ok_or_else(|| TableError::Empty { file: file.clone() })?;
    let range = book.worksheet_range(&sheet).map_err(|e| broken(&file, e))?;
    let mut taker = Taker::new(header_line, sink);
    for (line, cells) in range_rows(&range) {
        if !taker.take(line, cells) {
            break;
        }
    }
    taker.finish()
}

fn refuse_empty(path: &Path) -> Result<(), TableError> {
    let file = || path.display().to_string();
    let size = std::fs::metadata(path).map_err(|source| TableError::Io { file: file(), source })?.len();
    if size == 0 { Err(TableError::Empty { file: file() }) } else { Ok(()) }
}

fn broken(file: &str, error: impl std::fmt::Display) -> TableError {
    TableError::Workbook { file: file.to_owned(), detail: error.to_string() }
}

fn visible_sheets(sheets: &[calamine::Sheet]) -> Vec<String> {
    sheets
        .iter()
        .filter(|s| s.typ == SheetType::WorkSheet && s.visible == SheetVisible::Visible)
        .map(|s| s.name.clone())
        .collect()
}

/// The sheet to read and the line its header is on. Where no sheet has a fitting header it is the first sheet's first
/// row, so that the message can name the columns there are.
#[derive(Default)]
struct Choice(Option<(String, u64)>);

impl Choice {
    /// True when this sheet has a fitting header.
    fn settles_on(&mut self, sheet: &str, top: &[(u64, Cells)], sink: &dyn Sink) -> bool {
        let fitting = top.iter().find(|(_, cells)| sink.fits(&header_of(cells)));
        if let Some((line, _)) = fitting.or_else(|| top.first().filter(|_| self.0.is_none())) {
            self.0 = Some((sheet.to_owned(), *line));
        }
        fitting.is_some()
    }
}

fn header_of(cells: &Cells) -> Vec<String> {
    let mut header: Vec<String> =
        cells.iter().map(|c| c.clone().unwrap_or_default().trim().to_owned()).collect();
    while header.last().is_some_and(String::is_empty) {
        header.pop();
    }
    header
}

/// Takes the rows below the header.
struct Taker<'s> {
    header_line: u64,
    header: Vec<String>,
    sink: &'s mut dyn Sink,
    error: Option<TableError>,
}

impl<'s> Taker<'s> {
    fn new(header_line: u64, sink: &'s mut dyn Sink) -> Self {
        Taker { header_line, header: Vec::new(), sink, error: None }
    }

    /// False to stop.
    fn take(&mut self, line: u64, mut cells: Cells) -> bool {
        if self.header.is_empty() {
            if line >= self.header_line {
                self.header = header_of(&cells);
                self.sink.header(&self.header);
                self.error = self.sink.require().err();
            }
            return self.error.is_none();
        }
        cells.resize(self.header.len(), Ok(String::new()));
        let bad = cells.iter().zip(&self.header).find_map(|(cell, column)| {
            let error = cell.as_ref().err()?.clone();
            Some(Reason::CellError { column: column.clone(), error })
        });
        let cells: Vec<Cow<'_, str>> =
            cells.iter().map(|c| Cow::Borrowed(c.as_ref().map_or("", String::as_str))).collect();
        match bad {
            Some(reason) => self.sink.reject(line, reason, &cells.join(",")),
            None if cells.iter().all(|c| c.trim().is_empty()) => {}
            None => self.sink.row(line, &cells),
        }
        true
    }

    fn finish(self) -> Result<(), TableError> {
        self.error.map_or(Ok(()), Err)
    }
}

/// Calls `take` with every row that has a cell, until it says false.
fn each_row(
    book: &mut Xlsx<BufReader<File>>,
    sheet: &str,
    file: &str,
    take: &mut dyn FnMut(u64, Cells) -> bool,
) -> Result<(), TableError> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(|e| broken(file, e))?;
    let (mut current, mut cells) = (0, Cells::new());
    while let Some(cell) = reader.next_cell().map_err(|e| broken(file, e))? {
        let (row, column) = cell.get_position();
        let line = u64::from(row) + 1;
        if line != current && !cells.is_empty() && !take(current, std::mem::take(&mut cells)) {
            return Ok(());
        }
        current = line;
        let column = column as usize;
        let text = match cell.get_value() {
            DataRef::SharedString(text) => Ok((*text).to_owned()),
            other => text_of(&Data::from(other.clone())),
        };
        if column < MAX_COLUMNS && text.as_ref().map_or(true, |t| !t.is_empty()) {
            if cells.len() <= column {
                cells.resize(column + 1, Ok(String::new()));
            }
            cells[column] = text;
        }
    }
    if !cells.is_empty() {
        take(current, cells);
    }
    Ok(())
}

fn range_rows(range: &calamine::Range<Data>) -> impl Iterator<Item = (u64, Cells)> {
    let (top, left) = range.start().unwrap_or_default();
    range.rows().enumerate().filter(|(_, row)| row.iter().any(|c| *c != Data::Empty)).map(move |(i, row)| {
        let before = std::iter::repeat_n(Ok(String::new()), left as usize);
        (u64::from(top) + i as u64 + 1, before.chain(row.iter().map(text_of)).take(MAX_COLUMNS).collect())
    })
}

/// A cell as a person would copy it: codes and barcodes that a spreadsheet keeps as numbers lose their `.0`.
fn text_of(cell: &Data) -> Result<String, String> {
    match cell {
        Data::Empty => Ok(String::new()),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Ok(format!("{number:.0}")),
        Data::Error(error) => Err(error.to_string()),
        other => Ok(other.to_string()),
    }
}

//! Pair files: both sides of a question in one row, `left_name,right_name` and optionally `left_brand`, `right_spec`
//! and so on. Every column is kept, so that the answer can be written beside it.

use crate::columns::{Field, Layout, Side};
use crate::error::beginning;
use crate::row::{check_cells, sku_of};
use crate::{ColumnMap, Reason, Rejected, Sink, TableError, read_file};
use csv::StringRecord;
use domain::LocalSku;
use std::borrow::Cow;
use std::path::Path;

/// What was read.
#[derive(Debug, Default)]
pub struct Pairs {
    /// The file's own columns.
    pub header: Vec<String>,
    pub pairs: Vec<(LocalSku, LocalSku)>,
    /// Beside each of `pairs`: its row as it was; may be shorter than the header (JSONL).
    pub rows: Vec<StringRecord>,
    pub rejected: Vec<Rejected>,
}

pub fn read_pairs(path: &Path, map: &ColumnMap) -> Result<Pairs, TableError> {
    let mut sink = PairSink {
        file: path.display().to_string(),
        map,
        layouts: [Layout::default(), Layout::default()],
        read: Pairs::default(),
        seen: 0,
    };
    read_file(path, &mut sink)?;
    if let Some((field, header)) = map.unused(&sink.read.header) {
        let (field, header) = (field.to_owned(), header.to_owned());
        return Err(TableError::MapHeader { field, header, found: sink.read.header });
    }
    Ok(sink.read)
}

struct PairSink<'m> {
    file: String,
    map: &'m ColumnMap,
    layouts: [Layout; 2],
    read: Pairs,
    seen: u64,
}

impl PairSink<'_> {
    fn layouts_of(&self, header: &[String]) -> [Layout; 2] {
        Side::ALL.map(|side| Layout::resolve_side(header, self.map, side))
    }

    fn pair(&self, line: u64, cells: &[Cow<'_, str>]) -> Result<(LocalSku, LocalSku), Reason> {
        check_cells(&self.read.header, cells)?;
        // A pair file need not have codes: the line tells its rows apart.
        let line = line.to_string();
        let one = |side: Side| {
            let layout = &self.layouts[side as usize];
            let label = |field: Field| format!("{}_{}", side.as_str(), field.as_str());
            sku_of(layout, cells, Some(side.as_str()), Some(&line), label)
        };
        Ok((one(Side::Left)?, one(Side::Right)?))
    }
}

fn missing(layouts: &[Layout; 2]) -> Option<Side> {
    Side::ALL.into_iter().find(|side| layouts[*side as usize].column(Field::Name).is_none())
}

impl Sink for PairSink<'_> {
    fn fits(&self, header: &[String]) -> bool {
        missing(&self.layouts_of(header)).is_none()
    }

    fn header(&mut self, header: &[String]) {
        self.layouts = self.layouts_of(header);
        self.read.header = header.to_vec();
    }

    fn require(&self) -> Result<(), TableError> {
        let Some(side) = missing(&self.layouts) else { return Ok(()) };
        Err(TableError::MissingColumn {
            file: self.file.clone(),
            field: format!("{}_name", side.as_str()),
            found: self.read.header.clone(),
        })
    }

    fn row(&mut self, line: u64, cells: &[Cow<'_, str>]) {
        match self.pair(line, cells) {
            Ok(pair) => {
                self.seen += 1;
                self.read.pairs.push(pair);
                self.read.rows.push(cells.iter().map(Cow::as_ref).collect());
            }
            Err(reason) => self.reject(line, reason, &cells.join(",")),
        }
    }

    fn reject(&mut self, line: u64, reason: Reason, raw: &str) {
        self.seen += 1;
        let file = self.file.clone();
        self.read.rejected.push(Rejected { file, line, reason, raw: beginning(raw) });
    }

    fn seen(&self) -> u64 {
        self.seen
    }
}

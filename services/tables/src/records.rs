//! Rows to records of one or several files, each (node, sku) once.

use crate::columns::{Field, Layout};
use crate::error::beginning;
use crate::row::{check_cells, sku_of};
use crate::source::Source;
use crate::{ColumnMap, Reason, Rejected, Sink, TableError, read_file, read_text};
use csv::StringRecord;
use domain::{LocalSku, SkuKey};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::path::Path;

/// Where a file's rows get their node from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeFrom {
    /// The node column, which must be there.
    Column,
    /// The node column; a file without one is one node, named like the file without its ending.
    ColumnOrFile,
    /// This node, whatever the file says.
    Fixed(String),
}

/// What was read.
#[derive(Debug, Default)]
pub struct Records {
    pub skus: Vec<LocalSku>,
    pub rejected: Vec<Rejected>,
    /// The headers of the carried columns: every column but node and sku, in order of first appearance.
    pub carried_header: Vec<String>,
    /// Beside each of `skus`; rows may be shorter than the header. Empty unless asked for.
    pub carried: Vec<StringRecord>,
    /// All headers, in order of first appearance.
    pub header: Vec<String>,
    /// Which column was read as what, in the last file.
    pub columns: Vec<(Field, String)>,
}

/// Reads files one after the other into one set of records.
pub struct RecordReader {
    map: ColumnMap,
    carry: bool,
    records: Records,
    /// Where each key was first seen: file number and line.
    places: FxHashMap<SkuKey, (u32, u64)>,
    files: Vec<String>,
    headers: Vec<String>,
}

impl RecordReader {
    pub fn new(map: &ColumnMap) -> Self {
        RecordReader {
            map: map.clone(),
            carry: false,
            records: Records::default(),
            places: FxHashMap::default(),
            files: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Keeps the other columns' text beside each record.
    pub fn carrying_columns(mut self) -> Self {
        self.carry = true;
        self
    }

    pub fn file(&mut self, path: &Path, node: &NodeFrom) -> Result<(), TableError> {
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let mut sink = self.sink(path.display().to_string(), stem, node);
        read_file(path, &mut sink)
    }

    /// Text that the program carries in itself; `name`'s ending tells the format.
    pub fn embedded(&mut self, name: &str, bytes: &'static [u8], node: &NodeFrom) -> Result<(), TableError> {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut sink = self.sink(name.to_owned(), stem.to_owned(), node);
        read_text(Source::from_bytes(name, bytes)?, extension, &mut sink)
    }

    /// Fails when the column map names a header that no file has.
    pub fn finish(mut self) -> Result<Records, TableError> {
        if let Some((field, header)) = self.map.unused(&self.headers) {
            let (field, header) = (field.to_owned(), header.to_owned());
            return Err(TableError::MapHeader { field, header, found: self.headers });
        }
        self.records.header = self.headers;
        Ok(self.records)
    }

    fn sink<'r>(&'r mut self, file: String, stem: String, node: &'r NodeFrom) -> FileSink<'r> {
        self.files.push(file);
        FileSink {
            number: self.files.len() as u32 - 1,
            reader: self,
            node,
            stem,
            header: Vec::new(),
            layout: Layout::default(),
            carried: Vec::new(),
            seen: 0,
        }
    }
}

/// One file's way into the records.
struct FileSink<'r> {
    reader: &'r mut RecordReader,
    number: u32,
    node: &'r NodeFrom,
    stem: String,
    header: Vec<String>,
    layout: Layout,
    /// For each carried header, this file's column.
    carried: Vec<Option<usize>>,
    seen: u64,
}

impl FileSink<'_> {
    fn missing(&self, layout: &Layout) -> Option<Field> {
        let needs_node = *self.node == NodeFrom::Column;
        [Field::Sku, Field::Name]
            .into_iter()
            .chain(needs_node.then_some(Field::Node))
            .find(|f| layout.column(*f).is_none())
    }

    fn record(&self, cells: &[Cow<'_, str>]) -> Result<LocalSku, Reason> {
        check_cells(&self.header, cells)?;
        let node = match self.node {
            NodeFrom::Fixed(node) => Some(node.as_str()),
            NodeFrom::ColumnOrFile if self.layout.column(Field::Node).is_none() => Some(self.stem.as_str()),
            NodeFrom::Column | NodeFrom::ColumnOrFile => None,
        };
        let label = |field: Field| match self.layout.column(field) {
            Some(i) => self.header[i].clone(),
            None => field.as_str().to_owned(),
        };
        let sku = sku_of(&self.layout, cells, node, None, label)?;
        match self.reader.places.get(&sku.key) {
            None => Ok(sku),
            Some(&(file, first)) => Err(Reason::Duplicate {
                node: sku.key.node.to_string(),
                sku: sku.key.sku.to_string(),
                file: self.reader.files[file as usize].clone(),
                line: first,
            }),
        }
    }
}

impl Sink for FileSink<'_> {
    fn fits(&self, header: &[String]) -> bool {
        self.missing(&Layout::resolve(header, &self.reader.map)).is_none()
    }

    fn header(&mut self, header: &[String]) {
        self.layout = Layout::resolve(header, &self.reader.map);
        self.header = header.to_vec();
        let column = |field: Field| Some((field, header[self.layout.column(field)?].clone()));
        self.reader.records.columns = Field::ALL.into_iter().filter_map(column).collect();
        for column in header {
            if !self.reader.headers.contains(column) {
                self.reader.headers.push(column.clone());
            }
        }
        if !self.reader.carry {
            return;
        }
        let keys = [self.layout.column(Field::Node), self.layout.column(Field::Sku)];
        let names = &mut self.reader.records.carried_header;
        for (i, column) in header.iter().enumerate() {
            if !keys.contains(&Some(i)) && !column.is_empty() && !names.contains(column) {
                names.push(column.clone());
            }
        }
        self.carried = names
            .iter()
            .map(|name| header.iter().position(|h| h == name).filter(|i| !keys.contains(&Some(*i))))
            .collect();
    }

    fn require(&self) -> Result<(), TableError> {
        let Some(field) = self.missing(&self.layout) else { return Ok(()) };
        let file = self.reader.files[self.number as usize].clone();
        Err(TableError::MissingColumn { file, field: field.as_str().to_owned(), found: self.header.clone() })
    }

    fn row(&mut self, line: u64, cells: &[Cow<'_, str>]) {
        match self.record(cells) {
            Ok(sku) => {
                self.seen += 1;
                self.reader.places.insert(sku.key.clone(), (self.number, line));
                self.reader.records.skus.push(sku);
                if self.reader.carry {
                    let text = |column: &Option<usize>| column.map_or("", |i| cells[i].as_ref());
                    self.reader.records.carried.push(self.carried.iter().map(text).collect());
                }
            }
            Err(reason) => self.reject(line, reason, &cells.join(",")),
        }
    }

    fn reject(&mut self, line: u64, reason: Reason, raw: &str) {
        self.seen += 1;
        let file = self.reader.files[self.number as usize].clone();
        self.reader.records.rejected.push(Rejected { file, line, reason, raw: beginning(raw) });
    }

    fn seen(&self) -> u64 {
        self.seen
    }
}

//! Pair files: both sides of a question in one row, `left_name,right_name` and optionally `left_brand`, `right_spec`
//! and so on. Every column is kept, so that the answer can be written beside it. Labelled ones have a column `label` too.

use crate::columns::{self, Field, Layout, Side};
use crate::error::beginning;
use crate::row::{check_cells, sku_of, visible};
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
    /// Beside each of `pairs`: whether the two are the same. Empty where labels were not asked for.
    pub same: Vec<bool>,
    pub rejected: Vec<Rejected>,
}

pub fn read_pairs(path: &Path, map: &ColumnMap) -> Result<Pairs, TableError> {
    read(path, map, false)
}

/// The same with a label a row; a row whose label cannot be read is rejected.
pub fn read_labelled_pairs(path: &Path, map: &ColumnMap) -> Result<Pairs, TableError> {
    read(path, map, true)
}

/// Headers of the label column, folded; what the field is called in a column map stands first.
const LABEL: [&str; 16] = [
    columns::LABEL,
    "标签",
    "标注",
    "标记",
    "同品",
    "是否同品",
    "是否相同",
    "是否一致",
    "是否匹配",
    "same",
    "issame",
    "match",
    "ismatch",
    "matched",
    "gold",
    "decision",
];

/// What a label says, in the spellings that people and tools use.
fn label(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "1.0" | "true" | "t" | "yes" | "y" | "same" | "match" | "matched" | "是" | "对" | "真"
        | "同" | "同品" | "相同" | "一致" | "匹配" => Some(true),
        "0" | "0.0" | "false" | "f" | "no" | "n" | "different" | "differ" | "non-match" | "nonmatch"
        | "not same" | "否" | "不是" | "错" | "假" | "异" | "不同" | "不同品" | "不相同" | "不一致"
        | "不匹配" | "非同品" => Some(false),
        _ => None,
    }
}

fn read(path: &Path, map: &ColumnMap, labelled: bool) -> Result<Pairs, TableError> {
    let mut sink = PairSink {
        file: path.display().to_string(),
        map,
        layouts: [Layout::default(), Layout::default()],
        labelled,
        label: None,
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
    /// Whether a label is needed, and its column.
    labelled: bool,
    label: Option<usize>,
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

    fn label_column(&self, header: &[String]) -> Option<usize> {
        self.map.column_of(columns::LABEL, header).or_else(|| {
            LABEL.into_iter().find_map(|synonym| header.iter().position(|h| columns::fold(h) == synonym))
        })
    }

    fn label(&self, cells: &[Cow<'_, str>]) -> Result<Option<bool>, Reason> {
        if !self.labelled {
            return Ok(None);
        }
        let text = self.label.and_then(|column| cells.get(column)).and_then(|cell| visible(cell));
        let Some(text) = text else { return Err(Reason::Missing { field: columns::LABEL.to_owned() }) };
        label(text).map(Some).ok_or_else(|| Reason::Label { value: beginning(text) })
    }
}

fn missing(layouts: &[Layout; 2]) -> Option<Side> {
    Side::ALL.into_iter().find(|side| layouts[*side as usize].column(Field::Name).is_none())
}

impl Sink for PairSink<'_> {
    fn fits(&self, header: &[String]) -> bool {
        missing(&self.layouts_of(header)).is_none() && (!self.labelled || self.label_column(header).is_some())
    }

    fn header(&mut self, header: &[String]) {
        self.layouts = self.layouts_of(header);
        self.label = self.label_column(header);
        self.read.header = header.to_vec();
    }

    fn require(&self) -> Result<(), TableError> {
        let field = match missing(&self.layouts) {
            Some(side) => format!("{}_name", side.as_str()),
            None if self.labelled && self.label.is_none() => columns::LABEL.to_owned(),
            None => return Ok(()),
        };
        Err(TableError::MissingColumn { file: self.file.clone(), field, found: self.read.header.clone() })
    }

    fn row(&mut self, line: u64, cells: &[Cow<'_, str>]) {
        match self.pair(line, cells).and_then(|pair| Ok((pair, self.label(cells)?))) {
            Ok((pair, label)) => {
                self.seen += 1;
                self.read.same.extend(label);
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

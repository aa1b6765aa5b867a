//! What can go wrong, for the person who gets it. English by `Display`, and its Chinese twin, made from the
//! same fields.

use std::io;
use thiserror::Error;

/// Why a whole file cannot be read.
#[derive(Debug, Error)]
pub enum TableError {
    #[error("{file}: cannot be opened ({source}); check the path and the permissions")]
    Io { file: String, source: io::Error },
    #[error(
        "{file}: unknown kind of file '{extension}'; use .csv, .tsv, .txt, .jsonl, .ndjson, .xlsx or .xls"
    )]
    UnknownExtension { file: String, extension: String },
    #[error("{file}: the file is empty; it needs a header line and at least one row")]
    Empty { file: String },
    #[error("{file}: there is a header but no row below it")]
    NoRows { file: String },
    #[error("{file}: this is not a text table but {kind}; {}", kind.advice())]
    Binary { file: String, kind: BinaryKind },
    #[error("{file}: no column for '{field}'; the file has: {}. Rename one, or say which it is: --map {field}=HEADER", found.join(", "))]
    MissingColumn { file: String, field: String, found: Vec<String> },
    #[error(
        "{file}: the first line is {bytes} bytes long, so it is not a header; put the column names there"
    )]
    HeaderTooLong { file: String, bytes: usize },
    #[error(
        "{file}: the workbook cannot be read ({detail}); open it and save it again as .xlsx, without a password"
    )]
    Workbook { file: String, detail: String },
    #[error("--map {text}: write it as field=HEADER,field=HEADER, for instance name=品名,sku=编码")]
    MapSyntax { text: String },
    #[error("--map: '{field}' is no field; the fields are: {}", known.join(", "))]
    MapField { field: String, known: Vec<String> },
    #[error("--map {field}={header}: no file has a column '{header}'; there are: {}", found.join(", "))]
    MapHeader { field: String, header: String, found: Vec<String> },
}

impl TableError {
    /// What was wrong and what to do, in Chinese.
    pub fn in_chinese(&self) -> String {
        match self {
            TableError::Io { file, source } => format!("{file}：打不开（{source}）；请检查路径和权限"),
            TableError::UnknownExtension { file, extension } => format!(
                "{file}：不认识的文件类型 '{extension}'；请用 .csv、.tsv、.txt、.jsonl、.ndjson、.xlsx 或 .xls"
            ),
            TableError::Empty { file } => format!("{file}：文件是空的；需要一行列名和至少一行数据"),
            TableError::NoRows { file } => format!("{file}：只有列名，没有数据行"),
            TableError::Binary { file, kind } => {
                let (what, advice) = match kind {
                    BinaryKind::Zip => {
                        ("zip 压缩包", "如果是工作簿，请把扩展名改为 .xlsx；如果是压缩包，请先解压")
                    }
                    BinaryKind::OldOffice => ("旧版 Office 文件", "如果是工作簿，请把扩展名改为 .xls"),
                    BinaryKind::Gzip => ("gzip 压缩数据", "请先解压"),
                    BinaryKind::Pdf => ("PDF", "请把数据导出为 CSV 或 XLSX"),
                    BinaryKind::Other => ("二进制数据", "请把数据导出为 CSV 或 XLSX"),
                };
                format!("{file}：不是文本表格，而是{what}；{advice}")
            }
            TableError::MissingColumn { file, field, found } => format!(
                "{file}：找不到“{field}”对应的列；现有列：{}。请改列名，或用 --map {field}=列名 指明",
                found.join("、")
            ),
            TableError::HeaderTooLong { file, bytes } => {
                format!("{file}：第一行长达 {bytes} 字节，不像列名；请把列名放在第一行")
            }
            TableError::Workbook { file, detail } => {
                format!("{file}：工作簿无法读取（{detail}）；请打开后另存为不带密码的 .xlsx")
            }
            TableError::MapSyntax { text } => {
                format!("--map {text}：请写成 字段=列名,字段=列名，例如 name=品名,sku=编码")
            }
            TableError::MapField { field, known } => {
                format!("--map：没有字段 '{field}'；可用的字段：{}", known.join("、"))
            }
            TableError::MapHeader { field, header, found } => {
                format!("--map {field}={header}：没有哪个文件有 '{header}' 列；现有列：{}", found.join("、"))
            }
        }
    }
}

/// What a file turned out to be instead of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryKind {
    /// A zip container, most often a workbook under a wrong name.
    Zip,
    /// The container of old Office files.
    OldOffice,
    Gzip,
    Pdf,
    Other,
}

impl BinaryKind {
    fn advice(self) -> &'static str {
        match self {
            BinaryKind::Zip => {
                "if it is a workbook, give it the ending .xlsx; if it is an archive, unpack it"
            }
            BinaryKind::OldOffice => "if it is a workbook, give it the ending .xls",
            BinaryKind::Gzip => "unpack it first",
            BinaryKind::Pdf | BinaryKind::Other => "export the data as CSV or XLSX",
        }
    }
}

impl std::fmt::Display for BinaryKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BinaryKind::Zip => "a zip container",
            BinaryKind::OldOffice => "an old Office file",
            BinaryKind::Gzip => "gzip-compressed data",
            BinaryKind::Pdf => "a PDF",
            BinaryKind::Other => "binary data",
        })
    }
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// As the caller named the file.
    pub file: String,
    /// The line (text) or row (workbook) it begins at, from 1.
    pub line: u64,
    pub reason: Reason,
    /// The beginning of the row, for a person to find it by.
    pub raw: String,
}

/// Why a row was left out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    #[error("{field} is empty")]
    Missing { field: String },
    #[error("node {node} already has sku {sku}, at {file}:{line}")]
    Duplicate { node: String, sku: String, file: String, line: u64 },
    #[error("{column} is {bytes} bytes long; the limit is {}", crate::MAX_FIELD_BYTES)]
    TooLong { column: String, bytes: usize },
    #[error("{column} holds bytes that are no text in the file's encoding")]
    InvalidBytes { column: String },
    #[error("the row has {found} fields, the header {expected}")]
    FieldCount { found: usize, expected: usize },
    #[error("a quote is opened here and never closed")]
    OpenQuote,
    #[error("not a JSON object ({detail})")]
    NotJson { detail: String },
    #[error("{column} is not text or a number")]
    NotText { column: String },
    #[error("{column} holds the error {error}")]
    CellError { column: String, error: String },
    #[error("the label '{value}' is not understood; write 1 or 0, same or different, 是 or 否")]
    Label { value: String },
}

impl Reason {
    /// A word that stays the same in every language and release, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Missing { .. } => "missing",
            Reason::Duplicate { .. } => "duplicate",
            Reason::TooLong { .. } => "too_long",
            Reason::InvalidBytes { .. } => "invalid_bytes",
            Reason::FieldCount { .. } => "field_count",
            Reason::OpenQuote => "open_quote",
            Reason::NotJson { .. } => "not_json",
            Reason::NotText { .. } => "not_text",
            Reason::CellError { .. } => "cell_error",
            Reason::Label { .. } => "label",
        }
    }
}

impl Reason {
    /// The reason in Chinese.
    pub fn in_chinese(&self) -> String {
        match self {
            Reason::Missing { field } => format!("{field} 为空"),
            Reason::Duplicate { node, sku, file, line } => {
                format!("节点 {node} 已有编码 {sku}，见 {file}:{line}")
            }
            Reason::TooLong { column, bytes } => {
                format!("{column} 长达 {bytes} 字节，上限 {}", crate::MAX_FIELD_BYTES)
            }
            Reason::InvalidBytes { column } => format!("{column} 含有不属于该文件编码的字节"),
            Reason::FieldCount { found, expected } => format!("这一行有 {found} 列，列名有 {expected} 列"),
            Reason::OpenQuote => "这里的引号没有闭合".to_owned(),
            Reason::NotJson { detail } => format!("不是 JSON 对象（{detail}）"),
            Reason::NotText { column } => format!("{column} 不是文本或数字"),
            Reason::CellError { column, error } => format!("{column} 是错误值 {error}"),
            Reason::Label { value } => {
                format!("看不懂标签 '{value}'；请写 1 或 0、same 或 different、是 或 否")
            }
        }
    }
}

/// The beginning of a row: enough to find it by, short enough to print.
pub(crate) fn beginning(raw: &str) -> String {
    const LIMIT: usize = 300;
    if raw.len() <= LIMIT {
        return raw.to_owned();
    }
    let cut = (0..=LIMIT).rev().find(|&i| raw.is_char_boundary(i)).unwrap_or(0);
    format!("{}…", &raw[..cut])
}

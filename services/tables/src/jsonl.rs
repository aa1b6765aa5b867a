//! JSON Lines: one object a line. There is no header, so the columns are the keys as they turn up.

use crate::error::BinaryKind;
use crate::source::Source;
use crate::{MAX_FIELD_BYTES, Reason, Sink, TableError};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Keys beyond this many are a file that uses data as keys.
const MAX_COLUMNS: usize = 4096;

pub(crate) fn read(source: Source, sink: &mut dyn Sink) -> Result<(), TableError> {
    let Source { name, encoding, mut reader } = source;
    let mut columns = Columns::default();
    let (mut number, mut bytes) = (0, Vec::new());
    loop {
        bytes.clear();
        let read = reader
            .read_until(b'\n', &mut bytes)
            .map_err(|source| TableError::Io { file: name.clone(), source })?;
        if read == 0 {
            break;
        }
        number += 1;
        let line = bytes.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let shown = || encoding.decode_lossy(&line[..line.len().min(2048)]);
        let Some(text) = encoding.decode(line) else {
            sink.reject(number, Reason::InvalidBytes { column: "#1".to_owned() }, &shown());
            continue;
        };
        let object = match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(object) => object,
            Err(error) => {
                sink.reject(number, Reason::NotJson { detail: error.to_string() }, &shown());
                continue;
            }
        };
        if columns.learn(&object) {
            if columns.names.len() > MAX_COLUMNS {
                return Err(TableError::Binary { file: name, kind: BinaryKind::Other });
            }
            sink.header(&columns.names);
        }
        match columns.cells(&object) {
            Ok(cells) => sink.row(number, &cells),
            Err(reason) => sink.reject(number, reason, &shown()),
        }
    }
    if columns.names.is_empty() { Ok(()) } else { sink.require() }
}

#[derive(Default)]
struct Columns {
    names: Vec<String>,
    at: FxHashMap<String, usize>,
}

impl Columns {
    /// True when the object brought a new key.
    fn learn(&mut self, object: &Map<String, Value>) -> bool {
        let before = self.names.len();
        for key in object.keys() {
            if !self.at.contains_key(key) {
                self.at.insert(key.clone(), self.names.len());
                self.names.push(key.clone());
            }
        }
        self.names.len() > before
    }

    fn cells<'o>(&self, object: &'o Map<String, Value>) -> Result<Vec<Cow<'o, str>>, Reason> {
        let mut cells = vec![Cow::Borrowed(""); self.names.len()];
        for (key, value) in object {
            let cell = match value {
                Value::Null => continue,
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Number(number) => Cow::Owned(number.to_string()),
                Value::Bool(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
                Value::Array(_) | Value::Object(_) => return Err(Reason::NotText { column: key.clone() }),
            };
            if cell.len() > MAX_FIELD_BYTES {
                return Err(Reason::TooLong { column: key.clone(), bytes: cell.len() });
            }
            cells[self.at[key]] = cell;
        }
        Ok(cells)
    }
}

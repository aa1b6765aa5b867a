//! A text file's bytes and their encoding. The encoding is decided by counting, over lines that are not plain ASCII:
//! a UTF-8 file with some damaged rows stays UTF-8 (those rows are rejected), a file whose lines decode as GB18030 but
//! not as UTF-8 is GB18030. UTF-16 (what Excel calls "Unicode text") is recognised by its byte order mark.

use crate::error::BinaryKind;
use crate::{MAX_FIELD_BYTES, TableError};
use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const BUFFER: usize = 256 * 1024;
/// Lines that must speak for one encoding before the rest of a long file is taken on trust.
const ENOUGH: u64 = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Gb18030,
}

impl Encoding {
    /// `None` where the bytes are no text in this encoding.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Encoding::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }

    /// For showing a damaged row to a person.
    pub(crate) fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Encoding::Utf8 => String::from_utf8_lossy(bytes),
            Encoding::Gb18030 => GB18030.decode_without_bom_handling(bytes).0,
        }
    }
}

pub(crate) struct Source {
    /// As the caller named it.
    pub name: String,
    pub encoding: Encoding,
    pub reader: Box<dyn BufRead>,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Source, TableError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| TableError::Io { file: name.clone(), source })?;
        Self::from_reader(name, BufReader::with_capacity(BUFFER, file))
    }

    pub(crate) fn from_bytes(name: &str, bytes: &'static [u8]) -> Result<Source, TableError> {
        Self::from_reader(name.to_owned(), Cursor::new(bytes))
    }

    fn from_reader(name: String, mut reader: impl BufRead + Seek + 'static) -> Result<Source, TableError> {
        let io = |source| TableError::Io { file: name.clone(), source };
        let mut head = Vec::with_capacity(8192);
        reader.by_ref().take(8192).read_to_end(&mut head).map_err(io)?;
        let io = |source| TableError::Io { file: name.clone(), source };
        if let Some(utf16) = match head.get(..2) {
            Some(b"\xff\xfe") => Some(UTF_16LE),
            Some(b"\xfe\xff") => Some(UTF_16BE),
            _ => None,
        } {
            let mut bytes = head;
            reader.read_to_end(&mut bytes).map_err(io)?;
            let text = utf16.decode_with_bom_removal(&bytes).0.into_owned();
            return Self::checked_empty(name, Encoding::Utf8, Box::new(Cursor::new(text.into_bytes())));
        }
        if let Some(kind) = binary_kind(&head) {
            return Err(TableError::Binary { file: name, kind });
        }
        let start = if head.starts_with(UTF8_MARK) { UTF8_MARK.len() as u64 } else { 0 };
        reader.seek(SeekFrom::Start(start)).map_err(io)?;
        let encoding = if start > 0 { Encoding::Utf8 } else { detect(&mut reader).map_err(io)? };
        reader.seek(SeekFrom::Start(start)).map_err(io)?;
        Self::checked_empty(name, encoding, Box::new(reader))
    }

    fn checked_empty(
        name: String,
        encoding: Encoding,
        mut reader: Box<dyn BufRead>,
    ) -> Result<Source, TableError> {
        loop {
            let buffer = reader.fill_buf().map_err(|source| TableError::Io { file: name.clone(), source })?;
            if buffer.is_empty() {
                return Err(TableError::Empty { file: name });
            }
            if buffer.iter().any(|b| !b.is_ascii_whitespace()) {
                return Ok(Source { name, encoding, reader });
            }
            // A buffer of blanks: nothing of it is needed but its line breaks, and only for line numbers.
            let length = buffer.len();
            reader.consume(length);
        }
    }
}

fn detect(reader: &mut impl BufRead) -> std::io::Result<Encoding> {
    let (mut utf8, mut gb18030) = (0u64, 0u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A cap keeps a file without line breaks out of memory; its pieces vote like lines.
        if reader.by_ref().take(16 * MAX_FIELD_BYTES as u64).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.is_ascii() {
            continue;
        }
        if Encoding::Utf8.decode(&line).is_some() {
            utf8 += 1;
        } else if Encoding::Gb18030.decode(&line).is_some() {
            gb18030 += 1;
        }
        if utf8.abs_diff(gb18030) >= ENOUGH {
            break;
        }
    }
    Ok(if gb18030 > utf8 { Encoding::Gb18030 } else { Encoding::Utf8 })
}

fn binary_kind(head: &[u8]) -> Option<BinaryKind> {
    const SIGNS: [(&[u8], BinaryKind); 4] = [
        (b"PK\x03\x04", BinaryKind::Zip),
        (b"\xd0\xcf\x11\xe0", BinaryKind::OldOffice),
        (b"\x1f\x8b", BinaryKind::Gzip),
        (b"%PDF-", BinaryKind::Pdf),
    ];
    if let Some((_, kind)) = SIGNS.iter().find(|(sign, _)| head.starts_with(sign)) {
        return Some(*kind);
    }
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1a | 0x1b);
    let strange = head.iter().filter(|b| control(b)).count();
    (head.contains(&0) || strange * 10 > head.len()).then_some(BinaryKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &'static [u8]) -> Result<(Encoding, String), String> {
        let mut source = Source::from_bytes("x.csv", bytes).map_err(|e| e.to_string())?;
        let mut rest = Vec::new();
        source.reader.read_to_end(&mut rest).expect("memory");
        Ok((source.encoding, source.encoding.decode_lossy(&rest).into_owned()))
    }

    #[test]
    fn encodings() {
        for (bytes, expected) in [
            (&b"a,b\n1,2\n"[..], (Encoding::Utf8, "a,b\n1,2\n")),
            (b"\xef\xbb\xbfa\n", (Encoding::Utf8, "a\n")),
            ("品名\n可乐\n".as_bytes(), (Encoding::Utf8, "品名\n可乐\n")),
            (b"\xc6\xb7\xc3\xfb\n\xbf\xc9\xc0\xd6\n", (Encoding::Gb18030, "品名\n可乐\n")),
            // one damaged line does not turn a UTF-8 file into GB18030
            (b"\xe5\x93\x81\n\xe5\x90\x8d\n\xff\xff\n", (Encoding::Utf8, "品\n名\n\u{fffd}\u{fffd}\n")),
            (b"\xff\xfea\0\n\0", (Encoding::Utf8, "a\n")),
        ] {
            assert_eq!(opened(bytes), Ok((expected.0, expected.1.to_owned())), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text() {
        for (bytes, part) in [
            (&b""[..], "empty"),
            (b"\xef\xbb\xbf", "empty"),
            (b" \n\r\n", "empty"),
            (b"PK\x03\x04...", ".xlsx"),
            (b"\x1f\x8b\x08", "unpack"),
            (b"\x89PNG\r\n\x1a\n\0\0", "binary data"),
        ] {
            let error = opened(bytes).expect_err("no text");
            assert!(error.contains(part), "{error}");
        }
    }
}

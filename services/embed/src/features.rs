//! Text → ids. A name is a bag of features: CJK n-grams, words, letter trigrams, numbers, quantities, model codes.
//! Features of the vocabulary have an id of their own; the other hashable kinds share buckets by FNV-1a 64.
//!
//! `features.json` carries the data (vocabulary, units, character classes); the algorithm is fixed by its `format`, and
//! `vectors.json` beside it holds texts with the ids that the training side gives them: the test below compares.

use rustc_hash::FxHashMap;
use serde::Deserialize;

const FORMAT: &str = "tongpin-features-1";

/// What a feature is; its tag is the first character of the feature's text.
const CHARACTER: char = '1';
const WORD: char = 'w';
const TRIGRAM: char = 't';
const WORD_PAIR: char = 'p';
const NUMBER: char = 'n';
const QUANTITY: char = 'q';
const MODEL: char = 'm';
/// CJK n-grams of 2, 3 and 4 characters.
const NGRAMS: [(usize, char); 3] = [(2, 'b'), (3, '3'), (4, '4')];
/// A word before a number is part of a model code only up to this many characters.
const MODEL_WORD_MAX: usize = 8;

#[derive(Deserialize)]
struct Specification {
    format: String,
    empty_id: i64,
    first_vocabulary_id: i64,
    first_bucket: i64,
    buckets: u64,
    hash: Hash,
    hashed_kinds: String,
    max_ids: usize,
    cjk: Vec<(u32, u32)>,
    letter: Vec<(u32, u32)>,
    /// Unit word → (name, places the decimal point moves to the right).
    units: FxHashMap<String, (String, usize)>,
    vocabulary: Vec<String>,
}

#[derive(Deserialize)]
struct Hash {
    name: String,
    offset: String,
    prime: String,
}

/// Reads text into ids as `features.json` says.
pub struct Featuriser {
    ids: FxHashMap<Box<str>, i64>,
    units: FxHashMap<Box<str>, (Box<str>, usize)>,
    cjk: Vec<(u32, u32)>,
    letter: Vec<(u32, u32)>,
    hashed_kinds: Vec<char>,
    empty_id: i64,
    first_bucket: i64,
    buckets: u64,
    offset: u64,
    prime: u64,
    max_ids: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cjk,
    Letters,
    Number,
}

/// What stands before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Nothing,
    Blanks,
    Other,
}

struct Run<'a> {
    kind: Kind,
    text: &'a str,
    gap: Gap,
}

impl Featuriser {
    pub fn from_json(bytes: &[u8]) -> Result<Featuriser, String> {
        let spec: Specification = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if spec.format != FORMAT {
            return Err(format!("its format is {:?}, this program reads {FORMAT:?}", spec.format));
        }
        if spec.hash.name != "fnv1a64" || spec.buckets == 0 || spec.max_ids == 0 {
            return Err("hash, buckets or max_ids are not usable".to_owned());
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a number"));
        let (offset, prime) = (number(&spec.hash.offset)?, number(&spec.hash.prime)?);
        let numbered = (spec.first_vocabulary_id..).zip(spec.vocabulary);
        Ok(Featuriser {
            ids: numbered.map(|(id, feature)| (feature.into_boxed_str(), id)).collect(),
            units: spec
                .units
                .into_iter()
                .map(|(word, (name, places))| (word.into(), (name.into(), places)))
                .collect(),
            cjk: spec.cjk,
            letter: spec.letter,
            hashed_kinds: spec.hashed_kinds.chars().collect(),
            empty_id: spec.empty_id,
            first_bucket: spec.first_bucket,
            buckets: spec.buckets,
            offset,
            prime,
            max_ids: spec.max_ids,
        })
    }

    /// Distinct ids in order of first occurrence; one `empty_id` where nothing is readable.
    pub fn ids(&self, text: &str) -> Vec<i64> {
        let mut ids: Vec<i64> = Vec::with_capacity(64);
        self.each_feature(text, |feature| {
            if ids.len() < self.max_ids
                && let Some(id) = self.id(feature)
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        });
        if ids.is_empty() {
            ids.push(self.empty_id);
        }
        ids
    }

    fn id(&self, feature: &str) -> Option<i64> {
        if let Some(&id) = self.ids.get(feature) {
            return Some(id);
        }
        let hashed = feature.starts_with(|kind| self.hashed_kinds.contains(&kind));
        hashed.then(|| {
            let hash = feature
                .bytes()
                .fold(self.offset, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(self.prime));
            self.first_bucket + (hash % self.buckets) as i64
        })
    }

    /// Hands over every feature in order of occurrence, repeats included.
    fn each_feature(&self, text: &str, mut take: impl FnMut(&str)) {
        let runs = self.runs(text);
        let mut feature = String::with_capacity(32);
        let mut emit = |parts: &[&str], tag: char| {
            feature.clear();
            feature.push(tag);
            parts.iter().for_each(|part| feature.push_str(part));
            take(&feature);
        };
        for (at, run) in runs.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| &runs[at]);
            match run.kind {
                Kind::Cjk => {
                    let ends: Vec<usize> = boundaries(run.text);
                    for start in 0..ends.len() - 1 {
                        emit(&[&run.text[ends[start]..ends[start + 1]]], CHARACTER);
                        for (size, tag) in NGRAMS {
                            if let Some(&end) = ends.get(start + size) {
                                emit(&[&run.text[ends[start]..end]], tag);
                            }
                        }
                    }
                }
                Kind::Letters => {
                    emit(&[run.text], WORD);
                    let padded = format!("<{}>", run.text);
                    let ends = boundaries(&padded);
                    // at least three letters: 5 characters with the two marks, so 6 boundaries
                    if ends.len() >= 6 {
                        for start in 0..ends.len() - 3 {
                            emit(&[&padded[ends[start]..ends[start + 3]]], TRIGRAM);
                        }
                    }
                    if let Some(before) = before
                        && before.kind == Kind::Letters
                        && run.gap == Gap::Blanks
                    {
                        emit(&[before.text, " ", run.text], WORD_PAIR);
                    }
                }
                Kind::Number => {
                    emit(&[without_trailing_zeros(run.text)], NUMBER);
                    let after = runs.get(at + 1);
                    if let Some((name, places)) = after.and_then(|run| self.unit(run)) {
                        emit(&[&shifted(run.text, *places), name], QUANTITY);
                    } else if let Some(after) = after
                        && after.kind == Kind::Letters
                        && after.gap == Gap::Nothing
                    {
                        emit(&[run.text, after.text], MODEL);
                    }
                    if let Some(before) = before
                        && before.kind == Kind::Letters
                        && run.gap != Gap::Blanks
                        && before.text.chars().count() <= MODEL_WORD_MAX
                    {
                        emit(&[before.text, run.text], MODEL);
                    }
                }
            }
        }
    }

    /// Maximal runs of CJK, letters or one number (`1.5` is one, `1.2.3` is `1.2` and `3`).
    fn runs<'a>(&self, text: &'a str) -> Vec<Run<'a>> {
        let chars: Vec<(usize, char)> = text.char_indices().collect();
        let offset = |at: usize| chars.get(at).map_or(text.len(), |&(offset, _)| offset);
        let kind_at = |at: usize| chars.get(at).and_then(|&(_, c)| self.kind(c));
        let mut runs = Vec::new();
        let mut gap = Gap::Nothing;
        let mut start = 0;
        while start < chars.len() {
            let Some(kind) = kind_at(start) else {
                gap = if chars[start].1 == ' ' && gap != Gap::Other { Gap::Blanks } else { Gap::Other };
                start += 1;
                continue;
            };
            let end_of_kind = |mut at: usize| {
                while kind_at(at) == Some(kind) {
                    at += 1;
                }
                at
            };
            let mut end = end_of_kind(start + 1);
            let point = chars.get(end).is_some_and(|&(_, c)| c == '.');
            if kind == Kind::Number && point && kind_at(end + 1) == Some(Kind::Number) {
                end = end_of_kind(end + 1);
            }
            runs.push(Run { kind, text: &text[offset(start)..offset(end)], gap });
            gap = Gap::Nothing;
            start = end;
        }
        runs
    }

    fn kind(&self, c: char) -> Option<Kind> {
        let code = u32::from(c);
        let within = |ranges: &[(u32, u32)]| ranges.iter().any(|&(low, high)| (low..=high).contains(&code));
        match c {
            '0'..='9' => Some(Kind::Number),
            'a'..='z' => Some(Kind::Letters),
            _ if c.is_ascii() => None,
            _ if within(&self.cjk) => Some(Kind::Cjk),
            _ if within(&self.letter) => Some(Kind::Letters),
            _ => None,
        }
    }

    /// The unit that the run after a number begins with: the whole word, or the first two or one CJK characters.
    fn unit(&self, run: &Run) -> Option<&(Box<str>, usize)> {
        if run.gap == Gap::Other {
            return None;
        }
        match run.kind {
            Kind::Letters => self.units.get(run.text),
            Kind::Cjk => {
                let prefix = |count: usize| {
                    run.text.char_indices().nth(count).map_or(run.text, |(end, _)| &run.text[..end])
                };
                self.units.get(prefix(2)).or_else(|| self.units.get(prefix(1)))
            }
            Kind::Number => None,
        }
    }
}

/// The byte offsets between characters, both ends included.
fn boundaries(text: &str) -> Vec<usize> {
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect()
}

/// `1.50` → `1.5`, `2.0` → `2`; `100` stays.
fn without_trailing_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Decimal text times 10^places, without leading zeros and without trailing zeros of the fraction.
fn shifted(number: &str, places: usize) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let moved: String = fraction.chars().chain(std::iter::repeat('0')).take(places).collect();
    let digits = format!("{whole}{moved}");
    let whole = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    match fraction.get(places..).unwrap_or("").trim_end_matches('0') {
        "" => whole.to_owned(),
        rest => format!("{whole}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (number, places, expected) in [
            ("0.5", 3, "500"),
            ("500", 0, "500"),
            ("1.2345", 3, "1234.5"),
            ("0.0", 3, "0"),
            ("05.10", 1, "51"),
            ("2", 3, "2000"),
        ] {
            assert_eq!(shifted(number, places), expected, "{number} shifted by {places}");
        }
        for (number, expected) in [("1.50", "1.5"), ("2.0", "2"), ("100", "100"), ("0.0", "0")] {
            assert_eq!(without_trailing_zeros(number), expected);
        }
    }

    /// Rows of `vectors.json`: what the training side reads out of each text.
    #[derive(Deserialize)]
    struct Row {
        text: String,
        features: Vec<String>,
        ids: Vec<i64>,
    }

    #[test]
    fn agrees_with_the_training_side() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/encoder");
        let featuriser =
            Featuriser::from_json(&std::fs::read(folder.join("features.json")).unwrap()).unwrap();
        let rows: Vec<Row> =
            serde_json::from_slice(&std::fs::read(folder.join("vectors.json")).unwrap()).unwrap();
        assert!(rows.len() > 20);
        for row in rows {
            let mut features = Vec::new();
            featuriser.each_feature(&row.text, |feature| features.push(feature.to_owned()));
            assert_eq!(features, row.features, "{}", row.text);
            assert_eq!(featuriser.ids(&row.text), row.ids, "{}", row.text);
        }
    }
}

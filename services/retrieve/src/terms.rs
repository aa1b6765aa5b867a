//! Parsed name → terms of the text index. A term begins with the letter of its class; classes weigh differently.

use domain::{Dimension, ParsedName, Quantity};
use std::fmt::Write;

/// Class letters and their weight beside idf. Measured on the open benchmark sets (see the `recall` example).
pub(crate) fn class_weight(class: u8) -> f32 {
    match class {
        CODE => 1.5,
        WORD => 1.0,
        BIGRAM => 1.0,
        BRAND => 0.5,
        HEAD => 0.3,
        VARIANT => 0.8,
        QUANTITY => 1.2,
        PACK => 0.8,
        NUMBER => 1.0,
        UNIGRAM => 0.45,
        DESCRIBED => 0.5,
        PINYIN => 0.05,
        TRIGRAM => 0.1,
        _ => 0.0,
    }
}

const WORD: u8 = b'w';
const BIGRAM: u8 = b'b';
const UNIGRAM: u8 = b'c';
const CODE: u8 = b'k';
const DESCRIBED: u8 = b'd';
const NUMBER: u8 = b'n';
const QUANTITY: u8 = b'q';
const PACK: u8 = b'x';
const BRAND: u8 = b'r';
const HEAD: u8 = b'h';
const VARIANT: u8 = b'v';
const PINYIN: u8 = b'p';
const TRIGRAM: u8 = b't';

/// Stands between terms in the text handed to tantivy; occurs in no name (a control character).
pub(crate) const SEPARATOR: char = '\u{1f}';

/// Letters of one pinyin term: about two syllables.
const PINYIN_LETTERS: usize = 5;

/// All terms of a name, [`SEPARATOR`] between them, each once.
pub(crate) fn joined_terms(parsed: &ParsedName, terms: &mut Terms) -> String {
    terms.clear();
    terms.fill(parsed);
    terms.joined()
}

/// A reusable list of terms in one buffer.
#[derive(Default)]
pub(crate) struct Terms {
    buffer: String,
    ends: Vec<(usize, usize)>,
    chars: Vec<char>,
}

impl Terms {
    fn clear(&mut self) {
        self.buffer.clear();
        self.ends.clear();
    }

    fn add(&mut self, class: u8, write: impl FnOnce(&mut String)) {
        let start = self.buffer.len();
        self.buffer.push(char::from(class));
        write(&mut self.buffer);
        self.ends.push((start, self.buffer.len()));
    }

    fn add_str(&mut self, class: u8, text: &str) {
        self.add(class, |buffer| buffer.push_str(text));
    }

    fn joined(&mut self) -> String {
        let buffer = &self.buffer;
        self.ends.sort_unstable_by(|a, b| buffer[a.0..a.1].cmp(&buffer[b.0..b.1]));
        self.ends.dedup_by(|a, b| buffer[a.0..a.1] == buffer[b.0..b.1]);
        let mut joined = String::with_capacity(self.buffer.len() + self.ends.len());
        for &(start, end) in &self.ends {
            if !joined.is_empty() {
                joined.push(SEPARATOR);
            }
            joined.push_str(&self.buffer[start..end]);
        }
        joined
    }

    fn fill(&mut self, parsed: &ParsedName) {
        self.words_and_ngrams(&parsed.residual);
        for code in &parsed.codes {
            self.add_str(CODE, code);
        }
        for code in &parsed.described_codes {
            self.add_str(DESCRIBED, code);
        }
        for &number in &parsed.numbers {
            self.add(NUMBER, |buffer| write_number(buffer, number));
        }
        for quantity in &parsed.quantities {
            self.quantity(quantity);
        }
        for pack in &parsed.packs {
            self.add(PACK, |buffer| write_number(buffer, f64::from(pack.count)));
        }
        if let Some(brand) = &parsed.brand {
            self.add_str(BRAND, &brand.canonical);
        }
        if let Some(head) = &parsed.head {
            self.add_str(HEAD, head);
        }
        for variant in &parsed.variants {
            self.add(VARIANT, |buffer| {
                let _ = write!(buffer, "{}={}", variant.kind, variant.value);
            });
        }
        for claim in &parsed.claims {
            self.add(VARIANT, |buffer| {
                let _ = write!(buffer, "{}={}", claim.family, claim.value);
            });
        }
        self.pinyin(&parsed.pinyin);
    }

    /// Latin (or Cyrillic …) words with their trigrams, CJK characters and pairs of them.
    fn words_and_ngrams(&mut self, text: &str) {
        let mut chars = std::mem::take(&mut self.chars);
        chars.clear();
        chars.extend(text.chars());
        for run in chars.chunk_by(|&a, &b| script(a) == script(b)) {
            match script(run[0]) {
                Script::Cjk => {
                    for at in 0..run.len() {
                        self.add(UNIGRAM, |buffer| buffer.push(run[at]));
                        if let Some(pair) = run.get(at..at + 2) {
                            self.add(BIGRAM, |buffer| buffer.extend(pair));
                        }
                    }
                }
                Script::Letters => {
                    self.add(WORD, |buffer| buffer.extend(run));
                    if run.len() >= 4 {
                        for window in run.windows(3) {
                            self.add(TRIGRAM, |buffer| buffer.extend(window));
                        }
                    }
                }
                Script::Other => {}
            }
        }
        self.chars = chars;
    }

    /// Its value in three significant digits, so that rounding in unit conversion does not part equal amounts much.
    fn quantity(&mut self, quantity: &Quantity) {
        let letter = dimension_code(quantity.dimension);
        for value in [quantity.low, quantity.high] {
            self.add(QUANTITY, |buffer| {
                let _ = write!(buffer, "{letter}:{value:.2e}");
            });
        }
    }

    /// For words typed by ear: the same sounds in other characters.
    fn pinyin(&mut self, pinyin: &str) {
        let mut chars = std::mem::take(&mut self.chars);
        chars.clear();
        chars.extend(pinyin.chars());
        for window in chars.windows(PINYIN_LETTERS) {
            self.add(PINYIN, |buffer| buffer.extend(window));
        }
        self.chars = chars;
    }
}

fn dimension_code(dimension: Dimension) -> u8 {
    dimension as u8
}

/// Whole numbers without a fraction, others with up to four places.
fn write_number(buffer: &mut String, number: f64) {
    let _ = if number.fract() == 0.0 { write!(buffer, "{number:.0}") } else { write!(buffer, "{number:.4}") };
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Cjk,
    Letters,
    Other,
}

pub(crate) fn script(c: char) -> Script {
    match c {
        '\u{3005}'
        | '\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Script::Cjk,
        c if c.is_alphabetic() => Script::Letters,
        _ => Script::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Brand, BrandSource, Pack};

    #[test]
    fn terms_of_a_name() {
        let parsed = ParsedName {
            residual: "可乐 zero 可乐".to_owned(),
            codes: vec!["YE660B".into()],
            numbers: vec![12.0, 0.75],
            quantities: vec![Quantity::exact(Dimension::Volume, 500.0, "0.5L")],
            packs: vec![Pack { count: 24, container: None, text: "*24".into() }],
            brand: Some(Brand { canonical: "coca-cola".into(), source: BrandSource::KnownName }),
            ..ParsedName::default()
        };
        let joined = joined_terms(&parsed, &mut Terms::default());
        let terms: Vec<&str> = joined.split(SEPARATOR).collect();
        let volume = format!("q{}:5.00e2", Dimension::Volume as u8);
        let expected = [
            "b可乐",
            "c乐",
            "c可",
            "kYE660B",
            "n0.7500",
            "n12",
            &volume,
            "rcoca-cola",
            "tero",
            "tzer",
            "wzero",
            "x24",
        ];
        assert_eq!(terms, expected);
        assert_eq!(joined_terms(&ParsedName::default(), &mut Terms::default()), "");
    }
}

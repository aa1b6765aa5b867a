//! Text folding: from what a person typed to one canonical spelling of the same characters.
//!
//! Order matters. Fractions go first, because NFKC turns `½` into `1⁄2` and `1½` into `11⁄2`; marks such as `™` go
//! before it too, because it would write them as letters. Then NFKC and lower case, Traditional to Simplified, and the
//! words of Taiwan and Hong Kong. Separators and brackets stay, in one spelling each: they are boundaries.

use crate::dictionary::Dictionary;
use crate::lexicon;
use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;
use rustc_hash::FxHashMap;
use unicode_normalization::UnicodeNormalization;

/// Folding is repeated until nothing changes: a converted character can complete a word of the regional table. The
/// bound only guards against a cycle between lexicon entries; [`without_cycles`] removes those that are known.
const MAX_ROUNDS: usize = 6;

const HAN_BASE: u32 = 0x3400;
const HAN_END: u32 = 0xA000;

pub(crate) struct Folder {
    converter: Option<OpenCC>,
    /// One bit for each ideograph that the converter changes: most names have none, and skip it.
    traditional: Vec<u64>,
    regional: Dictionary<String>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        // The tables are compiled into the crate, so this fails only when that crate is broken; then the text keeps
        // its characters, which is worse matching but no panic.
        let converter = OpenCC::from_config(BuiltinConfig::T2s).ok();
        let mut traditional = vec![0u64; ((HAN_END - HAN_BASE) / 64 + 1) as usize];
        if let Some(converter) = &converter {
            let mut text = String::with_capacity(4);
            for code in HAN_BASE..HAN_END {
                let Some(c) = char::from_u32(code) else { continue };
                text.clear();
                text.push(c);
                if converter.convert(&text) != text {
                    traditional[((code - HAN_BASE) / 64) as usize] |= 1 << ((code - HAN_BASE) % 64);
                }
            }
        }
        let plain = Folder { converter, traditional, regional: Dictionary::empty() };
        let words: Vec<(String, String)> = lexicon::rows(lexicon::REGIONAL)
            .map(|row| (plain.canonical(row.get(0)), plain.canonical(row.get(1))))
            .collect();
        let regional = Dictionary::new(without_cycles(words));
        Folder { regional, ..plain }
    }

    /// NFKC, lower case, Simplified, mainland words, one spelling of brackets, dashes and quotes, single blanks.
    /// Idempotent. Empty only when the input shows nothing.
    pub(crate) fn canonical(&self, text: &str) -> String {
        let mut current = String::with_capacity(text.len() + 4);
        let mut changed = self.round(text, &mut current);
        let mut rounds = 1;
        while changed && rounds < MAX_ROUNDS {
            let mut next = String::with_capacity(current.len());
            changed = self.round(&current, &mut next);
            changed &= next != current;
            current = next;
            rounds += 1;
        }
        if current.is_empty() && !text.trim().is_empty() { text.trim().to_lowercase() } else { current }
    }

    /// One pass. Says whether a further pass could change anything.
    fn round(&self, text: &str, out: &mut String) -> bool {
        let mut again = false;
        let plain = text.chars().all(is_plain);
        if plain {
            push_all(text.chars(), out);
        } else {
            again = true;
            let mut prepared = String::with_capacity(text.len() + 4);
            for c in text.chars() {
                prepare(c, &mut prepared);
            }
            push_all(prepared.nfkc().flat_map(char::to_lowercase), out);
        }
        while out.ends_with(' ') {
            out.pop();
        }
        if self.has_traditional(out)
            && let Some(converter) = &self.converter
        {
            *out = converter.convert(out);
            again = true;
        }
        if let Some(replaced) = self.regional.replace_all(out) {
            *out = replaced;
            again = true;
        }
        again
    }

    fn has_traditional(&self, text: &str) -> bool {
        text.chars().any(|c| {
            let code = c as u32;
            (HAN_BASE..HAN_END).contains(&code) && {
                let bit = code - HAN_BASE;
                self.traditional[(bit / 64) as usize] & (1 << (bit % 64)) != 0
            }
        })
    }
}

/// Characters that need no NFKC: ASCII, unified ideographs, and those that [`separator`] spells by itself.
fn is_plain(c: char) -> bool {
    c.is_ascii()
        || ('\u{4e00}'..='\u{9fff}').contains(&c)
        || ('\u{ff01}'..='\u{ff5e}').contains(&c)
        || simple(c).is_some()
}

/// Appends folded characters with single blanks between words.
fn push_all(chars: impl Iterator<Item = char>, out: &mut String) {
    for c in chars {
        let c = match c {
            'A'..='Z' => c.to_ascii_lowercase(),
            // FF01..FF5E are the full-width forms of 21..7E.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = char::from_u32(c as u32 - 0xfee0).unwrap_or(c);
                bracket(narrow.to_ascii_lowercase())
            }
            _ if c.is_ascii() => bracket(c),
            _ => match simple(c) {
                Some('\0') => continue,
                Some(spelling) => spelling,
                None if c.is_control() => ' ',
                None => c,
            },
        };
        if c == ' ' || c.is_whitespace() || c.is_ascii_control() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
}

fn bracket(c: char) -> char {
    match c {
        '[' | '{' => '(',
        ']' | '}' => ')',
        '`' => '\'',
        '|' => ' ',
        _ => c,
    }
}

/// One spelling for the separators that people type in many ways; `'\0'` means: leave it out.
fn simple(c: char) -> Option<char> {
    Some(match c {
        '【' | '〔' | '〖' | '「' | '『' | '《' | '〈' | '︵' | '〘' => '(',
        '】' | '〕' | '〗' | '」' | '』' | '》' | '〉' | '︶' | '〙' => ')',
        '×' | '✕' | '✖' | '╳' | '∗' | '⨯' | '✱' => '*',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹣' => '-',
        '〜' | '∼' | '˜' => '~',
        '“' | '”' | '„' | '″' | '〃' => '"',
        '‘' | '’' | '′' | '´' | '‛' => '\'',
        '、' => ',',
        '。' | '·' | '•' | '・' | '‧' | '∙' | '●' | '■' | '★' | '☆' | '※' | '▲' | '◆' | '\u{3000}'
        | '\u{a0}' => ' ',
        'º' | '˚' => '°',
        '°' => '°',
        '™' | '®' | '©' | '℠' => '\0',
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{fe00}'..='\u{fe0f}' => '\0',
        _ => return None,
    })
}

/// Before NFKC: fractions as decimals, and what NFKC would spell as letters.
fn prepare(c: char, out: &mut String) {
    let decimals = match c {
        '½' => ".5",
        '¼' => ".25",
        '¾' => ".75",
        '⅓' => ".333",
        '⅔' => ".667",
        '⅛' => ".125",
        '⅜' => ".375",
        '⅝' => ".625",
        '⅞' => ".875",
        '⅕' => ".2",
        '⅖' => ".4",
        '⅗' => ".6",
        '⅘' => ".8",
        _ => "",
    };
    if !decimals.is_empty() {
        if !out.ends_with(|last: char| last.is_ascii_digit()) {
            out.push('0');
        }
        out.push_str(decimals);
        return;
    }
    match simple(c) {
        Some('\0') => {}
        Some(spelling) => out.push(spelling),
        None => out.push(c),
    }
}

/// Follows chains (`a → b`, `b → c` becomes `a → c`) and leaves out words that would come back to themselves.
fn without_cycles(words: Vec<(String, String)>) -> Vec<(String, String)> {
    let table: FxHashMap<String, String> = words.iter().cloned().collect();
    words
        .into_iter()
        .filter_map(|(from, mut to)| {
            // A word given as itself protects a longer word from a shorter rule (牛油果).
            if from == to {
                return Some((from, to));
            }
            for _ in 0..4 {
                match table.get(&to) {
                    Some(next) if *next == from => return None,
                    Some(next) if *next != to => to = next.clone(),
                    _ => break,
                }
            }
            // A target that holds its own source would grow with every round.
            (from.chars().count() >= 2 && !to.is_empty() && !to.contains(&from)).then_some((from, to))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::Normalizer;

    fn check(text: &str, expected: &str) {
        let normalizer = Normalizer::shared();
        let folded = normalizer.canonical_text(text);
        assert_eq!(folded, expected, "{text}");
        assert_eq!(normalizer.canonical_text(&folded), folded, "a second time: {text}");
    }

    #[test]
    fn one_spelling() {
        check("ＫＯＫＡ　１２３", "koka 123");
        check("  a \t b\u{3000}c  ", "a b c");
        check("【新品】可口可乐（500ＭＬ）×24", "(新品)可口可乐(500ml)*24");
        check("1½磅 ½杯", "1.5磅 0.5杯");
        check("LEGO™ Café®", "lego café");
        check("5㎡ 3℃ 52º", "5m2 3°c 52°");
        check("黃牌系列 – 梅鹿紅酒", "黄牌系列 - 梅鹿红酒");
        check("初榨濃香花生油", "初榨浓香花生油");
        check("馬鈴薯 優酪乳 鳳梨", "马铃薯 饮用酸奶 菠萝");
        check("a\u{200b}b\u{feff}", "ab");
        check("ﬁne Å", "fine å");
        check("“24”", "\"24\"");
        check("曼秀雷敦·男士", "曼秀雷敦 男士");
    }

    #[test]
    fn nothing_becomes_empty() {
        check("™", "™");
        check("。", "。");
        check("", "");
        check("   ", "");
    }
}

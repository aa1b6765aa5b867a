//! Many words found in one pass (Aho–Corasick), with word boundaries for alphabetic scripts.

use aho_corasick::{AhoCorasick, MatchKind};

/// A set of words, each with a value.
pub(crate) struct Dictionary<T> {
    automaton: Option<AhoCorasick>,
    values: Vec<T>,
}

/// A word found at a byte range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Index into the values.
    pub(crate) word: usize,
}

impl<T> Dictionary<T> {
    pub(crate) fn empty() -> Self {
        Dictionary { automaton: None, values: Vec::new() }
    }

    /// The first value of a word that is given twice wins.
    pub(crate) fn new(words: Vec<(String, T)>) -> Self {
        let mut seen = rustc_hash::FxHashSet::default();
        let (keys, values): (Vec<String>, Vec<T>) =
            words.into_iter().filter(|(key, _)| !key.is_empty() && seen.insert(key.clone())).unzip();
        if keys.is_empty() {
            return Self::empty();
        }
        // Overlapping matches need the standard kind; fails only beyond 2^31 states.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&keys).ok();
        Dictionary { automaton, values }
    }

    pub(crate) fn value(&self, hit: Hit) -> &T {
        &self.values[hit.word]
    }

    /// Every word that stands between word boundaries, overlapping ones too, in the order of their ends.
    pub(crate) fn all(&self, text: &str, out: &mut Vec<Hit>) {
        let Some(automaton) = &self.automaton else { return };
        for found in automaton.find_overlapping_iter(text) {
            let start = found.start();
            if let Some(end) = bounded(text, start, found.end()) {
                out.push(Hit { start, end, word: found.pattern().as_usize() });
            }
        }
    }

    /// The words from left to right, the longest at each place, none overlapping another.
    pub(crate) fn longest(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.all(text, &mut hits);
        leftmost_longest(&mut hits);
        hits
    }
}

impl Dictionary<String> {
    /// The text with each word replaced by its value; `None` when there is none.
    pub(crate) fn replace_all(&self, text: &str) -> Option<String> {
        let hits = self.longest(text);
        if hits.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len() + 8);
        let mut from = 0;
        for hit in hits {
            out.push_str(&text[from..hit.start]);
            out.push_str(self.value(hit));
            from = hit.end;
        }
        out.push_str(&text[from..]);
        Some(out)
    }
}

/// Keeps the leftmost hits, the longest of those that begin together, and drops what overlaps them.
pub(crate) fn leftmost_longest(hits: &mut Vec<Hit>) {
    hits.sort_unstable_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)).then(a.word.cmp(&b.word)));
    let mut free = 0;
    hits.retain(|hit| {
        let keep = hit.start >= free;
        if keep {
            free = hit.end;
        }
        keep
    });
}

/// The end of the word where both its sides are boundaries. Between letters of one alphabet, and between digits, there
/// is none; a plural `s` behind a Latin word of four letters or more belongs to it.
fn bounded(text: &str, start: usize, end: usize) -> Option<usize> {
    if joined(text, start) {
        return None;
    }
    if !joined(text, end) {
        return Some(end);
    }
    let bytes = text.as_bytes();
    let plural = bytes[end] == b's' && end - start >= 4 && bytes[end - 1].is_ascii_lowercase();
    (plural && !joined(text, end + 1)).then_some(end + 1)
}

/// Whether the characters on both sides of a byte position belong to one alphabetic word or one number.
pub(crate) fn joined(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let (Some(&before), Some(&after)) = (at.checked_sub(1).and_then(|i| bytes.get(i)), bytes.get(at)) else {
        return false;
    };
    if before.is_ascii() && after.is_ascii() {
        return (before.is_ascii_alphabetic() && after.is_ascii_alphabetic())
            || (before.is_ascii_digit() && after.is_ascii_digit());
    }
    // Han and other scripts without blanks begin at E1; below them are the alphabets.
    if !(0xc3..=0xd4).contains(&after) && !after.is_ascii_alphabetic() {
        return false;
    }
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() && (c as u32) < 0x1100);
    is_letter(text[..at].chars().next_back()) && is_letter(text[at..].chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], text: &str, expected: &[&str]) {
        let dictionary = Dictionary::new(words.iter().map(|word| ((*word).to_owned(), ())).collect());
        let found: Vec<&str> = dictionary.longest(text).iter().map(|hit| &text[hit.start..hit.end]).collect();
        assert_eq!(found, expected, "{words:?} in {text}");
    }

    #[test]
    fn longest_words_between_boundaries() {
        check(&["可口", "可口可乐"], "喝可口可乐", &["可口可乐"]);
        check(&["red"], "red redmi bored red5", &["red", "red"]);
        check(&["apple"], "apples pineapple appless", &["apples"]);
        check(&["3m"], "3m 13m 3mm", &["3m"]);
        check(&["мыло"], "мыло мылом", &["мыло"]);
        check(&["café"], "café cafés", &["café"]);
        check(&[], "a", &[]);
    }
}

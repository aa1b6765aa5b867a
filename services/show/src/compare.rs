//! Two names side by side, with what they state marked by what it means for the pair: agreeing, differing, said by one
//! side only. What a reason speaks of is found in the names again, by its words or, where a name says it in other words
//! (`Coca-Cola` for 可口可乐), by the place where `normalize` read it. Characters that no statement explains and that
//! the other name does not have are marked faintly.

use crate::html::{NAME_LIMIT, cut, push_escaped};
use crate::kinds::{self, Statement, Verdict};
use normalize::{Normalizer, SpanKind};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    /// Not in the other name, and no statement says why.
    Own,
    Stated(Verdict),
}

/// Both names as HTML.
pub fn names(left: &str, right: &str, statements: &[Statement<'_>]) -> (String, String) {
    let (left, left_cut) = cut(left, NAME_LIMIT);
    let (right, right_cut) = cut(right, NAME_LIMIT);
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let (fold_a, fold_b) = (folded(&a), folded(&b));
    let (mut marks_a, mut marks_b) = own_characters(&fold_a, &fold_b);
    let said = Said::of(statements);
    said.paint(left, &fold_a, &mut marks_a, Side::Left);
    said.paint(right, &fold_b, &mut marks_b, Side::Right);
    (html(&a, &marks_a, left_cut), html(&b, &marks_b, right_cut))
}

/// A brand, spec or unit column as HTML.
pub fn field(text: &str, statements: &[Statement<'_>], side: Side) -> String {
    let (text, was_cut) = cut(text, NAME_LIMIT);
    let chars: Vec<char> = text.chars().collect();
    let mut marks = vec![Mark::Plain; chars.len()];
    Said::of(statements).paint(text, &folded(&chars), &mut marks, side);
    html(&chars, &marks, was_cut)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// The words of the statements, weakest verdict first, so that a contradiction is painted last and stays visible.
struct Said<'s> {
    words: Vec<Word<'s>>,
}

struct Word<'s> {
    kind: &'s str,
    text: &'s str,
    verdict: Verdict,
    /// `None`: said by either.
    side: Option<Side>,
}

impl<'s> Said<'s> {
    fn of(statements: &[Statement<'s>]) -> Self {
        let mut words = Vec::new();
        for s in statements.iter().filter(|s| !s.kind.is_empty() && s.verdict != Verdict::Veto) {
            let mut add = |text: &'s str, verdict, side| {
                words.push(Word { kind: s.kind, text, verdict, side });
            };
            if s.right.is_empty() {
                s.left.split(' ').for_each(|word| add(word, s.verdict, None));
                continue;
            }
            for (own, other, side) in [(s.left, s.right, Side::Left), (s.right, s.left, Side::Right)] {
                for word in own.split(' ') {
                    // Of `DZ47 C16 ≠ DZ47 C20` only the last words differ.
                    let shared = other.split(' ').any(|o| o == word);
                    add(word, if shared { Verdict::Agrees } else { s.verdict }, Some(side));
                }
            }
        }
        words.retain(|w| !w.text.is_empty());
        words.sort_by_key(|w| match w.verdict {
            Verdict::OneSided => 0,
            Verdict::Agrees => 1,
            Verdict::Partly => 2,
            Verdict::Differs | Verdict::Veto => 3,
        });
        Said { words }
    }

    fn of_side(&self, side: Side) -> impl Iterator<Item = &Word<'s>> {
        self.words.iter().filter(move |w| w.side.is_none_or(|s| s == side))
    }

    fn paint(&self, name: &str, folded_name: &[char], marks: &mut [Mark], side: Side) {
        for word in self.of_side(side) {
            paint_word(folded_name, marks, word);
        }
        for span in Normalizer::shared().spans(name) {
            let at = name[..span.start].chars().count();
            let end = at + name[span.start..span.end].chars().count();
            let Some(place) = marks.get_mut(at..end) else { continue };
            if place.iter().any(|m| matches!(m, Mark::Stated(_))) {
                continue;
            }
            if let Some(verdict) = self.verdict_of(&name[span.start..span.end], span.kind, side) {
                place.fill(Mark::Stated(verdict));
            }
        }
    }

    /// What the statements say of a place that `normalize` read: the word that it is without its separators, else the
    /// only verdict there is on its kind.
    fn verdict_of(&self, text: &str, place: SpanKind, side: Side) -> Option<Verdict> {
        let about: Vec<&Word<'_>> = self.of_side(side).filter(|w| speaks_of(w.kind, place)).collect();
        let letters = letters_of(text);
        if let Some(word) = about.iter().find(|w| letters_of(w.text) == letters) {
            return Some(word.verdict);
        }
        let mut verdicts: Vec<Verdict> = about.iter().map(|w| w.verdict).collect();
        verdicts.dedup();
        if let [only] = verdicts[..] { Some(only) } else { None }
    }
}

fn letters_of(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// One comparable character each: width and case do not tell goods apart.
fn folded(chars: &[char]) -> Vec<char> {
    let half_width = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '×' | '✕' => 'x',
        other => other,
    };
    chars.iter().map(|c| half_width(*c)).map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// Marks the characters outside the longest common subsequence, where the names have much in common; else nothing:
/// names in two scripts would be marked all over.
fn own_characters(a: &[char], b: &[char]) -> (Vec<Mark>, Vec<Mark>) {
    let width = b.len() + 1;
    let mut longest = vec![0u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut marks_a, mut marks_b) = (vec![Mark::Own; a.len()], vec![Mark::Own; b.len()]);
    if usize::from(longest[0]) * 5 < a.len().max(b.len()) * 2 {
        return (vec![Mark::Plain; a.len()], vec![Mark::Plain; b.len()]);
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            (marks_a[i], marks_b[j]) = (Mark::Plain, Mark::Plain);
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    (marks_a, marks_b)
}

fn speaks_of(kind: &str, place: SpanKind) -> bool {
    match place {
        SpanKind::Brand => kind == "brand",
        SpanKind::Head => kind == "head",
        SpanKind::Pack => kind == "pack",
        SpanKind::Code => kind == "code",
        SpanKind::Quantity => kinds::is_amount(kind),
        SpanKind::Variant | SpanKind::Claim => kinds::is_word(kind),
    }
}

/// Paints every occurrence of a word. Letters and digits must stand alone: the 5 of a statement is not the 5 of 500ml.
fn paint_word(name: &[char], marks: &mut [Mark], word: &Word<'_>) {
    let text = folded(&word.text.chars().collect::<Vec<char>>());
    if text.len() > name.len() {
        return;
    }
    for at in 0..=name.len() - text.len() {
        let end = at + text.len();
        if name[at..end] == text[..] && stands_alone(name, at, end) {
            marks[at..end].fill(Mark::Stated(word.verdict));
        }
    }
}

fn stands_alone(name: &[char], at: usize, end: usize) -> bool {
    let joined = |a: char, b: char| {
        let digit = a.is_ascii_digit() && (b.is_ascii_digit() || b == '.');
        let letter = a.is_ascii_alphabetic() && b.is_ascii_alphabetic();
        digit || letter
    };
    let before = at == 0 || !joined(name[at], name[at - 1]);
    let after = end == name.len() || !joined(name[end - 1], name[end]);
    before && after
}

fn html(chars: &[char], marks: &[Mark], was_cut: bool) -> String {
    let mut out = String::from("<bdi>");
    let mut at = 0;
    while at < chars.len() {
        let mark = marks[at];
        let end = (at..chars.len()).find(|i| marks[*i] != mark).unwrap_or(chars.len());
        let class = match mark {
            Mark::Plain => None,
            Mark::Own => Some("own"),
            Mark::Stated(verdict) => Some(verdict.class()),
        };
        if let Some(class) = class {
            out.push_str(&format!("<mark class=\"{class}\">"));
        }
        for c in &chars[at..end] {
            push_escaped(&mut out, *c);
        }
        if class.is_some() {
            out.push_str("</mark>");
        }
        at = end;
    }
    out.push_str(if was_cut { "…</bdi>" } else { "</bdi>" });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::statements;

    #[test]
    fn statements_are_found_in_the_names() {
        for (left, right, reason, expected_left, expected_right) in [
            (
                "农夫山泉 1L",
                "农夫山泉1.5L",
                "veto:volume; volume 1l≠1.5l; brand 农夫山泉",
                r#"<bdi><mark class="agrees">农夫山泉</mark><mark class="own"> </mark><mark class="differs">1L</mark></bdi>"#,
                r#"<bdi><mark class="agrees">农夫山泉</mark><mark class="differs">1.5L</mark></bdi>"#,
            ),
            (
                "5ml",
                "15ml<b>",
                "volume 5ml≠15ml",
                r#"<mark class="differs">5ml</mark>"#,
                r#"<mark class="differs">15ml</mark>"#,
            ),
            ("可口可乐", "Coca-Cola", "text only", "<bdi>可口可乐</bdi>", "<bdi>Coca-Cola</bdi>"),
            (
                "可口可乐",
                "Coca-Cola",
                "brand 可口可乐",
                r#"<mark class="agrees">可口可乐</mark>"#,
                r#"<mark class="agrees">Coca-Cola</mark>"#,
            ),
        ] {
            let (l, r) = names(left, right, &statements(reason));
            assert!(l.contains(expected_left), "{l}");
            assert!(r.contains(expected_right), "{r}");
            assert!(!r.contains("<b>"), "{r}");
        }
    }

    #[test]
    fn wild_names_do_not_break_the_page() {
        let long = "茶".repeat(10_000);
        for (left, right) in [("", ""), (long.as_str(), "茶"), ("\u{202e}<script>", "&\"'"), ("👨‍👩‍👧", "é")]
        {
            let (l, r) = names(left, right, &statements("pack 2≠3; volume =?; ~; ≠"));
            assert!(l.starts_with("<bdi>") && l.ends_with("</bdi>"));
            assert!(!l.contains("<script") && r.len() < 10_000);
        }
    }
}

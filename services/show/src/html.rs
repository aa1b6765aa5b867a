//! Text into HTML, safely: whatever a name holds, it stays text, keeps to its own writing direction and to a
//! reasonable length.

use crate::lang::{percent, thousands};

/// Characters of a name that are shown.
pub const NAME_LIMIT: usize = 160;

/// Escaped for content and for quoted attributes; control characters, which HTML forbids, become a visible mark.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

pub fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        '\n' | '\r' | '\t' => out.push(' '),
        c if c.is_control() || is_noncharacter(c) => out.push('\u{fffd}'),
        c => out.push(c),
    }
}

fn is_noncharacter(c: char) -> bool {
    matches!(c as u32, 0xfdd0..=0xfdef) || (c as u32 & 0xfffe) == 0xfffe
}

/// The first `limit` characters, and whether something was cut.
pub fn cut(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().nth(limit) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// A name from the data: cut, escaped, its writing direction kept to itself.
pub fn name(text: &str) -> String {
    let (shown, was_cut) = cut(text, NAME_LIMIT);
    format!("<bdi>{}{}</bdi>", escape(shown), if was_cut { "…" } else { "" })
}

/// A text in both languages, of which one is shown. Both are HTML already.
pub fn both(en: &str, zh: &str) -> String {
    if en == zh {
        en.to_owned()
    } else {
        format!("<span lang=\"en\">{en}</span><span lang=\"zh\">{zh}</span>")
    }
}

/// The same with one number in it, marked `{}`.
pub fn counted(count: usize, en: &str, zh: &str) -> String {
    let number = thousands(count);
    both(&en.replace("{}", &number), &zh.replace("{}", &number))
}

pub fn heading(id: &str, en: &str, zh: &str) -> String {
    format!("<h2 id=\"{id}\">{}</h2>\n", both(en, zh))
}

pub fn note(en: &str, zh: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", both(en, zh))
}

/// A coloured bar of parts in proportion: (class, count). Parts of nothing are left out.
pub fn stacked(parts: &[(&str, usize)]) -> String {
    let total: usize = parts.iter().map(|(_, n)| n).sum();
    let mut out = String::from("<span class=\"stack\" aria-hidden=\"true\">");
    for (class, count) in parts.iter().filter(|(_, n)| *n > 0) {
        let share = percent(*count, total);
        out.push_str(&format!("<i class=\"{class}\" style=\"width:{share}\"></i>"));
    }
    out.push_str("</span>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        for (text, expected) in [
            ("<script>alert('x')</script>", "<bdi>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</bdi>"),
            ("a\u{0}\u{1b}b\nc", "<bdi>a\u{fffd}\u{fffd}b c</bdi>"),
            ("\u{202e}txt", "<bdi>\u{202e}txt</bdi>"),
            ("👨‍👩‍👧 & \"co\"", "<bdi>👨‍👩‍👧 &amp; &quot;co&quot;</bdi>"),
        ] {
            assert_eq!(name(text), expected);
        }
        let long = name(&"茶".repeat(10_000));
        assert_eq!(long.chars().filter(|c| *c == '茶').count(), NAME_LIMIT);
        assert!(long.contains('…'));
    }
}

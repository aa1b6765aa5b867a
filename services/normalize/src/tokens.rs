//! The words of what is left, and their sound.

use crate::codes::{self, Run};
use domain::{Token, TokenKind};
use jieba_rs::Jieba;
use pinyin::ToPinyin;
use smol_str::SmolStr;

/// One word and its place.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What a run of Latin letters and digits is; `None` for other scripts and brands.
    pub(crate) run: Option<Run>,
    kind: TokenKind,
}

impl Piece {
    pub(crate) fn token(&self, text: &str, kinds: &Kinds<'_>) -> Token {
        let raw = &text[self.start..self.end];
        match &self.run {
            Some(Run::Code(code)) => Token { text: code.clone(), kind: TokenKind::Code },
            Some(Run::Number(_)) => Token { text: raw.into(), kind: TokenKind::Number },
            _ if self.kind == TokenKind::Brand => Token { text: raw.trim().into(), kind: TokenKind::Brand },
            _ => Token { text: SmolStr::new(raw), kind: kinds.of(self.start, self.end, self.kind) },
        }
    }
}

/// The words of a text: brands (`barred` ranges) whole, Latin and digit runs by [`codes`], Han by the segmenter, other
/// alphabets by their letters.
pub(crate) fn segment(jieba: &Jieba, text: &str, barred: &[(usize, usize)]) -> Vec<Piece> {
    let bytes = text.as_bytes();
    let mut pieces = Vec::with_capacity(12);
    let mut at = 0;
    let mut barred = barred.iter().peekable();
    while at < bytes.len() {
        while barred.peek().is_some_and(|(_, end)| *end <= at) {
            barred.next();
        }
        if let Some((start, end)) = barred.peek()
            && *start <= at
        {
            pieces.push(Piece { start: at, end: *end, run: None, kind: TokenKind::Brand });
            at = *end;
            continue;
        }
        let limit = barred.peek().map_or(bytes.len(), |(start, _)| *start);
        if bytes[at].is_ascii_alphanumeric() {
            let found = codes::read(&text[..limit], at);
            let end = found.end.max(at + 1);
            pieces.push(Piece { start: at, end, run: Some(found.run), kind: TokenKind::Word });
            at = end;
        } else if bytes[at].is_ascii() {
            at += 1;
        } else {
            at = other_script(jieba, text, at, limit, &mut pieces);
        }
    }
    pieces
}

fn other_script(jieba: &Jieba, text: &str, at: usize, limit: usize, pieces: &mut Vec<Piece>) -> usize {
    let Some(first) = text[at..limit].chars().next() else { return limit };
    // Alphabets are written with blanks between words; Han, kana and the rest are not.
    let is_alphabetic = |c: char| c.is_alphabetic() && (c as u32) < 0x1100;
    let belongs = |c: char| !c.is_ascii() && c.is_alphanumeric() && is_alphabetic(c) == is_alphabetic(first);
    let end = text[at..limit].char_indices().find(|(_, c)| !belongs(*c)).map_or(limit, |(i, _)| at + i);
    if end == at {
        return at + first.len_utf8();
    }
    if is_alphabetic(first) {
        pieces.push(Piece { start: at, end, run: None, kind: TokenKind::Word });
        return end;
    }
    let mut start = at;
    for word in jieba.cut(&text[at..end], false) {
        let stop = start + word.word.len();
        pieces.push(Piece { start, end: stop, run: None, kind: TokenKind::Han });
        start = stop;
    }
    end
}

/// What kind of word each one is, by the places that `words` found.
pub(crate) struct Kinds<'s> {
    pub(crate) head: Option<(usize, usize)>,
    pub(crate) variants: &'s [(usize, usize)],
    pub(crate) claims: &'s [(usize, usize)],
}

impl Kinds<'_> {
    fn of(&self, start: usize, end: usize, otherwise: TokenKind) -> TokenKind {
        let within = |spans: &[(usize, usize)]| spans.iter().any(|(from, to)| *from <= start && end <= *to);
        if within(self.claims) {
            TokenKind::Claim
        } else if within(self.variants) {
            TokenKind::Variant
        } else if self.head.is_some_and(|(from, to)| from <= start && end <= to) {
            TokenKind::Head
        } else {
            otherwise
        }
    }
}

/// How Chinese text sounds to ears that do not tell zh, ch, sh from z, c, s, nor -ng from -n: syllables with hyphens.
pub(crate) fn sound(text: &str) -> String {
    let mut out = String::new();
    for sound in text.chars().filter_map(|c| c.to_pinyin()) {
        let plain = sound.plain();
        let (first, rest) = plain.split_at(plain.len().min(1));
        out.push_str(first);
        let rest = match first {
            "z" | "c" | "s" => rest.strip_prefix('h').unwrap_or(rest),
            _ => rest,
        };
        let open = rest
            .strip_suffix('g')
            .filter(|open| open.ends_with("an") || open.ends_with("en") || open.ends_with("in"));
        out.push_str(open.unwrap_or(rest));
        out.push('-');
    }
    out
}

/// Toneless pinyin of Chinese characters without blanks; Latin letters are kept, everything else is left out.
pub(crate) fn pinyin(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            out.push(c);
        } else if let Some(sound) = c.to_pinyin() {
            out.push_str(sound.plain());
        }
    }
    out
}

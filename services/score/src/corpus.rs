//! Names compiled for comparison: words and n-grams as sorted hashes with rarity weights, attributes as small sorted
//! lists. Everything that can be computed once a record is computed here, because the pair loop runs it ten times.

use domain::{BrandSource, Dimension, Gtin, Marks, ParsedName, Quantity, TokenKind};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHasher};
use smol_str::SmolStr;
use std::hash::Hasher;

/// How often each word and n-gram occurs among the records at hand.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    records: u32,
    frequency: FxHashMap<u32, u32>,
}

/// A name ready to be compared. Hashes are 32 bits: among a million distinct words one pair in four thousand collides,
/// which costs a little precision of one weak feature and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// `folded` and `residual` without blanks, in UTF-16: a character of every name but the rarest is one number.
    pub whole: Box<[u16]>,
    pub residual: Box<[u16]>,
    /// Letters and digits.
    pub pinyin: Box<[u8]>,
    pub whole_grams: Grams,
    pub residual_grams: Grams,
    /// Words, Chinese characters and bigrams, and codes of the residual, sorted by hash, with their rarity.
    pub words: Box<[Word]>,
    pub words_weight: f32,
    pub brand: Option<(u32, BrandSource)>,
    pub brand_text: SmolStr,
    /// The brand as it would stand in another name's [`whole`](Self::whole).
    pub brand_compact: Box<[u16]>,
    pub head: Option<u32>,
    /// Sorted by dimension.
    pub quantities: Box<[Amount]>,
    pub packs: Box<[u32]>,
    /// Codes with their rarity, sorted by hash.
    pub codes: Box<[(u32, f32)]>,
    pub codes_text: Box<[SmolStr]>,
    pub described_codes: Box<[u32]>,
    /// Bare numbers, and all numbers that occur in any form; sorted.
    pub numbers: Box<[f32]>,
    pub all_numbers: Box<[f32]>,
    /// Sorted by kind.
    pub variants: Box<[Said]>,
    pub claims: Box<[Said]>,
    pub marks: Marks,
    pub gtin: Option<Gtin>,
    /// Share of Chinese characters among the letters of the residual.
    pub han_share: f32,
    pub price: Option<f32>,
}

/// A value of some kind: `flavour=草莓`. The value keeps its text, because 清新黄瓜 and 黄瓜 do not contradict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub kind: u32,
    pub value: SmolStr,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Word {
    pub hash: u32,
    /// In steps of 1 / [`u16::MAX`].
    rarity: u16,
    pub kind: WordKind,
}

impl Word {
    fn new(hash: u32, rarity: f32, kind: WordKind) -> Word {
        Word { hash, rarity: (rarity * f32::from(u16::MAX)).round() as u16, kind }
    }

    /// 0..=1
    pub fn rarity(&self) -> f32 {
        f32::from(self.rarity) / f32::from(u16::MAX)
    }
}

/// Character 1- to 3-grams with TF-IDF weights, four bytes each, sorted: above, the first 22 bits of the hash (of the
/// hundred grams of two names, one in four hundred such pairs shares one by chance); below, the weight in steps of a
/// thousandth of the largest.
#[derive(Clone, Debug, Default)]
pub struct Grams {
    packed: Box<[u32]>,
    /// The inverse of the vector's length.
    scale: f32,
}

const WEIGHT_BITS: u32 = 10;
const WEIGHT: u32 = (1 << WEIGHT_BITS) - 1;

impl Grams {
    /// `weighted` by rising hash.
    fn of(weighted: &[(u32, f32)]) -> Grams {
        let most = weighted.iter().map(|(_, weight)| *weight).fold(0.0f32, f32::max).max(1e-9);
        let mut packed: Vec<u32> = Vec::with_capacity(weighted.len());
        for (hash, weight) in weighted {
            let steps = ((weight / most * WEIGHT as f32).round() as u32).max(1);
            let place = hash >> WEIGHT_BITS << WEIGHT_BITS;
            match packed.last_mut() {
                Some(last) if *last & !WEIGHT == place => *last = place | steps.max(*last & WEIGHT),
                _ => packed.push(place | steps),
            }
        }
        let squares: u64 = packed.iter().map(|gram| u64::from(gram & WEIGHT).pow(2)).sum();
        Grams { packed: packed.into(), scale: 1.0 / (squares as f32).sqrt().max(1e-9) }
    }

    /// 0..=1
    pub fn cosine(&self, other: &Grams) -> f32 {
        let (left, right) = (&*self.packed, &*other.packed);
        let (mut i, mut j, mut sum) = (0, 0, 0u64);
        while i < left.len() && j < right.len() {
            let (a, b) = (left[i], right[j]);
            let (x, y) = (a >> WEIGHT_BITS, b >> WEIGHT_BITS);
            sum += if x == y { u64::from((a & WEIGHT) * (b & WEIGHT)) } else { 0 };
            i += usize::from(x <= y);
            j += usize::from(y <= x);
        }
        // the scales first: the same product from both sides
        (sum as f32 * (self.scale * other.scale)).min(1.0)
    }
}

/// What kind of word is left over matters as much as that one is: a left-over flavour says "other product".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// A Chinese character or bigram, or an alphabetic word.
    Plain,
    /// A word that states a variant or a claim.
    Variant,
    Number,
    Code,
    Brand,
    Head,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    pub dimension: Dimension,
    pub low: f64,
    pub high: f64,
}

impl From<&Quantity> for Amount {
    fn from(stated: &Quantity) -> Amount {
        Amount { dimension: stated.dimension, low: stated.low, high: stated.high }
    }
}

pub fn hash(text: &str) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    fold(hasher.finish())
}

fn hash_chars(tag: u8, chars: &[char]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write_u8(tag);
    for c in chars {
        hasher.write_u32(*c as u32);
    }
    fold(hasher.finish())
}

fn fold(wide: u64) -> u32 {
    (wide ^ (wide >> 32)) as u32
}

/// Bytes that keep n-grams of whole and residual text and words apart in the frequency table.
const WHOLE: u8 = 1;
const RESIDUAL: u8 = 2;
const WORD: u8 = 3;

pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Longer texts are cut: an e-commerce title of 300 characters says nothing after its first hundred or so.
const MAX_CHARS: usize = 160;

pub(crate) fn compact(text: &str) -> Box<[u16]> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).take(MAX_CHARS).collect();
    text.encode_utf16().collect()
}

fn grams(tag: u8, text: &str, out: &mut Vec<u32>) {
    out.clear();
    let chars: Vec<char> =
        std::iter::once(' ').chain(text.chars().take(MAX_CHARS)).chain(std::iter::once(' ')).collect();
    for n in 1..=3 {
        for window in chars.windows(n) {
            if window != [' '] {
                out.push(hash_chars(tag, window));
            }
        }
    }
    out.sort_unstable();
}

fn words(name: &ParsedName, out: &mut Vec<(u32, WordKind)>) {
    out.clear();
    let mut push = |text: &[char], kind| out.push((hash_chars(WORD, text), kind));
    let mut chars: Vec<char> = Vec::with_capacity(16);
    for token in &name.tokens {
        chars.clear();
        chars.extend(token.text.chars());
        let kind = match token.kind {
            TokenKind::Variant | TokenKind::Claim => WordKind::Variant,
            TokenKind::Number => WordKind::Number,
            TokenKind::Code => WordKind::Code,
            TokenKind::Brand => WordKind::Brand,
            TokenKind::Head => WordKind::Head,
            TokenKind::Han | TokenKind::Word => WordKind::Plain,
        };
        if chars.len() > 2 && chars.iter().all(|c| is_han(*c)) {
            // Chinese words are split further: segmentation of two spellings rarely agrees.
            for pair in chars.windows(2) {
                push(pair, kind);
            }
        } else {
            push(&chars, kind);
        }
    }
    // bigrams across word boundaries of the running Chinese text
    let residual: Vec<char> = name.residual.chars().take(MAX_CHARS).collect();
    for pair in residual.windows(2) {
        if is_han(pair[0]) && is_han(pair[1]) {
            push(pair, WordKind::Plain);
        }
    }
    for c in residual.iter().filter(|c| is_han(**c)) {
        push(std::slice::from_ref(c), WordKind::Plain);
    }
    // A hash that came in as something more telling than a plain bigram keeps that kind.
    out.sort_unstable_by_key(|(hash, kind)| (*hash, *kind == WordKind::Plain));
    out.dedup_by_key(|(hash, _)| *hash);
}

impl Corpus {
    /// Counts in how many records each word and n-gram occurs; the result does not depend on the number of threads.
    pub fn count(names: &[ParsedName]) -> Corpus {
        let frequency = names
            .par_chunks(4096)
            .fold(FxHashMap::default, |mut counts: FxHashMap<u32, u32>, chunk| {
                let (mut grams_of, mut words_of) = (Vec::new(), Vec::new());
                for name in chunk {
                    for (tag, text) in [(WHOLE, &name.folded), (RESIDUAL, &name.residual)] {
                        grams(tag, text, &mut grams_of);
                        grams_of.dedup();
                        for gram in &grams_of {
                            *counts.entry(*gram).or_default() += 1;
                        }
                    }
                    words(name, &mut words_of);
                    for (word, _) in &words_of {
                        *counts.entry(*word).or_default() += 1;
                    }
                }
                counts
            })
            .reduce(FxHashMap::default, |a, b| {
                let (mut large, small) = if a.len() >= b.len() { (a, b) } else { (b, a) };
                for (key, count) in small {
                    *large.entry(key).or_default() += count;
                }
                large
            });
        Corpus { records: names.len() as u32, frequency }
    }

    pub fn records(&self) -> u32 {
        self.records
    }

    /// ln(1 + N/df), 0..; a word never seen counts as seen once.
    fn rarity(&self, hash: u32) -> f32 {
        let seen = self.frequency.get(&hash).copied().unwrap_or(1).max(1);
        (1.0 + self.records.max(1) as f32 / seen as f32).ln()
    }

    /// The rarity of a word seen once: the scale of every rarity.
    pub fn max_rarity(&self) -> f32 {
        (1.0 + self.records.max(1) as f32).ln()
    }

    fn weighted_grams(&self, tag: u8, text: &str) -> Grams {
        let mut hashes = Vec::new();
        grams(tag, text, &mut hashes);
        let mut out: Vec<(u32, f32)> = Vec::with_capacity(hashes.len());
        for run in hashes.chunk_by(|a, b| a == b) {
            let weight = (1.0 + (run.len() as f32).ln()) * self.smooth_rarity(run[0]);
            out.push((run[0], weight));
        }
        Grams::of(&out)
    }

    /// The smoothed inverse document frequency of Salton's weighting as commonly implemented: ln((1+N)/(1+df)) + 1.
    fn smooth_rarity(&self, hash: u32) -> f32 {
        let seen = self.frequency.get(&hash).copied().unwrap_or(0) as f32;
        ((1.0 + self.records as f32) / (1.0 + seen)).ln() + 1.0
    }

    pub fn profile(&self, name: &ParsedName, price: Option<f64>) -> Profile {
        let mut word_list = Vec::new();
        words(name, &mut word_list);
        let scale = self.max_rarity();
        let words: Box<[Word]> = word_list
            .iter()
            .map(|(hash, kind)| Word::new(*hash, self.rarity(*hash) / scale, *kind))
            .collect();
        let residual = compact(&name.residual);
        let letters = || name.residual.chars().take(MAX_CHARS).filter(|c| c.is_alphabetic());
        let han = letters().filter(|c| is_han(*c)).count() as f32;
        let letters = letters().count() as f32 - han;
        let mut codes: Vec<(u32, f32)> = name
            .codes
            .iter()
            .map(|code| {
                let lower: Vec<char> = code.to_lowercase().chars().collect();
                (hash(code), self.rarity(hash_chars(WORD, &lower)) / scale)
            })
            .collect();
        codes.sort_unstable_by_key(|(hash, _)| *hash);
        codes.dedup_by_key(|(hash, _)| *hash);
        let mut quantities: Vec<Amount> = name.quantities.iter().map(Amount::from).collect();
        quantities.sort_by(|a, b| a.dimension.cmp(&b.dimension).then(a.low.total_cmp(&b.low)));
        // 60*60cm are two sides; 500ml said twice is one amount.
        quantities.dedup_by(|a, b| a == b && a.dimension != Dimension::Length);
        let mut packs: Vec<u32> = name.packs.iter().map(|p| p.count).collect();
        packs.sort_unstable();
        packs.dedup();
        let sorted = |mut v: Vec<f32>| {
            v.sort_by(f32::total_cmp);
            v.dedup();
            v
        };
        let numbers = sorted(name.numbers.iter().map(|n| *n as f32).collect());
        let stated = name.quantities.iter().filter_map(|q| leading_number(&q.text));
        let all_numbers = sorted(
            numbers
                .iter()
                .copied()
                .chain(stated)
                .chain(name.quantities.iter().map(|q| q.low as f32))
                .chain(packs.iter().map(|p| *p as f32))
                .collect(),
        );
        let mut described_codes: Vec<u32> = name.described_codes.iter().map(|c| hash(c)).collect();
        described_codes.sort_unstable();
        described_codes.dedup();
        let said = |kind: &str, value: &SmolStr| Said { kind: hash(kind), value: value.clone() };
        let mut variants: Vec<Said> = name.variants.iter().map(|v| said(&v.kind, &v.value)).collect();
        variants.sort_unstable();
        variants.dedup();
        let mut claims: Vec<Said> = name.claims.iter().map(|c| said(&c.family, &c.value)).collect();
        claims.sort_unstable();
        claims.dedup();
        Profile {
            whole: compact(&name.folded),
            pinyin: name
                .pinyin
                .bytes()
                .filter(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
                .take(MAX_CHARS)
                .collect(),
            whole_grams: self.weighted_grams(WHOLE, &name.folded),
            residual_grams: self.weighted_grams(RESIDUAL, &name.residual),
            words_weight: words.iter().map(Word::rarity).sum(),
            words,
            brand: name.brand.as_ref().map(|b| (hash(&b.canonical), b.source)),
            brand_compact: name.brand.as_ref().map(|b| compact(&b.canonical)).unwrap_or_default(),
            brand_text: name.brand.as_ref().map(|b| b.canonical.clone()).unwrap_or_default(),
            head: name.head.as_ref().map(|h| hash(h)),
            quantities: quantities.into(),
            packs: packs.into(),
            codes: codes.into(),
            codes_text: name.codes.as_slice().into(),
            described_codes: described_codes.into(),
            numbers: numbers.into(),
            all_numbers: all_numbers.into(),
            variants: variants.into(),
            claims: claims.into(),
            marks: name.marks,
            gtin: name.gtin,
            han_share: if han + letters > 0.0 { han / (han + letters) } else { 0.0 },
            price: price.filter(|p| *p > 0.0).map(|p| p as f32),
            residual,
        }
    }

    pub fn profiles(&self, names: &[ParsedName], prices: &[Option<f64>]) -> Vec<Profile> {
        names.par_iter().zip(prices).map(|(name, price)| self.profile(name, *price)).collect()
    }
}

fn leading_number(text: &str) -> Option<f32> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].parse().ok()
}

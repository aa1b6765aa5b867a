//! Text to parsed name: what a name says, and nothing that it does not say.
//!
//! Contract: pure (no IO, no clock), deterministic, total on any Unicode, and no text becomes empty: a step that would
//! leave nothing is undone. An attribute that was not read is absent.
//!
//! The way of a name:
//!
//! 1. [`fold`]: one spelling of the same characters (`canonical`);
//! 2. [`quantities`] (with [`numerals`], [`units`], [`prefixes`], [`context`]): amounts and packs, before segmentation,
//!    because a segmenter glues `330ml` to its neighbours;
//! 3. [`brands`]: brands and aliases to their canonical words (`folded`);
//! 4. [`words`]: variants, claims, marks, heads, selling words (`residual`);
//! 5. [`codes`] and [`tokens`]: model numbers, bare numbers, segmented words, pinyin.

mod brands;
mod codes;
mod context;
mod dictionary;
mod fold;
mod lexicon;
mod numerals;
mod patterns;
mod prefixes;
mod quantities;
mod spans;
mod tokens;
mod units;
mod words;

pub use spans::{Span, SpanKind};

use brands::{NamedKind, Names};
use codes::Run;
use domain::{Brand, BrandSource, Gtin, LocalSku, Mark, ParsedName, Quantity, Variant};
use fold::Folder;
use jieba_rs::Jieba;
use quantities::Reading;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;
use std::sync::OnceLock;
use tokens::Kinds;
use units::{Measure, Units};
use words::Words;

/// Characters of a description that are read: part numbers stand in front, and shops paste whole manuals.
const DESCRIPTION_LIMIT: usize = 600;

/// Jieba's dictionary counts 60 million words; one seen a few hundred times is likelier than any two it could be cut into.
const USER_WORD_FREQUENCY: usize = 300;

/// Reads names. Holds the lexicons; build it once ([`Normalizer::shared`]).
pub struct Normalizer {
    folder: Folder,
    units: Units,
    names: Names,
    words: Words,
    jieba: Jieba,
}

impl Normalizer {
    /// The one of this process.
    pub fn shared() -> &'static Normalizer {
        static SHARED: OnceLock<Normalizer> = OnceLock::new();
        SHARED.get_or_init(Normalizer::new)
    }

    fn new() -> Self {
        // Three parts of about equal length that need nothing of each other but the folder.
        let folder = Folder::new();
        let ordinary: FxHashSet<String> = Words::spellings().map(|word| folder.canonical(word)).collect();
        let (mut jieba, words, units, names) = std::thread::scope(|scope| {
            let segmenter = scope.spawn(Jieba::new);
            let words = scope.spawn(|| Words::new(&folder));
            let units = Units::new(&folder);
            let names = Names::new(&folder, &ordinary);
            let words = words.join().unwrap_or_else(|_| Words::new(&folder));
            (segmenter.join().unwrap_or_else(|_| Jieba::new()), words, units, names)
        });
        let mut user_words: Vec<&str> =
            ordinary.iter().map(String::as_str).chain(names.spellings()).collect();
        user_words.sort_unstable();
        user_words.dedup();
        for word in user_words {
            let characters = word.chars().count();
            if (2..=8).contains(&characters) && !word.is_ascii() && !jieba.has_word(word) {
                jieba.add_word(word, Some(USER_WORD_FREQUENCY), None);
            }
        }
        Normalizer { folder, units, names, words, jieba }
    }

    /// NFKC, lower case, Simplified, mainland words, single blanks. Idempotent.
    pub fn canonical_text(&self, text: &str) -> String {
        self.folder.canonical(text)
    }

    /// Owners and the brands of theirs that goods are also called by alone (洋河, 海之蓝), by their canonical names.
    pub fn owned_brands(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.owned().map(|(owner, brand)| (owner.as_str(), brand.as_str()))
    }

    /// Everything one local SKU says.
    pub fn parse(&self, sku: &LocalSku) -> ParsedName {
        let mut parsed = self.read(&Source::of(sku, &self.folder)).parsed;
        parsed.gtin = sku.gtin.as_deref().and_then(Gtin::parse);
        if let Some(description) = &sku.description {
            parsed.described_codes = codes::in_description(description, DESCRIPTION_LIMIT);
            parsed.described_codes.retain(|code| !parsed.codes.contains(code));
        }
        parsed
    }

    fn read(&self, source: &Source) -> Read {
        let stated = self.names.of_column(&source.brand);
        let stated_index = stated.as_ref().and_then(|(_, index)| *index);
        let (canonical, name_range) = source.canonical();
        let mut named = self.names.find(&canonical, stated_index);
        self.drop_cut_words(&canonical, &mut named);
        if let Some((brand, None)) = &stated {
            add_stated(&mut named, &canonical, &brand.canonical);
        }
        if stated.is_none() && !named.iter().any(|found| matches!(found.kind, NamedKind::Brand(_))) {
            let heard = self.names.misheard(&canonical, |word| self.jieba.has_word(word));
            if let Some(heard) = heard.filter(|heard| !named.iter().any(|found| found.start < heard.end)) {
                named.insert(0, heard);
            }
        }
        let brand = self.brand(&canonical, &named, stated);
        let barred = barred_for_numbers(&canonical, &named);
        let mut reading = quantities::scan(&canonical, &self.units, &barred);
        prefer_name(&mut reading, &canonical, name_range.1);
        self.unit_column(&source.unit, &mut reading);

        let chosen = brand.as_ref().map(|brand| brand.canonical.as_str());
        let text = self.rewrite(&canonical, &named, &reading, chosen);
        let pieces = tokens::segment(&self.jieba, &text.without_amounts, &text.brands);
        let said = self.words.read(&text.without_amounts, &text.brands, &|start, end| {
            pieces.iter().any(|piece| piece.start == start && piece.end == end)
        });

        let mut parsed = ParsedName { brand, ..ParsedName::default() };
        parsed.marks = reading.marks;
        for mark in ALL_MARKS {
            if said.marks.has(mark) {
                parsed.marks.set(mark);
            }
        }
        parsed.head = said.head.map(|(start, end)| SmolStr::new(&text.without_amounts[start..end]));
        parsed.quantities = reading.quantities;
        parsed.packs = reading.packs;
        if parsed.packs.is_empty() {
            parsed.packs = said.packs;
        }
        for piece in &pieces {
            match &piece.run {
                Some(Run::Code(code)) if !parsed.codes.contains(code) => parsed.codes.push(code.clone()),
                Some(Run::Number(value)) => parsed.numbers.push(*value),
                _ => {}
            }
        }
        parsed.variants = said.variants;
        patterns::read(&canonical, &mut parsed.variants);
        as_scents(&canonical, &mut parsed.variants);
        parsed.variants.sort_unstable();
        parsed.variants.dedup();
        parsed.claims = said.claims;

        let kinds = Kinds { head: said.head, variants: &said.variant_spans, claims: &said.claim_spans };
        parsed.tokens = pieces.iter().map(|piece| piece.token(&text.without_amounts, &kinds)).collect();
        parsed.residual = without(&text.without_amounts, &said.selling);
        if parsed.residual.is_empty() {
            let rest = text.without_amounts.trim();
            parsed.residual =
                if rest.chars().any(char::is_alphanumeric) { rest.to_owned() } else { text.folded.clone() };
        }
        parsed.pinyin = tokens::pinyin(&parsed.residual);
        parsed.folded = text.folded;
        parsed.canonical = canonical;
        Read { parsed, stated: reading.spans, named }
    }

    /// Short Chinese aliases count only where the segmenter sees a word: 提子 (grape) is none in 手提子母包.
    fn drop_cut_words(&self, text: &str, named: &mut Vec<brands::Named>) {
        named.retain(|found| {
            let is_short = found.end - found.start <= 6 && matches!(found.kind, NamedKind::Alias(_));
            if !is_short || text[found.start..found.end].is_ascii() {
                return true;
            }
            let run_start = text[..found.start]
                .char_indices()
                .rev()
                .find(|(_, c)| !is_han(*c))
                .map_or(0, |(at, c)| at + c.len_utf8());
            let run_end = text[found.end..]
                .char_indices()
                .find(|(_, c)| !is_han(*c))
                .map_or(text.len(), |(at, _)| found.end + at);
            if run_start == found.start && run_end == found.end {
                return true;
            }
            let mut at = run_start;
            let (mut starts, mut ends) = (false, false);
            for word in self.jieba.cut(&text[run_start..run_end], false) {
                starts |= at == found.start;
                at += word.word.len();
                ends |= at == found.end;
            }
            starts && ends
        });
    }

    /// The brand of the column, else the first brand of the name.
    fn brand(
        &self,
        canonical: &str,
        named: &[brands::Named],
        stated: Option<(Brand, Option<usize>)>,
    ) -> Option<Brand> {
        let in_name = named.iter().find_map(|found| match found.kind {
            NamedKind::Brand(index) if !for_another(canonical, found.start) => Some(index),
            _ => None,
        });
        match (stated, in_name) {
            (Some((brand, _)), _) => Some(brand),
            (None, Some(index)) => {
                Some(Brand { canonical: self.names.canonical(index).clone(), source: BrandSource::KnownName })
            }
            (None, None) => None,
        }
    }

    /// The `unit` column: a case word says that the item is a case, `箱(24瓶)` also how much it holds.
    fn unit_column(&self, unit: &str, reading: &mut Reading) {
        if unit.is_empty() {
            return;
        }
        let measure = match self.units.word(unit) {
            Some((measure, _)) => Some(measure),
            None => {
                let mut of_unit = quantities::scan(unit, &self.units, &[]);
                let word: String = unit.chars().take_while(|c| !c.is_ascii_digit() && *c != '(').collect();
                let measure = self.units.word(word.trim()).map(|(measure, _)| measure);
                if reading.packs.is_empty() {
                    reading.packs.append(&mut of_unit.packs);
                }
                if reading.quantities.is_empty() {
                    reading.quantities.append(&mut of_unit.quantities);
                }
                reading.case_of = reading.case_of.take().or(of_unit.case_of);
                measure
            }
        };
        match measure {
            Some(Measure::Case) => {
                reading.marks.set(Mark::Case);
                // Sold by the case: what a case holds is the item's own pack.
                if let Some(pack) = reading.case_of.take() {
                    reading.packs.push(pack);
                }
            }
            Some(Measure::Group | Measure::Joined) => reading.marks.set(Mark::Multi),
            Some(Measure::Container | Measure::Piece(1)) => reading.marks.set(Mark::Item),
            _ => {}
        }
    }

    /// `folded` and, beside it, the same text without amounts.
    fn rewrite(
        &self,
        canonical: &str,
        named: &[brands::Named],
        reading: &Reading,
        chosen: Option<&str>,
    ) -> Rewritten {
        let mut out = Rewritten {
            folded: String::with_capacity(canonical.len() + 16),
            without_amounts: String::with_capacity(canonical.len() + 16),
            brands: Vec::new(),
        };
        let mut stated = reading.spans.iter().peekable();
        let mut named = named.iter().peekable();
        let mut at = 0;
        let mut brand_written = false;
        while at < canonical.len() {
            let next_stated = stated.peek().map_or(canonical.len(), |span| span.start);
            let next_named = named.peek().map_or(canonical.len(), |found| found.start);
            if next_named < at {
                named.next();
                continue;
            }
            if next_stated < at {
                stated.next();
                continue;
            }
            let next = next_stated.min(next_named);
            if next > at {
                out.folded.push_str(&canonical[at..next]);
                out.without_amounts.push_str(&canonical[at..next]);
                at = next;
                continue;
            }
            if next_stated == at {
                if let Some(span) = stated.next() {
                    out.folded.push_str(&canonical[span.start..span.end]);
                    blank(&mut out.without_amounts);
                    at = span.end;
                }
                continue;
            }
            let Some(found) = named.next() else { break };
            // Amounts win over aliases that they cut (the scanner was told of brands).
            if found.end > next_stated {
                continue;
            }
            match &found.kind {
                NamedKind::Brand(index) => {
                    let name = self.names.canonical(*index);
                    if Some(name.as_str()) == chosen {
                        if !brand_written {
                            brand_written = true;
                            out.folded.push_str(name);
                            apart(&mut out.without_amounts, name);
                            let start = out.without_amounts.len();
                            out.without_amounts.push_str(name);
                            out.brands.push((start, out.without_amounts.len()));
                        } else {
                            blank(&mut out.folded);
                            blank(&mut out.without_amounts);
                        }
                    } else {
                        let raw = &canonical[found.start..found.end];
                        out.folded.push_str(raw);
                        out.without_amounts.push_str(raw);
                    }
                }
                NamedKind::Stated => {
                    let raw = &canonical[found.start..found.end];
                    out.folded.push_str(raw);
                    let start = out.without_amounts.len();
                    out.without_amounts.push_str(raw);
                    out.brands.push((start, out.without_amounts.len()));
                }
                NamedKind::Alias(word) => {
                    apart(&mut out.folded, word);
                    out.folded.push_str(word);
                    apart(&mut out.without_amounts, word);
                    out.without_amounts.push_str(word);
                }
            }
            at = found.end;
        }
        if out.folded.trim().is_empty() {
            out.folded = canonical.to_owned();
        }
        out
    }
}

/// What is washed or cleaned with smells of lemon; what is eaten tastes of it. Shops write both alike.
fn as_scents(text: &str, variants: &mut [Variant]) {
    const SCENTED: [&str; 34] = [
        "洗洁",
        "洗衣",
        "洗发",
        "洗手",
        "洗涤",
        "洗面",
        "沐浴",
        "香皂",
        "肥皂",
        "皂粉",
        "柔顺剂",
        "护发",
        "润发",
        "清新剂",
        "蚊香",
        "花露水",
        "消毒",
        "清洁剂",
        "香水",
        "洁厕",
        "湿巾",
        "身体乳",
        "润肤",
        "餐具净",
        "香薰",
        "detergent",
        "shampoo",
        "soap",
        "softener",
        "cleaner",
        "shower",
        "hand wash",
        "dishwash",
        "conditioner",
    ];
    if variants.iter().any(|said| said.kind == "flavour") && SCENTED.iter().any(|word| text.contains(word)) {
        for said in variants.iter_mut().filter(|said| said.kind == "flavour") {
            said.kind = "scent".into();
        }
    }
}

struct Rewritten {
    folded: String,
    without_amounts: String,
    /// Where the brand stands in `without_amounts`.
    brands: Vec<(usize, usize)>,
}

/// What [`Normalizer::read`] found, with the places in `parsed.canonical`.
struct Read {
    parsed: ParsedName,
    stated: Vec<quantities::Stated>,
    named: Vec<brands::Named>,
}

const ALL_MARKS: [Mark; 10] = [
    Mark::Gift,
    Mark::Combo,
    Mark::Bonus,
    Mark::Trial,
    Mark::Refill,
    Mark::Bulk,
    Mark::Family,
    Mark::Case,
    Mark::Multi,
    Mark::Single,
];

/// The columns of a record, folded.
struct Source {
    name: String,
    brand: String,
    spec: String,
    unit: String,
}

impl Source {
    fn of(sku: &LocalSku, folder: &Folder) -> Self {
        let fold =
            |text: &Option<String>| text.as_deref().map(|text| folder.canonical(text)).unwrap_or_default();
        Source {
            name: folder.canonical(&sku.name),
            brand: fold(&sku.brand),
            spec: said_spec(fold(&sku.spec)),
            unit: fold(&sku.unit),
        }
    }

    /// Brand, name and spec as one text, each only where the name does not hold it; and the name's place in it.
    fn canonical(&self) -> (String, (usize, usize)) {
        let mut text = String::with_capacity(self.brand.len() + self.name.len() + self.spec.len() + 2);
        if !self.brand.is_empty() && !self.name.contains(&self.brand) {
            text.push_str(&self.brand);
            text.push(' ');
        }
        let start = text.len();
        text.push_str(&self.name);
        let end = text.len();
        if !self.spec.is_empty() && !self.name.contains(&self.spec) {
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            text.push_str(&self.spec);
        }
        (text, (start, end))
    }
}

/// A spec without the fillers that people type where nothing is to be said (`无;500ml`).
fn said_spec(spec: String) -> String {
    let is_filler = |part: &str| {
        matches!(part.trim(), "" | "无" | "-" | "/" | "n/a" | "none" | "null" | "暂无" | "其他" | "默认")
    };
    if !spec.split([';', ',']).any(is_filler) {
        return spec;
    }
    spec.split([';', ',']).filter(|part| !is_filler(part)).map(str::trim).collect::<Vec<_>>().join(";")
}

/// Spec columns hold defaults that nobody looked at; where the name states the same kind of amount, the name is right.
fn prefer_name(reading: &mut Reading, canonical: &str, name_end: usize) {
    if name_end >= canonical.len() || reading.quantities.len() < 2 {
        return;
    }
    let spec = &canonical[name_end..];
    let name = &canonical[..name_end];
    let in_name: Vec<Quantity> =
        reading.quantities.iter().filter(|quantity| name.contains(quantity.text.as_str())).cloned().collect();
    reading.quantities.retain(|quantity| {
        let from_spec = spec.contains(quantity.text.as_str()) && !name.contains(quantity.text.as_str());
        !from_spec || !in_name.iter().any(|known| known.dimension == quantity.dimension)
    });
}

/// Brands whose numerals are not amounts: Chinese ones (三只松鼠, 七度空间) anywhere, those with digits only where the
/// name begins (`3m 胶带` against `线 3m`).
fn barred_for_numbers(text: &str, named: &[brands::Named]) -> Vec<(usize, usize)> {
    named
        .iter()
        .filter(|found| !matches!(found.kind, NamedKind::Alias(_)))
        .filter(|found| {
            let spelling = &text[found.start..found.end];
            if spelling.bytes().any(|b| b.is_ascii_digit()) {
                found.start == 0 || spelling.len() >= 4
            } else {
                spelling.chars().any(numerals::begins_chinese)
            }
        })
        .map(|found| (found.start, found.end))
        .collect()
}

/// The place of an unknown brand: its words are neither aliases nor variants.
fn add_stated(named: &mut Vec<brands::Named>, text: &str, brand: &str) {
    if brand.chars().count() < 2 {
        return;
    }
    let Some(start) = text.find(brand) else { return };
    let end = start + brand.len();
    if dictionary::joined(text, start) || dictionary::joined(text, end) {
        return;
    }
    named.retain(|found| found.end <= start || end <= found.start);
    let at = named.partition_point(|found| found.start < start);
    named.insert(at, brands::Named { start, end, kind: NamedKind::Stated });
}

/// `适用华为`, `for iphone`: the brand that the thing fits, not its maker.
fn for_another(text: &str, start: usize) -> bool {
    let before = text[..start].trim_end();
    ["适用", "适用于", "兼容", "适配", "通用", " for", "compatible with", " fits"]
        .iter()
        .any(|word| before.ends_with(word))
}

fn is_han(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c)
}

fn blank(text: &mut String) {
    if !text.is_empty() && !text.ends_with(' ') {
        text.push(' ');
    }
}

/// A blank between two Latin words or numbers that would run together.
fn apart(text: &mut String, next: &str) {
    let glues = text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && next.starts_with(|c: char| c.is_ascii_alphanumeric());
    if glues {
        text.push(' ');
    }
}

/// The text without the ranges, and without the separators that they leave behind; single blanks.
fn without(text: &str, ranges: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in ranges.iter().copied().chain(std::iter::once((text.len(), text.len()))) {
        if start < at {
            continue;
        }
        for c in text[at..start].chars() {
            let joins = matches!(c, '+' | '&' | '%' | '.' | '-' | '\'')
                && out.ends_with(|last: char| last.is_ascii_alphanumeric());
            let c = if c.is_alphanumeric() || joins { c } else { ' ' };
            if c == ' ' { blank(&mut out) } else { out.push(c) }
        }
        blank(&mut out);
        at = end;
    }
    let trimmed = out.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
    if trimmed.len() == out.len() { out } else { trimmed.to_owned() }
}

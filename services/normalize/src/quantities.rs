//! The scanner: amounts, packs and what a case holds, read from folded text before it is segmented.
//!
//! A name states amounts as *chains*: measures joined by a product sign (`500ml*24`, `120x200cm`, `3层*100抽*20包`), a
//! slash (`200g/450ml`, `10mg/5ml`, `20kg/桶`) or a plus (`8kg+2kg`). A bare number in a chain gets its meaning from its
//! neighbours: next to a length it is a length, next to any other amount it counts packs. `1*24` alone is the trade's
//! way to say that a case holds 24: it is no pack of the item itself.

use crate::context::{Context, Topic};
use crate::dictionary::joined;
use crate::numerals;
use crate::units::{Gap, Measure, Unit, Units};
use domain::{Dimension, Mark, Marks, Pack, Quantity};
use smol_str::SmolStr;
use std::cell::Cell;

/// What was read, in order of appearance.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) quantities: Vec<Quantity>,
    pub(crate) packs: Vec<Pack>,
    /// How many units of sale a case holds (`1*24`, `36支/箱`).
    pub(crate) case_of: Option<Pack>,
    pub(crate) marks: Marks,
    /// Byte ranges that were understood, ordered, not overlapping.
    pub(crate) spans: Vec<Stated>,
}

/// One stretch of text that states an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: StatedKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatedKind {
    Quantity,
    Pack,
    /// Words that belong to an amount and say nothing by themselves (`/桶`, `1*24`).
    Case,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    First,
    Product,
    Slash,
    Plus,
    Colon,
}

/// One measure of a chain.
#[derive(Clone, Copy, Debug)]
struct Element<'u> {
    link: Link,
    low: f64,
    high: f64,
    unit: Option<&'u Unit>,
    start: usize,
    end: usize,
}

impl Element<'_> {
    fn measure(&self) -> Option<Measure> {
        self.unit.map(|unit| unit.measure)
    }

    fn dimension(&self) -> Option<Dimension> {
        match self.measure() {
            Some(Measure::Amount(dimension, _)) => Some(dimension),
            _ => None,
        }
    }

    fn is_count(&self) -> bool {
        self.low == self.high && self.low.fract() == 0.0 && (1.0..=20_000.0).contains(&self.low)
    }
}

/// Reads everything that `text` (folded) states. `barred` ranges (brands such as 三只松鼠, 3m, 7-up) are skipped.
pub(crate) fn scan(text: &str, units: &Units, barred: &[(usize, usize)]) -> Reading {
    let mut reading = Reading::default();
    // Without a number only a battery size (AA) can be stated.
    let has_number = text.bytes().any(|b| b.is_ascii_digit()) || text.chars().any(numerals::begins_chinese);
    if !has_number && !text.contains("aa") {
        return reading;
    }
    let context = Context::of(text);
    let scanner = Scanner { text, units, context: &context, understood_to: Cell::new(0) };
    let mut at = 0;
    let mut barred = barred.iter().peekable();
    while at < text.len() {
        while barred.peek().is_some_and(|(_, end)| *end <= at) {
            barred.next();
        }
        if let Some((start, end)) = barred.peek()
            && *start <= at
        {
            at = *end;
            continue;
        }
        let Some(c) = text[at..].chars().next() else { break };
        let known_packs = reading.packs.len();
        let next = scanner.read(at, c, &mut reading);
        drop_repeated(&mut reading.packs, known_packs);
        if let Some(span) = reading.spans.last() {
            scanner.understood_to.set(span.end);
        }
        at = next.unwrap_or(at + c.len_utf8());
    }
    reading
}

/// `五包装 120克 x 5` says one thing twice.
fn drop_repeated(packs: &mut Vec<Pack>, known: usize) {
    if known > 0 && packs.len() > known {
        let said: Vec<u32> = packs[..known].iter().map(|pack| pack.count).collect();
        let mut at = 0;
        packs.retain(|pack| {
            at += 1;
            at <= known || !said.contains(&pack.count)
        });
    }
}

struct Scanner<'a> {
    text: &'a str,
    units: &'a Units,
    context: &'a Context,
    /// Where the last amount ended.
    understood_to: Cell<usize>,
}

impl<'a> Scanner<'a> {
    /// Reads what begins at `at`; returns where it ends.
    fn read(&self, at: usize, c: char, reading: &mut Reading) -> Option<usize> {
        if c.is_ascii_digit() || c == '.' {
            if let Some(end) = self.bare_stage(at, reading) {
                return Some(end);
            }
            return match self.chain(at, Link::First) {
                Some(chain) => self.understand(&chain, reading).or_else(|| Some(self.skip_digits(at))),
                None => Some(self.skip_digits(at)),
            };
        }
        if c == '*' || c == 'x' {
            return self.leading_product(at, c, reading);
        }
        if numerals::begins_chinese(c) || c == '第' {
            return self.chinese(at, c, reading);
        }
        if c.is_ascii_alphabetic() || matches!(c, 'φ' | 'ø' | '∅' | '整' | '每') {
            if joined(self.text, at) {
                return None;
            }
            return crate::prefixes::read(self.text, at, self.context, reading)
                .or_else(|| c.is_ascii_alphabetic().then(|| self.skip_code(at)).flatten());
        }
        None
    }

    /// `Illuma 3 幼兒成長配方奶粉`: a digit that stands alone on infant formula is its stage, save for counted things
    /// (`5 HMO`).
    fn bare_stage(&self, at: usize, reading: &mut Reading) -> Option<usize> {
        let digit = self.text[at..].chars().next().filter(|c| ('1'..='6').contains(c))?;
        if !self.context.has(Topic::Milk)
            || reading.quantities.iter().any(|q| q.dimension == Dimension::Stage)
        {
            return None;
        }
        let rest = &self.text[at + 1..];
        let stands_alone = (rest.is_empty() || rest.starts_with(' '))
            && self.text[..at].chars().next_back().is_none_or(|c| c == ' ' || !c.is_ascii());
        let counts = ["hmo", "x", "*", "-", "/", "in ", "合", "罐", "盒", "包", "g", "kg", "段"];
        if !stands_alone || counts.iter().any(|word| rest.trim_start().starts_with(word)) {
            return None;
        }
        let text = &self.text[at..at + 1];
        reading.quantities.push(Quantity::exact(Dimension::Stage, f64::from(digit.to_digit(10)?), text));
        reading.spans.push(Stated { start: at, end: at + 1, kind: StatedKind::Quantity });
        Some(at + 1)
    }

    /// Past a number that was not understood.
    fn skip_digits(&self, at: usize) -> usize {
        let rest = &self.text.as_bytes()[at..];
        at + rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count().max(1)
    }

    /// Past the digits of a code that begins with a letter, so that `b-704l` is not 704 litres.
    fn skip_code(&self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut end = at;
        while end < bytes.len() && bytes[end].is_ascii_alphabetic() {
            end += 1;
        }
        let letters = end - at;
        let hyphen = bytes.get(end) == Some(&b'-');
        let digits = end + usize::from(hyphen);
        // `1P-63A`: poles and amperes of a breaker.
        if hyphen && self.context.has(Topic::Breaker) && self.text[..end].ends_with(['p', 'c']) {
            return Some(digits);
        }
        if !bytes.get(digits).is_some_and(u8::is_ascii_digit) {
            return Some(end.max(at + 1));
        }
        // `bv2.5平方`, `rvv4mm2`: the kind of a wire and its section.
        if !hyphen && letters >= 2 {
            let before = self.understood_to.replace(digits);
            if self.element(digits, Link::First).is_some_and(|e| e.dimension() == Some(Dimension::Area)) {
                return Some(digits);
            }
            self.understood_to.set(before);
        }
        // A word glued to its size (`cola330ml`, `uht-250ml`) is longer than the letters of a code, and what follows
        // reads as an amount.
        if letters >= 4 && self.element(digits, Link::First).is_some_and(|e| e.unit.is_some()) {
            return Some(digits);
        }
        let mut stop = digits;
        while stop < bytes.len()
            && (bytes[stop].is_ascii_alphanumeric()
                || (matches!(bytes[stop], b'-' | b'.')
                    && bytes.get(stop + 1).is_some_and(u8::is_ascii_alphanumeric)))
        {
            // `mx577-36w`: the size of that model.
            if bytes[stop] == b'-' && stop > digits && self.is_size_of_code(stop + 1) {
                break;
            }
            stop += 1;
        }
        Some(stop)
    }

    fn is_size_of_code(&self, at: usize) -> bool {
        let Some(number) = self.number(at) else { return false };
        self.unit_at(at + number.len, number.value).is_some_and(|(unit, end)| {
            let ends = self.text[end..].chars().next().is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
            ends && matches!(
                &*unit.alias,
                "w" | "ml"
                    | "g"
                    | "kg"
                    | "cm"
                    | "mm"
                    | "mah"
                    | "瓦"
                    | "克"
                    | "毫升"
                    | "只"
                    | "个"
                    | "支"
                    | "片"
                    | "瓶"
                    | "袋"
                    | "盒"
                    | "包"
                    | "粒"
                    | "卷"
                    | "双"
                    | "条"
            )
        })
    }

    /// `*12`, `x 12` behind a word: a pack, unless a unit says otherwise.
    fn leading_product(&self, at: usize, c: char, reading: &mut Reading) -> Option<usize> {
        let before = self.text[..at].chars().next_back();
        let ahead = self.text[..at].trim_end_matches(' ');
        // `21 x 21`: two bare numbers are no pack.
        if ahead.ends_with(|c: char| c.is_ascii_digit()) && self.understood_to.get() != ahead.len() {
            return None;
        }
        let number_at = at + 1 + (self.text[at + 1..].starts_with(' ') as usize);
        if !self.text[number_at..].starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if c == 'x' {
            let stands_alone = match before {
                None => false,
                Some(' ') => {
                    number_at == at + 2
                        || !self.context.has(Topic::Latin)
                        || self.text[..at].trim_end().ends_with(')')
                }
                Some(b) => !b.is_ascii_alphanumeric(),
            };
            if !stands_alone {
                return None;
            }
        }
        let chain = self.chain(number_at, Link::Product)?;
        let first = chain.first()?;
        if chain.len() == 1 && first.unit.is_none() {
            if !first.is_count() || !(2.0..=999.0).contains(&first.low) {
                return None;
            }
            reading.packs.push(pack(first, self.text, None));
            reading.spans.push(Stated { start: at, end: first.end, kind: StatedKind::Pack });
            return Some(first.end);
        }
        let spans = reading.spans.len();
        let end = self.understand(&chain, reading)?;
        if let Some(span) = reading.spans.get_mut(spans) {
            span.start = at;
        }
        Some(end)
    }

    /// Chinese numerals: only before a unit or pack word.
    fn chinese(&self, at: usize, c: char, reading: &mut Reading) -> Option<usize> {
        if c == '第' {
            return None;
        }
        let chain = self.chain(at, Link::First)?;
        chain.first()?.unit?;
        self.understand(&chain, reading)
    }

    /// The measures joined at `at`.
    fn chain(&self, at: usize, link: Link) -> Option<Vec<Element<'a>>> {
        let mut elements = vec![self.element(at, link)?];
        while elements.len() < 8 {
            let Some(last) = elements.last() else { break };
            let Some((link, next)) = self.link_after(last) else { break };
            let Some(element) = self.element(next, link) else { break };
            elements.push(element);
        }
        Some(elements)
    }

    fn link_after(&self, last: &Element<'a>) -> Option<(Link, usize)> {
        let end = last.end;
        let rest = &self.text[end..];
        let trimmed = rest.trim_start_matches(' ');
        let sign_at = end + rest.len() - trimmed.len();
        let link = match trimmed.as_bytes().first()? {
            b'*' | b'x' => Link::Product,
            b'/' => Link::Slash,
            b'+' => Link::Plus,
            b':' => Link::Colon,
            _ => return None,
        };
        let behind = &self.text[sign_at + 1..];
        let number_at = sign_at + 1 + (behind.len() - behind.trim_start_matches(' ').len());
        // `1700x 3.4 ghz`, `8x 10mp`: the x belongs to the number before it.
        if trimmed.starts_with('x') && last.unit.is_none() && sign_at == end && number_at > sign_at + 1 {
            return None;
        }
        let first = self.text[number_at..].chars().next()?;
        let fits = first.is_ascii_digit()
            || (first == '.')
            || (link == Link::Product && numerals::begins_chinese(first));
        fits.then_some((link, number_at))
    }

    /// A number (or range) with its unit, where there is one.
    fn element(&self, at: usize, link: Link) -> Option<Element<'a>> {
        if link == Link::First && !self.may_begin(at) {
            return None;
        }
        let first = self.number(at)?;
        let mut element =
            Element { link, low: first.value, high: first.value, unit: None, start: at, end: at + first.len };
        if let Some((value, len)) = self.fraction(at, first) {
            element.low = value;
            element.high = value;
            element.end = at + len;
        }
        let unit = self.unit_at(element.end, element.low);
        // A word and its size run together (`cola330ml`); with other units it is a model (`lmvm2085wh`).
        if link == Link::First
            && self.word_before(at) > 0
            && !unit.is_some_and(|(unit, _)| unit.may_follow_letters())
            && !self.continues(at)
        {
            return None;
        }
        // A range has the unit behind its second number; the first may repeat it.
        if let Some((high, end)) = self.range_end(at, unit.map_or(element.end, |(_, end)| end), element.low)
            && let Some((high_unit, high_end)) = self.unit_at(end, high)
            && unit.is_none_or(|(low_unit, _)| low_unit.measure == high_unit.measure)
            && fits_range(high_unit, element.low, high)
        {
            element.high = high;
            element.unit = Some(high_unit);
            element.end = self.suffix(high_end);
            return Some(element);
        }
        if let Some((unit, end)) = unit {
            element.unit = Some(unit);
            element.end = self.suffix(end);
            // 一斤半
            if self.text[end..].starts_with('半')
                && matches!(unit.measure, Measure::Amount(..))
                && !self.text[at..].starts_with('半')
                && element.low.fract() == 0.0
                && !unit.alias.is_ascii()
                && !begins_word_with_half(&self.text[end + '半'.len_utf8()..])
            {
                element.low += 0.5;
                element.high += 0.5;
                element.end = end + '半'.len_utf8();
            } else if let Some(tenth) = self.spoken_tenths(at, end, unit) {
                // 三斤六 is 3.6 斤, 两米五 is 2.5 m
                element.low += tenth;
                element.high += tenth;
                element.end = end + '一'.len_utf8();
            }
            if let Some((part, stop)) = self.spoken_part(element.end, unit) {
                element.low += part;
                element.high += part;
                element.end = stop;
            }
            self.approximate(&mut element);
        } else if let Some(end) = self.mistyped_zero(element.end) {
            let text = self.text[at..end].replace('o', "0");
            let value = text.parse().ok()?;
            let (unit, unit_end) = self.unit_at(end, value)?;
            (element.low, element.high, element.unit) = (value, value, Some(unit));
            element.end = self.suffix(unit_end);
        }
        Some(element)
    }

    /// 半斤多, 两米左右: some more, or about as much.
    fn approximate(&self, element: &mut Element<'a>) {
        let rest = &self.text[element.end..];
        let (low, high, word) = if rest.starts_with('多') {
            (1.0, 1.3, "多")
        } else if rest.starts_with("左右") {
            (0.9, 1.1, "左右")
        } else {
            return;
        };
        let ends = rest[word.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        if ends && element.dimension().is_some() && element.low == element.high {
            element.low *= low;
            element.high *= high;
            element.end += word.len();
        }
    }

    /// 二斤二两, 1斤3两, 三米二十公分: the next smaller unit of one amount, in parts of the greater.
    fn spoken_part(&self, end: usize, unit: &Unit) -> Option<(f64, usize)> {
        let Measure::Amount(dimension, factor) = unit.measure else { return None };
        let spoken = match &*unit.alias {
            "斤" => &["两"][..],
            "米" => &["公分", "厘米"],
            "两" => &["钱"],
            "公斤" => &["斤", "两"],
            _ => return None,
        };
        let number = self.number(end)?;
        let (smaller, stop) = self.unit_at(end + number.len, number.value)?;
        let Measure::Amount(of, part) = smaller.measure else { return None };
        let less = of == dimension && number.value * part < factor && number.value > 0.0;
        (less && spoken.contains(&&*smaller.alias)).then_some((number.value * part / factor, stop))
    }

    /// One Chinese digit behind a unit that people divide by ten in speech, where nothing countable follows it:
    /// 三斤六, but not 三斤六包.
    fn spoken_tenths(&self, at: usize, end: usize, unit: &Unit) -> Option<f64> {
        let divided =
            ["斤", "公斤", "米", "升", "吨", "两"].iter().any(|word| self.text[..end].ends_with(word));
        let amount = matches!(unit.measure, Measure::Amount(..));
        let spoken = self.text[at..].chars().next().is_some_and(numerals::begins_chinese);
        let digit = self.text[end..]
            .chars()
            .next()
            .filter(|c| numerals::begins_chinese(*c) && !"十半".contains(*c))?;
        let read = numerals::chinese(&self.text[end..])?;
        let behind = end + digit.len_utf8();
        let ends = self.text[behind..]
            .chars()
            .next()
            .is_none_or(|c| !c.is_alphanumeric() || matches!(c, '的' | '装' | '左' | '多'));
        let alone = ends && read.len == digit.len_utf8() && self.unit_at(behind, read.value).is_none();
        (divided && amount && spoken && alone).then_some(read.value / 10.0)
    }

    /// Digits inside a code or a version do not begin a measure.
    fn may_begin(&self, at: usize) -> bool {
        if self.continues(at) {
            return true;
        }
        let bytes = self.text.as_bytes();
        let before = |n: usize| at.checked_sub(n).map(|i| bytes[i]);
        // `12-6-42五十斤`: spoken numbers do not go on from written ones.
        if !bytes[at].is_ascii() {
            return !self.text[..at].chars().next_back().is_some_and(numerals::begins_chinese);
        }
        match before(1) {
            Some(b'#') => false,
            Some(b) if b.is_ascii_digit() => false,
            Some(b'.') => !before(2).is_some_and(|b| b.is_ascii_alphanumeric()),
            // `10mm-1/2寸`: behind another amount.
            Some(b'-') if self.continues(at - 1) => true,
            // `1P-63A` of a breaker.
            Some(b'-') if self.context.has(Topic::Breaker) && before(2) == Some(b'p') => true,
            Some(b'-') => {
                !before(2).is_some_and(|b| b.is_ascii_alphabetic()) || self.word_before(at - 1) >= 4
            }
            // Letters glued in front: a word and its size (`cola330ml`) if the word is long enough for one.
            Some(b) if b.is_ascii_alphabetic() => self.word_before(at) >= 4,
            _ => true,
        }
    }

    /// Directly behind an amount (`350mm10片`).
    fn continues(&self, at: usize) -> bool {
        at > 0 && self.understood_to.get() == at
    }

    fn word_before(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().rev().take_while(|b| b.is_ascii_alphabetic()).count()
    }

    fn number(&self, at: usize) -> Option<numerals::Number> {
        let rest = &self.text[at..];
        match rest.chars().next()? {
            c if c.is_ascii_digit() || c == '.' => numerals::digits(rest),
            c if numerals::begins_chinese(c) => {
                let number = numerals::chinese(rest)?;
                // 三两 is three 两, 一两 one; but 两 as a digit before another unit is two.
                Some(number)
            }
            _ => None,
        }
    }

    /// `3/4`, `1-1/2`, `1 1/2` before a unit that is divided that way.
    fn fraction(&self, at: usize, whole: numerals::Number) -> Option<(f64, usize)> {
        let rest = &self.text[at..];
        let proper = |from: usize, above: f64| -> Option<(f64, usize)> {
            let tail = rest[from..].strip_prefix('/')?;
            let below = numerals::digits(tail)?;
            let divides = matches!(below.value as u32, 2 | 3 | 4 | 8 | 16 | 32) && below.value.fract() == 0.0;
            (divides && above < below.value && above.fract() == 0.0)
                .then_some((above / below.value, from + 1 + below.len))
        };
        let value = match proper(whole.len, whole.value) {
            Some(found) => Some(found),
            None => {
                rest.as_bytes().get(whole.len).filter(|b| matches!(b, b'-' | b' '))?;
                let above = numerals::digits(&rest[whole.len + 1..])?;
                proper(whole.len + 1 + above.len, above.value).map(|(part, len)| (whole.value + part, len))
            }
        }?;
        let (unit, _) = self.unit_at(at + value.1, value.0)?;
        let divided = matches!(
            &*unit.canonical,
            "in" | "inch" | "英寸" | "寸" | "cup" | "gal" | "lb" | "oz" | "pt" | "qt"
        ) || matches!(unit.measure, Measure::Amount(Dimension::Length, factor) if (20.0..=34.0).contains(&factor))
            || matches!(unit.measure, Measure::Amount(Dimension::Mass | Dimension::Volume, factor) if factor > 20.0 && factor.fract() != 0.0);
        divided.then_some(value)
    }

    fn range_end(&self, start: usize, at: usize, low: f64) -> Option<(f64, usize)> {
        let rest = &self.text[at..];
        let sign =
            ["-", "~", "至", "到", " - ", " ~ ", " to "].into_iter().find(|sign| rest.starts_with(sign))?;
        let high = numerals::digits(&rest[sign.len()..])?;
        // Ranges grow; `2021-5kg` and article numbers do not.
        let grows = high.value > low && low > 0.0 && high.value <= low * 100.0;
        (grows && !(sign == "-" && self.is_article_number(start, at, low)))
            .then_some((high.value, at + sign.len() + high.len))
    }

    /// `发胶208-300ml`, `058-1000g`, `虾仁40/50-500g`, `盆-039-280mm`: a number with a hyphen behind it that is no lower
    /// end. Ends of ranges are short or round, and stand behind no other separator.
    fn is_article_number(&self, start: usize, end: usize, value: f64) -> bool {
        let written = &self.text[start..end];
        let before = self.text[..start].chars().next_back();
        (written.len() > 1 && written.starts_with('0') && !written.starts_with("0."))
            || matches!(before, Some('-' | '/' | '#'))
            || (written.len() >= 3 && value.fract() == 0.0 && value % 10.0 != 0.0 && value % 25.0 != 0.0)
    }

    fn unit_at(&self, at: usize, value: f64) -> Option<(&'a Unit, usize)> {
        let rest = &self.text[at..];
        let (gap, skipped) = match rest.as_bytes().first()? {
            b' ' => (Gap::Blank, 1),
            b'-' => (Gap::Hyphen, 1),
            _ => (Gap::None, 0),
        };
        let rest = &rest[skipped..];
        if gap == Gap::Hyphen && !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        if rest.starts_with('\'') && gap == Gap::None && !rest.starts_with("'s") && !rest.starts_with("''") {
            return self.prime(at, value);
        }
        let (unit, len) = self.units.at(rest, gap, value, self.context)?;
        if gap == Gap::Hyphen && unit.alias.len() < 2 {
            return None;
        }
        Some((unit, at + skipped + len))
    }

    /// `24'`: catalogues that lost their double quotes write inches so; behind cables and tents it means feet.
    fn prime(&self, at: usize, value: f64) -> Option<(&'a Unit, usize)> {
        if self.text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let feet = self.context.has(Topic::Cord) || value > 120.0;
        let word = if feet { "ft" } else { "inch" };
        let (unit, _) = self.units.at(word, Gap::None, value, self.context)?;
        Some((unit, at + 1))
    }

    /// 装 and 入 behind a unit, and `/桶`, `/包` behind an amount.
    fn suffix(&self, end: usize) -> usize {
        let rest = &self.text[end..];
        rest.chars().next().filter(|c| matches!(c, '装' | '庄')).map_or(end, |c| end + c.len_utf8())
    }

    /// `55oml`: the letter o typed for zero, only between digits and a unit.
    fn mistyped_zero(&self, at: usize) -> Option<usize> {
        let rest = &self.text.as_bytes()[at..];
        let letters = rest.iter().take_while(|b| **b == b'o').count();
        (letters > 0).then_some(at + letters)
    }

    /// Turns a chain into quantities and packs; returns its end, or `None` when it says nothing (bare numbers).
    fn understand(&self, chain: &[Element<'a>], reading: &mut Reading) -> Option<usize> {
        let start = chain.first()?.start;
        if chain.iter().all(|element| element.unit.is_none()) {
            return self.bare_chain(chain, reading);
        }
        let mut end = start;
        let mut from = 0;
        while from < chain.len() {
            // A product chain is understood as a whole; slashes and pluses separate.
            let mut to = from + 1;
            while to < chain.len() && chain[to].link == Link::Product {
                to += 1;
            }
            let product = &chain[from..to];
            let following = chain.get(to);
            let consumed = self.product(product, following, chain.get(from.wrapping_sub(1)), reading);
            if consumed > from_start(product) {
                end = end.max(consumed);
            } else if end == start {
                return None;
            } else {
                break;
            }
            from = to;
        }
        let end = self.per(end, chain, reading);
        Some(end)
    }

    /// `1*24` and `1*6*10`: what a case holds. Other bare products (`21 x 21`) stay numbers.
    fn bare_chain(&self, chain: &[Element<'a>], reading: &mut Reading) -> Option<usize> {
        let (first, last) = (chain.first()?, chain.last()?);
        let by_case = chain.len() >= 2
            && first.low == 1.0
            && chain[1..].iter().all(|e| e.link == Link::Product && e.is_count() && e.low >= 2.0);
        if !by_case {
            return None;
        }
        let count = chain[1..].iter().map(|e| e.low).product::<f64>();
        reading.case_of = Some(Pack {
            count: count.min(1e6) as u32,
            container: None,
            text: SmolStr::new(&self.text[first.start..last.end]),
        });
        reading.spans.push(Stated { start: first.start, end: last.end, kind: StatedKind::Case });
        Some(self.per(last.end, chain, reading))
    }

    /// One product chain. Returns the end of what was understood (its start when nothing was).
    fn product(
        &self,
        chain: &[Element<'a>],
        following: Option<&Element<'a>>,
        before: Option<&Element<'a>>,
        reading: &mut Reading,
    ) -> usize {
        if let Some(end) = self.concentration(chain, following, reading) {
            return end;
        }
        let length = chain.iter().rposition(|e| e.dimension() == Some(Dimension::Length));
        let amount = chain.iter().any(|e| e.dimension().is_some());
        // `1*24瓶`: the bare one in front is the case.
        if !amount
            && chain.len() == 2
            && chain[0].unit.is_none()
            && chain[0].low == 1.0
            && chain[1].is_count()
            && chain[1].low >= 2.0
        {
            reading.case_of = Some(pack(&chain[1], self.text, chain[1].unit));
            reading.spans.push(Stated { start: chain[0].start, end: chain[1].end, kind: StatedKind::Case });
            return chain[1].end;
        }
        let mut end = from_start(chain);
        for (i, element) in chain.iter().enumerate() {
            let start = if i == 0 { element.start } else { chain[i - 1].end };
            let kind = match element.unit {
                Some(unit) => self.stated(element, unit, reading),
                None => match length {
                    Some(last) if i < last => {
                        let unit = chain[i..]
                            .iter()
                            .find(|e| e.dimension() == Some(Dimension::Length))
                            .and_then(|e| e.unit);
                        unit.and_then(|unit| self.stated(element, unit, reading))
                    }
                    // `30cm*20`: a second side; `1.5m*10` and `9cm*6m*24`: a pack.
                    Some(last) if i > last && self.is_side(chain, last, element) => {
                        chain[last].unit.and_then(|unit| self.stated(element, unit, reading))
                    }
                    _ if amount || chain.len() > 1 => self.counted(element, chain, i, reading),
                    // `200+200ml`, `12/24v`: the unit is behind the next number.
                    _ => match (following, before) {
                        (Some(next), _)
                            if next.unit.is_some_and(|u| matches!(u.measure, Measure::Amount(..)))
                                && shares_unit(next.link, next.dimension()) =>
                        {
                            next.unit.and_then(|unit| self.stated(element, unit, reading))
                        }
                        (Some(next), _)
                            if next.link == Link::Plus
                                && next.unit.is_some_and(|u| matches!(u.measure, Measure::Piece(_))) =>
                        {
                            // `10+2片`: two of them are free.
                            reading.marks.set(Mark::Bonus);
                            Some(StatedKind::Pack)
                        }
                        _ => None,
                    },
                },
            };
            match kind {
                Some(kind) => {
                    push_span(&mut reading.spans, Stated { start, end: element.end, kind });
                    end = element.end;
                }
                None if i == 0 => {}
                None => return end,
            }
        }
        end
    }

    fn is_side(&self, chain: &[Element<'a>], last: usize, element: &Element<'a>) -> bool {
        let Some(Measure::Amount(_, factor)) = chain[last].measure() else { return false };
        let ratio = element.low / chain[last].low.max(f64::MIN_POSITIVE);
        element.low.fract() != 0.0 || (factor < 100.0 && last == 0 && (0.2..=5.0).contains(&ratio))
    }

    /// A number with a unit of its own.
    fn stated(&self, element: &Element<'a>, unit: &Unit, reading: &mut Reading) -> Option<StatedKind> {
        let text = &self.text[element.start..element.end];
        match unit.measure {
            Measure::Amount(dimension, factor) => {
                // `0713200ml`, `650232cm`: a code run together with a size says neither.
                if is_run_together(text, element.high, unit) {
                    return Some(StatedKind::Case);
                }
                // `60W equivalent` is how bright an LED lamp is, not what it draws.
                let rest = self.text[element.end..].trim_start();
                if dimension == Dimension::Power && (rest.starts_with("equiv") || rest.starts_with("eq.")) {
                    return Some(StatedKind::Case);
                }
                let (dimension, factor) = self.in_context(element, unit, dimension, factor)?;
                let quantity = Quantity {
                    dimension,
                    low: tidy(element.low * factor),
                    high: tidy(element.high * factor),
                    text: SmolStr::new(text),
                };
                if !reading.quantities.iter().any(|known| {
                    known.dimension == dimension
                        && known.low == quantity.low
                        && known.high == quantity.high
                        && element.link == Link::First
                }) {
                    reading.quantities.push(quantity);
                }
                Some(StatedKind::Quantity)
            }
            Measure::Piece(_) | Measure::Container | Measure::Joined => {
                // Four digits before a container are an article number (`8016杯`).
                let most = if matches!(unit.measure, Measure::Piece(_)) { 20_000.0 } else { 999.0 };
                if !element.is_count() || element.low > most || (text.starts_with('0') && element.low > 9.0) {
                    return None;
                }
                if element.low >= 2.0 || matches!(unit.measure, Measure::Piece(n) if n > 1) {
                    reading.packs.push(pack(element, self.text, Some(unit)));
                } else if element.low == 1.0 && is_one_article(unit) {
                    reading.marks.set(Mark::Single);
                }
                Some(StatedKind::Pack)
            }
            Measure::Case | Measure::Group => {
                // `草莓味巧脆卷55整箱`: 55 g, and a whole case.
                if !element.is_count() || unit.alias.starts_with('整') {
                    return None;
                }
                reading.marks.set(if unit.measure == Measure::Case { Mark::Case } else { Mark::Multi });
                if element.low >= 2.0 {
                    reading.packs.push(pack(element, self.text, Some(unit)));
                }
                Some(StatedKind::Pack)
            }
            Measure::Parts => {
                if !element.is_count() {
                    return None;
                }
                reading.marks.set(Mark::Combo);
                reading.quantities.push(Quantity::exact(Dimension::Count, element.low, text));
                Some(StatedKind::Quantity)
            }
        }
    }

    /// A bare number in a product chain with an amount or a container: so many packs.
    fn counted(
        &self,
        element: &Element<'a>,
        chain: &[Element<'a>],
        i: usize,
        reading: &mut Reading,
    ) -> Option<StatedKind> {
        if !element.is_count() || element.low > 999.0 {
            return None;
        }
        // `3*2.5平方`: cores of a wire.
        if chain.get(i + 1).and_then(Element::dimension) == Some(Dimension::Area) {
            reading.quantities.push(Quantity::exact(
                Dimension::Count,
                element.low,
                &self.text[element.start..element.end],
            ));
            return Some(StatedKind::Quantity);
        }
        if element.low >= 2.0 {
            reading.packs.push(pack(element, self.text, None));
        }
        Some(StatedKind::Pack)
    }

    /// `0.5g:10ml`, `10mg/5ml`: mg per ml. A slash between grams and millilitres is two statements of one can.
    fn concentration(
        &self,
        chain: &[Element<'a>],
        following: Option<&Element<'a>>,
        reading: &mut Reading,
    ) -> Option<usize> {
        let ([solute], Some(solvent)) = (chain, following) else { return None };
        let (
            Some(Measure::Amount(Dimension::Mass, grams)),
            Some(Measure::Amount(Dimension::Volume, millilitres)),
        ) = (solute.measure(), solvent.measure())
        else {
            return None;
        };
        let dosed = solvent.link == Link::Colon || (solvent.link == Link::Slash && grams < 0.5);
        let volume = solvent.low * millilitres;
        if !dosed || volume <= 0.0 {
            return None;
        }
        let value = tidy(solute.low * grams * 1000.0 / volume);
        let text = &self.text[solute.start..solvent.end];
        reading.quantities.push(Quantity::exact(Dimension::Concentration, value, text));
        push_span(
            &mut reading.spans,
            Stated { start: solute.start, end: solute.end, kind: StatedKind::Quantity },
        );
        Some(solute.end)
    }

    /// Degrees, paper sizes and yards mean different things by trade.
    fn in_context(
        &self,
        element: &Element<'a>,
        unit: &Unit,
        dimension: Dimension,
        factor: f64,
    ) -> Option<(Dimension, f64)> {
        Some(match (&*unit.alias, dimension) {
            ("度" | "°", Dimension::Alcohol) if self.is_strength(element.low) => (Dimension::Alcohol, 1.0),
            ("度" | "°", Dimension::Alcohol) => (Dimension::Degree, 1.0),
            ("码", Dimension::Length)
                if self.context.has(Topic::Footwear) && (18.0..=52.0).contains(&element.low) =>
            {
                (Dimension::Size, 1.0)
            }
            ("寸" | "\"" | "inch" | "英寸" | "''", Dimension::Length) if self.context.has(Topic::Pipe) => {
                match crate::prefixes::nominal_diameter(element.low) {
                    Some(diameter) => (Dimension::Pipe, diameter / element.low),
                    None => (dimension, factor),
                }
            }
            ("p", _) if self.context.has(Topic::Cooling) => (Dimension::Power, 735.498_75),
            ("号" | "#", _) if self.context.has(Topic::Zip) => (Dimension::Zip, 1.0),
            ("号", _) if self.context.has(Topic::Battery) => (Dimension::Size, 1.0),
            ("号", _) => (Dimension::Stage, 1.0),
            // 2 分 is a quarter of an inch; 8 分 make one.
            ("分" | "分管", _) => {
                let diameter = crate::prefixes::nominal_diameter(element.low / 8.0)?;
                (Dimension::Pipe, diameter / element.low)
            }
            _ => (dimension, factor),
        })
    }

    /// Degrees of spirits and wine; those of beer are of its wort, and others are angles or dioptres.
    fn is_strength(&self, degrees: f64) -> bool {
        if self.context.has(Topic::Beer) && degrees <= 20.0 {
            return false;
        }
        if self.context.has(Topic::Liquor) {
            return degrees <= 75.0;
        }
        !self.context.has(Topic::Angle) && (28.0..=72.0).contains(&degrees)
    }

    /// `/桶`, `/箱` without a number: the unit of sale, or, for a case, how many it holds.
    fn per(&self, end: usize, chain: &[Element<'a>], reading: &mut Reading) -> usize {
        let rest = &self.text[end..];
        let Some(tail) =
            rest.strip_prefix('/').or_else(|| rest.strip_prefix(" / ")).or_else(|| rest.strip_prefix('每'))
        else {
            return end;
        };
        let word_at = end + rest.len() - tail.len();
        let Some((unit, len)) = self.units.at(tail, Gap::None, 1.0, self.context) else { return end };
        if matches!(unit.measure, Measure::Amount(..)) {
            return end;
        }
        let stop = word_at + len;
        let last_is_count = chain.last().is_some_and(|e| {
            chain.len() == 1 && matches!(e.measure(), Some(Measure::Piece(_) | Measure::Container))
                || e.measure().is_none()
        });
        if unit.measure == Measure::Case && last_is_count && reading.case_of.is_none() && chain.len() == 1 {
            // `36支/箱`: what a case holds is not the item's own pack.
            if let Some(count) = reading.packs.pop() {
                reading.case_of = Some(count);
            }
        }
        push_span(&mut reading.spans, Stated { start: end, end: stop, kind: StatedKind::Case });
        stop
    }
}

fn from_start(chain: &[Element<'_>]) -> usize {
    chain.first().map_or(0, |element| element.start)
}

/// Numbers that nobody writes with their unit.
fn is_run_together(text: &str, value: f64, unit: &Unit) -> bool {
    let leading_zero = text.starts_with('0') && text[1..].starts_with(|c: char| c.is_ascii_digit());
    let most = match &*unit.alias {
        "ml" | "毫升" => 30_000.0,
        "g" | "克" => 60_000.0,
        "cm" | "厘米" | "公分" => 5_000.0,
        "mm" | "毫米" => 60_000.0,
        _ => f64::INFINITY,
    };
    (leading_zero && value >= 10.0) || value > most
}

/// 半球, 半成品, 半熟: no half of what stands before.
fn begins_word_with_half(behind: &str) -> bool {
    behind.starts_with(|c| "球成熟干脱自透哑光边面全月夜糖价盘永导流".contains(c))
}

/// Nobody sells a range of volumes (`66-375ml` is an article number and a size), and weighed goods vary by a few times.
fn fits_range(unit: &Unit, low: f64, high: f64) -> bool {
    match unit.measure {
        Measure::Amount(Dimension::Volume, _) => low >= 1.0 && high <= low * 1.5 && low < 10.0,
        // `草莓丹东99-250g`: nobody weighs to 99 g.
        Measure::Amount(Dimension::Mass, _) => high <= low * 5.0 && (low < 30.0 || low % 5.0 == 0.0),
        _ => true,
    }
}

/// `200+200ml` shares its unit; over a slash only alternatives do (`12/24v`, `10/20w`), since `1/500ml` is no half litre.
fn shares_unit(link: Link, dimension: Option<Dimension>) -> bool {
    match link {
        Link::Plus => true,
        Link::Slash => matches!(
            dimension,
            Some(
                Dimension::Voltage
                    | Dimension::Power
                    | Dimension::Length
                    | Dimension::Storage
                    | Dimension::Current
            )
        ),
        _ => false,
    }
}

fn pack(element: &Element<'_>, text: &str, unit: Option<&Unit>) -> Pack {
    let times = match unit.map(|unit| unit.measure) {
        Some(Measure::Piece(times)) => f64::from(times),
        _ => 1.0,
    };
    Pack {
        count: (element.low * times).clamp(1.0, 1e6) as u32,
        container: unit
            .filter(|unit| {
                matches!(
                    unit.measure,
                    Measure::Piece(_) | Measure::Container | Measure::Case | Measure::Group
                )
            })
            .map(|unit| unit.canonical.clone()),
        text: SmolStr::new(&text[element.start..element.end]),
    }
}

/// `1双`, `1只装`: one article and no more. Not of words that hold others (a 条 of cigarettes, a 套, a 件, a pair of batteries).
fn is_one_article(unit: &Unit) -> bool {
    unit.measure == Measure::Piece(1)
        && ["双", "只", "个", "支", "把", "枚", "根"].iter().any(|word| unit.alias.starts_with(word))
}

/// Joins a span to the one it continues, when both are of one kind.
fn push_span(spans: &mut Vec<Stated>, span: Stated) {
    match spans.last_mut() {
        Some(last) if last.end == span.start && last.kind == span.kind => last.end = span.end,
        _ => spans.push(span),
    }
}

/// Twelve significant digits: `3 × 0.1` and `0.3` are one amount.
fn tidy(value: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    if value == value.trunc() {
        return value;
    }
    let scale = 1e6;
    let rounded = (value * scale).round() / scale;
    if rounded == 0.0 { value } else { rounded }
}

#[cfg(test)]
mod tests;

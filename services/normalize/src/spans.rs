//! Places of meaning in a name as it was typed, for people to look at.

use crate::brands::NamedKind;
use crate::codes::Run;
use crate::quantities::StatedKind;
use crate::tokens;
use crate::{Normalizer, Source};

/// A byte range of the original name and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: SpanKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanKind {
    Quantity,
    Pack,
    Brand,
    Variant,
    Claim,
    Code,
    Head,
}

impl Normalizer {
    /// What is said where in `name`; ordered, not overlapping. Not made for bulk: the name is folded once per
    /// character to find where each folded character came from.
    pub fn spans(&self, name: &str) -> Vec<Span> {
        let source = Source {
            name: self.canonical_text(name),
            brand: String::new(),
            spec: String::new(),
            unit: String::new(),
        };
        let read = self.read(&source);
        let canonical = &read.parsed.canonical;
        let mut found: Vec<Span> = Vec::new();
        for stated in &read.stated {
            let kind = match stated.kind {
                StatedKind::Quantity => SpanKind::Quantity,
                StatedKind::Pack | StatedKind::Case => SpanKind::Pack,
            };
            found.push(Span { start: stated.start, end: stated.end, kind });
        }
        let chosen = read.parsed.brand.as_ref().map(|brand| brand.canonical.as_str());
        for named in &read.named {
            if let NamedKind::Brand(index) = named.kind
                && Some(self.names.canonical(index).as_str()) == chosen
            {
                found.push(Span { start: named.start, end: named.end, kind: SpanKind::Brand });
            }
        }
        let barred = ordered_ranges(&found);
        let pieces = tokens::segment(&self.jieba, canonical, &barred);
        let said = self.words.read(canonical, &barred, &|start, end| {
            pieces.iter().any(|piece| piece.start == start && piece.end == end)
        });
        let words = said.claim_spans.iter().map(|range| (range, SpanKind::Claim));
        let words = words.chain(said.variant_spans.iter().map(|range| (range, SpanKind::Variant)));
        let words = words.chain(said.mark_spans.iter().map(|range| (range, SpanKind::Pack)));
        let words = words.chain(said.head.iter().map(|range| (range, SpanKind::Head)));
        for ((start, end), kind) in words {
            add_free(&mut found, Span { start: *start, end: *end, kind });
        }
        let barred = ordered_ranges(&found);
        for piece in tokens::segment(&self.jieba, canonical, &barred) {
            if matches!(piece.run, Some(Run::Code(_))) {
                add_free(&mut found, Span { start: piece.start, end: piece.end, kind: SpanKind::Code });
            }
        }
        found.sort_unstable_by_key(|span| span.start);
        self.in_original(name, found)
    }

    fn in_original(&self, name: &str, found: Vec<Span>) -> Vec<Span> {
        // folded_length[i]: how long the folded text of the first i characters is, never more than a later one.
        let mut bounds: Vec<(usize, usize)> = name
            .char_indices()
            .map(|(at, _)| at)
            .chain(std::iter::once(name.len()))
            .map(|at| (at, self.canonical_text(&name[..at]).len()))
            .collect();
        for i in (1..bounds.len()).rev() {
            bounds[i - 1].1 = bounds[i - 1].1.min(bounds[i].1);
        }
        let last_at = |length: usize| {
            bounds.iter().rev().find(|(_, folded)| *folded <= length).map_or(0, |(at, _)| *at)
        };
        let mut spans = Vec::with_capacity(found.len());
        let mut free = 0;
        for span in found {
            let (mut start, mut end) = (last_at(span.start).max(free), last_at(span.end));
            if start >= end {
                continue;
            }
            start += name[start..end].len() - name[start..end].trim_start().len();
            end -= name[start..end].len() - name[start..end].trim_end().len();
            if start < end {
                spans.push(Span { start, end, kind: span.kind });
                free = end;
            }
        }
        spans
    }
}

fn ordered_ranges(spans: &[Span]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = spans.iter().map(|span| (span.start, span.end)).collect();
    ranges.sort_unstable();
    ranges
}

fn add_free(found: &mut Vec<Span>, span: Span) {
    if !found.iter().any(|known| span.start < known.end && known.start < span.end) {
        found.push(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SpanKind::{Brand, Claim, Code, Head, Pack, Quantity, Variant};

    fn check(name: &str, expected: &[(&str, SpanKind)]) {
        let spans = Normalizer::shared().spans(name);
        let said: Vec<(&str, SpanKind)> =
            spans.iter().map(|span| (&name[span.start..span.end], span.kind)).collect();
        assert_eq!(said, expected, "{name}");
    }

    #[test]
    fn places_in_the_typed_name() {
        check(
            "可口可樂　無糖　５００ＭＬ×２４",
            &[("可口可樂", Brand), ("無糖", Claim), ("５００ＭＬ", Quantity), ("×２４", Pack)],
        );
        check(
            "Sony PS-LX350H (Black) 2kg",
            &[("Sony", Brand), ("PS-LX350H", Code), ("Black", Variant), ("2kg", Quantity)],
        );
        check("白砂糖 1½kg", &[("白砂糖", Head), ("1½kg", Quantity)]);
        check("", &[]);
    }
}

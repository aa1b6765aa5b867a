//! Exact keys: a trusted GTIN, brand with model code, or a model code that few records have.

use crate::rows::Rows;
use domain::ParsedName;
use rustc_hash::FxHashMap;

/// A code without a brand proposes only where so few records have it: `500` or `A4` say nothing.
const RARE: usize = 12;
/// A key that more records share is a placeholder, not a key.
const COMMON: usize = 400;
/// A code shorter than this needs its brand.
const CODE_MIN: usize = 4;

/// Groups of rows that share a key.
pub(crate) struct ExactKeys {
    groups: Vec<Vec<u32>>,
    by_key: FxHashMap<Key, u32>,
    /// Row → numbers of its groups.
    of_row: Vec<Vec<u32>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Gtin(u64),
    BrandCode(Box<str>, Box<str>),
    Code(Box<str>),
}

impl Key {
    /// Shared by more records than these, it is no key.
    pub fn limit(&self) -> usize {
        if matches!(self, Key::Code(_)) { RARE } else { COMMON }
    }
}

impl ExactKeys {
    pub fn build(rows: &Rows, parsed: &[ParsedName]) -> ExactKeys {
        let mut by_key: FxHashMap<Key, u32> = FxHashMap::default();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for row in 0..rows.len() as u32 {
            for key in keys(&parsed[rows.record[row as usize] as usize]) {
                let next = groups.len() as u32;
                let group = *by_key.entry(key).or_insert(next);
                if group == next {
                    groups.push(Vec::new());
                }
                groups[group as usize].push(row);
            }
        }
        for (key, &group) in &by_key {
            if groups[group as usize].len() > key.limit() {
                groups[group as usize].clear();
            }
        }
        let mut of_row: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
        for (group, members) in (0u32..).zip(&groups) {
            if members.len() > 1 {
                members.iter().for_each(|&row| of_row[row as usize].push(group));
            }
        }
        ExactKeys { groups, by_key, of_row }
    }

    /// Rows that share a key with a row of the index (itself included), ascending, each once.
    pub fn of_row(&self, row: u32) -> Vec<u32> {
        self.union(self.of_row[row as usize].iter().copied())
    }

    /// The same for a name that need not be in the index.
    pub fn of_name(&self, parsed: &ParsedName) -> Vec<u32> {
        self.union(keys(parsed).into_iter().filter_map(|key| self.by_key.get(&key).copied()))
    }

    fn union(&self, groups: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut rows: Vec<u32> =
            groups.flat_map(|group| self.groups[group as usize].iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

pub(crate) fn keys(parsed: &ParsedName) -> Vec<Key> {
    let mut keys = Vec::new();
    if let Some(gtin) = parsed.gtin.filter(|gtin| !gtin.is_in_store()) {
        keys.push(Key::Gtin(gtin.value()));
    }
    for code in &parsed.codes {
        if let Some(brand) = &parsed.brand {
            keys.push(Key::BrandCode(brand.canonical.as_str().into(), code.as_str().into()));
        }
        if code.chars().count() >= CODE_MIN {
            keys.push(Key::Code(code.as_str().into()));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Brand, BrandSource, Gtin};

    #[test]
    fn what_counts_as_a_key() {
        let gtin = |text: &str| ParsedName { gtin: Gtin::parse(text), ..ParsedName::default() };
        let code = |brand: Option<&str>, code: &str| ParsedName {
            codes: vec![code.into()],
            brand: brand.map(|name| Brand { canonical: name.into(), source: BrandSource::KnownName }),
            ..ParsedName::default()
        };
        for (case, name, matching) in [
            ("equal GTIN", gtin("6901028137416"), true),
            ("in-store GTIN", gtin("2000000000008"), false),
            ("rare code", code(None, "YE660B"), true),
            ("short code", code(None, "A4"), false),
            ("short code with brand", code(Some("canon"), "A4"), true),
        ] {
            let parsed = [name.clone(), name];
            let rows = Rows::new(&[0, 1], &parsed);
            let keys = ExactKeys::build(&rows, &parsed);
            let expected: &[u32] = if matching { &[0, 1] } else { &[] };
            assert_eq!(keys.of_row(0), expected, "{case}");
            if matching {
                assert_eq!(keys.of_name(&parsed[0]), expected, "{case}");
            }
        }
        let parsed = vec![code(None, "YE660B"); RARE + 1];
        let rows = Rows::new(&(0..=RARE as u32).collect::<Vec<_>>(), &parsed);
        assert!(ExactKeys::build(&rows, &parsed).of_row(0).is_empty(), "a code that many have");
    }
}

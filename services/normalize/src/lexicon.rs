//! The lexicons of `datasets/lexicons`, embedded so that this room does no IO. Tab separated, one header line; a line
//! that begins with `#` and a tab-less blank line are skipped. The columns are named in `datasets/lexicons/README.md`.

pub(crate) const ABBREVIATIONS: &str = include_str!("../../../datasets/lexicons/abbreviations.tsv");
pub(crate) const ALIASES: &str = include_str!("../../../datasets/lexicons/aliases.tsv");
pub(crate) const BRANDS: &str = include_str!("../../../datasets/lexicons/brands.tsv");
pub(crate) const BRAND_OWNERS: &str = include_str!("../../../datasets/lexicons/brand_owners.tsv");
pub(crate) const BRANDS_HK: &str = include_str!("../../../datasets/lexicons/brands_hk.tsv");
pub(crate) const CLAIMS: &str = include_str!("../../../datasets/lexicons/claims.tsv");
pub(crate) const HEADS: &str = include_str!("../../../datasets/lexicons/heads.tsv");
pub(crate) const PACKS: &str = include_str!("../../../datasets/lexicons/packs.tsv");
pub(crate) const REGIONAL: &str = include_str!("../../../datasets/lexicons/regional.tsv");
pub(crate) const SELLING_WORDS: &str = include_str!("../../../datasets/lexicons/selling_words.tsv");
pub(crate) const UNITS: &str = include_str!("../../../datasets/lexicons/units.tsv");
pub(crate) const VARIANTS: &str = include_str!("../../../datasets/lexicons/variants.tsv");

/// One line of a lexicon.
pub(crate) struct Row(Vec<&'static str>);

impl Row {
    /// The column's text, trimmed; empty where the line is too short.
    pub(crate) fn get(&self, column: usize) -> &'static str {
        self.0.get(column).copied().unwrap_or_default()
    }

    /// The parts of a `|` separated column.
    pub(crate) fn list(&self, column: usize) -> impl Iterator<Item = &'static str> {
        self.get(column).split('|').map(str::trim).filter(|part| !part.is_empty())
    }
}

/// The data lines of a lexicon.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = Row> {
    table
        .trim_start_matches('\u{feff}')
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty() && !line.starts_with("#\t"))
        .map(|line| Row(line.split('\t').map(str::trim).collect()))
}

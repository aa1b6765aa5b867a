//! What whole texts say, descriptions included, and prices as they are: evidence that a scorer for everybody cannot weigh,
//! since every trade writes and prices otherwise, and that a scorer tuned on one's own labels can.
//!
//! Words are runs of letters, runs of digits, and single Chinese characters; their weights are those of Salton's scheme
//! with a logarithmic count, over the records at hand.

use domain::LocalSku;
use rapidfuzz::distance::indel;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::corpus::{hash, is_han};

pub const TEXTS: [&str; 14] = [
    "name_cosine",
    "description_cosine",
    "crossed_cosine_min",
    "crossed_cosine_max",
    "all_cosine",
    "sorted_words_ratio",
    "shared_words_ratio",
    "name_length_min",
    "name_length_max",
    "description_length_min",
    "description_length_max",
    "price_low",
    "price_high",
    "price_equal",
];

/// Characters of a description that count.
pub const DESCRIPTION_LIMIT: usize = 600;

/// One record's texts, ready to be compared.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// Sorted, each once.
    words: Vec<String>,
    name: Vec<(u32, f32)>,
    description: Vec<(u32, f32)>,
    name_length: f32,
    description_length: f32,
    price: Option<f32>,
}

fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut class = 0;
    for c in text.chars().take(DESCRIPTION_LIMIT).flat_map(char::to_lowercase) {
        let own = match c {
            c if is_han(c) => 1,
            c if c.is_numeric() => 2,
            c if c.is_alphabetic() => 3,
            _ => 0,
        };
        match out.last_mut() {
            Some(word) if own > 1 && own == class => word.push(c),
            _ if own > 0 => out.push(c.to_string()),
            _ => {}
        }
        class = own;
    }
    out
}

impl Texts {
    /// Of every record, in order.
    pub fn of(records: &[&LocalSku]) -> Vec<Texts> {
        let split: Vec<[Vec<String>; 2]> = records
            .par_iter()
            .map(|r| [words(&r.name), words(r.description.as_deref().unwrap_or_default())])
            .collect();
        let mut seen: FxHashMap<u32, u32> = FxHashMap::default();
        for [name, description] in &split {
            let mut hashes: Vec<u32> = name.iter().chain(description).map(|w| hash(w)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            hashes.into_iter().for_each(|hash| *seen.entry(hash).or_default() += 1);
        }
        let count = records.len() as f32;
        let rarity =
            |hash: u32| ((1.0 + count) / (1.0 + seen.get(&hash).copied().unwrap_or(0) as f32)).ln() + 1.0;
        split
            .into_par_iter()
            .zip(records)
            .map(|([mut name, description], record)| {
                let vector = |words: &[String]| weighted(words.iter().map(|w| hash(w)).collect(), rarity);
                let (name_vector, description_vector) = (vector(&name), vector(&description));
                name.sort_unstable();
                name.dedup();
                let length = |text: &str| text.chars().take(DESCRIPTION_LIMIT).count() as f32;
                Texts {
                    words: name,
                    name: name_vector,
                    description: description_vector,
                    name_length: length(&record.name),
                    description_length: length(record.description.as_deref().unwrap_or_default()),
                    price: record.price.filter(|p| *p > 0.0).map(|p| p as f32),
                }
            })
            .collect()
    }
}

fn weighted(mut hashes: Vec<u32>, rarity: impl Fn(u32) -> f32) -> Vec<(u32, f32)> {
    hashes.sort_unstable();
    let mut out: Vec<(u32, f32)> = hashes
        .chunk_by(|a, b| a == b)
        .map(|run| (run[0], (1.0 + (run.len() as f32).ln()) * rarity(run[0])))
        .collect();
    let norm = out.iter().map(|(_, w)| w * w).sum::<f32>().sqrt().max(1e-9);
    out.iter_mut().for_each(|(_, w)| *w /= norm);
    out
}

fn dot(left: &[(u32, f32)], right: &[(u32, f32)]) -> f32 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < left.len() && j < right.len() {
        let (a, b) = (left[i], right[j]);
        sum += if a.0 == b.0 { a.1 * b.1 } else { 0.0 };
        i += usize::from(a.0 <= b.0);
        j += usize::from(b.0 <= a.0);
    }
    sum
}

fn ratio(a: &str, b: &str) -> f32 {
    indel::normalized_similarity(a.chars(), b.chars()) as f32
}

/// The best ratio among the shared words and the shared words with either side's rest: 1 where one name's words are all
/// in the other's.
fn shared_ratio(left: &[String], right: &[String]) -> f32 {
    let (shared, left_rest): (Vec<&String>, Vec<&String>) =
        left.iter().partition(|w| right.binary_search(w).is_ok());
    let right_rest: Vec<&String> = right.iter().filter(|w| left.binary_search(w).is_err()).collect();
    if !shared.is_empty() && (left_rest.is_empty() || right_rest.is_empty()) {
        return 1.0;
    }
    let join = |rest: &[&String]| shared.iter().chain(rest).map(|w| w.as_str()).collect::<Vec<_>>().join(" ");
    let (base, with_left, with_right) = (join(&[]), join(&left_rest), join(&right_rest));
    let whole = ratio(&with_left, &with_right);
    if shared.is_empty() { whole } else { whole.max(ratio(&base, &with_left)).max(ratio(&base, &with_right)) }
}

/// Fills the [`TEXTS`] features; the same for (a, b) and (b, a).
pub fn fill(a: &Texts, b: &Texts, out: &mut [f32]) {
    let (names, descriptions) = (dot(&a.name, &b.name), dot(&a.description, &b.description));
    let (across, back) = (dot(&a.name, &b.description), dot(&a.description, &b.name));
    let price = |p: Option<f32>| p.map_or(0.0, f32::ln_1p);
    let (left_price, right_price) = (price(a.price), price(b.price));
    let equal = match (a.price, b.price) {
        (Some(x), Some(y)) => f32::from((x / y).ln().abs() < 0.005),
        _ => -1.0,
    };
    out.copy_from_slice(&[
        names,
        descriptions,
        across.min(back),
        across.max(back),
        names + descriptions + (across + back),
        ratio(&a.words.join(" "), &b.words.join(" ")),
        shared_ratio(&a.words, &b.words),
        a.name_length.min(b.name_length),
        a.name_length.max(b.name_length),
        a.description_length.min(b.description_length),
        a.description_length.max(b.description_length),
        left_price.min(right_price),
        left_price.max(right_price),
        equal,
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_by_class() {
        for (text, expected) in [
            ("Norton 360 v2.0", &["norton", "360", "v", "2", "0"][..]),
            ("农夫山泉550ml", &["农", "夫", "山", "泉", "550", "ml"]),
            ("  -- ", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn the_same_from_both_sides() {
        let record = |name: &str, description: &str, price| LocalSku {
            description: Some(description.to_owned()),
            price,
            ..LocalSku::named("n", name, name)
        };
        let records = [
            record("quickbooks pro 2007", "accounting software by intuit", Some(199.0)),
            record("intuit quickbooks pro", "2007 edition", Some(199.5)),
            record("绍兴黄酒礼盒", "", None),
        ];
        let texts = Texts::of(&records.iter().collect::<Vec<_>>());
        let of = |i: usize, j: usize| {
            let mut row = [0.0; TEXTS.len()];
            fill(&texts[i], &texts[j], &mut row);
            row
        };
        for (i, j) in [(0, 1), (0, 2), (1, 2), (2, 2)] {
            assert_eq!(of(i, j), of(j, i));
        }
        let at = |row: [f32; TEXTS.len()], name: &str| {
            row[TEXTS.iter().position(|n| *n == name).expect("a feature")]
        };
        assert!(at(of(0, 1), "crossed_cosine_min") > 0.0, "each description names the other");
        assert_eq!(at(of(0, 1), "price_equal"), 1.0);
        assert_eq!(at(of(0, 2), "price_equal"), -1.0);
        assert_eq!(at(of(0, 0), "shared_words_ratio"), 1.0);
        assert_eq!(at(of(0, 2), "name_cosine"), 0.0);
    }
}

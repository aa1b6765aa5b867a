//! The features of a pair, each with a name that a person understands. All are symmetric: the pair (a, b) and the pair
//! (b, a) get the same numbers, so a confidence never depends on who asked.

use crate::attributes::{self, Relation};
use crate::corpus::{Profile, Said, Word, WordKind};
use domain::{BrandSource, Dimension, Mark};
use rapidfuzz::distance::{indel, lcs_seq};

/// What is compared about two names alone, in the order of [`fill`].
pub const PAIR: [&str; 76] = [
    // likeness
    "cosine",
    "text_likeness",
    "residual_likeness",
    "combined_likeness",
    "edit_ratio",
    "edit_ratio_whole",
    "jaro_winkler",
    "shorter_contained",
    "longer_covered",
    "pinyin_ratio",
    "word_overlap",
    "word_cover_min",
    "word_cover_max",
    "word_weight",
    "rarest_unmatched_min",
    "rarest_unmatched_max",
    "variant_unmatched_min",
    "variant_unmatched_max",
    "head_brand_unmatched",
    "same_text",
    "length_ratio",
    "short_length",
    "cross_script",
    "han_share",
    "cosine_cross_script",
    // quantities
    "mass",
    "volume",
    "length",
    "electric",
    "strength",
    "stage",
    "other_quantity",
    "quantities_equal",
    "quantities_contradict",
    "quantity_log_ratio",
    "number_names_quantity",
    // packs
    "pack",
    "pack_log_ratio",
    "pack_one_sided",
    "marks_differ",
    "gift_differs",
    "case_differs",
    // numbers and codes
    "number_overlap",
    "number_common",
    "number_unmatched",
    "all_number_overlap",
    "code",
    "code_rarity",
    "code_unmatched",
    "described_code",
    // words that tell siblings apart
    "flavour",
    "colour",
    "size_word",
    "edition",
    "variants_equal",
    "variants_contradict",
    "variants_one_sided",
    "variants_partly",
    "claims_equal",
    "claims_contradict",
    "claims_one_sided",
    // identity
    "brand",
    "brand_likeness",
    "brand_one_sided_found",
    "head",
    "gtin",
    "price_log_ratio",
    "price_known",
    // further
    "mass_to_volume",
    "bare_number_differs",
    "front_unmatched",
    "end_unmatched",
    "pinyin_contained",
    "pack_against_single",
    "pack_against_unit",
    "degree_one_sided",
];

/// What the pair is among the other candidates of both records ([`crate::context`]).
pub const CONTEXT: [&str; 12] = [
    "rank_best",
    "rank_worst",
    "mutual_best",
    "margin_min",
    "margin_max",
    "cosine_margin_min",
    "cosine_margin_max",
    "text_margin_min",
    "text_margin_max",
    "cosine_rank_best",
    "text_rank_best",
    "rivals",
];

/// What the second stage adds: the first stage's probability among the other candidates.
pub const SECOND: [&str; 6] = [
    "first_logit",
    "first_rank_worst",
    "first_margin_min",
    "first_margin_max",
    "first_share_min",
    "first_share_max",
];

/// What the third stage adds: the second stage's probability among the other candidates ...
pub const THIRD: [&str; 6] = [
    "second_logit",
    "second_rank_worst",
    "second_margin_min",
    "second_margin_max",
    "second_share_min",
    "second_share_max",
];

/// ... and what third nodes say of it ([`crate::consensus`]).
pub const CONSENSUS: [&str; 9] = [
    "support_max",
    "support_sum",
    "support_any",
    "dissent_min",
    "dissent_max",
    "dissent_share_min",
    "dissent_share_max",
    "mass_min",
    "agreement",
];

pub fn names() -> Vec<&'static str> {
    PAIR.iter().chain(&CONTEXT).copied().collect()
}

pub fn index_of(name: &str) -> Option<usize> {
    PAIR.iter().chain(&CONTEXT).position(|n| *n == name)
}

/// Likeness of two names by text and meaning; the part of the features that ranks need, cheap enough for every
/// candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likeness {
    pub cosine: f32,
    pub text: f32,
    pub residual: f32,
    /// All three in one: across scripts text says little, so meaning weighs more.
    pub combined: f32,
}

impl Likeness {
    pub fn of(left: &Profile, right: &Profile, cosine: f32) -> Likeness {
        Likeness::new(cosine, Likeness::texts(left, right), cross_script(left, right))
    }

    /// `text` and `residual`, the part that costs, in steps of [`TEXT_STEP`].
    pub fn texts(left: &Profile, right: &Profile) -> [u16; 2] {
        [left.whole_grams.cosine(&right.whole_grams), left.residual_grams.cosine(&right.residual_grams)]
            .map(to_step)
    }

    /// What [`Likeness::texts`] gave.
    pub fn in_steps(&self) -> [u16; 2] {
        [self.text, self.residual].map(to_step)
    }

    pub fn new(cosine: f32, texts: [u16; 2], cross_script: bool) -> Likeness {
        let [text, residual] = texts.map(from_step);
        let combined =
            if cross_script { 0.8 * cosine + 0.2 * text } else { 0.4 * cosine + 0.3 * text + 0.3 * residual };
        Likeness { cosine, text, residual, combined }
    }
}

/// Likenesses of texts, 0..=1, are kept in two bytes.
pub const TEXT_STEP: f32 = 1.0 / 65_000.0;

fn to_step(likeness: f32) -> u16 {
    // Casts of floats saturate.
    (likeness / TEXT_STEP).round() as u16
}

pub fn from_step(steps: u16) -> f32 {
    f32::from(steps) * TEXT_STEP
}

pub fn cross_script(left: &Profile, right: &Profile) -> bool {
    (left.han_share - right.han_share).abs() > 0.6
}

struct Overlap {
    common: f32,
    /// Largest rarity left over on the side where it is smaller, larger.
    plain: (f32, f32),
    variant: (f32, f32),
    identity: f32,
}

fn overlap(left: &[Word], right: &[Word]) -> Overlap {
    let (mut i, mut j, mut common) = (0, 0, 0.0f32);
    let mut rest = [[0.0f32; 3]; 2];
    let mut left_over = |side: usize, word: &Word| {
        let class = match word.kind {
            WordKind::Variant => 1,
            WordKind::Brand | WordKind::Head => 2,
            _ => 0,
        };
        rest[side][class] = rest[side][class].max(word.rarity());
        rest[side][0] = rest[side][0].max(word.rarity());
    };
    while i < left.len() || j < right.len() {
        match (left.get(i), right.get(j)) {
            (Some(a), Some(b)) if a.hash == b.hash => {
                common += a.rarity();
                i += 1;
                j += 1;
            }
            (Some(a), b) if b.is_none_or(|b| a.hash < b.hash) => {
                left_over(0, a);
                i += 1;
            }
            (_, Some(b)) => {
                left_over(1, b);
                j += 1;
            }
            (Some(_), None) | (None, None) => break,
        }
    }
    let sorted = |class: usize| {
        let (a, b) = (rest[0][class], rest[1][class]);
        (a.min(b), a.max(b))
    };
    Overlap { common, plain: sorted(0), variant: sorted(1), identity: sorted(2).0 }
}

/// Hashes of the kinds that have a feature of their own.
struct Kinds {
    flavour: u32,
    colour: u32,
    size: u32,
    edition: u32,
    /// 无糖, 低脂, 无盐, 零添加, 浓, 粗, Pro: what goes unsaid is the plain kind, so whoever says one mostly means another product.
    degrees: [u32; 7],
}

fn kinds() -> &'static Kinds {
    static KINDS: std::sync::OnceLock<Kinds> = std::sync::OnceLock::new();
    KINDS.get_or_init(|| Kinds {
        flavour: crate::corpus::hash("flavour"),
        colour: crate::corpus::hash("colour"),
        size: crate::corpus::hash("size"),
        edition: crate::corpus::hash("edition"),
        degrees: ["sugar", "fat", "salt", "additives", "strength", "coarseness", "edition"]
            .map(crate::corpus::hash),
    })
}

/// Dimensions that share a feature, because each alone is too rare to learn from.
const ELECTRIC: [Dimension; 6] = [
    Dimension::Voltage,
    Dimension::Current,
    Dimension::Power,
    Dimension::Charge,
    Dimension::Energy,
    Dimension::Storage,
];
const STRENGTH: [Dimension; 4] =
    [Dimension::Alcohol, Dimension::Percent, Dimension::Concentration, Dimension::Degree];
const STAGE: [Dimension; 2] = [Dimension::Stage, Dimension::Size];
const OTHER: [Dimension; 19] = [
    Dimension::Area,
    Dimension::Count,
    Dimension::Sheets,
    Dimension::Ply,
    Dimension::Temperature,
    Dimension::Pressure,
    Dimension::Frequency,
    Dimension::Pixels,
    Dimension::Time,
    Dimension::Resistance,
    Dimension::Speed,
    Dimension::Light,
    Dimension::ColourTemperature,
    Dimension::Pipe,
    Dimension::Zip,
    Dimension::Screw,
    Dimension::Grit,
    Dimension::Users,
    Dimension::Denier,
];

fn of_several(left: &Profile, right: &Profile, dimensions: &[Dimension]) -> Relation {
    let mut out = Relation::Unknown;
    if left.quantities.is_empty() || right.quantities.is_empty() {
        return out;
    }
    for dimension in dimensions {
        match attributes::content(left, right, *dimension).relation {
            Relation::Unknown => {}
            Relation::Contradicts => return Relation::Contradicts,
            found => out = found,
        }
    }
    out
}

/// Fills the [`PAIR`] features into `out[..PAIR.len()]`.
pub fn fill(left: &Profile, right: &Profile, likeness: Likeness, out: &mut [f32]) {
    let crossing = cross_script(left, right);
    let (a, b) = (&left.residual, &right.residual);
    let (short, long) = (a.len().min(b.len()).max(1) as f32, a.len().max(b.len()).max(1) as f32);
    let common = lcs_seq::similarity(a.iter().copied(), b.iter().copied()) as f32;
    let words = overlap(&left.words, &right.words);
    let (wa, wb) = (left.words_weight.max(1e-6), right.words_weight.max(1e-6));

    let mass = attributes::content(left, right, Dimension::Mass);
    let volume = attributes::content(left, right, Dimension::Volume);
    let length = attributes::content(left, right, Dimension::Length);
    let grouped = [
        of_several(left, right, &ELECTRIC),
        of_several(left, right, &STRENGTH),
        of_several(left, right, &STAGE),
        of_several(left, right, &OTHER),
    ];
    let relations =
        [mass.relation, volume.relation, length.relation, grouped[0], grouped[1], grouped[2], grouped[3]];
    let count = |wanted: Relation| relations.iter().filter(|r| **r == wanted).count() as f32;
    let log_ratio = mass.log_ratio.max(volume.log_ratio).max(length.log_ratio);
    let pack = attributes::packs(left, right);
    let pack_stated_by_both = !left.packs.is_empty() && !right.packs.is_empty();
    let numbers = attributes::numbers(&left.numbers, &right.numbers);
    let all_numbers = attributes::numbers(&left.all_numbers, &right.all_numbers);
    let code = attributes::codes(left, right);
    let described = described_code(left, right);
    let variants = attributes::kinds(&left.variants, &right.variants);
    let claims = attributes::kinds(&left.claims, &right.claims);
    let of_kind = |kind: u32| attributes::one_kind(&left.variants, &right.variants, kind).value();
    let differs = |mark: Mark| f32::from(left.marks.has(mark) != right.marks.has(mark));
    let (brand, brand_likeness, brand_found) = brands(left, right);
    let price = match (left.price, right.price) {
        (Some(x), Some(y)) => Some((x / y).ln().abs().min(3.0)),
        _ => None,
    };
    let stands_for_quantity = count(Relation::Unknown) as usize == relations.len()
        && (left.quantities.is_empty() != right.quantities.is_empty())
        && all_numbers.common > 0;

    let values: [f32; PAIR.len()] = [
        likeness.cosine,
        likeness.text,
        likeness.residual,
        likeness.combined,
        2.0 * common / (a.len() + b.len()).max(1) as f32,
        indel::normalized_similarity(left.whole.iter().copied(), right.whole.iter().copied()) as f32,
        strsim::generic_jaro_winkler(a, b) as f32,
        common / short,
        common / long,
        if crossing || left.han_share == 0.0 {
            -0.1
        } else {
            indel::normalized_similarity(left.pinyin.iter().copied(), right.pinyin.iter().copied()) as f32
        },
        words.common / (wa + wb - words.common).max(1e-6),
        words.common / wa.max(wb),
        words.common / wa.min(wb),
        words.common,
        words.plain.0,
        words.plain.1,
        words.variant.0,
        words.variant.1,
        words.identity,
        f32::from(a == b),
        short / long,
        short.min(40.0),
        f32::from(crossing),
        (left.han_share + right.han_share) / 2.0,
        if crossing { likeness.cosine } else { 0.0 },
        mass.relation.value(),
        volume.relation.value(),
        length.relation.value(),
        grouped[0].value(),
        grouped[1].value(),
        grouped[2].value(),
        grouped[3].value(),
        count(Relation::Equal) + count(Relation::Compatible),
        count(Relation::Contradicts),
        log_ratio.min(4.0),
        f32::from(stands_for_quantity),
        pack.relation.value(),
        if pack_stated_by_both { pack.log_ratio } else { 0.0 },
        if pack_stated_by_both { 0.0 } else { pack.log_ratio },
        f32::from(((left.marks.bits() ^ right.marks.bits()) & !(Mark::Item as u16)).count_ones().min(3) as u8),
        differs(Mark::Gift),
        differs(Mark::Case),
        numbers.jaccard,
        f32::from(numbers.common.min(5)),
        f32::from(numbers.unmatched.min(5)),
        all_numbers.jaccard,
        code.value,
        code.rarity,
        f32::from(code.unmatched.min(5)),
        described,
        of_kind(kinds().flavour),
        of_kind(kinds().colour),
        of_kind(kinds().size),
        of_kind(kinds().edition),
        f32::from(variants.equal.min(5)),
        f32::from(variants.contradicting.min(5)),
        f32::from(variants.one_sided.min(5)),
        f32::from(variants.partly.min(5)),
        f32::from(claims.equal.min(3)),
        f32::from(claims.contradicting.min(3)),
        f32::from(claims.one_sided.min(3)),
        brand,
        brand_likeness,
        brand_found,
        match (left.head, right.head) {
            (Some(x), Some(y)) if x == y => 1.0,
            (Some(_), Some(_)) => -1.0,
            _ => 0.0,
        },
        gtins(left, right),
        price.unwrap_or(0.0),
        f32::from(price.is_some()),
        attributes::mass_to_volume(left, right),
        f32::from(bare_number_differs(left, right)),
        ends_unmatched(left, right, |text, length| &text[..length]),
        ends_unmatched(left, right, |text, length| &text[text.len() - length..]),
        if crossing || left.han_share == 0.0 {
            -0.1
        } else {
            let common = lcs_seq::similarity(left.pinyin.iter().copied(), right.pinyin.iter().copied());
            common as f32 / left.pinyin.len().min(right.pinyin.len()).max(1) as f32
        },
        attributes::pack_against_single(left, right),
        attributes::pack_against_unit(left, right),
        f32::from(degrees_one_sided(left, right).min(3)),
    ];
    out[..PAIR.len()].copy_from_slice(&values);
}

/// Kinds and shares of degree that one side alone states; see [`Kinds::degrees`].
fn degrees_one_sided(left: &Profile, right: &Profile) -> u8 {
    let of_kinds = kinds().degrees.iter().filter(|kind| {
        let says = |list: &[Said]| list.binary_search_by_key(*kind, |said| said.kind).is_ok();
        says(&left.variants) != says(&right.variants)
    });
    let of_amounts =
        [Dimension::Percent, Dimension::Concentration, Dimension::Time].iter().filter(|dimension| {
            let says =
                |profile: &Profile| !attributes::of_dimension(&profile.quantities, **dimension).is_empty();
            // Spirits say 43度 on one label and 43% on the other.
            let is_alcohol = |profile: &Profile| {
                **dimension == Dimension::Percent
                    && !attributes::of_dimension(&profile.quantities, Dimension::Alcohol).is_empty()
            };
            says(left) != says(right) && !is_alcohol(left) && !is_alcohol(right)
        });
    (of_kinds.count() + of_amounts.count()) as u8
}

/// Both names keep numbers that the other does not state in any way: 登海618 and 登海605.
fn bare_number_differs(left: &Profile, right: &Profile) -> bool {
    let keeps = |own: &Profile, other: &Profile| {
        own.numbers.iter().any(|number| {
            !other.all_numbers.contains(number)
                && !other.codes_text.iter().any(|code| code.parse::<f32>() == Ok(*number))
        })
    };
    keeps(left, right) && keeps(right, left)
}

/// How much of the two names' first (or last) two characters the other does not hold anywhere: brands stand in front,
/// things at the end, also those that no lexicon knows. 0, 0.5 or 1.
fn ends_unmatched(left: &Profile, right: &Profile, end: impl Fn(&[u16], usize) -> &[u16]) -> f32 {
    let missing = |own: &Profile, other: &Profile| {
        let part = end(&own.residual, own.residual.len().min(2));
        !part.is_empty() && !other.whole.windows(part.len()).any(|window| window == part)
    };
    f32::from(u8::from(missing(left, right)) + u8::from(missing(right, left))) / 2.0
}

/// The other's name holds the brand that was read of this one.
fn is_named(own: &Profile, other: &Profile) -> bool {
    let brand = &own.brand_compact;
    !brand.is_empty() && other.whole.windows(brand.len()).any(|window| window == &**brand)
}

/// 1 same brand, -1 two different ones, 0 unknown or an owner's and one of its own; a brand that only one side states scores by whether the other's
/// text holds it.
fn brands(left: &Profile, right: &Profile) -> (f32, f32, f32) {
    match (left.brand, right.brand) {
        (Some(a), Some(b)) => {
            let (x, y) = (left.brand_text.as_str(), right.brand_text.as_str());
            let likeness = indel::normalized_similarity(x.chars(), y.chars()) as f32;
            let relation = if a.0 == b.0 || x.contains(y) || y.contains(x) {
                1.0
            } else if is_named(left, right) || is_named(right, left) {
                // 洋河 and 洋河海之蓝, of which 海之蓝 was read.
                if attributes::is_owned(a.0, b.0) { 1.0 } else { 0.5 }
            } else if attributes::is_owned(a.0, b.0) {
                0.0
            } else if a.1 == BrandSource::UnknownField || b.1 == BrandSource::UnknownField {
                // An unknown brand may be another spelling of a known one.
                -0.5
            } else {
                -1.0
            };
            (relation, likeness, 0.0)
        }
        (None, None) => (0.0, 0.0, 0.0),
        _ => {
            let (with, without) = if left.brand.is_some() { (left, right) } else { (right, left) };
            (0.0, 0.0, if is_named(with, without) { 1.0 } else { -1.0 })
        }
    }
}

fn gtins(left: &Profile, right: &Profile) -> f32 {
    match (left.gtin, right.gtin) {
        (Some(a), Some(b)) if !a.is_in_store() && !b.is_in_store() => {
            if a == b {
                1.0
            } else {
                -1.0
            }
        }
        _ => 0.0,
    }
}

/// A code of one side's name found in the other's description (or both descriptions' codes meeting a name's).
fn described_code(left: &Profile, right: &Profile) -> f32 {
    let names = |name: &Profile, described: &Profile| {
        name.codes.iter().any(|(hash, _)| described.described_codes.binary_search(hash).is_ok())
    };
    let both = || left.described_codes.iter().any(|h| right.described_codes.binary_search(h).is_ok());
    if names(left, right) || names(right, left) {
        1.0
    } else if both() {
        0.5
    } else {
        0.0
    }
}

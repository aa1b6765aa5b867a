//! Stated contradictions. A vetoed pair is never linked by the machine, whatever its score; a person may still link it.
//!
//! Only kinds in which two different statements really exclude each other are vetoes. Different codes, numbers, heads
//! or brands are evidence, not vetoes: one product may carry two article numbers, and brands have many spellings.

use crate::attributes::{self, Relation};
use crate::corpus::{Profile, hash};
use domain::Dimension;
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Veto {
    Amount(Dimension),
    Pack,
    /// Index into [`KINDS`].
    Variant(u8),
    Claim,
}

/// Variant kinds whose values exclude each other. A kind is here when, over labelled pairs of all sets at hand, it
/// contradicts on hard negatives at least five times as often as on true pairs; form, dairy and paper_form are
/// not, and effect (45 to 3 within a script, 4 to 21 across) is one within a script only.
pub const KINDS: [&str; 100] = [
    "flavour",
    "scent",
    "colour",
    "side",
    "sex",
    "age",
    "platform",
    "liquor_style",
    "size",
    "material",
    "material_grade",
    "grade",
    "grain",
    "grape",
    "tea",
    "tea_name",
    "puer",
    "oil_kind",
    "seasoning_style",
    "beer_style",
    "usage",
    "surface",
    "cut",
    "part",
    "doneness",
    "aged",
    "coarseness",
    "texture",
    "thickness",
    "smoothness",
    "noodle_shape",
    "axle",
    "level",
    "inner",
    "thread",
    "drive",
    "interface",
    "speed_class",
    "pet",
    "pet_age",
    "lead_hardness",
    "ruling",
    "finish",
    "stage",
    "card",
    "light",
    "knife",
    "mop",
    "exercise",
    "tap",
    "outlet_holes",
    "switch_gang",
    "switch_control",
    "outlet_for",
    "yolk",
    "steak",
    "wiper",
    "oil_style",
    "nap",
    "ready",
    "packed_in",
    "hair_step",
    "buckwheat",
    "blister",
    "opening",
    "poultry_sex",
    "crab_sex",
    "mount",
    "core",
    "single_double",
    "port",
    "zip_end",
    "tyre",
    "viscosity",
    "cement",
    "freezing",
    "cement_kind",
    "branch",
    "poles",
    "effect",
    "in_one",
    "label",
    "valve",
    "hinge",
    "socket",
    "press",
    "salting",
    "temperature",
    "peel",
    "head_on",
    "root",
    "seed",
    "pit",
    "wired",
    "lens",
    "door",
    "burner",
    "zone",
    "net",
    "count_grade",
];

/// Of these, the kinds that are translated too loosely to exclude each other across scripts: of the English-Chinese
/// pairs that a lexicon of flavours told apart, 31 of 71 were the same product (Cream Soda and 忌廉味汽水).
const LOOSELY_TRANSLATED: [&str; 16] = [
    "effect",
    "stage",
    "ready",
    "flavour",
    "scent",
    "age",
    "liquor_style",
    "grade",
    "grain",
    "tea",
    "usage",
    "cut",
    "part",
    "thickness",
    "texture",
    "seasoning_style",
];

/// What a stated contradiction leaves of a confidence: always less than the default auto threshold. Of the vetoed pairs
/// that the model gave 0.4 and more, one in six was the same product after all (a typing error, a size that one side
/// rounds), and the best of a record's contradicted candidates is still worth more than the next one: a harder cut cost
/// more of the order on ERP lists than it gained elsewhere.
pub const REMAINING: f64 = 0.85;

/// Dimensions in which two different amounts exclude each other. Frequencies, pixels, pressures and the like are
/// often rounded or stated of different parts.
pub const DIMENSIONS: [Dimension; 21] = [
    Dimension::Mass,
    Dimension::Volume,
    Dimension::Length,
    Dimension::Area,
    Dimension::Concentration,
    Dimension::Count,
    Dimension::Sheets,
    Dimension::Voltage,
    Dimension::Current,
    Dimension::Power,
    Dimension::Charge,
    Dimension::Alcohol,
    Dimension::Storage,
    Dimension::Pipe,
    Dimension::Zip,
    Dimension::Screw,
    Dimension::Stage,
    Dimension::Users,
    Dimension::Percent,
    Dimension::Size,
    Dimension::Grit,
];

/// Amounts nearer than this (3 %) are roundings of one another, not contradictions.
const LEAST_LOG_RATIO: f32 = 0.03;

fn kind_hashes() -> &'static [u32; KINDS.len()] {
    static HASHES: OnceLock<[u32; KINDS.len()]> = OnceLock::new();
    HASHES.get_or_init(|| KINDS.map(hash))
}

/// The first contradiction in a fixed order, so that equal input names equal vetoes.
pub fn find(left: &Profile, right: &Profile) -> Option<Veto> {
    if !left.quantities.is_empty() && !right.quantities.is_empty() {
        for dimension in DIMENSIONS {
            let found = attributes::content(left, right, dimension);
            if found.relation == Relation::Contradicts && found.log_ratio > LEAST_LOG_RATIO {
                return Some(Veto::Amount(dimension));
            }
        }
    }
    if let Some(dimension) = attributes::bare_amount(left, right) {
        return Some(Veto::Amount(dimension));
    }
    if attributes::packs(left, right).relation == Relation::Contradicts {
        return Some(Veto::Pack);
    }
    if !left.variants.is_empty() && !right.variants.is_empty() {
        let crossing = translated(left, right);
        for (index, kind) in kind_hashes().iter().enumerate() {
            if crossing && LOOSELY_TRANSLATED.contains(&KINDS[index]) {
                continue;
            }
            if attributes::one_kind(&left.variants, &right.variants, *kind) == Relation::Contradicts
                && !(index == 0 && plain_of_its_kind(left, right))
            {
                return Some(Veto::Variant(index as u8));
            }
        }
    }
    (attributes::kinds(&left.claims, &right.claims).contradicting > 0).then_some(Veto::Claim)
}

/// One of the names is, to a good part, in the other script: brands and known nouns of English names count as Chinese
/// already, so this is less than what [`crate::features::cross_script`] asks for.
fn translated(left: &Profile, right: &Profile) -> bool {
    (left.han_share - right.han_share).abs() > 0.35
}

/// 开心果 and 开心果原味: the flavour of the one is the thing itself.
fn plain_of_its_kind(left: &Profile, right: &Profile) -> bool {
    let flavours = |profile: &Profile| -> Vec<smol_str::SmolStr> {
        let flavour = kind_hashes()[0];
        profile.variants.iter().filter(|said| said.kind == flavour).map(|said| said.value.clone()).collect()
    };
    let plain = |profile: &Profile| flavours(profile).iter().all(|value| value == "原味");
    let itself = |profile: &Profile| flavours(profile).iter().all(|value| profile.head == Some(hash(value)));
    (plain(left) && itself(right)) || (plain(right) && itself(left))
}

impl Veto {
    /// The code that files and messages carry.
    pub fn code(self) -> String {
        match self {
            Veto::Amount(dimension) => snake(&format!("{dimension:?}")),
            Veto::Pack => "pack".into(),
            Veto::Variant(kind) => KINDS[usize::from(kind)].into(),
            Veto::Claim => "claim".into(),
        }
    }
}

pub(crate) fn snake(camel: &str) -> String {
    let mut out = String::new();
    for (i, c) in camel.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

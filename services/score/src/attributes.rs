//! What two names state, kind by kind. Unknown is its own answer: an attribute that one side does not state is neither
//! equal nor different.

use crate::corpus::hash;
use crate::corpus::{Amount, Profile, Said};
use domain::{Dimension, Mark, quantity::close};
use normalize::Normalizer;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;
use std::sync::OnceLock;

/// How two statements of one kind stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relation {
    /// At least one side says nothing.
    #[default]
    Unknown,
    Equal,
    /// Not the same words, yet both can be true: one says more, or the totals agree (90g*5 and 450g).
    Compatible,
    Contradicts,
}

impl Relation {
    /// For models: 1, 0.5, 0 and -1.
    pub fn value(self) -> f32 {
        match self {
            Relation::Equal => 1.0,
            Relation::Compatible => 0.5,
            Relation::Unknown => 0.0,
            Relation::Contradicts => -1.0,
        }
    }
}

/// The relation of one dimension's amounts, and how far apart the nearest contradicting ones are (|ln ratio|).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AmountRelation {
    pub relation: Relation,
    pub log_ratio: f32,
}

pub fn of_dimension(amounts: &[Amount], dimension: Dimension) -> &[Amount] {
    let from = amounts.partition_point(|a| a.dimension < dimension);
    let to = amounts.partition_point(|a| a.dimension <= dimension);
    &amounts[from..to]
}

/// Amounts match one by one. Where one side's are all matched, the other merely says more: equal. Where both keep
/// unmatched ones (1米宽*400米 against 1米宽*300米) they contradict.
pub fn amounts(left: &[Amount], right: &[Amount]) -> AmountRelation {
    if left.is_empty() || right.is_empty() {
        return AmountRelation::default();
    }
    let unmatched =
        |from: &[Amount], to: &[Amount]| from.iter().filter(|a| !to.iter().any(|b| same(a, b))).count();
    if unmatched(left, right) == 0 || unmatched(right, left) == 0 {
        return match other_sides(left, right) {
            None => AmountRelation { relation: Relation::Equal, log_ratio: 0.0 },
            Some(log_ratio) => AmountRelation { relation: Relation::Contradicts, log_ratio },
        };
    }
    let mut nearest = f64::INFINITY;
    for a in left.iter().filter(|a| !right.iter().any(|b| same(a, b))) {
        for b in right.iter().filter(|b| !left.iter().any(|a| same(a, b))) {
            if a.low > 0.0 && b.low > 0.0 {
                nearest = nearest.min((a.low / b.low).ln().abs());
            }
        }
    }
    let log_ratio = if nearest.is_finite() { nearest as f32 } else { 0.0 };
    AmountRelation { relation: Relation::Contradicts, log_ratio }
}

/// 60*60cm and 60*90cm: as many lengths on both sides are sides of one thing, each matched by one other only. How far
/// apart the nearest that stay unmatched are; `None` where none do.
fn other_sides(left: &[Amount], right: &[Amount]) -> Option<f32> {
    if left.len() < 2 || left.len() != right.len() || left[0].dimension != Dimension::Length {
        return None;
    }
    let mut free: Vec<&Amount> = right.iter().collect();
    let mut over = Vec::new();
    for a in left {
        match free.iter().position(|b| same(a, b)) {
            Some(at) => {
                free.swap_remove(at);
            }
            None => over.push(a),
        }
    }
    let ratios = over.iter().flat_map(|a| free.iter().map(|b| (a.low / b.low).ln().abs()));
    ratios.filter(|ratio| ratio.is_finite()).min_by(f64::total_cmp).map(|ratio| ratio as f32)
}

fn same(a: &Amount, b: &Amount) -> bool {
    (close(a.low, b.low) && close(a.high, b.high))
        || within(a, b)
        || within(b, a)
        || (a.low == a.high && b.low == b.high && (same_by_trade(a, b) || same_by_trade(b, a)))
}

/// 半斤多 says 260 g too, and a cut of 3-6 kg weighs 5.
fn within(exact: &Amount, range: &Amount) -> bool {
    exact.low == exact.high && range.low < range.high && (range.low..=range.high).contains(&exact.low)
}

/// Exact amounts that differ on paper only: ounces on foreign labels are cut to a tenth (0.5 oz of 13 g), Hong Kong's
/// 尺 is the foot, and drives of sockets go by 10 mm for 3/8 of an inch.
fn same_by_trade(a: &Amount, b: &Amount) -> bool {
    const OUNCE: f64 = 28.349_523_125;
    const FOOT: f64 = 304.8;
    const CHI: f64 = 1000.0 / 3.0;
    const DRIVES: [(f64, f64); 4] = [(6.35, 6.3), (9.525, 10.0), (12.7, 12.5), (19.05, 20.0)];
    let whole = |value: f64, of: f64| {
        let times = value / of;
        times >= 0.5 && (times - times.round()).abs() < 1e-3
    };
    match a.dimension {
        Dimension::Mass => whole(a.low, OUNCE / 10.0) && (a.low - b.low).abs() <= OUNCE / 20.0,
        Dimension::Length => {
            (whole(a.low, FOOT) && whole(b.low, CHI) && (a.low / FOOT).round() == (b.low / CHI).round())
                || DRIVES.iter().any(|(inch, metric)| close(a.low, *inch) && close(b.low, *metric))
        }
        _ => false,
    }
}

/// Mass or volume, allowing for one side giving the total of a pack and the other its unit content.
pub fn content(left: &Profile, right: &Profile, dimension: Dimension) -> AmountRelation {
    let (a, b) = (stated(left, right, dimension), stated(right, left, dimension));
    let plain = amounts(a, b);
    if plain.relation != Relation::Contradicts {
        return plain;
    }
    let totals_agree = a.iter().any(|x| {
        b.iter().any(|y| {
            left.packs.iter().any(|n| close(x.low * f64::from(*n), y.low))
                || right.packs.iter().any(|n| close(y.low * f64::from(*n), x.low))
        })
    });
    if totals_agree { AmountRelation { relation: Relation::Compatible, ..plain } } else { plain }
}

/// What `own` states of a dimension. Spirits are 43度 on one label and 43% on the other.
fn stated<'p>(own: &'p Profile, other: &Profile, dimension: Dimension) -> &'p [Amount] {
    let found = of_dimension(&own.quantities, dimension);
    let only_per_cent = found.is_empty()
        && dimension == Dimension::Alcohol
        && !of_dimension(&other.quantities, Dimension::Alcohol).is_empty()
        && of_dimension(&other.quantities, Dimension::Percent).is_empty();
    if only_per_cent { of_dimension(&own.quantities, Dimension::Percent) } else { found }
}

/// Mass on one side against volume on the other, a single amount each: a label's 500g and a till's 500ml are one size, 1L and
/// 500g are not, as what is sold in both weighs about as much as water. 1 alike, less than 0 by how far apart, 0 unknown.
pub fn mass_to_volume(left: &Profile, right: &Profile) -> f32 {
    let one = |profile: &Profile, stated: Dimension, silent: Dimension| match (
        of_dimension(&profile.quantities, stated),
        of_dimension(&profile.quantities, silent),
    ) {
        ([amount], []) if amount.low > 0.0 => Some(amount.low),
        _ => None,
    };
    let of = |a: &Profile, b: &Profile| {
        Some((one(a, Dimension::Mass, Dimension::Volume)?, one(b, Dimension::Volume, Dimension::Mass)?))
    };
    let Some((grams, millilitres)) = of(left, right).or_else(|| of(right, left)) else { return 0.0 };
    let apart = (grams / millilitres).ln().abs() as f32;
    if apart < 0.16 { 1.0 } else { -apart.min(3.0) }
}

/// One of two brands is the other's owner ([`Normalizer::owned_brands`]).
pub fn is_owned(a: u32, b: u32) -> bool {
    static OWNED: OnceLock<FxHashSet<(u32, u32)>> = OnceLock::new();
    let owned = OWNED.get_or_init(|| {
        let pairs = Normalizer::shared().owned_brands().map(|(owner, brand)| (hash(owner), hash(brand)));
        pairs.flat_map(|(owner, brand)| [(owner, brand), (brand, owner)]).collect()
    });
    owned.contains(&(a, b))
}

/// 海天蚝油260 and 海天蚝油700g: tills leave out the unit. One bare number on the side without mass and volume, one amount
/// on the other, and no unit under which the two agree.
pub fn bare_amount(left: &Profile, right: &Profile) -> Option<Dimension> {
    let amount_of = |profile: &Profile| {
        let (mass, volume) = (
            of_dimension(&profile.quantities, Dimension::Mass),
            of_dimension(&profile.quantities, Dimension::Volume),
        );
        match (mass, volume) {
            ([one], []) | ([], [one]) => Some(*one),
            _ => None,
        }
    };
    let compare = |bare: &Profile, stated: &Profile| {
        let amount = amount_of(stated)?;
        let [number] = *bare.numbers else { return None };
        let number = f64::from(number);
        let silent = bare.quantities.is_empty() && bare.packs.is_empty() && bare.codes.is_empty();
        let plain = stated.numbers.is_empty() && stated.codes.is_empty();
        let is_content = (50.0..=5000.0).contains(&number) && number % 5.0 == 0.0;
        let near = |factor: f64| {
            let ratio = number * factor / amount.low;
            (0.9..=1.12).contains(&ratio)
        };
        let agrees = [1.0, 1000.0, 500.0, 50.0].into_iter().any(near)
            || stated.packs.iter().any(|n| f64::from(*n) == number || near(1.0 / f64::from(*n)));
        (silent && plain && is_content && !agrees).then_some(amount.dimension)
    };
    compare(left, right).or_else(|| compare(right, left))
}

/// Pack counts. One side silent is unknown (most names leave out "one"), unless the silent side says `single`.
pub fn packs(left: &Profile, right: &Profile) -> AmountRelation {
    match (&*left.packs, &*right.packs) {
        ([], []) => {
            let cases = (left.marks.has(Mark::Case), right.marks.has(Mark::Case));
            let singles = (left.marks.has(Mark::Single), right.marks.has(Mark::Single));
            let contradict = (cases.0 && singles.1) || (cases.1 && singles.0);
            let relation = if contradict { Relation::Contradicts } else { Relation::Unknown };
            AmountRelation { relation, log_ratio: 0.0 }
        }
        ([], some) | (some, []) => {
            let silent = if left.packs.is_empty() { left } else { right };
            let relation =
                if silent.marks.has(Mark::Single) { Relation::Contradicts } else { Relation::Unknown };
            let largest = some.iter().copied().max().unwrap_or(1).max(1);
            AmountRelation { relation, log_ratio: (largest as f32).ln() }
        }
        (a, b) => {
            if a.iter().all(|x| b.contains(x)) || b.iter().all(|x| a.contains(x)) || product(a) == product(b)
            {
                return AmountRelation { relation: Relation::Equal, log_ratio: 0.0 };
            }
            // A carton of cigarettes is ten packets or two hundred pieces.
            if matches!((a, b), ([10], [200]) | ([200], [10])) {
                return AmountRelation { relation: Relation::Compatible, log_ratio: 0.0 };
            }
            let mut nearest = f32::INFINITY;
            for x in a {
                for y in b {
                    nearest = nearest.min((*x as f32 / *y as f32).ln().abs());
                }
            }
            AmountRelation { relation: Relation::Contradicts, log_ratio: nearest }
        }
    }
}

/// Whose pack one side alone states: the count's logarithm, and the side that is silent about it.
fn silent_about_pack<'p>(left: &'p Profile, right: &'p Profile) -> Option<(f32, &'p Profile)> {
    let (silent, packs) = match (&*left.packs, &*right.packs) {
        ([], some @ [_, ..]) => (left, some),
        (some @ [_, ..], []) => (right, some),
        _ => return None,
    };
    let largest = packs.iter().copied().max().filter(|count| *count > 1)?;
    let holds_several = silent.marks.has(Mark::Case) || silent.marks.has(Mark::Multi);
    (!holds_several).then_some(((largest as f32).ln().min(4.0), silent))
}

/// 100g*5 against 100g: whoever says how much is in one and nothing of a pack mostly sells the one. The logarithm of the
/// count; 0 where the silent side says nothing of the content either, for then it may leave out both.
pub fn pack_against_single(left: &Profile, right: &Profile) -> f32 {
    let same_content = |dimension| {
        let (a, b) = (of_dimension(&left.quantities, dimension), of_dimension(&right.quantities, dimension));
        !a.is_empty() && !b.is_empty() && amounts(a, b).relation == Relation::Equal
    };
    match silent_about_pack(left, right) {
        Some((count, _)) if same_content(Dimension::Mass) || same_content(Dimension::Volume) => count,
        _ => 0.0,
    }
}

/// The same where the silent side counts its goods by the bottle, bag or piece.
pub fn pack_against_unit(left: &Profile, right: &Profile) -> f32 {
    silent_about_pack(left, right)
        .filter(|(_, silent)| silent.marks.has(Mark::Item))
        .map_or(0.0, |(count, _)| count)
}

fn product(counts: &[u32]) -> u64 {
    counts.iter().fold(1u64, |acc, n| acc.saturating_mul(u64::from(*n)))
}

/// The relation of two lists sorted by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KindRelations {
    pub equal: u8,
    /// Kinds that both sides state with no value in common and no side a subset of the other.
    pub contradicting: u8,
    /// Kinds that only one side states.
    pub one_sided: u8,
    /// Kinds where one side says more than the other.
    pub partly: u8,
}

pub fn kinds(left: &[Said], right: &[Said]) -> KindRelations {
    let mut out = KindRelations::default();
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        let kind = match (left.get(i), right.get(j)) {
            (Some(a), Some(b)) => a.kind.min(b.kind),
            (Some(a), None) => a.kind,
            (None, Some(b)) => b.kind,
            (None, None) => break,
        };
        let end = |list: &[Said], from: usize| from + list[from..].partition_point(|x| x.kind == kind);
        let (a, b) = (&left[i..end(left, i)], &right[j..end(right, j)]);
        (i, j) = (i + a.len(), j + b.len());
        if a.is_empty() || b.is_empty() {
            out.one_sided += 1;
            continue;
        }
        let common = a.iter().filter(|x| b.contains(x)).count();
        if common == a.len() && common == b.len() {
            out.equal += 1;
        } else if says_all(a, b) || says_all(b, a) {
            out.partly += 1;
        } else {
            out.contradicting += 1;
        }
    }
    out
}

/// Whether every value of `a` has its like in `b`: 香辣 蘑菇 says 蘑菇, but not 原味 蘑菇.
fn says_all(a: &[Said], b: &[Said]) -> bool {
    a.iter().all(|x| b.iter().any(|y| x == y || one_says_more(x, y)))
}

/// 清新黄瓜 and 黄瓜, 红烧牛肉 and 红烧, 葱香排骨 and 香葱: the longer word states the shorter one too.
fn one_says_more(a: &Said, b: &Said) -> bool {
    let (x, y) = (plain(&a.value), plain(&b.value));
    let (short, long) = if x.len() <= y.len() { (x, y) } else { (y, x) };
    // Of marks and sizes only whole parts count: `m` and `m-l`, but not `l` and `xl`.
    if short.is_ascii() || long.bytes().any(|b| b.is_ascii_digit()) {
        return long.split('-').any(|part| part == short) || near(&a.value, &b.value);
    }
    short.chars().all(|c| long.contains(c)) || near(&a.value, &b.value)
}

/// A taste without the word for taste: 牛肉味 is 牛肉.
fn plain(value: &str) -> &str {
    let short = value.trim_end_matches(['味', '型', '口']);
    if short.is_empty() { value } else { short }
}

/// Words that shops and translators use for one another; each line's words never exclude each other.
const NEAR: &[&[&str]] = &[
    &["豆沙", "红豆"],
    &["蜂蜜", "蜜汁"],
    &["可可", "巧克力"],
    &["香菇", "蘑菇"],
    &["黑椒牛排", "黑胡椒"],
    &["花椒", "椒盐", "盐焗"],
    &["芝麻油", "胡麻油"],
    &["亚麻籽油", "胡麻油"],
    &["坚果", "花生", "杏仁", "核桃", "碧根果", "腰果", "榛子"],
    &["香葱", "韭菜"],
    &["珍品", "头等", "特级"],
    &["山楂", "红糖"],
    &["彩色", "粉红"],
    &["鸡汤", "上汤", "高汤", "鸡汁"],
    &["蒜香", "蒜蓉", "蒜蓉辣"],
    &["薄荷", "清凉"],
    &["黑糖", "红糖"],
    &["橘子", "橙"],
    &["葡萄", "红提"],
    &["酸奶", "乳酸菌"],
    &["三鲜", "海鲜"],
    &["牛奶", "奶香", "奶酪"],
    &["酸梅", "话梅", "乌梅"],
    &["青", "绿"],
    &["藏青", "深蓝", "蓝"],
    &["银", "灰"],
    &["咖啡", "棕"],
    &["象牙白", "米白", "白"],
    &["婴儿", "幼儿", "儿童"],
    &["儿童", "青年"],
    &["青年", "成人"],
    &["特级", "特选"],
    &["头等", "特级"],
    &["香米", "长粒米"],
    &["m", "中型犬", "中大号"],
    &["s", "小型犬", "迷你", "小瓶"],
    &["l", "大型犬", "大瓶", "中大号"],
];

fn near(a: &str, b: &str) -> bool {
    NEAR.iter().any(|words| words.contains(&a) && words.contains(&b))
}

/// The relation of one kind alone.
pub fn one_kind(left: &[Said], right: &[Said], kind: u32) -> Relation {
    let part = |list: &[Said]| {
        let from = list.partition_point(|x| x.kind < kind);
        let to = list.partition_point(|x| x.kind <= kind);
        from..to
    };
    let found = kinds(&left[part(left)], &right[part(right)]);
    if found.contradicting > 0 {
        Relation::Contradicts
    } else if found.equal > 0 {
        Relation::Equal
    } else if found.partly > 0 {
        Relation::Compatible
    } else {
        Relation::Unknown
    }
}

/// Model and part numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CodeRelation {
    /// 1 common, 0.7 found inside the other's text, 0.5 one is the start of the other, 0 unknown, -1 none in common.
    pub value: f32,
    /// Rarity of the rarest common code, 0..=1.
    pub rarity: f32,
    /// Codes left without counterpart on the side that has fewer of them.
    pub unmatched: u8,
}

pub fn codes(left: &Profile, right: &Profile) -> CodeRelation {
    let (a, b) = (&left.codes, &right.codes);
    let mut out = CodeRelation::default();
    if a.is_empty() && b.is_empty() {
        return out;
    }
    if a.is_empty() || b.is_empty() {
        let (with, without) = if b.is_empty() { (left, right) } else { (right, left) };
        // `#071` and `071`, `904#` and `904`: only one of the two looks like a code.
        let as_number = |code: &str| {
            code.len() >= 3 && code.parse::<f32>().is_ok_and(|value| without.numbers.contains(&value))
        };
        if with
            .codes_text
            .iter()
            .any(|code| as_number(code) || (code.chars().count() >= 4 && holds(&without.whole, code)))
        {
            out.value = 0.7;
        } else if without.numbers.iter().any(|number| is_article(*number, &with.codes_text)) {
            out.value = OTHER_ARTICLE;
        }
        return out;
    }
    let mut common = 0u8;
    for (hash, rarity) in a {
        if b.binary_search_by_key(hash, |x| x.0).is_ok() {
            common = common.saturating_add(1);
            out.rarity = out.rarity.max(*rarity);
        }
    }
    out.unmatched = (a.len().min(b.len()).min(250) as u8).saturating_sub(common);
    out.value = if common > 0 {
        1.0
    } else if left.codes_text.iter().any(|x| {
        right
            .codes_text
            .iter()
            .any(|y| x.len().min(y.len()) >= 4 && (x.starts_with(y.as_str()) || y.starts_with(x.as_str())))
    }) {
        0.5
    } else {
        -1.0
    };
    out
}

/// 佳洋对联577# and 佳洋162对联: weaker than two codes that differ, for a bare number may count something.
const OTHER_ARTICLE: f32 = -0.6;

/// A bare number of three digits or more, no year, that none of the codes holds.
fn is_article(number: f32, codes: &[SmolStr]) -> bool {
    if number < 100.0 || number.fract() != 0.0 || (1980.0..2040.0).contains(&number) {
        return false;
    }
    let digits = format!("{number:.0}");
    codes.iter().all(|code| !code.contains(&digits) && !digits.contains(code.trim_start_matches(['#', '0'])))
}

/// Whether the code occurs in the text, ignoring case and anything that is not a letter or digit.
fn holds(text: &[u16], code: &str) -> bool {
    let wanted: Vec<u16> = code.to_lowercase().encode_utf16().collect();
    // Half a character stands for a rare letter.
    let counts = |unit: &u16| char::from_u32(u32::from(*unit)).is_none_or(char::is_alphanumeric);
    let found = |start: usize| {
        let mut rest = text[start..].iter().filter(|unit| counts(unit));
        wanted.iter().all(|w| rest.next() == Some(w))
    };
    (0..text.len()).any(|i| text[i] == wanted[0] && found(i))
}

/// Numbers without a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberRelation {
    pub common: u8,
    /// Left without counterpart on the side that has fewer of them.
    pub unmatched: u8,
    /// Jaccard index, -0.1 where neither side has any.
    pub jaccard: f32,
}

pub fn numbers(left: &[f32], right: &[f32]) -> NumberRelation {
    if left.is_empty() && right.is_empty() {
        return NumberRelation { jaccard: -0.1, ..Default::default() };
    }
    let common = left.iter().filter(|x| right.contains(x)).count();
    let union = left.len() + right.len() - common;
    NumberRelation {
        common: common.min(255) as u8,
        unmatched: (left.len().min(right.len()) - common).min(255) as u8,
        jaccard: common as f32 / union as f32,
    }
}

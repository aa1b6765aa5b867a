//! What may follow a number: units of measure, pieces, containers, cases. Read from `units.tsv` and `packs.tsv`.

use crate::context::{Context, Topic};
use crate::fold::Folder;
use crate::lexicon;
use domain::Dimension;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// What a number in front of the word counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measure {
    /// An amount: so many base units.
    Amount(Dimension, f64),
    /// Single things (片, 粒, pcs), each standing for so many.
    Piece(u32),
    /// 瓶, 罐, bottle
    Container,
    /// 箱, ctn: holds the units of sale.
    Case,
    /// 提, 排, 板: a few units held together, itself the unit of sale.
    Group,
    /// 连包, 联装: the number says how many are joined.
    Joined,
    /// 件套: parts that make up one thing.
    Parts,
}

#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) alias: Box<str>,
    pub(crate) canonical: SmolStr,
    pub(crate) measure: Measure,
    /// Stands directly behind the digits (`5m`, not `5 m`).
    attached: bool,
    context: bool,
    /// The dimension as the lexicon names it; [`Topic`]s hang on it.
    lexical: &'static str,
}

pub(crate) struct Units {
    by_first: FxHashMap<char, Vec<Unit>>,
    by_alias: FxHashMap<Box<str>, (Measure, SmolStr)>,
}

impl Units {
    pub(crate) fn new(folder: &Folder) -> Self {
        let mut units = Units { by_first: FxHashMap::default(), by_alias: FxHashMap::default() };
        let mut containers: FxHashMap<String, SmolStr> = FxHashMap::default();
        for row in lexicon::rows(lexicon::PACKS) {
            if row.get(2) == "container" {
                containers.entry(folder.canonical(row.get(0))).or_insert_with(|| row.get(1).into());
            }
        }
        for row in lexicon::rows(lexicon::UNITS) {
            let factor: f64 = row.get(3).parse().unwrap_or(0.0);
            let guard = row.get(5);
            // `whole` aliases are names by themselves (aa, 四分). Prefix units stand in front of the number and are read by the scanner; upper-case-only spellings cannot
            // be told from the others after folding, and the lexicon asks for a context with them.
            if guard.contains("prefix")
                || guard.contains("whole")
                || row.get(0).starts_with(|c: char| c.is_ascii_digit())
                || HOLDS_A_NOUN.contains(&row.get(0))
            {
                continue;
            }
            let Some(measure) = measure_of(row.get(2), factor, row.get(1)) else { continue };
            let alias = folder.canonical(row.get(0));
            let canonical = containers.get(&alias).cloned().unwrap_or_else(|| row.get(1).into());
            units.add(Unit {
                alias: alias.into(),
                canonical,
                measure,
                attached: guard.contains("digit"),
                context: guard.contains("context"),
                lexical: row.get(2),
            });
        }
        for row in lexicon::rows(lexicon::PACKS) {
            let measure = match row.get(2) {
                "container" => Measure::Container,
                "case" => Measure::Case,
                "multi" if row.get(3).is_empty() => match row.get(1) {
                    "多件装" => Measure::Joined,
                    _ => Measure::Group,
                },
                _ => continue,
            };
            let alias = folder.canonical(row.get(0));
            if alias
                .chars()
                .next()
                .is_some_and(|c| c.is_ascii_digit() || "一二两三四五六七八九十整原外".contains(c))
            {
                continue;
            }
            units.add(Unit {
                alias: alias.into(),
                canonical: row.get(1).into(),
                measure,
                attached: false,
                context: false,
                lexical: "pack",
            });
        }
        for (alias, dimension) in TRADE_SUFFIXES {
            units.replace(Unit {
                alias: (*alias).into(),
                canonical: (*alias).into(),
                measure: Measure::Amount(*dimension, 1.0),
                attached: true,
                context: true,
                lexical: "trade",
            });
        }
        for alias in COUNTED_IN_CONTEXT {
            units.replace(Unit {
                alias: (*alias).into(),
                canonical: "pc".into(),
                measure: Measure::Piece(1),
                attached: *alias == "s",
                context: true,
                lexical: "trade",
            });
        }
        for list in units.by_first.values_mut() {
            list.sort_by_key(|unit| std::cmp::Reverse(unit.alias.len()));
        }
        units
    }

    fn replace(&mut self, unit: Unit) {
        if let Some(first) = unit.alias.chars().next() {
            let list = self.by_first.entry(first).or_default();
            list.retain(|known| known.alias != unit.alias);
            list.push(unit);
        }
    }

    fn add(&mut self, unit: Unit) {
        let Some(first) = unit.alias.chars().next() else { return };
        self.by_alias.entry(unit.alias.clone()).or_insert_with(|| (unit.measure, unit.canonical.clone()));
        let list = self.by_first.entry(first).or_default();
        // The first line of the lexicon wins, except that an unguarded spelling beats a guarded one.
        match list.iter_mut().find(|known| known.alias == unit.alias) {
            Some(known) if known.context && !unit.context => *known = unit,
            Some(_) => {}
            None => list.push(unit),
        }
    }

    /// The longest unit at the beginning of `rest`, and its length. `gap` says that blanks stood before it.
    pub(crate) fn at<'u>(
        &'u self,
        rest: &str,
        gap: Gap,
        value: f64,
        context: &Context,
    ) -> Option<(&'u Unit, usize)> {
        let first = rest.chars().next()?;
        let list = self.by_first.get(&first)?;
        list.iter()
            .find(|unit| {
                rest.starts_with(&*unit.alias)
                    && (gap == Gap::None || !unit.attached || unit.may_stand_apart(rest))
                    && unit.ends_here(rest)
                    && unit.fits(value, rest, context)
            })
            .map(|unit| (unit, unit.alias.len()))
    }

    /// A unit word that stands alone, such as the whole `unit` column.
    pub(crate) fn word(&self, text: &str) -> Option<(Measure, &SmolStr)> {
        self.by_alias.get(text).map(|(measure, canonical)| (*measure, canonical))
    }
}

/// Units written together with the thing measured; the thing is to stay in the name, so the shorter unit is read.
const HOLDS_A_NOUN: &[&str] = &[
    "号拉链",
    "#拉链",
    "段奶粉",
    "条烟",
    "条香烟",
    "支装膏",
    "把菜",
    "克重纸",
    "号码鞋",
    "码鞋",
    "孔",
    "度近视",
    "度老花",
    "t齿",
    "人游戏",
    "号汽油",
    "#汽油",
];

/// Words that count pieces, but only in some trades: battery cells, `12's` without its apostrophe, `50ct` of a US pack.
const COUNTED_IN_CONTEXT: &[&str] = &["节", "s", "ct"];

/// Numbers whose trade decides what they measure; read only in that context (`Unit::fits`).
const TRADE_SUFFIXES: &[(&str, Dimension)] =
    &[("号", Dimension::Size), ("#", Dimension::Zip), ("段", Dimension::Stage), ("分", Dimension::Pipe)];

/// What stands between a number and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    None,
    Blank,
    Hyphen,
}

/// Words that people write straight behind a size.
const CONTAINERS: [&str; 12] =
    ["pet", "can", "cans", "sleek", "slim", "bottle", "btl", "tin", "bag", "box", "pouch", "glass"];

/// Volts that coils, lamps and supplies are made for.
const MAINS: [u16; 9] = [12, 24, 36, 48, 110, 127, 220, 230, 380];

impl Unit {
    /// `500 g` and `1 l` are as usual as `500g`; `8 a`, `5 d` are not units.
    fn may_stand_apart(&self, rest: &str) -> bool {
        match &*self.alias {
            "in" => {
                let tail = rest[2..].trim_start();
                tail.is_empty()
                    || ["led", "lcd", "tv", "laptop", "tablet", "screen", "display"]
                        .iter()
                        .any(|w| tail.starts_with(w))
            }
            "can" | "tin" | "box" | "card" | "set" | "use" | "min" => false,
            alias if !alias.is_ascii() => {
                self.alias.chars().count() == 1 && matches!(self.measure, Measure::Amount(..))
            }
            "g" | "l" | "m" | "v" | "w" | "p" | "lt" | "cc" | "hz" | "mb" | "kb" | "mp" | "hp" | "pack"
            | "unit" | "user" | "client" | "license" | "licence" | "device" | "disc" | "pr" | "gr"
            | "bar" => true,
            _ => false,
        }
    }

    /// Whether `cola330ml` may be read with this unit.
    pub(crate) fn may_follow_letters(&self) -> bool {
        !self.alias.is_ascii() || matches!(&*self.alias, "ml" | "g" | "kg" | "l" | "mg" | "gm" | "oz" | "pcs")
    }

    /// A Latin unit ends where its letters end; digits behind it make it a code (`32lb650v`), unless it is followed by
    /// a product sign (`500mlx24`).
    fn ends_here(&self, rest: &str) -> bool {
        let bytes = rest.as_bytes();
        let end = self.alias.len();
        let last = bytes[end - 1];
        let Some(&next) = bytes.get(end) else { return true };
        if !last.is_ascii_alphabetic() {
            return last.is_ascii() || !crate::dictionary::joined(rest, end);
        }
        if next == b'x' {
            let tail = rest[end + 1..].trim_start();
            return tail.starts_with(|c: char| c.is_ascii_digit());
        }
        if next.is_ascii_alphabetic() && &*self.alias == "v" {
            // `220vcjx2-0910`: a model runs on from the voltage of its coil; `fits` looks at the volts.
            let letters = rest[end..].bytes().take_while(u8::is_ascii_alphabetic).count();
            return letters >= 2 && rest.as_bytes().get(end + letters).is_some_and(u8::is_ascii_digit);
        }
        if next.is_ascii_alphabetic() && matches!(&*self.alias, "ml" | "l" | "g" | "kg") {
            // `500mlpet瓶`: the container's material runs on from the size.
            let letters = rest[end..].trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            return CONTAINERS.contains(&&rest[end..rest.len() - letters]);
        }
        if next.is_ascii_alphabetic() || next >= 0x80 && crate::dictionary::joined(rest, end) {
            return false;
        }
        if next.is_ascii_digit() {
            // `24v70w`, `12v60ah`: ratings written without a gap.
            if matches!(&*self.alias, "v" | "w" | "a" | "ah") {
                let tail = rest[end..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
                let letters = tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
                return matches!(&tail[..tail.len() - letters], "v" | "w" | "a" | "ah" | "mah" | "hz");
            }
            // `175mm6034`: an article number glued to its size.
            let digits = rest[end..].bytes().take_while(u8::is_ascii_digit).count();
            if matches!(&*self.alias, "mm" | "cm" | "ml" | "kg" | "mah") && (3..=6).contains(&digits) {
                let behind = rest[end + digits..].chars().next();
                if behind.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '*' | '/')) {
                    return true;
                }
            }
            // `350ml24瓶` against `32lb650v`.
            let tail = rest[end..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            return end >= 2 && tail.starts_with(|c: char| !c.is_ascii());
        }
        true
    }

    fn fits(&self, value: f64, rest: &str, context: &Context) -> bool {
        let alias = &*self.alias;
        let tail = &rest[alias.len()..];
        match alias {
            // `2 in 1`, `5in1`
            "in" => value > 20.0 || !tail.trim_start().starts_with(|c: char| c.is_ascii_digit()),
            // `5Lx4桶`: litres and a product sign, no lux.
            "lx" => !tail.trim_start().starts_with(|c: char| c.is_ascii_digit()),
            // 一转四, 四转换: ways of an adapter, no turns.
            "转" => !tail.starts_with(|c: char| {
                c.is_ascii_digit() || crate::numerals::begins_chinese(c) || "换接头角向盘笔".contains(c)
            }),
            // A ream, elsewhere a blade or an order.
            "刀" | "令" => context.has(Topic::Paper),
            "v" if tail.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                MAINS.iter().any(|volts| f64::from(*volts) == value)
            }
            // Article numbers that end like a unit: 9501v+, 7490a.
            "a" if context.has(Topic::Latin) => false,
            // Shades of paint: 9A哑光灰白, 142s解放蓝.
            "a" | "s" if context.has(Topic::Paint) => false,
            // Windows Server 2003 clients.
            "user" | "users" | "client" | "clients" if (1990.0..2100.0).contains(&value) => false,
            "v" | "a" if value > 1000.0 || is_version_plus(tail) => false,
            "w" if value > 20_000.0 || is_version_plus(tail) => false,
            "l" | "m" | "t" if value > 20_000.0 || is_version_plus(tail) => false,
            // Mobile networks: 3g, 4g, 5g.
            "g" if value.fract() == 0.0 && (2.0..=5.0).contains(&value) => !context.has(Topic::Phone),
            // Screen lines: 1080p. Power of air conditioners: 1.5p.
            "p" if context.has(Topic::Cooling) => value <= 12.0,
            "p" => {
                !matches!(value as u32, 480 | 576 | 720 | 768 | 1080 | 1440 | 2160 | 4320)
                    && value.fract() == 0.0
                    && (value >= 4.0)
                    && !context.has(Topic::Latin)
            }
            // `8's` is 's; a bare s behind a number is a model (iphone 6s) unless the thing is counted.
            "s" if context.has(Topic::Textile) => false,
            "s" => {
                value >= 6.0
                    && (context.has(Topic::Medicine) || (!context.has(Topic::Latin) && value >= 10.0))
            }
            "pc" => value < 1000.0,
            // Oil grades: 5w-30, 10w40.
            "w" => !tail.starts_with('-') && !tail.starts_with(|c: char| c.is_ascii_digit()),
            "k" => value < 1000.0 && context.has(Topic::Weighed),
            "m" => !context.has(Topic::Latin) || value.fract() != 0.0 || value <= 100.0,
            "t" => value <= 100.0 && !context.has(Topic::Phone),
            "号" => {
                context.has(Topic::Battery)
                    || context.has(Topic::Zip)
                    || (context.has(Topic::Formula) && value <= 6.0)
            }
            "#" => context.has(Topic::Zip) && value <= 12.0,
            "段" => context.has(Topic::Formula) && (1.0..=6.0).contains(&value),
            "度" | "°" => true,
            "码" => true,
            "寸" => true,
            "分" => context.has(Topic::Pipe) && matches!(value as u32, 2 | 3 | 4 | 6 | 8),
            "丝" => context.has(Topic::Film),
            "张" => true,
            "节" => context.has(Topic::Battery),
            "重" => context.has(Topic::Paper),
            "月" | "时" => false,
            "兆" => !context.has(Topic::Network),
            "磅" => value <= 50.0,
            // Couplets: 对联 162 is a pattern, not 162 pairs.
            "对" => !tail.starts_with('联') && !tail.starts_with('夹') && !tail.starts_with('开'),
            "板" | "组" | "排" | "联" => true,
            "sachet" | "crate" | "ct" | "平方" | "立方" | "副" | "pks" | "wash" | "像素" | "a" | "ton"
            | "tons" => true,
            "h" => true,
            "d" => context.has(Topic::Textile),
            "年" => value < 1900.0,
            "头" | "面" | "本" => true,
            "号码" | "码鞋" | "号码鞋" => context.has(Topic::Footwear),
            "条" if context.has(Topic::Tobacco) => true,
            "日" | "夜" | "晚" | "天" => false,
            "次" => value > 1.0,
            "层" => value <= 12.0,
            "cd" | "dvd" => false,
            _ => {
                !self.context
                    || match self.lexical {
                        "alcohol" => true,
                        "count" | "container" => true,
                        "colour_temperature" => value >= 1000.0,
                        "temperature" => value <= 500.0 && context.has(Topic::Heat),
                        "resistance" => false,
                        _ => false,
                    }
            }
        }
    }
}

/// A plus that ends a model name rather than joining two amounts.
fn is_version_plus(tail: &str) -> bool {
    tail.starts_with('+') && !tail[1..].trim_start().starts_with(|c: char| c.is_ascii_digit())
}

/// The measure for a dimension of `units.tsv`. Dimensions that no other room compares are left out: their number stays
/// a bare number or part of a code, which is compared too.
fn measure_of(dimension: &str, factor: f64, canonical: &str) -> Option<Measure> {
    const MONTH: f64 = 2_592_000.0;
    const YEAR: f64 = 31_536_000.0;
    let amount = |dimension, factor| Some(Measure::Amount(dimension, factor));
    match dimension {
        "mass" | "areal_density" => amount(Dimension::Mass, factor),
        "volume" => amount(Dimension::Volume, factor),
        "length" => amount(Dimension::Length, factor),
        "area" => amount(Dimension::Area, factor),
        "mass_concentration" => amount(Dimension::Concentration, factor),
        "sheets" => amount(Dimension::Sheets, factor),
        "ply" => amount(Dimension::Ply, factor),
        "voltage" => amount(Dimension::Voltage, factor),
        "current" => amount(Dimension::Current, factor),
        // 匹 has no fixed power: kept as the nominal 735 W of one metric horsepower.
        "power" => amount(Dimension::Power, if factor > 0.0 { factor } else { 735.498_75 }),
        "charge" => amount(Dimension::Charge, factor),
        "energy" => amount(Dimension::Energy, factor),
        "alcohol" => amount(Dimension::Alcohol, factor),
        "percent" => amount(Dimension::Percent, factor),
        "temperature" => amount(Dimension::Temperature, factor),
        "pressure" => amount(Dimension::Pressure, factor),
        "frequency" => amount(Dimension::Frequency, factor),
        "storage" => amount(Dimension::Storage, factor),
        "pixels" => amount(Dimension::Pixels, factor),
        "time" => amount(Dimension::Time, factor),
        "age_month" => amount(Dimension::Time, MONTH),
        "age_year" => amount(Dimension::Time, YEAR),
        "resistance" => amount(Dimension::Resistance, factor),
        "speed" => amount(Dimension::Speed, factor),
        "light" => amount(Dimension::Light, factor),
        "colour_temperature" => amount(Dimension::ColourTemperature, factor),
        "zip" => amount(Dimension::Zip, factor),
        "grit" => amount(Dimension::Grit, factor),
        "users" => amount(Dimension::Users, factor),
        "denier" => amount(Dimension::Denier, factor),
        "yarn" => amount(Dimension::Yarn, factor),
        "plato" | "angle" | "diopter" => amount(Dimension::Degree, factor),
        "stage" => amount(Dimension::Stage, factor),
        "size_number" => amount(Dimension::Size, factor),
        "poles" | "keys" | "uses" | "servings" | "blade" | "discs" => amount(Dimension::Count, factor),
        // 套 and 件套 are parts of one thing; 双 and 对 count pairs as people do.
        "count" if canonical.contains('套') => Some(Measure::Parts),
        "count" if factor == 2.0 => Some(Measure::Piece(1)),
        "count" if factor >= 1.0 => Some(Measure::Piece(factor as u32)),
        "container" | "rolls" => Some(Measure::Container),
        "case" if canonical == "提" => Some(Measure::Group),
        "case" => Some(Measure::Case),
        _ => None,
    }
}

//! Brands and aliases: the spellings of `brands.tsv` and `aliases.tsv` in one automaton.
//!
//! A brand spelling that is also an ordinary word (apple, 小米, gain) is taken for the brand only where one of the
//! brand's own product words stands in the same name, or where the brand column says so.

use crate::dictionary::{Dictionary, Hit, leftmost_longest};
use crate::fold::Folder;
use crate::lexicon;
use crate::{is_han, tokens};
use domain::{Brand, BrandSource};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

pub(crate) struct Names {
    words: Dictionary<Name>,
    brands: Vec<BrandEntry>,
    by_spelling: FxHashMap<String, usize>,
    /// Brands that tills shorten to their first character (`康冰红茶`).
    leading: FxHashMap<String, Vec<usize>>,
    /// Chinese brands by how they sound ([`tokens::sound`]), for names typed by ear (立帮 for 立邦).
    by_sound: FxHashMap<String, Vec<Heard>>,
    trade_of_head: FxHashMap<String, &'static str>,
    /// An owner and a brand of its own.
    owned: Vec<(usize, usize)>,
}

struct Heard {
    brand: usize,
    ordinary: bool,
}

struct BrandEntry {
    canonical: SmolStr,
    trade: &'static str,
    products: Vec<String>,
}

enum Name {
    Brand {
        brand: usize,
        ordinary: bool,
    },
    Alias(SmolStr),
    /// A word that keeps its spelling, so that an alias at its end is left alone (纸面巾 is no kind of 面巾), and with `begins`
    /// also one that it begins with (手电钻 is no torch, 葵花籽油 no 瓜子).
    Whole {
        begins: bool,
    },
}

/// A stretch of folded text that names a brand, or an alias with the word that stands for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: NamedKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NamedKind {
    Brand(usize),
    /// The brand of the column, which the lexicon does not know.
    Stated,
    Alias(SmolStr),
}

/// Latin words that are brands and words of everyday names; most others are known from the lexicons themselves.
const ORDINARY: &[&str] = &[
    "select",
    "smart",
    "gain",
    "glad",
    "tide",
    "always",
    "monster",
    "star",
    "sun",
    "moon",
    "eagle",
    "dragon",
    "target",
    "total",
    "galaxy",
    "dove",
    "crest",
    "shell",
    "energy",
    "fresh",
    "natural",
    "nature",
    "life",
    "home",
    "best",
    "good",
    "gold",
    "king",
    "queen",
    "master",
    "magic",
    "super",
    "ultra",
    "pro",
    "plus",
    "max",
    "mini",
    "air",
    "one",
    "first",
    "green",
    "blue",
    "red",
    "black",
    "white",
    "orange",
    "apple",
    "cherry",
    "mars",
    "bounty",
    "surf",
    "comfort",
    "focus",
    "vision",
    "canvas",
    "corona",
    "classic",
    "original",
    "sprite",
    "coke",
    "smile",
    "joy",
    "dawn",
    "downy",
    "ariel",
    "raid",
    "off",
    "mission",
    "garden",
    "meadows",
    "mission",
    "anchor",
    "lee",
    "polo",
    "puma",
    "champion",
    "converse",
    "coach",
    "guess",
    "gap",
    "next",
    "express",
    "focus",
    "golf",
    "accord",
    "crystal",
    "diamond",
    "pearl",
    "silk",
    "cotton",
    "soft",
    "pure",
    "ice",
    "snow",
    "spring",
    "summer",
    "winter",
    "autumn",
    "sunday",
    "venus",
    "mach3",
    "fusion",
    "series",
    "vita",
    "oral",
    "head",
    "shoulders",
    "band",
    "aid",
    "act",
    "era",
    "all",
    "finish",
    "cascade",
    "bold",
    "snuggle",
    "ok",
    "tempo",
    "mentos",
    "extra",
    "eclipse",
    "orbit",
    "trident",
    "stride",
    "5",
    "kiss",
    "crunch",
    "rolo",
    "twist",
    "master",
    "president",
    "angel",
    "house",
    "orchid",
    "knife",
    "camel",
    "panda",
    "bull",
    "black & white",
    "cup noodles",
    "cup noodle",
    "long life",
    "gunner",
    "breeze",
    "chief",
    "triangle",
    "nice",
    "winner",
    "tiger",
    "bear",
    "rainbow",
    "torch",
    "fast",
    "devon",
    "conch",
    "小熊",
    "火炬",
    "海螺",
    "朝阳",
    "元宝",
    "葵花",
    "特种兵",
    "蓝莲花",
    "大成",
    "金牛",
    "大有",
    "华美",
    "超力",
    "铁塔",
    "想念",
    "口福",
    "三五",
    "半球",
    "外星人",
    "永和",
    "绝世",
    "顽皮",
    "七星",
    "中街",
    "沙土",
];

impl Names {
    /// `words`: spellings that are ordinary words (heads, variants, aliases), folded.
    pub(crate) fn new(folder: &Folder, ordinary_words: &FxHashSet<String>) -> Self {
        let mut brands = Vec::new();
        let mut words: Vec<(String, Name)> = Vec::new();
        let mut by_spelling = FxHashMap::default();
        let mut by_sound: FxHashMap<String, Vec<Heard>> = FxHashMap::default();
        for row in lexicon::rows(lexicon::BRANDS) {
            let canonical = folder.canonical(row.get(0));
            if canonical.is_empty() {
                continue;
            }
            let brand = brands.len();
            brands.push(BrandEntry {
                canonical: canonical.as_str().into(),
                trade: row.get(4),
                products: row.list(3).map(|product| folder.canonical(product)).collect(),
            });
            let spellings = std::iter::once(row.get(0)).chain(std::iter::once(row.get(1))).chain(row.list(2));
            for spelling in spellings {
                let spelling = folder.canonical(spelling);
                let characters = spelling.chars().count();
                if characters < 2 || spelling.bytes().all(|b| b.is_ascii_digit()) && characters < 3 {
                    continue;
                }
                by_spelling.entry(spelling.clone()).or_insert(brand);
                let is_latin = spelling.is_ascii();
                let ordinary = (ordinary_words.contains(&spelling) && !(is_latin && spelling.contains(' ')))
                    || ORDINARY.contains(&spelling.as_str())
                    || spelling.bytes().all(|b| b.is_ascii_digit())
                    || (is_latin && characters <= 2);
                if (2..=4).contains(&characters) && spelling.chars().all(is_han) {
                    let brands = by_sound.entry(tokens::sound(&spelling)).or_default();
                    if !brands.iter().any(|heard| heard.brand == brand) {
                        brands.push(Heard { brand, ordinary });
                    }
                }
                words.push((spelling, Name::Brand { brand, ordinary }));
            }
        }
        // Names by which Hong Kong's shops list a brand in English and Chinese. Many are ordinary words (皇冠, Select),
        // so they are looked up for the brand column only, never searched for in names.
        for row in lexicon::rows(lexicon::BRANDS_HK) {
            let spellings: Vec<String> = (0..3).map(|column| folder.canonical(row.get(column))).collect();
            let known = spellings.iter().find_map(|spelling| by_spelling.get(spelling).copied());
            let brand = known.unwrap_or_else(|| {
                let canonical = spellings[2].as_str().into();
                brands.push(BrandEntry { canonical, trade: "", products: Vec::new() });
                brands.len() - 1
            });
            for spelling in spellings.into_iter().filter(|spelling| !spelling.is_empty()) {
                by_spelling.entry(spelling).or_insert(brand);
            }
        }
        for row in lexicon::rows(lexicon::ALIASES).filter(|row| row.get(3) == "full") {
            let (canonical, alias) = (folder.canonical(row.get(1)), folder.canonical(row.get(2)));
            // Chinese attribute words are compared as variants; rewriting them would change words around them.
            if row.get(4) == "attribute" && !alias.is_ascii() {
                continue;
            }
            let characters = alias.chars().count();
            if alias == canonical || characters < 2 || (alias.is_ascii() && characters < 3) {
                continue;
            }
            words.push((alias, Name::Alias(canonical.into())));
        }
        words.extend(
            lexicon::rows(lexicon::ALIASES)
                .filter(|row| row.get(3) == "whole")
                .map(|row| (folder.canonical(row.get(1)), Name::Whole { begins: true })),
        );
        let leading = abbreviations(folder, &by_spelling, &mut words);
        words.extend(
            lexicon::rows(lexicon::HEADS)
                .map(|row| (folder.canonical(row.get(0)), Name::Whole { begins: false }))
                .filter(|(word, _)| word.chars().count() >= 3),
        );
        let trade_of_head = lexicon::rows(lexicon::HEADS)
            .map(|row| (folder.canonical(row.get(0)), row.get(1)))
            .filter(|(head, _)| head.chars().count() >= 2)
            .collect();
        let owned = lexicon::rows(lexicon::BRAND_OWNERS)
            .flat_map(|row| {
                let known = |name: &str| by_spelling.get(&folder.canonical(name)).copied();
                let owner = known(row.get(0));
                row.list(1).filter_map(|brand| owner.zip(known(brand))).collect::<Vec<_>>()
            })
            .collect();
        Names { words: Dictionary::new(words), brands, by_spelling, leading, by_sound, trade_of_head, owned }
    }

    pub(crate) fn canonical(&self, brand: usize) -> &SmolStr {
        &self.brands[brand].canonical
    }

    /// Owners and the brands of theirs that goods are also called by alone, by their canonical names.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (&SmolStr, &SmolStr)> {
        self.owned.iter().map(|(owner, brand)| (self.canonical(*owner), self.canonical(*brand)))
    }

    /// Every brand spelling, for the segmenter.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &str> {
        self.by_spelling.keys().map(String::as_str)
    }

    /// What the brand column says; `column` is folded. An unknown brand is its own.
    pub(crate) fn of_column(&self, column: &str) -> Option<(Brand, Option<usize>)> {
        if matches!(
            column,
            "" | "无"
                | "无品牌"
                | "其他"
                | "其它"
                | "其他品牌"
                | "-"
                | "/"
                | "n/a"
                | "na"
                | "none"
                | "other"
                | "no brand"
                | "null"
                | "unbranded"
                | "generic"
                | "own brand"
                | "自有"
                | "未知"
        ) {
            return None;
        }
        let known = self.by_spelling.get(column).copied().or_else(|| {
            let mut hits = Vec::new();
            self.words.all(column, &mut hits);
            hits.retain(|hit| matches!(self.words.value(*hit), Name::Brand { .. }));
            leftmost_longest(&mut hits);
            // Part of a column is a brand only where it begins or fills most of it (`lg electronics`, `meiji (cp)`).
            hits.first().filter(|hit| hit.start == 0 || (hit.end - hit.start) * 2 > column.len()).and_then(
                |hit| match self.words.value(*hit) {
                    Name::Brand { brand, .. } => Some(*brand),
                    Name::Alias(_) | Name::Whole { .. } => None,
                },
            )
        });
        Some(match known {
            Some(brand) => (
                Brand { canonical: self.brands[brand].canonical.clone(), source: BrandSource::KnownField },
                Some(brand),
            ),
            None => (Brand { canonical: column.into(), source: BrandSource::UnknownField }, None),
        })
    }

    /// Brands and aliases of a folded text, from left to right, none overlapping. `stated` is the brand that the
    /// column names.
    pub(crate) fn find(&self, text: &str, stated: Option<usize>) -> Vec<Named> {
        let mut hits: Vec<Hit> = Vec::new();
        self.words.all(text, &mut hits);
        let mut said: Vec<(usize, usize)> = Vec::new();
        hits.retain(|hit| match self.words.value(*hit) {
            Name::Brand { brand, ordinary } => {
                stated == Some(*brand)
                    || (!ordinary && !inside_word(text, *hit))
                    || (*ordinary && hit.start == 0 && hit.end <= 2)
                    || self.product_of(*brand, text)
            }
            Name::Alias(canonical) => match already_said(text, *hit, canonical) {
                Some(range) => {
                    said.push(range);
                    false
                }
                None => true,
            },
            Name::Whole { .. } => true,
        });
        if !said.is_empty() {
            hits.retain(|hit| {
                matches!(self.words.value(*hit), Name::Brand { .. })
                    || !said.iter().any(|(start, end)| hit.start < *end && *start < hit.end)
            });
        }
        // A whole word protects what it ends with, not what it begins with: 马铃薯淀粉 is still made of 土豆.
        let begins: Vec<usize> = hits
            .iter()
            .filter(|hit| !matches!(self.words.value(**hit), Name::Whole { .. }))
            .map(|hit| hit.start)
            .collect();
        hits.retain(|hit| match self.words.value(*hit) {
            Name::Whole { begins: false } => !begins.contains(&hit.start),
            _ => true,
        });
        leftmost_longest(&mut hits);
        let abbreviated = self.abbreviated(text, &hits);
        let mut named: Vec<Named> = hits
            .into_iter()
            .filter_map(|hit| {
                let kind = match self.words.value(hit) {
                    Name::Brand { brand, .. } => NamedKind::Brand(*brand),
                    Name::Alias(canonical) => NamedKind::Alias(canonical.clone()),
                    Name::Whole { .. } => return None,
                };
                Some(Named { start: hit.start, end: hit.end, kind })
            })
            .collect();
        if let Some(first) = abbreviated {
            named.insert(0, first);
        }
        named
    }

    /// One character at the beginning for the brand, where one of that brand's products follows.
    fn abbreviated(&self, text: &str, hits: &[Hit]) -> Option<Named> {
        let mut ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        for end in [ends.next()?, ends.next()?] {
            if hits.first().is_some_and(|hit| hit.start < end) {
                return None;
            }
            let (short, rest) = text.split_at(end);
            for brand in self.leading.get(short).into_iter().flatten() {
                if self.brands[*brand].products.iter().any(|product| rest.starts_with(product.as_str())) {
                    return Some(Named { start: 0, end, kind: NamedKind::Brand(*brand) });
                }
            }
        }
        None
    }

    /// A brand typed by ear at the beginning of a name, before something that the brand's trade sells: 立帮净味120, 海添老抽.
    /// Three characters and more are enough by themselves where they sound exactly alike and are no word (`is_word`).
    pub(crate) fn misheard(&self, text: &str, is_word: impl Fn(&str) -> bool) -> Option<Named> {
        let (start, first) = text.char_indices().find(|(_, c)| c.is_alphanumeric())?;
        if !is_han(first) {
            return None;
        }
        let ends: Vec<usize> = text[start..]
            .char_indices()
            .take_while(|(_, c)| is_han(*c))
            .take(4)
            .map(|(at, c)| start + at + c.len_utf8())
            .collect();
        for &end in ends.iter().skip(1).rev() {
            let (heard, rest) = (&text[start..end], &text[end..]);
            let Some(brands) = self.by_sound.get(&tokens::sound(heard)) else { continue };
            let exact = |brand: &Heard| {
                let name = &self.brands[brand.brand].canonical;
                end - start > 6 && tokens::pinyin(heard) == tokens::pinyin(name) && !is_word(heard)
            };
            let found = brands
                .iter()
                .find(|heard| self.product_of(heard.brand, rest))
                .or_else(|| brands.iter().find(|heard| !heard.ordinary && self.sells(heard.brand, rest)))
                .or_else(|| brands.iter().find(|heard| !heard.ordinary && exact(heard)));
            if let Some(found) = found {
                return Some(Named { start, end, kind: NamedKind::Brand(found.brand) });
            }
        }
        None
    }

    /// Whether a thing of the brand's trade stands in `text`.
    fn sells(&self, brand: usize, text: &str) -> bool {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let trade = self.brands[brand].trade;
        (2..=4).any(|length| {
            starts.windows(length + 1).any(|window| {
                self.trade_of_head.get(&text[window[0]..window[length]]).is_some_and(|found| *found == trade)
            })
        })
    }

    fn product_of(&self, brand: usize, text: &str) -> bool {
        let entry = &self.brands[brand];
        entry.products.iter().any(|product| *product != entry.canonical && text.contains(product.as_str()))
    }
}

/// Reads `abbreviations.tsv`: English ones with one meaning become aliases, leading ones of brands are returned.
fn abbreviations(
    folder: &Folder,
    by_spelling: &FxHashMap<String, usize>,
    words: &mut Vec<(String, Name)>,
) -> FxHashMap<String, Vec<usize>> {
    let aliases: FxHashMap<String, SmolStr> = words
        .iter()
        .filter_map(|(word, name)| match name {
            Name::Alias(canonical) => Some((word.clone(), canonical.clone())),
            _ => None,
        })
        .collect();
    let mut leading: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    for row in lexicon::rows(lexicon::ABBREVIATIONS) {
        let short = folder.canonical(row.get(0));
        match row.get(2) {
            "leading" => {
                let brands = row.list(1).filter_map(|word| by_spelling.get(&folder.canonical(word)).copied());
                leading.entry(short).or_default().extend(brands);
            }
            // Two letters mean too many things (cs: case, Creative Suite), and multi- is a prefix before a colour.
            "english" if short.len() >= 3 && row.list(1).count() == 1 && !short.starts_with("mult") => {
                let long = folder.canonical(row.get(1));
                let canonical = aliases.get(&long).cloned().unwrap_or_else(|| long.into());
                words.push((short, Name::Alias(canonical)));
            }
            _ => {}
        }
    }
    leading
}

/// Two Chinese characters in the middle of a stretch are more often part of another word than a brand (蒂莱克斯).
fn inside_word(text: &str, hit: Hit) -> bool {
    let is_han = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c);
    hit.end - hit.start <= 6
        && text[hit.start..hit.end].chars().all(is_han)
        && text[..hit.start].chars().next_back().is_some_and(is_han)
}

/// Where the text holds the canonical word at this place already: 雨刮 inside 雨刮器.
fn already_said(text: &str, hit: Hit, canonical: &str) -> Option<(usize, usize)> {
    let alias = &text[hit.start..hit.end];
    canonical.match_indices(alias).find_map(|(offset, _)| {
        let start = hit.start.checked_sub(offset)?;
        let end = start + canonical.len();
        (text.get(start..end) == Some(canonical)).then_some((start, end))
    })
}

#[cfg(test)]
mod tests {
    use crate::Normalizer;
    use domain::{BrandSource, LocalSku};

    fn check(column: Option<&str>, name: &str, expected: Option<(&str, BrandSource)>) {
        let mut sku = LocalSku::named("n", "s", name);
        sku.brand = column.map(str::to_owned);
        let parsed = Normalizer::shared().parse(&sku);
        let said = parsed.brand.as_ref().map(|brand| (brand.canonical.as_str(), brand.source));
        assert_eq!(said, expected, "{column:?} {name}");
    }

    #[test]
    fn brands() {
        use BrandSource::{KnownField, KnownName, UnknownField};
        check(None, "农夫山泉饮用水", Some(("农夫山泉", KnownName)));
        check(None, "Coca-Cola 330ml", Some(("可口可乐", KnownName)));
        check(None, "可口可樂 Coca-Cola", Some(("可口可乐", KnownName)));
        check(Some("Coca-Cola"), "零度330ml", Some(("可口可乐", KnownField)));
        check(Some("得好用"), "扫把", Some(("得好用", UnknownField)));
        check(Some("无"), "扫把", None);
        // typed by ear
        check(None, "立帮净味120大桶", Some(("立邦", KnownName)));
        check(None, "海添老抽五百的", Some(("海天", KnownName)));
        check(None, "康师付红烧牛肉桶面", Some(("康师傅", KnownName)));
        check(None, "卫生纸", None);
        check(None, "海鲜菇", None);
        check(None, "三只松鼠坚果", Some(("三只松鼠", KnownName)));
        check(None, "apple juice", None);
        check(None, "蒂莱克斯", None);
        check(None, "适用三星手机壳", None);
        check(None, "康冰红茶500ml", Some(("康师傅", KnownName)));
        check(None, "康乐球", None);
        check(None, "3M胶带", Some(("3m", KnownName)));
        check(None, "Red Bull Energy Drink 250ml", Some(("红牛", KnownName)));
        check(None, "补水啦西柚555ml", None);
        check(Some("Generic"), "HDMI cable 5m", None);
    }

    /// A brand of `brand_owners.tsv` that brands.tsv does not hold would be passed over in silence.
    #[test]
    fn owners_and_their_brands_are_known() {
        let named: usize =
            crate::lexicon::rows(crate::lexicon::BRAND_OWNERS).map(|row| row.list(1).count()).sum();
        let known: Vec<_> = Normalizer::shared().owned_brands().collect();
        assert_eq!(known.len(), named);
        assert!(known.iter().all(|(owner, brand)| owner != brand));
        assert!(known.contains(&("洋河", "海之蓝")));
    }

    #[test]
    fn aliases_fold_to_their_word() {
        for (name, folded) in [
            ("马铃薯", "土豆"),
            ("纸面巾", "纸面巾"),
            ("雨刮器", "雨刮器"),
            ("手提子母包", "手提子母包"),
            ("foo choc bar", "foo 巧克力 bar"),
            ("可口可乐 Coca-Cola 330ml", "可口可乐  330ml"),
        ] {
            let parsed = Normalizer::shared().parse(&LocalSku::named("n", "s", name));
            assert_eq!(parsed.folded, folded, "{name}");
        }
    }
}

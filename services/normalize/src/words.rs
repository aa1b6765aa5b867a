//! Words by which siblings differ (variants), stated properties and their negations (claims), how a thing is put up
//! (marks), what it is (heads), and words of selling that say nothing about it.

use crate::dictionary::{Dictionary, Hit, leftmost_longest};
use crate::fold::Folder;
use crate::is_han;
use crate::lexicon;
use domain::{Claim, Mark, Marks, Pack, Variant};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

pub(crate) struct Words {
    dictionary: Dictionary<Vec<Sense>>,
}

/// One meaning of a word; a word may have several (`金` is a colour and a material).
#[derive(Clone, Debug)]
pub(crate) enum Sense {
    Variant {
        variant: Variant,
        alone: bool,
    },
    Claim {
        claim: Claim,
        alone: bool,
    },
    Mark {
        mark: Mark,
        count: Option<u32>,
        alone: bool,
    },
    Head,
    Selling,
    /// A word whose parts are no variants: 红牛 is no red.
    Mask,
}

/// What the words of one text say.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) variants: Vec<Variant>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) marks: Marks,
    pub(crate) packs: Vec<Pack>,
    pub(crate) head: Option<(usize, usize)>,
    pub(crate) selling: Vec<(usize, usize)>,
    /// Ranges of variants, claims and marks, for highlighting.
    pub(crate) variant_spans: Vec<(usize, usize)>,
    pub(crate) claim_spans: Vec<(usize, usize)>,
    pub(crate) mark_spans: Vec<(usize, usize)>,
}

impl Words {
    pub(crate) fn new(folder: &Folder) -> Self {
        let mut senses: FxHashMap<String, Vec<Sense>> = FxHashMap::default();
        let mut add = |word: String, sense: Sense| {
            if !word.is_empty() {
                senses.entry(word).or_default().push(sense);
            }
        };
        for row in lexicon::rows(lexicon::VARIANTS) {
            if row.get(0) == "mask" {
                for word in row.list(2) {
                    add(folder.canonical(word), Sense::Mask);
                }
                continue;
            }
            let variant = Variant { kind: row.get(0).into(), value: folder.canonical(row.get(1)).into() };
            for alias in row.list(2).chain(std::iter::once(row.get(1))) {
                let (alias, marked) = alias.strip_suffix('*').map_or((alias, false), |alias| (alias, true));
                let alias = folder.canonical(alias);
                let alone = marked || alias.chars().count() == 1;
                add(alias, Sense::Variant { variant: variant.clone(), alone });
            }
        }
        for row in lexicon::rows(lexicon::CLAIMS) {
            let claim = Claim { family: row.get(0).into(), value: folder.canonical(row.get(1)).into() };
            for alias in row.list(2).chain(std::iter::once(row.get(1))) {
                let (alias, marked) = alias.strip_suffix('*').map_or((alias, false), |alias| (alias, true));
                let alias = folder.canonical(alias);
                let alone = marked || alias.chars().count() == 1;
                add(alias, Sense::Claim { claim: claim.clone(), alone });
            }
        }
        for row in lexicon::rows(lexicon::PACKS) {
            let word = folder.canonical(row.get(0));
            let count: Option<u32> = row.get(3).parse().ok().filter(|count| *count >= 2);
            let alone = word.chars().count() == 1;
            let Some(mark) = mark_of(row.get(2), &word, row.get(1), count) else { continue };
            add(word, Sense::Mark { mark, count, alone });
        }
        for row in lexicon::rows(lexicon::HEADS) {
            let head = folder.canonical(row.get(0));
            if head.chars().count() >= 2 {
                add(head, Sense::Head);
            }
        }
        for row in lexicon::rows(lexicon::SELLING_WORDS) {
            let word = folder.canonical(row.get(0));
            if word.chars().count() >= 2 {
                add(word, Sense::Selling);
            }
        }
        let mut words: Vec<(String, Vec<Sense>)> = senses.into_iter().collect();
        words.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Words { dictionary: Dictionary::new(words) }
    }

    /// The words that are something else than a brand, for [`crate::brands::Names`].
    pub(crate) fn spellings() -> impl Iterator<Item = &'static str> {
        let variants = lexicon::rows(lexicon::VARIANTS)
            .flat_map(|row| row.get(2).split('|').chain(std::iter::once(row.get(1))).collect::<Vec<_>>());
        let heads = lexicon::rows(lexicon::HEADS).map(|row| row.get(0));
        let aliases = lexicon::rows(lexicon::ALIASES).flat_map(|row| [row.get(1), row.get(2)]);
        variants.chain(heads).chain(aliases).map(str::trim)
    }

    /// Reads `text` (folded, without quantities); `barred` are the places of brands.
    /// `is_token` says whether the segmenter sees a word of its own at a place.
    pub(crate) fn read(
        &self,
        text: &str,
        barred: &[(usize, usize)],
        is_token: &dyn Fn(usize, usize) -> bool,
    ) -> Said {
        let mut said = Said::default();
        let mut hits: Vec<Hit> = Vec::new();
        self.dictionary.all(text, &mut hits);
        if hits.is_empty() {
            return said;
        }
        // The `2a` of `b0-105m2a` is no grade.
        hits.retain(|hit| !inside_code(text, hit.start, hit.end));
        hits.retain(|hit| !barred.iter().any(|(start, end)| hit.start < *end && *start < hit.end));
        hits.sort_unstable_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
        let mut claims = self.of_kind(&hits, |sense| matches!(sense, Sense::Claim { .. }));
        claims.retain(|hit| {
            self.dictionary.value(*hit).iter().any(|sense| match sense {
                Sense::Claim { alone, .. } => !alone || stands_alone(text, hit.start, hit.end, is_token),
                _ => false,
            })
        });
        leftmost_longest(&mut claims);
        for hit in &claims {
            for sense in self.dictionary.value(*hit) {
                if let Sense::Claim { claim, .. } = sense {
                    // In electronics NFC is a radio, elsewhere a juice.
                    if claim.family == "concentrate_juice"
                        && !["汁", "果", "juice"].iter().any(|word| text.contains(word))
                    {
                        continue;
                    }
                    let value = negated(text, hit.start, &claim.value);
                    said.claims.push(Claim { family: claim.family.clone(), value });
                }
            }
            said.claim_spans.push((hit.start, hit.end));
        }
        let mut variants = self.of_kind(&hits, |sense| matches!(sense, Sense::Variant { .. }));
        variants.retain(|hit| {
            self.dictionary.value(*hit).iter().any(|sense| match sense {
                Sense::Variant { alone, variant } => {
                    !alone
                        || stands_alone(text, hit.start, hit.end, is_token)
                        || (variant.kind == "size" && is_worn(text) && beside_han(text, hit.start, hit.end))
                        || (variant.kind == "sex"
                            && is_worn(text)
                            && apart_from_han(text, hit.start, hit.end))
                        || (variant.kind == "texture"
                            && barred.iter().any(|(start, _)| *start == hit.end)
                            && !text[..hit.start].ends_with(char::is_alphanumeric))
                        || (variant.kind == "colour"
                            && self.colours_a_thing(text, &hits, *hit, barred, is_token))
                }
                _ => false,
            })
        });
        let masks = self.of_kind(&hits, |sense| matches!(sense, Sense::Mask));
        variants.retain(|hit| {
            !masks.iter().any(|mask| {
                mask.start <= hit.start && hit.end <= mask.end && mask.end - mask.start > hit.end - hit.start
            })
        });
        // 无糖 is a claim, and 糖 inside it no flavour.
        variants.retain(|hit| {
            !claims.iter().any(|claim| {
                claim.start <= hit.start
                    && hit.end <= claim.end
                    && claim.end - claim.start > hit.end - hit.start
            })
        });
        leftmost_longest(&mut variants);
        for hit in &variants {
            for sense in self.dictionary.value(*hit) {
                if let Sense::Variant { variant, .. } = sense {
                    let value = negated(text, hit.start, &variant.value);
                    said.variants.push(Variant { kind: variant.kind.clone(), value });
                }
            }
            said.variant_spans.push((hit.start, hit.end));
        }
        let mut marks = self.of_kind(&hits, |sense| matches!(sense, Sense::Mark { .. }));
        leftmost_longest(&mut marks);
        for hit in &marks {
            for sense in self.dictionary.value(*hit) {
                if let Sense::Mark { mark, count, alone } = sense
                    && (!alone || stands_alone(text, hit.start, hit.end, is_token))
                {
                    said.marks.set(*mark);
                    said.mark_spans.push((hit.start, hit.end));
                    if let Some(count) = count {
                        let text = SmolStr::new(&text[hit.start..hit.end]);
                        said.packs.push(Pack { count: *count, container: None, text });
                    }
                }
            }
        }
        let mut selling = self.of_kind(&hits, |sense| matches!(sense, Sense::Selling));
        // `hot` in `hot & spicy` says something.
        let overlaps = |hit: &Hit, spans: &[(usize, usize)]| {
            spans.iter().any(|(start, end)| hit.start < *end && *start < hit.end)
        };
        selling.retain(|hit| !overlaps(hit, &said.variant_spans) && !overlaps(hit, &said.claim_spans));
        leftmost_longest(&mut selling);
        said.selling = selling.iter().map(|hit| (hit.start, hit.end)).collect();
        let heads = self.of_kind(&hits, |sense| matches!(sense, Sense::Head));
        said.head = head(text, &heads, &said.variant_spans);
        said.variants.sort_unstable();
        said.variants.dedup();
        said.claims.sort_unstable();
        said.claims.dedup();
        said
    }

    /// 妙洁黑垃圾袋, 蓝储物箱: one character directly before a thing, at the beginning or behind the brand.
    fn colours_a_thing(
        &self,
        text: &str,
        hits: &[Hit],
        hit: Hit,
        barred: &[(usize, usize)],
        is_token: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        let begins = !text[..hit.start].ends_with(char::is_alphanumeric)
            || barred.iter().any(|(_, end)| *end == hit.start);
        let from = hits.partition_point(|other| other.start < hit.end);
        let before_thing = hits[from..]
            .iter()
            .take_while(|other| other.start == hit.end)
            .any(|other| self.dictionary.value(*other).iter().any(|sense| matches!(sense, Sense::Head)));
        begins && before_thing && is_token(hit.start, hit.end)
    }

    fn of_kind(&self, hits: &[Hit], wanted: impl Fn(&Sense) -> bool) -> Vec<Hit> {
        hits.iter().filter(|hit| self.dictionary.value(**hit).iter().any(&wanted)).copied().collect()
    }
}

fn mark_of(kind: &str, word: &str, canonical: &str, count: Option<u32>) -> Option<Mark> {
    // English single words (set, kit, single, duo) name products of electronics and software; only phrases are marks.
    let latin_word = word.is_ascii() && !word.contains([' ', '-']);
    let spoken = match kind {
        "mark_gift" => Mark::Gift,
        "mark_combo" if !latin_word => Mark::Combo,
        "mark_bonus" => Mark::Bonus,
        "mark_trial" if !latin_word => Mark::Trial,
        "mark_refill" => Mark::Refill,
        "mark_bulk" if !latin_word => Mark::Bulk,
        "mark_family" => Mark::Family,
        "mark_single" if !latin_word => Mark::Single,
        "case" if !latin_word && word.chars().count() >= 2 && canonical == "箱" => Mark::Case,
        "multi"
            if word.contains("pack")
                || (count.is_some() && !word.is_ascii() && word.chars().count() >= 2) =>
        {
            Mark::Multi
        }
        _ => return None,
    };
    // Numbers in front are the scanner's.
    (!word.starts_with(|c: char| c.is_ascii_digit())).then_some(spoken)
}

/// Whether a Latin word is only part of a run that holds digits.
fn inside_code(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    if !bytes[start].is_ascii_alphanumeric() || !bytes[end - 1].is_ascii_alphanumeric() {
        return false;
    }
    let before = bytes[..start].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    let after = bytes[end..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    before + after > 0 && bytes[start - before..end + after].iter().any(u8::is_ascii_digit)
}

/// Whether a short word stands for itself: at an end of a Han stretch and of the name, in brackets, between blanks, or
/// before 色, 款, 味, 混合.
fn stands_alone(text: &str, start: usize, end: usize, is_token: &dyn Fn(usize, usize) -> bool) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    let is_boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let named = matches!(after, Some('色' | '款' | '味' | '号' | '码'))
        || text[end..].trim_end() == "的"
        || text[end..].starts_with("混合");
    if text.as_bytes()[start].is_ascii() {
        return is_boundary(before) && (is_boundary(after) || named);
    }
    named || (is_boundary(after) && (is_boundary(before) || is_token(start, end)))
}

/// Goods that come in sizes written as one letter.
fn is_worn(text: &str) -> bool {
    const WORN: [&str; 22] = [
        "尿", "裤", "裙", "衣", "衫", "帽", "鞋", "袜", "手套", "口罩", "绳", "围", "兜", "胸背", "护膝",
        "护腕", "护腰", "头盔", "睡袋", "文胸", "马甲", "保暖",
    ];
    WORN.iter().any(|word| text.contains(word))
}

/// `XXL男1套`, `XXL女8405`: between marks and numbers, not inside a word.
fn apart_from_han(text: &str, start: usize, end: usize) -> bool {
    !text[..start].ends_with(is_han) && !text[end..].starts_with(is_han)
}

/// `S尿不湿`, `妙洁S橡胶手套`: a Latin size that touches Chinese text only; the shape in L型 and S钩 is none.
fn beside_han(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() || is_han(c));
    text.as_bytes()[start].is_ascii()
        && apart(before)
        && apart(after)
        && !matches!(after, Some('型' | '形' | '钩' | '弯' | '架' | '字' | '系' | '级' | '类'))
}

/// A negation directly in front that the lexicon's word does not hold itself.
fn negated(text: &str, start: usize, value: &SmolStr) -> SmolStr {
    let before = &text[..start];
    let denied = ["不含", "不", "无", "非", "零", "no ", "non-", "non ", "without "].iter().any(|word| {
        before.ends_with(word)
            && (!word.is_ascii()
                || before[..before.len() - word.len()]
                    .chars()
                    .next_back()
                    .is_none_or(|c| !c.is_alphanumeric()))
    });
    if denied && !value.starts_with(['不', '无', '非', '零']) {
        let mut text = String::from("不");
        text.push_str(value);
        text.into()
    } else {
        value.clone()
    }
}

/// The last head, the longest where several end together. What is given away in brackets or behind 送 is not the thing
/// itself, and neither is a flavour (西瓜味, 奶油卷心酥) unless nothing follows it.
fn head(text: &str, heads: &[Hit], flavours: &[(usize, usize)]) -> Option<(usize, usize)> {
    let last = |fits: &dyn Fn(&Hit) -> bool| {
        heads
            .iter()
            .filter(|hit| fits(hit))
            .max_by_key(|hit| (hit.end, hit.end - hit.start))
            .map(|hit| (hit.start, hit.end))
    };
    let after = |hit: &Hit| text[hit.end..].chars().next();
    let is_flavour = |hit: &Hit| {
        text[hit.end..].starts_with('味')
            || text[hit.end..].starts_with("口味")
            || text[hit.end..].starts_with("风味")
            || (flavours.iter().any(|(start, end)| *start <= hit.start && hit.end <= *end)
                && after(hit).is_some_and(char::is_alphanumeric))
    };
    let is_extra = |hit: &Hit| in_brackets(text, hit.start) || given_away(text, hit.start);
    last(&|hit| !is_flavour(hit) && !is_extra(hit)).or_else(|| last(&|hit| !is_flavour(hit)))
}

fn in_brackets(text: &str, at: usize) -> bool {
    let before = &text[..at];
    before.rfind('(') > before.rfind(')') && before.contains('(')
}

fn given_away(text: &str, at: usize) -> bool {
    text[..at].ends_with('送') || text[..at].ends_with('赠') || text[..at].ends_with("送 ")
}

#[cfg(test)]
mod tests {
    use crate::Normalizer;
    use domain::{LocalSku, Mark};

    /// `expected`: variants and claims as `kind:value`, the head as `=head`.
    fn check(name: &str, expected: &[&str]) {
        let parsed = Normalizer::shared().parse(&LocalSku::named("n", "s", name));
        let mut said: Vec<String> =
            parsed.variants.iter().map(|v| format!("{}:{}", v.kind, v.value)).collect();
        said.extend(parsed.claims.iter().map(|c| format!("{}:{}", c.family, c.value)));
        said.extend(parsed.head.iter().map(|head| format!("={head}")));
        for word in expected {
            let (word, wanted) = word.strip_prefix('!').map_or((*word, true), |word| (word, false));
            assert_eq!(said.iter().any(|s| s == word), wanted, "{name}: {word} among {said:?}");
        }
    }

    #[test]
    fn variants_claims_heads() {
        check("薯片番茄味", &["flavour:番茄", "=薯片"]);
        check("口香糖清爽西瓜味", &["flavour:西瓜", "=口香糖", "!=西瓜"]);
        check("无糖苏打水", &["sugar:无糖", "=苏打水"]);
        check("Salted butter 无盐", &["salt:无盐"]);
        check("毛衣 红", &["colour:红"]);
        check("毛衣红色", &["colour:红"]);
        check("红牛饮料", &["!colour:红"]);
        check("red cotton shirt", &["colour:红"]);
        check("redmi phone", &["!colour:红"]);
        check("玉米肠罐头", &["!part:头"]);
        check("维生素风味饮料", &["!meat:素"]);
        check("b0-105m2a", &["!grade:2a"]);
        check("男T恤 XL", &["size:xl"]);
        check("S尿不湿", &["size:s"]);
        check("妙洁M橡胶手套", &["size:m"]);
        check("L型扳手套装", &["!size:l"]);
        check("洗衣液(送香皂)", &["=洗衣液"]);
        check("牛油火锅底料", &["!flavour:火锅"]);
        check("英雄203墨水蓝黑", &["colour:墨蓝", "!colour:水蓝"]);
        check("鸡翅", &["!part:全翅"]);
        check("舒肤佳柠檬香皂115g", &["!scent:柠檬香"]);
        check("百吉福奶酪棒原味100g", &["flavour:原味", "!flavour:奶酪"]);
        check("狗粮1.8kg 全犬种", &["!age:全犬"]);
        check("金龙鱼葵花籽油5L", &["oil_kind:葵花籽油", "=葵花籽油"]);
        check("博世手电钻 12V", &["=手电钻"]);
        check("得力橡皮泥 12色", &["=橡皮泥"]);
        check("长城红葡萄酒750ml", &["=红葡萄酒", "!flavour:红提"]);
        check("Nongshim Shin Ramyun 120g", &["!part:腱"]);
        check("德力西 一转四转换插头", &["ways:一转四"]);
        check("女袜 肤/5601", &["colour:肤色"]);
        check("维生素C咀嚼片", &["form:咀嚼片"]);
    }

    #[test]
    fn kinds_that_exclude_each_other() {
        for (name, kind, value) in [
            ("妙洁黑垃圾袋", "colour", "黑"),
            ("铜球阀双外丝4分", "thread", "双外丝"),
            ("厨房水龙头 单冷", "tap", "单冷"),
            ("好邻居三段式雨刮片18寸", "wiper", "三段式"),
            ("菜刀斩骨S26-A", "knife", "斩骨"),
            ("盛克胶棉地拖2404", "mop", "胶棉"),
            ("英语作业本20页", "exercise", "英语"),
            ("荞面 苦荞 500g", "buckwheat", "苦荞"),
            ("吞拿鱼 水浸 185g", "packed_in", "水浸"),
            ("快熟燕麦片", "ready", "快熟"),
            ("清爽润发露", "hair_step", "护发"),
            ("Shampoo 400ml", "hair_step", "洗发"),
            ("金士顿TF C10内存卡", "card", "tf"),
            ("T骨牛排200g", "steak", "t骨"),
            ("LED球泡E27 暖光", "interface", "e27"),
            ("LED球泡E27 暖光", "light", "暖光"),
            ("玉溪(硬和谐)", "texture", ""),
            ("红塔山硬盒", "texture", "硬"),
            ("软红旗渠", "texture", "软"),
            ("咸鸭蛋生 10枚", "doneness", "生"),
            ("垃圾袋平口", "opening", "平口"),
            ("汇泰龙内藏铰链", "hinge", "内藏"),
            ("树脂拉链开尾", "zip_end", "开尾"),
            ("柠檬洗衣粉", "scent", "柠檬"),
            ("柠檬汽水", "flavour", "柠檬"),
            ("土豆切丁", "cut", "切丁"),
            ("晨光K35蓝", "colour", "蓝"),
            ("晨光K35黑的", "colour", "黑"),
            ("三和黑漆哑的", "finish", "哑光"),
            ("立邦净味120二合一内墙漆", "in_one", "二合一"),
            ("金龙鱼葵花5L", "oil_kind", "葵花籽油"),
            ("KN95口罩 无阀", "valve", "无阀"),
            ("金标生抽", "label", "金标"),
            ("尊尼获加黑牌12年", "label", "黑牌"),
            ("JOHNNIE WALKER Red Label", "label", "红牌"),
            ("保暖内衣XXL男1套", "sex", "男"),
            ("鑫源保暖套装XXL女8405", "sex", "女"),
            ("汇源100%桃混合果汁1L", "flavour", "桃"),
            ("树脂两眼纽扣 15mm", "outlet_holes", "二孔"),
            ("Resin Button 4-Hole 24L", "outlet_holes", "四孔"),
            ("北菲水果罐头椰果425g", "flavour", "椰果"),
            ("李字电热蚊香液-无味-A", "scent", "无香"),
            ("白虾 去头 41/50", "count_grade", "41/50"),
            ("急凍白蝦 去頭 31/40 1.8公斤", "count_grade", "31/40"),
            ("虾仁 2/3斤", "count_grade", ""),
        ] {
            let parsed = Normalizer::shared().parse(&LocalSku::named("n", "s", name));
            let said: Vec<&str> =
                parsed.variants.iter().filter(|v| v.kind == kind).map(|v| v.value.as_str()).collect();
            assert_eq!(said.join(" "), value, "{name} {kind}");
        }
    }

    #[test]
    fn marks() {
        for (name, mark) in [
            ("黄酒礼盒A款", Mark::Gift),
            ("洗衣液买一送一", Mark::Bonus),
            ("洗手液补充装", Mark::Refill),
            ("面霜试用装", Mark::Trial),
            ("薯片家庭装", Mark::Family),
            ("瓜子散装", Mark::Bulk),
            ("洗护组合装", Mark::Combo),
            ("可乐整箱", Mark::Case),
            ("啤酒一提6罐", Mark::Multi),
            ("红酒单瓶", Mark::Single),
        ] {
            assert!(Normalizer::shared().parse(&LocalSku::named("n", "s", name)).marks.has(mark), "{name}");
        }
    }
}

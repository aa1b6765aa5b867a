//! What two names state, compared: relations, vetoes and symmetry, one table each. Names are put together by hand, so
//! that this room is tested without normalisation; of that it only asks which brands belong to which owner.

use domain::{Brand, BrandSource, Dimension, Pack, ParsedName, Quantity, Token, TokenKind, Variant};
use score::features::{self, Likeness};
use score::{Corpus, Profile, Veto, veto};

/// `volume:500`, `mass:90`, `mass:250~325`, `#260` (a bare number), `x24` (a pack), `flavour=草莓`; anything else is text.
fn name(words: &str) -> ParsedName {
    let mut out = ParsedName::default();
    for word in words.split(' ') {
        if let Some((dimension, value)) = word.split_once(':') {
            let dimension = match dimension {
                "volume" => Dimension::Volume,
                "mass" => Dimension::Mass,
                "length" => Dimension::Length,
                "voltage" => Dimension::Voltage,
                "alcohol" => Dimension::Alcohol,
                "percent" => Dimension::Percent,
                other => panic!("no dimension {other} in this table"),
            };
            let (low, high) = value.split_once('~').unwrap_or((value, value));
            let mut quantity = Quantity::exact(dimension, low.parse().expect("a number"), word);
            quantity.high = high.parse().expect("a number");
            out.quantities.push(quantity);
        } else if let Some(number) = word.strip_prefix('#') {
            out.numbers.push(number.parse().expect("a number"));
        } else if let Some((kind, value)) = word.split_once('=') {
            out.variants.push(Variant { kind: kind.into(), value: value.into() });
        } else if let Some(count) = word.strip_prefix('x').and_then(|n| n.parse().ok()) {
            out.packs.push(Pack { count, container: None, text: word.into() });
        } else {
            out.residual.push_str(word);
            out.tokens.push(Token { text: word.into(), kind: TokenKind::Han });
        }
    }
    out.canonical = words.to_owned();
    out.folded = out.residual.clone();
    out
}

fn profiles(left: &str, right: &str) -> (Profile, Profile) {
    let names = [name(left), name(right)];
    let corpus = Corpus::count(&names);
    (corpus.profile(&names[0], None), corpus.profile(&names[1], None))
}

fn check_veto(left: &str, right: &str, expected: Option<&str>) {
    let (a, b) = profiles(left, right);
    let code = |found: Option<Veto>| found.map(|v| v.code());
    assert_eq!(code(veto::find(&a, &b)).as_deref(), expected, "{left} ~ {right}");
    assert_eq!(veto::find(&a, &b), veto::find(&b, &a), "{left} ~ {right}, the other way round");
}

#[test]
fn only_stated_contradictions_are_vetoes() {
    check_veto("可乐 volume:1000", "可乐 volume:1500", Some("volume"));
    check_veto("可乐 volume:500", "可乐 volume:500", None);
    check_veto("可乐 volume:500", "可乐", None);
    check_veto("包装纸 length:60 length:60", "包装纸 length:60 length:90", Some("length"));
    check_veto("包装纸 length:60 length:90", "包装纸 length:90 length:60", None);
    check_veto("包装纸 length:60", "包装纸 length:60 length:90", None);
    check_veto("可乐 volume:500", "可乐 mass:500", None);
    check_veto("可乐 volume:500 x24", "可乐 volume:500 x12", Some("pack"));
    check_veto("可乐 volume:500 x24", "可乐 volume:500", None);
    // the total of a pack against its content
    check_veto("面 mass:90 x5", "面 mass:450", None);
    check_veto("布 length:1000 length:400000", "布 length:1000 length:300000", Some("length"));
    check_veto("布 length:1000 length:400000", "布 length:400000", None);
    // roundings of one another: 16oz and 454g
    check_veto("咖啡 mass:453.59", "咖啡 mass:454", None);
    check_veto("泵 voltage:24", "泵 voltage:12", Some("voltage"));
    check_veto("酸奶 flavour=草莓", "酸奶 flavour=蓝莓", Some("flavour"));
    check_veto("薯片 flavour=清新黄瓜", "薯片 flavour=黄瓜", None);
    check_veto("酸奶 flavour=草莓", "酸奶", None);
    // both keep a value without a like; one merely says more
    check_veto("蘑菇酱 flavour=原味 flavour=蘑菇", "蘑菇酱 flavour=香辣 flavour=蘑菇", Some("flavour"));
    check_veto("蘑菇酱 flavour=香辣 flavour=蘑菇", "蘑菇酱 flavour=香菇", None);
    // about so much
    check_veto("瓜子 mass:250~325", "瓜子 mass:260", None);
    check_veto("瓜子 mass:250~325", "瓜子 mass:500", Some("mass"));
    // tills leave out the unit
    check_veto("蚝油 #260", "蚝油 mass:700", Some("mass"));
    check_veto("蚝油 #700", "蚝油 mass:700", None);
    check_veto("蚝油 #071", "蚝油 mass:700", None);
    check_veto("饮料 #500 x24", "饮料 volume:330", None);
    check_veto("茶 #160", "茶 mass:500 x160", None);
    check_veto("茶 #160", "茶 mass:500 x80", Some("mass"));
    check_veto("手套 size=l", "手套 size=xl", Some("size"));
    check_veto("手套 size=m", "手套 size=m-l", None);
    check_veto("二锅头 alcohol:43", "erguotou percent:56", Some("alcohol"));
    check_veto("二锅头 alcohol:56", "erguotou percent:56", None);
    check_veto("轮胎 tyre=205/55r16", "轮胎 tyre=215/60r16", Some("tyre"));
    check_veto("机油 viscosity=5w30", "机油 viscosity=5w40", Some("viscosity"));
}

#[test]
fn features_do_not_depend_on_the_side() {
    let samples = [
        "可口可乐 volume:500 x24",
        "可乐 volume:330",
        "草莓酸奶 flavour=草莓 mass:100",
        "酸奶",
        "布 length:1000",
    ];
    for left in samples {
        for right in samples {
            let (a, b) = profiles(left, right);
            let mut rows = [[0.0f32; features::PAIR.len()]; 2];
            features::fill(&a, &b, Likeness::of(&a, &b, 0.4), &mut rows[0]);
            features::fill(&b, &a, Likeness::of(&b, &a, 0.4), &mut rows[1]);
            for (index, name) in features::PAIR.iter().enumerate() {
                let (x, y) = (rows[0][index], rows[1][index]);
                assert!(x.is_finite() && (x - y).abs() < 1e-5, "{name}: {x} and {y} for {left} ~ {right}");
            }
        }
    }
}

#[test]
fn an_owners_brand_does_not_contradict_its_own() {
    let brand = |brand: &str, words: &str| {
        let mut parsed = name(words);
        parsed.brand = Some(Brand { canonical: brand.into(), source: BrandSource::KnownName });
        parsed
    };
    let at = features::PAIR.iter().position(|feature| *feature == "brand").expect("a feature");
    for (left, right, expected) in [
        (brand("洋河", "洋河海之蓝"), brand("海之蓝", "海之蓝"), 1.0),
        (brand("伊利", "纯牛奶"), brand("金典", "纯牛奶"), 0.0),
        (brand("伊利", "纯牛奶"), brand("蒙牛", "纯牛奶"), -1.0),
        (brand("安慕希", "酸奶"), brand("金典", "酸奶"), -1.0),
        (brand("农夫", "农夫东方树叶"), brand("东方树叶", "茉莉花茶"), 0.5),
    ] {
        let names = [left, right];
        let corpus = Corpus::count(&names);
        let (a, b) = (corpus.profile(&names[0], None), corpus.profile(&names[1], None));
        let mut row = [0.0f32; features::PAIR.len()];
        features::fill(&a, &b, Likeness::of(&a, &b, 0.4), &mut row);
        assert_eq!(row[at], expected, "{} ~ {}", names[0].canonical, names[1].canonical);
    }
}

#[test]
fn a_veto_never_reaches_the_auto_zone() {
    assert!(veto::REMAINING <= domain::ZonePolicy::default().auto.get());
}

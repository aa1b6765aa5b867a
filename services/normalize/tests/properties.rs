//! What holds for every text: no panic, no emptiness, one answer, and a canonical form that is its own.

use domain::LocalSku;
use normalize::Normalizer;
use proptest::prelude::*;

/// Pieces of real names glued in any order find more than random Unicode does.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("500"),
        Just("ml"),
        Just("*"),
        Just("x"),
        Just("24"),
        Just("瓶"),
        Just("/"),
        Just("箱"),
        Just("一"),
        Just("半"),
        Just("斤"),
        Just("两"),
        Just("."),
        Just("½"),
        Just("("),
        Just("）"),
        Just("可口可乐"),
        Just("Coca-Cola"),
        Just("優酪乳"),
        Just("馬鈴薯"),
        Just("無糖"),
        Just("不"),
        Just("红"),
        Just("味"),
        Just("RAL"),
        Just("K7"),
        Just("7036"),
        Just("-"),
        Just("+"),
        Just(":"),
        Just("g"),
        Just("o"),
        Just("'"),
        Just("\""),
        Just("#"),
        Just(" "),
        Just("号"),
        Just("电池"),
        Just("M6"),
        Just("DN"),
        Just("分"),
        Just("管"),
        Just("奶粉"),
        Just("段"),
        Just("pack of "),
        Just("°"),
        Just("度"),
        Just("酒"),
        Just("\u{200b}"),
        Just("送"),
        Just("雨刮"),
        Just("面巾"),
        Just("é"),
        Just("г"),
        Just("，"),
        Just("1/2"),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|parts| parts.concat())
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![pieces(), "\\PC{0,40}", any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn canonical_text_is_idempotent(name in any_name()) {
        let normalizer = Normalizer::shared();
        let once = normalizer.canonical_text(&name);
        prop_assert_eq!(normalizer.canonical_text(&once), once);
    }

    #[test]
    fn nothing_visible_becomes_empty(name in any_name()) {
        let parsed = Normalizer::shared().parse(&LocalSku::named("n", "s", &name));
        if name.chars().any(char::is_alphanumeric) {
            prop_assert!(!parsed.canonical.is_empty());
            prop_assert!(!parsed.folded.is_empty());
            prop_assert!(!parsed.residual.is_empty(), "{:?}", parsed);
        }
    }

    #[test]
    fn one_name_has_one_reading(name in any_name(), brand in any_name(), spec in any_name(), unit in any_name()) {
        let mut sku = LocalSku::named("n", "s", &name);
        sku.brand = Some(brand);
        sku.spec = Some(spec);
        sku.unit = Some(unit);
        sku.description = Some(name.clone());
        let normalizer = Normalizer::shared();
        let parsed = normalizer.parse(&sku);
        prop_assert_eq!(&normalizer.parse(&sku), &parsed);
        for quantity in &parsed.quantities {
            prop_assert!(quantity.low.is_finite() && quantity.low >= 0.0 && quantity.low <= quantity.high);
        }
        prop_assert!(parsed.packs.iter().all(|pack| pack.count >= 2));
        prop_assert!(parsed.variants.is_sorted() && parsed.claims.is_sorted());
    }

    #[test]
    fn spans_lie_in_the_name(name in any_name()) {
        let mut free = 0;
        for span in Normalizer::shared().spans(&name) {
            prop_assert!(free <= span.start && span.start < span.end && span.end <= name.len());
            prop_assert!(name.is_char_boundary(span.start) && name.is_char_boundary(span.end));
            free = span.end;
        }
    }
}

//! Any text in any column: no panic, nothing visible lost, canonical text its own canonical text.
#![no_main]

use domain::LocalSku;
use libfuzzer_sys::fuzz_target;
use normalize::Normalizer;

fuzz_target!(|text: &str| {
    let normalizer = Normalizer::shared();
    let mut columns = text.split('\u{1f}').map(str::to_owned);
    let mut sku = LocalSku::named("n", "s", &columns.next().unwrap_or_default());
    sku.brand = columns.next();
    sku.spec = columns.next();
    sku.unit = columns.next();
    sku.description = columns.next();
    let parsed = normalizer.parse(&sku);
    if sku.name.chars().any(char::is_alphanumeric) {
        assert!(!parsed.canonical.is_empty() && !parsed.folded.is_empty() && !parsed.residual.is_empty());
    }
    let canonical = normalizer.canonical_text(&sku.name);
    assert_eq!(normalizer.canonical_text(&canonical), canonical);
    let _ = normalizer.spans(&sku.name);
});

//! Candidate pairs per second of one thread, features and all three stages: `cargo bench -p engine`.

use divan::Bencher;
use divan::counter::ItemsCount;
use engine::{Engine, EngineOptions, LinkOptions, LocalSku, Prepared, Quiet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn main() {
    divan::main();
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn demo() -> &'static (Engine, Prepared) {
    static DEMO: OnceLock<(Engine, Prepared)> = OnceLock::new();
    DEMO.get_or_init(|| {
        let engine = Engine::open(&project().join("models"), &EngineOptions::default(), &Quiet)
            .expect("the project's own models open");
        let path = project().join("datasets/demo/records.csv");
        let mut rows = csv::Reader::from_path(path).expect("the demo's records open");
        let columns = rows.headers().expect("they have a header").clone();
        let records: Vec<LocalSku> = rows
            .records()
            .map(|row| {
                let row = row.expect("the demo's rows are well formed");
                let value = |name: &str| {
                    let at = columns.iter().position(|column| column == name)?;
                    row.get(at).filter(|value| !value.is_empty()).map(str::to_owned)
                };
                let text = |name: &str| value(name).unwrap_or_default();
                let brief = LocalSku::named(&text("node"), &text("sku"), &text("name"));
                LocalSku { brand: value("brand"), spec: value("spec"), unit: value("unit"), ..brief }
            })
            .collect();
        let prepared = engine
            .prepare(&records, &LinkOptions::default().retrieval, &Quiet)
            .expect("the demo's records are ready");
        (engine, prepared)
    })
}

#[divan::bench]
fn features_and_stages(bencher: Bencher) {
    let (engine, prepared) = demo();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    bencher
        .counter(ItemsCount::new(prepared.candidates.len()))
        .bench(|| pool.install(|| divan::black_box(engine.score(prepared, &[], &Quiet))));
}

#[divan::bench]
fn features_alone(bencher: Bencher) {
    let (_, prepared) = demo();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    bencher
        .counter(ItemsCount::new(prepared.candidates.len()))
        .bench(|| pool.install(|| divan::black_box(prepared.feature_rows())));
}

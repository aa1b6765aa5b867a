//! Names per second of one thread: `cargo bench -p normalize`.

use divan::Bencher;
use divan::counter::ItemsCount;
use domain::LocalSku;
use normalize::Normalizer;

const NAMES: &[&str] = &[
    "农夫山泉饮用天然水550ml",
    "康师傅红烧牛肉面5连包",
    "伊利QQ星酸奶125ml*4",
    "大宝SOD滋润霜50g",
    "手摇自动喷漆 RAL7036 400ml",
    "黃牌系列 - Merlot 梅鹿紅酒 750毫升",
    "初榨濃香花生油 900毫升 x 3",
    "Sony Bravia 40-Inch LCD TV KDL40W5100",
    "六角螺栓M8x30 304不锈钢",
    "5号南孚电池4粒装",
    "爱好笔可擦套装2853",
    "佳洁士草本水晶牙膏120克",
    "立白冷水速效洗衣粉1.03kg",
    "奥利奥夹心饼干巧克力味97g",
    "无糖苏打水360ml*24瓶/箱",
];

fn main() {
    Normalizer::shared();
    divan::main();
}

#[divan::bench]
fn parse(bencher: Bencher) {
    let skus: Vec<LocalSku> = NAMES.iter().map(|name| LocalSku::named("n", "s", name)).collect();
    let normalizer = Normalizer::shared();
    bencher.counter(ItemsCount::new(skus.len())).bench(|| {
        for sku in &skus {
            divan::black_box(normalizer.parse(sku));
        }
    });
}

#[divan::bench]
fn canonical_text(bencher: Bencher) {
    let normalizer = Normalizer::shared();
    bencher.counter(ItemsCount::new(NAMES.len())).bench(|| {
        for name in NAMES {
            divan::black_box(normalizer.canonical_text(name));
        }
    });
}

//! The promises of a whole run, on real models: what people decided holds, contradictions are never linked, every
//! record is counted once, and neither the order of rows nor the number of threads changes anything.

use engine::{
    Engine, EngineOptions, LinkOptions, LinkOutcome, LocalSku, Quiet, SkuKey, Verdict, Zone, ZonePolicy,
};
use std::path::Path;
use std::sync::OnceLock;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        Engine::open(&models, &EngineOptions::default(), &Quiet).expect("the project's own models open")
    })
}

/// Forty goods in three nodes, each node in its own manner, every good with a sibling of another size.
fn catalogue() -> Vec<LocalSku> {
    let goods = ["酱油", "陈醋", "洗洁精", "矿泉水", "花生油", "沐浴露", "洗衣液", "白酒", "牛奶", "果汁"];
    let brands = ["海天", "立白"];
    let mut out = Vec::new();
    for (b, brand) in brands.iter().enumerate() {
        for (g, good) in goods.iter().enumerate() {
            for (s, (ml, litres)) in [("500ml", "0.5升"), ("1L", "1升")].iter().enumerate() {
                let code = format!("{b}{g}{s}");
                out.push(LocalSku::named("shop", &format!("A{code}"), &format!("{brand}{good}{ml}")));
                out.push(LocalSku::named("store", &format!("B{code}"), &format!("{brand} {good} {litres}")));
                let spec = LocalSku {
                    spec: Some((*ml).to_owned()),
                    ..LocalSku::named("erp", &format!("C{code}"), &format!("{good}({brand})"))
                };
                out.push(spec);
            }
        }
    }
    out
}

fn run(records: &[LocalSku], options: &LinkOptions) -> LinkOutcome {
    engine().link(records, options, &Quiet).expect("linking works")
}

/// Groups as sorted lists of keys, and every pair with its confidence and zone: what must not depend on the order.
fn picture(records: &[LocalSku], outcome: &LinkOutcome) -> (Vec<Vec<String>>, Vec<String>) {
    let key = |i: u32| records[i as usize].key.to_string();
    let mut groups: Vec<Vec<String>> =
        outcome.members.iter().map(|m| m.iter().map(|i| key(*i)).collect()).collect();
    groups.iter_mut().for_each(|g| g.sort());
    groups.sort();
    let mut pairs: Vec<String> = outcome
        .pairs
        .iter()
        .map(|p| format!("{} {} {:e} {:?} {}", key(p.left), key(p.right), p.confidence, p.zone, p.reason))
        .collect();
    pairs.sort();
    (groups, pairs)
}

#[test]
fn every_record_is_in_one_state_and_one_master() {
    let records = catalogue();
    let outcome = run(&records, &LinkOptions::default());
    let c = &outcome.counts;
    let counted = c.linked_confirmed + c.linked_auto + c.pending_review + c.rejected + c.no_candidate;
    assert_eq!(counted, records.len());
    assert_eq!(outcome.members.iter().map(Vec::len).sum::<usize>(), records.len());
    assert!(c.linked_auto > records.len() / 2, "{c:?}");
}

#[test]
fn another_size_is_never_linked() {
    let mut records = catalogue();
    // Goods whose own size the store does not hold: all it offers for them is the sibling.
    records.retain(|r| !(r.key.node.0 == "store" && r.key.sku.0.ends_with("31")));
    let outcome = run(&records, &LinkOptions::default());
    for members in &outcome.members {
        let size = |i: &u32| records[*i as usize].key.sku.0.chars().last();
        assert!(members.iter().all(|m| size(m) == size(&members[0])), "{members:?}");
        let mut nodes: Vec<_> = members.iter().map(|m| &records[*m as usize].key.node).collect();
        nodes.sort();
        nodes.dedup();
        assert_eq!(nodes.len(), members.len(), "one record per node");
    }
    // In the run siblings stay below what is reported; asked about, the contradiction is named.
    let pair = (LocalSku::named("shop", "1", "海天酱油500ml"), LocalSku::named("store", "2", "海天酱油1L"));
    let scores = engine().score_pairs(&[pair], &ZonePolicy::default()).expect("scoring works");
    assert_eq!(scores[0].veto.as_deref(), Some("volume"));
    assert_ne!(scores[0].zone, Zone::Auto);
    assert!(outcome.pairs.iter().all(|p| p.veto.is_none() || p.zone != Zone::Auto));
}

#[test]
fn order_and_threads_change_nothing() {
    let records = catalogue();
    let expected = picture(&records, &run(&records, &LinkOptions::default()));
    let mut shuffled = records.clone();
    // 73 and 120 have no common divisor: a fixed shuffle
    for i in 0..shuffled.len() {
        let j = i * 73 % shuffled.len();
        shuffled.swap(i, j);
    }
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let outcome = one_thread.install(|| run(&shuffled, &LinkOptions::default()));
    assert_eq!(picture(&shuffled, &outcome), expected);
}

#[test]
fn a_persons_decision_holds() {
    let records = catalogue();
    let pair = |a: (&str, &str), b: (&str, &str), v| (SkuKey::new(a.0, a.1), SkuKey::new(b.0, b.1), v);
    let options = LinkOptions {
        decisions: vec![
            pair(("shop", "A000"), ("store", "B000"), Verdict::Different),
            pair(("shop", "A010"), ("store", "B111"), Verdict::Same),
            pair(("shop", "A000"), ("gone", "X"), Verdict::Same),
        ],
        ..LinkOptions::default()
    };
    let outcome = run(&records, &options);
    let master = |node: &str, sku: &str| {
        let key = SkuKey::new(node, sku);
        let at = records.iter().position(|r| r.key == key).expect("a record of the catalogue");
        outcome.masters[at]
    };
    assert_ne!(master("shop", "A000"), master("store", "B000"));
    assert_eq!(master("shop", "A010"), master("store", "B111"));
    assert_eq!(outcome.counts.linked_confirmed, 2);
}

#[test]
fn a_pair_alone_is_scored_and_explained() {
    let (a, b) = (LocalSku::named("l", "1", "海天酱油500ml"), LocalSku::named("r", "1", "海天 酱油 0.5升"));
    let c = LocalSku::named("r", "2", "海天酱油1.5L");
    let zones = ZonePolicy::default();
    let scores = engine().score_pairs(&[(a.clone(), b), (a.clone(), c.clone())], &zones).expect("scores");
    assert!(scores[0].confidence > scores[1].confidence, "{scores:?}");
    assert_eq!(scores[1].veto.as_deref(), Some("volume"));
    assert_eq!(scores[1].zone, Zone::Reject);
    let explanation = engine().explain(&a, &c, &zones).expect("an explanation");
    assert_eq!(explanation.veto.as_deref(), Some("volume"));
}

#[test]
fn a_repeated_key_is_refused_by_name() {
    let twice = [LocalSku::named("n", "1", "盐"), LocalSku::named("n", "1", "糖")];
    let error = engine().link(&twice, &LinkOptions::default(), &Quiet).expect_err("a duplicate");
    assert!(error.to_string().contains("n/1"), "{error}");
    let nothing = engine().link(&[], &LinkOptions::default(), &Quiet).expect("no records are no error");
    assert!(nothing.members.is_empty());
}

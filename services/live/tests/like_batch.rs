//! How near the small steps of a running service come to a run over everything: the demo's records, changed at random.

mod support;

use domain::{LocalSku, SkuKey};
use engine::{LinkOptions, Quiet};
use live::{Query, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use store::{Expect, SkuFilter};
use support::{World, demo, engine, tester, write};

/// Groups of more than one, each a sorted list of keys.
type Groups = BTreeSet<Vec<SkuKey>>;

async fn groups_of(world: &World) -> Groups {
    let store = world.live.store();
    let mut groups: BTreeMap<_, Vec<SkuKey>> = BTreeMap::new();
    let mut page = store::Page::first(1_000);
    loop {
        let paged = store.list_members(&page).await.expect("members");
        for member in paged.items {
            groups.entry(member.master).or_default().push(member.key);
        }
        let Some(next) = paged.next else { break };
        page = store::Page::after(1_000, Some(next));
    }
    groups.into_values().filter(|members| members.len() > 1).collect()
}

fn groups_of_run(records: &[LocalSku]) -> Groups {
    let outcome = engine().link(records, &LinkOptions::default(), &Quiet).expect("a run");
    let keys = |members: &Vec<u32>| -> Vec<SkuKey> {
        let mut keys: Vec<SkuKey> = members.iter().map(|at| records[*at as usize].key.clone()).collect();
        keys.sort();
        keys
    };
    outcome.members.iter().filter(|members| members.len() > 1).map(keys).collect()
}

/// Equal, or the difference in few words.
fn same(found: &Groups, expected: &Groups, what: &str) {
    let told = |groups: Vec<&Vec<SkuKey>>| -> Vec<String> {
        let line = |keys: &&Vec<SkuKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        groups.iter().take(5).map(line).collect()
    };
    let (more, fewer) =
        (told(found.difference(expected).collect()), told(expected.difference(found).collect()));
    assert!(more.is_empty() && fewer.is_empty(), "{what}: {more:#?} instead of {fewer:#?}");
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_index_groups_as_a_run_does() {
    let records = demo();
    let world = World::with(&records).await;
    same(&groups_of(&world).await, &groups_of_run(&records), "exactly: it is the same run");
    let counts = world.live.store().state_counts().await.expect("counts");
    assert_eq!(counts.iter().map(|(_, count)| *count as usize).sum::<usize>(), records.len());
    assert!(counts.iter().all(|(state, _)| *state != domain::MatchState::NotRun), "{counts:?}");
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_steps_come_near_a_run_over_everything() {
    let records = demo();
    let mut random = Random(11);
    let mut present = records.clone();
    let mut absent: Vec<LocalSku> = Vec::new();
    for _ in 0..170 {
        absent.push(present.swap_remove(random.below(present.len())));
    }
    let world = World::with(&present).await;
    let steps: usize = std::env::var("STEPS").map_or(200, |s| s.parse().unwrap());
    for step in 0..steps {
        match step % 4 {
            0 => {
                let sku = present.swap_remove(random.below(present.len()));
                let key = sku.key.clone();
                world.live.delete_skus(&[(key.clone(), Expect::Any)], &tester()).await.expect("deleted");
                // Comes back under another code, as a shop would.
                let code = format!("{}-again", key.sku);
                absent.push(LocalSku { key: SkuKey::new(&key.node.0, &code), ..sku });
            }
            1 => {
                // Another product's row under an old code.
                let (at, from) = (random.below(present.len()), random.below(present.len()));
                let key = present[at].key.clone();
                present[at] = LocalSku { key, ..present[from].clone() };
                world.live.put_skus(&[write(present[at].clone())], &tester()).await.expect("changed");
            }
            _ => {
                let Some(sku) = absent.pop() else { continue };
                world.live.put_skus(&[write(sku.clone())], &tester()).await.expect("added");
                present.push(sku);
            }
        }
    }
    world.verify().await;
    let stepped: BTreeMap<(SkuKey, SkuKey), f64> =
        world.live.pairs().expect("pairs").into_iter().map(|(a, b, c)| ((a, b), c.get())).collect();
    world.live.rescore().await.expect("rescored");
    let whole: BTreeMap<(SkuKey, SkuKey), f64> =
        world.live.pairs().expect("pairs").into_iter().map(|(a, b, c)| ((a, b), c.get())).collect();
    let of = |map: &BTreeMap<_, f64>, pair| map.get(pair).copied().unwrap_or(0.0);
    let pairs: BTreeSet<&(SkuKey, SkuKey)> = stepped.keys().chain(whole.keys()).collect();
    let matters = pairs.iter().filter(|pair| of(&stepped, **pair).max(of(&whole, **pair)) >= 0.15).count();
    let auto = |confidence: f64| confidence >= 0.85;
    let differing: Vec<_> =
        pairs.iter().filter(|pair| (of(&stepped, **pair) - of(&whole, **pair)).abs() > 0.05).collect();
    let turned = pairs.iter().filter(|pair| auto(of(&stepped, **pair)) != auto(of(&whole, **pair))).count();
    println!("{matters} pairs matter, {} differ by more than 0.05, {turned} change zone", differing.len());
    // Measured after 200 changes of 1,526 records: 111 of 2,360 and 7; the bounds are about half as much again and thrice.
    assert!(differing.len() * 100 <= 7 * matters, "{} of {matters}", differing.len());
    assert!(turned * 100 <= matters, "{turned} of {matters}");

    // Groups: what the run over everything makes, but for members that are held until a person answers.
    let held = world
        .live
        .store()
        .list_skus(
            &SkuFilter { states: vec![domain::MatchState::Stale], ..SkuFilter::default() },
            &store::Page::first(1_000),
        )
        .await
        .expect("stale ones")
        .items;
    let stepped = groups_of(&world).await;
    world.live.regroup(live::Splits::Made).await.expect("regrouped");
    world.verify().await;
    let regrouped = groups_of(&world).await;
    same(&regrouped, &groups_of_run(&present), "a regrouping is a run");
    let held: BTreeSet<SkuKey> = held.into_iter().map(|row| row.value.sku.key).collect();
    let linked = |groups: &Groups| -> BTreeSet<(SkuKey, SkuKey)> {
        let free = |group: &Vec<SkuKey>| -> Vec<SkuKey> {
            group.iter().filter(|key| !held.contains(*key)).cloned().collect()
        };
        let pairs = |group: Vec<SkuKey>| {
            let pair = |at: usize| {
                group[at + 1..].iter().map(|two| (group[at].clone(), two.clone())).collect::<Vec<_>>()
            };
            (0..group.len()).flat_map(pair).collect::<Vec<_>>()
        };
        groups.iter().map(free).flat_map(pairs).collect()
    };
    let (stepped, regrouped) = (linked(&stepped), linked(&regrouped));
    let agree = stepped.intersection(&regrouped).count();
    let (ours, theirs) = (stepped.len(), regrouped.len());
    println!(
        "{agree} pairs of members in both, {ours} by steps, {theirs} by a run; {} SKUs are held",
        held.len()
    );
    // What the machine linked earlier it does not part by itself, and the run has learnt from other records.
    assert!(agree * 100 >= ours * 85 && agree * 100 >= theirs * 85, "{agree} of {ours} and {theirs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_stored_is_scored_as_a_node_of_its_own() {
    let records = demo();
    let world = World::with(&records).await;
    for name in ["农夫山泉天然水550ml", "Nongshim Shin Ramyun 120g x 5", "立邦5L白", "圣女果盒"]
    {
        let row = LocalSku::named("", "", name);
        let wanted = Wanted { most: 5, ..Wanted::default() };
        let (found, _) = world.live.find(&Query::Row(Box::new(row)), &wanted).await.expect("found");
        let mut with = records.clone();
        with.push(LocalSku::named("zz", "1", name));
        let outcome = engine().link(&with, &LinkOptions::default(), &Quiet).expect("a run");
        let asked = with.len() as u32 - 1;
        let best = outcome
            .pairs
            .iter()
            .filter(|pair| pair.left == asked || pair.right == asked)
            .max_by(|a, b| a.confidence.total_cmp(&b.confidence))
            .expect("a pair");
        let other = if best.left == asked { best.right } else { best.left };
        assert_eq!(found[0].sku.value.sku.key, with[other as usize].key, "{name}");
        // The statistics of one more record differ in the third digit.
        assert!((found[0].judged.confidence.get() - best.confidence).abs() < 0.05, "{name}: {found:?}");
    }
}

//! A catalogue that doubles while the service runs: what it learnt before speaks for it no longer.

mod support;

use domain::MatchState;
use live::{Live, Options, Query, Wanted};
use std::time::Duration;
use store::{Location, Store};
use support::{World, demo, engine, tester, write};

async fn waiting(live: &Live) -> i64 {
    let counts = live.store().state_counts().await.expect("counts");
    counts.iter().filter(|(state, _)| *state == MatchState::NotRun).map(|(_, count)| *count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_full_run_is_due_is_found_at_once_and_linked_when_it_is_done() {
    let records = demo();
    let (few, many) = records.split_at(300);
    let world = World::with(few).await;
    world.live.store().close().await;
    let store = Store::open(&Location::Sqlite(world.folder.path().join("truth.db"))).await.expect("a store");
    let live = Live::new(engine(), store, Options { on_the_spot: 0, ..Options::default() });
    live.build().await.expect("the index builds");

    let nodes = support::nodes_of(many);
    for node in nodes {
        live.put_node(&node, store::Expect::Any, &tester()).await.expect("a node");
    }
    let writes: Vec<_> = many.iter().cloned().map(write).collect();
    live.put_skus(&writes, &tester()).await.expect("kept");
    let wanted = Wanted { most: 5, ..Wanted::default() };
    let late = Query::Sku(many[many.len() / 2].key.clone());
    let (found, _) = live.find(&late, &wanted).await.expect("an answer");
    assert!(!found.is_empty(), "a name that waits is compared when it is asked about");
    assert!(found.iter().all(|found| found.sku.value.sku.key.node != many[many.len() / 2].key.node));

    for _ in 0..600 {
        if waiting(&live).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(waiting(&live).await, 0, "everything was looked at in the end");
    let linked = live.store().state_counts().await.expect("counts");
    let linked = linked.iter().find(|(state, _)| *state == MatchState::LinkedAuto).map_or(0, |(_, n)| *n);
    assert!(linked > 300, "{linked} are linked");
    let findings = live.store().verify().await.expect("verified");
    assert!(findings.is_empty(), "{findings:?}");
}

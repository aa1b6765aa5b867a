//! Stewards claim and give back questions while their SKUs are deleted and nodes are archived: who writes is not told of
//! versions that it never named.

mod support;

use domain::{Actor, MatchState};
use live::{SkuWrite, now};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use store::{Claim, Expect, Page, ReviewFilter, SkuFilter};
use support::{World, demo, node, tester};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deletes_is_not_told_of_a_stewards_claim() {
    let records = demo();
    let world = World::with(&records).await;
    let store = world.live.store().clone();
    let waiting = store.reviews(&ReviewFilter::default(), &Page::first(200)).await.expect("questions");
    assert!(waiting.items.len() > 100, "{} questions", waiting.items.len());
    let (stop, claims) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let steward = tokio::spawn({
        let (store, stop, claims) = (store.clone(), stop.clone(), claims.clone());
        async move {
            let by = Actor::new("steward");
            while !stop.load(Ordering::Relaxed) {
                let claim = Claim {
                    filter: ReviewFilter::default(),
                    by: by.clone(),
                    at: now(),
                    lease_seconds: 600,
                    limit: 200,
                };
                let held = store.claim_reviews(&claim).await.expect("claimed");
                let ids: Vec<_> = held.iter().map(|row| row.value.id.clone()).collect();
                claims.fetch_add(ids.len(), Ordering::Relaxed);
                // Some were withdrawn with their SKU meanwhile: then nothing is given back, and the next round claims others.
                let _ = store.release_reviews(&ids, &by, now()).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    for question in waiting.items.iter().step_by(4) {
        let key = question.value.sku.clone();
        // Deleted before with another of its questions.
        if store.sku(&key).await.expect("read").is_some_and(|row| row.value.is_live()) {
            world.live.delete_skus(&[(key.clone(), Expect::Present)], &tester()).await.expect("deleted");
        }
    }
    let mut archived = node("notebook");
    archived.archived = Some(now());
    world.live.put_node(&archived, Expect::Any, &tester()).await.expect("archived");
    stop.store(true, Ordering::Relaxed);
    steward.await.expect("no claim failed");
    assert!(claims.load(Ordering::Relaxed) > 100, "{claims:?} claims in the way");
    world.verify().await;
}

/// Callers hang up between the two commits of their write, each a little later than the one before: what they wrote is
/// linked by who follows the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_leaves_nothing_unlinked() {
    let records = demo();
    let (first, late) = records.split_at(records.len() - 120);
    let world = World::with(first).await;
    let store = world.live.store().clone();
    let follower = tokio::spawn({
        let live = world.live.clone();
        async move { live.follow().await }
    });
    let mut cut = 0;
    for (number, sku) in late.iter().enumerate() {
        let write = SkuWrite { sku: sku.clone(), expect: Expect::Any };
        let patience = Duration::from_micros(200 * number as u64);
        let writer = tester();
        cut += usize::from(
            tokio::time::timeout(patience, world.live.put_skus(std::slice::from_ref(&write), &writer))
                .await
                .is_err(),
        );
    }
    assert!(cut > 5, "only {cut} of {} hung up in time", late.len());
    let begun = std::time::Instant::now();
    let waiting = SkuFilter {
        states: vec![MatchState::NotRun, MatchState::Failed, MatchState::Stale],
        ..SkuFilter::default()
    };
    loop {
        let left = store.list_skus(&waiting, &Page::first(200)).await.expect("read").items;
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{} of {cut} are never looked at", left.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    follower.abort();
    world.verify().await;
}

use crate::fixture::Fixture;
use crate::refused;
use crate::support::words::*;
use domain::*;
use std::collections::BTreeSet;
use store::StoreError as E;
use store::{Claim, Expect, LATE_SECONDS, Mutation, Page, ReviewFilter};

/// `count` reviews r00, r01 … of rising value, about SKUs of nodes b and c and master m1 = {a/1}.
async fn queue(f: &Fixture, count: usize) {
    let mut all = batch(1).with(put_node("a")).with(put_node("b")).with(put_node("c"));
    all = all.with(put_sku("a", "1", "可乐")).with(put_master("m1")).with(join("a", "1", "m1"));
    for i in 0..count {
        let (node, code) = (if i % 2 == 0 { "b" } else { "c" }, i.to_string());
        let category = Some(if i % 3 == 0 { "饮料" } else { "酒" }.to_owned());
        let sku = LocalSku { category, ..LocalSku::named(node, &code, "可乐") };
        all = all.with(Mutation::PutSku { sku, state: Some(MatchState::PendingReview), expect: Expect::Any });
        all = all.with(put_review(review(&format!("r{i:02}"), key(node, &code), "m1", i as f64 / 7.0)));
    }
    f.keep(all).await;
}

fn claim(by: &str, second: i64, limit: usize) -> Claim {
    Claim { by: actor(by), at: at(second), lease_seconds: 60, filter: ReviewFilter::default(), limit }
}

fn ids(rows: &[Stored<Review>]) -> Vec<&str> {
    rows.iter().map(|row| row.value.id.as_str()).collect()
}

pub async fn the_queue_gives_the_most_valuable(f: Fixture) {
    queue(&f, 6).await;
    let all = ReviewFilter::default();
    let first = f.store.reviews(&all, &Page::first(4)).await.unwrap();
    assert_eq!(ids(&first.items), ["r05", "r04", "r03", "r02"]);
    let rest = f.store.reviews(&all, &Page::after(4, first.next)).await.unwrap();
    assert_eq!((ids(&rest.items), rest.next), (vec!["r01", "r00"], None));
    assert_eq!(ids(&f.store.claim_reviews(&claim("ann", 2, 2)).await.unwrap()), ["r05", "r04"]);
    assert_eq!(ids(&f.store.claim_reviews(&claim("bob", 2, 2)).await.unwrap()), ["r03", "r02"]);
    let held = f.store.review(&ReviewId::new("r05")).await.unwrap().unwrap();
    assert_eq!((held.version, held.value.assignee), (Version(2), Some(actor("ann"))));
    assert_eq!(held.value.lease_until, Some(at(62)));
}

pub async fn leases_end(f: Fixture) {
    queue(&f, 2).await;
    f.store.claim_reviews(&claim("ann", 10, 2)).await.unwrap();
    assert!(f.store.claim_reviews(&claim("bob", 69, 2)).await.unwrap().is_empty());
    assert_eq!(f.store.claim_reviews(&claim("bob", 70, 1)).await.unwrap().len(), 1);
    let r01 = [ReviewId::new("r01")];
    refused!(f.store.renew_reviews(&r01, &actor("ann"), at(71), 60).await, E::LeaseLost { .. });
    // Put off: not before then.
    let deferred = Review { deferred_until: Some(at(500)), ..review("r00", key("b", "0"), "m1", 0.0) };
    f.keep(batch(200).with(put_review(deferred))).await;
    let got = f.store.claim_reviews(&claim("cy", 499, 9)).await.unwrap();
    assert_eq!(ids(&got), ["r01"]);
    let got = f.store.claim_reviews(&claim("cy", 500, 9)).await.unwrap();
    assert_eq!(ids(&got), ["r00"]);
}

pub async fn held_reviews_are_renewed_released_reassigned(f: Fixture) {
    queue(&f, 3).await;
    let (ann, bob) = (actor("ann"), actor("bob"));
    let [r0, r1] = [ReviewId::new("r00"), ReviewId::new("r01")];
    let both = [r0.clone(), r1.clone()];
    f.store.claim_named(&both, &ann, at(1), 60).await.unwrap();
    refused!(f.store.claim_named(&both, &bob, at(2), 60).await, E::LeaseLost { .. });
    f.store.renew_reviews(&both, &ann, at(50), 60).await.unwrap();
    refused!(f.store.claim_named(&both, &bob, at(100), 60).await, E::LeaseLost { .. });
    refused!(f.store.release_reviews(&both, &bob, at(100)).await, E::LeaseLost { .. });
    f.store.release_reviews(std::slice::from_ref(&r1), &ann, at(100)).await.unwrap();
    // All or none.
    refused!(f.store.claim_named(&both, &bob, at(100), 60).await, E::LeaseLost { .. });
    assert_eq!(f.store.review(&r1).await.unwrap().unwrap().value.assignee, None);
    f.store.claim_named(&[r1], &bob, at(100), 60).await.unwrap();
    let given = f.store.reassign_review(&r0, &actor("chief"), &bob, at(101), 60).await.unwrap();
    assert_eq!(given.value.assignee, Some(bob.clone()));
    f.store.renew_reviews(std::slice::from_ref(&r0), &bob, at(102), 60).await.unwrap();
    refused!(f.store.claim_named(&[ReviewId::new("r9")], &bob, at(100), 60).await, E::NotFound { .. });
    refused!(f.store.claim_named(std::slice::from_ref(&r0), &bob, at(100), 0).await, E::Invalid { .. });
    let decided = Review { state: ReviewState::Decided, ..review("r00", key("b", "0"), "m1", 0.0) };
    f.keep(batch(103).with(put_review(decided))).await;
    refused!(f.store.claim_named(&[r0], &bob, at(104), 60).await, E::Precondition { .. });
    // An answer is not lost to somebody who withdraws what was a question a moment ago; a claim is.
    let withdrawn = |id: &str, node: &str| Review {
        state: ReviewState::Withdrawn,
        ..review(id, key(node, if node == "b" { "0" } else { "1" }), "m1", 0.0)
    };
    refused!(
        f.store.commit(&batch(105).with(put_review(withdrawn("r00", "b")))).await,
        E::Precondition { .. }
    );
    f.keep(batch(106).with(put_review(withdrawn("r01", "c")))).await;
}

pub async fn two_stewards_never_get_the_same(f: Fixture) {
    queue(&f, 40).await;
    let other = f.another().await;
    let mut stewards = Vec::new();
    for i in 0..8 {
        let store = if i % 2 == 0 { f.store.clone() } else { other.clone() };
        stewards.push(tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                let rows = store.claim_reviews(&claim(&format!("s{i}"), 2, 3)).await.unwrap();
                if rows.is_empty() {
                    return got;
                }
                got.extend(rows.into_iter().map(|row| row.value.id));
            }
        }));
    }
    let mut all = Vec::new();
    for steward in stewards {
        all.extend(steward.await.unwrap());
    }
    assert_eq!(all.len(), 40);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 40);
}

pub async fn filters_and_stats(f: Fixture) {
    queue(&f, 6).await;
    let filter = ReviewFilter { nodes: vec![NodeId("b".into())], ..Default::default() };
    let list = |filter: ReviewFilter| {
        let store = f.store.clone();
        async move { store.reviews(&filter, &Page::first(10)).await.unwrap().items }
    };
    assert_eq!(ids(&list(filter).await), ["r04", "r02", "r00"]);
    let filter = ReviewFilter { categories: vec!["饮料".into()], ..Default::default() };
    assert_eq!(ids(&list(filter.clone()).await), ["r03", "r00"]);
    let claim = Claim { filter: filter.clone(), ..claim("ann", 2, 1) };
    assert_eq!(ids(&f.store.claim_reviews(&claim).await.unwrap()), ["r03"]);
    let by_ann = ReviewFilter { assignee: Some(actor("ann")), ..Default::default() };
    assert_eq!(ids(&list(by_ann).await), ["r03"]);
    let of_one =
        ReviewFilter { sku: Some(key("c", "1")), master: Some(MasterId::new("m1")), ..Default::default() };
    assert_eq!(ids(&list(of_one).await), ["r01"]);
    let none = ReviewFilter { min_confidence: Some(0.6), ..Default::default() };
    assert!(list(none).await.is_empty());
    let until = |second| ReviewFilter { opened_until: Some(at(second)), ..Default::default() };
    assert_eq!((list(until(0)).await.len(), list(until(1)).await.len()), (0, 6));
    let marked = Review {
        evidence: r#"{"sum":"volume 1L≠5_L"}"#.to_owned(),
        ..review("r02", key("b", "2"), "m1", 2.0 / 7.0)
    };
    f.keep(batch(2).with(put_review(marked))).await;
    let has = |text: &str| ReviewFilter { evidence_has: vec![text.to_owned()], ..Default::default() };
    for (text, found) in [("≠", 1), ("5_L", 1), ("5%L", 0), ("1_≠", 0), ("\"sum\":", 1)] {
        assert_eq!(list(has(text)).await.len(), found, "{text}");
        let lacks = ReviewFilter { evidence_lacks: vec![text.to_owned()], ..Default::default() };
        assert_eq!(list(lacks).await.len(), 6 - found, "{text}");
    }
    let agreed = Review {
        evidence: r#"{"sum":"","agreed":"user:ann"}"#.to_owned(),
        ..review("r02", key("b", "2"), "m1", 2.0 / 7.0)
    };
    f.keep(batch(2).with(put_review(agreed))).await;
    let agreed = |is| ReviewFilter { agreed: Some(is), ..Default::default() };
    assert_eq!(ids(&list(agreed(true)).await), ["r02"]);
    assert_eq!(list(agreed(false)).await.len(), 5);

    let withdrawn = Review { state: ReviewState::Withdrawn, ..review("r05", key("c", "5"), "m1", 5.0 / 7.0) };
    let deferred = Review { deferred_until: Some(at(99)), ..review("r04", key("b", "4"), "m1", 4.0 / 7.0) };
    f.keep(
        batch(3)
            .with(put_review(withdrawn))
            .with(put_review(deferred))
            .with(Mutation::AddDecision { decision: decision("d1", key("b", "0"), None, 3) }),
    )
    .await;
    let stats = f.store.queue_stats(&ReviewFilter::default(), at(4)).await.unwrap();
    assert_eq!((stats.open, stats.claimed, stats.deferred, stats.withdrawn), (3, 1, 1, 1));
    assert_eq!(stats.oldest_open, Some(at(1)));
    assert_eq!(stats.verdicts, [(Verdict::Different, 1)]);
    let stats = f.store.queue_stats(&ReviewFilter::default(), at(100)).await.unwrap();
    assert_eq!((stats.open, stats.claimed, stats.deferred), (5, 0, 0));
    for (after, late) in [(-1, 0), (0, 5)] {
        let late_at = at(1).plus_seconds(LATE_SECONDS + after);
        let stats = f.store.queue_stats(&ReviewFilter::default(), late_at).await.unwrap();
        assert_eq!(stats.late, late, "what is put off waits too, what is withdrawn does not");
    }
    let stats = f.store.queue_stats(&filter, at(4)).await.unwrap();
    assert_eq!((stats.open, stats.claimed), (1, 1));
    let nodes = ReviewFilter { nodes: vec![NodeId("b".into())], ..Default::default() };
    let stats = f.store.queue_stats(&nodes, at(4)).await.unwrap();
    assert_eq!((stats.open, stats.claimed, stats.deferred, stats.oldest_open), (2, 0, 1, Some(at(1))));
}

pub async fn one_question_at_a_time(f: Fixture) {
    queue(&f, 1).await;
    let again = review("other", key("b", "0"), "m1", 0.5);
    refused!(f.store.commit(&batch(2).with(put_review(again.clone()))).await, E::AlreadyExists { .. });
    let about_nothing = review("x", key("b", "9"), "m1", 0.5);
    refused!(
        f.store.commit(&batch(2).with(put_review(about_nothing))).await,
        E::NotFound { kind: "sku", .. }
    );
    let of_nobody = review("x", key("b", "0"), "m9", 0.5);
    refused!(f.store.commit(&batch(2).with(put_review(of_nobody))).await, E::NotFound { kind: "master", .. });
    refused!(f.store.commit(&batch(2).with(delete("b", "0"))).await, E::Precondition { .. });
    let closed = Review { state: ReviewState::Withdrawn, ..review("r00", key("b", "0"), "m1", 0.0) };
    f.keep(batch(3).with(put_review(again)).with(put_review(closed))).await;
    let closed = Review { state: ReviewState::Withdrawn, ..review("other", key("b", "0"), "m1", 0.5) };
    f.keep(batch(4).with(delete("b", "0")).with(put_review(closed))).await;
    assert_eq!(f.store.verify().await.unwrap(), []);
}

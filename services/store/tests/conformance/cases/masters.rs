use crate::fixture::Fixture;
use crate::refused;
use crate::support::words::*;
use domain::*;
use store::StoreError as E;
use store::{Deleted, Expect, Mutation, Page};

/// Nodes a, b, c with SKUs 1 and 2 each; masters m1 = {a/1, b/1}, m2 = {a/2, b/2}.
async fn two_masters(f: &Fixture) {
    let mut all = batch(1);
    for node in ["a", "b", "c"] {
        all = all.with(put_node(node)).with(put_sku(node, "1", "可乐")).with(put_sku(node, "2", "雪碧"));
    }
    for (code, master) in [("1", "m1"), ("2", "m2")] {
        all = all.with(put_master(master)).with(join("a", code, master)).with(join("b", code, master));
        all =
            all.with(state("a", code, MatchState::LinkedAuto)).with(state("b", code, MatchState::LinkedAuto));
    }
    f.keep(all).await;
}

pub async fn a_code_is_translated(f: Fixture) {
    two_masters(&f).await;
    let translation = f.store.translate(&key("a", "1"), &[]).await.unwrap();
    assert_eq!((translation.state, translation.master), (MatchState::LinkedAuto, Some(MasterId::new("m1"))));
    let keys: Vec<_> = translation.skus.iter().map(|row| row.value.sku.key.to_string()).collect();
    assert_eq!(keys, ["b/1"]);
    let to_c = f.store.translate(&key("a", "1"), &[NodeId("c".into())]).await.unwrap();
    assert!(to_c.skus.is_empty());
    let alone = f.store.translate(&key("c", "1"), &[]).await.unwrap();
    assert_eq!((alone.state, alone.master, alone.skus.len()), (MatchState::NotRun, None, 0));
    refused!(f.store.translate(&key("c", "9"), &[]).await, E::NotFound { .. });

    let members = f.store.members(&MasterId::new("m1"), &Page::first(1)).await.unwrap();
    assert_eq!(members.items[0].value.sku.key, key("a", "1"));
    let rest = f.store.members(&MasterId::new("m1"), &Page::after(1, members.next)).await.unwrap();
    assert_eq!((rest.items[0].value.sku.key.clone(), rest.next), (key("b", "1"), None));
    let masters = f.store.masters_of(&[key("a", "2"), key("c", "2")]).await.unwrap();
    assert_eq!(masters.into_iter().collect::<Vec<_>>(), [(key("a", "2"), MasterId::new("m2"))]);
    assert_eq!(f.store.list_members(&Page::first(10)).await.unwrap().items.len(), 4);
}

pub async fn one_sku_a_node(f: Fixture) {
    two_masters(&f).await;
    let both = batch(2).with(join("a", "2", "m1")).with(join("b", "2", "c")).with(put_master("c"));
    refused!(f.store.commit(&both).await, E::Precondition { .. });
    let many = Node { holding: Holding::ManyPerMaster, ..node("a") };
    let widen = Mutation::PutNode { node: many, expect: Expect::Any };
    f.keep(batch(3).with(widen).with(join("a", "2", "m1"))).await;
    let narrow = batch(4).with(put_node("a"));
    refused!(f.store.commit(&narrow).await, E::Precondition { .. });
}

pub async fn merges_redirect(f: Fixture) {
    two_masters(&f).await;
    let move_all =
        |from: &str, into: &str, second| batch(second).with(merged(from, into)).with(join("c", "1", into));
    // b/2 and a/2 cannot move in: their nodes hold a product once. So they leave first.
    refused!(f.store.commit(&move_all("m2", "m1", 2)).await, E::Precondition { .. });
    f.keep(
        batch(3)
            .with(state("a", "2", MatchState::Stale))
            .with(state("b", "2", MatchState::Stale))
            .with(leave("a", "2"))
            .with(leave("b", "2"))
            .with(merged("m2", "m1"))
            .with(join("c", "2", "m1")),
    )
    .await;
    let way = f.store.resolve_master(&MasterId::new("m2")).await.unwrap();
    assert_eq!((way.master.value.id.as_str(), way.path.len()), ("m1", 2));
    // m1 is merged in turn: the way gets longer, and ends.
    f.keep(
        batch(4)
            .with(put_master("m3"))
            .with(join("a", "1", "m3"))
            .with(join("b", "1", "m3"))
            .with(join("c", "2", "m3"))
            .with(merged("m1", "m3")),
    )
    .await;
    let way = f.store.resolve_master(&MasterId::new("m2")).await.unwrap();
    let path: Vec<_> = way.path.iter().map(MasterId::as_str).collect();
    assert_eq!((way.master.value.id.as_str(), path), ("m3", vec!["m2", "m1", "m3"]));
    refused!(f.store.resolve_master(&MasterId::new("never")).await, E::NotFound { .. });
    // And back.
    f.keep(batch(5).with(master_state("m1", MasterState::Live)).with(join("a", "1", "m1"))).await;
    assert_eq!(f.store.resolve_master(&MasterId::new("m2")).await.unwrap().master.value.id.as_str(), "m1");
    for (shown, ids) in [(Deleted::Hidden, vec!["m1", "m3"]), (Deleted::Shown, vec!["m1", "m2", "m3"])] {
        let masters = f.store.list_masters(shown, &Page::first(10)).await.unwrap().items;
        assert_eq!(masters.iter().map(|m| m.value.id.as_str()).collect::<Vec<_>>(), ids);
    }
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn only_live_masters_take_merges(f: Fixture) {
    two_masters(&f).await;
    let empty = |id: &str| {
        let code = if id == "m1" { "1" } else { "2" };
        batch(2)
            .with(state("a", code, MatchState::Stale))
            .with(state("b", code, MatchState::Stale))
            .with(leave("a", code))
            .with(leave("b", code))
    };
    refused!(f.store.commit(&empty("m1").with(merged("m1", "m1"))).await, E::Precondition { .. });
    refused!(f.store.commit(&empty("m1").with(merged("m1", "nowhere"))).await, E::NotFound { .. });
    f.keep(empty("m1").with(master_state("m1", MasterState::Retired))).await;
    refused!(f.store.commit(&empty("m2").with(merged("m2", "m1"))).await, E::Precondition { .. });
    refused!(f.store.commit(&batch(3).with(join("c", "1", "m1"))).await, E::Precondition { .. });
    let end = f.store.resolve_master(&MasterId::new("m1")).await.unwrap();
    assert_eq!(end.master.value.state, MasterState::Retired);
}

/// A row whose link people confirmed says something else: it stays where it is.
pub async fn a_linked_sku_is_renamed(f: Fixture) {
    two_masters(&f).await;
    f.keep(batch(2).with(state("a", "1", MatchState::LinkedConfirmed))).await;
    f.keep(batch(3).with(put_sku("a", "1", "renamed"))).await;
    let row = f.store.sku(&key("a", "1")).await.unwrap().unwrap();
    assert_eq!((row.value.sku.name.as_str(), row.value.state), ("renamed", MatchState::LinkedConfirmed));
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn rules_hold_at_the_end(f: Fixture) {
    two_masters(&f).await;
    for broken in [
        // a member that is deleted
        batch(2).with(delete("a", "1")),
        // linked without a master
        batch(2).with(state("c", "1", MatchState::LinkedAuto)),
        batch(2).with(leave("a", "1")),
        // a master that nobody is in
        batch(2).with(put_master("empty")),
        // members of a master that is no longer
        batch(2).with(merged("m1", "m2")),
        batch(2).with(master_state("m1", MasterState::Retired)),
    ] {
        refused!(f.store.commit(&broken).await, E::Precondition { .. });
    }
    refused!(
        f.store.commit(&batch(2).with(join("c", "1", "never"))).await,
        E::NotFound { kind: "master", .. }
    );
    refused!(f.store.commit(&batch(2).with(join("c", "9", "m1"))).await, E::NotFound { kind: "sku", .. });
    // Order inside a batch does not matter.
    f.keep(
        batch(3)
            .with(delete("a", "1"))
            .with(state("b", "1", MatchState::NoCandidate))
            .with(master_state("m1", MasterState::Retired))
            .with(leave("a", "1"))
            .with(leave("b", "1")),
    )
    .await;
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn links_are_found_from_both_sides(f: Fixture) {
    two_masters(&f).await;
    let put = |link: Link| batch(2).with(Mutation::PutLink { link });
    f.keep(put(link(key("b", "1"), key("a", "1")))).await;
    for side in [key("a", "1"), key("b", "1")] {
        let links = f.store.links_of(std::slice::from_ref(&side)).await.unwrap();
        let found = &links[0].value;
        assert_eq!((links.len(), &found.left, &found.right), (1, &key("a", "1"), &key("b", "1")));
        assert_eq!(found.inverse.right, Some(MasterId::new("was")), "turned with the sides");
    }
    assert_eq!(f.store.links_of(&[key("a", "1"), key("b", "1"), key("c", "1")]).await.unwrap().len(), 1);
    let cause = f.store.links_of(&[key("a", "1")]).await.unwrap()[0].value.cause;
    let listed = f.store.list_links(cause, &Page::first(1)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert!(listed.next.is_none());
    assert_eq!(f.store.count_links(cause, 0.0).await.unwrap(), 1);
    assert_eq!(f.store.link_counts(1_000_000).await.unwrap(), [(cause, 2, 1)]);
    let by_node: i64 = f.store.state_counts_by_node().await.unwrap().iter().map(|(.., count)| count).sum();
    let all: i64 = f.store.state_counts().await.unwrap().iter().map(|(_, count)| count).sum();
    assert_eq!(by_node, all);
    refused!(f.store.commit(&put(link(key("a", "1"), key("b", "2")))).await, E::Precondition { .. });
    refused!(f.store.commit(&put(link(key("a", "1"), key("a", "1")))).await, E::Precondition { .. });
    // Who leaves takes the link along, or stays.
    let part = batch(3).with(state("a", "1", MatchState::Stale)).with(leave("a", "1"));
    refused!(f.store.commit(&part).await, E::Precondition { .. });
    let remove = Mutation::RemoveLink { left: key("b", "1"), right: key("a", "1") };
    f.keep(part.with(remove.clone())).await;
    refused!(f.store.commit(&batch(4).with(remove)).await, E::NotFound { kind: "link", .. });
    assert!(f.store.links_of(&[key("b", "1")]).await.unwrap().is_empty());
}

pub async fn revisions_tell_the_history(f: Fixture) {
    two_masters(&f).await;
    let m1 = MasterId::new("m1");
    let ack = f.keep(batch(2).with(join("c", "1", "m1"))).await;
    assert_eq!(ack.versions, [Version(2)], "its members are part of a master");
    let confirmed = Master { standing: Standing::Confirmed, ..master("m1") };
    let put = |expect| batch(3).with(Mutation::PutMaster { master: confirmed.clone(), expect });
    refused!(f.store.commit(&put(Expect::Version(Version(1)))).await, E::Conflict { .. });
    f.keep(put(Expect::Version(Version(2)))).await;
    let history = f.store.revisions(&m1, None, 10).await.unwrap();
    let told: Vec<_> =
        history.iter().map(|r| (r.number.0, r.members.len(), r.master.standing, r.at)).collect();
    assert_eq!(
        told,
        [
            (3, 3, Standing::Confirmed, at(3)),
            (2, 3, Standing::Proposed, at(2)),
            (1, 2, Standing::Proposed, at(1))
        ]
    );
    assert_eq!(history[0].cause, "test");
    assert_eq!(f.store.revisions(&m1, Some(Version(3)), 1).await.unwrap()[0].number, Version(2));
}

pub async fn a_node_narrows(f: Fixture) {
    two_masters(&f).await;
    let many = Node { holding: Holding::ManyPerMaster, ..node("a") };
    let widen = Mutation::PutNode { node: many, expect: Expect::Any };
    f.keep(batch(2).with(widen).with(join("a", "2", "m1"))).await;
    // Splitting and narrowing in one batch.
    f.keep(batch(3).with(join("a", "2", "m2")).with(put_node("a"))).await;
    assert_eq!(f.store.verify().await.unwrap(), []);
}

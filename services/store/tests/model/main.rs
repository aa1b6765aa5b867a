//! Random batches against a model of a hundred lines that knows the rules only as a whole: it looks at everything
//! after every batch, where the store looks at what was touched. Both must agree on what is refused, on every row and
//! version, on the number of changes; and the change log alone must be enough to rebuild what the store holds.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

#[path = "../support/mod.rs"]
mod support;

mod model;
mod replay;

use domain::*;
use model::Model;
use proptest::prelude::*;
use replay::Replayed;
use store::{Deleted, Expect, Location, Mutation, Page, SkuFilter, Store, StoreError};
use support::words::*;

const NODES: [&str; 3] = ["a", "b", "c"];
const CODES: [&str; 3] = ["1", "2", "3"];
const MASTERS: [&str; 4] = ["m0", "m1", "m2", "m3"];

fn any_key() -> impl Strategy<Value = SkuKey> {
    (0..3usize, 0..3usize).prop_map(|(n, c)| key(NODES[n], CODES[c]))
}

fn any_master() -> impl Strategy<Value = MasterId> {
    (0..4usize).prop_map(|m| MasterId::new(MASTERS[m]))
}

fn any_state() -> impl Strategy<Value = MatchState> {
    prop_oneof![
        4 => Just(MatchState::NoCandidate),
        2 => Just(MatchState::LinkedAuto),
        1 => Just(MatchState::Stale),
    ]
}

fn any_expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        6 => Just(Expect::Any),
        1 => Just(Expect::Absent),
        1 => Just(Expect::Present),
        1 => (1..4i64).prop_map(|version| Expect::Version(Version(version))),
    ]
}

fn any_master_state() -> impl Strategy<Value = MasterState> {
    prop_oneof![
        4 => Just(MasterState::Live),
        2 => any_master().prop_map(|into| MasterState::Merged { into }),
        1 => Just(MasterState::Retired),
    ]
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        1 => (0..3usize, any::<bool>(), 0..4u8).prop_map(|(n, many, archived)| {
            let holding = if many { Holding::ManyPerMaster } else { Holding::OnePerMaster };
            let archived = (archived == 0).then_some(at(9));
            Mutation::PutNode { node: Node { holding, archived, ..node(NODES[n]) }, expect: Expect::Any }
        }),
        4 => (any_key(), 0..3u8, proptest::option::weighted(0.3, any_state()), any_expect()).prop_map(
            |(key, name, state, expect)| {
                let sku = LocalSku { key, ..LocalSku::named("", "", &format!("name {name}")) };
                Mutation::PutSku { sku, state, expect }
            }
        ),
        2 => (any_key(), any_expect()).prop_map(|(key, expect)| Mutation::DeleteSku { key, expect }),
        2 => (any_key(), any_expect()).prop_map(|(key, expect)| Mutation::UndeleteSku { key, expect }),
        3 => (any_key(), any_state(), any_expect())
            .prop_map(|(key, state, expect)| Mutation::SetState { key, state, expect }),
        4 => (any_master(), any_master_state(), any_expect()).prop_map(|(id, state, expect)| {
            Mutation::PutMaster { master: Master { state, ..master(id.as_str()) }, expect }
        }),
        8 => (any_key(), proptest::option::weighted(0.8, any_master()))
            .prop_map(|(key, master)| Mutation::SetMember { key, master }),
        3 => (any_key(), any_key(), any::<bool>()).prop_map(|(left, right, stale)| {
            let freshness = if stale { Freshness::Stale } else { Freshness::Current };
            Mutation::PutLink { link: Link { freshness, ..link(left, right) } }
        }),
        2 => (any_key(), any_key()).prop_map(|(left, right)| Mutation::RemoveLink { left, right }),
        3 => (0..3u8, any_key(), any_master(), any::<bool>(), any_expect()).prop_map(
            |(id, sku, master, open, expect)| {
                let state = if open { ReviewState::Open } else { ReviewState::Withdrawn };
                let review = review(&format!("r{id}"), sku, master.as_str(), 0.5);
                Mutation::PutReview { review: Review { state, ..review }, expect }
            }
        ),
    ]
}

/// Joining in earnest: a SKU is written, and is in a live master, by one batch. Random mutations alone rarely get
/// there.
fn join_up() -> impl Strategy<Value = Vec<Mutation>> {
    (any_key(), any_master()).prop_map(|(key, id)| {
        vec![
            Mutation::PutMaster { master: master(id.as_str()), expect: Expect::Any },
            Mutation::SetMember { key, master: Some(id) },
        ]
    })
}

/// A waiting question about a SKU and a master that has a member: what a deletion has to look out for.
fn ask_up() -> impl Strategy<Value = Vec<Mutation>> {
    (join_up(), 0..3u8, any_key()).prop_map(|(mut all, id, sku)| {
        let Mutation::PutMaster { master, .. } = &all[0] else {
            unreachable!("join_up begins with a master")
        };
        let review = review(&format!("r{id}"), sku, master.id.as_str(), 0.5);
        all.push(put_review(review));
        all
    })
}

fn any_batch() -> impl Strategy<Value = Vec<Mutation>> {
    prop_oneof![
        3 => proptest::collection::vec(any_mutation(), 1..3),
        1 => proptest::collection::vec(any_mutation(), 3..6),
        4 => join_up(),
        2 => ask_up(),
    ]
}

async fn compare(store: &Store, model: &Model) {
    let all = SkuFilter { deleted: Deleted::Shown, ..Default::default() };
    let page = Page::first(1_000);
    let skus = store.list_skus(&all, &page).await.unwrap().items;
    let skus: Vec<_> = skus
        .into_iter()
        .map(|row| {
            (
                row.value.sku.key.clone(),
                (row.value.sku.name, row.value.state, row.value.deleted.is_some(), row.version),
            )
        })
        .collect();
    assert_eq!(skus, model.skus.clone().into_iter().collect::<Vec<_>>());
    let masters = store.list_masters(Deleted::Shown, &page).await.unwrap().items;
    let masters: Vec<_> =
        masters.into_iter().map(|row| (row.value.id, (row.value.state, row.version))).collect();
    assert_eq!(masters, model.masters.clone().into_iter().collect::<Vec<_>>());
    let members = store.list_members(&page).await.unwrap().items;
    let members: Vec<_> = members.into_iter().map(|member| (member.key, member.master)).collect();
    assert_eq!(members, model.members.clone().into_iter().collect::<Vec<_>>());
    let keys: Vec<SkuKey> = model.skus.keys().cloned().collect();
    let links = store.links_of(&keys).await.unwrap();
    let links: Vec<_> = links
        .into_iter()
        .map(|row| ((row.value.left.clone(), row.value.right.clone()), row.value.freshness))
        .collect();
    assert_eq!(links, model.links.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(store.last_sequence().await.unwrap().0, model.changes);
}

async fn run(batches: Vec<Vec<Mutation>>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(folder.path().join("truth.db"))).await.unwrap();
    let mut model = Model::default();
    let mut start: Vec<Mutation> = NODES.iter().map(|id| put_node(id)).collect();
    // One of them may list a product several times, until a batch says otherwise.
    let many = Node { holding: Holding::ManyPerMaster, ..node("c") };
    start.push(Mutation::PutNode { node: many, expect: Expect::Any });
    start.extend(NODES.iter().flat_map(|n| CODES.iter().map(|c| put_sku(n, c, "name 0"))));
    for (second, mutations) in std::iter::once(start).chain(batches).enumerate() {
        let mut all = batch(second as i64);
        all.mutations = mutations;
        let kept = store.commit(&all).await;
        match (&kept, model.after(&all.mutations)) {
            (Ok(_), Ok(next)) => model = next,
            (Err(StoreError::Internal(_) | StoreError::Corrupt(_) | StoreError::Unavailable(_)), _) => {
                panic!("{kept:?} for {:?}", all.mutations)
            }
            (Err(_), Err(_)) => {}
            (kept, expected) => {
                panic!("{kept:?} instead of {:?} for {:?}", expected.map(|_| ()), all.mutations)
            }
        }
        compare(&store, &model).await;
    }
    assert_eq!(store.verify().await.unwrap(), []);
    let log = store.changes_after(Sequence(0), usize::MAX).await.unwrap();
    Replayed::of(&log).compare(&store).await;
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(batches in proptest::collection::vec(any_batch(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(batches));
    }
}

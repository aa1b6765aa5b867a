use crate::fixture::Fixture;
use crate::refused;
use crate::support::words::*;
use domain::*;
use store::StoreError as E;
use store::{Deleted, Expect, Mutation, Page, SkuFilter, Store};

pub async fn nodes_live_and_are_archived(f: Fixture) {
    let ack = f.keep(batch(1).with(put_node("a")).with(put_node("b"))).await;
    assert_eq!(ack.versions, [Version(1), Version(1)]);
    let stored = f.store.node(&NodeId("a".into())).await.unwrap().unwrap();
    assert_eq!(stored, Stored::new(node("a"), at(1)));

    let put = |node: Node, expect| batch(2).with(Mutation::PutNode { node, expect });
    refused!(f.store.commit(&put(node("a"), Expect::Absent)).await, E::AlreadyExists { kind: "node", .. });
    refused!(f.store.commit(&put(node("c"), Expect::Present)).await, E::NotFound { kind: "node", .. });
    let old = Expect::Version(Version(7));
    refused!(f.store.commit(&put(node("a"), old)).await, E::Conflict { found: Version(1), .. });

    let archived = Node { archived: Some(at(3)), ..node("a") };
    f.keep(put(archived, Expect::Version(Version(1)))).await;
    refused!(f.store.commit(&batch(4).with(put_sku("a", "1", "可乐"))).await, E::Precondition { .. });
    for (shown, ids) in [(Deleted::Hidden, vec!["b"]), (Deleted::Shown, vec!["a", "b"])] {
        let nodes = f.store.nodes(shown, &Page::first(10)).await.unwrap().items;
        assert_eq!(nodes.iter().map(|n| n.value.id.0.as_str()).collect::<Vec<_>>(), ids);
    }
}

pub async fn skus_live_and_are_deleted(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let key = key("a", "1");
    let full = LocalSku {
        brand: Some("可口可乐".into()),
        spec: Some("500ml*24".into()),
        unit: Some("箱".into()),
        category: Some("饮料".into()),
        gtin: Some("6901028137416".into()),
        description: Some("".into()),
        price: Some(48.5),
        ..LocalSku::named("a", "1", "可乐")
    };
    let put =
        |sku: &LocalSku, expect| batch(2).with(Mutation::PutSku { sku: sku.clone(), state: None, expect });
    f.keep(put(&full, Expect::Absent)).await;
    let stored = f.store.sku(&key).await.unwrap().unwrap();
    assert_eq!((&stored.value.sku, stored.value.state), (&full, MatchState::NotRun));

    let renamed = LocalSku { name: "可乐箱".into(), ..full.clone() };
    assert_eq!(f.keep(put(&renamed, Expect::Version(Version(1)))).await.versions, [Version(2)]);
    refused!(f.store.commit(&put(&full, Expect::Version(Version(1)))).await, E::Conflict { .. });
    refused!(f.store.commit(&put(&full, Expect::Absent)).await, E::AlreadyExists { .. });

    f.keep(batch(3).with(delete("a", "1"))).await;
    let stored = f.store.sku(&key).await.unwrap().unwrap();
    assert_eq!((stored.value.deleted, stored.version), (Some(at(3)), Version(3)));
    refused!(f.store.commit(&batch(4).with(delete("a", "1"))).await, E::NotFound { .. });
    refused!(f.store.commit(&put(&full, Expect::Any)).await, E::Precondition { .. });
    refused!(f.store.commit(&batch(4).with(state("a", "1", MatchState::Rejected))).await, E::NotFound { .. });

    let undelete = |expect| batch(5).with(Mutation::UndeleteSku { key: key.clone(), expect });
    f.keep(undelete(Expect::Version(Version(3)))).await;
    let stored = f.store.sku(&key).await.unwrap().unwrap();
    assert_eq!((stored.value.is_live(), stored.value.state), (true, MatchState::NotRun));
    assert_eq!((stored.version, stored.created, stored.updated), (Version(4), at(2), at(5)));
    refused!(f.store.commit(&undelete(Expect::Any)).await, E::Precondition { .. });
}

pub async fn the_same_again_changes_nothing(f: Fixture) {
    f.keep(batch(1).with(put_node("a")).with(put_sku("a", "1", "可乐"))).await;
    let before = f.store.last_sequence().await.unwrap();
    let ack = f.keep(batch(2).with(put_sku("a", "1", "可乐")).with(put_node("a"))).await;
    assert_eq!((ack.before, ack.last), (before, before));
    assert_eq!(ack.versions, [Version(1), Version(1)]);
    assert_eq!(f.store.sku(&key("a", "1")).await.unwrap().unwrap().updated, at(1));
    // Absent is not the same as empty.
    let sku = LocalSku { brand: Some(String::new()), ..LocalSku::named("a", "1", "可乐") };
    let ack = f.keep(batch(3).with(Mutation::PutSku { sku, state: None, expect: Expect::Any })).await;
    assert_eq!(ack.versions, [Version(2)]);
}

pub async fn a_sku_needs_a_node(f: Fixture) {
    refused!(
        f.store.commit(&batch(1).with(put_sku("a", "1", "可乐"))).await,
        E::NotFound { kind: "node", .. }
    );
    f.keep(batch(1).with(put_node("a")).with(put_sku("a", "1", "可乐"))).await;
}

pub async fn odd_texts_survive(f: Fixture) {
    let odd = [
        "a/b",
        "%2F",
        "'; DROP TABLE skus; --",
        "$1",
        "?",
        "\"",
        "\\",
        "  ",
        "🥤",
        "e\u{301}",
        "\u{202e}abc",
        "line\nbreak",
        "NULL",
    ];
    f.keep(batch(1).with(put_node("'n$1"))).await;
    let mut all = batch(2);
    for text in odd {
        all = all.with(put_sku("'n$1", text, text));
    }
    f.keep(all).await;
    for text in odd {
        let stored = f.store.sku(&key("'n$1", text)).await.unwrap().unwrap();
        assert_eq!(stored.value.sku.name, text);
    }
    let codes: Vec<String> = odd.map(String::from).to_vec();
    assert_eq!(f.store.lookup_codes(None, &codes).await.unwrap().len(), odd.len());
}

pub async fn unkeepable_values_are_refused(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let named = |name: &str| LocalSku::named("a", "1", name);
    let long = "长".repeat(30_000);
    for sku in [
        named(""),
        named("nul\0"),
        named(&long),
        LocalSku { key: key("a", ""), ..named("x") },
        LocalSku { key: key("a", &"9".repeat(513)), ..named("x") },
        LocalSku { price: Some(f64::NAN), ..named("x") },
        LocalSku { brand: Some(long.clone()), ..named("x") },
    ] {
        let put = batch(2).with(Mutation::PutSku { sku, state: None, expect: Expect::Any });
        refused!(f.store.commit(&put).await, E::Invalid { .. });
    }
    for position in [(f64::NAN, 0.0), (90.1, 0.0), (0.0, f64::INFINITY)] {
        let place = Some(Place { address: String::new(), position: Some(position) });
        let put = Mutation::PutNode { node: Node { place, ..node("b") }, expect: Expect::Any };
        refused!(f.store.commit(&batch(2).with(put)).await, E::Invalid { .. });
    }
    assert_eq!(f.store.last_sequence().await.unwrap(), Sequence(1));
}

pub async fn a_batch_is_whole_or_absent(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let mut all = batch(2);
    for i in 0..300 {
        all = all.with(put_sku("a", &format!("{i}"), "可乐"));
    }
    let broken = all.clone().with(delete("a", "missing"));
    refused!(f.store.commit(&broken).await, E::NotFound { .. });
    assert_eq!(f.store.last_sequence().await.unwrap(), Sequence(1));
    assert!(f.store.list_skus(&SkuFilter::default(), &Page::first(1)).await.unwrap().items.is_empty());
    let ack = f.keep(all).await;
    assert_eq!((ack.before, ack.last), (Sequence(1), Sequence(301)));
    // Later mutations see earlier ones.
    let ack = f
        .keep(batch(3).with(put_sku("a", "x", "一")).with(put_sku("a", "x", "二")).with(delete("a", "x")))
        .await;
    assert_eq!(ack.versions, [Version(3); 3]);
}

pub async fn states_are_counted(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let mut all = batch(2);
    for code in ["1", "2", "3", "4"] {
        all = all.with(put_sku("a", code, "可乐"));
    }
    f.keep(all.with(state("a", "1", MatchState::NoCandidate)).with(state("a", "2", MatchState::Rejected)))
        .await;
    f.keep(batch(3).with(delete("a", "4"))).await;
    let counts = f.store.state_counts().await.unwrap();
    assert_eq!(counts, [(MatchState::NoCandidate, 1), (MatchState::NotRun, 1), (MatchState::Rejected, 1)]);
    // A state that moves leaves the version alone, but an answer about an older row is refused.
    let row = f.store.sku(&key("a", "1")).await.unwrap().unwrap();
    assert_eq!((row.version, row.updated), (Version(1), at(2)));
    f.keep(batch(4).with(put_sku("a", "1", "雪碧"))).await;
    let late = Mutation::SetState {
        key: key("a", "1"),
        state: MatchState::Rejected,
        expect: Expect::Version(Version(1)),
    };
    refused!(f.store.commit(&batch(5).with(late)).await, E::Conflict { .. });
}

async fn codes(store: &Store, filter: &SkuFilter, size: usize) -> Vec<String> {
    let (mut codes, mut page) = (Vec::new(), Page::first(size));
    loop {
        let paged = store.list_skus(filter, &page).await.unwrap();
        assert!(paged.items.len() <= size);
        codes.extend(paged.items.iter().map(|row| row.value.sku.key.sku.to_string()));
        match paged.next {
            Some(token) => page = Page::after(size, Some(token)),
            None => return codes,
        }
    }
}

pub async fn pages_stay_in_place(f: Fixture) {
    f.keep(batch(1).with(put_node("a")).with(put_node("b"))).await;
    let mut all = batch(2).with(put_sku("b", "z", "雪碧"));
    for i in 10..35 {
        all = all.with(put_sku("a", &i.to_string(), "可乐"));
    }
    f.keep(all.with(state("a", "12", MatchState::Rejected)).with(delete("a", "13"))).await;
    let all = SkuFilter::default();
    let expected: Vec<String> =
        (10..35).filter(|i| *i != 13).map(|i| i.to_string()).chain(["z".into()]).collect();
    for size in [1, 7, 25, 100] {
        assert_eq!(codes(&f.store, &all, size).await, expected);
    }
    let rejected = SkuFilter { states: vec![MatchState::Rejected], ..all.clone() };
    assert_eq!(codes(&f.store, &rejected, 5).await, ["12"]);
    let of_b = SkuFilter { node: Some(NodeId("b".into())), ..all.clone() };
    assert_eq!(codes(&f.store, &of_b, 5).await, ["z"]);
    let shown = SkuFilter { deleted: Deleted::Shown, ..all.clone() };
    assert_eq!(codes(&f.store, &shown, 9).await.len(), 26);

    let first = f.store.list_skus(&all, &Page::first(5)).await.unwrap();
    // Rows before and after the place come and go.
    f.keep(batch(3).with(put_sku("a", "00", "新")).with(put_sku("a", "155", "新")).with(delete("a", "14")))
        .await;
    let second = f.store.list_skus(&all, &Page::after(3, first.next.clone())).await.unwrap();
    let second: Vec<_> = second.items.iter().map(|row| row.value.sku.key.sku.as_str()).collect();
    assert_eq!(second, ["155", "16", "17"]);
    refused!(f.store.list_skus(&rejected, &Page::after(3, first.next)).await, E::PageToken);
    refused!(f.store.list_skus(&all, &Page::after(3, Some("AAAA".into()))).await, E::PageToken);
}

trait AsStr {
    fn as_str(&self) -> &str;
}

impl AsStr for SkuCode {
    fn as_str(&self) -> &str {
        &self.0
    }
}

pub async fn codes_are_looked_up(f: Fixture) {
    let mut all = batch(1);
    for node in ["a", "b"] {
        all = all.with(put_node(node));
        for code in ["1", "2", "3"] {
            all = all.with(put_sku(node, code, "可乐"));
        }
    }
    f.keep(all.with(delete("b", "2"))).await;
    let wanted = ["2".to_owned(), "3".to_owned(), "9".to_owned()];
    let keys = |rows: Vec<Stored<CatalogSku>>| -> Vec<String> {
        rows.iter().map(|row| row.value.sku.key.to_string()).collect()
    };
    assert_eq!(keys(f.store.lookup_codes(None, &wanted).await.unwrap()), ["a/2", "a/3", "b/3"]);
    let b = NodeId("b".into());
    assert_eq!(keys(f.store.lookup_codes(Some(&b), &wanted).await.unwrap()), ["b/3"]);
    assert_eq!(keys(f.store.lookup_codes(None, &[]).await.unwrap()).len(), 0);
    let asked = [key("b", "2"), key("a", "1"), key("x", "1"), key("a", "1")];
    assert_eq!(keys(f.store.skus(&asked).await.unwrap()), ["a/1", "b/2"]);
}

pub async fn candidates_are_replaced(f: Fixture) {
    f.keep(batch(1).with(put_node("a")).with(put_sku("a", "1", "可乐"))).await;
    let candidate = |code: &str, confidence| Candidate {
        other: key("b", code),
        confidence: Confidence::saturating(confidence),
        zone: Zone::Review,
        evidence: "{}".into(),
        model: "scorer-1".into(),
    };
    let set = |candidates: &[Candidate]| {
        batch(2).with(Mutation::SetCandidates { key: key("a", "1"), candidates: candidates.to_vec() })
    };
    let (two, one) = ([candidate("x", 0.7), candidate("y", 0.4)], [candidate("z", 0.2)]);
    let ack = f.keep(set(&two)).await;
    assert_eq!(ack.before, ack.last, "derived data is not in the log");
    assert_eq!(f.store.candidates(&key("a", "1")).await.unwrap(), two);
    f.keep(set(&one)).await;
    assert_eq!(f.store.candidates(&key("a", "1")).await.unwrap(), one);
    f.keep(set(&[])).await;
    assert_eq!(f.store.candidates(&key("a", "1")).await.unwrap(), []);
}

pub async fn everything_survives_reopening(f: Fixture) {
    f.keep(batch(1).with(put_node("a")).with(put_sku("a", "1", "可乐"))).await;
    let row = f.store.sku(&key("a", "1")).await.unwrap();
    f.store.close().await;
    refused!(f.store.sku(&key("a", "1")).await, E::Unavailable(_));
    let again = f.another().await;
    assert_eq!(again.sku(&key("a", "1")).await.unwrap(), row);
    assert_eq!(again.schema_version().await.unwrap(), 8);
}

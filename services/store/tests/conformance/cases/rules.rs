use crate::fixture::Fixture;
use crate::refused;
use crate::support::words::*;
use domain::*;
use store::StoreError as E;
use store::{AuditFilter, DecisionFilter, Deleted, Mutation, Page, SHIPPED};

pub async fn decisions_hold_until_undone(f: Fixture) {
    let mut all = batch(1).with(put_node("a")).with(put_node("b"));
    for code in ["1", "2"] {
        all = all.with(put_sku("a", code, "可乐")).with(put_sku("b", code, "雪碧"));
    }
    f.keep(all).await;
    let add = |id: &str, sku, other, second| {
        batch(second).with(Mutation::AddDecision { decision: decision(id, sku, other, second) })
    };
    f.keep(add("d1", key("a", "1"), Some(key("b", "1")), 2)).await;
    f.keep(add("d2", key("b", "1"), None, 3)).await;
    f.keep(add("d3", key("a", "2"), Some(key("b", "2")), 4)).await;
    refused!(f.store.commit(&add("d1", key("a", "2"), None, 5)).await, E::AlreadyExists { .. });
    refused!(f.store.commit(&add("d9", key("a", "9"), None, 5)).await, E::NotFound { kind: "sku", .. });
    let of = |keys: Vec<SkuKey>| {
        let store = f.store.clone();
        async move {
            let rows = store.decisions_of(&keys).await.unwrap();
            rows.iter().map(|row| row.value.id.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(of(vec![key("b", "1")]).await, ["d1", "d2"]);
    assert_eq!(of(vec![key("b", "1"), key("a", "1"), key("a", "2")]).await, ["d1", "d2", "d3"]);

    let undo = batch(6).with(Mutation::UndoDecision { id: DecisionId::new("d1") });
    f.keep(undo.clone()).await;
    refused!(f.store.commit(&undo).await, E::Precondition { .. });
    assert_eq!(of(vec![key("b", "1")]).await, ["d2"]);
    let undone = f.store.decision(&DecisionId::new("d1")).await.unwrap().unwrap().value.undone;
    assert_eq!(undone, Some(Undone { by: actor("tester"), at: at(6) }));
    let listed = |filter: DecisionFilter, size| {
        let store = f.store.clone();
        async move {
            let (mut ids, mut page) = (Vec::new(), Page::first(size));
            loop {
                let paged = store.decisions(&filter, &page).await.unwrap();
                ids.extend(paged.items.iter().map(|row| row.value.id.to_string()));
                let Some(token) = paged.next else { return ids };
                page = Page::after(size, Some(token));
            }
        }
    };
    assert_eq!(listed(DecisionFilter::default(), 1).await, ["d3", "d2"]);
    let all = DecisionFilter { undone: Deleted::Shown, ..Default::default() };
    assert_eq!(listed(all.clone(), 2).await, ["d3", "d2", "d1"]);
    let about = DecisionFilter { sku: Some(key("b", "1")), ..all };
    assert_eq!(listed(about, 5).await, ["d2", "d1"]);
    let by = DecisionFilter { actor: Some(actor("nobody")), ..Default::default() };
    assert!(listed(by, 5).await.is_empty());
}

pub async fn policies_are_numbered_and_activated(f: Fixture) {
    let pair = PolicyScope::pair(NodeId("b".into()), NodeId("a".into()));
    let add = |scope: &PolicyScope, number| {
        batch(1).with(Mutation::AddPolicy { policy: policy(scope.clone(), number) })
    };
    let activate = |scope: &PolicyScope, number, expected| {
        batch(2).with(Mutation::ActivatePolicy { scope: scope.clone(), number, expected })
    };
    f.keep(add(&PolicyScope::Global, 1)).await;
    f.keep(add(&PolicyScope::Global, 2)).await;
    f.keep(add(&pair, 1)).await;
    refused!(f.store.commit(&add(&pair, 3)).await, E::Conflict { .. });
    refused!(f.store.commit(&add(&pair, 1)).await, E::Conflict { .. });
    let mut upside_down = policy(pair.clone(), 2);
    upside_down.zones.review = Confidence::saturating(0.9);
    let upside_down = batch(1).with(Mutation::AddPolicy { policy: upside_down });
    refused!(f.store.commit(&upside_down).await, E::Invalid { .. });

    assert!(f.store.active_policies().await.unwrap().is_empty());
    f.keep(activate(&PolicyScope::Global, 1, Some(0))).await;
    refused!(f.store.commit(&activate(&PolicyScope::Global, 2, Some(0))).await, E::Conflict { .. });
    f.keep(activate(&PolicyScope::Global, 2, Some(1))).await;
    refused!(f.store.commit(&activate(&pair, 2, None)).await, E::NotFound { .. });
    f.keep(activate(&pair, 1, None)).await;
    let active: Vec<_> = f.store.active_policies().await.unwrap();
    let active: Vec<_> = active.iter().map(|p| (p.value.scope.key(), p.value.number)).collect();
    assert_eq!(active, [("global".to_owned(), 2), ("pair:1:a:b".to_owned(), 1)]);
    let first = f.store.policies(&Page::first(2)).await.unwrap();
    let rest = f.store.policies(&Page::after(2, first.next)).await.unwrap();
    let numbers: Vec<_> = first.items.iter().chain(&rest.items).map(|p| p.value.number).collect();
    assert_eq!(numbers, [2, 1, 1]);
    let one = f.store.policy(&PolicyScope::Global, 1).await.unwrap().unwrap();
    assert_eq!(one.value.activity, Activity::Inactive);
    assert_eq!(one.value.author, Some(batch(1).actor), "who wrote it is kept");
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn one_scorer_is_in_use(f: Fixture) {
    let (ann, bob) = (actor("ann"), actor("bob"));
    assert_eq!(f.store.scorer_in_use().await.unwrap(), SHIPPED);
    for (number, title) in [(1, "a+tuned-1"), (2, "a+tuned-2")] {
        let made = f.store.add_scorer(title, "{}", "{\"labels\":3}", &ann, at(number)).await.unwrap();
        assert_eq!(made, number);
    }
    assert_eq!(f.store.scorer_in_use().await.unwrap(), SHIPPED, "kept, not used");
    f.store.use_scorer(1, SHIPPED, &bob, at(3)).await.unwrap();
    refused!(f.store.use_scorer(2, SHIPPED, &bob, at(4)).await, E::Precondition { .. });
    refused!(f.store.use_scorer(9, 1, &bob, at(4)).await, E::NotFound { .. });
    assert_eq!(f.store.scorer_in_use().await.unwrap(), 1, "a refusal changes nothing");
    f.store.use_scorer(2, 1, &ann, at(5)).await.unwrap();
    let all = f.store.scorers(10).await.unwrap();
    let told: Vec<_> = all.iter().map(|one| (one.number, one.in_use, one.used.clone())).collect();
    assert_eq!(told, [(2, true, Some((at(5), ann.clone()))), (1, false, Some((at(3), bob)))]);
    assert_eq!((all[0].title.as_str(), &all[0].author), ("a+tuned-2", &ann));
    assert_eq!(f.store.scorer_body(2).await.unwrap().unwrap(), "{}");
    f.store.use_scorer(SHIPPED, 2, &ann, at(6)).await.unwrap();
    assert_eq!(f.store.scorer_in_use().await.unwrap(), SHIPPED);
    let noted = f.store.audit_events(&AuditFilter::default(), &Page::first(10)).await.unwrap().items;
    let noted: Vec<_> =
        noted.iter().map(|event| format!("{} {}", event.note.action, event.note.subject)).collect();
    assert_eq!(
        noted,
        [
            "use_scorer scorers/0",
            "use_scorer scorers/2",
            "use_scorer scorers/1",
            "propose_scorer scorers/2",
            "propose_scorer scorers/1"
        ]
    );
}

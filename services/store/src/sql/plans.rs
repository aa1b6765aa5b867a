//! No call but verification reads a whole table: every statement that a day's work runs is recorded and its SQLite
//! plan looked at. (`(a, b) IN (VALUES …)`, for instance, looks innocent and reads everything.)

use super::Conn;
use crate::{
    AuditFilter, Batch, Claim, DecisionFilter, Deleted, Expect, Location, Mutation, Page, ReviewFilter,
    SkuFilter, Store,
};
use domain::*;
use std::collections::BTreeSet;
use std::sync::Mutex;

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Tables that grow with the catalogue; each may be read from its beginning only where a page of it is asked for.
const LARGE: [&str; 10] = [
    "skus",
    "candidates",
    "masters",
    "members",
    "revisions",
    "links",
    "reviews",
    "decisions",
    "changes",
    "requests",
];

/// Statements that are about a whole table or a page of it, from its beginning.
const MAY_SCAN: [&str; 5] = [
    "GROUP BY state",
    "GROUP BY t.state",
    "GROUP BY verdict",
    "GROUP BY 1, 2",
    "SELECT count(*) FROM links t",
];

pub(super) fn record(sql: &str) {
    let mut statements = STATEMENTS.lock().unwrap();
    statements.insert(sql.to_owned());
}

fn key(node: &str, code: &str) -> SkuKey {
    SkuKey::new(node, code)
}

async fn a_days_work(store: &Store) {
    let actor = Actor::new("ann");
    let at = Timestamp(1);
    let node = |id: &str| Node {
        id: NodeId(id.into()),
        title: String::new(),
        kind: NodeKind::Shop,
        place: None,
        holding: Holding::ManyPerMaster,
        archived: None,
    };
    let mut batch = Batch::new(at, &actor, "test");
    for id in ["a", "b"] {
        batch = batch.with(Mutation::PutNode { node: node(id), expect: Expect::Any });
        for code in ["1", "2"] {
            let sku = LocalSku::named(id, code, "可乐");
            batch = batch.with(Mutation::PutSku { sku, state: None, expect: Expect::Any });
        }
    }
    let master = Master {
        id: MasterId::new("m"),
        state: MasterState::Live,
        golden: Golden { name: SourcedValue { value: String::new(), source: None }, brand: None, spec: None },
        standing: Standing::Proposed,
    };
    let link = Link {
        left: key("a", "1"),
        right: key("b", "1"),
        cause: LinkCause::Auto,
        confidence: Confidence::ZERO,
        model: String::new(),
        policy: 0,
        decision: None,
        inverse: LinkInverse::default(),
        freshness: Freshness::Current,
    };
    let review = Review {
        id: ReviewId::new("r"),
        sku: key("a", "2"),
        master: MasterId::new("m"),
        confidence: Confidence::ZERO,
        value: 1.0,
        evidence: String::new(),
        model: String::new(),
        state: ReviewState::Open,
        assignee: None,
        lease_until: None,
        deferred_until: None,
    };
    let candidate = Candidate {
        other: key("b", "2"),
        confidence: Confidence::ZERO,
        zone: Zone::Reject,
        evidence: String::new(),
        model: String::new(),
    };
    let decision = Decision {
        id: DecisionId::new("d"),
        review: None,
        sku: key("a", "2"),
        other: Some(key("b", "2")),
        master: None,
        verdict: Verdict::Different,
        reason: String::new(),
        actor: actor.clone(),
        seen: String::new(),
        at,
        undone: None,
    };
    let join = |node: &str| Mutation::SetMember { key: key(node, "1"), master: Some(MasterId::new("m")) };
    let candidates = Mutation::SetCandidates { key: key("a", "2"), candidates: vec![candidate] };
    batch = batch
        .with(Mutation::PutMaster { master, expect: Expect::Any })
        .with(join("a"))
        .with(join("b"))
        .with(Mutation::PutLink { link })
        .with(Mutation::PutReview { review, expect: Expect::Any })
        .with(Mutation::AddDecision { decision })
        .with(candidates.clone());
    store.commit(&batch).await.unwrap();
    let narrow = Node { holding: Holding::OnePerMaster, ..node("a") };
    let batch = Batch::new(at, &actor, "test")
        .with(candidates)
        .with(Mutation::RemoveLink { left: key("a", "1"), right: key("b", "1") })
        .with(Mutation::SetMember { key: key("a", "1"), master: None })
        .with(Mutation::DeleteSku { key: key("a", "1"), expect: Expect::Any })
        .with(Mutation::PutNode { node: narrow, expect: Expect::Any });
    store.commit(&batch).await.unwrap();

    let claim = Claim { by: actor.clone(), at, lease_seconds: 1, filter: ReviewFilter::default(), limit: 1 };
    store.claim_reviews(&claim).await.unwrap();
    store.release_reviews(&[ReviewId::new("r")], &actor, at).await.unwrap();
    store.queue_stats(&ReviewFilter::default(), at).await.unwrap();
    store.decisions_of(&[key("a", "2"), key("b", "2")]).await.unwrap();
    store.links_of(&[key("a", "1")]).await.unwrap();
    store.masters_of(&[key("a", "1")]).await.unwrap();
    store.resolve_master(&MasterId::new("m")).await.unwrap();
    store.revisions(&MasterId::new("m"), None, 9).await.unwrap();
    store.translate(&key("b", "1"), &[]).await.unwrap();
    store.candidates(&key("a", "2")).await.unwrap();
    store.lookup_codes(None, &["1".to_owned()]).await.unwrap();
    store.changes_after(Sequence(1), 9).await.unwrap();
    store.state_counts().await.unwrap();
    store.state_counts_by_node().await.unwrap();
    store.count_links(LinkCause::Auto, 0.9).await.unwrap();
    store.link_counts(86_400_000_000).await.unwrap();
    let mut page = Page::first(1);
    for _ in 0..2 {
        page = Page::after(1, store.list_links(LinkCause::Auto, &page).await.unwrap().next);
    }
    let mut page = Page::first(1);
    for _ in 0..2 {
        let shown = SkuFilter { deleted: Deleted::Shown, ..Default::default() };
        page = Page::after(1, store.list_skus(&shown, &page).await.unwrap().next);
    }
    store.list_masters(Deleted::Hidden, &Page::first(1)).await.unwrap();
    store.members(&MasterId::new("m"), &Page::first(1)).await.unwrap();
    store.reviews(&ReviewFilter::default(), &Page::first(1)).await.unwrap();
    let about = DecisionFilter { sku: Some(key("b", "2")), ..Default::default() };
    store.decisions(&about, &Page::first(1)).await.unwrap();
    store.audit_events(&AuditFilter::default(), &Page::first(1)).await.unwrap();
    store.forget_requests(at).await.unwrap();
    store.trim_changes(Sequence(1)).await.unwrap();
}

#[tokio::test]
async fn no_large_table_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(folder.path().join("truth.db"))).await.unwrap();
    a_days_work(&store).await;
    let statements = STATEMENTS.lock().unwrap().clone();
    assert!(statements.len() > 50, "{} statements were recorded", statements.len());
    let mut reader = store.db.read().await.unwrap();
    let mut wrong = Vec::new();
    for sql in statements {
        let is_page = sql.contains(" LIMIT ") && sql.contains("ORDER BY");
        for step in plan(&mut reader.conn(), &sql).await {
            let table =
                step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
            let name = if table == "t" { table_of(&sql) } else { table };
            let sorted = is_page && step.contains(" USING ");
            if LARGE.contains(&name) && !sorted && !MAY_SCAN.iter().any(|part| sql.contains(part)) {
                wrong.push(format!("{step}: {sql}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn plan(conn: &mut Conn<'_>, sql: &str) -> Vec<String> {
    let mut steps = Vec::new();
    // Unbound parameters are NULL, which the planner does not look at.
    for mut row in conn.rows(format!("EXPLAIN QUERY PLAN {sql}"), Vec::new()).await.unwrap() {
        let (_, _, _) = (row.int().unwrap(), row.int().unwrap(), row.int().unwrap());
        steps.push(row.text().unwrap());
    }
    steps
}

/// The table that is called `t`.
fn table_of(sql: &str) -> &str {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let named = words.windows(2).find(|pair| pair[1] == "t" && !pair[0].ends_with(','));
    named.map_or("", |pair| pair[0])
}

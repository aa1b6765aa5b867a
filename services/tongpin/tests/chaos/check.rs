//! What has to be true afterwards.

use crate::book::Book;
use crate::support::wire::{Keys, Wire, verify};
use api::v1;
use api::v1::admin_service_client::AdminServiceClient;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::master_service_client::MasterServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use api::v1::review_service_client::ReviewServiceClient;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Everything that the server holds.
struct Held {
    /// By name, deleted ones too.
    skus: BTreeMap<String, v1::Sku>,
    masters: BTreeMap<String, v1::Master>,
    decisions: BTreeMap<String, v1::Decision>,
    last: i64,
}

pub async fn all(wire: &Wire, keys: &Keys, book: &Book) {
    settled(wire, keys).await;
    let held = held(wire, keys).await;
    let changes = catch_up(wire, keys, book, held.last).await;
    history(book, &changes);
    log(&changes, &held);
    rules(wire, keys, book, &held, &changes).await;
}

/// Waits until every SKU has been looked at.
async fn settled(wire: &Wire, keys: &Keys) {
    let begun = Instant::now();
    loop {
        let waiting = [v1::MatchState::NotRun.into(), v1::MatchState::Failed.into()].to_vec();
        let request =
            v1::ListSkusRequest { parent: "nodes/-".to_owned(), match_states: waiting, ..Default::default() };
        let listed = wire.insist(&keys.reader, |transport| {
            let request = request.clone();
            async move { CatalogServiceClient::new(transport).list_skus(request).await }
        });
        let waiting = listed.await.expect("a list").skus;
        if waiting.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "never looked at: {:?}", waiting[0]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn held(wire: &Wire, keys: &Keys) -> Held {
    let (mut skus, mut masters, mut decisions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    // A database that has just come back may still drop a connection of before: such a call is to be made again.
    let mut page_token = String::new();
    loop {
        let (parent, show_deleted) = ("nodes/-".to_owned(), true);
        let request =
            v1::ListSkusRequest { parent, page_size: 500, page_token, show_deleted, ..Default::default() };
        let page = wire.insist(&keys.reader, |transport| {
            let request = request.clone();
            async move { CatalogServiceClient::new(transport).list_skus(request).await }
        });
        let page = page.await.expect("a page");
        for sku in page.skus {
            let before = skus.insert(sku.name.clone(), sku);
            assert!(before.is_none(), "listed twice: {before:?}");
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let request = v1::ListMastersRequest { page_size: 500, page_token, show_retired: true };
        let page = wire.insist(&keys.reader, |transport| {
            let request = request.clone();
            async move { MasterServiceClient::new(transport).list_masters(request).await }
        });
        let page = page.await.expect("a page");
        masters.extend(page.masters.into_iter().map(|master| (master.name.clone(), master)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let request =
            v1::ListDecisionsRequest { show_undone: true, page_size: 500, page_token, ..Default::default() };
        let page = wire.insist(&keys.reader, |transport| {
            let request = request.clone();
            async move { ReviewServiceClient::new(transport).list_decisions(request).await }
        });
        let page = page.await.expect("a page");
        decisions.extend(page.decisions.into_iter().map(|decision| (decision.name.clone(), decision)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let info = wire.insist(&keys.admin, |transport| async move {
        AdminServiceClient::new(transport).get_server_info(v1::GetServerInfoRequest {}).await
    });
    let info = info.await.expect("told");
    Held { skus, masters, decisions, last: info.change_sequence }
}

/// The log as the watchers saw it: alike, and whole.
async fn catch_up(wire: &Wire, keys: &Keys, book: &Book, last: i64) -> Vec<v1::Change> {
    let [one, other] = book.seen.as_slice() else { panic!("two watchers") };
    let shared = one.changes.len().min(other.changes.len());
    assert!(one.changes[..shared] == other.changes[..shared], "two watchers saw different logs");
    let mut changes = if one.changes.len() > shared { one } else { other }.changes.clone();
    // Linking went on for a moment after the watchers had left.
    let request =
        v1::WatchChangesRequest { after_sequence: Some(changes.len() as i64), ..Default::default() };
    let mut client = MasterServiceClient::new(wire.with(&keys.reader));
    let mut rest = client.watch_changes(request).await.expect("a watch").into_inner();
    while (changes.len() as i64) < last {
        let more = tokio::time::timeout(Duration::from_secs(5), rest.message()).await;
        let more = more.expect("in time").expect("sound").expect("a message");
        changes.extend(more.changes);
    }
    for (at, change) in changes.iter().enumerate() {
        assert_eq!(change.sequence, at as i64 + 1);
    }
    changes
}

/// Every acknowledged write is in the log, where the acknowledgement said, once, and in its order; nothing else is.
fn history(book: &Book, changes: &[v1::Change]) {
    let mut logged: BTreeMap<&str, Vec<(&str, &str, i64)>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.kind == i32::from(v1::ChangeKind::Sku)) {
        let Some(v1::change::After::Sku(sku)) = &change.after else { panic!("{change:?}") };
        let text = sku.attributes.as_ref().map(|row| row.display_name.as_str()).unwrap_or_default();
        logged.entry(&change.resource).or_default().push((&change.action, text, change.sequence));
    }
    for (name, writes) in &book.writes {
        let logged = logged.remove(name.as_str()).unwrap_or_default();
        let said = |(action, text, _): &(&str, &str, i64)| ((*action).to_owned(), (*text).to_owned());
        let expected: Vec<(String, String)> =
            writes.iter().map(|write| (write.action.to_owned(), write.text.clone())).collect();
        let found: Vec<(String, String)> = logged.iter().map(said).collect();
        assert_eq!(found, expected, "{name}: acknowledged and logged");
        for ((_, _, at), write) in logged.iter().zip(writes) {
            // 0: a row of an import that was sent again, and was kept the first time.
            let told = write.sequence;
            assert!(told == 0 || *at <= told, "{name}: acknowledged at {told}, logged at {at}");
        }
    }
    assert!(logged.is_empty(), "never acknowledged, though everybody asked to the end: {logged:?}");
}

/// Whoever has read the log knows what the store holds.
fn log(changes: &[v1::Change], held: &Held) {
    let mut rows: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    let mut states: BTreeMap<&str, i32> = BTreeMap::new();
    let mut homes: BTreeMap<&str, &str> = BTreeMap::new();
    for change in changes {
        let name = change.resource.as_str();
        match &change.after {
            Some(v1::change::After::Sku(sku)) if change.kind == i32::from(v1::ChangeKind::Sku) => {
                let text = sku.attributes.as_ref().map(|row| row.display_name.as_str()).unwrap_or_default();
                rows.insert(name, (text, change.action != "deleted"));
                states.insert(name, sku.match_state);
            }
            Some(v1::change::After::Sku(sku)) => {
                states.insert(name, sku.match_state);
            }
            Some(v1::change::After::Member(member)) => {
                let was = homes.insert(name, &member.to_master).unwrap_or_default();
                assert_eq!(was, member.from_master, "{name} left a master that it was not in");
            }
            _ => {}
        }
    }
    assert_eq!(rows.len(), held.skus.len());
    for (name, sku) in &held.skus {
        let text = sku.attributes.as_ref().map(|row| row.display_name.as_str()).unwrap_or_default();
        let is_there = sku.delete_time.is_none();
        assert_eq!(rows[name.as_str()], (text, is_there), "{name}");
        assert_eq!(homes.get(name.as_str()).copied().unwrap_or_default(), sku.master, "{name}: its master");
        if is_there {
            assert_eq!(states[name.as_str()], sku.match_state, "{name}: its state");
        }
    }
}

async fn rules(wire: &Wire, keys: &Keys, book: &Book, held: &Held, changes: &[v1::Change]) {
    let findings = verify(wire, &keys.admin).await;
    assert_eq!(findings.finding_count, 0, "{:?}", findings.findings);

    // Decisions: the acknowledged ones and no other, taken back or not as acknowledged.
    let acknowledged: BTreeSet<&String> = book.decisions.keys().collect();
    assert_eq!(acknowledged, held.decisions.keys().collect(), "acknowledged and kept decisions");
    for (name, decided) in &book.decisions {
        let kept = &held.decisions[name];
        assert_eq!(kept.undo_time.is_some(), decided.undone, "{name}");
        assert_eq!(
            (kept.verdict, &kept.reason),
            (decided.decision.verdict, &decided.decision.reason),
            "{name}"
        );
    }

    let mut members: BTreeMap<&str, Vec<&v1::Sku>> = BTreeMap::new();
    for sku in held.skus.values().filter(|sku| !sku.master.is_empty()) {
        assert!(sku.delete_time.is_none(), "a deleted SKU has no master: {sku:?}");
        members.entry(&sku.master).or_default().push(sku);
    }
    let judged: BTreeSet<&str> = held.decisions.values().map(|decision| decision.sku.as_str()).collect();
    let (mut groups, mut pairs) = (0, 0);
    for (master, members) in &members {
        let known = held.masters.get(*master).expect("a member's master is there");
        assert_eq!(known.state, i32::from(v1::master::State::Live), "{known:?}");
        let nodes: BTreeSet<&str> = members.iter().filter_map(|sku| sku.name.split('/').nth(1)).collect();
        assert_eq!(nodes.len(), members.len(), "one of a node: {members:?}");
        groups += usize::from(members.len() > 1);
        for (at, left) in members.iter().enumerate() {
            for right in &members[at + 1..] {
                // What people said stands, also against a veto; who changed and is asked about stays until the answer.
                let by_machine = |sku: &v1::Sku| sku.match_state == i32::from(v1::MatchState::LinkedAuto);
                let said = judged.contains(left.name.as_str()) || judged.contains(right.name.as_str());
                if said || !by_machine(left) || !by_machine(right) || pairs >= 200 {
                    continue;
                }
                let query = |sku: &v1::Sku| {
                    Some(v1::MatchQuery { query: Some(v1::match_query::Query::Sku(sku.name.clone())) })
                };
                let request = v1::ScorePairRequest { left: query(left), right: query(right) };
                let scored = wire.insist(&keys.reader, |transport| {
                    let request = request.clone();
                    async move { MatchServiceClient::new(transport).score_pair(request).await }
                });
                let evidence = scored.await.expect("scored").evidence.expect("with evidence");
                assert!(evidence.veto.is_empty(), "{left:?} {right:?}: {evidence:?}");
                pairs += 1;
            }
        }
    }
    assert!(groups > 0 && pairs > 0, "nothing was linked");

    // Names are for ever: whatever was a master once leads to one now, or to one that was retired.
    let is_master = |change: &&v1::Change| change.kind == i32::from(v1::ChangeKind::Master);
    let names: BTreeSet<&str> =
        changes.iter().filter(is_master).map(|change| change.resource.as_str()).collect();
    for name in names {
        let mut at = held.masters.get(name).unwrap_or_else(|| panic!("{name} is not there any more"));
        for _ in 0..held.masters.len() {
            if at.redirect.is_empty() {
                break;
            }
            at = &held.masters[&at.redirect];
        }
        assert_ne!(at.state, i32::from(v1::master::State::Merged), "{name} leads nowhere");
    }
    println!(
        "{} SKUs, {} masters, {groups} with several members, {pairs} pairs scored again",
        held.skus.len(),
        members.len()
    );
}

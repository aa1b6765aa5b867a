//! What older programs wrote, this one reads. `changes.jsonl` holds one log entry of each kind as the first version
//! wrote it; entries of later versions are added, none is changed.

#[path = "../support/mod.rs"]
mod support;

use domain::*;
use std::collections::BTreeSet;
use store::{Change, SkuAction};
use support::words::*;

const WRITTEN: &str = include_str!("changes.jsonl");

fn one_of_each() -> Vec<Change> {
    let sku = CatalogSku {
        sku: LocalSku {
            price: Some(3.5),
            brand: Some("可口可乐".into()),
            ..LocalSku::named("a", "1", "可乐")
        },
        content: "0123456789abcdef0123456789abcdef".into(),
        state: MatchState::LinkedAuto,
        deleted: None,
    };
    let claimed = Review {
        state: ReviewState::Claimed,
        assignee: Some(actor("ann")),
        lease_until: Some(at(60)),
        ..review("r1", key("a", "1"), "m1", 0.25)
    };
    let merged = Master { state: MasterState::Merged { into: MasterId::new("m2") }, ..master("m1") };
    let pair = PolicyScope::pair(NodeId("a".into()), NodeId("b".into()));
    vec![
        Change::Node(Stored::new(node("a"), at(1))),
        Change::Sku { action: SkuAction::Created, sku: Stored::new(sku, at(1)) },
        Change::State { key: key("a", "1"), from: MatchState::NotRun, to: MatchState::PendingReview },
        Change::Member { key: key("a", "1"), from: None, to: Some(MasterId::new("m1")) },
        Change::Master(Stored::new(merged, at(1))),
        Change::Link(Stored::new(link(key("a", "1"), key("b", "1")), at(1))),
        Change::Unlink(Stored::new(link(key("a", "1"), key("b", "1")), at(1))),
        Change::Review(Stored::new(claimed, at(1))),
        Change::Decision(Stored::new(decision("d1", key("a", "1"), Some(key("b", "1")), 1), at(1))),
        Change::Policy(Stored::new(policy(pair, 1), at(1))),
    ]
}

#[test]
fn old_log_entries_are_read() {
    let read: Vec<Change> = WRITTEN
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect();
    let expected = one_of_each();
    assert_eq!(read, expected);
    let kinds: BTreeSet<&str> = read.iter().map(Change::kind).collect();
    assert_eq!(kinds.len(), 10, "one of each kind");
}

/// Fails when the format changes, so that it changes on purpose: then add lines, and keep the old ones readable.
#[test]
fn entries_are_written_as_before() {
    let written: Vec<String> =
        one_of_each().iter().map(|change| serde_json::to_string(change).expect("JSON")).collect();
    assert_eq!(written.join("\n"), WRITTEN.trim_end(), "now:\n{}\n", written.join("\n"));
}

//! Which crate may use which, and which outside crates one room keeps to itself. A room uses rooms to its left in the
//! flow, never to its right: domain ← normalize ← {embed, retrieve, score} ← {link, learn} ← engine ← live ← {gateway,
//! console} ← tongpin; store sees domain only; evaluation sees engine. Dev-dependencies are exempt: tests may look around.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;

/// Room → the rooms that it may use. A new room gets its row here, on purpose.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("normalize", &["domain"]),
    ("embed", &["domain", "normalize"]),
    ("retrieve", &["domain", "normalize"]),
    ("score", &["domain", "normalize"]),
    ("link", &["domain", "score"]),
    ("learn", &["domain", "score"]),
    ("tables", &["domain"]),
    ("store", &["domain"]),
    ("engine", &["domain", "normalize", "embed", "retrieve", "score", "link", "learn", "store"]),
    ("live", &["domain", "retrieve", "score", "link", "engine", "store"]),
    ("api", &[]),
    ("gateway", &["domain", "engine", "live", "store", "api"]),
    ("client", &["api"]),
    ("show", &["normalize", "engine"]),
    ("console", &["domain", "learn", "tables", "engine", "live", "show", "store"]),
    (
        "tongpin",
        &[
            "domain",
            "normalize",
            "embed",
            "retrieve",
            "score",
            "link",
            "learn",
            "tables",
            "store",
            "engine",
            "live",
            "api",
            "gateway",
            "client",
            "show",
            "console",
        ],
    ),
    (
        "evaluation",
        &["domain", "normalize", "embed", "retrieve", "score", "link", "learn", "tables", "engine"],
    ),
    ("xtask", &[]),
];

/// Outside crate → the only rooms that know it.
const KEPT_BY: &[(&str, &[&str])] = &[
    ("ort", &["embed"]),
    ("tantivy", &["retrieve"]),
    ("jieba-rs", &["normalize"]),
    ("calamine", &["tables"]),
    ("sqlx", &["store"]),
    ("tonic", &["api", "gateway", "client"]),
    ("axum", &["gateway", "console"]),
    ("clap", &["tongpin", "evaluation"]),
    ("indicatif", &["tongpin"]),
];

/// The words are types: what would bring IO, an executor or a clock stays out.
const DOMAIN_NEVER: &[&str] = &["tokio", "csv", "chrono", "time", "jiff", "tracing", "rayon", "anyhow"];

fn metadata() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("the workspace has metadata")
}

/// (user, used) of every dependency but those of tests.
fn uses(metadata: &Metadata) -> Vec<(String, String)> {
    let mut uses = Vec::new();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            uses.push((package.name.to_string(), dependency.name.clone()));
        }
    }
    uses
}

fn row<'a>(table: &'a [(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(n, _)| *n == name).map(|(_, allowed)| *allowed)
}

#[test]
fn rooms_use_only_rooms_to_their_left() {
    let metadata = metadata();
    let rooms: BTreeSet<String> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let mut wrong = Vec::new();
    for room in rooms.iter().filter(|room| row(MAY_USE, room).is_none()) {
        wrong.push(format!("{room} has no row in MAY_USE"));
    }
    for (user, used) in uses(&metadata).iter().filter(|(_, used)| rooms.contains(used)) {
        if !row(MAY_USE, user).unwrap_or_default().contains(&used.as_str()) {
            wrong.push(format!("{user} uses {used}"));
        }
    }
    assert!(wrong.is_empty(), "against the direction of the house:\n{}", wrong.join("\n"));
}

#[test]
fn some_crates_are_known_to_one_room() {
    let mut wrong = Vec::new();
    for (user, used) in uses(&metadata()) {
        if row(KEPT_BY, &used).is_some_and(|rooms| !rooms.contains(&user.as_str())) {
            wrong.push(format!(
                "{user} uses {used}, which {:?} keeps",
                row(KEPT_BY, &used).unwrap_or_default()
            ));
        }
        if user == "domain" && DOMAIN_NEVER.contains(&used.as_str()) {
            wrong.push(format!("domain uses {used}"));
        }
    }
    assert!(wrong.is_empty(), "a room's own crate is used elsewhere:\n{}", wrong.join("\n"));
}

/// The table itself has no circles: every allowed use goes to a row further up.
#[test]
fn the_direction_has_no_circles() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (room, allowed) in MAY_USE {
        for used in *allowed {
            assert!(seen.contains(used), "{room} may use {used}, which comes after it");
        }
        seen.insert(room);
    }
}

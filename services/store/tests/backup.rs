//! Copies of a SQLite store: whole or absent, while others write.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

#[path = "support/mod.rs"]
mod support;

use std::fs;
use store::{Location, Store, StoreError};
use support::words::*;

async fn open(path: &std::path::Path) -> Store {
    Store::open(&Location::Sqlite(path.to_owned())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_restores() {
    let folder = tempfile::tempdir().unwrap();
    let [truth, copy, restored] = ["truth.db", "copy.db", "restored.db"].map(|name| folder.path().join(name));
    let store = open(&truth).await;
    store.commit(&batch(1).with(put_node("a"))).await.unwrap();
    for i in 0..50 {
        let mut all = batch(2);
        for n in 0..100 {
            all = all.with(put_sku("a", &format!("{i}-{n}"), "可乐"));
        }
        store.commit(&all).await.unwrap();
    }
    let before = store.last_sequence().await.unwrap();
    let writing = store.clone();
    let writer = tokio::spawn(async move {
        for i in 0..200 {
            writing.commit(&batch(3).with(put_sku("a", &format!("late-{i}"), "可乐"))).await.unwrap();
        }
    });
    let report = store.backup(&copy).await.unwrap();
    writer.await.unwrap();
    assert!(report.sequence >= before, "everything acknowledged before is in it");
    assert_eq!(report.findings, []);
    assert_eq!(report.skus, report.sequence.0 - 1);
    assert!(matches!(store.backup(&copy).await, Err(StoreError::AlreadyExists { .. })));
    assert_eq!(Store::check_backup(&copy).await.unwrap(), report);

    let put_back = Store::restore(&copy, &restored).await.unwrap();
    assert_eq!(put_back, report);
    let again = open(&restored).await;
    assert_eq!(again.last_sequence().await.unwrap(), report.sequence);
    again.commit(&batch(4).with(put_sku("a", "after", "可乐"))).await.unwrap();
    assert_eq!(again.verify().await.unwrap(), []);
    assert!(matches!(Store::restore(&copy, &restored).await, Err(StoreError::AlreadyExists { .. })));
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

async fn name_of(store: &Store) -> String {
    store.sku(&key("a", "1")).await.unwrap().unwrap().value.sku.name
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_store_goes_back_to_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let [truth, copy] = ["truth.db", "copy.db"].map(|name| folder.path().join(name));
    let store = open(&truth).await;
    store.commit(&batch(1).with(put_node("a")).with(put_sku("a", "1", "可乐"))).await.unwrap();
    store.backup(&copy).await.unwrap();
    store.commit(&batch(2).with(put_node("b")).with(put_sku("a", "1", "雪碧"))).await.unwrap();
    store.commit(&batch(3).with(put_sku("a", "2", "酱油"))).await.unwrap();
    let audit = |store: Store| async move {
        let all = store.audit_events(&Default::default(), &store::Page::first(100)).await.unwrap();
        all.items.len()
    };
    let (last, events) = (store.last_sequence().await.unwrap(), audit(store.clone()).await);
    let mut follower = store.follow(last);

    let report = store.restore_here(&copy).await.unwrap();
    assert_eq!(report.skus, 1);
    assert_eq!(name_of(&store).await, "可乐");
    assert!(store.node(&node("b").id).await.unwrap().is_none(), "what came after is gone");
    assert_eq!(audit(store.clone()).await, events, "the audit log keeps its traces");
    for cursor in [domain::Sequence(0), last] {
        let told = store.changes_after(cursor, 10).await;
        assert!(matches!(told, Err(StoreError::CursorTooOld { .. })), "{cursor}: {told:?}");
    }
    assert!(matches!(follower.next(10).await, Err(StoreError::CursorTooOld { .. })));
    let now = store.last_sequence().await.unwrap();
    assert!(now > last);
    store.commit(&batch(4).with(put_sku("a", "3", "盐"))).await.unwrap();
    assert_eq!(store.changes_after(now, 10).await.unwrap().len(), 1);
    assert_eq!(store.verify().await.unwrap(), []);

    // Twice the same, and a file that is no store changes nothing.
    store.restore_here(&copy).await.unwrap();
    assert_eq!(store.verify().await.unwrap(), []);
    let rubbish = folder.path().join("rubbish.db");
    fs::write(&rubbish, b"not a store").unwrap();
    assert!(store.restore_here(&rubbish).await.is_err());
    assert_eq!(name_of(&store).await, "可乐");
}

#[tokio::test]
async fn what_is_no_store_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let [truth, copy, target] = ["truth.db", "copy.db", "target.db"].map(|name| folder.path().join(name));
    let store = open(&truth).await;
    store.commit(&batch(1).with(put_node("a")).with(put_sku("a", "1", "可乐"))).await.unwrap();
    store.backup(&copy).await.unwrap();
    let sound = fs::read(&copy).unwrap();
    let missing = folder.path().join("missing.db");
    assert!(matches!(Store::restore(&missing, &target).await, Err(StoreError::Unavailable(_))));
    for damaged in [b"not a database at all".to_vec(), Vec::new(), sound[..sound.len() / 2].to_vec()] {
        fs::write(&copy, damaged).unwrap();
        assert!(Store::restore(&copy, &target).await.is_err());
        assert!(!target.exists());
    }
    let mut flipped = sound.clone();
    for byte in flipped.iter_mut().skip(4_096).step_by(97) {
        *byte ^= 0x5a;
    }
    fs::write(&copy, flipped).unwrap();
    assert!(Store::restore(&copy, &target).await.is_err());
    assert!(!target.exists());
}

#[tokio::test]
async fn a_newer_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.db");
    open(&path).await.close().await;
    let mut connection =
        <sqlx::SqliteConnection as sqlx::Connection>::connect(path.to_str().unwrap()).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (999, 'from the future', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    let checked = Store::check_backup(&path).await;
    assert!(matches!(checked, Err(StoreError::Precondition { .. })), "has a log beside it: {checked:?}");
    sqlx::Connection::close(connection).await.unwrap();
    let opened = Store::open(&Location::Sqlite(path.clone())).await;
    assert!(matches!(opened, Err(StoreError::TooNew { found: 999 })), "{opened:?}");
    assert!(matches!(Store::check_backup(&path).await, Err(StoreError::TooNew { found: 999 })));
}

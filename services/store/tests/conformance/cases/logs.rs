use crate::fixture::Fixture;
use crate::refused;
use crate::support::words::*;
use domain::*;
use std::time::{Duration, Instant};
use store::StoreError as E;
use store::{AuditFilter, AuditNote, Change, Expect, Mutation, Page, Position, Replay, Request, SkuAction};

pub async fn the_log_tells_everything(f: Fixture) {
    f.keep(batch(1).with(put_node("a")).with(put_node("b"))).await;
    f.keep(
        batch(2)
            .with(put_sku("a", "1", "可乐"))
            .with(put_sku("b", "1", "可乐"))
            .with(put_master("m1"))
            .with(join("a", "1", "m1"))
            .with(join("b", "1", "m1"))
            .with(state("a", "1", MatchState::LinkedAuto))
            .with(Mutation::PutLink { link: link(key("a", "1"), key("b", "1")) }),
    )
    .await;
    f.keep(batch(3).with(Mutation::RemoveLink { left: key("a", "1"), right: key("b", "1") })).await;
    f.keep(batch(4).with(leave("b", "1")).with(delete("b", "1"))).await;

    let log = f.store.changes_after(Sequence(0), 100).await.unwrap();
    let numbers: Vec<i64> = log.iter().map(|entry| entry.sequence.0).collect();
    assert_eq!(numbers, (1..=log.len() as i64).collect::<Vec<_>>());
    let kinds: Vec<&str> = log.iter().map(|entry| entry.change.kind()).collect();
    let told = [
        "node", "node", "sku", "sku", "master", "member", "member", "state", "link", "unlink", "member",
        "sku", "master",
    ];
    assert_eq!(kinds, told);
    assert_eq!((log[0].at, log[0].actor.as_str()), (at(1), "tester"));
    let Change::Sku { action: SkuAction::Deleted, sku } = &log[11].change else { panic!("{:?}", log[11]) };
    assert_eq!(Some(sku), f.store.sku(&key("b", "1")).await.unwrap().as_ref());
    let Change::Master(master) = &log[12].change else { panic!("{:?}", log[12]) };
    assert_eq!(master.version, Version(2), "the last word about a master");

    let rest = f.store.changes_after(Sequence(10), 2).await.unwrap();
    assert_eq!(rest.iter().map(|entry| entry.sequence.0).collect::<Vec<_>>(), [11, 12]);
    assert!(f.store.changes_after(Sequence(13), 5).await.unwrap().is_empty());
}

pub async fn a_trimmed_log_says_so(f: Fixture) {
    for i in 0..5 {
        f.keep(batch(i).with(put_node(&i.to_string()))).await;
    }
    refused!(f.store.trim_changes(Sequence(6)).await, E::Invalid { .. });
    assert_eq!(f.store.trim_changes(Sequence(3)).await.unwrap(), 3);
    assert_eq!(f.store.trim_changes(Sequence(2)).await.unwrap(), 0);
    for cursor in [0, 2] {
        let late = f.store.changes_after(Sequence(cursor), 9).await;
        refused!(late, E::CursorTooOld { oldest: Sequence(4), .. });
    }
    assert_eq!(f.store.changes_after(Sequence(3), 9).await.unwrap().len(), 2);
    f.store.trim_changes(Sequence(5)).await.unwrap();
    refused!(f.store.changes_after(Sequence(4), 9).await, E::CursorTooOld { .. });
    assert!(f.store.changes_after(Sequence(5), 9).await.unwrap().is_empty());
    f.keep(batch(9).with(put_node("x"))).await;
    assert_eq!(f.store.changes_after(Sequence(5), 9).await.unwrap()[0].sequence, Sequence(6));
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn writers_leave_no_gap(f: Fixture) {
    const WRITERS: usize = 6;
    const BATCHES: usize = 15;
    f.keep(batch(1).with(put_node("a"))).await;
    let other = f.another().await;
    let reader = f.another().await;
    let follower = tokio::spawn(async move {
        let (mut follower, mut seen) = (reader.follow(Sequence(1)), Vec::new());
        while seen.len() < WRITERS * BATCHES * 2 {
            seen.extend(follower.next(7).await.unwrap().into_iter().map(|entry| entry.sequence.0));
        }
        seen
    });
    let mut writers = Vec::new();
    for w in 0..WRITERS {
        let store = if w % 2 == 0 { f.store.clone() } else { other.clone() };
        writers.push(tokio::spawn(async move {
            for i in 0..BATCHES {
                let code = format!("{w}-{i}");
                let all = batch(2).with(put_sku("a", &code, "可乐")).with(put_sku("a", &code, "雪碧"));
                // Some fail, after they were given numbers.
                let broken = all.clone().with(delete("a", "missing"));
                assert!(store.commit(&broken).await.is_err());
                store.commit(&all).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let last = 1 + (WRITERS * BATCHES * 2) as i64;
    assert_eq!(follower.await.unwrap(), (2..=last).collect::<Vec<_>>());
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn followers_are_woken(f: Fixture) {
    let other = f.another().await;
    // Wakes over a connection of its own, which takes a moment to be made.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for store in [f.store.clone(), other] {
        let mut follower = store.follow(store.last_sequence().await.unwrap());
        let waiting = tokio::spawn(async move {
            let changes = follower.next(10).await.unwrap();
            (changes, follower.cursor(), Instant::now())
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        let id = start.elapsed().as_nanos().to_string();
        let ack = f.keep(batch(1).with(put_node(&format!("n{id}{}", rand_suffix())))).await;
        let (changes, cursor, heard) = waiting.await.unwrap();
        assert_eq!((changes.len(), cursor), (1, ack.last));
        assert!(heard.duration_since(start) < Duration::from_secs(1));
    }
}

fn rand_suffix() -> String {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()
}

fn request(id: &str, digest: &str) -> Request {
    Request { caller: actor("client"), id: id.into(), digest: digest.into() }
}

pub async fn requests_repeat(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let create =
        Mutation::PutSku { sku: LocalSku::named("a", "1", "可乐"), state: None, expect: Expect::Absent };
    let all = batch(2).with(create).repeatable(request("q1", "d1"), b"answer".to_vec());
    assert_eq!(f.store.replay(&request("q1", "d1")).await.unwrap(), None);
    let first = f.keep(all.clone()).await;
    assert_eq!(first.replay, Replay::Fresh);
    for repeated in [f.keep(all.clone()).await, f.store.replay(&request("q1", "d1")).await.unwrap().unwrap()]
    {
        assert_eq!(repeated.replay, Replay::Repeated);
        assert_eq!(
            (repeated.before, repeated.last, &repeated.versions),
            (first.before, first.last, &first.versions)
        );
        assert_eq!(repeated.response, b"answer");
    }
    let other = batch(3).with(delete("a", "1")).repeatable(request("q1", "d2"), Vec::new());
    refused!(f.store.commit(&other).await, E::RequestReused { .. });
    refused!(f.store.replay(&request("q1", "d2")).await, E::RequestReused { .. });
    // Another caller's ids are others.
    let caller = actor("other");
    let theirs =
        batch(3).with(delete("a", "1")).repeatable(Request { caller, ..request("q1", "d2") }, Vec::new());
    f.keep(theirs).await;
    // What failed was not kept and may be tried again.
    let failing = batch(4).with(delete("a", "1")).repeatable(request("q2", "d"), Vec::new());
    refused!(f.store.commit(&failing).await, E::NotFound { .. });
    f.keep(batch(5).with(Mutation::UndeleteSku { key: key("a", "1"), expect: Expect::Any })).await;
    f.keep(failing).await;
    assert_eq!(f.store.forget_requests(at(3)).await.unwrap(), 1);
    assert_eq!(f.store.replay(&request("q1", "d2")).await.unwrap(), None);
}

pub async fn parallel_requests_are_kept_once(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let other = f.another().await;
    let mut tries = Vec::new();
    for i in 0..10 {
        let store = if i % 2 == 0 { f.store.clone() } else { other.clone() };
        tries.push(tokio::spawn(async move {
            let all = batch(2).with(put_sku("a", "1", "可乐")).repeatable(request("q", "d"), Vec::new());
            store.commit(&all).await.unwrap()
        }));
    }
    let mut fresh = 0;
    for attempt in tries {
        let ack = attempt.await.unwrap();
        assert_eq!(ack.last, Sequence(2));
        fresh += usize::from(ack.replay == Replay::Fresh);
    }
    assert_eq!(fresh, 1);
}

pub async fn a_dry_run_keeps_nothing(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    let all = batch(2).with(put_sku("a", "1", "可乐")).repeatable(request("q", "d"), Vec::new());
    let would = f.store.dry_run(&all).await.unwrap();
    assert_eq!((would.last, would.versions.as_slice()), (Sequence(2), [Version(1)].as_slice()));
    refused!(f.store.dry_run(&batch(2).with(delete("a", "1"))).await, E::NotFound { .. });
    assert_eq!(f.store.sku(&key("a", "1")).await.unwrap(), None);
    assert_eq!(f.store.last_sequence().await.unwrap(), Sequence(1));
    assert_eq!(f.keep(all).await.replay, Replay::Fresh);
}

pub async fn the_audit_log_is_read(f: Fixture) {
    let note =
        |action: &str| AuditNote { action: action.into(), subject: "nodes/a".into(), detail: "x".into() };
    let mut all = batch(1).with(put_node("a"));
    all.audit = Some(note("CreateNode"));
    f.keep(all).await;
    for i in 2..6 {
        f.store.audit(at(i), &actor("intruder"), &note("DeleteSku"), "refused").await.unwrap();
    }
    let all = AuditFilter::default();
    let first = f.store.audit_events(&all, &Page::first(3)).await.unwrap();
    let rest = f.store.audit_events(&all, &Page::after(3, first.next.clone())).await.unwrap();
    let numbers: Vec<i64> = first.items.iter().chain(&rest.items).map(|event| event.number).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    assert_eq!((rest.items[1].outcome.as_str(), rest.items[1].actor.as_str()), ("done", "tester"));
    let narrow = AuditFilter {
        actor: Some(actor("intruder")),
        action: Some("DeleteSku".into()),
        since: Some(at(3)),
        until: Some(at(5)),
    };
    assert_eq!(f.store.audit_events(&narrow, &Page::first(9)).await.unwrap().items.len(), 2);
}

pub async fn positions_are_kept(f: Fixture) {
    assert_eq!(f.store.position("index").await.unwrap(), None);
    for sequence in [0, 7] {
        let position = Position { sequence: Sequence(sequence), detail: "encoder-1".into(), at: at(1) };
        f.store.set_position("index", &position).await.unwrap();
        assert_eq!(f.store.position("index").await.unwrap(), Some(position));
    }
    // An index that says it has read more than there is has followed another store.
    assert_eq!(f.store.verify().await.unwrap()[0].rule, "positions_are_in_the_log");
}

pub async fn a_dropped_write_is_whole_or_absent(f: Fixture) {
    f.keep(batch(1).with(put_node("a"))).await;
    for i in 0..40u64 {
        let mut all = batch(2);
        for n in 0..50 {
            all = all.with(put_sku("a", &format!("{i}-{n}"), "可乐"));
        }
        // The caller's patience ends anywhere inside.
        let patience = Duration::from_micros(i * 300);
        let _ = tokio::time::timeout(patience, f.store.commit(&all)).await;
    }
    // Others can write as if nothing had been, and every batch is there whole or absent.
    f.keep(batch(3).with(put_sku("a", "after", "可乐"))).await;
    let counts = f.store.state_counts().await.unwrap();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<i64>() % 50, 1);
    assert_eq!(f.store.last_sequence().await.unwrap().0 % 50, 2);
    assert_eq!(f.store.verify().await.unwrap(), []);
}

use crate::fixture::Fixture;
use crate::support::words::*;
use domain::*;
use store::Mutation;

/// A little of everything.
async fn fill(f: &Fixture) {
    let mut all = batch(1).with(put_node("a")).with(put_node("b")).with(put_node("c"));
    for node in ["a", "b", "c"] {
        all = all.with(put_sku(node, "1", "可乐")).with(put_sku(node, "2", "雪碧"));
    }
    all = all
        .with(put_master("m1"))
        .with(join("a", "1", "m1"))
        .with(join("b", "1", "m1"))
        .with(state("a", "1", MatchState::LinkedAuto))
        .with(state("b", "1", MatchState::LinkedAuto))
        .with(Mutation::PutLink { link: link(key("a", "1"), key("b", "1")) })
        .with(put_master("m2"))
        .with(join("a", "2", "m2"))
        .with(put_review(review("r1", key("c", "1"), "m1", 0.5)))
        .with(Mutation::AddDecision { decision: decision("d1", key("c", "1"), None, 1) })
        .with(Mutation::AddPolicy { policy: policy(PolicyScope::Global, 1) })
        .with(Mutation::AddPolicy { policy: policy(PolicyScope::Global, 2) });
    f.keep(all).await;
    f.keep(batch(2).with(leave("a", "2")).with(merged("m2", "m1"))).await;
    f.store
        .audit(
            at(3),
            &actor("x"),
            &store::AuditNote { action: "a".into(), subject: "s".into(), detail: String::new() },
            "done",
        )
        .await
        .unwrap();
}

pub async fn a_sound_store_verifies(f: Fixture) {
    assert_eq!(f.store.verify().await.unwrap(), []);
    fill(&f).await;
    assert_eq!(f.store.verify().await.unwrap(), []);
}

pub async fn verify_finds_what_is_broken(f: Fixture) {
    fill(&f).await;
    // (what breaks it, what makes it whole again, the rule)
    let table = [
        (
            "UPDATE skus SET state = 'lost' WHERE node = 'c' AND code = '2'",
            "UPDATE skus SET state = 'not_run' WHERE node = 'c' AND code = '2'",
            "every_sku_has_a_known_state",
        ),
        (
            "UPDATE skus SET state = 'linked_auto' WHERE node = 'c' AND code = '2'",
            "UPDATE skus SET state = 'not_run' WHERE node = 'c' AND code = '2'",
            "linked_skus_have_a_master",
        ),
        (
            "UPDATE skus SET name = 'x' WHERE node = 'c' AND code = '2'",
            "UPDATE skus SET name = '雪碧' WHERE node = 'c' AND code = '2'",
            "digests_are_of_what_skus_say",
        ),
        (
            "UPDATE skus SET deleted = 1 WHERE node = 'a' AND code = '1'",
            "UPDATE skus SET deleted = NULL",
            "members_are_live_skus",
        ),
        (
            "UPDATE skus SET deleted = 1 WHERE node = 'c' AND code = '1'",
            "UPDATE skus SET deleted = NULL",
            "waiting_reviews_are_about_something",
        ),
        (
            "INSERT INTO members VALUES ('a', '2', 'm1', 1, 1, 1)",
            "DELETE FROM members WHERE code = '2'",
            "one_sku_a_master_and_node",
        ),
        (
            "INSERT INTO members VALUES ('a', '2', 'm2', 1, 1, 1)",
            "DELETE FROM members WHERE code = '2'",
            "members_have_a_live_master",
        ),
        (
            "INSERT INTO members VALUES ('z', '9', 'm1', 1, 1, 1)",
            "DELETE FROM members WHERE code = '9'",
            "members_are_live_skus",
        ),
        (
            "UPDATE masters SET state = 'live', merged_into = NULL WHERE id = 'm2'",
            "UPDATE masters SET state = 'merged', merged_into = 'm1' WHERE id = 'm2'",
            "live_masters_have_members",
        ),
        (
            "UPDATE masters SET merged_into = 'm9' WHERE id = 'm2'",
            "UPDATE masters SET merged_into = 'm1' WHERE id = 'm2'",
            "redirects_lead_somewhere",
        ),
        (
            "UPDATE masters SET merged_into = 'm2' WHERE id = 'm2'",
            "UPDATE masters SET merged_into = 'm1' WHERE id = 'm2'",
            "redirects_have_no_circles",
        ),
        (
            "UPDATE masters SET version = 9 WHERE id = 'm2'",
            "UPDATE masters SET version = 2 WHERE id = 'm2'",
            "masters_have_their_revision",
        ),
        (
            "UPDATE links SET left_node = 'b', right_node = 'a'",
            "UPDATE links SET left_node = 'a', right_node = 'b'",
            "links_are_kept_once",
        ),
        (
            "UPDATE links SET right_node = 'c'",
            "UPDATE links SET right_node = 'b'",
            "links_have_both_sides_in_one_master",
        ),
        (
            "UPDATE reviews SET state = 'claimed'",
            "UPDATE reviews SET state = 'open'",
            "claimed_reviews_have_a_lease",
        ),
        ("UPDATE decisions SET code = '9'", "UPDATE decisions SET code = '1'", "decisions_are_about_skus"),
        (
            "UPDATE policies SET activity = 'active'",
            "UPDATE policies SET activity = 'inactive'",
            "one_active_policy_a_scope",
        ),
        (
            "UPDATE changes SET seq = 900 WHERE seq = 3",
            "UPDATE changes SET seq = 3 WHERE seq = 900",
            "the_change_log_has_no_gaps",
        ),
        (
            "UPDATE counters SET value = value + 1 WHERE name = 'change'",
            "UPDATE counters SET value = value - 1 WHERE name = 'change'",
            "the_change_log_has_no_gaps",
        ),
        (
            "UPDATE counters SET value = 7 WHERE name = 'audit'",
            "UPDATE counters SET value = 1 WHERE name = 'audit'",
            "the_audit_log_has_no_gaps",
        ),
        (
            "UPDATE skus SET node = 'zz' WHERE node = 'c' AND code = '2'",
            "UPDATE skus SET node = 'c' WHERE node = 'zz'",
            "every_sku_has_a_node",
        ),
    ];
    for (breaks, mends, rule) in table {
        f.tamper(breaks).await;
        let findings = f.store.verify().await.unwrap();
        assert!(findings.iter().any(|finding| finding.rule == rule), "{breaks}: {findings:?}");
        f.tamper(mends).await;
        assert_eq!(f.store.verify().await.unwrap(), [], "{mends}");
    }
}

//! Short ways to say things.

use domain::*;
use store::{Batch, Expect, Mutation};

pub fn at(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

pub fn actor(name: &str) -> Actor {
    Actor::new(name)
}

pub fn batch(second: i64) -> Batch {
    Batch::new(at(second), &actor("tester"), "test")
}

pub fn key(node: &str, code: &str) -> SkuKey {
    SkuKey::new(node, code)
}

pub fn node(id: &str) -> Node {
    Node {
        id: NodeId(id.into()),
        title: format!("Node {id}"),
        kind: NodeKind::Shop,
        place: Some(Place { address: "绍兴".into(), position: Some((30.0, 120.5)) }),
        holding: Holding::OnePerMaster,
        archived: None,
    }
}

pub fn put_node(id: &str) -> Mutation {
    Mutation::PutNode { node: node(id), expect: Expect::Any }
}

pub fn put_sku(node: &str, code: &str, name: &str) -> Mutation {
    Mutation::PutSku { sku: LocalSku::named(node, code, name), state: None, expect: Expect::Any }
}

pub fn delete(node: &str, code: &str) -> Mutation {
    Mutation::DeleteSku { key: key(node, code), expect: Expect::Any }
}

pub fn state(node: &str, code: &str, state: MatchState) -> Mutation {
    Mutation::SetState { key: key(node, code), state, expect: Expect::Any }
}

pub fn master(id: &str) -> Master {
    Master {
        id: MasterId::new(id),
        state: MasterState::Live,
        golden: Golden {
            name: SourcedValue { value: format!("Master {id}"), source: Some(key("a", "1")) },
            brand: None,
            spec: Some(SourcedValue { value: "500ml".into(), source: None }),
        },
        standing: Standing::Proposed,
    }
}

pub fn put_master(id: &str) -> Mutation {
    Mutation::PutMaster { master: master(id), expect: Expect::Any }
}

pub fn master_state(id: &str, state: MasterState) -> Mutation {
    Mutation::PutMaster { master: Master { state, ..master(id) }, expect: Expect::Present }
}

pub fn merged(id: &str, into: &str) -> Mutation {
    master_state(id, MasterState::Merged { into: MasterId::new(into) })
}

pub fn join(node: &str, code: &str, master: &str) -> Mutation {
    Mutation::SetMember { key: key(node, code), master: Some(MasterId::new(master)) }
}

pub fn leave(node: &str, code: &str) -> Mutation {
    Mutation::SetMember { key: key(node, code), master: None }
}

pub fn link(left: SkuKey, right: SkuKey) -> Link {
    Link {
        left,
        right,
        cause: LinkCause::Auto,
        confidence: Confidence::saturating(0.93),
        model: "scorer-1".into(),
        policy: 1,
        decision: None,
        inverse: LinkInverse { left: Some(MasterId::new("was")), right: None },
        freshness: Freshness::Current,
    }
}

pub fn review(id: &str, sku: SkuKey, master: &str, value: f64) -> Review {
    Review {
        id: ReviewId::new(id),
        sku,
        master: MasterId::new(master),
        confidence: Confidence::saturating(0.5),
        value,
        evidence: "{\"brand\":\"agrees\"}".into(),
        model: "scorer-1".into(),
        state: ReviewState::Open,
        assignee: None,
        lease_until: None,
        deferred_until: None,
    }
}

pub fn put_review(review: Review) -> Mutation {
    Mutation::PutReview { review, expect: Expect::Any }
}

pub fn decision(id: &str, sku: SkuKey, other: Option<SkuKey>, second: i64) -> Decision {
    Decision {
        id: DecisionId::new(id),
        review: Some(ReviewId::new("r")),
        sku,
        other,
        master: Some(MasterId::new("m1")),
        verdict: Verdict::Different,
        reason: "另一个规格".into(),
        actor: actor("steward"),
        seen: "{}".into(),
        at: at(second),
        undone: None,
    }
}

pub fn policy(scope: PolicyScope, number: i64) -> Policy {
    Policy {
        scope,
        number,
        zones: ZonePolicy::default(),
        group_mean: Confidence::saturating(0.6),
        eyes: Eyes::Two,
        description: "as measured".into(),
        author: None,
        activity: Activity::Inactive,
    }
}

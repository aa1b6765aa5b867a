//! Between the inside's words and the wire's.

use crate::failure::Failure;
use crate::names;
use api::v1;
use domain::{
    CatalogSku, Confidence, Decision, Eyes, Holding, Link, LinkCause, LocalSku, Master, MasterId,
    MasterState, MatchState, Node, NodeKind, Place, Policy, PolicyScope, Review, ReviewState, SourcedValue,
    Standing, Stored, Timestamp, Verdict, Version, Zone, ZonePolicy,
};
use engine::{Explanation, Language, explain};
use live::notes::{Evidence, Seen};
use live::{Found, Judged, Query, Saved};
use store::{Change, Expect, LoggedChange, SkuAction};

pub fn time(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, micros) = (at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000));
    prost_types::Timestamp { seconds, nanos: micros as i32 * 1_000 }
}

pub fn parse_time(field: &str, at: &prost_types::Timestamp) -> Result<Timestamp, Failure> {
    let micros =
        at.seconds.checked_mul(1_000_000).and_then(|micros| micros.checked_add(i64::from(at.nanos) / 1_000));
    micros.map(Timestamp).ok_or_else(|| Failure::field(field, "is out of range"))
}

/// Seconds of a duration, `default` where there is none; within 1 and `most`.
pub fn seconds(
    field: &str,
    of: Option<&prost_types::Duration>,
    default: i64,
    most: i64,
) -> Result<i64, Failure> {
    let Some(of) = of else { return Ok(default) };
    if (1..=most).contains(&of.seconds) {
        return Ok(of.seconds);
    }
    Err(Failure::field(field, format!("is {} s: 1 to {most} s are allowed", of.seconds)))
}

pub fn etag(version: Version) -> String {
    version.to_string()
}

/// The version of an etag; `None` for an empty one.
pub fn parse_etag(field: &str, etag: &str) -> Result<Option<Version>, Failure> {
    if etag.is_empty() {
        return Ok(None);
    }
    let number = etag.parse().map_err(|_| Failure::field(field, "is none of this server's etags"))?;
    Ok(Some(Version(number)))
}

pub fn expect(field: &str, etag: &str) -> Result<Expect, Failure> {
    Ok(parse_etag(field, etag)?.map_or(Expect::Present, Expect::Version))
}

pub fn page(size: i32, token: &str) -> Result<store::Page, Failure> {
    let size = usize::try_from(size).map_err(|_| Failure::field("page_size", "is negative"))?;
    Ok(store::Page::after(size, (!token.is_empty()).then(|| token.to_owned())))
}

pub fn language(code: &str) -> Language {
    if code.starts_with("zh") { Language::Zh } else { Language::En }
}

// Nodes

pub fn node(row: &Stored<Node>) -> v1::Node {
    let node = &row.value;
    let kind = match node.kind {
        NodeKind::Unknown => v1::NodeKind::Unspecified,
        NodeKind::Shop => v1::NodeKind::Shop,
        NodeKind::Franchise => v1::NodeKind::Franchise,
        NodeKind::Warehouse => v1::NodeKind::Warehouse,
        NodeKind::Supplier => v1::NodeKind::Supplier,
    };
    let link_policy = match node.holding {
        Holding::OnePerMaster => v1::LinkPolicy::OnePerMaster,
        Holding::ManyPerMaster => v1::LinkPolicy::ManyPerMaster,
    };
    v1::Node {
        name: names::node(&node.id),
        display_name: node.title.clone(),
        kind: kind.into(),
        place: node.place.as_ref().map(|place| v1::Place {
            address: place.address.clone(),
            latitude: place.position.map(|(latitude, _)| latitude),
            longitude: place.position.map(|(_, longitude)| longitude),
        }),
        link_policy: link_policy.into(),
        etag: etag(row.version),
        create_time: Some(time(row.created)),
        update_time: Some(time(row.updated)),
        archive_time: node.archived.map(time),
    }
}

pub fn parse_kind(kind: i32) -> Result<NodeKind, Failure> {
    Ok(match v1::NodeKind::try_from(kind) {
        Ok(v1::NodeKind::Unspecified) => NodeKind::Unknown,
        Ok(v1::NodeKind::Shop) => NodeKind::Shop,
        Ok(v1::NodeKind::Franchise) => NodeKind::Franchise,
        Ok(v1::NodeKind::Warehouse) => NodeKind::Warehouse,
        Ok(v1::NodeKind::Supplier) => NodeKind::Supplier,
        Err(_) => return Err(Failure::field("node.kind", format!("is {kind}, which is no kind"))),
    })
}

pub fn parse_holding(policy: i32) -> Result<Holding, Failure> {
    Ok(match v1::LinkPolicy::try_from(policy) {
        Ok(v1::LinkPolicy::Unspecified | v1::LinkPolicy::OnePerMaster) => Holding::OnePerMaster,
        Ok(v1::LinkPolicy::ManyPerMaster) => Holding::ManyPerMaster,
        Err(_) => return Err(Failure::field("node.link_policy", format!("is {policy}, which is no policy"))),
    })
}

pub fn parse_place(place: &Option<v1::Place>) -> Result<Option<Place>, Failure> {
    let Some(place) = place else { return Ok(None) };
    let position = match (place.latitude, place.longitude) {
        (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
        (None, None) => None,
        _ => return Err(Failure::field("node.place", "needs both latitude and longitude, or neither")),
    };
    Ok(Some(Place { address: place.address.clone(), position }))
}

// SKUs

pub fn match_state(state: MatchState) -> v1::MatchState {
    match state {
        MatchState::NotRun => v1::MatchState::NotRun,
        MatchState::NoCandidate => v1::MatchState::NoCandidate,
        MatchState::PendingReview => v1::MatchState::PendingReview,
        MatchState::LinkedAuto => v1::MatchState::LinkedAuto,
        MatchState::LinkedConfirmed => v1::MatchState::LinkedConfirmed,
        MatchState::Rejected => v1::MatchState::Rejected,
        MatchState::Stale => v1::MatchState::Stale,
        MatchState::Failed => v1::MatchState::Failed,
    }
}

pub fn parse_match_states(states: &[i32]) -> Result<Vec<MatchState>, Failure> {
    let parse = |state: &i32| {
        let found = MatchState::ALL.iter().find(|known| i32::from(match_state(**known)) == *state);
        found
            .copied()
            .ok_or_else(|| Failure::field("match_states", format!("holds {state}, which is no state")))
    };
    states.iter().map(parse).collect()
}

pub fn attributes(sku: &LocalSku) -> v1::SkuAttributes {
    v1::SkuAttributes {
        display_name: sku.name.clone(),
        brand: sku.brand.clone(),
        spec: sku.spec.clone(),
        unit: sku.unit.clone(),
        category: sku.category.clone(),
        gtin: sku.gtin.clone(),
        description: sku.description.clone(),
        price: sku.price,
    }
}

/// A row from the wire; empty texts are absent.
pub fn parse_row(field: &str, key: domain::SkuKey, from: &v1::SkuAttributes) -> Result<LocalSku, Failure> {
    if from.display_name.trim().is_empty() {
        return Err(Failure::required(&format!("{field}.display_name")));
    }
    if from.price.is_some_and(|price| !price.is_finite()) {
        return Err(Failure::field(&format!("{field}.price"), "is not a number"));
    }
    let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
    Ok(LocalSku {
        key,
        name: from.display_name.clone(),
        brand: text(&from.brand),
        spec: text(&from.spec),
        unit: text(&from.unit),
        category: text(&from.category),
        gtin: text(&from.gtin),
        description: text(&from.description),
        price: from.price,
    })
}

pub fn sku(row: &Stored<CatalogSku>, master: Option<&MasterId>) -> v1::Sku {
    v1::Sku {
        name: names::sku(&row.value.sku.key),
        attributes: Some(attributes(&row.value.sku)),
        match_state: match_state(row.value.state).into(),
        master: master.map(names::master).unwrap_or_default(),
        etag: etag(row.version),
        create_time: Some(time(row.created)),
        update_time: Some(time(row.updated)),
        delete_time: row.value.deleted.map(time),
    }
}

pub fn saved(saved: &Saved) -> v1::Sku {
    sku(&saved.sku, saved.master.as_ref())
}

// Matches

pub fn parse_query(field: &str, query: &Option<v1::MatchQuery>) -> Result<Query, Failure> {
    match query.as_ref().and_then(|query| query.query.as_ref()) {
        Some(v1::match_query::Query::Sku(name)) => {
            Ok(Query::Sku(names::parse_sku(&format!("{field}.sku"), name)?))
        }
        Some(v1::match_query::Query::Attributes(attributes)) => {
            let key = domain::SkuKey::new("", "");
            let row = parse_row(&format!("{field}.attributes"), key, attributes)?;
            Ok(Query::Row(Box::new(row)))
        }
        None => Err(Failure::required(field)),
    }
}

fn zone(zone: Zone) -> v1::Zone {
    match zone {
        Zone::Auto => v1::Zone::Auto,
        Zone::Review => v1::Zone::Review,
        Zone::Reject => v1::Zone::Reject,
    }
}

pub fn evidence(judged: &Judged, model: &str, in_language: Language) -> v1::Evidence {
    v1::Evidence {
        confidence: judged.confidence.get(),
        zone: zone(judged.zone).into(),
        veto: judged.veto.clone().unwrap_or_default(),
        summary: judged.summary.clone(),
        reasons: judged.explanation.as_ref().map(|tree| reasons(tree, in_language)).unwrap_or_default(),
        model_version: model.to_owned(),
        policy_version: judged.policy,
    }
}

pub fn found(found: &Found, model: &str, in_language: Language) -> v1::Match {
    v1::Match {
        sku: Some(sku(&found.sku, found.master.as_ref())),
        evidence: Some(evidence(&found.judged, model, in_language)),
        linked: found.linked,
    }
}

/// The tree as a list: what the two names state, with the weight of the feature of that name where there is one, and for
/// each branch what the rest of it weighs. Weights add up to those of the tree.
fn reasons(tree: &Explanation, language: Language) -> Vec<v1::Reason> {
    use v1::reason::Relation;
    let say = |en: &str, zh: &str| if language == Language::Zh { zh.to_owned() } else { en.to_owned() };
    let mut out = Vec::new();
    for branch in &tree.branches {
        let mut rest = f64::from(branch.weight);
        for statement in &branch.statements {
            let own = branch.features.iter().find(|(feature, ..)| *feature == statement.kind);
            let weight = own.map_or(0.0, |(_, _, added)| f64::from(*added));
            rest -= weight;
            let (relation, sign, word) = match statement.verdict {
                explain::Verdict::Agrees => (Relation::Agrees, "=", say("agrees", "一致")),
                explain::Verdict::Partly => (Relation::Agrees, "~", say("partly", "部分一致")),
                explain::Verdict::Differs => (Relation::Contradicts, "≠", say("differs", "不同")),
                explain::Verdict::Unknown => (Relation::OneSided, "?", say("one side only", "仅一方写明")),
            };
            let side = |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
            let (left, right) = (side(&statement.left), side(&statement.right));
            out.push(v1::Reason {
                attribute: statement.kind.clone(),
                relation: relation.into(),
                text: format!("{}: {left} {sign} {right} ({word})", statement.kind),
                weight,
            });
        }
        if rest.abs() >= 0.005 {
            let group = format!("{:?}", branch.group).to_lowercase();
            out.push(v1::Reason {
                text: say(&format!("{group}: other features"), &format!("{group}：其他特征")),
                attribute: group,
                relation: Relation::Likeness.into(),
                weight: rest,
            });
        }
    }
    out.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then_with(|| a.attribute.cmp(&b.attribute)));
    out
}

// Masters

fn sourced(value: &SourcedValue) -> v1::SourcedValue {
    v1::SourcedValue {
        value: value.value.clone(),
        source: value.source.as_ref().map(names::sku).unwrap_or_default(),
    }
}

pub fn master(row: &Stored<Master>, members: usize) -> v1::Master {
    use v1::master::State;
    let master = &row.value;
    let (state, redirect) = match &master.state {
        MasterState::Live => (State::Live, String::new()),
        MasterState::Merged { into } => (State::Merged, names::master(into)),
        MasterState::Retired => (State::Retired, String::new()),
    };
    let golden = &master.golden;
    let by_hand = |name: &str, value: Option<&SourcedValue>| {
        value.is_some_and(|value| value.source.is_none()).then(|| name.to_owned())
    };
    v1::Master {
        name: names::master(&master.id),
        state: state.into(),
        redirect,
        display_name: Some(sourced(&golden.name)),
        brand: golden.brand.as_ref().map(sourced),
        spec: golden.spec.as_ref().map(sourced),
        overrides: [
            by_hand("display_name", Some(&golden.name)),
            by_hand("brand", golden.brand.as_ref()),
            by_hand("spec", golden.spec.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect(),
        member_count: i32::try_from(members).unwrap_or(i32::MAX),
        confirmed: master.standing == Standing::Confirmed,
        revision: row.version.0,
        etag: etag(row.version),
        create_time: Some(time(row.created)),
        update_time: Some(time(row.updated)),
    }
}

pub fn link(row: &Stored<Link>) -> v1::Link {
    use v1::link::Cause;
    let link = &row.value;
    let cause = match link.cause {
        LinkCause::Auto => Cause::Auto,
        LinkCause::Decision => Cause::Decision,
        LinkCause::Import => Cause::Import,
    };
    v1::Link {
        left: names::sku(&link.left),
        right: names::sku(&link.right),
        cause: cause.into(),
        evidence: Some(v1::Evidence {
            confidence: link.confidence.get(),
            zone: v1::Zone::Auto.into(),
            model_version: link.model.clone(),
            policy_version: link.policy,
            ..v1::Evidence::default()
        }),
        decision: link.decision.as_ref().map(names::decision).unwrap_or_default(),
        stale: link.freshness == domain::Freshness::Stale,
        create_time: Some(time(row.created)),
    }
}

// Reviews

fn kept_evidence(confidence: f64, note: &Evidence, model: &str) -> v1::Evidence {
    v1::Evidence {
        confidence,
        zone: v1::Zone::Review.into(),
        veto: note.veto.clone().unwrap_or_default(),
        summary: note.summary.clone(),
        reasons: Vec::new(),
        model_version: model.to_owned(),
        policy_version: note.policy,
    }
}

pub fn review(row: &Stored<Review>) -> v1::Review {
    use v1::review::State;
    let review = &row.value;
    let state = match review.state {
        ReviewState::Open => State::Open,
        ReviewState::Claimed => State::Claimed,
        ReviewState::Decided => State::Decided,
        ReviewState::Withdrawn => State::Withdrawn,
    };
    let note: Evidence = live::notes::read(&review.evidence);
    // An audit measures the machine by people who do not know what it thinks.
    let is_blind = note.audit && matches!(review.state, ReviewState::Open | ReviewState::Claimed);
    let evidence = (!is_blind).then(|| kept_evidence(review.confidence.get(), &note, &review.model));
    v1::Review {
        name: names::review(&review.id),
        sku: names::sku(&review.sku),
        master: names::master(&review.master),
        evidence,
        value: review.value,
        state: state.into(),
        assignee: review.assignee.as_ref().map(ToString::to_string).unwrap_or_default(),
        lease_expire_time: review.lease_until.map(time),
        defer_time: review.deferred_until.map(time),
        decisions: Vec::new(),
        etag: etag(row.version),
        create_time: Some(time(row.created)),
        update_time: Some(time(row.updated)),
    }
}

pub fn review_state(state: i32) -> Result<ReviewState, Failure> {
    use v1::review::State;
    match State::try_from(state) {
        Ok(State::Open) => Ok(ReviewState::Open),
        Ok(State::Claimed) => Ok(ReviewState::Claimed),
        Ok(State::Decided) => Ok(ReviewState::Decided),
        Ok(State::Withdrawn) => Ok(ReviewState::Withdrawn),
        _ => Err(Failure::field("filter.states", format!("holds {state}, which is no state"))),
    }
}

pub fn verdict(verdict: Verdict) -> v1::Verdict {
    match verdict {
        Verdict::Same => v1::Verdict::Same,
        Verdict::Different => v1::Verdict::Different,
        Verdict::Unsure => v1::Verdict::Unsure,
        Verdict::New => v1::Verdict::New,
    }
}

pub fn parse_verdict(field: &str, verdict: i32) -> Result<Verdict, Failure> {
    match v1::Verdict::try_from(verdict) {
        Ok(v1::Verdict::Same) => Ok(Verdict::Same),
        Ok(v1::Verdict::Different) => Ok(Verdict::Different),
        Ok(v1::Verdict::Unsure) => Ok(Verdict::Unsure),
        Ok(v1::Verdict::New) => Ok(Verdict::New),
        _ => Err(Failure::field(field, "must be SAME, DIFFERENT, UNSURE or NEW")),
    }
}

pub fn decision(row: &Stored<Decision>) -> v1::Decision {
    let decision = &row.value;
    let seen: Seen = live::notes::read(&decision.seen);
    v1::Decision {
        name: names::decision(&decision.id),
        review: decision.review.as_ref().map(names::review).unwrap_or_default(),
        sku: names::sku(&decision.sku),
        master: decision.master.as_ref().map(names::master).unwrap_or_default(),
        verdict: verdict(decision.verdict).into(),
        reason: decision.reason.clone(),
        actor: decision.actor.to_string(),
        seen_members: seen.members.iter().map(names::sku).collect(),
        seen_evidence: decision.review.is_some().then(|| kept_evidence(seen.confidence, &seen.evidence, "")),
        create_time: Some(time(decision.at)),
        undo_time: decision.undone.as_ref().map(|undone| time(undone.at)),
    }
}

// Policies

pub fn scope(scope: &PolicyScope) -> v1::PolicyScope {
    use v1::policy_scope::Scope;
    let scope = match scope {
        PolicyScope::Global => Scope::Global(v1::GlobalScope {}),
        PolicyScope::Pair(left, right) => {
            Scope::NodePair(v1::NodePairScope { left: names::node(left), right: names::node(right) })
        }
        PolicyScope::Category(category) => Scope::Category(v1::CategoryScope { category: category.clone() }),
    };
    v1::PolicyScope { scope: Some(scope) }
}

pub fn parse_scope(field: &str, from: &Option<v1::PolicyScope>) -> Result<PolicyScope, Failure> {
    use v1::policy_scope::Scope;
    match from.as_ref().and_then(|scope| scope.scope.as_ref()) {
        None => Err(Failure::required(field)),
        Some(Scope::Global(_)) => Ok(PolicyScope::Global),
        Some(Scope::NodePair(pair)) => Ok(PolicyScope::pair(
            names::parse_node(&format!("{field}.node_pair.left"), &pair.left)?,
            names::parse_node(&format!("{field}.node_pair.right"), &pair.right)?,
        )),
        Some(Scope::Category(category)) if category.category.is_empty() => {
            Err(Failure::required(&format!("{field}.category.category")))
        }
        Some(Scope::Category(category)) => Ok(PolicyScope::Category(category.category.clone())),
    }
}

pub fn policy(value: &Policy, row: Option<&Stored<Policy>>) -> v1::Policy {
    v1::Policy {
        name: names::policy(&value.scope, value.number),
        scope: Some(scope(&value.scope)),
        version: value.number,
        auto_threshold: value.zones.auto.get(),
        review_threshold: value.zones.review.get(),
        group_mean: value.group_mean.get(),
        four_eyes: value.eyes == Eyes::Four,
        active: value.activity == domain::Activity::Active,
        description: value.description.clone(),
        actor: String::new(),
        create_time: row.map(|row| time(row.created)),
    }
}

pub fn share(field: &str, value: f64) -> Result<Confidence, Failure> {
    Confidence::new(value).map_err(|error| Failure::field(field, error.to_string()))
}

pub fn parse_zones(from: &v1::Policy) -> Result<ZonePolicy, Failure> {
    let auto = share("policy.auto_threshold", from.auto_threshold)?;
    let review = share("policy.review_threshold", from.review_threshold)?;
    if review > auto {
        return Err(Failure::field("policy.review_threshold", "is above policy.auto_threshold"));
    }
    Ok(ZonePolicy { auto, review })
}

// Changes

pub fn change_kind(change: &Change) -> v1::ChangeKind {
    match change {
        Change::Node(_) => v1::ChangeKind::Node,
        Change::Sku { .. } => v1::ChangeKind::Sku,
        Change::State { .. } => v1::ChangeKind::MatchState,
        Change::Member { .. } => v1::ChangeKind::Member,
        Change::Master(_) => v1::ChangeKind::Master,
        Change::Link(_) | Change::Unlink(_) => v1::ChangeKind::Link,
        Change::Review(_) => v1::ChangeKind::Review,
        Change::Decision(_) => v1::ChangeKind::Decision,
        Change::Policy(_) => v1::ChangeKind::Policy,
    }
}

/// Nodes whose SKUs a change touches.
pub fn nodes_of(change: &Change) -> Vec<&domain::NodeId> {
    match change {
        Change::Node(row) => vec![&row.value.id],
        Change::Sku { sku, .. } => vec![&sku.value.sku.key.node],
        Change::State { key, .. } | Change::Member { key, .. } => vec![&key.node],
        Change::Link(row) | Change::Unlink(row) => vec![&row.value.left.node, &row.value.right.node],
        Change::Review(row) => vec![&row.value.sku.node],
        Change::Decision(row) => {
            let other = row.value.other.iter().map(|key| &key.node);
            other.chain([&row.value.sku.node]).collect()
        }
        Change::Master(row) => {
            let golden = &row.value.golden;
            golden.name.source.iter().map(|key| &key.node).collect()
        }
        Change::Policy(_) => Vec::new(),
    }
}

pub fn change(logged: &LoggedChange) -> v1::Change {
    use v1::change::After;
    let written = |version: Version| if version == Version::FIRST { "created" } else { "updated" };
    let (action, resource, after) = match &logged.change {
        Change::Node(row) => (written(row.version), names::node(&row.value.id), None),
        Change::Sku { action, sku: row } => {
            let action = match action {
                SkuAction::Created => "created",
                SkuAction::Updated => "updated",
                SkuAction::Deleted => "deleted",
                SkuAction::Undeleted => "undeleted",
            };
            (action, names::sku(&row.value.sku.key), Some(After::Sku(sku(row, None))))
        }
        Change::State { key, to, .. } => {
            let after =
                v1::Sku { name: names::sku(key), match_state: match_state(*to).into(), ..v1::Sku::default() };
            ("moved", names::sku(key), Some(After::Sku(after)))
        }
        Change::Member { key, from, to } => {
            let master = |id: &Option<MasterId>| id.as_ref().map(names::master).unwrap_or_default();
            let member =
                v1::MemberChange { sku: names::sku(key), from_master: master(from), to_master: master(to) };
            ("moved", names::sku(key), Some(After::Member(member)))
        }
        Change::Master(row) => {
            let action = match row.value.state {
                MasterState::Live => written(row.version),
                MasterState::Merged { .. } => "merged",
                MasterState::Retired => "retired",
            };
            (action, names::master(&row.value.id), Some(After::Master(master(row, 0))))
        }
        Change::Link(row) => {
            let action = if row.value.freshness == domain::Freshness::Stale { "stale" } else { "accepted" };
            (action, names::sku(&row.value.left), Some(After::Link(link(row))))
        }
        Change::Unlink(row) => ("removed", names::sku(&row.value.left), Some(After::Link(link(row)))),
        Change::Review(row) => {
            let action = match row.value.state {
                ReviewState::Open if row.version == Version::FIRST => "created",
                ReviewState::Open => "opened",
                ReviewState::Claimed => "claimed",
                ReviewState::Decided => "decided",
                ReviewState::Withdrawn => "withdrawn",
            };
            (action, names::review(&row.value.id), None)
        }
        Change::Decision(row) => {
            let action = if row.value.undone.is_some() { "undone" } else { "created" };
            (action, names::decision(&row.value.id), None)
        }
        Change::Policy(row) => {
            let active = row.value.activity == domain::Activity::Active;
            let action = if active { "activated" } else { written(row.version) };
            (action, names::policy(&row.value.scope, row.value.number), None)
        }
    };
    v1::Change {
        sequence: logged.sequence.0,
        kind: change_kind(&logged.change).into(),
        action: action.to_owned(),
        resource,
        actor: logged.actor.to_string(),
        time: Some(time(logged.at)),
        after,
    }
}

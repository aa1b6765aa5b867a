//! Step 1: everything that the mutations touch, and what the rules will ask about it.

use super::{Work, content_digest};
use crate::sql::{Conn, Value, args, find, select};
use crate::tables::link::links_of;
use crate::tables::{LinkKey, PolicyKey};
use crate::{Mutation, Result};
use domain::{
    DecisionId, MasterId, MasterState, Member, NodeId, Policy, PolicyScope, Review, ReviewId, SkuKey, Stored,
};

/// Keys that the mutations name.
#[derive(Default)]
struct Named {
    nodes: Vec<NodeId>,
    skus: Vec<SkuKey>,
    /// SKUs whose membership matters.
    placed: Vec<SkuKey>,
    /// SKUs that are written and keep their state, with what they say: where that is new and the state a linked one, their
    /// membership matters too.
    rewritten: Vec<(SkuKey, String)>,
    /// SKUs whose links and waiting reviews matter.
    moved: Vec<SkuKey>,
    asked: Vec<SkuKey>,
    masters: Vec<MasterId>,
    links: Vec<LinkKey>,
    reviews: Vec<ReviewId>,
    decisions: Vec<DecisionId>,
    scopes: Vec<PolicyScope>,
}

pub(super) async fn load(conn: &mut Conn<'_>, mutations: &[Mutation]) -> Result<Work> {
    let mut named = Named::default();
    for mutation in mutations {
        named.take(mutation);
    }
    let mut work = Work::default();
    work.skus.load(conn, named.skus).await?;

    for (key, content) in named.rewritten {
        let before = work.skus.before(&key).map(|row| &row.value);
        if before.is_some_and(|sku| sku.state.is_linked() && sku.content != content) {
            named.placed.push(key);
        }
    }

    // Links first: their other ends' places matter too. A SKU that does not exist yet has neither links nor reviews.
    named.moved.retain(|key| work.skus.before(key).is_some());
    named.asked.retain(|key| work.skus.before(key).is_some());
    for link in links_of(conn, &distinct(named.moved)).await? {
        named.placed.push(link.value.left.clone());
        named.placed.push(link.value.right.clone());
        work.links.add(link);
    }
    work.links.load(conn, named.links).await?;

    work.members.load(conn, named.placed).await?;
    named.masters.extend(work.members.rows().map(|member| member.value.master.clone()));
    work.masters.load(conn, named.masters).await?;
    let masters: Vec<MasterId> = work.masters.rows().map(|master| master.value.id.clone()).collect();
    for member in members_of(conn, &masters).await? {
        work.members.add(member);
    }

    named.nodes.extend(work.members.rows().map(|member| member.value.key.node.clone()));
    work.nodes.load(conn, named.nodes).await?;

    work.reviews.load(conn, named.reviews).await?;
    for review in waiting_reviews(conn, &distinct(named.asked)).await? {
        work.reviews.add(review);
    }
    work.decisions.load(conn, named.decisions).await?;
    for scope in named.scopes {
        for policy in select::<Policy>(conn, "WHERE scope = $1", args![scope.key()]).await? {
            work.policies.add(policy);
        }
    }
    Ok(work)
}

impl Named {
    fn take(&mut self, mutation: &Mutation) {
        match mutation {
            Mutation::PutNode { node, .. } => self.nodes.push(node.id.clone()),
            Mutation::PutSku { sku, state, .. } => {
                self.sku(&sku.key);
                if state.is_some_and(|state| state.is_linked()) {
                    self.placed.push(sku.key.clone());
                }
                if state.is_none() {
                    self.rewritten.push((sku.key.clone(), content_digest(sku)));
                }
            }
            Mutation::DeleteSku { key, .. } => {
                self.sku(key);
                self.placed.push(key.clone());
                self.moved.push(key.clone());
                self.asked.push(key.clone());
            }
            Mutation::UndeleteSku { key, .. } => self.sku(key),
            Mutation::SetState { key, state, .. } => {
                self.sku(key);
                if state.is_linked() {
                    self.placed.push(key.clone());
                }
            }
            Mutation::SetCandidates { key, .. } => self.sku(key),
            Mutation::PutMaster { master, .. } => {
                self.masters.push(master.id.clone());
                if let MasterState::Merged { into } = &master.state {
                    self.masters.push(into.clone());
                }
            }
            Mutation::SetMember { key, master } => {
                self.sku(key);
                self.placed.push(key.clone());
                self.moved.push(key.clone());
                self.masters.extend(master.clone());
            }
            Mutation::PutLink { link } => {
                for key in [&link.left, &link.right] {
                    self.sku(key);
                    self.placed.push(key.clone());
                }
                self.links.push(LinkKey::new(&link.left, &link.right));
            }
            Mutation::RemoveLink { left, right } => self.links.push(LinkKey::new(left, right)),
            Mutation::PutReview { review, .. } => {
                self.sku(&review.sku);
                self.asked.push(review.sku.clone());
                self.masters.push(review.master.clone());
                self.reviews.push(review.id.clone());
            }
            Mutation::AddDecision { decision } => {
                self.sku(&decision.sku);
                self.decisions.push(decision.id.clone());
            }
            Mutation::UndoDecision { id } => self.decisions.push(id.clone()),
            Mutation::AddPolicy { policy } => self.scopes.push(policy.scope.clone()),
            Mutation::ActivatePolicy { scope, .. } => self.scopes.push(scope.clone()),
        }
    }

    fn sku(&mut self, key: &SkuKey) {
        self.nodes.push(key.node.clone());
        self.skus.push(key.clone());
    }
}

fn distinct<T: Ord>(mut keys: Vec<T>) -> Vec<T> {
    keys.sort();
    keys.dedup();
    keys
}

async fn members_of(conn: &mut Conn<'_>, masters: &[MasterId]) -> Result<Vec<Stored<Member>>> {
    let masters: Vec<Vec<Value>> = masters.iter().map(|id| args![&id.0]).collect();
    find(conn, &["master"], &masters, "").await
}

async fn waiting_reviews(conn: &mut Conn<'_>, skus: &[SkuKey]) -> Result<Vec<Stored<Review>>> {
    let skus: Vec<Vec<Value>> = skus.iter().map(|key| args![&key.node.0, &key.sku.0]).collect();
    find(conn, &["node", "code"], &skus, "AND t.state IN ('open', 'claimed')").await
}

impl PolicyKey {
    /// The version before the first.
    pub(super) fn none(scope: &PolicyScope) -> Self {
        PolicyKey::new(scope, 0)
    }
}

//! Step 2: the mutations, in memory.

use super::Work;
use crate::tables::{LinkKey, PolicyKey};
use crate::{Batch, Change, Expect, Mutation, Result, SkuAction, StoreError};
use domain::{
    Activity, CatalogSku, LocalSku, MasterId, MatchState, Member, Node, Policy, PolicyScope, ReviewState,
    Revision, SkuKey, Stored, Undone, Version,
};
use sha2::{Digest, Sha256};

impl Work {
    pub(super) fn apply(&mut self, mutation: &Mutation, batch: &Batch) -> Result<()> {
        let at = batch.at;
        match mutation {
            Mutation::PutNode { node, expect } => {
                if let Some(row) = self.nodes.put(node.clone(), *expect, at)? {
                    self.changes.push(Change::Node(row));
                }
            }
            Mutation::PutSku { sku, state, expect } => self.put_sku(sku, *state, *expect, batch)?,
            Mutation::DeleteSku { key, expect } => {
                let row = self.live_sku(key, *expect)?;
                let value = CatalogSku { deleted: Some(at), ..row.value.clone() };
                let row = row.replaced(value, at);
                self.skus.set(row.clone());
                self.changes.push(Change::Sku { action: SkuAction::Deleted, sku: row });
            }
            Mutation::UndeleteSku { key, expect } => self.undelete_sku(key, *expect, batch)?,
            Mutation::SetState { key, state, expect } => {
                let mut row = self.live_sku(key, *expect)?.clone();
                let from = std::mem::replace(&mut row.value.state, *state);
                if from != *state {
                    row.updated = at;
                    self.skus.set(row);
                    self.changes.push(Change::State { key: key.clone(), from, to: *state });
                }
            }
            Mutation::SetCandidates { key, candidates } => {
                self.live_sku(key, Expect::Any)?;
                self.candidates.retain(|(earlier, _)| earlier != key);
                self.candidates.push((key.clone(), candidates.clone()));
            }
            Mutation::PutMaster { master, expect } => {
                if let Some(row) = self.masters.put(master.clone(), *expect, at)? {
                    self.changes.push(Change::Master(row));
                }
            }
            Mutation::SetMember { key, master } => self.set_member(key, master.as_ref(), batch)?,
            Mutation::PutLink { link } => {
                if link.left == link.right {
                    return Err(StoreError::precondition(&link.left, "a link needs two SKUs"));
                }
                if let Some(row) = self.links.put(link.clone().ordered(), Expect::Any, at)? {
                    self.changes.push(Change::Link(row));
                }
            }
            Mutation::RemoveLink { left, right } => {
                let key = LinkKey::new(left, right);
                let row = self.links.remove(&key).ok_or_else(|| StoreError::not_found("link", &key))?;
                self.changes.push(Change::Unlink(row));
            }
            Mutation::PutReview { review, expect } => {
                self.skus.existing(&review.sku, Expect::Present)?;
                let before = self.reviews.get(&review.id).map(|row| row.value.state);
                // Whoever withdraws a question need not know who holds it just now, but an answer is not lost by that.
                if before == Some(ReviewState::Decided) && review.state == ReviewState::Withdrawn {
                    return Err(StoreError::precondition(&review.id, "is answered: read it again"));
                }
                if let Some(row) = self.reviews.put(review.clone(), *expect, at)? {
                    self.changes.push(Change::Review(row));
                }
            }
            Mutation::AddDecision { decision } => {
                self.skus.existing(&decision.sku, Expect::Present)?;
                if let Some(row) = self.decisions.put(decision.clone(), Expect::Absent, at)? {
                    self.changes.push(Change::Decision(row));
                }
            }
            Mutation::UndoDecision { id } => {
                let row = self.decisions.existing(id, Expect::Present)?;
                if row.value.undone.is_some() {
                    return Err(StoreError::precondition(id, "was taken back before: nothing is left to do"));
                }
                let mut decision = row.value.clone();
                decision.undone = Some(Undone { by: batch.actor.clone(), at });
                if let Some(row) = self.decisions.put(decision, Expect::Any, at)? {
                    self.changes.push(Change::Decision(row));
                }
            }
            Mutation::AddPolicy { policy } => self.add_policy(policy, batch)?,
            Mutation::ActivatePolicy { scope, number, expected } => {
                self.activate_policy(scope, *number, *expected, batch)?;
            }
        }
        Ok(())
    }

    fn live_sku(&self, key: &SkuKey, expect: Expect) -> Result<&Stored<CatalogSku>> {
        let row = self.skus.existing(key, expect)?;
        if row.value.is_live() { Ok(row) } else { Err(StoreError::not_found("sku", key)) }
    }

    fn open_node(&self, key: &SkuKey) -> Result<&Stored<Node>> {
        let node = self.nodes.existing(&key.node, Expect::Present)?;
        if node.value.archived.is_some() {
            return Err(StoreError::precondition(
                &key.node,
                "is archived: bring it back before writing its SKUs",
            ));
        }
        Ok(node)
    }

    fn put_sku(
        &mut self,
        sku: &LocalSku,
        state: Option<MatchState>,
        expect: Expect,
        batch: &Batch,
    ) -> Result<()> {
        self.open_node(&sku.key)?;
        let content = content_digest(sku);
        let row = self.skus.get(&sku.key);
        expect.check("sku", &sku.key, row.map(|row| row.version))?;
        let (action, row) = match row {
            Some(row) if !row.value.is_live() => {
                return Err(StoreError::precondition(&sku.key, "is deleted: undelete it before writing it"));
            }
            Some(row) if row.value.content == content => {
                let key = sku.key.clone();
                return match state {
                    Some(state) => self.apply(&Mutation::SetState { key, state, expect }, batch),
                    None => Ok(()),
                };
            }
            Some(row) => {
                let state = state.unwrap_or(row.value.state);
                let value = CatalogSku { sku: sku.clone(), content, state, deleted: None };
                (SkuAction::Updated, row.replaced(value, batch.at))
            }
            None => {
                let state = state.unwrap_or(MatchState::NotRun);
                let value = CatalogSku { sku: sku.clone(), content, state, deleted: None };
                (SkuAction::Created, Stored::new(value, batch.at))
            }
        };
        self.skus.set(row.clone());
        self.changes.push(Change::Sku { action, sku: row });
        Ok(())
    }

    fn undelete_sku(&mut self, key: &SkuKey, expect: Expect, batch: &Batch) -> Result<()> {
        self.open_node(key)?;
        let row = self.skus.existing(key, expect)?;
        if row.value.is_live() {
            return Err(StoreError::precondition(key, "is not deleted: nothing is left to do"));
        }
        let value = CatalogSku { deleted: None, state: MatchState::NotRun, ..row.value.clone() };
        let row = row.replaced(value, batch.at);
        self.skus.set(row.clone());
        self.changes.push(Change::Sku { action: SkuAction::Undeleted, sku: row });
        Ok(())
    }

    fn set_member(&mut self, key: &SkuKey, master: Option<&MasterId>, batch: &Batch) -> Result<()> {
        self.skus.existing(key, Expect::Present)?;
        let from = self.members.get(key).map(|member| member.value.master.clone());
        if from.as_ref() == master {
            return Ok(());
        }
        match master {
            Some(master) => {
                let member = Member { key: key.clone(), master: master.clone() };
                self.members.put(member, Expect::Any, batch.at)?;
            }
            None => {
                self.members.remove(key);
            }
        }
        self.changes.push(Change::Member { key: key.clone(), from, to: master.cloned() });
        Ok(())
    }

    fn add_policy(&mut self, policy: &Policy, batch: &Batch) -> Result<()> {
        let scope = policy.scope.key();
        let last =
            self.policies.rows().filter(|row| row.value.scope.key() == scope).map(|row| row.value.number);
        let next = last.max().unwrap_or(0) + 1;
        if policy.number != next {
            return Err(StoreError::Conflict {
                kind: "policy",
                id: scope,
                expected: Version(policy.number - 1),
                found: Version(next - 1),
            });
        }
        let author = Some(batch.actor.clone());
        let policy = Policy { author, activity: Activity::Inactive, ..policy.clone() };
        if let Some(row) = self.policies.put(policy, Expect::Absent, batch.at)? {
            self.changes.push(Change::Policy(row));
        }
        Ok(())
    }

    fn activate_policy(
        &mut self,
        scope: &PolicyScope,
        number: i64,
        expected: Option<i64>,
        batch: &Batch,
    ) -> Result<()> {
        let key = PolicyKey::new(scope, number);
        self.policies.existing(&key, Expect::Present)?;
        let active = self
            .policies
            .rows()
            .find(|row| row.value.scope == *scope && row.value.activity == Activity::Active);
        let active = active.map_or(PolicyKey::none(scope), |row| PolicyKey::new(scope, row.value.number));
        if let Some(expected) = expected
            && expected != active.number
        {
            return Err(StoreError::Conflict {
                kind: "active policy",
                id: scope.key(),
                expected: Version(expected),
                found: Version(active.number),
            });
        }
        for (key, activity) in [(active, Activity::Inactive), (key, Activity::Active)] {
            let Some(row) = self.policies.get(&key) else { continue };
            let policy = Policy { activity, ..row.value.clone() };
            if let Some(row) = self.policies.put(policy, Expect::Any, batch.at)? {
                self.changes.push(Change::Policy(row));
            }
        }
        Ok(())
    }

    /// A master whose members changed has changed: its version counts on, and every changed master gets a revision.
    pub(super) fn number_masters(&mut self, batch: &Batch) {
        let mut touched: Vec<MasterId> = Vec::new();
        for key in self.members.changed() {
            let (before, now) = (self.members.before(key), self.members.get(key));
            touched.extend(before.into_iter().chain(now).map(|member| member.value.master.clone()));
        }
        touched.sort();
        touched.dedup();
        for id in touched.into_iter().filter(|id| !self.masters.is_changed(id)).collect::<Vec<_>>() {
            if let Some(row) = self.masters.get(&id) {
                let row = row.replaced(row.value.clone(), batch.at);
                self.masters.set(row.clone());
                self.changes.push(Change::Master(row));
            }
        }
        let mut members = self.members_by_master();
        self.revisions = self
            .masters
            .written()
            .into_iter()
            .map(|row| Revision {
                master: row.value.clone(),
                number: row.version,
                members: members.remove(&row.value.id).unwrap_or_default(),
                actor: batch.actor.clone(),
                cause: batch.cause.clone(),
                at: batch.at,
            })
            .collect();
    }

    /// Where the mutation's thing is now.
    pub(super) fn version_after(&self, mutation: &Mutation) -> Version {
        match mutation {
            Mutation::PutNode { node, .. } => self.nodes.version(&node.id),
            Mutation::PutSku { sku, .. } => self.skus.version(&sku.key),
            Mutation::DeleteSku { key, .. }
            | Mutation::UndeleteSku { key, .. }
            | Mutation::SetState { key, .. }
            | Mutation::SetCandidates { key, .. } => self.skus.version(key),
            Mutation::PutMaster { master, .. } => self.masters.version(&master.id),
            Mutation::SetMember { master, .. } => {
                master.as_ref().map_or(Version(0), |id| self.masters.version(id))
            }
            Mutation::PutLink { link } => self.links.version(&LinkKey::new(&link.left, &link.right)),
            Mutation::RemoveLink { .. } => Version(0),
            Mutation::PutReview { review, .. } => self.reviews.version(&review.id),
            Mutation::AddDecision { decision } => self.decisions.version(&decision.id),
            Mutation::UndoDecision { id } => self.decisions.version(id),
            Mutation::AddPolicy { policy } => {
                self.policies.version(&PolicyKey::new(&policy.scope, policy.number))
            }
            Mutation::ActivatePolicy { scope, number, .. } => {
                self.policies.version(&PolicyKey::new(scope, *number))
            }
        }
    }
}

/// Hex of 128 bits over everything that the node says. Destructured whole, so that a new column cannot be forgotten.
pub fn content_digest(sku: &LocalSku) -> String {
    let LocalSku { key: _, name, brand, spec, unit, category, gtin, description, price } = sku;
    let mut digest = Sha256::new();
    let mut add = |text: Option<&[u8]>| {
        // Length first, so that no two rows read alike; absent is another length than empty.
        digest.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        digest.update(text.unwrap_or_default());
    };
    add(Some(name.as_bytes()));
    for column in [brand, spec, unit, category, gtin, description] {
        add(column.as_ref().map(String::as_bytes));
    }
    add(price.map(f64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
    digest.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

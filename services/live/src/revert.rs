//! Going back: a master as it was at a revision.

use crate::error::{LiveError, Result};
use crate::service::{Live, Writer};
use domain::{Master, MasterId, MasterState, MatchState, SkuKey, Standing, Verdict, Version};
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet};
use store::{Ack, Batch, Expect, Mutation, StoreError};

/// A return by hand.
#[derive(Clone, Debug)]
pub struct HandRevert {
    pub master: MasterId,
    pub revision: Version,
    pub expect: Option<Version>,
    pub reason: String,
}

/// What a return did.
#[derive(Clone, Debug)]
pub struct Reverted {
    /// Members of that revision that could not be brought back: deleted since, linked elsewhere by a person, or in the
    /// way of another member of their node.
    pub left_out: Vec<SkuKey>,
    pub ack: Ack,
}

impl Live {
    /// Makes a master as it was at a revision, as a new revision: its members then come back, those that joined since leave
    /// into masters of their own, values written by hand return. All of it is a person's decision, which the machine keeps to.
    pub async fn revert_by_hand(&self, call: &HandRevert, writer: &Writer) -> Result<Reverted> {
        let ack = self
            .by_hand(writer, async |batch, touched| self.go_back(call, writer, batch, touched).await)
            .await?;
        let left_out = serde_json::from_slice(&ack.response).unwrap_or_default();
        Ok(Reverted { left_out, ack })
    }

    async fn go_back(
        &self,
        call: &HandRevert,
        writer: &Writer,
        batch: &mut Batch,
        touched: &mut FxHashSet<SkuKey>,
    ) -> Result<()> {
        let HandRevert { master: id, revision, expect, reason } = call;
        let row = self.store().master(id).await?.ok_or_else(|| LiveError::not_found("master", id))?;
        if let Some(expected) = expect.filter(|expected| *expected != row.version) {
            let (kind, found) = ("master", row.version);
            return Err(StoreError::Conflict { kind, id: id.to_string(), expected, found }.into());
        }
        let found = self.store().revisions(id, Some(Version(revision.0.saturating_add(1))), 1).await?;
        let then = found.into_iter().find(|then| then.number == *revision);
        let then = then.ok_or_else(|| LiveError::not_found("revision", &format!("{id}/{revision}")))?;
        if then.members.is_empty() {
            return Err(LiveError::precondition(id, format!("had no members at revision {revision}")));
        }
        let now: BTreeSet<SkuKey> = self.members_of(id)?.into_iter().collect();
        let mut left_out = Vec::new();
        let mut staying: BTreeSet<SkuKey> = BTreeSet::new();
        // Those who are there still have the better right to their node's place.
        let (present, gone): (Vec<_>, Vec<_>) =
            then.members.iter().cloned().partition(|key| now.contains(key));
        for key in present.into_iter().chain(gone) {
            let comes = now.contains(&key) || self.may_come(&key)?;
            let many = self.read(|world| world.ledger.holds_many(&key.node))?;
            if comes && (many || !staying.iter().any(|other| other.node == key.node)) {
                staying.insert(key);
            } else {
                left_out.push(key);
            }
        }
        if staying.is_empty() {
            return Err(LiveError::precondition(
                id,
                format!("has no member left of those at revision {revision}"),
            ));
        }
        let leaving: Vec<SkuKey> = now.difference(&staying).cloned().collect();
        let joining: Vec<SkuKey> = staying.difference(&now).cloned().collect();
        let rest: Vec<SkuKey> = staying.iter().cloned().collect();

        self.move_links(&leaving, None, &BTreeSet::new(), batch).await?;
        for key in &leaving {
            let own = self.new_master(std::slice::from_ref(key), Standing::Confirmed, batch).await?;
            batch.mutations.push(Mutation::SetMember { key: key.clone(), master: Some(own) });
            let state = MatchState::LinkedConfirmed;
            batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
            let decision = self.decision_by_hand(writer, key, rest.clone(), id, Verdict::Different, reason);
            batch.mutations.push(Mutation::AddDecision { decision });
        }
        self.leave_others(&joining, id, batch, touched).await?;
        self.move_links(&joining, Some(id), &staying, batch).await?;
        for key in &joining {
            batch.mutations.push(Mutation::SetMember { key: key.clone(), master: Some(id.clone()) });
            let state = MatchState::LinkedConfirmed;
            batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
        }
        for key in joining.iter().filter(|_| rest.len() > 1) {
            let others = rest.iter().filter(|other| *other != key).cloned().collect();
            let decision = self.decision_by_hand(writer, key, others, id, Verdict::Same, reason);
            batch.mutations.push(Mutation::AddDecision { decision });
        }
        let mut back = row.clone();
        back.value = Master { golden: then.master.golden, state: MasterState::Live, ..row.value };
        self.put_golden(&back, &rest, Standing::Confirmed, batch).await?;
        batch.response = serde_json::to_vec(&left_out).unwrap_or_default();
        touched.extend(now);
        touched.extend(rest);
        Ok(())
    }

    /// Whether a SKU is there still, and no person has linked it to where it is now.
    fn may_come(&self, key: &SkuKey) -> Result<bool> {
        self.read(|world| {
            let ledger = &world.ledger;
            let linked = ledger.constraints.get(key).into_iter().flatten().any(|said| {
                said.verdict == Verdict::Same
                    && ledger.master_of(key).is_some()
                    && ledger.master_of(&said.other) == ledger.master_of(key)
            });
            ledger.skus.contains_key(key) && !linked
        })
    }

    /// What the masters become that SKUs leave.
    async fn leave_others(
        &self,
        joining: &[SkuKey],
        to: &MasterId,
        batch: &mut Batch,
        touched: &mut FxHashSet<SkuKey>,
    ) -> Result<()> {
        let mut left: BTreeMap<MasterId, Vec<SkuKey>> = BTreeMap::new();
        for key in joining {
            if let Some(own) = self.read(|world| world.ledger.master_of(key).cloned())? {
                left.entry(own).or_default().push(key.clone());
            }
        }
        for (other, gone) in left {
            let Some(row) = self.store().master(&other).await? else { continue };
            let members = self.members_of(&other)?;
            let rest: Vec<SkuKey> = members.iter().filter(|key| !gone.contains(key)).cloned().collect();
            touched.extend(members);
            if rest.is_empty() {
                let merged = Master { state: MasterState::Merged { into: to.clone() }, ..row.value };
                batch
                    .mutations
                    .push(Mutation::PutMaster { master: merged, expect: Expect::Version(row.version) });
            } else {
                let standing = row.value.standing;
                self.put_golden(&row, &rest, standing, batch).await?;
            }
        }
        Ok(())
    }
}

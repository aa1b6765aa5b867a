//! The model: maps, and every rule on everything.

use domain::*;
use std::collections::{BTreeMap, BTreeSet};
use store::{Expect, Mutation};

/// Why the model refuses; for people who read a failure.
type Refusal = String;

#[derive(Clone, Default)]
pub struct Model {
    pub nodes: BTreeMap<NodeId, (Holding, bool)>,
    /// name, state, deleted, version
    pub skus: BTreeMap<SkuKey, (String, MatchState, bool, Version)>,
    pub masters: BTreeMap<MasterId, (MasterState, Version)>,
    pub members: BTreeMap<SkuKey, MasterId>,
    pub links: BTreeMap<(SkuKey, SkuKey), Freshness>,
    /// sku, master, waiting, version
    pub reviews: BTreeMap<ReviewId, (SkuKey, MasterId, bool, Version)>,
    pub changes: i64,
}

fn expect(expect: Expect, found: Option<Version>) -> Result<(), Refusal> {
    let meets = match expect {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Present => found.is_some(),
        Expect::Version(version) => found == Some(version),
    };
    if meets { Ok(()) } else { Err(format!("{expect:?} but {found:?}")) }
}

fn rule(holds: bool, name: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(name.to_owned()) }
}

impl Model {
    /// What the model is after a batch.
    pub fn after(&self, mutations: &[Mutation]) -> Result<Model, Refusal> {
        let mut next = self.clone();
        let mut moved = BTreeSet::new();
        for mutation in mutations {
            next.apply(mutation, &mut moved)?;
        }
        next.number_masters(self, &moved);
        next.check(self)?;
        Ok(next)
    }

    fn live(&self, key: &SkuKey, expected: Expect) -> Result<(), Refusal> {
        let sku = self.skus.get(key);
        expect(expected, sku.map(|sku| sku.3))?;
        rule(sku.is_some_and(|sku| !sku.2), "no live sku")
    }

    fn open_node(&self, key: &SkuKey) -> Result<(), Refusal> {
        rule(self.nodes.get(&key.node).is_some_and(|(_, archived)| !archived), "no open node")
    }

    fn set_state(&mut self, key: &SkuKey, state: MatchState) {
        let sku = self.skus.get_mut(key).unwrap();
        self.changes += i64::from(sku.1 != state);
        sku.1 = state;
    }

    fn apply(&mut self, mutation: &Mutation, moved: &mut BTreeSet<SkuKey>) -> Result<(), Refusal> {
        match mutation {
            Mutation::PutNode { node, .. } => {
                let value = (node.holding, node.archived.is_some());
                let before = self.nodes.insert(node.id.clone(), value);
                self.changes += i64::from(before != Some(value));
            }
            Mutation::PutSku { sku, state, expect: expected } => {
                self.open_node(&sku.key)?;
                let before = self.skus.get(&sku.key).cloned();
                expect(*expected, before.as_ref().map(|sku| sku.3))?;
                match before {
                    Some((_, _, true, _)) => return Err("deleted".into()),
                    Some((name, ..)) if name == sku.name => {
                        if let Some(state) = state {
                            self.set_state(&sku.key, *state);
                        }
                    }
                    before => {
                        let old = before.as_ref().map_or(MatchState::NotRun, |sku| sku.1);
                        let version = before.map_or(Version(1), |sku| sku.3.next());
                        let value = (sku.name.clone(), state.unwrap_or(old), false, version);
                        self.skus.insert(sku.key.clone(), value);
                        self.changes += 1;
                    }
                }
            }
            Mutation::DeleteSku { key, expect: expected } => {
                self.live(key, *expected)?;
                let sku = self.skus.get_mut(key).unwrap();
                (sku.2, sku.3) = (true, sku.3.next());
                self.changes += 1;
            }
            Mutation::UndeleteSku { key, expect: expected } => {
                self.open_node(key)?;
                expect(*expected, self.skus.get(key).map(|sku| sku.3))?;
                let sku = self.skus.get_mut(key).filter(|sku| sku.2).ok_or("not deleted")?;
                (sku.1, sku.2, sku.3) = (MatchState::NotRun, false, sku.3.next());
                self.changes += 1;
            }
            Mutation::SetState { key, state, expect: expected } => {
                self.live(key, *expected)?;
                self.set_state(key, *state);
            }
            Mutation::PutMaster { master, expect: expected } => {
                let before = self.masters.get(&master.id).cloned();
                expect(*expected, before.as_ref().map(|master| master.1))?;
                if before.as_ref().is_none_or(|before| before.0 != master.state) {
                    let version = before.map_or(Version(1), |before| before.1.next());
                    self.masters.insert(master.id.clone(), (master.state.clone(), version));
                    self.changes += 1;
                }
            }
            Mutation::SetMember { key, master } => {
                rule(self.skus.contains_key(key), "no sku")?;
                if self.members.get(key) != master.as_ref() {
                    match master {
                        Some(master) => self.members.insert(key.clone(), master.clone()),
                        None => self.members.remove(key),
                    };
                    moved.insert(key.clone());
                    self.changes += 1;
                }
            }
            Mutation::PutLink { link } => {
                rule(link.left != link.right, "one sku")?;
                let link = link.clone().ordered();
                let before = self.links.insert((link.left, link.right), link.freshness);
                self.changes += i64::from(before != Some(link.freshness));
            }
            Mutation::RemoveLink { left, right } => {
                let (left, right) = (left.min(right), left.max(right));
                let removed = self.links.remove(&(left.clone(), right.clone()));
                rule(removed.is_some(), "no link")?;
                self.changes += 1;
            }
            Mutation::PutReview { review, expect: expected } => {
                rule(self.skus.contains_key(&review.sku), "no sku")?;
                let before = self.reviews.get(&review.id).cloned();
                expect(*expected, before.as_ref().map(|review| review.3))?;
                let (sku, master, waiting) = (&review.sku, &review.master, review.state.is_waiting());
                if before.as_ref().is_none_or(|b| (&b.0, &b.1, b.2) != (sku, master, waiting)) {
                    let version = before.map_or(Version(1), |before| before.3.next());
                    let value = (sku.clone(), master.clone(), waiting, version);
                    self.reviews.insert(review.id.clone(), value);
                    self.changes += 1;
                }
            }
            other => unreachable!("{other:?} is not generated"),
        }
        Ok(())
    }

    /// Members are part of a master: where they moved, its version counts on, unless the batch wrote it anyway.
    fn number_masters(&mut self, before: &Model, moved: &BTreeSet<SkuKey>) {
        let mut touched = BTreeSet::new();
        for key in moved {
            touched.extend(before.members.get(key).into_iter().chain(self.members.get(key)).cloned());
        }
        for id in touched {
            let was = before.masters.get(&id).cloned();
            if let Some(master) = self.masters.get_mut(&id)
                && was.as_ref() == Some(master)
            {
                master.1 = master.1.next();
                self.changes += 1;
            }
        }
    }

    fn check(&self, before: &Model) -> Result<(), Refusal> {
        for (key, (_, state, deleted, _)) in &self.skus {
            let member = self.members.contains_key(key);
            rule(!*deleted || !member, "deleted member")?;
            rule(*deleted || !state.is_linked() || member, "linked without master")?;
        }
        let mut places = BTreeSet::new();
        for (key, id) in &self.members {
            let live = self.masters.get(id).is_some_and(|master| master.0 == MasterState::Live);
            rule(live, "member of no live master")?;
            if self.nodes[&key.node].0 == Holding::OnePerMaster {
                rule(places.insert((id, &key.node)), "one per node")?;
            }
        }
        for (id, (state, _)) in &self.masters {
            if *state == MasterState::Live {
                rule(self.members.values().any(|of| of == id), "live without members")?;
            }
            if let MasterState::Merged { into } = state
                && before.masters.get(id).map(|master| &master.0) != Some(state)
            {
                let live = self.masters.get(into).is_some_and(|master| master.0 == MasterState::Live);
                rule(live, "merged into nothing live")?;
            }
        }
        for (left, right) in self.links.keys() {
            let place = self.members.get(left);
            rule(place.is_some() && place == self.members.get(right), "link across masters")?;
        }
        let mut asked = BTreeSet::new();
        for (sku, master, waiting, _) in self.reviews.values().filter(|review| review.2) {
            debug_assert!(*waiting);
            rule(!self.skus[sku].2, "review of deleted")?;
            rule(self.masters.contains_key(master), "review of no master")?;
            rule(asked.insert((sku, master)), "asked twice")?;
        }
        Ok(())
    }
}

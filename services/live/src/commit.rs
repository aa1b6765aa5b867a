//! From a draft to a batch for the store.

use crate::draft::{Ask, Draft, Home};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::notes::{self, Evidence};
use crate::service::{Live, now};
use domain::{
    Actor, Candidate, Confidence, Freshness, Golden, Link, LinkCause, LocalSku, Master, MasterId,
    MasterState, Review, ReviewId, ReviewState, SkuKey, SourcedValue, Standing, Stored,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use store::{Batch, Expect, Mutation};

/// Candidates kept in the store for a SKU.
const KEPT_CANDIDATES: usize = 8;

impl Live {
    pub(crate) async fn batch_of(
        &self,
        draft: Draft,
        changed: &FxHashSet<SkuKey>,
        actor: &Actor,
    ) -> Result<Batch> {
        let mut batch = Batch::new(now(), actor, "link");
        let new_ids: Vec<Option<MasterId>> = draft
            .groups
            .iter()
            .map(|group| {
                let is_new = group.needs_master && group.master.is_none();
                is_new.then(|| MasterId::new(&self.new_id("m")))
            })
            .collect();
        let is_written = |at: usize| {
            let group = &draft.groups[at];
            let content = group.master.is_some() && group.members.iter().any(|key| changed.contains(key));
            new_ids[at].is_some()
                || group.master.is_some() && (!group.joined.is_empty() || !group.merged.is_empty())
                || content
        };
        let written: Vec<usize> = (0..draft.groups.len()).filter(|at| is_written(*at)).collect();

        let mut keys: BTreeSet<SkuKey> =
            draft.asks.iter().flat_map(|ask| [ask.sku.clone(), ask.other.clone()]).collect();
        for at in &written {
            keys.extend(draft.groups[*at].members.iter().cloned());
        }
        let skus = self.skus_by_key(keys.into_iter().collect()).await?;
        let masters: Vec<MasterId> = written
            .iter()
            .flat_map(|at| draft.groups[*at].master.iter().chain(&draft.groups[*at].merged))
            .cloned()
            .collect();
        let masters: FxHashMap<MasterId, Stored<Master>> = self
            .store()
            .masters(&masters)
            .await?
            .into_iter()
            .map(|row| (row.value.id.clone(), row))
            .collect();

        // Where every moved SKU goes.
        let mut moved: FxHashMap<SkuKey, Option<MasterId>> = FxHashMap::default();
        for at in &written {
            let group = &draft.groups[*at];
            let home = group.master.clone().or_else(|| new_ids[*at].clone());
            let joined = if group.master.is_some() { &group.joined } else { &group.members };
            moved.extend(joined.iter().map(|key| (key.clone(), home.clone())));
        }
        for (key, _) in &draft.left {
            // One that is asked about has got a master of its own just now.
            moved.entry(key.clone()).or_insert(None);
        }

        for at in &written {
            let group = &draft.groups[*at];
            let members: Vec<&LocalSku> = group.members.iter().filter_map(|key| skus.get(key)).collect();
            let Some(golden) = self.golden_of(&members) else { continue };
            match (&group.master, &new_ids[*at]) {
                (Some(id), _) => {
                    let Some(row) = masters.get(id) else { continue };
                    let golden = keeping_overrides(golden, &row.value.golden);
                    let master = Master { golden, ..row.value.clone() };
                    batch
                        .mutations
                        .push(Mutation::PutMaster { master, expect: Expect::Version(row.version) });
                }
                (None, Some(id)) => {
                    let (state, standing) = (MasterState::Live, Standing::Proposed);
                    let master = Master { id: id.clone(), state, golden, standing };
                    batch.mutations.push(Mutation::PutMaster { master, expect: Expect::Absent });
                }
                (None, None) => continue,
            }
            for id in &group.merged {
                let Some(row) = masters.get(id) else { continue };
                let into = group.master.clone().unwrap_or_else(|| id.clone());
                let master = Master { state: MasterState::Merged { into }, ..row.value.clone() };
                batch.mutations.push(Mutation::PutMaster { master, expect: Expect::Version(row.version) });
            }
        }
        for (key, master) in &moved {
            batch.mutations.push(Mutation::SetMember { key: key.clone(), master: master.clone() });
        }
        // The map has no order; a batch has one, so that logs of equal runs are equal.
        let member = |mutation: &Mutation| match mutation {
            Mutation::SetMember { key, .. } => Some(key.clone()),
            _ => None,
        };
        batch.mutations.sort_by_cached_key(member);

        self.links(&draft, changed, &moved, &mut batch).await?;
        for ask in &draft.asks {
            batch.mutations.push(Mutation::PutReview {
                review: self.review(ask, &new_ids, &skus),
                expect: Expect::Absent,
            });
        }
        self.read(|world| {
            let ledger = &world.ledger;
            for id in &draft.withdrawn {
                let Some(row) = ledger.reviews.get(id) else { continue };
                let state = ReviewState::Withdrawn;
                let review = Review { state, assignee: None, lease_until: None, ..row.value.clone() };
                batch.mutations.push(Mutation::PutReview { review, expect: Expect::Present });
            }
            for (key, state) in &draft.states {
                let Some(info) = ledger.skus.get(key) else { continue };
                let expect = Expect::Version(info.version);
                batch.mutations.push(Mutation::SetState { key: key.clone(), state: *state, expect });
            }
            let mut news: Vec<&SkuKey> =
                changed.iter().filter(|key| ledger.skus.contains_key(*key)).collect();
            news.sort();
            for key in news {
                let Some(&row) = world.graph.rows.get(key) else { continue };
                let candidates = self.candidates(world, row);
                if !candidates.is_empty() {
                    batch.mutations.push(Mutation::SetCandidates { key: key.clone(), candidates });
                }
            }
        })?;
        Ok(batch)
    }

    pub(crate) async fn skus_by_key(&self, keys: Vec<SkuKey>) -> Result<FxHashMap<SkuKey, LocalSku>> {
        let rows = self.store().skus(&keys).await?;
        Ok(rows.into_iter().map(|row| (row.value.sku.key.clone(), row.value.sku)).collect())
    }

    /// The values that stand for a group; `members` in the order of their keys, `None` for no members.
    pub fn golden_of(&self, members: &[&LocalSku]) -> Option<Golden> {
        let golden = self.engine().golden(members)?;
        let sourced =
            |value: link::golden::Sourced| SourcedValue { value: value.value, source: Some(value.source) };
        Some(Golden {
            name: sourced(golden.name),
            brand: golden.brand.map(sourced),
            spec: golden.spec.map(sourced),
        })
    }

    fn candidates(&self, world: &crate::service::World, row: u32) -> Vec<Candidate> {
        let model = world.engine.scorer_version();
        let key = &world.graph.records[row as usize];
        let of = |(other, state): (u32, engine::PairState)| {
            let other = &world.graph.records[other as usize];
            let rules = world.ledger.policies.rules(
                [&key.key.node, &other.key.node],
                [key.category.as_deref(), other.category.as_deref()],
            );
            let evidence = Evidence {
                veto: state.veto.map(|veto| veto.code()),
                policy: rules.version,
                ..Evidence::default()
            };
            Candidate {
                other: other.key.clone(),
                confidence: state.confidence,
                zone: rules.zone(state.confidence, state.veto.is_some()),
                evidence: notes::write(&evidence),
                model: model.to_owned(),
            }
        };
        let found = world.graph.matches_of(row).into_iter();
        found.filter(|(_, state)| state.is_active()).take(KEPT_CANDIDATES).map(of).collect()
    }

    fn review(&self, ask: &Ask, new_ids: &[Option<MasterId>], skus: &FxHashMap<SkuKey, LocalSku>) -> Review {
        let master = match &ask.home {
            Home::Master(id) => id.clone(),
            Home::New(at) => new_ids[*at].clone().expect("a group that is asked about needs a master"),
        };
        let veto = ask.veto.as_ref().map(|veto| format!("veto:{veto}; ")).unwrap_or_default();
        let reason =
            skus.get(&ask.sku).zip(skus.get(&ask.other)).map(|(a, b)| self.engine().reason(a, b, None));
        let evidence = Evidence {
            other: Some(ask.other.clone()),
            veto: ask.veto.clone(),
            summary: veto + &reason.unwrap_or_default(),
            policy: ask.policy,
            ..Evidence::default()
        };
        Review {
            id: ReviewId::new(&self.new_id("r")),
            sku: ask.sku.clone(),
            master,
            confidence: Confidence::saturating(ask.confidence),
            value: ask.value,
            evidence: notes::write(&evidence),
            model: self.engine().scorer_version().to_owned(),
            state: ReviewState::Open,
            assignee: None,
            lease_until: None,
            deferred_until: None,
        }
    }

    async fn links(
        &self,
        draft: &Draft,
        changed: &FxHashSet<SkuKey>,
        moved: &FxHashMap<SkuKey, Option<MasterId>>,
        batch: &mut Batch,
    ) -> Result<()> {
        let mut ends: BTreeSet<SkuKey> = draft.stale.iter().cloned().collect();
        ends.extend(moved.keys().cloned());
        let grouped: FxHashSet<&SkuKey> = draft.groups.iter().flat_map(|group| &group.members).collect();
        ends.extend(changed.iter().filter(|key| grouped.contains(key)).cloned());
        if ends.is_empty() {
            return Ok(());
        }
        let ends: Vec<SkuKey> = ends.into_iter().collect();
        let existing = self.store().links_of(&ends).await?;
        let homes: FxHashMap<SkuKey, Option<MasterId>> = self.read(|world| {
            let keys = existing.iter().flat_map(|link| [&link.value.left, &link.value.right]);
            let keys = keys.chain(draft.links.iter().flat_map(|link| [&link.left, &link.right]));
            keys.map(|key| (key.clone(), home(&world.ledger, moved, key))).collect()
        })?;
        let kept: FxHashMap<(&SkuKey, &SkuKey), &Link> =
            existing.iter().map(|link| ((&link.value.left, &link.value.right), &link.value)).collect();
        let stale: FxHashSet<&SkuKey> = draft.stale.iter().collect();
        for link in existing.iter().map(|link| &link.value) {
            if homes[&link.left].is_none() || homes[&link.left] != homes[&link.right] {
                let (left, right) = (link.left.clone(), link.right.clone());
                batch.mutations.push(Mutation::RemoveLink { left, right });
            } else if (stale.contains(&link.left) || stale.contains(&link.right))
                && link.cause != LinkCause::Decision
                && link.freshness != Freshness::Stale
            {
                let link = Link { freshness: Freshness::Stale, ..link.clone() };
                batch.mutations.push(Mutation::PutLink { link });
            }
        }
        for new in &draft.links {
            let before = kept.get(&(&new.left, &new.right));
            let by_person = before.is_some_and(|link| link.cause == LinkCause::Decision);
            if by_person || homes[&new.left].is_none() || homes[&new.left] != homes[&new.right] {
                continue;
            }
            let inverse = before.map(|link| link.inverse.clone()).unwrap_or_default();
            batch.mutations.push(Mutation::PutLink {
                link: Link {
                    left: new.left.clone(),
                    right: new.right.clone(),
                    cause: LinkCause::Auto,
                    confidence: Confidence::saturating(new.confidence),
                    model: self.engine().scorer_version().to_owned(),
                    policy: new.policy,
                    decision: None,
                    inverse,
                    freshness: Freshness::Current,
                },
            });
        }
        Ok(())
    }
}

fn home(ledger: &Ledger, moved: &FxHashMap<SkuKey, Option<MasterId>>, key: &SkuKey) -> Option<MasterId> {
    match moved.get(key) {
        Some(to) => to.clone(),
        None => ledger.master_of(key).cloned(),
    }
}

/// What people wrote stays.
pub(crate) fn keeping_overrides(new: Golden, old: &Golden) -> Golden {
    let by_hand = |old: &Option<SourcedValue>, new| old.clone().filter(|v| v.source.is_none()).or(new);
    Golden {
        name: if old.name.source.is_none() { old.name.clone() } else { new.name },
        brand: by_hand(&old.brand, new.brand),
        spec: by_hand(&old.spec, new.spec),
    }
}

//! What people decide: answers to questions, and links, merges and splits by hand. Each is a decision that outlives runs
//! and models, with what it changes at once; the machine then re-links what is around, within the decision.

use crate::commit::keeping_overrides;
use crate::draft::Splits;
use crate::error::{LiveError, Result};
use crate::notes::{self, Evidence, Seen};
use crate::service::{Live, Trial, Writer, Writing, machine, now};
use domain::{
    Confidence, Decision, DecisionId, Eyes, Freshness, Link, LinkCause, LinkInverse, LocalSku, Master,
    MasterId, MasterState, MatchState, Review, ReviewId, ReviewState, SkuKey, SourcedValue, Standing, Stored,
    Verdict, Version,
};
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;
use store::{Ack, Batch, Expect, Mutation, Replay, StoreError};

/// A person's answer to a question.
#[derive(Clone, Debug)]
pub struct Answer {
    pub review: ReviewId,
    pub verdict: Verdict,
    pub reason: String,
    /// The version of the review that was seen.
    pub seen: Version,
    pub eye: Eye,
}

/// Whether the person's agreement counts as the second person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eye {
    First,
    MayBeSecond,
}

/// What an answer did.
#[derive(Clone, Debug)]
pub struct Decided {
    pub review: Option<Stored<Review>>,
    pub decision: Stored<Decision>,
    /// Master that the SKU is a member of now.
    pub master: Option<MasterId>,
    /// Another person has to agree before anything happens.
    pub needs_second_person: bool,
    pub ack: Ack,
}

/// What became of one of several answers.
#[derive(Clone, Debug)]
pub enum Settled {
    Decided(Box<Decided>),
    /// An answer before it, in the same call, has settled or changed the question; nothing was done.
    Meanwhile(ReviewId),
}

/// What an answer would do at once; the machine may link more around it.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// Each with its master now and then; `None` for none, or for one that would be made.
    pub moves: Vec<(SkuKey, Option<MasterId>, Option<MasterId>)>,
    pub merged: Vec<MasterId>,
    /// Other questions that it would answer too.
    pub withdrawn: Vec<ReviewId>,
    pub needs_second_person: bool,
    /// Rules that forbid it.
    pub obstacles: Vec<String>,
}

/// One decision on its way.
struct Step {
    decision: Decision,
    batch: Batch,
    /// Records whose surroundings are to be linked anew.
    touched: FxHashSet<SkuKey>,
    needs_second_person: bool,
}

impl Live {
    /// Answers a question.
    pub async fn decide(&self, answer: &Answer, writer: &Writer) -> Result<Decided> {
        if let Some(decided) = self.decided_before(writer).await? {
            return Ok(decided);
        }
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        self.decide_alone(&writing, answer, writer).await
    }

    /// Answers several questions, in order: each as if it were asked alone after those before it. All are looked at first, and
    /// where one cannot be answered, none is. A question that an answer before it has settled or changed is left as that
    /// left it. After a failure half-way the same call, sent again, goes on where it stopped.
    pub async fn decide_all(&self, answers: &[Answer], writer: &Writer) -> Result<Vec<Settled>> {
        let writers: Vec<Writer> = (0..answers.len()).map(|number| writer.part(number)).collect();
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        let mut before = Vec::with_capacity(answers.len());
        for writer in &writers {
            before.push(self.decided_before(writer).await?);
        }
        if before.iter().all(Option::is_none) {
            for (answer, writer) in answers.iter().zip(&writers) {
                let step = self.answer(answer, writer).await?;
                self.store().dry_run(&step.batch).await?;
            }
        }
        let mut settled = Vec::with_capacity(answers.len());
        for ((answer, writer), before) in answers.iter().zip(&writers).zip(before) {
            settled.push(match before {
                Some(decided) => Settled::Decided(Box::new(decided)),
                None => match self.decide_alone(&writing, answer, writer).await {
                    Ok(decided) => Settled::Decided(Box::new(decided)),
                    Err(LiveError::Store(StoreError::Precondition { .. } | StoreError::Conflict { .. })) => {
                        Settled::Meanwhile(answer.review.clone())
                    }
                    Err(error) => return Err(error),
                },
            });
        }
        Ok(settled)
    }

    async fn decide_alone(&self, writing: &Writing<'_>, answer: &Answer, writer: &Writer) -> Result<Decided> {
        let mut step = self.answer(answer, writer).await?;
        step.batch.response = step.decision.id.as_str().as_bytes().to_vec();
        let owed = self.owe_touched(&step.touched);
        let (ack, owed) = owed.committed(self.store().commit(&step.batch).await)?;
        let mut touched = self.catch_up(writing).await?;
        touched.extend(step.touched);
        if ack.replay == Replay::Fresh {
            self.link(writing, touched, &FxHashSet::default(), Splits::Held, &machine()).await?;
        }
        owed.paid();
        self.outcome(&step.decision.id, step.needs_second_person, ack).await
    }

    /// Says what an answer would do, and does nothing.
    pub async fn preview(&self, answer: &Answer, actor: &domain::Actor) -> Result<Preview> {
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        let mut preview = Preview::default();
        let step = match self.answer(answer, &Writer::new(actor)).await {
            Ok(step) => step,
            Err(LiveError::Store(error @ StoreError::Precondition { .. })) => {
                preview.obstacles.push(error.to_string());
                return Ok(preview);
            }
            Err(error) => return Err(error),
        };
        match self.store().dry_run(&step.batch).await {
            Ok(_) => {}
            Err(error @ StoreError::Precondition { .. }) => preview.obstacles.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
        preview.needs_second_person = step.needs_second_person;
        let made: FxHashSet<&MasterId> = step
            .batch
            .mutations
            .iter()
            .filter_map(|mutation| match mutation {
                Mutation::PutMaster { master, expect: Expect::Absent } => Some(&master.id),
                _ => None,
            })
            .collect();
        let sku = &step.decision.sku;
        self.read(|world| {
            let ledger = &world.ledger;
            for mutation in &step.batch.mutations {
                match mutation {
                    Mutation::SetMember { key, master } => {
                        let to = master.clone().filter(|id| !made.contains(id));
                        preview.moves.push((key.clone(), ledger.master_of(key).cloned(), to));
                    }
                    Mutation::PutMaster { master, .. } if master.state != MasterState::Live => {
                        preview.merged.push(master.id.clone());
                    }
                    _ => {}
                }
            }
            let target = step.decision.master.as_ref();
            let mut asked: Vec<&ReviewId> = preview
                .moves
                .iter()
                .filter_map(|(key, ..)| ledger.reviews_of_sku.get(key))
                .flatten()
                .collect();
            asked.extend(ledger.reviews_of_sku.get(sku).into_iter().flatten());
            asked.sort();
            asked.dedup();
            asked.retain(|id| {
                let master = ledger.reviews.get(*id).map(|row| &row.value.master);
                let about = master == target || master.is_some_and(|id| preview.merged.contains(id));
                **id != answer.review && (answer.verdict == Verdict::New || about)
            });
            preview.withdrawn = asked.into_iter().cloned().collect();
        })?;
        if answer.verdict == Verdict::Unsure || step.needs_second_person {
            preview.withdrawn.clear();
        }
        Ok(preview)
    }

    /// The outcome of a request that was kept before.
    async fn decided_before(&self, writer: &Writer) -> Result<Option<Decided>> {
        let Some(request) = &writer.request else { return Ok(None) };
        let Some(ack) = self.store().replay(request).await? else { return Ok(None) };
        let id = DecisionId::new(&String::from_utf8_lossy(&ack.response));
        let vote =
            self.store().decision(&id).await?.is_some_and(|row| notes::read::<Seen>(&row.value.seen).vote);
        self.outcome(&id, vote, ack).await.map(Some)
    }

    async fn outcome(&self, id: &DecisionId, needs_second_person: bool, ack: Ack) -> Result<Decided> {
        let decision = self.store().decision(id).await?;
        let decision = decision.ok_or_else(|| LiveError::not_found("decision", id))?;
        let review = match &decision.value.review {
            Some(id) => self.store().review(id).await?,
            None => None,
        };
        let masters = self.store().masters_of(std::slice::from_ref(&decision.value.sku)).await?;
        let master = masters.into_values().next();
        Ok(Decided { review, decision, master, needs_second_person, ack })
    }

    async fn answer(&self, answer: &Answer, writer: &Writer) -> Result<Step> {
        let row = self.store().review(&answer.review).await?;
        let row = row.ok_or_else(|| LiveError::not_found("review", &answer.review))?;
        let review = row.value.clone();
        if !review.state.is_waiting() {
            let rule = format!("is {}: nothing is left to answer", review.state.as_str());
            return Err(LiveError::precondition(&review.id, rule));
        }
        let at = now();
        let held = review.lease_until.is_some_and(|until| until > at);
        if held && review.assignee.as_ref().is_some_and(|holder| *holder != writer.actor) {
            let (id, actor) = (review.id.to_string(), writer.actor.to_string());
            return Err(StoreError::LeaseLost { id, actor }.into());
        }
        let master = self.store().resolve_master(&review.master).await?.master;
        let members = self.members_of(&master.value.id)?;
        let evidence: Evidence = notes::read(&review.evidence);
        let mut decision = Decision {
            id: DecisionId::new(&self.new_id("d")),
            review: Some(review.id.clone()),
            sku: review.sku.clone(),
            other: None,
            master: Some(master.value.id.clone()),
            verdict: answer.verdict,
            reason: answer.reason.clone(),
            actor: writer.actor.clone(),
            seen: String::new(),
            at,
            undone: None,
        };
        let mut seen = Seen {
            vote: false,
            members: members.iter().filter(|key| **key != review.sku).cloned().collect(),
            confidence: review.confidence.get(),
            evidence: evidence.clone(),
            bulk: writer.bulk.clone(),
            ..Seen::default()
        };
        let mut batch = writer.batch("decide");
        let mut touched: FxHashSet<SkuKey> = members.into_iter().collect();
        touched.insert(review.sku.clone());
        let mut closed = Review { state: ReviewState::Decided, assignee: None, lease_until: None, ..review };
        let mut needs_second_person = false;
        match answer.verdict {
            Verdict::Same => {
                let other = evidence.other.clone().filter(|key| seen.members.contains(key));
                decision.other = other.or_else(|| seen.members.first().cloned());
                if self.needs_second(&closed, &master, answer, writer).await? {
                    needs_second_person = true;
                    seen.vote = true;
                    let agreed = evidence.agreed.clone().or_else(|| Some(writer.actor.clone()));
                    let evidence = notes::write(&Evidence { agreed, ..evidence });
                    closed = Review { state: ReviewState::Open, evidence, ..closed };
                } else {
                    touched.extend(self.join(&decision, &master, closed.confidence, &mut batch).await?);
                    for mutation in &batch.mutations {
                        match mutation {
                            Mutation::SetMember { key, .. } => seen.moved.push(key.clone()),
                            Mutation::PutMaster {
                                master: Master { id, state: MasterState::Merged { .. }, .. },
                                ..
                            } => {
                                seen.merged = Some(id.clone());
                            }
                            _ => {}
                        }
                    }
                }
            }
            Verdict::Different => self.part(&decision.sku, &master.value.id, &mut batch).await?,
            Verdict::New => {
                self.part(&decision.sku, &master.value.id, &mut batch).await?;
                self.found_alone(&decision.sku, &mut batch).await?;
            }
            Verdict::Unsure => closed = Review { state: ReviewState::Open, ..closed },
        }
        decision.seen = notes::write(&seen);
        batch.mutations.push(Mutation::AddDecision { decision: decision.clone() });
        batch.mutations.push(Mutation::PutReview { review: closed, expect: Expect::Version(answer.seen) });
        Ok(Step { decision, batch, touched, needs_second_person })
    }

    /// Two people where policy wants them: for merging masters that people confirmed.
    async fn needs_second(
        &self,
        review: &Review,
        master: &Stored<Master>,
        answer: &Answer,
        writer: &Writer,
    ) -> Result<bool> {
        let (eyes, own) = self.read(|world| {
            (world.ledger.policies.global().eyes, world.ledger.master_of(&review.sku).cloned())
        })?;
        let Some(own) = own.filter(|own| *own != master.value.id) else { return Ok(false) };
        let confirmed =
            self.store().master(&own).await?.is_some_and(|row| row.value.standing == Standing::Confirmed);
        if eyes == Eyes::Two || !confirmed || master.value.standing != Standing::Confirmed {
            return Ok(false);
        }
        let filter = store::DecisionFilter { review: Some(review.id.clone()), ..Default::default() };
        let given = self.store().decisions(&filter, &store::Page::first(100)).await?;
        let agreed = given.items.iter().any(|row| {
            let voted = notes::read::<Seen>(&row.value.seen).vote;
            row.value.verdict == Verdict::Same && voted && row.value.actor != writer.actor
        });
        Ok(!(agreed && answer.eye == Eye::MayBeSecond))
    }

    pub(crate) fn members_of(&self, master: &MasterId) -> Result<Vec<SkuKey>> {
        self.read(|world| {
            let info = world.ledger.masters.get(master);
            info.map(|info| info.members.iter().cloned().collect()).unwrap_or_default()
        })
    }

    /// "Same": the SKU's whole group moves into the master, or, where a node would be there twice, the SKU alone.
    async fn join(
        &self,
        decision: &Decision,
        master: &Stored<Master>,
        confidence: Confidence,
        batch: &mut Batch,
    ) -> Result<Vec<SkuKey>> {
        let target = &master.value.id;
        if master.value.state != MasterState::Live {
            return Err(LiveError::precondition(target, "has no members any more: the question is gone"));
        }
        let sku = &decision.sku;
        let (own, own_members, members) = self.read(|world| {
            let own = world.ledger.master_of(sku).filter(|own| *own != target).cloned();
            let group = world.ledger.group_of(sku);
            let members =
                world.ledger.masters.get(target).map(|info| info.members.clone()).unwrap_or_default();
            (own, group, members)
        })?;
        let is_member = members.contains(sku);
        let fits = |more: &[SkuKey]| -> Result<bool> {
            let all: BTreeSet<&SkuKey> = members.iter().chain(more).collect();
            let all: Vec<&SkuKey> = all.into_iter().collect();
            self.read(|world| {
                all.windows(2).all(|two| two[0].node != two[1].node || world.ledger.holds_many(&two[0].node))
            })
        };
        let moving: Vec<SkuKey> = if is_member {
            Vec::new()
        } else if fits(&own_members)? {
            own_members
        } else if fits(std::slice::from_ref(sku))? {
            vec![sku.clone()]
        } else {
            let taken = members.iter().find(|key| key.node == sku.node);
            let rule = format!(
                "would hold {sku} and {}, but the node holds a product once: unlink that one first",
                taken.map(ToString::to_string).unwrap_or_default()
            );
            return Err(LiveError::precondition(target, rule));
        };
        let whole = own.is_some()
            && self.read(|world| {
                let own = own.as_ref().and_then(|own| world.ledger.masters.get(own));
                own.is_some_and(|own| own.members.iter().all(|key| moving.contains(key)))
            })?;
        self.move_links(&moving, Some(target), &members, batch).await?;
        for key in &moving {
            batch.mutations.push(Mutation::SetMember { key: key.clone(), master: Some(target.clone()) });
        }
        if let Some(own) = own.as_ref().filter(|_| whole)
            && let Some(row) = self.store().master(own).await?
        {
            let merged = Master { state: MasterState::Merged { into: target.clone() }, ..row.value };
            batch
                .mutations
                .push(Mutation::PutMaster { master: merged, expect: Expect::Version(row.version) });
        }
        let mut all: Vec<SkuKey> = members.iter().chain(&moving).cloned().collect();
        all.sort();
        all.dedup();
        self.put_golden(master, &all, Standing::Confirmed, batch).await?;
        let confirmed: BTreeSet<&SkuKey> = decision.other.iter().chain([sku]).collect();
        for key in &all {
            let state =
                if confirmed.contains(key) { MatchState::LinkedConfirmed } else { MatchState::LinkedAuto };
            let before = self.read(|world| world.ledger.skus.get(key).map(|info| info.state))?;
            // What was confirmed stays so; and one whose row changed is still to be asked about: nobody spoke of it.
            let is_new = |state: MatchState| !state.is_linked() && state != MatchState::Stale;
            if confirmed.contains(key) || before.is_some_and(is_new) {
                batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
            }
        }
        if let Some(other) = &decision.other {
            let link = Link {
                left: sku.clone(),
                right: other.clone(),
                cause: LinkCause::Decision,
                confidence,
                model: self.engine().scorer_version().to_owned(),
                policy: self.read(|world| world.ledger.policies.global().version)?,
                decision: Some(decision.id.clone()),
                inverse: LinkInverse { left: own, right: Some(target.clone()) },
                freshness: Freshness::Current,
            };
            batch.mutations.push(Mutation::PutLink { link: link.ordered() });
        }
        Ok(all)
    }

    /// Writes a master's golden record for the given members.
    pub(crate) async fn put_golden(
        &self,
        master: &Stored<Master>,
        members: &[SkuKey],
        standing: Standing,
        batch: &mut Batch,
    ) -> Result<()> {
        let skus = self.skus_by_key(members.to_vec()).await?;
        let rows: Vec<&LocalSku> = members.iter().filter_map(|key| skus.get(key)).collect();
        let golden = self.golden_of(&rows).map(|golden| keeping_overrides(golden, &master.value.golden));
        let golden = golden.unwrap_or_else(|| master.value.golden.clone());
        let master_now = Master { golden, standing, ..master.value.clone() };
        batch
            .mutations
            .push(Mutation::PutMaster { master: master_now, expect: Expect::Version(master.version) });
        Ok(())
    }

    /// Removes the links of moving SKUs to those that do not come along; `there` are those who wait at the new place.
    pub(crate) async fn move_links(
        &self,
        moving: &[SkuKey],
        to: Option<&MasterId>,
        there: &BTreeSet<SkuKey>,
        batch: &mut Batch,
    ) -> Result<()> {
        for link in self.store().links_of(moving).await? {
            let Link { left, right, .. } = link.value;
            let comes = |key: &SkuKey| moving.contains(key) || to.is_some() && there.contains(key);
            if !(comes(&left) && comes(&right)) {
                batch.mutations.push(Mutation::RemoveLink { left, right });
            }
        }
        Ok(())
    }

    /// "Different": where the SKU is a member, it leaves.
    async fn part(&self, sku: &SkuKey, master: &MasterId, batch: &mut Batch) -> Result<()> {
        let members = self.members_of(master)?;
        if !members.contains(sku) {
            return Ok(());
        }
        let rest: Vec<SkuKey> = members.into_iter().filter(|key| key != sku).collect();
        self.move_links(std::slice::from_ref(sku), None, &BTreeSet::new(), batch).await?;
        batch.mutations.push(Mutation::SetMember { key: sku.clone(), master: None });
        let state = MatchState::Rejected;
        batch.mutations.push(Mutation::SetState { key: sku.clone(), state, expect: Expect::Any });
        let Some(row) = self.store().master(master).await? else { return Ok(()) };
        if rest.is_empty() {
            let retired = Master { state: MasterState::Retired, ..row.value };
            batch
                .mutations
                .push(Mutation::PutMaster { master: retired, expect: Expect::Version(row.version) });
            return Ok(());
        }
        let standing = row.value.standing;
        self.put_golden(&row, &rest, standing, batch).await
    }

    /// A confirmed master with one member.
    async fn found_alone(&self, sku: &SkuKey, batch: &mut Batch) -> Result<()> {
        let master = self.read(|world| world.ledger.master_of(sku).cloned())?;
        let members = master.as_ref().map(|master| self.members_of(master)).transpose()?.unwrap_or_default();
        if let (Some(master), [_]) = (&master, members.as_slice()) {
            // Its own already; a master that was retired above cannot be: it would have been the asked one.
            if !batch
                .mutations
                .iter()
                .any(|m| matches!(m, Mutation::PutMaster { master: m, .. } if m.id == *master))
            {
                if let Some(row) = self.store().master(master).await? {
                    self.put_golden(&row, &members, Standing::Confirmed, batch).await?;
                    let state = MatchState::LinkedConfirmed;
                    batch.mutations.push(Mutation::SetState { key: sku.clone(), state, expect: Expect::Any });
                }
                return Ok(());
            }
        }
        if let Some(master) = master.filter(|_| members.len() > 1) {
            self.part(sku, &master, batch).await?;
        }
        let id = self.new_master(std::slice::from_ref(sku), Standing::Confirmed, batch).await?;
        batch.mutations.push(Mutation::SetMember { key: sku.clone(), master: Some(id) });
        let state = MatchState::LinkedConfirmed;
        batch.mutations.push(Mutation::SetState { key: sku.clone(), state, expect: Expect::Any });
        Ok(())
    }

    pub(crate) async fn new_master(
        &self,
        members: &[SkuKey],
        standing: Standing,
        batch: &mut Batch,
    ) -> Result<MasterId> {
        let skus = self.skus_by_key(members.to_vec()).await?;
        let rows: Vec<&LocalSku> = members.iter().filter_map(|key| skus.get(key)).collect();
        let golden = self.golden_of(&rows).ok_or_else(|| LiveError::not_found("sku", &members[0]))?;
        let master =
            Master { id: MasterId::new(&self.new_id("m")), state: MasterState::Live, golden, standing };
        let id = master.id.clone();
        batch.mutations.push(Mutation::PutMaster { master, expect: Expect::Absent });
        Ok(id)
    }

    /// Takes a decision back. What it linked is parted, and the machine looks again; the question comes back where there is
    /// one.
    pub async fn undo(&self, id: &DecisionId, writer: &Writer) -> Result<Decided> {
        if let Some(decided) = self.decided_before(writer).await? {
            return Ok(decided);
        }
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        let row = self.store().decision(id).await?.ok_or_else(|| LiveError::not_found("decision", id))?;
        let decision = row.value;
        let mut batch = writer.batch("undo").with(Mutation::UndoDecision { id: id.clone() });
        batch.response = id.as_str().as_bytes().to_vec();
        let mut touched: FxHashSet<SkuKey> = FxHashSet::from_iter([decision.sku.clone()]);
        let own = self.read(|world| world.ledger.master_of(&decision.sku).cloned())?;
        let seen = notes::read::<Seen>(&decision.seen);
        // An audit asked about a member: it is one again, by the machine's word alone.
        let was_member = decision.verdict == Verdict::Same && seen.evidence.audit && seen.moved.is_empty();
        if let (Verdict::Same | Verdict::New, Some(own), false, false) =
            (decision.verdict, &own, seen.vote, was_member)
        {
            touched.extend(self.members_of(own)?);
            if !self.part_group(&seen, own, &mut batch).await? {
                self.part(&decision.sku, own, &mut batch).await?;
            }
        }
        if was_member {
            self.trust_machine_again(&decision, &mut batch).await?;
        }
        if let Some(review) = &decision.review
            && let Some(row) = self.store().review(review).await?
            && seen.vote
            && row.value.state.is_waiting()
        {
            let evidence = notes::read::<Evidence>(&row.value.evidence);
            let evidence = notes::write(&Evidence { agreed: None, ..evidence });
            let open = Review { evidence, ..row.value.clone() };
            batch.mutations.push(Mutation::PutReview { review: open, expect: Expect::Version(row.version) });
        } else if let Some(review) = &decision.review
            && let Some(row) = self.store().review(review).await?
            && row.value.state == ReviewState::Decided
        {
            let lives = self.read(|world| {
                let master = world.ledger.masters.get(&row.value.master);
                // The same question may have been asked anew meanwhile.
                let again = world.ledger.reviews_of_sku.get(&row.value.sku).into_iter().flatten();
                let again = again.filter_map(|id| world.ledger.reviews.get(id));
                let again = again.filter(|other| other.value.master == row.value.master).count() > 0;
                master.is_some_and(|info| info.members.iter().any(|key| *key != row.value.sku)) && !again
            })?;
            if lives {
                let open = Review { state: ReviewState::Open, ..row.value.clone() };
                batch
                    .mutations
                    .push(Mutation::PutReview { review: open, expect: Expect::Version(row.version) });
            }
        }
        touched.extend(seen.members);
        touched.extend(seen.moved);
        let (ack, owed) = self.owe_touched(&touched).committed(self.store().commit(&batch).await)?;
        touched.extend(self.catch_up(&writing).await?);
        if ack.replay == Replay::Fresh {
            self.link(&writing, touched, &FxHashSet::default(), Splits::Held, &machine()).await?;
        }
        owed.paid();
        self.outcome(id, false, ack).await
    }

    /// The link that an audit confirmed is the machine's own once more.
    async fn trust_machine_again(&self, decision: &Decision, batch: &mut Batch) -> Result<()> {
        for link in self.store().links_of(std::slice::from_ref(&decision.sku)).await? {
            if link.value.decision.as_ref() == Some(&decision.id) {
                for key in [&link.value.left, &link.value.right] {
                    let state = MatchState::LinkedAuto;
                    batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
                }
                let link = Link { cause: LinkCause::Auto, decision: None, ..link.value };
                batch.mutations.push(Mutation::PutLink { link });
            }
        }
        Ok(())
    }

    /// Parts the group that an answer moved, as a group under the name that it had; `false` where it moved none, or where
    /// that name is not free.
    async fn part_group(&self, seen: &Seen, from: &MasterId, batch: &mut Batch) -> Result<bool> {
        let Some(name) = &seen.merged else { return Ok(false) };
        let Some(back) = self.store().master(name).await? else { return Ok(false) };
        let (going, staying): (Vec<SkuKey>, Vec<SkuKey>) =
            self.members_of(from)?.into_iter().partition(|key| seen.moved.contains(key));
        let is_free = matches!(&back.value.state, MasterState::Merged { into } if into == from);
        let Some(row) = self.store().master(from).await?.filter(|_| is_free) else { return Ok(false) };
        if going.is_empty() || staying.is_empty() {
            return Ok(false);
        }
        self.move_links(&going, Some(name), &BTreeSet::new(), batch).await?;
        let standing = back.value.standing;
        let alive = Stored { value: Master { state: MasterState::Live, ..back.value.clone() }, ..back };
        self.put_golden(&alive, &going, standing, batch).await?;
        for key in &going {
            batch.mutations.push(Mutation::SetMember { key: key.clone(), master: Some(name.clone()) });
            if standing == Standing::Proposed {
                // The answer had confirmed them.
                let state = if going.len() > 1 { MatchState::LinkedAuto } else { MatchState::Rejected };
                batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
            }
        }
        self.put_golden(&row, &staying, row.value.standing, batch).await?;
        Ok(true)
    }

    /// A name for answers that are given together; says since when they may be.
    pub fn new_bulk(&self) -> String {
        format!("{}-{}", self.new_id("b"), now().0)
    }

    /// The answers that were given under a name of [`Live::new_bulk`] and hold, newest first.
    pub async fn bulk(&self, bulk: &str) -> Result<Vec<Stored<Decision>>> {
        let since = bulk.rsplit('-').next().and_then(|micros| micros.parse().ok()).map(domain::Timestamp);
        let filter = store::DecisionFilter { since, ..Default::default() };
        let mut page = store::Page::first(1_000);
        let mut found = Vec::new();
        loop {
            let paged = self.store().decisions(&filter, &page).await?;
            found.extend(
                paged
                    .items
                    .into_iter()
                    .filter(|row| notes::read::<Seen>(&row.value.seen).bulk.as_deref() == Some(bulk)),
            );
            let Some(next) = paged.next else { return Ok(found) };
            page = store::Page::after(1_000, Some(next));
        }
    }

    /// Takes back all answers that were given together and still hold, newest first. After a failure half-way the same call
    /// goes on where it stopped.
    pub async fn undo_bulk(&self, bulk: &str, writer: &Writer) -> Result<Vec<Decided>> {
        let given = self.bulk(bulk).await?;
        let mut undone = Vec::with_capacity(given.len());
        for row in &given {
            undone.push(self.undo(&row.value.id, &Writer { request: None, ..writer.clone() }).await?);
        }
        Ok(undone)
    }

    /// A batch by hand: decisions and what they change, then linking around them.
    pub(crate) async fn by_hand(
        &self,
        writer: &Writer,
        step: impl AsyncFnOnce(&mut Batch, &mut FxHashSet<SkuKey>) -> Result<()>,
    ) -> Result<Ack> {
        if let Some(request) = &writer.request
            && let Some(ack) = self.store().replay(request).await?
        {
            return Ok(ack);
        }
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        let mut batch = writer.batch("by hand");
        let mut touched = FxHashSet::default();
        step(&mut batch, &mut touched).await?;
        if writer.trial == Trial::Yes {
            return Ok(self.store().dry_run(&batch).await?);
        }
        let (ack, owed) = self.owe_touched(&touched).committed(self.store().commit(&batch).await)?;
        touched.extend(self.catch_up(&writing).await?);
        if ack.replay == Replay::Fresh {
            self.link(&writing, touched, &FxHashSet::default(), Splits::Held, &machine()).await?;
        }
        owed.paid();
        Ok(ack)
    }

    /// Puts one master into another as far as one person may: where policy wants two, as a question to which the first has
    /// said "the same".
    pub async fn propose_merge(
        &self,
        master: &MasterId,
        source: &MasterId,
        reason: &str,
        writer: &Writer,
    ) -> Result<Decided> {
        if let Some(decided) = self.decided_before(writer).await? {
            return Ok(decided);
        }
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        if master == source {
            return Err(LiveError::precondition(master, "cannot be merged into itself"));
        }
        self.live_master(master, None).await?;
        self.live_master(source, None).await?;
        let (members, theirs) = (self.members_of(source)?, self.members_of(master)?);
        let (asked, closest) = self.read(|world| {
            let reviews = world.ledger.reviews_of_master.get(master).into_iter().flatten();
            let mut reviews = reviews.filter_map(|id| world.ledger.reviews.get(id));
            let asked = reviews.find(|row| members.contains(&row.value.sku)).map(|row| row.value.id.clone());
            let graph = &world.graph;
            let row = |key: &SkuKey| graph.rows.get(key).copied();
            let pairs = members.iter().flat_map(|a| theirs.iter().map(move |b| (a, b)));
            let known = pairs.filter_map(|(a, b)| {
                Some((graph.between(row(a)?, row(b)?)?.confidence, a.clone(), b.clone()))
            });
            (asked, known.max_by(|x, y| x.0.get().total_cmp(&y.0.get())))
        })?;
        let id = match asked {
            Some(id) => id,
            None => {
                let first = members.first().cloned().zip(theirs.first().cloned());
                let fallback = first.map(|(a, b)| (Confidence::ZERO, a, b));
                let (confidence, sku, other) = closest
                    .or(fallback)
                    .ok_or_else(|| LiveError::precondition(source, "has no members any more"))?;
                let skus = self.skus_by_key(vec![sku.clone(), other.clone()]).await?;
                let summary = skus.get(&sku).zip(skus.get(&other));
                let summary = summary.map(|(a, b)| self.engine().reason(a, b, None)).unwrap_or_default();
                let agreed = Some(writer.actor.clone());
                let evidence = Evidence { other: Some(other), summary, agreed, ..Evidence::default() };
                let review = Review {
                    id: ReviewId::new(&self.new_id("r")),
                    sku,
                    master: master.clone(),
                    confidence,
                    value: (members.len() * theirs.len()) as f64,
                    evidence: notes::write(&evidence),
                    model: self.engine().scorer_version().to_owned(),
                    state: ReviewState::Open,
                    assignee: None,
                    lease_until: None,
                    deferred_until: None,
                };
                let id = review.id.clone();
                let put = Mutation::PutReview { review, expect: Expect::Absent };
                let batch = Batch::new(now(), &writer.actor, "propose").with(put);
                self.store().commit(&batch).await?;
                self.catch_up(&writing).await?;
                id
            }
        };
        let row = self.store().review(&id).await?.ok_or_else(|| LiveError::not_found("review", &id))?;
        let answer = Answer {
            review: id,
            verdict: Verdict::Same,
            reason: reason.to_owned(),
            seen: row.version,
            eye: Eye::First,
        };
        self.decide_alone(&writing, &answer, writer).await
    }

    /// Whether policy wants two people to put one master into the other.
    pub async fn merge_needs_two(&self, masters: [&MasterId; 2]) -> Result<bool> {
        let eyes = self.read(|world| world.ledger.policies.global().eyes)?;
        let rows = self.store().masters(&masters.map(Clone::clone)).await?;
        let confirmed = rows.iter().filter(|row| row.value.standing == Standing::Confirmed).count();
        Ok(eyes == Eyes::Four && confirmed == 2)
    }

    pub(crate) fn decision_by_hand(
        &self,
        writer: &Writer,
        sku: &SkuKey,
        others: Vec<SkuKey>,
        master: &MasterId,
        verdict: Verdict,
        reason: &str,
    ) -> Decision {
        let other = (verdict == Verdict::Same).then(|| others.first().cloned()).flatten();
        Decision {
            id: DecisionId::new(&self.new_id("d")),
            review: None,
            sku: sku.clone(),
            other,
            master: Some(master.clone()),
            verdict,
            reason: reason.to_owned(),
            actor: writer.actor.clone(),
            seen: notes::write(&Seen { members: others, ..Seen::default() }),
            at: now(),
            undone: None,
        }
    }

    async fn live_master(&self, id: &MasterId, expect: Option<Version>) -> Result<Stored<Master>> {
        let row = self.store().master(id).await?.ok_or_else(|| LiveError::not_found("master", id))?;
        if let Some(expected) = expect.filter(|expected| *expected != row.version) {
            let (kind, found) = ("master", row.version);
            return Err(StoreError::Conflict { kind, id: id.to_string(), expected, found }.into());
        }
        match &row.value.state {
            MasterState::Live => Ok(row),
            MasterState::Merged { into } => {
                Err(LiveError::precondition(id, format!("was merged into {into}: use that one")))
            }
            MasterState::Retired => Err(LiveError::precondition(id, "has no members any more")),
        }
    }

    /// Members that contradict a SKU.
    fn contradictions(&self, sku: &SkuKey, members: &[SkuKey]) -> Result<Vec<SkuKey>> {
        self.read(|world| {
            let graph = &world.graph;
            let profile = |key: &SkuKey| graph.rows.get(key).map(|row| &graph.records[*row as usize].profile);
            let Some(own) = profile(sku) else { return Vec::new() };
            let against =
                |key: &&SkuKey| profile(key).is_some_and(|other| score::veto::find(own, other).is_some());
            members.iter().filter(against).cloned().collect()
        })
    }

    fn refuse_contradiction(&self, master: &MasterId, sku: &SkuKey, members: &[SkuKey]) -> Result<()> {
        match self.contradictions(sku, members)?.first() {
            None => Ok(()),
            Some(member) => {
                let rule =
                    format!("{sku} contradicts its member {member}: give force to link them all the same");
                Err(LiveError::precondition(master, rule))
            }
        }
    }

    /// Adds a SKU to a master.
    pub async fn link_by_hand(&self, call: &HandLink, writer: &Writer) -> Result<Ack> {
        self.by_hand(writer, async |batch, touched| {
            let HandLink { master, sku, expect, reason, force } = call;
            let row = self.live_master(master, *expect).await?;
            let members = self.members_of(master)?;
            if members.contains(sku) {
                return Err(LiveError::precondition(master, format!("has {sku} as a member already")));
            }
            if self.read(|world| !world.ledger.skus.contains_key(sku))? {
                return Err(LiveError::not_found("sku", sku));
            }
            if *force == Force::No {
                self.refuse_contradiction(master, sku, &members)?;
            }
            let decision = self.decision_by_hand(writer, sku, members, master, Verdict::Same, reason);
            touched.extend(self.join(&decision, &row, Confidence::saturating(1.0), batch).await?);
            batch.mutations.push(Mutation::AddDecision { decision });
            Ok(())
        })
        .await
    }

    /// Takes a SKU out of its master; it gets one of its own.
    pub async fn unlink_by_hand(&self, call: &HandLink, writer: &Writer) -> Result<Ack> {
        self.by_hand(writer, async |batch, touched| {
            let HandLink { master, sku, expect, reason, .. } = call;
            self.live_master(master, *expect).await?;
            let members = self.members_of(master)?;
            if !members.contains(sku) {
                return Err(LiveError::precondition(master, format!("does not have {sku} as a member")));
            }
            let rest: Vec<SkuKey> = members.iter().filter(|key| *key != sku).cloned().collect();
            if rest.is_empty() {
                return Err(LiveError::precondition(master, format!("has {sku} as its only member")));
            }
            self.found_alone(sku, batch).await?;
            touched.extend(members);
            let decision = self.decision_by_hand(writer, sku, rest, master, Verdict::Different, reason);
            batch.mutations.push(Mutation::AddDecision { decision });
            Ok(())
        })
        .await
    }

    /// Merges masters into one.
    pub async fn merge_by_hand(&self, call: &HandMerge, writer: &Writer) -> Result<Ack> {
        self.by_hand(writer, async |batch, touched| {
            let HandMerge { master, sources, expect, reason, force, eye } = call;
            let row = self.live_master(master, *expect).await?;
            let mut all: BTreeSet<SkuKey> = self.members_of(master)?.into_iter().collect();
            let first = all.first().cloned();
            let eyes = self.read(|world| world.ledger.policies.global().eyes)?;
            for id in sources {
                if id == master {
                    return Err(LiveError::precondition(master, "cannot be merged into itself"));
                }
                let source = self.live_master(id, None).await?;
                let both = [&source, &row].iter().all(|row| row.value.standing == Standing::Confirmed);
                if eyes == Eyes::Four && both && *eye == Eye::First {
                    let rule =
                        "NEEDS_SECOND_PERSON: both are confirmed, and policy wants an approver to merge them";
                    return Err(LiveError::precondition(id, rule));
                }
                let members = self.members_of(id)?;
                let known: Vec<SkuKey> = all.iter().cloned().collect();
                if *force == Force::No {
                    for key in &members {
                        self.refuse_contradiction(master, key, &known)?;
                    }
                }
                for key in &members {
                    let to = Some(master.clone());
                    batch.mutations.push(Mutation::SetMember { key: key.clone(), master: to });
                }
                if let (Some(one), Some(first)) = (members.first(), &first) {
                    let others = vec![first.clone()];
                    let decision = self.decision_by_hand(writer, one, others, master, Verdict::Same, reason);
                    batch.mutations.push(Mutation::AddDecision { decision });
                }
                let merged = Master { state: MasterState::Merged { into: master.clone() }, ..source.value };
                let expect = Expect::Version(source.version);
                batch.mutations.push(Mutation::PutMaster { master: merged, expect });
                all.extend(members);
            }
            let all: Vec<SkuKey> = all.into_iter().collect();
            self.put_golden(&row, &all, Standing::Confirmed, batch).await?;
            for key in &all {
                let state = MatchState::LinkedConfirmed;
                batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
            }
            touched.extend(all);
            Ok(())
        })
        .await
    }

    /// Moves members into a new master; its id is in the acknowledgement's response.
    pub async fn split_by_hand(
        &self,
        master: &MasterId,
        skus: &[SkuKey],
        expect: Option<Version>,
        reason: &str,
        writer: &Writer,
    ) -> Result<Ack> {
        self.by_hand(writer, async |batch, touched| {
            let row = self.live_master(master, expect).await?;
            let members = self.members_of(master)?;
            let leaving: BTreeSet<&SkuKey> = skus.iter().collect();
            if let Some(stranger) = leaving.iter().find(|key| !members.contains(key)) {
                return Err(LiveError::precondition(master, format!("does not have {stranger} as a member")));
            }
            let (gone, rest): (Vec<SkuKey>, Vec<SkuKey>) =
                members.iter().cloned().partition(|key| leaving.contains(key));
            if gone.is_empty() || rest.is_empty() {
                return Err(LiveError::precondition(
                    master,
                    "must keep a member and lose a member in a split",
                ));
            }
            self.move_links(&gone, None, &BTreeSet::new(), batch).await?;
            let id = self.new_master(&gone, Standing::Confirmed, batch).await?;
            for key in &gone {
                let to = Some(id.clone());
                batch.mutations.push(Mutation::SetMember { key: key.clone(), master: to });
                let state = MatchState::LinkedConfirmed;
                batch.mutations.push(Mutation::SetState { key: key.clone(), state, expect: Expect::Any });
                let decision =
                    self.decision_by_hand(writer, key, rest.clone(), master, Verdict::Different, reason);
                batch.mutations.push(Mutation::AddDecision { decision });
            }
            // Those who leave together stay together.
            for two in gone.windows(2) {
                let others = vec![two[0].clone()];
                let decision = self.decision_by_hand(writer, &two[1], others, &id, Verdict::Same, reason);
                batch.mutations.push(Mutation::AddDecision { decision });
            }
            self.put_golden(&row, &rest, Standing::Confirmed, batch).await?;
            batch.response = id.as_str().as_bytes().to_vec();
            touched.extend(members);
            Ok(())
        })
        .await
    }

    /// Writes values of the golden record by hand; `None` goes back to what members say.
    pub async fn override_golden(
        &self,
        master: &MasterId,
        values: &[(GoldenField, Option<String>)],
        expect: Option<Version>,
        writer: &Writer,
    ) -> Result<Ack> {
        self.by_hand(writer, async |batch, _| {
            let row = self.live_master(master, expect).await?;
            let members = self.members_of(master)?;
            let skus = self.skus_by_key(members.clone()).await?;
            let rows: Vec<&LocalSku> = members.iter().filter_map(|key| skus.get(key)).collect();
            let said = self.golden_of(&rows).unwrap_or_else(|| row.value.golden.clone());
            let mut golden = keeping_overrides(said.clone(), &row.value.golden);
            for (field, value) in values {
                let by_hand = value.clone().map(|value| SourcedValue { value, source: None });
                match field {
                    GoldenField::Name => golden.name = by_hand.unwrap_or_else(|| said.name.clone()),
                    GoldenField::Brand => golden.brand = by_hand.or_else(|| said.brand.clone()),
                    GoldenField::Spec => golden.spec = by_hand.or_else(|| said.spec.clone()),
                }
            }
            let written = Master { golden, ..row.value.clone() };
            batch
                .mutations
                .push(Mutation::PutMaster { master: written, expect: Expect::Version(row.version) });
            Ok(())
        })
        .await
    }
}

/// A value of the golden record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoldenField {
    Name,
    Brand,
    Spec,
}

/// Whether a contradiction may be linked all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    No,
    Yes,
}

/// A link that is made or taken back by hand.
#[derive(Clone, Debug)]
pub struct HandLink {
    pub master: MasterId,
    pub sku: SkuKey,
    pub expect: Option<Version>,
    pub reason: String,
    pub force: Force,
}

/// A merge by hand.
#[derive(Clone, Debug)]
pub struct HandMerge {
    pub master: MasterId,
    pub sources: Vec<MasterId>,
    pub expect: Option<Version>,
    pub reason: String,
    pub force: Force,
    pub eye: Eye,
}

//! Nodes and SKUs: what their holders write, and what linking makes of it before the answer goes out.

use crate::draft::Splits;
use crate::error::{LiveError, Result};
use crate::owed::Left;
use crate::service::{Live, Writer, machine};
use domain::{
    CatalogSku, Link, LocalSku, Master, MasterId, MasterState, MatchState, Node, Review, ReviewState,
    Sequence, SkuKey, Stored,
};
use rustc_hash::FxHashSet;
use store::{Ack, Batch, Expect, Mutation, Replay, StoreError, content_digest};

/// Times that a write is tried when others wrote meanwhile what its caller did not name.
const ATTEMPTS: usize = 5;

/// A row to be written.
#[derive(Clone, Debug)]
pub struct SkuWrite {
    pub sku: LocalSku,
    /// Of the SKU before.
    pub expect: Expect,
}

/// A SKU after a write.
#[derive(Clone, Debug)]
pub struct Saved {
    pub sku: Stored<CatalogSku>,
    pub master: Option<MasterId>,
}

/// What a written row did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Created,
    Updated,
    /// It said what was known.
    Nothing,
}

impl Live {
    /// Writes rows, all or none, and links them. The answer is given when both are durable: for each row the SKU as it is now;
    /// and the last change of the write (the linking's come after it), equal to the one before where nothing changed.
    pub async fn put_skus(&self, writes: &[SkuWrite], writer: &Writer) -> Result<(Vec<Saved>, Ack)> {
        let (saved, _, ack) = self.put_rows(writes, writer).await?;
        Ok((saved, ack))
    }

    #[tracing::instrument(name = "write rows", level = "debug", skip_all)]
    async fn put_rows(&self, writes: &[SkuWrite], writer: &Writer) -> Result<(Vec<Saved>, Vec<Effect>, Ack)> {
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        let (batch, effects) = self.batch_of_rows(writes, writer)?;
        let changed: FxHashSet<SkuKey> = writes
            .iter()
            .zip(&effects)
            .filter(|(_, effect)| **effect != Effect::Nothing)
            .map(|(write, _)| write.sku.key.clone())
            .collect();
        let owed = self.owe_changed(&changed);
        let (ack, owed) = owed.committed(self.store().commit(&batch).await)?;
        if ack.replay == Replay::Fresh && !changed.is_empty() {
            let touched = self.catch_up(&writing).await?;
            self.linked(writing, touched, &changed).await?;
        } else {
            drop(writing);
        }
        owed.paid();
        let keys: Vec<SkuKey> = writes.iter().map(|write| write.sku.key.clone()).collect();
        Ok((self.saved(&keys).await?, effects, ack))
    }

    /// Says what [`Live::put_skus`] would say of the rows, and keeps nothing.
    pub async fn try_skus(&self, writes: &[SkuWrite], writer: &Writer) -> Result<()> {
        let (batch, _) = self.batch_of_rows(writes, writer)?;
        self.store().dry_run(&batch).await?;
        Ok(())
    }

    fn batch_of_rows(&self, writes: &[SkuWrite], writer: &Writer) -> Result<(Batch, Vec<Effect>)> {
        let mut batch = writer.batch("import");
        let mut effects = Vec::with_capacity(writes.len());
        self.read(|world| {
            for write in writes {
                let key = &write.sku.key;
                let before = world.ledger.skus.get(key);
                let content = content_digest(&write.sku);
                let state = match before {
                    Some(info) if info.content == content => None,
                    Some(info) => match info.state {
                        // What people decided stays; what the machine decided is asked anew.
                        MatchState::LinkedConfirmed => None,
                        MatchState::LinkedAuto | MatchState::Stale => Some(MatchState::Stale),
                        _ => Some(MatchState::NotRun),
                    },
                    None => Some(MatchState::NotRun),
                };
                effects.push(match before {
                    None => Effect::Created,
                    Some(info) if info.content == content => Effect::Nothing,
                    Some(_) => Effect::Updated,
                });
                let (sku, expect) = (write.sku.clone(), write.expect);
                batch.mutations.push(Mutation::PutSku { sku, state, expect });
            }
        })?;
        Ok((batch, effects))
    }

    /// SKUs as they are now, in the order of the keys; fails for one that does not exist.
    pub async fn saved(&self, keys: &[SkuKey]) -> Result<Vec<Saved>> {
        let rows = self.store().skus(keys).await?;
        let masters = self.store().masters_of(keys).await?;
        keys.iter()
            .map(|key| {
                let at = rows.binary_search_by(|row| row.value.sku.key.cmp(key));
                let at = at.map_err(|_| LiveError::not_found("sku", key))?;
                Ok(Saved { sku: rows[at].clone(), master: masters.get(key).cloned() })
            })
            .collect()
    }

    /// Takes SKUs out of matching, all or none, with their memberships, links and questions.
    pub async fn delete_skus(&self, keys: &[(SkuKey, Expect)], writer: &Writer) -> Result<Ack> {
        let writing = self.write().await;
        let all: Vec<SkuKey> = keys.iter().map(|(key, _)| key.clone()).collect();
        let mut attempts = 0;
        let (ack, owed) = loop {
            self.catch_up(&writing).await?;
            let mut batch = writer.batch("delete");
            let links = self.store().links_of(&all).await?;
            self.retire_and_unlink(&all, links.iter().map(|link| &link.value), &mut batch).await?;
            for (key, expect) in keys {
                batch.mutations.push(Mutation::DeleteSku { key: key.clone(), expect: *expect });
            }
            attempts += 1;
            let owed = self.owe(Left::default());
            match owed.committed(self.store().commit(&batch).await) {
                Err(LiveError::Store(error)) if attempts < ATTEMPTS && is_about_others(&error, "sku") => {}
                done => break done?,
            }
        };
        if ack.replay == Replay::Fresh {
            let touched = self.catch_up(&writing).await?;
            self.linked(writing, touched, &FxHashSet::default()).await?;
        }
        owed.paid();
        Ok(ack)
    }

    /// Takes SKUs out of their masters; masters left empty are retired, questions about either are withdrawn.
    async fn retire_and_unlink(
        &self,
        keys: &[SkuKey],
        links: impl Iterator<Item = &Link>,
        batch: &mut Batch,
    ) -> Result<()> {
        let going: FxHashSet<&SkuKey> = keys.iter().collect();
        for link in links {
            batch.mutations.push(Mutation::RemoveLink { left: link.left.clone(), right: link.right.clone() });
        }
        let emptied: Vec<MasterId> = self.read(|world| {
            let ledger = &world.ledger;
            let mut masters: Vec<MasterId> =
                keys.iter().filter_map(|key| ledger.master_of(key).cloned()).collect();
            masters.sort();
            masters.dedup();
            masters.retain(|id| {
                let members = ledger.masters.get(id);
                members.is_none_or(|info| info.members.iter().all(|key| going.contains(key)))
            });
            let mut reviews: Vec<_> = keys
                .iter()
                .filter_map(|key| ledger.reviews_of_sku.get(key))
                .chain(masters.iter().filter_map(|id| ledger.reviews_of_master.get(id)))
                .flatten()
                .collect();
            reviews.sort();
            reviews.dedup();
            for id in reviews {
                let row = &ledger.reviews[id];
                let state = ReviewState::Withdrawn;
                let review = Review { state, assignee: None, lease_until: None, ..row.value.clone() };
                batch.mutations.push(Mutation::PutReview { review, expect: Expect::Present });
            }
            for key in keys.iter().filter(|key| ledger.master_of(key).is_some()) {
                batch.mutations.push(Mutation::SetMember { key: key.clone(), master: None });
            }
            masters
        })?;
        for row in self.store().masters(&emptied).await? {
            let master = Master { state: MasterState::Retired, ..row.value };
            batch.mutations.push(Mutation::PutMaster { master, expect: Expect::Version(row.version) });
        }
        Ok(())
    }

    /// Brings a deleted SKU back and links it.
    pub async fn undelete_sku(&self, key: &SkuKey, expect: Expect, writer: &Writer) -> Result<(Saved, Ack)> {
        let writing = self.write().await;
        let batch = writer.batch("undelete").with(Mutation::UndeleteSku { key: key.clone(), expect });
        let (ack, owed) = self
            .owe_changed(&FxHashSet::from_iter([key.clone()]))
            .committed(self.store().commit(&batch).await)?;
        if ack.replay == Replay::Fresh {
            let touched = self.catch_up(&writing).await?;
            self.linked(writing, touched, &FxHashSet::from_iter([key.clone()])).await?;
        }
        owed.paid();
        let mut saved = self.saved(std::slice::from_ref(key)).await?;
        Ok((saved.remove(0), ack))
    }

    /// Writes a node. What its SKUs may be linked to changes with its policy and its archive time.
    pub async fn put_node(
        &self,
        node: &Node,
        expect: Expect,
        writer: &Writer,
    ) -> Result<(Stored<Node>, Ack)> {
        let writing = self.write().await;
        let mut attempts = 0;
        let (before, ack, owed) = loop {
            self.catch_up(&writing).await?;
            let before = self.read(|world| world.ledger.nodes.get(&node.id).cloned())?;
            let mut batch = writer.batch("node").with(Mutation::PutNode { node: node.clone(), expect });
            if node.archived.is_some() {
                self.withdraw_questions_of(node, &mut batch)?;
            }
            attempts += 1;
            match self.owe(Left::default()).committed(self.store().commit(&batch).await) {
                Err(LiveError::Store(error)) if attempts < ATTEMPTS && is_about_others(&error, "node") => {}
                done => {
                    let (ack, owed) = done?;
                    break (before, ack, owed);
                }
            }
        };
        let mut touched = self.catch_up(&writing).await?;
        let after = self.read(|world| world.ledger.nodes.get(&node.id).cloned())?;
        if before.is_some() && before != after {
            let keys = self.read(|world| {
                let keys = world.graph.rows.keys();
                keys.filter(|key| key.node == node.id).cloned().collect::<Vec<_>>()
            })?;
            touched.extend(keys);
        }
        if !touched.is_empty() {
            self.link(&writing, touched, &FxHashSet::default(), Splits::Held, &machine()).await?;
        }
        owed.paid();
        let stored = self.store().node(&node.id).await?;
        Ok((stored.ok_or_else(|| LiveError::not_found("node", &node.id))?, ack))
    }

    fn withdraw_questions_of(&self, node: &Node, batch: &mut Batch) -> Result<()> {
        self.read(|world| {
            let mut rows: Vec<&Stored<Review>> =
                world.ledger.reviews.values().filter(|row| row.value.sku.node == node.id).collect();
            rows.sort_by(|a, b| a.value.id.cmp(&b.value.id));
            for row in rows {
                let state = ReviewState::Withdrawn;
                let review = Review { state, assignee: None, lease_until: None, ..row.value.clone() };
                batch.mutations.push(Mutation::PutReview { review, expect: Expect::Present });
            }
        })
    }

    /// Writes rows of an import: a row that cannot be taken does not stop the others. One outcome a row, in order: the
    /// SKU, what the row did and the sequence of its write (0 where nothing changed), or why it was refused.
    pub async fn import_skus(&self, rows: &[LocalSku], writer: &Writer) -> Result<Vec<Imported>> {
        let write = |sku: &LocalSku| SkuWrite { sku: sku.clone(), expect: Expect::Any };
        let writes: Vec<SkuWrite> = rows.iter().map(write).collect();
        match self.put_rows(&writes, writer).await {
            Ok((saved, effects, ack)) => {
                let outcome = |(saved, effect)| match effect {
                    Effect::Nothing => Ok((saved, effect, Sequence(0))),
                    _ => Ok((saved, effect, ack.last)),
                };
                Ok(saved.into_iter().zip(effects).map(outcome).collect())
            }
            Err(LiveError::Store(error)) if !error.is_transient() && rows.len() == 1 => Ok(vec![Err(error)]),
            Err(LiveError::Store(error)) if !error.is_transient() => {
                // Halves, until the rows that cannot be taken are alone.
                let (left, right) = rows.split_at(rows.len() / 2);
                let mut outcomes = Box::pin(self.import_skus(left, writer)).await?;
                outcomes.extend(Box::pin(self.import_skus(right, writer)).await?);
                Ok(outcomes)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether what the caller did not name was written meanwhile, by another server: the same is tried on what is there now.
/// (Claims of questions come beside the writer too; a question is withdrawn whoever holds it.)
fn is_about_others(error: &StoreError, own: &str) -> bool {
    match error {
        StoreError::Conflict { kind, .. } | StoreError::NotFound { kind, .. } => *kind != own,
        // A question that was answered, a master that got or lost members.
        StoreError::Precondition { .. } => true,
        _ => false,
    }
}

/// What became of a row of an import.
pub type Imported = Result<(Saved, Effect, Sequence), StoreError>;

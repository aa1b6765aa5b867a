//! The service: one world in memory that follows the store, one writer at a time.
//!
//! A write is two commits: what the caller said (durable then), and what linking makes of it. A process that dies between
//! the two leaves SKUs in state `not_run`, which the next start links; a write that fails between them, [`crate::owed`].

use crate::draft::{Planner, Splits};
use crate::error::{LiveError, Result};
use crate::graph::{Graph, Group, Lost};
use crate::ledger::{Ledger, Renewal};
use crate::near::{Change, Changes, Moved, has_say};
use crate::owed::{Debts, Left};
use domain::{Actor, Confidence, LocalSku, MatchState, Sequence, SkuKey, Timestamp, ZonePolicy};
use engine::{Engine, PairState, ReadRecord};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{SkuFilter, Store, StoreError};
use tokio::sync::{Mutex, MutexGuard, watch};

/// How the service links.
#[derive(Clone, Debug)]
pub struct Options {
    pub retrieval: retrieve::Options,
    /// A new full run is made when the records have grown by this factor since the last: rarities of words, the shape
    /// of the vectors and the share of partners are learnt from it.
    pub growth: f64,
    /// Up to so many records that full run is made on the spot; beyond, in the background: what comes meanwhile is kept and
    /// found, and linked when it is done.
    pub on_the_spot: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { retrieval: retrieve::Options::default(), growth: 2.0, on_the_spot: 4_000 }
    }
}

/// Records linked in one commit.
const LINKED_AT_ONCE: usize = 400;
/// Times that linking is tried anew when others wrote meanwhile.
const ATTEMPTS: usize = 5;

/// Changes that came during a full run and from which on another is better than to take them in one by one: so many, and so
/// great a share of the records (a record that comes alone costs about as much as six in a full run).
const FLOOD: usize = 2_000;
const FLOODED_SHARE: usize = 6;

pub(crate) struct World {
    pub graph: Graph,
    pub ledger: Ledger,
    /// What the graph was scored with, and its number in the store.
    pub engine: Arc<Engine>,
    pub scorer: i64,
}

pub(crate) struct Inner {
    /// With the scorer of the models folder.
    pub shipped: Arc<Engine>,
    pub store: Store,
    pub options: Options,
    world: RwLock<Option<World>>,
    /// One writer at a time; reads never wait for it.
    writer: Mutex<()>,
    position: watch::Sender<Sequence>,
    refitting: Mutex<()>,
    /// Whether what the next full run finds is to be linked: a write of this server waits for it.
    to_be_linked: AtomicBool,
    pub(crate) debts: Debts,
    seed: u64,
    counter: AtomicU64,
}

/// The running service; cheap to clone.
#[derive(Clone)]
pub struct Live(pub(crate) Arc<Inner>);

/// Proof that the writer's place is held.
pub(crate) type Writing<'a> = MutexGuard<'a, ()>;

/// The place of one write in everything.
#[derive(Clone, Debug)]
pub struct Writer {
    pub actor: Actor,
    /// Where the caller may ask again.
    pub request: Option<store::Request>,
    pub audit: Option<store::AuditNote>,
    pub trial: Trial,
    /// Names answers that are given together, to be taken back together ([`Live::new_bulk`]).
    pub bulk: Option<String>,
}

/// Whether a write by hand is only tried: checked as a whole, and nothing kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trial {
    #[default]
    No,
    Yes,
}

impl Writer {
    pub fn new(actor: &Actor) -> Writer {
        Writer { actor: actor.clone(), request: None, audit: None, trial: Trial::No, bulk: None }
    }

    /// For `validate_only`: what is tried is not remembered as a request, so that the real one may follow under its id.
    pub fn trying(self, only: bool) -> Writer {
        if only { Writer { request: None, audit: None, trial: Trial::Yes, ..self } } else { self }
    }

    /// The same for one of several writes of a call.
    pub(crate) fn part(&self, number: usize) -> Writer {
        let request = self
            .request
            .as_ref()
            .map(|request| store::Request { id: format!("{}#{number}", request.id), ..request.clone() });
        Writer { request, ..self.clone() }
    }

    pub(crate) fn batch(&self, cause: &str) -> store::Batch {
        let mut batch = store::Batch::new(now(), &self.actor, cause);
        batch.request = self.request.clone();
        batch.audit = self.audit.clone();
        batch
    }
}

/// The machine itself, where nobody asked.
pub fn machine() -> Actor {
    Actor::new("machine")
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Live {
    /// A service over a store; every call says [`LiveError::Building`] until [`Live::build`] is done.
    pub fn new(engine: Arc<Engine>, store: Store, options: Options) -> Live {
        Live(Arc::new(Inner {
            shipped: engine,
            store,
            options,
            world: RwLock::new(None),
            writer: Mutex::new(()),
            position: watch::Sender::new(Sequence(0)),
            refitting: Mutex::new(()),
            to_be_linked: AtomicBool::new(false),
            debts: Debts::default(),
            seed: RandomState::new().hash_one(now().0),
            counter: AtomicU64::new(0),
        }))
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// With the scorer that is in use. Never asked for while the world is read: see [`World::engine`].
    pub fn engine(&self) -> Arc<Engine> {
        self.lock_world().as_ref().map_or(&self.0.shipped, |world| &world.engine).clone()
    }

    pub fn is_ready(&self) -> bool {
        self.lock_world().is_some()
    }

    /// Last change that the index has taken in.
    pub fn position(&self) -> Sequence {
        *self.0.position.borrow()
    }

    /// Records in the index.
    pub fn len(&self) -> usize {
        self.lock_world().as_ref().map_or(0, |world| world.graph.rows.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock_world(&self) -> RwLockReadGuard<'_, Option<World>> {
        // A poisoned lock: the world may be half changed only where a change panicked, and is built anew at the next start.
        self.0.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_world_mut(&self) -> RwLockWriteGuard<'_, Option<World>> {
        self.0.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read<T>(&self, of: impl FnOnce(&World) -> T) -> Result<T> {
        self.lock_world().as_ref().map(of).ok_or(LiveError::Building)
    }

    fn change<T>(&self, of: impl FnOnce(&mut World) -> T) -> Result<T> {
        self.lock_world_mut().as_mut().map(of).ok_or(LiveError::Building)
    }

    /// Work for a processor, off the threads that answer.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Live) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let live = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&live)).await;
        done.unwrap_or_else(|error| Err(LiveError::GivenUp(error.to_string())))
    }

    pub(crate) async fn write(&self) -> Writing<'_> {
        self.0.writer.lock().await
    }

    /// Keeps a batch that changes no SKU: policies, deferrals.
    pub async fn commit(&self, batch: &store::Batch) -> Result<store::Ack> {
        let writing = self.write().await;
        let ack = self.0.store.commit(batch).await?;
        self.catch_up(&writing).await?;
        Ok(ack)
    }

    /// The policy that holds for a pair of nodes and a category; the built-in defaults as version 0.
    pub fn policy_for(&self, nodes: [&domain::NodeId; 2], category: Option<&str>) -> Result<domain::Policy> {
        self.read(|world| {
            let held = world.ledger.policies.resolve(nodes, [category, None]).cloned();
            held.unwrap_or_else(|| crate::rules::Rules::default().as_policy())
        })
    }

    /// A name that nothing else has.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        let number = self.0.counter.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new()
            .chain_update(self.0.seed.to_le_bytes())
            .chain_update(number.to_le_bytes())
            .chain_update(now().0.to_le_bytes())
            .finalize();
        digest[..8].iter().fold(format!("{prefix}-"), |mut id, byte| {
            id.push_str(&format!("{byte:02x}"));
            id
        })
    }

    /// Builds the index from the store and links what was left unlinked. Meanwhile an index that is there goes on.
    pub async fn build(&self) -> Result<()> {
        let _one = self.0.refitting.lock().await;
        let world = self.full_run().await?;
        let writing = self.write().await;
        *self.lock_world_mut() = Some(world);
        self.catch_up(&writing).await?;
        drop(writing);
        let unlinked = self.read(|world| unlinked(&world.ledger))?;
        tracing::info!(records = self.len(), unlinked = unlinked.len(), "the index is built");
        self.link_all(unlinked, Splits::Held).await
    }

    /// Puts a backup in the place of the store's contents, and builds the index from it; meanwhile every call says
    /// [`LiveError::Building`].
    pub async fn restore(&self, from: &Path) -> Result<store::BackupReport> {
        let writing = self.write().await;
        let report = self.0.store.restore_here(from).await?;
        *self.lock_world_mut() = None;
        drop(writing);
        self.build().await?;
        Ok(report)
    }

    #[tracing::instrument(name = "full run", level = "debug", skip_all)]
    async fn full_run(&self) -> Result<World> {
        let (ledger, skus) = Ledger::load(&self.0.store).await?;
        let (scorer, engine) = self.scorer_in_use().await?;
        let graph = self.fitted(&engine, skus, ledger.many_nodes()).await?;
        Ok(World { graph, ledger, engine, scorer })
    }

    pub(crate) async fn fitted(
        &self,
        engine: &Arc<Engine>,
        skus: Vec<LocalSku>,
        many: Vec<domain::NodeId>,
    ) -> Result<Graph> {
        let engine = engine.clone();
        self.compute(move |live| {
            let fit = engine.fit(&skus, &many, &live.0.options.retrieval, &engine::Quiet)?;
            Ok(Graph::new(fit, &skus, &many))
        })
        .await
    }

    /// A full run over everything and its groups: joins what fits now, and with [`Splits::Made`] parts what does not.
    pub async fn regroup(&self, splits: Splits) -> Result<()> {
        let _one = self.refitting().await;
        self.renew_world().await?;
        self.link_all(self.all_keys()?, splits).await
    }

    /// Puts a full run in the place of the world as it is.
    pub(crate) async fn renew_world(&self) -> Result<()> {
        let mut world = self.full_run().await?;
        let writing = self.write().await;
        let last = self.0.store.last_sequence().await?;
        let missed = last.0.saturating_sub(world.ledger.sequence.0) as usize;
        world.graph.is_flooded = missed > FLOOD.max(world.graph.rows.len() / FLOODED_SHARE);
        *self.lock_world_mut() = Some(world);
        self.catch_up(&writing).await?;
        self.change(|world| world.graph.is_flooded = false)
    }

    /// One full run at a time.
    pub(crate) async fn refitting(&self) -> MutexGuard<'_, ()> {
        self.0.refitting.lock().await
    }

    /// Of the records that take part in matching, in order.
    fn all_keys(&self) -> Result<Vec<SkuKey>> {
        self.read(|world| {
            let mut keys: Vec<SkuKey> = world.graph.rows.keys().cloned().collect();
            keys.sort();
            keys
        })
    }

    /// Proposes and scores every pair anew under what was learnt before: what the small steps of every day come near to.
    /// Groups are left alone.
    pub async fn rescore(&self) -> Result<()> {
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        self.compute(|live| {
            live.change(|world| {
                world.graph.propose_all();
                world.graph.score_all(&world.engine);
            })
        })
        .await
    }

    /// Pairs with a chance, smaller key first, in the order of their keys.
    pub fn pairs(&self) -> Result<Vec<(SkuKey, SkuKey, Confidence)>> {
        self.read(|world| {
            let graph = &world.graph;
            let mut pairs = Vec::new();
            for row in graph.rows.values() {
                for (pair, state) in graph.active(*row) {
                    let keys = [*row, graph.other(pair, *row)].map(|row| &graph.records[row as usize].key);
                    if keys[0] < keys[1] {
                        pairs.push((keys[0].clone(), keys[1].clone(), state.confidence));
                    }
                }
            }
            pairs.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            pairs
        })
    }

    /// Whether what the last full run learnt still speaks for the records that are there.
    pub(crate) fn is_mature(&self) -> Result<bool> {
        self.read(|world| is_mature(&world.graph, &self.0.options))
    }

    /// Takes in the changes of the log; gives the SKUs whose pairs changed.
    #[tracing::instrument(name = "take in changes", level = "debug", skip_all)]
    pub(crate) async fn catch_up(&self, _: &Writing<'_>) -> Result<FxHashSet<SkuKey>> {
        let mut touched = FxHashSet::default();
        loop {
            let cursor = self.read(|world| world.ledger.sequence)?;
            let changes = self.0.store.changes_after(cursor, 2_000).await?;
            let _ = self.0.position.send_replace(cursor);
            if changes.is_empty() {
                return Ok(touched);
            }
            let mut renewal = self.change(|world| {
                let mut renewal = Renewal::default();
                changes.iter().for_each(|change| world.ledger.apply(change, &mut renewal));
                let many = world.ledger.many_nodes();
                world.graph.traits.many = many.iter().map(|node| world.graph.node_number(node)).collect();
                renewal
            })?;
            for node in std::mem::take(&mut renewal.returned) {
                for sku in self.skus_of(&node).await? {
                    renewal.skus.insert(sku.key.clone(), Some(sku));
                }
            }
            if !renewal.skus.is_empty() {
                match self.compute(move |live| live.renew(renewal)).await {
                    Ok(renewed) => touched.extend(renewed),
                    Err(error) => {
                        // Half a renewal is none: the index is built anew.
                        *self.lock_world_mut() = None;
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn skus_of(&self, node: &domain::NodeId) -> Result<Vec<LocalSku>> {
        let filter = SkuFilter { node: Some(node.clone()), ..SkuFilter::default() };
        let mut skus = Vec::new();
        let mut page = store::Page::first(1_000);
        loop {
            let paged = self.0.store.list_skus(&filter, &page).await?;
            skus.extend(paged.items.into_iter().map(|row| row.value.sku));
            let Some(next) = paged.next else { return Ok(skus) };
            page = store::Page::after(1_000, Some(next));
        }
    }

    /// Puts changed records into the graph and scores what is around them. Finding goes on meanwhile: the world is held only
    /// while something is written into it.
    fn renew(&self, renewal: Renewal) -> Result<FxHashSet<SkuKey>> {
        let engine = &*self.engine();
        let renewed: Vec<(SkuKey, Option<LocalSku>)> = renewal.skus.into_iter().collect();
        let read: Vec<ReadRecord> = self.read(|world| {
            let skus: Vec<&LocalSku> = renewed.iter().filter_map(|(_, sku)| sku.as_ref()).collect();
            engine.read(&skus, &world.graph.statistics)
        })??;
        let mut changes = Changes::default();
        let inserted: Vec<u32> = self.change(|world| {
            let graph = &mut world.graph;
            let known: Vec<bool> = renewed.iter().map(|(key, _)| graph.rows.contains_key(key)).collect();
            for Lost { group, state } in renewed.iter().flat_map(|(key, _)| graph.remove(key)) {
                changes.groups.entry(group).or_default().lost.extend(state);
            }
            let mut rows = Vec::new();
            let kept = renewed.iter().zip(known).filter_map(|((_, sku), known)| Some((sku.as_ref()?, known)));
            for ((sku, known), read) in kept.zip(read) {
                let row = graph.insert(sku, read);
                match known || !graph.is_flooded && is_mature(graph, &self.0.options) {
                    true => rows.push(row),
                    // Compared with the others by the full run that is due.
                    false => _ = graph.waiting.insert(row),
                }
            }
            changes.groups.retain(|(row, _), _| graph.is_there(*row));
            rows
        })?;
        let has_chance = |change: &Change| change.lost.iter().any(|state| state.is_active());
        // Lists that lost somebody who mattered have room for another.
        let bereaved = changes.groups.iter().filter(|(_, change)| change.lost.iter().any(has_say));
        let bereaved = bereaved.map(|((row, _), _)| *row);
        let mut searching: Vec<u32> = inserted.iter().copied().chain(bereaved).collect();
        searching.sort_unstable();
        searching.dedup();
        let found: Vec<(u32, Vec<retrieve::Hit>)> = self.read(|world| {
            let search = |row: &u32| (*row, world.graph.index.search_row(*row));
            searching.par_iter().map(search).collect()
        })?;
        let new: Vec<u32> = self.change(|world| {
            let mut new = Vec::new();
            for (row, hits) in found {
                let mut others = world.graph.others(row);
                for hit in hits {
                    if others.insert(hit.record) {
                        let pair = world.graph.add_pair(row, hit.record, hit.cosine);
                        for group in world.graph.groups_of(pair) {
                            changes.groups.entry(group).or_default().gained.push(pair);
                        }
                        new.push(pair);
                    }
                }
            }
            new
        })?;
        let mut moved = self.read(|world| world.graph.new_pairs(engine, &new))?;
        self.change(|world| world.graph.keep_moved(&mut moved))?;
        let mut shaken = self.read(|world| world.graph.shaken(engine, &changes))?;
        self.change(|world| world.graph.keep_moved(&mut shaken))?;
        moved.extend(shaken);
        let hearing = self.read(|world| world.graph.hearing(&moved, &changes))?;
        let thirds = self.read(|world| world.graph.third_stage(engine, &hearing))?;
        self.change(|world| world.graph.set(&thirds))?;
        let resettled = self.read(|world| {
            let graph = &world.graph;
            let mut groups: FxHashSet<Group> = FxHashSet::default();
            let mut changed: Vec<u32> = thirds.iter().map(|(pair, _)| *pair).collect();
            for Moved { pair, before, now, .. } in &moved {
                if now.is_active() || before.is_some_and(|before| before.is_active()) {
                    changed.push(*pair);
                }
            }
            changed.iter().for_each(|pair| groups.extend(graph.groups_of(*pair)));
            groups.extend(
                changes.groups.iter().filter(|(_, change)| has_chance(change)).map(|(group, _)| *group),
            );
            graph.resettle(engine, groups, &changed)
        })?;
        self.change(|world| {
            let graph = &mut world.graph;
            let mut rows: FxHashSet<u32> = inserted.into_iter().collect();
            let zones = world.ledger.policies.all_zones();
            for (pair, now) in &resettled.moved {
                let of = &graph.pairs[*pair as usize];
                if of.state.is_none_or(|before| is_linked_anew(&before, now, &zones)) {
                    rows.extend(of.ends);
                }
            }
            graph.keep(&resettled);
            // One that has no chance any more has no confidence either.
            for Moved { pair, before, .. } in moved.iter().filter(|moved| !moved.now.is_active()) {
                if before.is_some_and(|before| before.confidence.get() > FAR) {
                    rows.extend(graph.pairs[*pair as usize].ends);
                }
            }
            for ((row, _), change) in &changes.groups {
                // What connected it may be gone, or it has candidates for the first time, or none any more.
                let pairs = graph.records[*row as usize].pairs.len();
                if has_chance(change) || pairs <= change.gained.len() {
                    rows.insert(*row);
                }
            }
            let there = rows.into_iter().filter(|row| graph.is_there(*row));
            there.map(|row| graph.records[row as usize].key.clone()).collect()
        })
    }

    /// Links what was never looked at, and around what changed.
    pub(crate) async fn link_left(&self, left: Left) -> Result<()> {
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        drop(writing);
        if self.0.to_be_linked.load(Ordering::Acquire) || !self.is_mature()? {
            self.0.to_be_linked.store(true, Ordering::Release);
            self.learn_anew();
        }
        let (keys, changed) = self.read(|world| {
            let there = |key: &SkuKey| world.ledger.skus.contains_key(key);
            let changed: FxHashSet<SkuKey> = left.changed.into_iter().filter(there).collect();
            let mut keys = unlinked(&world.ledger);
            keys.extend(left.touched.into_iter().filter(there).chain(changed.iter().cloned()));
            keys.sort();
            keys.dedup();
            (keys, changed)
        })?;
        self.link_some(keys, &changed, Splits::Held).await
    }

    /// Links many SKUs, some at a time; others write in between.
    async fn link_all(&self, keys: Vec<SkuKey>, splits: Splits) -> Result<()> {
        self.link_some(keys, &FxHashSet::default(), splits).await
    }

    async fn link_some(&self, keys: Vec<SkuKey>, changed: &FxHashSet<SkuKey>, splits: Splits) -> Result<()> {
        for some in keys.chunks(LINKED_AT_ONCE) {
            let writing = self.write().await;
            let mut touched = self.catch_up(&writing).await?;
            touched.extend(some.iter().cloned());
            self.link(&writing, touched, changed, splits, &machine()).await?;
        }
        Ok(())
    }

    /// Links what is around the touched SKUs; `changed` are those whose rows changed.
    #[tracing::instrument(name = "link", level = "debug", skip_all)]
    pub(crate) async fn link(
        &self,
        writing: &Writing<'_>,
        mut touched: FxHashSet<SkuKey>,
        changed: &FxHashSet<SkuKey>,
        splits: Splits,
        actor: &Actor,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let mut keys: Vec<SkuKey> = touched.iter().cloned().collect();
            keys.sort();
            let also_changed = changed.clone();
            let draft = self
                .compute(move |live| {
                    live.read(|world| {
                        let World { graph, ledger, .. } = world;
                        Planner { graph, ledger, policies: &ledger.policies, splits, changed: &also_changed }
                            .draft(&keys)
                    })
                })
                .await?;
            let batch = self.batch_of(draft, changed, actor).await?;
            if batch.mutations.is_empty() {
                return Ok(());
            }
            match self.0.store.commit(&batch).await {
                Ok(_) => {
                    self.catch_up(writing).await?;
                    return Ok(());
                }
                // Another server wrote meanwhile: look again.
                Err(
                    error @ (StoreError::Conflict { .. }
                    | StoreError::NotFound { .. }
                    | StoreError::AlreadyExists { .. }
                    | StoreError::Precondition { .. }),
                ) => {
                    tracing::debug!(%error, "linking is tried again");
                    touched.extend(self.catch_up(writing).await?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        tracing::warn!(skus = touched.len(), "linking was given up: others kept writing; it is tried again");
        drop(self.owe(Left { touched, changed: changed.clone() }));
        Ok(())
    }

    /// After a write: links, or, where too much is new for what is known, learns first.
    pub(crate) async fn linked(
        &self,
        writing: Writing<'_>,
        touched: FxHashSet<SkuKey>,
        changed: &FxHashSet<SkuKey>,
    ) -> Result<()> {
        if self.is_mature()? {
            return self.link(&writing, touched, changed, Splits::Held, &machine()).await;
        }
        if self.len() <= self.0.options.on_the_spot {
            let world = self.full_run().await?;
            *self.lock_world_mut() = Some(world);
            self.catch_up(&writing).await?;
            let mut all: FxHashSet<SkuKey> = self.read(|world| world.graph.rows.keys().cloned().collect())?;
            all.extend(touched);
            return self.link(&writing, all, changed, Splits::Held, &machine()).await;
        }
        drop(writing);
        self.0.to_be_linked.store(true, Ordering::Release);
        self.learn_anew();
        Ok(())
    }

    /// Full runs in the background until what they learnt speaks for what is there; links it where a write of ours waits
    /// for that.
    fn learn_anew(&self) {
        let live = self.clone();
        tokio::spawn(async move {
            // One at a time: what comes meanwhile is looked at when it is done.
            let Ok(_one) = live.0.refitting.try_lock() else { return };
            while !live.is_mature().unwrap_or(true) || live.0.to_be_linked.load(Ordering::Acquire) {
                live.wait_for_calm().await;
                if let Err(error) = live.learn_once().await {
                    tracing::warn!(%error, "learning from what is new failed; it is tried again");
                    drop(live.owe(Left::default()));
                    return;
                }
            }
        });
    }

    /// While much comes in, what a full run learnt would be old when it is done: better to wait, though not for ever.
    async fn wait_for_calm(&self) {
        const LOOK: Duration = Duration::from_millis(500);
        const MOST_LOOKS: usize = 240;
        for _ in 0..MOST_LOOKS {
            let before = self.len();
            tokio::time::sleep(LOOK).await;
            if self.len() < before + FLOOD / 4 {
                return;
            }
        }
    }

    async fn learn_once(&self) -> Result<()> {
        self.renew_world().await?;
        // Where as much came meanwhile again, that is learnt first: links of a moment would only be made anew.
        if self.is_mature()? && self.0.to_be_linked.swap(false, Ordering::AcqRel) {
            self.link_all(self.all_keys()?, Splits::Held).await?;
        }
        Ok(())
    }

    /// Follows the log for ever: what other servers write is found here a moment later.
    pub async fn follow(&self) -> Result<()> {
        loop {
            self.settle().await?;
            let mut log = self.0.store.follow(self.position());
            // One change is news enough: `catch_up` reads them all.
            let heard = tokio::select! {
                heard = log.next(1) => heard.map(drop),
                () = self.0.debts.some() => continue,
            };
            match heard {
                Ok(()) => {
                    let writing = self.write().await;
                    self.catch_up(&writing).await?;
                    drop(writing);
                    if !self.is_mature()? && self.len() > self.0.options.on_the_spot {
                        self.learn_anew();
                    }
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "following the log");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether what the last full run learnt still speaks for the records that are there.
fn is_mature(graph: &Graph, options: &Options) -> bool {
    let learnt = graph.statistics.records as f64;
    graph.waiting.is_empty() && graph.rows.len() as f64 <= (learnt * options.growth).max(learnt + 4.0)
}

/// A confidence that moves further than this may change groups.
const FAR: f64 = 0.01;

/// Whether a pair moved so far that groups may become others.
fn is_linked_anew(before: &PairState, now: &PairState, zones: &[ZonePolicy]) -> bool {
    let [was, is] = [before, now].map(|state| state.confidence);
    (was.get() - is.get()).abs() > FAR
        || before.veto != now.veto
        || zones.iter().any(|zones| zones.zone(was) != zones.zone(is))
}

/// SKUs that take part in matching and were not linked yet, by key.
fn unlinked(ledger: &Ledger) -> Vec<SkuKey> {
    let waits = |state: MatchState| matches!(state, MatchState::NotRun | MatchState::Failed);
    let mut keys: Vec<SkuKey> = ledger
        .skus
        .iter()
        .filter(|(key, info)| waits(info.state) && !ledger.is_archived(&key.node))
        .map(|(key, _)| key.clone())
        .collect();
    keys.sort();
    keys
}

//! What the store says about groups, questions and decisions, in memory; follows the change log and nothing else.

use crate::notes::{self, Seen};
use crate::rules::Policies;
use domain::{
    DecisionId, Holding, LocalSku, MasterId, MasterState, MatchState, NodeId, Review, ReviewId, Sequence,
    SkuKey, Standing, Stored, Verdict, Version,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use store::{Change, Deleted, LoggedChange, Page, SkuAction, SkuFilter, Store};

#[derive(Default)]
pub(crate) struct Ledger {
    pub nodes: FxHashMap<NodeId, NodeInfo>,
    /// Live ones, of archived nodes too.
    pub skus: FxHashMap<SkuKey, SkuInfo>,
    /// Live ones.
    pub masters: FxHashMap<MasterId, MasterInfo>,
    /// Those that wait.
    pub reviews: FxHashMap<ReviewId, Stored<Review>>,
    pub reviews_of_sku: FxHashMap<SkuKey, FxHashSet<ReviewId>>,
    pub reviews_of_master: FxHashMap<MasterId, FxHashSet<ReviewId>>,
    pub constraints: FxHashMap<SkuKey, Vec<Constraint>>,
    pub policies: Policies,
    /// Last change that was taken in.
    pub sequence: Sequence,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NodeInfo {
    pub many: bool,
    pub archived: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct SkuInfo {
    pub content: String,
    pub state: MatchState,
    pub version: Version,
    pub master: Option<MasterId>,
}

#[derive(Clone, Debug)]
pub(crate) struct MasterInfo {
    pub members: BTreeSet<SkuKey>,
    pub standing: Standing,
    pub version: Version,
}

impl Default for MasterInfo {
    fn default() -> Self {
        MasterInfo { members: BTreeSet::new(), standing: Standing::Proposed, version: Version(0) }
    }
}

/// What a person said about a SKU and another; with itself for "it is a product of its own".
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constraint {
    pub other: SkuKey,
    pub verdict: Verdict,
    pub decision: DecisionId,
}

/// What a change asks of the graph.
#[derive(Default)]
pub(crate) struct Renewal {
    /// To be read anew, or taken out.
    pub skus: BTreeMap<SkuKey, Option<LocalSku>>,
    /// Nodes that came back: their SKUs are to be loaded.
    pub returned: BTreeSet<NodeId>,
}

impl Ledger {
    /// Reads the store; gives the SKUs that take part in matching. What is committed meanwhile is in the log after
    /// [`Ledger::sequence`] and may be taken in twice, which changes nothing.
    pub async fn load(store: &Store) -> store::Result<(Ledger, Vec<LocalSku>)> {
        const ROWS: usize = 1_000;
        let mut ledger = Ledger { sequence: store.last_sequence().await?, ..Ledger::default() };
        let mut page = Page::first(ROWS);
        loop {
            let paged = store.nodes(Deleted::Shown, &page).await?;
            paged.items.iter().for_each(|node| ledger.put_node(&node.value));
            let Some(next) = paged.next else { break };
            page = Page::after(ROWS, Some(next));
        }
        let mut skus = Vec::new();
        let mut page = Page::first(ROWS);
        loop {
            let paged = store.list_skus(&SkuFilter::default(), &page).await?;
            for row in paged.items {
                let key = row.value.sku.key.clone();
                let info = SkuInfo {
                    content: row.value.content,
                    state: row.value.state,
                    version: row.version,
                    master: None,
                };
                if !ledger.is_archived(&key.node) {
                    skus.push(row.value.sku);
                }
                ledger.skus.insert(key, info);
            }
            let Some(next) = paged.next else { break };
            page = Page::after(ROWS, Some(next));
        }
        let mut page = Page::first(ROWS);
        loop {
            let paged = store.list_masters(Deleted::Hidden, &page).await?;
            for row in paged.items {
                let info = ledger.masters.entry(row.value.id).or_default();
                (info.standing, info.version) = (row.value.standing, row.version);
            }
            let Some(next) = paged.next else { break };
            page = Page::after(ROWS, Some(next));
        }
        let mut page = Page::first(ROWS);
        loop {
            let paged = store.list_members(&page).await?;
            paged.items.into_iter().for_each(|member| ledger.move_member(&member.key, Some(member.master)));
            let Some(next) = paged.next else { break };
            page = Page::after(ROWS, Some(next));
        }
        let mut page = Page::first(ROWS);
        loop {
            let paged = store.reviews(&store::ReviewFilter::default(), &page).await?;
            paged.items.into_iter().for_each(|review| ledger.put_review(review));
            let Some(next) = paged.next else { break };
            page = Page::after(ROWS, Some(next));
        }
        let mut page = Page::first(ROWS);
        loop {
            let paged = store.decisions(&store::DecisionFilter::default(), &page).await?;
            paged.items.iter().for_each(|decision| ledger.put_decision(&decision.value));
            let Some(next) = paged.next else { break };
            page = Page::after(ROWS, Some(next));
        }
        for policy in store.active_policies().await? {
            ledger.policies.apply(&policy.value);
        }
        Ok((ledger, skus))
    }

    pub fn is_archived(&self, node: &NodeId) -> bool {
        self.nodes.get(node).is_some_and(|node| node.archived)
    }

    pub fn holds_many(&self, node: &NodeId) -> bool {
        self.nodes.get(node).is_some_and(|node| node.many)
    }

    pub fn many_nodes(&self) -> Vec<NodeId> {
        let mut many: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| node.many).map(|(id, _)| id.clone()).collect();
        many.sort();
        many
    }

    pub fn master_of(&self, key: &SkuKey) -> Option<&MasterId> {
        self.skus.get(key)?.master.as_ref()
    }

    /// Members of the SKU's master, itself included; itself alone where it has none.
    pub fn group_of(&self, key: &SkuKey) -> Vec<SkuKey> {
        match self.master_of(key).and_then(|master| self.masters.get(master)) {
            Some(master) => master.members.iter().cloned().collect(),
            None => vec![key.clone()],
        }
    }

    /// Takes a change in.
    pub fn apply(&mut self, logged: &LoggedChange, renewal: &mut Renewal) {
        self.sequence = logged.sequence;
        match &logged.change {
            Change::Node(node) => {
                let before = self.is_archived(&node.value.id);
                self.put_node(&node.value);
                match (before, node.value.archived.is_some()) {
                    (false, true) => {
                        let gone = self.skus.keys().filter(|key| key.node == node.value.id);
                        renewal.skus.extend(gone.map(|key| (key.clone(), None)));
                        renewal.returned.remove(&node.value.id);
                    }
                    (true, false) => {
                        renewal.returned.insert(node.value.id.clone());
                    }
                    _ => {}
                }
            }
            Change::Sku { action, sku } => {
                let key = sku.value.sku.key.clone();
                if *action == SkuAction::Deleted {
                    self.move_member(&key, None);
                    self.skus.remove(&key);
                    renewal.skus.insert(key, None);
                    return;
                }
                let master = self.master_of(&key).cloned();
                let info = SkuInfo {
                    content: sku.value.content.clone(),
                    state: sku.value.state,
                    version: sku.version,
                    master,
                };
                self.skus.insert(key.clone(), info);
                if !self.is_archived(&key.node) {
                    renewal.skus.insert(key, Some(sku.value.sku.clone()));
                }
            }
            Change::State { key, to, .. } => {
                if let Some(info) = self.skus.get_mut(key) {
                    info.state = *to;
                }
            }
            Change::Member { key, to, .. } => self.move_member(key, to.clone()),
            Change::Master(master) => match master.value.state {
                MasterState::Live => {
                    let info = self.masters.entry(master.value.id.clone()).or_default();
                    (info.standing, info.version) = (master.value.standing, master.version);
                }
                MasterState::Merged { .. } | MasterState::Retired => {
                    self.masters.remove(&master.value.id);
                }
            },
            Change::Link(_) | Change::Unlink(_) => {}
            Change::Review(review) => self.put_review(review.clone()),
            Change::Decision(decision) => self.put_decision(&decision.value),
            Change::Policy(policy) => self.policies.apply(&policy.value),
        }
    }

    fn put_node(&mut self, node: &domain::Node) {
        let info =
            NodeInfo { many: node.holding == Holding::ManyPerMaster, archived: node.archived.is_some() };
        self.nodes.insert(node.id.clone(), info);
    }

    fn move_member(&mut self, key: &SkuKey, to: Option<MasterId>) {
        let Some(info) = self.skus.get_mut(key) else { return };
        let from = std::mem::replace(&mut info.master, to.clone());
        if let Some(master) = from.and_then(|from| self.masters.get_mut(&from)) {
            master.members.remove(key);
        }
        if let Some(to) = to {
            self.masters.entry(to).or_default().members.insert(key.clone());
        }
    }

    fn put_review(&mut self, review: Stored<Review>) {
        let Review { id, sku, master, .. } = &review.value;
        if review.value.state.is_waiting() {
            self.reviews_of_sku.entry(sku.clone()).or_default().insert(id.clone());
            self.reviews_of_master.entry(master.clone()).or_default().insert(id.clone());
            self.reviews.insert(id.clone(), review);
            return;
        }
        if let Some(of_sku) = self.reviews_of_sku.get_mut(sku) {
            of_sku.remove(id);
        }
        if let Some(of_master) = self.reviews_of_master.get_mut(master) {
            of_master.remove(id);
        }
        self.reviews.remove(id);
    }

    /// A decision is a constraint between the SKU and those it was compared with.
    fn put_decision(&mut self, decision: &domain::Decision) {
        let seen: Seen = notes::read(&decision.seen);
        let others: Vec<SkuKey> = match decision.verdict {
            Verdict::Unsure => return,
            Verdict::Same => decision.other.iter().cloned().collect(),
            Verdict::Different | Verdict::New => {
                seen.members.into_iter().chain(decision.other.clone()).collect()
            }
        };
        let own = (decision.verdict == Verdict::New).then(|| decision.sku.clone());
        for other in others.iter().chain(&own) {
            for (one, two) in [(&decision.sku, other), (other, &decision.sku)] {
                let of = self.constraints.entry(one.clone()).or_default();
                of.retain(|constraint| constraint.decision != decision.id || constraint.other != *two);
                // The first of four eyes is a vote, not yet a constraint.
                if decision.undone.is_none() && !seen.vote {
                    of.push(Constraint {
                        other: two.clone(),
                        verdict: decision.verdict,
                        decision: decision.id.clone(),
                    });
                }
            }
        }
    }
}

//! What linking wants to change around some records, computed from memory alone.
//!
//! Groups are found by the function of the full run (`link::group`) over whole components: records that automatic pairs,
//! decisions or a master connect. Components do not touch each other there, so the outcome is that of a run over
//! everything with the same confidences. Then it is held against the masters that there are:
//!
//! - what joins is joined: a new pair founds a master, a fitting SKU joins one, masters that are one are merged (their names
//!   redirect), unless people confirmed both;
//! - nothing is torn apart: where the run would part members of a master, they stay, and a person is asked. A SKU whose row
//!   changed stays too, marked stale;
//! - with [`Splits::Made`], asked for by a person, groups are made as the run wants them.

use crate::graph::Graph;
use crate::ledger::Ledger;
use crate::notes::{self, Evidence};
use crate::rules::{Policies, Rules};
use domain::{DecisionId, MasterId, MatchState, ReviewId, SkuKey, Standing, Verdict};
use engine::PairState;
use link::{Constraints, Judge, NodePolicy};
use rustc_hash::{FxHashMap, FxHashSet};
use score::veto;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What happens to members that a run would part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splits {
    /// They stay; people are asked.
    Held,
    /// They are parted, but for what people decided.
    Made,
}

/// Pairs below this confidence take no part, as in a full run.
const FLOOR: f64 = 0.01;
/// Questions a record and master, as in a full run.
const QUESTIONS: usize = 3;

/// The master of a group: one that there is, or one to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Master(MasterId),
    /// Made of this group (an index into [`Draft::groups`]).
    New(usize),
}

/// A group that changes.
#[derive(Debug)]
pub(crate) struct GroupDraft {
    /// The master that it keeps, if any.
    pub master: Option<MasterId>,
    /// In the order of keys, members that take no part in matching (of archived nodes) included.
    pub members: Vec<SkuKey>,
    /// Those that were not in the master.
    pub joined: Vec<SkuKey>,
    /// Masters that are merged into it.
    pub merged: Vec<MasterId>,
    /// Whether it needs a master: it has several members, or is asked about.
    pub needs_master: bool,
}

#[derive(Debug)]
pub(crate) struct Ask {
    pub sku: SkuKey,
    pub home: Home,
    pub confidence: f64,
    pub value: f64,
    pub other: SkuKey,
    pub veto: Option<String>,
    pub policy: i64,
}

#[derive(Debug)]
pub(crate) struct LinkDraft {
    pub left: SkuKey,
    pub right: SkuKey,
    pub confidence: f64,
    pub policy: i64,
}

/// Everything that shall change.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub groups: Vec<GroupDraft>,
    /// SKUs that leave their masters without a new group, and those masters.
    pub left: Vec<(SkuKey, MasterId)>,
    pub asks: Vec<Ask>,
    pub withdrawn: Vec<ReviewId>,
    pub states: Vec<(SkuKey, MatchState)>,
    pub links: Vec<LinkDraft>,
    /// SKUs whose links are stale.
    pub stale: Vec<SkuKey>,
}

struct Vetoes<'a> {
    graph: &'a Graph,
    rows: &'a [u32],
}

impl Judge for Vetoes<'_> {
    fn contradicts(&self, a: u32, b: u32) -> bool {
        let profile = |at: u32| &self.graph.records[self.rows[at as usize] as usize].profile;
        veto::find(profile(a), profile(b)).is_some()
    }
}

/// A part of the world with local numbers in the order of keys.
struct Region {
    rows: Vec<u32>,
    nodes: Vec<u32>,
    pairs: Vec<link::Pair>,
    /// By pair.
    sources: Vec<(u32, PairState)>,
    place: FxHashMap<u32, u32>,
}

/// What a run over everything would do, in rows of the graph.
pub(crate) struct Outcome {
    pub links: FxHashSet<(u32, u32)>,
    pub questions: FxHashSet<(u32, u32)>,
    pub contradicted: usize,
}

pub(crate) struct Planner<'a> {
    pub graph: &'a Graph,
    pub ledger: &'a Ledger,
    pub policies: &'a Policies,
    pub splits: Splits,
    /// SKUs whose rows changed.
    pub changed: &'a FxHashSet<SkuKey>,
}

impl Planner<'_> {
    fn key(&self, row: u32) -> &SkuKey {
        &self.graph.records[row as usize].key
    }

    fn rules(&self, a: u32, b: u32) -> Rules {
        let (a, b) = (&self.graph.records[a as usize], &self.graph.records[b as usize]);
        self.policies.rules([&a.key.node, &b.key.node], [a.category.as_deref(), b.category.as_deref()])
    }

    /// A pair's confidence on the scale of the global policy.
    fn confidence(&self, a: u32, b: u32, state: &PairState) -> f64 {
        self.rules(a, b).on_scale_of(&self.policies.global(), state.confidence.get())
    }

    fn same(&self, key: &SkuKey) -> impl Iterator<Item = &SkuKey> {
        let all = self.ledger.constraints.get(key).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|c| c.verdict == Verdict::Same).map(|c| &c.other)
    }

    /// Whether nothing is known of a record yet, which is not the same as that there is nothing: it waits for the full run
    /// that is due, and no person has said anything.
    fn is_unknown(&self, row: u32) -> bool {
        self.graph.waiting.contains(&row) && !self.ledger.constraints.contains_key(self.key(row))
    }

    /// Rows of the members of a row's master, itself included.
    fn housemates(&self, row: u32) -> Vec<u32> {
        let Some(master) = self.ledger.master_of(self.key(row)).and_then(|id| self.ledger.masters.get(id))
        else {
            return vec![row];
        };
        master.members.iter().filter_map(|key| self.graph.rows.get(key).copied()).collect()
    }

    /// Whole components of the given rows.
    fn component(&self, rows: &[u32]) -> Vec<u32> {
        let auto = self.policies.global().zones.auto.get();
        let mut seen: FxHashSet<u32> = rows.iter().copied().collect();
        let mut queue: VecDeque<u32> = rows.iter().copied().collect();
        while let Some(row) = queue.pop_front() {
            let mut next: Vec<u32> = self.housemates(row);
            for (pair, state) in self.graph.active(row) {
                let other = self.graph.other(pair, row);
                if state.veto.is_none() && self.confidence(row, other, &state) >= auto {
                    next.push(other);
                }
            }
            next.extend(self.same(self.key(row)).filter_map(|key| self.graph.rows.get(key)));
            next.retain(|row| !self.is_unknown(*row));
            queue.extend(next.into_iter().filter(|row| seen.insert(*row)));
        }
        seen.into_iter().collect()
    }

    fn region(&self, mut rows: Vec<u32>, wanted: impl Fn(u32) -> bool) -> Region {
        rows.sort_by(|a, b| self.key(*a).cmp(self.key(*b)));
        let place: FxHashMap<u32, u32> = rows.iter().copied().zip(0u32..).collect();
        let (mut pairs, mut sources) = (Vec::new(), Vec::new());
        for (left, row) in (0u32..).zip(&rows) {
            for (pair, state) in self.graph.active(*row) {
                let other = self.graph.other(pair, *row);
                let Some(&right) = place.get(&other) else { continue };
                if left >= right || !(wanted(*row) || wanted(other)) || state.confidence.get() < FLOOR {
                    continue;
                }
                let confidence = self.confidence(*row, other, &state);
                pairs.push(link::Pair { left, right, confidence, vetoed: state.veto.is_some() });
                sources.push((pair, state));
            }
        }
        let nodes = rows.iter().map(|row| self.graph.records[*row as usize].node).collect();
        Region { rows, nodes, pairs, sources, place }
    }

    fn policy(&self) -> link::Policy {
        let global = self.policies.global();
        let many = |node: u32| self.graph.traits.many.contains(&node);
        let nodes = (0..self.graph.node_names.len() as u32)
            .map(|node| if many(node) { NodePolicy::Many } else { NodePolicy::OnePerNode })
            .collect();
        link::Policy {
            auto: global.zones.auto.get(),
            review: global.zones.review.get(),
            group_mean: global.group_mean.get(),
            nodes,
        }
    }

    fn constraints(&self, region: &Region) -> Constraints {
        let mut out = Constraints::default();
        for (at, row) in (0u32..).zip(&region.rows) {
            for constraint in self.ledger.constraints.get(self.key(*row)).into_iter().flatten() {
                let other = self.graph.rows.get(&constraint.other).and_then(|row| region.place.get(row));
                let Some(&other) = other.filter(|other| at < **other) else { continue };
                match constraint.verdict {
                    Verdict::Same => out.must.push((at, other)),
                    Verdict::Different | Verdict::New => out.cannot.push((at, other)),
                    Verdict::Unsure => {}
                }
            }
        }
        // Of two decisions that contradict each other the one that parts holds: apart is the safer error.
        out.must.retain(|pair| !out.cannot.contains(pair));
        out
    }

    /// What the machine makes of everything, whatever masters there are.
    pub fn outcome(&self) -> Outcome {
        let policy = self.policy();
        let region = self.region(self.graph.rows.values().copied().collect(), |_| true);
        let constraints = self.constraints(&region);
        let ranks: Vec<u32> = (0..region.rows.len() as u32).collect();
        let vetoes = Vetoes { graph: self.graph, rows: &region.rows };
        let groups = link::group(&region.nodes, &ranks, &region.pairs, &constraints, &policy, &vetoes);
        let (asked, _) = link::questions(&region.pairs, &groups, &ranks, QUESTIONS);
        let rows = |pair: &link::Pair| (region.rows[pair.left as usize], region.rows[pair.right as usize]);
        let linked = region.pairs.iter().zip(&groups.decisions);
        Outcome {
            links: linked
                .filter(|(_, decision)| **decision == link::Decision::Auto)
                .map(|(pair, _)| rows(pair))
                .collect(),
            questions: asked.iter().map(|question| rows(&region.pairs[question.pair as usize])).collect(),
            contradicted: self.contradicted(),
        }
    }

    /// Decisions that stand against what the confidences alone would have had.
    fn contradicted(&self) -> usize {
        let mut against: BTreeSet<&DecisionId> = BTreeSet::new();
        let global = self.policies.global();
        for (key, said) in &self.ledger.constraints {
            let Some(&row) = self.graph.rows.get(key) else { continue };
            for constraint in said {
                let Some(&other) = self.graph.rows.get(&constraint.other).filter(|other| **other != row)
                else {
                    continue;
                };
                let state = self.graph.between(row, other);
                let confidence = state.as_ref().map_or(0.0, |state| self.confidence(row, other, state));
                let vetoed = state.is_some_and(|state| state.veto.is_some());
                let wrong = match constraint.verdict {
                    Verdict::Same => vetoed || confidence < global.zones.review.get(),
                    Verdict::Different => !vetoed && confidence >= global.zones.auto.get(),
                    Verdict::New | Verdict::Unsure => false,
                };
                if wrong {
                    against.insert(&constraint.decision);
                }
            }
        }
        against.len()
    }

    /// The changes around the given records.
    pub fn draft(&self, touched: &[SkuKey]) -> Draft {
        let mut rows: Vec<u32> = touched.iter().filter_map(|key| self.graph.rows.get(key).copied()).collect();
        rows.retain(|row| !self.is_unknown(*row));
        if rows.is_empty() {
            return Draft::default();
        }
        let component = self.component(&rows);
        let inner: FxHashSet<u32> = component.iter().copied().collect();
        let policy = self.policy();
        let region = self.region(component, |_| true);
        let constraints = self.constraints(&region);
        let ranks: Vec<u32> = (0..region.rows.len() as u32).collect();
        let vetoes = Vetoes { graph: self.graph, rows: &region.rows };
        let wanted =
            link::group(&region.nodes, &ranks, &region.pairs, &constraints, &policy, &vetoes).members;
        let (groups, stale) = self.reconcile(&region, &wanted);
        self.conclude(&inner, groups, &stale, &policy)
    }

    /// Groups (rows) as they shall be, with the master that each keeps and those merged into it, and the rows that are
    /// stale.
    fn reconcile(&self, region: &Region, wanted: &[Vec<u32>]) -> (Vec<Settled>, FxHashSet<u32>) {
        let master_of = |at: u32| self.ledger.master_of(self.key(region.rows[at as usize]));
        // master → the wanted groups of its members
        let mut parts: BTreeMap<&MasterId, BTreeMap<usize, Vec<u32>>> = BTreeMap::new();
        for (group, members) in wanted.iter().enumerate() {
            for at in members {
                if let Some(master) = master_of(*at) {
                    parts.entry(master).or_default().entry(group).or_default().push(*at);
                }
            }
        }
        if self.splits == Splits::Made {
            return (self.as_wanted(region, wanted, &parts), FxHashSet::default());
        }
        let is_changed = |at: u32| {
            let key = self.key(region.rows[at as usize]);
            let state = self.ledger.skus.get(key).map(|info| info.state);
            self.changed.contains(key) || state == Some(MatchState::Stale)
        };
        let mut stale: FxHashSet<u32> = FxHashSet::default();
        let mut torn: BTreeSet<&MasterId> = BTreeSet::new();
        // master → the wanted group that it goes with
        let mut home: BTreeMap<&MasterId, usize> = BTreeMap::new();
        for (&master, parts) in &parts {
            // The largest part stays; of equals one whose rows did not change, then the first.
            let rank = |(group, members): &(&usize, &Vec<u32>)| {
                let unchanged = members.iter().filter(|at| !is_changed(**at)).count();
                (unchanged, members.len(), std::cmp::Reverse(**group))
            };
            let Some(core) = parts.iter().max_by_key(rank).map(|(group, _)| *group) else { continue };
            for (_, members) in parts.iter().filter(|(group, _)| **group != core) {
                if members.iter().all(|at| is_changed(*at)) {
                    stale.extend(members);
                } else {
                    torn.insert(master);
                }
            }
            home.insert(master, core);
        }
        let mut at_home: FxHashMap<usize, Vec<&MasterId>> = FxHashMap::default();
        for (master, group) in home {
            at_home.entry(group).or_default().push(master);
        }
        let mut settled: Vec<Settled> = Vec::new();
        let mut placed: FxHashSet<u32> = FxHashSet::default();
        let all_of = |master: &MasterId| -> Vec<u32> {
            parts.get(master).into_iter().flat_map(|parts| parts.values().flatten().copied()).collect()
        };
        for (group, members) in wanted.iter().enumerate() {
            let mut masters: Vec<&MasterId> = at_home.remove(&group).unwrap_or_default();
            let is_torn = masters.iter().any(|master| torn.contains(master));
            let confirmed = masters.iter().filter(|master| self.is_confirmed(master)).count();
            masters.sort_by_key(|master| {
                let info = self.ledger.masters.get(*master);
                let size = info.map_or(0, |info| info.members.len());
                (!self.is_confirmed(master), std::cmp::Reverse(size), (*master).clone())
            });
            let free: Vec<u32> = members.iter().copied().filter(|at| master_of(*at).is_none()).collect();
            if is_torn || confirmed > 1 {
                // Each master as it is; who is new stays alone and is asked about.
                for master in masters {
                    let members = all_of(master);
                    placed.extend(&members);
                    settled.push(Settled { master: Some(master.clone()), merged: Vec::new(), members });
                }
                continue;
            }
            let Some((first, rest)) = masters.split_first() else {
                placed.extend(&free);
                settled.push(Settled { master: None, merged: Vec::new(), members: free });
                continue;
            };
            let mut group =
                Settled { master: Some((*first).clone()), merged: Vec::new(), members: all_of(first) };
            for master in rest {
                let members = all_of(master);
                if self.has_room(region, &group, &members, Some(master)) {
                    group.merged.push((*master).clone());
                    group.members.extend(members);
                } else {
                    placed.extend(&members);
                    settled.push(Settled { master: Some((*master).clone()), merged: Vec::new(), members });
                }
            }
            for at in free {
                if self.has_room(region, &group, &[at], None) {
                    group.members.push(at);
                }
            }
            placed.extend(&group.members);
            settled.push(group);
        }
        for at in (0..region.rows.len() as u32).filter(|at| !placed.contains(at)) {
            settled.push(Settled { master: None, merged: Vec::new(), members: vec![at] });
        }
        settled.retain(|group| !group.members.is_empty());
        let rows = |members: Vec<u32>| members.into_iter().map(|at| region.rows[at as usize]).collect();
        let settled =
            settled.into_iter().map(|group| Settled { members: rows(group.members), ..group }).collect();
        (settled, stale.into_iter().map(|at| region.rows[at as usize]).collect())
    }

    fn is_confirmed(&self, master: &MasterId) -> bool {
        self.ledger.masters.get(master).is_some_and(|info| info.standing == Standing::Confirmed)
    }

    /// Whether no node that holds a product once would be in the master twice; members that are stale or of archived nodes
    /// count.
    fn has_room(&self, region: &Region, group: &Settled, more: &[u32], merged: Option<&MasterId>) -> bool {
        let keys_of = |master: &MasterId| {
            let info = self.ledger.masters.get(master);
            info.into_iter().flat_map(|info| info.members.iter().cloned()).collect::<Vec<_>>()
        };
        let key = |at: &u32| self.key(region.rows[*at as usize]).clone();
        let mut all: BTreeSet<SkuKey> = group.members.iter().chain(more).map(key).collect();
        for master in group.master.iter().chain(&group.merged).chain(merged) {
            all.extend(keys_of(master));
        }
        let keys: Vec<&SkuKey> = all.iter().collect();
        keys.windows(2).all(|two| two[0].node != two[1].node || self.ledger.holds_many(&two[0].node))
    }

    /// The wanted groups; each master goes with its largest part.
    fn as_wanted(
        &self,
        region: &Region,
        wanted: &[Vec<u32>],
        parts: &BTreeMap<&MasterId, BTreeMap<usize, Vec<u32>>>,
    ) -> Vec<Settled> {
        let mut homes: BTreeMap<usize, Vec<&MasterId>> = BTreeMap::new();
        for (master, parts) in parts {
            let largest = parts.iter().max_by_key(|(group, at)| (at.len(), std::cmp::Reverse(**group)));
            if let Some((group, _)) = largest {
                homes.entry(*group).or_default().push(master);
            }
        }
        let settle = |(group, members): (usize, &Vec<u32>)| {
            let mut masters = homes.remove(&group).unwrap_or_default();
            masters.sort_by_key(|master| (!self.is_confirmed(master), (*master).clone()));
            let mut masters = masters.into_iter().cloned();
            Settled {
                master: masters.next(),
                merged: masters.collect(),
                members: members.iter().map(|at| region.rows[*at as usize]).collect(),
            }
        };
        wanted.iter().enumerate().map(settle).collect()
    }

    /// From groups to everything that changes: members, questions, states, links.
    fn conclude(
        &self,
        inner: &FxHashSet<u32>,
        settled: Vec<Settled>,
        stale: &FxHashSet<u32>,
        policy: &link::Policy,
    ) -> Draft {
        let mut draft = Draft::default();
        // Around them: the groups that a question may be about.
        let mut groups = settled;
        let mut outer: FxHashSet<u32> = FxHashSet::default();
        for row in inner {
            for (pair, state) in self.graph.active(*row) {
                let other = self.graph.other(pair, *row);
                let asks = self.confidence(*row, other, &state) >= policy.review;
                let is_known = !inner.contains(&other) && !outer.contains(&other);
                if asks && is_known && !self.is_unknown(other) {
                    let members = self.housemates(other);
                    outer.extend(&members);
                    let master = self.ledger.master_of(self.key(other)).cloned();
                    groups.push(Settled { master, merged: Vec::new(), members });
                }
            }
        }
        let rows: Vec<u32> = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        let region = self.region(rows, |row| inner.contains(&row));
        let constraints = self.constraints(&region);
        for group in &mut groups {
            group.members = group.members.iter().map(|row| region.place[row]).collect();
            group.members.sort_unstable();
        }
        groups.sort_by_key(|group| group.members[0]);
        let mut group_of = vec![0u32; region.rows.len()];
        for (number, group) in (0u32..).zip(&groups) {
            group.members.iter().for_each(|at| group_of[*at as usize] = number);
        }
        let is_inner = |group: u32| inner.contains(&region.rows[groups[group as usize].members[0] as usize]);
        let members: Vec<Vec<u32>> = groups.iter().map(|group| group.members.clone()).collect();
        let decisions = link::decide(&region.nodes, &region.pairs, &group_of, &members, &constraints, policy);
        let ranks: Vec<u32> = (0..region.rows.len() as u32).collect();
        let as_groups = link::Groups { group_of: group_of.clone(), members: members.clone(), decisions };
        let (asked, _) = link::questions(&region.pairs, &as_groups, &ranks, QUESTIONS);

        self.draft_groups(&region, &groups, &is_inner, &mut draft);
        let mut open: Vec<Open> = asked
            .iter()
            .map(|question| {
                let pair = &region.pairs[question.pair as usize];
                let other = if pair.left == question.record { pair.right } else { pair.left };
                let (_, state) = region.sources[question.pair as usize];
                let ends = [question.record, other].map(|at| region.rows[at as usize]);
                Open {
                    record: question.record,
                    group: question.group,
                    confidence: state.confidence.get(),
                    value: question.value,
                    other,
                    veto: state.veto.map(|veto| veto.code()),
                    policy: self.rules(ends[0], ends[1]).version,
                }
            })
            .collect();
        open.extend(self.stale_questions(&region, stale, &group_of, &members));
        let waiting = self.draft_questions(&region, &groups, &group_of, &is_inner, stale, open, &mut draft);
        self.draft_states(&region, &groups, &group_of, inner, stale, &waiting, &mut draft);
        self.draft_links(&region, &group_of, inner, stale, &mut draft);
        draft.stale = stale.iter().map(|row| self.key(*row).clone()).collect();
        draft.stale.sort();
        draft
    }

    fn draft_groups(
        &self,
        region: &Region,
        groups: &[Settled],
        is_inner: &impl Fn(u32) -> bool,
        draft: &mut Draft,
    ) {
        for (number, group) in (0u32..).zip(groups) {
            let rows = group.members.iter().map(|at| region.rows[*at as usize]);
            let mut members: BTreeSet<SkuKey> = rows.map(|row| self.key(row).clone()).collect();
            let alone = members.len() == 1;
            for master in group.master.iter().chain(&group.merged) {
                // Members that take no part in matching stay where they are.
                let info = self.ledger.masters.get(master);
                let absent = info.into_iter().flat_map(|info| &info.members);
                members.extend(absent.filter(|key| !self.graph.rows.contains_key(*key)).cloned());
            }
            let of = |key: &SkuKey| self.ledger.master_of(key);
            let joined: Vec<SkuKey> =
                members.iter().filter(|key| of(key) != group.master.as_ref()).cloned().collect();
            if is_inner(number) && group.master.is_none() && alone {
                // Only where groups are made as wanted can a member end up alone.
                let key = &joined.first().unwrap_or_else(|| members.first().expect("groups have members"));
                if let Some(master) = of(key) {
                    draft.left.push(((*key).clone(), master.clone()));
                }
            }
            draft.groups.push(GroupDraft {
                needs_master: is_inner(number) && members.len() > 1,
                members: members.into_iter().collect(),
                master: group.master.clone(),
                joined,
                merged: group.merged.clone(),
            });
        }
    }

    /// A stale SKU is asked about against its own master, with its best pair there.
    fn stale_questions(
        &self,
        region: &Region,
        stale: &FxHashSet<u32>,
        group_of: &[u32],
        members: &[Vec<u32>],
    ) -> Vec<Open> {
        let mut open = Vec::new();
        for row in stale {
            let Some(&at) = region.place.get(row) else { continue };
            let group = group_of[at as usize];
            let others = members[group as usize].iter().copied().filter(|other| *other != at);
            let best = others
                .map(|other| (other, self.graph.between(*row, region.rows[other as usize])))
                .max_by(|(a, x), (b, y)| {
                    let confidence = |state: &Option<PairState>| state.map_or(0.0, |s| s.confidence.get());
                    confidence(x).total_cmp(&confidence(y)).then(b.cmp(a))
                });
            let Some((other, state)) = best else { continue };
            open.push(Open {
                record: at,
                group,
                confidence: state.map_or(0.0, |state| state.confidence.get()),
                value: members[group as usize].len() as f64,
                other,
                veto: state.and_then(|state| state.veto).map(|veto| veto.code()),
                policy: self.rules(*row, region.rows[other as usize]).version,
            });
        }
        open
    }

    /// Opens what is new and withdraws what is no longer asked; gives the groups that a question waits about.
    #[allow(clippy::too_many_arguments)] // one walk over what `conclude` has at hand
    fn draft_questions(
        &self,
        region: &Region,
        groups: &[Settled],
        group_of: &[u32],
        is_inner: &impl Fn(u32) -> bool,
        stale: &FxHashSet<u32>,
        open: Vec<Open>,
        draft: &mut Draft,
    ) -> FxHashSet<u32> {
        let between = |a: u32, b: u32| (a.min(b), a.max(b));
        let group_of_master: FxHashMap<&MasterId, u32> = (0u32..)
            .zip(groups)
            .flat_map(|(number, group)| {
                group.master.iter().chain(&group.merged).map(move |master| (master, number))
            })
            .collect();
        let mut asked: BTreeMap<(u32, u32), Open> = BTreeMap::new();
        for question in open {
            let groups = between(group_of[question.record as usize], question.group);
            // A stale SKU asks about its own group, by itself.
            let place = if groups.0 == groups.1 { (question.record | OWN, groups.1) } else { groups };
            asked.entry(place).or_insert(question);
        }
        let mut waiting: FxHashSet<u32> = FxHashSet::default();
        let mut ids: BTreeSet<&ReviewId> = BTreeSet::new();
        for row in &region.rows {
            ids.extend(self.ledger.reviews_of_sku.get(self.key(*row)).into_iter().flatten());
        }
        for master in group_of_master.keys() {
            ids.extend(self.ledger.reviews_of_master.get(*master).into_iter().flatten());
        }
        for id in ids {
            let review = &self.ledger.reviews[id].value;
            let at = self.graph.rows.get(&review.sku).and_then(|row| region.place.get(row));
            let (Some(&at), Some(&target)) = (at, group_of_master.get(&review.master)) else {
                // One side is further away: the question stays, and its near side waits.
                let near = at.map(|at| group_of[*at as usize]);
                waiting.extend(near.or_else(|| group_of_master.get(&review.master).copied()));
                continue;
            };
            let own = group_of[at as usize];
            let place = if own == target { (at | OWN, own) } else { between(own, target) };
            let is_outer = !is_inner(own) && !is_inner(target);
            let answered = own == target && !stale.contains(&region.rows[at as usize]);
            let evidence: Evidence = notes::read(&review.evidence);
            if evidence.audit && answered {
                // About a link that is there, which nothing puts in doubt: it is asked all the same.
                continue;
            }
            if evidence.agreed.is_some() && own != target {
                // A person's wish, which waits for a second person whatever the machine thinks by now.
                asked.remove(&place);
                waiting.extend([own, target]);
                continue;
            }
            if !answered && (is_outer || asked.remove(&place).is_some()) {
                waiting.extend([own, target]);
            } else {
                draft.withdrawn.push(id.clone());
            }
        }
        for ((left, right), question) in asked {
            let inner = left & OWN != 0 || is_inner(left) || is_inner(right);
            if !inner {
                continue;
            }
            waiting.extend([group_of[question.record as usize], question.group]);
            let group = &mut draft.groups[question.group as usize];
            group.needs_master = true;
            let home = match &group.master {
                Some(master) => Home::Master(master.clone()),
                None => Home::New(question.group as usize),
            };
            let key = |at: u32| self.key(region.rows[at as usize]).clone();
            draft.asks.push(Ask {
                sku: key(question.record),
                home,
                confidence: question.confidence,
                value: question.value,
                other: key(question.other),
                veto: question.veto,
                policy: question.policy,
            });
        }
        waiting
    }

    #[allow(clippy::too_many_arguments)] // one walk over what `conclude` has at hand
    fn draft_states(
        &self,
        region: &Region,
        groups: &[Settled],
        group_of: &[u32],
        inner: &FxHashSet<u32>,
        stale: &FxHashSet<u32>,
        waiting: &FxHashSet<u32>,
        draft: &mut Draft,
    ) {
        for (at, row) in region.rows.iter().enumerate() {
            let key = self.key(*row);
            let Some(info) = self.ledger.skus.get(key) else { continue };
            let group = group_of[at];
            let size = draft.groups[group as usize].members.len();
            if size == 1 && self.graph.waiting.contains(row) {
                continue;
            }
            let says = |verdict: Verdict| {
                let all = self.ledger.constraints.get(key).map(Vec::as_slice).unwrap_or_default();
                all.iter().any(|c| {
                    c.verdict == verdict
                        && match verdict {
                            Verdict::New => c.other == *key,
                            _ => draft.groups[group as usize].members.contains(&c.other),
                        }
                })
            };
            let has_master = groups[group as usize].master.is_some();
            // Confirmed by a decision about the group, such as a merge or a split by hand.
            let stays_confirmed = info.state == MatchState::LinkedConfirmed && !self.changed.contains(key);
            let state = if size > 1 {
                if stale.contains(row) {
                    MatchState::Stale
                } else if says(Verdict::Same) || has_master && stays_confirmed {
                    MatchState::LinkedConfirmed
                } else {
                    MatchState::LinkedAuto
                }
            } else if has_master && (says(Verdict::New) || stays_confirmed) {
                MatchState::LinkedConfirmed
            } else if waiting.contains(&group) {
                MatchState::PendingReview
            } else if self.graph.records[*row as usize].pairs.is_empty() {
                MatchState::NoCandidate
            } else {
                MatchState::Rejected
            };
            let matters = inner.contains(row) || size == 1;
            if matters && state != info.state {
                draft.states.push((key.clone(), state));
            }
        }
    }

    /// The pairs in the auto zone that hold a group together, where one side is new to it or changed.
    fn draft_links(
        &self,
        region: &Region,
        group_of: &[u32],
        inner: &FxHashSet<u32>,
        stale: &FxHashSet<u32>,
        draft: &mut Draft,
    ) {
        // All members of a group that gets its master now are new to it.
        let newcomers = |group: &'_ GroupDraft| match group.master {
            Some(_) => group.joined.clone(),
            None => group.members.clone(),
        };
        let news: FxHashSet<SkuKey> = draft.groups.iter().flat_map(newcomers).collect();
        let is_new = |row: u32| {
            let key = self.key(row);
            news.contains(key) || self.changed.contains(key)
        };
        let mut links = Vec::new();
        for (pair, (_, state)) in region.pairs.iter().zip(&region.sources) {
            let rows = [pair.left, pair.right].map(|at| region.rows[at as usize]);
            let together = group_of[pair.left as usize] == group_of[pair.right as usize];
            let rules = self.rules(rows[0], rows[1]);
            let holds = state.confidence >= rules.zones.auto && state.veto.is_none();
            let apart = rows.iter().any(|row| stale.contains(row) || !inner.contains(row));
            if together && holds && !apart && rows.iter().any(|row| is_new(*row)) {
                let [left, right] = rows.map(|row| self.key(row).clone());
                let confidence = state.confidence.get();
                links.push(LinkDraft { left, right, confidence, policy: rules.version });
            }
        }
        draft.links = links;
    }
}

/// Marks the place of a question about a group's own member.
const OWN: u32 = 1 << 31;

/// A group as it shall be; members are local numbers or rows.
struct Settled {
    master: Option<MasterId>,
    merged: Vec<MasterId>,
    members: Vec<u32>,
}

/// A question, in local numbers.
struct Open {
    record: u32,
    group: u32,
    confidence: f64,
    value: f64,
    other: u32,
    veto: Option<String>,
    policy: i64,
}

//! From candidates to calibrated confidences: three stages, then the one-to-one matching under a prior adapted to the
//! data at hand.

use crate::field::{Field, Holds, PairState, Surroundings, WIDTH};
use crate::prepare::Prepared;
use crate::{Engine, Progress};
use domain::{Confidence, NodeId};
use ndarray::ArrayView1;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use score::consensus::{ASKED, Consensus};
use score::features::Likeness;
use score::matching::Matching;
use score::model::{log_odds, probability};
use score::{Profile, Veto, adapt, context, features, veto};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How far pairs are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Second,
    Third,
}

/// One entry a candidate, in the order of [`Prepared::candidates`].
pub struct Scored {
    pub confidence: Vec<f64>,
    pub veto: Vec<Option<Veto>>,
    /// What the adaptation added to every log-odds.
    pub prior_shift: f64,
    /// Nodes that seem to list products several times; their links are asked of a person rather than made.
    pub repeating_nodes: Vec<String>,
}

/// Below these log-odds of the first stage the second is not asked: its answer would be "no" as well.
const SECOND_FLOOR: f32 = -9.2;
/// Below these log-odds of the second stage the third is not asked, and the pair is nobody's rival.
const THIRD_FLOOR: f32 = -7.0;
/// Vetoes are looked for from this confidence on; below it nothing would be linked anyway.
const VETO_FLOOR: f64 = 0.02;

const SECOND_WIDTH: usize = WIDTH + features::SECOND.len();
/// What the second stage reads of a pair beside its two names: how it stands among its rivals.
pub type Context = [f32; SECOND_WIDTH - features::PAIR.len()];
pub(crate) const THIRD_WIDTH: usize = SECOND_WIDTH + features::THIRD.len() + features::CONSENSUS.len();

impl Engine {
    /// `many_per_node`: nodes known to list products several times; they are linked all the same.
    pub fn score(&self, prepared: &Prepared, many_per_node: &[NodeId], progress: &dyn Progress) -> Scored {
        progress.stage("score", prepared.candidates.len() as u64);
        let (staged, seen) = self.stages(prepared, progress);
        // The room is needed.
        drop(seen);
        self.judge(prepared, &staged, many_per_node)
    }

    /// From the stages to confidences, under the prior of the data at hand.
    pub(crate) fn judge(&self, prepared: &Prepared, staged: &Staged, many_per_node: &[NodeId]) -> Scored {
        let is_many = |node: u32| {
            let name = prepared.node_names[node as usize].as_str();
            many_per_node.iter().any(|many| many.0 == name)
        };
        let links = best_links(prepared, &staged.second);
        let mut repeating = repeating_nodes(prepared, &staged.second, &links);
        repeating.retain(|node| !is_many(*node));
        let touches = |index: usize| {
            let c = &prepared.candidates[index];
            [c.left, c.right].iter().any(|r| repeating.contains(&prepared.nodes[*r as usize]))
        };

        let Staged { active, pairs, rivals, third: odds, .. } = staged;
        // What a node lists twice, it may well hold twice.
        let once = |node: u32| !is_many(node) && !repeating.contains(&node);
        let matching = Matching::new(pairs, rivals, &prepared.nodes, once);
        // Nodes that list products several times have no share of partners to learn from.
        let telling: Vec<usize> =
            best_of(prepared, active, odds).into_iter().filter(|i| !touches(active[*i] as usize)).collect();
        let prior_shift =
            adapt::prior_shift(telling.len(), self.model.prior, self.model.adaptation, |shift| {
                let marginals = shifted_marginals(&matching, odds, shift);
                telling.iter().map(|i| marginals[*i]).sum::<f64>() / telling.len() as f64
            });
        let (confidence, veto) =
            self.confidences(prepared, staged, &matching, prior_shift, |node| repeating.contains(&node));
        let mut repeating_nodes: Vec<String> =
            repeating.iter().map(|node| prepared.node_names[*node as usize].clone()).collect();
        repeating_nodes.sort();
        Scored { confidence, veto, prior_shift, repeating_nodes }
    }

    /// The last step: what rivals leave of each pair's odds, under a prior that is given.
    pub(crate) fn confidences(
        &self,
        field: &impl Field,
        staged: &Staged,
        matching: &Matching,
        prior_shift: f64,
        is_repeating: impl Fn(u32) -> bool + Sync,
    ) -> (Vec<f64>, Vec<Option<Veto>>) {
        let nodes = field.nodes();
        let marginals = shifted_marginals(matching, &staged.third, prior_shift);
        let concluded: Vec<(f64, Option<Veto>)> = (staged.active.par_iter())
            .zip(marginals)
            .map(|(index, marginal)| {
                let (left, right) = field.ends(*index as usize);
                let repeats = [left, right].iter().any(|record| is_repeating(nodes[*record as usize]));
                self.concluded(marginal, prior_shift, repeats, field.profiles(*index as usize))
            })
            .collect();
        let mut confidence: Vec<f64> = vec![0.0; field.count()];
        let mut veto: Vec<Option<Veto>> = vec![None; field.count()];
        for (index, found) in staged.active.iter().zip(concluded) {
            (confidence[*index as usize], veto[*index as usize]) = found;
        }
        (confidence, veto)
    }

    /// The confidence that a pair's probability among its rivals comes to under this shift of the prior, and its veto; `repeats` where one of its nodes
    /// seems to list products several times.
    pub(crate) fn concluded(
        &self,
        marginal: f64,
        prior_shift: f64,
        repeats: bool,
        (a, b): (&Profile, &Profile),
    ) -> (f64, Option<Veto>) {
        let posterior = self.model.posterior.log_odds(log_odds(marginal.clamp(1e-9, 1.0 - 1e-9)));
        let confidence = probability(posterior + self.model.overlap.bonus(prior_shift))
            * if repeats { REPEATING_FACTOR } else { 1.0 };
        let veto = if confidence >= VETO_FLOOR { veto::find(a, b) } else { None };
        (if veto.is_some() { confidence * veto::REMAINING } else { confidence }, veto)
    }

    /// The log-odds of the stages: the third where a pair has a chance. Also what they saw.
    pub(crate) fn stages(&self, field: &impl Field, progress: &dyn Progress) -> (Staged, Seen) {
        self.stages_to(Depth::Third, field, progress)
    }

    /// The same up to some stage. Without the third, what is known of it stays, and the second speaks for it where nothing is.
    pub(crate) fn stages_to(
        &self,
        depth: Depth,
        field: &impl Field,
        progress: &dyn Progress,
    ) -> (Staged, Seen) {
        let count = field.count();
        let around = Surroundings::of(field);
        progress.advance(count as u64 / 8);
        let rows = Rows::default();
        let mut first = vec![0.0f32; count];
        let kept: Vec<Vec<Row>> = first
            .par_chunks_mut(PIECE)
            .enumerate()
            .map(|(piece, first)| {
                let mut kept = Vec::new();
                let mut row = [0.0f32; WIDTH];
                for (at, first) in first.iter_mut().enumerate() {
                    let pair = piece * PIECE + at;
                    if let Some(known) = field.holding(pair, Holds::SecondStage) {
                        *first = known.first;
                        continue;
                    }
                    around.fill(field, pair, &mut row);
                    *first = self.model.first.log_odds(ArrayView1::from(&row[..]));
                    if *first > SECOND_FLOOR {
                        kept.push(row);
                    }
                }
                progress.advance(first.len() as u64 / 2);
                rows.keep(kept)
            })
            .collect();
        let first_standings = around.neighbourhoods.standings(|pair| chance(first[pair]));
        let mut seen = Seen { around, first_standings, third: None };
        let mut second = vec![0.0f32; count];
        let kept: Vec<Vec<Row>> = second
            .par_chunks_mut(PIECE)
            .zip(kept)
            .enumerate()
            .map(|(piece, (second, kept))| {
                let mut kept = kept.into_iter();
                let mut still = Vec::new();
                let mut row = [0.0f32; SECOND_WIDTH];
                for (at, second) in second.iter_mut().enumerate() {
                    let pair = piece * PIECE + at;
                    if let Some(known) = field.holding(pair, Holds::SecondStage) {
                        *second = known.second;
                        continue;
                    }
                    if first[pair] <= SECOND_FLOOR {
                        // Kept in order below everything that the second stage has seen.
                        *second = first[pair].min(-9.0);
                        continue;
                    }
                    let known = kept.next();
                    seen.fill_second(field, pair, first[pair], known.as_ref(), &mut row);
                    *second = self.model.second.log_odds(ArrayView1::from(&row[..]));
                    if *second > THIRD_FLOOR {
                        still.extend(known);
                    }
                }
                progress.advance(second.len() as u64 / 4);
                still
            })
            .collect();

        // Only pairs with a chance go on; the others' odds are below a thousandth.
        let active: Vec<u32> = (0..count as u32).filter(|i| second[*i as usize] > THIRD_FLOOR).collect();
        let pairs: Vec<(u32, u32)> = active.iter().map(|i| field.ends(*i as usize)).collect();
        if depth == Depth::Second {
            let known = |pair: usize| field.known(pair).and_then(|(_, state)| state.third);
            let third = active.iter().map(|i| known(*i as usize).unwrap_or(second[*i as usize]));
            let third = third.map(f64::from).collect();
            let rivals = context::Neighbourhoods::new(0, |_| (0, 0), &[]);
            return (Staged { first, second, active, pairs, rivals, third }, seen);
        }
        let rivals = context::Neighbourhoods::new(pairs.len(), |pair| pairs[pair], field.nodes());
        let mut staged = Staged { first, second, active, pairs, rivals, third: Vec::new() };
        seen.third = Some(SeenThird::of(&staged, field.nodes()));
        let mut third = vec![0.0f64; staged.active.len()];
        // The active pairs of each piece, so that its kept rows go with them.
        let mut work = Vec::with_capacity(kept.len());
        let (mut rest, mut from) = (third.as_mut_slice(), 0);
        for (piece, kept) in kept.iter().enumerate() {
            let end = ((piece + 1) * PIECE).min(count) as u32;
            let own = staged.active[from..].partition_point(|i| *i < end);
            let (out, behind) = rest.split_at_mut(own);
            work.push((from, kept, out));
            (rest, from) = (behind, from + own);
        }
        work.into_par_iter().for_each(|(from, kept, out)| {
            let mut kept = kept.iter();
            let mut row = [0.0f32; THIRD_WIDTH];
            for (at, out) in out.iter_mut().enumerate() {
                let pair = staged.active[from + at] as usize;
                let held = field.holding(pair, Holds::ThirdStage).and_then(|known| known.third);
                if let Some(third) = held {
                    *out = f64::from(third);
                    continue;
                }
                // What holds was not computed, so nothing of it was kept.
                let is_known = field.holding(pair, Holds::SecondStage).is_some();
                let known = if is_known { None } else { kept.next() };
                staged.fill_third(&seen, field, from + at, known, &mut row);
                let raw = self.model.third.log_odds(ArrayView1::from(&row[..]));
                *out = self.model.calibration.log_odds(f64::from(raw));
            }
        });
        staged.third = third;
        progress.advance(count as u64 / 8);
        (staged, seen)
    }
}

/// Pair and context features, kept from stage to stage: computing them is most of the cost of a pair.
pub(crate) type Row = [f32; WIDTH];

/// Keeps rows while there is room; what was not kept is computed again, to the same numbers.
#[derive(Default)]
struct Rows {
    kept: AtomicUsize,
}

impl Rows {
    fn keep(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.shrink_to_fit();
        let before = self.kept.fetch_add(rows.len(), Ordering::Relaxed);
        if before + rows.len() > MOST_ROWS { Vec::new() } else { rows }
    }
}

/// A tenth of a gigabyte.
const MOST_ROWS: usize = (96 << 20) / size_of::<Row>();

/// Candidates a thread takes at a time.
const PIECE: usize = 4096;

fn chance(log_odds: f32) -> f32 {
    probability(f64::from(log_odds)) as f32
}

fn shifted_marginals(matching: &Matching, odds: &[f64], shift: f64) -> Vec<f64> {
    let shifted: Vec<f64> = odds.iter().map(|x| x + shift).collect();
    matching.marginals(&shifted)
}

/// What the stages said.
pub(crate) struct Staged {
    /// One a candidate, as the log-odds of the first two stages.
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    /// The candidates that have a chance, ascending; what follows goes with them.
    pub active: Vec<u32>,
    /// Left and right record.
    pub pairs: Vec<(u32, u32)>,
    pub rivals: context::Neighbourhoods,
    /// Log-odds of the pair taken alone.
    pub third: Vec<f64>,
}

/// What the stages saw.
pub(crate) struct Seen {
    around: Surroundings,
    first_standings: context::Standings,
    third: Option<SeenThird>,
}

/// What the third stage saw beside it, of pairs with a chance.
struct SeenThird {
    standings: context::Standings,
    consensus: Consensus,
}

impl SeenThird {
    fn of(staged: &Staged, nodes: &[u32]) -> SeenThird {
        let second: Vec<f32> = staged.active.iter().map(|i| chance(staged.second[*i as usize])).collect();
        SeenThird {
            standings: staged.rivals.standings(|at| second[at]),
            consensus: Consensus::new(&staged.pairs, &second, nodes),
        }
    }

    /// Fills what comes after the second stage's part of a row.
    fn fill(&self, staged: &Staged, at: usize, nodes: &[u32], row: &mut [f32]) {
        let second = staged.second[staged.active[at] as usize];
        let (standing, voices) = row[SECOND_WIDTH..THIRD_WIDTH].split_at_mut(features::THIRD.len());
        context::fill_stage(second, &self.standings.of(&staged.rivals, at), standing);
        voices.copy_from_slice(&self.consensus.of(staged.pairs[at], chance(second), nodes));
    }
}

impl Seen {
    pub fn likeness(&self, field: &impl Field, pair: usize) -> Likeness {
        self.around.likeness(field, pair)
    }

    /// What the second stage reads beside the two names.
    pub fn context(&self, pair: usize, first: f32) -> Context {
        let mut context = Context::default();
        let (own, stage) = context.split_at_mut(features::CONTEXT.len());
        self.around.fill_context(pair, own);
        let standing = self.first_standings.of(&self.around.neighbourhoods, pair);
        context::fill_stage(first, &standing, stage);
        context
    }

    /// What the second stage reads of a pair; `known`: its pair and context features, where they were kept.
    fn fill_second(&self, field: &impl Field, pair: usize, first: f32, known: Option<&Row>, row: &mut [f32]) {
        match known {
            Some(known) => row[..WIDTH].copy_from_slice(known),
            None => self.around.fill(field, pair, row),
        }
        let standing = self.first_standings.of(&self.around.neighbourhoods, pair);
        context::fill_stage(first, &standing, &mut row[WIDTH..SECOND_WIDTH]);
    }
}

impl Staged {
    /// What the third stage reads of `active[at]`; `known` as for the second.
    pub fn fill_third(
        &self,
        seen: &Seen,
        field: &impl Field,
        at: usize,
        known: Option<&Row>,
        row: &mut [f32],
    ) {
        let pair = self.active[at] as usize;
        seen.fill_second(field, pair, self.first[pair], known, row);
        if let Some(third) = &seen.third {
            third.fill(self, at, field.nodes(), row);
        }
    }

    /// The contexts of pairs that third records may say something about, where nothing of theirs holds.
    pub fn contexts(&self, seen: &Seen, field: &impl Field) -> Vec<Option<Box<Context>>> {
        let is_asked = |pair: usize| {
            chance(self.second[pair]) >= ASKED && field.holding(pair, Holds::SecondStage).is_none()
        };
        let context = |pair: usize| Box::new(seen.context(pair, self.first[pair]));
        (0..self.first.len()).into_par_iter().map(|pair| is_asked(pair).then(|| context(pair))).collect()
    }

    /// The third stage of a pair whose context is known, with what the others around it say by now.
    pub fn third_of<'s>(
        &'s self,
        engine: &'s Engine,
        field: &'s impl Field,
    ) -> impl Fn(usize, &Context) -> f64 + 's {
        let seen = SeenThird::of(self, field.nodes());
        move |at, context| {
            let mut row = [0.0f32; THIRD_WIDTH];
            let pair = self.active[at] as usize;
            let (a, b) = field.profiles(pair);
            features::fill(a, b, field.likeness(pair, field.texts(pair)), &mut row);
            row[features::PAIR.len()..SECOND_WIDTH].copy_from_slice(context);
            seen.fill(self, at, field.nodes(), &mut row);
            let raw = engine.model.third.log_odds(ArrayView1::from(&row[..]));
            engine.model.calibration.log_odds(f64::from(raw))
        }
    }

    /// The same of a pair without a chance: what is not known of it is 0.
    pub fn fill_hopeless(&self, seen: &Seen, field: &impl Field, pair: usize, row: &mut [f32]) {
        seen.fill_second(field, pair, self.first[pair], None, row);
        row[SECOND_WIDTH..THIRD_WIDTH].fill(0.0);
        row[SECOND_WIDTH] = self.second[pair].clamp(-14.0, 14.0);
    }

    /// One state a candidate.
    pub fn states(
        &self,
        likeness: impl Fn(usize) -> Likeness,
        confidence: &[f64],
        veto: &[Option<Veto>],
    ) -> Vec<PairState> {
        let mut states: Vec<PairState> = (0..self.first.len())
            .map(|pair| PairState {
                likeness: likeness(pair),
                first: self.first[pair],
                second: self.second[pair],
                third: None,
                confidence: Confidence::saturating(confidence[pair]),
                veto: veto[pair],
            })
            .collect();
        for (pair, third) in self.active.iter().zip(&self.third) {
            states[*pair as usize].third = Some(*third as f32);
        }
        states
    }
}

/// The candidates of a greedy one-to-one assignment per pair of nodes.
fn best_links(prepared: &Prepared, log_odds: &[f32]) -> Vec<u32> {
    let chosen: Vec<u32> =
        (0..log_odds.len() as u32).filter(|i| log_odds[*i as usize] > THIRD_FLOOR).collect();
    let odds: Vec<f64> = chosen.iter().map(|i| f64::from(log_odds[*i as usize])).collect();
    best_of(prepared, &chosen, &odds).into_iter().map(|i| chosen[i]).collect()
}

/// The same among `chosen` candidates with the log-odds `odds`; gives positions in `chosen`.
fn best_of(prepared: &Prepared, chosen: &[u32], odds: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    // Candidates are sorted by (left, right), so the index breaks ties the same way every time.
    order.par_sort_by(|a, b| odds[*b].total_cmp(&odds[*a]).then(a.cmp(b)));
    let mut taken: FxHashSet<(u32, u32)> = FxHashSet::default();
    order.retain(|position| {
        let c = &prepared.candidates[chosen[*position] as usize];
        let ends = [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])];
        let free = ends.iter().all(|end| !taken.contains(end));
        if free {
            taken.extend(ends);
        }
        free
    });
    order
}

/// A link whose record has a second good candidate in the same node is a coin toss. A node where that is common lists
/// products several times (a marketplace, a merged catalogue): one-per-node does not hold there, and neither does a
/// confidence learnt where it holds. Measured: 0.39 of the good links of Amazon-Google have such a rival, 0.08
/// to 0.43 of those of PriceRunner's sources, at most 0.051 of any other set's nodes; of the links claimed at 0.85 there 71 % and 66 % were
/// right.
fn repeating_nodes(prepared: &Prepared, second: &[f32], links: &[u32]) -> FxHashSet<u32> {
    let mut good: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    let ends = |index: usize| {
        let c = &prepared.candidates[index];
        [(c.left, prepared.nodes[c.right as usize]), (c.right, prepared.nodes[c.left as usize])]
    };
    for index in (0..second.len()).filter(|i| probability(f64::from(second[*i])) > RIVAL) {
        for end in ends(index) {
            *good.entry(end).or_default() += 1;
        }
    }
    // (links into the node, those with a rival there)
    let mut seen: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    for index in links.iter().filter(|i| probability(f64::from(second[**i as usize])) > GOOD_LINK) {
        for end in ends(*index as usize) {
            let entry = seen.entry(end.1).or_default();
            entry.0 += 1;
            entry.1 += u32::from(good.get(&end).is_some_and(|n| *n > 1));
        }
    }
    seen.into_iter()
        .filter(|(_, (links, rivals))| {
            let share = if *links >= MANY_LINKS { REPEATING_SHARE } else { FEW_REPEATING_SHARE };
            *links >= LEAST_LINKS && f64::from(*rivals) > share * f64::from(*links)
        })
        .map(|(node, _)| node)
        .collect()
}

const RIVAL: f64 = 0.3;
const GOOD_LINK: f64 = 0.7;
const LEAST_LINKS: u32 = 50;
const MANY_LINKS: u32 = 200;
const REPEATING_SHARE: f64 = 0.075;
/// Of fewer links: there, a handful of names without a brand find two candidates each, and nobody lists anything twice.
const FEW_REPEATING_SHARE: f64 = 0.15;
/// Brings every confidence below the default auto threshold and keeps their order; about the share of such links that
/// were right above it.
const REPEATING_FACTOR: f64 = 0.84;

//! What a run did to the truth: which true pairs it joined by itself, which it asks about, what it joined wrongly.

use super::calibration::Claim;
use super::ranking::{Best, RankedPair};
use super::{Answer, PrecisionRecall, calibration, ranking, share};
use crate::judge::Judge;
use crate::metrics::interval::{Interval, clopper_pearson};
use crate::sets::pair;
use domain::Zone;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// A run's answer, by record number.
pub struct Answers<'a> {
    /// Node of each record.
    pub nodes: &'a [u32],
    /// Place of each record in the order of (node, SKU); ties fall by it.
    pub rank: &'a [u32],
    /// Group of each record.
    pub masters: &'a [u32],
    /// Every reported pair once.
    pub links: &'a [Link],
    pub questions: &'a [Asked],
}

#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub pair: (u32, u32),
    pub confidence: f64,
    pub zone: Zone,
}

/// Does this record belong to that group?
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub record: u32,
    pub master: u32,
}

/// The confidence from which the machine acts by itself, unless a policy says otherwise.
pub const AUTO: f64 = 0.85;
/// Recall is also read where the ranking is at least so precise.
pub const PRECISE: f64 = 0.97;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linkage {
    pub true_pairs: usize,
    /// Cross-node pairs of one group, as far as the truth can judge them.
    pub auto_pairs: usize,
    pub auto_right: usize,
    pub auto: PrecisionRecall,
    /// 95 % interval of the auto precision.
    pub auto_interval: Interval,
    /// Share of right ones among the pairs whose own confidence made them auto links (no closing of groups).
    pub auto_link_precision: Option<f64>,
    pub best: Best,
    pub one_to_one_best: Best,
    pub one_to_one_recall_when_precise: f64,
    /// Share of true pairs joined, or settled by a question that is asked.
    pub reach: f64,
    /// Share of true pairs that are not joined but settled by a question.
    pub in_review: f64,
    pub questions: usize,
    pub questions_per_record: f64,
    /// Share of questions whose answer is yes.
    pub question_yield: Option<f64>,
    pub claim_from_auto: Option<Claim>,
}

/// The figures and the judged answers behind them, for calibration.
pub fn linkage(run: &Answers, judge: &Judge) -> (Linkage, Vec<Answer>) {
    let members = members(run.masters);
    let auto: Vec<(u32, u32)> = joined(&members, run.nodes).filter(|p| judge.counts(*p)).collect();
    let auto_right = auto.iter().filter(|p| judge.is_true(**p)).count();
    let links: Vec<&Link> = run.links.iter().filter(|l| judge.counts(l.pair)).collect();
    let answers: Vec<Answer> = links.iter().map(|l| (l.confidence, judge.is_true(l.pair))).collect();
    let ranked: Vec<RankedPair> =
        links.iter().zip(&answers).map(|(l, answer)| ranked(run, l, *answer)).collect();
    let unique = ranking::one_to_one(&ranked);
    let true_pairs = judge.truth.len();

    let groups_of = |(a, b): (u32, u32)| pair(run.masters[a as usize], run.masters[b as usize]);
    // A question joins two groups: every true pair across them would be settled by the answer.
    let asked: FxHashSet<(u32, u32)> =
        links.iter().filter(|l| l.zone == Zone::Review).map(|l| groups_of(l.pair)).collect();
    let is_joined = |p: (u32, u32)| {
        let (a, b) = groups_of(p);
        a == b
    };
    let open = judge.truth.iter().filter(|p| !is_joined(**p) && asked.contains(&groups_of(**p))).count();
    let joined_true = judge.truth.iter().filter(|p| is_joined(**p)).count();

    let yes = run
        .questions
        .iter()
        .filter(|q| members[q.master as usize].iter().any(|m| judge.is_true(pair(q.record, *m))))
        .count();
    let auto_links = || links.iter().filter(|l| l.zone == Zone::Auto);
    let auto_links_right = auto_links().filter(|l| judge.is_true(l.pair)).count();
    let ratio = |part: usize, whole: usize| (whole > 0).then(|| share(part, whole));
    let figures = Linkage {
        true_pairs,
        auto_pairs: auto.len(),
        auto_right,
        auto: PrecisionRecall::of_counts(auto_right, auto.len(), true_pairs),
        auto_interval: clopper_pearson(auto_right, auto.len(), 0.95),
        auto_link_precision: ratio(auto_links_right, auto_links().count()),
        best: ranking::best_f1(&answers, true_pairs),
        one_to_one_best: ranking::best_f1(&unique, true_pairs),
        one_to_one_recall_when_precise: ranking::recall_at_precision(&ranked, true_pairs, PRECISE),
        reach: share(joined_true + open, true_pairs),
        in_review: share(open, true_pairs),
        questions: run.questions.len(),
        questions_per_record: share(run.questions.len(), run.nodes.len()),
        question_yield: ratio(yes, run.questions.len()),
        claim_from_auto: calibration::claim_from(&answers, AUTO),
    };
    (figures, answers)
}

/// Listed pairs of different things, and how many of them stand in one group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HardNegatives {
    pub listed: usize,
    pub linked: usize,
}

pub fn hard_negatives(listed: &FxHashSet<(u32, u32)>, masters: &[u32]) -> Option<HardNegatives> {
    let linked = listed.iter().filter(|(a, b)| masters[*a as usize] == masters[*b as usize]).count();
    (!listed.is_empty()).then_some(HardNegatives { listed: listed.len(), linked })
}

fn ranked(run: &Answers, link: &Link, answer: Answer) -> RankedPair {
    let side = |record: u32| (run.rank[record as usize], run.nodes[record as usize]);
    let (a, b) = (side(link.pair.0), side(link.pair.1));
    let (a, b) = if a.0 <= b.0 { (a, b) } else { (b, a) };
    RankedPair { ends: (a.0, b.0), nodes: (a.1, b.1), answer }
}

fn members(masters: &[u32]) -> Vec<Vec<u32>> {
    let count = masters.iter().max().map_or(0, |m| *m as usize + 1);
    let mut members = vec![Vec::new(); count];
    for (record, master) in masters.iter().enumerate() {
        members[*master as usize].push(record as u32);
    }
    members
}

/// Pairs of different nodes that stand in one group.
fn joined<'a>(members: &'a [Vec<u32>], nodes: &'a [u32]) -> impl Iterator<Item = (u32, u32)> + 'a {
    members.iter().flat_map(move |group| {
        group.iter().enumerate().flat_map(move |(i, a)| {
            let others = group[i + 1..].iter().filter(|b| nodes[*a as usize] != nodes[**b as usize]);
            others.map(|b| (*a, *b))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::near;
    use super::*;
    use crate::sets::Judged;

    fn set(pairs: &[(u32, u32)]) -> FxHashSet<(u32, u32)> {
        pairs.iter().copied().collect()
    }

    fn links(table: &[(u32, u32, f64, Zone)]) -> Vec<Link> {
        table
            .iter()
            .map(|(a, b, confidence, zone)| Link { pair: (*a, *b), confidence: *confidence, zone: *zone })
            .collect()
    }

    /// Node 0: records 0, 1, 2; node 1: 3, 4; node 2: 5, 6. True: 0-3-5, 1-4, 2-6.
    const NODES: [u32; 7] = [0, 0, 0, 1, 1, 2, 2];
    const TRUE: [(u32, u32); 5] = [(0, 3), (0, 5), (3, 5), (1, 4), (2, 6)];

    /// 0-3 joined rightly, 1-5 wrongly; 5 asked against the group of 0; 1-4 rejected; 2-6 not reported.
    fn example(judged: Judged, negatives: &[(u32, u32)]) -> (Linkage, Vec<Answer>) {
        let links = links(&[
            (0, 3, 0.95, Zone::Auto),
            (1, 5, 0.90, Zone::Auto),
            (0, 5, 0.60, Zone::Review),
            (1, 4, 0.10, Zone::Reject),
        ]);
        let run = Answers {
            nodes: &NODES,
            rank: &[0, 1, 2, 3, 4, 5, 6],
            masters: &[0, 1, 2, 0, 3, 1, 4],
            links: &links,
            questions: &[Asked { record: 5, master: 0 }, Asked { record: 2, master: 3 }],
        };
        let truth = set(&TRUE);
        let negatives = set(negatives);
        linkage(&run, &Judge::new(judged, &truth, &negatives, &NODES))
    }

    #[test]
    fn everything_judged() {
        let (got, answers) = example(Judged::All, &[]);
        assert_eq!((got.true_pairs, got.auto_pairs, got.auto_right), (5, 2, 1));
        near(got.auto.precision, 0.5);
        near(got.auto.recall, 0.2);
        assert_eq!(got.auto_link_precision, Some(0.5));
        // joined: 0-3; the question of 0-5 joins group 0 {0, 3} and group 1 {1, 5}: 0-5 and 3-5 with it
        near(got.reach, 3.0 / 5.0);
        near(got.in_review, 2.0 / 5.0);
        near(got.questions_per_record, 2.0 / 7.0);
        assert_eq!(got.question_yield, Some(0.5));
        // right, wrong, right, right: 2·3 / (4 + 5)
        near(got.best.f1, 6.0 / 9.0);
        near(got.best.threshold, 0.10);
        // 1-5 takes 5 for node 0, so 0-5 falls out: right, wrong, right: 2·2 / (3 + 5)
        near(got.one_to_one_best.f1, 0.5);
        near(got.one_to_one_recall_when_precise, 0.2);
        let claim = got.claim_from_auto.unwrap();
        assert_eq!((claim.count, claim.right), (2, 1));
        assert_eq!(answers.len(), 4);
    }

    #[test]
    fn labelled_pairs_only() {
        // 1-5 is on no list: it does not count
        let (got, _) = example(Judged::Labelled, &[(2, 4)]);
        assert_eq!((got.auto_pairs, got.auto_right), (1, 1));
        near(got.best.f1, 2.0 * 3.0 / (3.0 + 5.0));
        let (got, _) = example(Judged::Labelled, &[(1, 5)]);
        assert_eq!((got.auto_pairs, got.auto_right), (2, 1));
    }

    #[test]
    fn anchored_pairs_too() {
        // 5 has its partner 0 in node 0, so 1-5 is known to be wrong without being listed
        let (got, _) = example(Judged::Anchored, &[(2, 4)]);
        assert_eq!((got.auto_pairs, got.auto_right), (2, 1));
    }

    #[test]
    fn nothing_found() {
        let truth = set(&TRUE);
        let none = FxHashSet::default();
        let run = Answers {
            nodes: &NODES,
            rank: &[0, 1, 2, 3, 4, 5, 6],
            masters: &[0, 1, 2, 3, 4, 5, 6],
            links: &[],
            questions: &[],
        };
        let (got, answers) = linkage(&run, &Judge::new(Judged::All, &truth, &none, &NODES));
        near(got.auto.f1 + got.reach + got.best.f1, 0.0);
        assert_eq!((got.auto_link_precision, got.question_yield, got.claim_from_auto), (None, None, None));
        assert!(answers.is_empty());
    }

    #[test]
    fn joined_hard_negatives() {
        let listed = set(&[(0, 3), (1, 4), (2, 4)]);
        let got = hard_negatives(&listed, &[0, 1, 2, 0, 3, 1, 4]).unwrap();
        assert_eq!((got.listed, got.linked), (3, 1));
        assert_eq!(hard_negatives(&FxHashSet::default(), &[0]), None);
    }
}

//! A promise with a certainty: "of the pairs from this cut on at least 95 % are right", tested rather than estimated.
//! Learn-then-Test (Angelopoulos, Bates, Candès, Jordan, Lei, 2021) with fixed-sequence testing: cuts from strict to loose,
//! each by an exact binomial test, until the first that fails. Stopping there makes the whole search as certain as one test.
//!
//! It holds for labels that no part of the scorer was fitted to, and for pairs that are like the labelled ones.

use crate::interval::clopper_pearson;
use crate::reliability::Answer;

/// A cut and what the labels say of the pairs from it on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    pub cut: f64,
    pub above: usize,
    pub wrong: usize,
    /// One-sided lower bound of the precision.
    pub at_least: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Search {
    /// The loosest cut at or above the floor for which the target is proved; where all that are proved lie below it, the
    /// strictest.
    pub held: Option<Tested>,
    /// Where none holds: of the cuts tried the one with the highest bound.
    pub nearest: Option<Tested>,
}

/// Each cut lets in so much more than the one before: finer steps give bad luck more chances to end the search, coarser ones
/// stop short of the loosest cut.
const STEP: f64 = 1.05;
/// The first cut leaves room for up to so many wrong pairs: with none, a single unlucky label among the best pairs would
/// end the search at once (59 pairs of which 99 % are right hold no wrong one in 55 of 100 samples only).
const MOST_ROOM: usize = 10;

/// Where the search begins: the best half of the pairs that are claimed to be the same, or as much of it as needed for
/// [`MOST_ROOM`]; never fewer than can prove anything.
fn first_cut(claimed: usize, target: f64, level: f64) -> usize {
    let needed = |wrong: usize| pairs_needed(wrong, target, level);
    (0..=MOST_ROOM).rev().map(needed).find(|pairs| 2 * pairs <= claimed).unwrap_or_else(|| needed(0))
}

/// The lower end of the one-sided interval of `right` of `of` at `level`.
pub fn lower_bound(right: usize, of: usize, level: f64) -> f64 {
    clopper_pearson(right, of, 2.0 * level - 1.0).low
}

/// The fewest pairs that prove `target` with `wrong` of them wrong.
pub fn pairs_needed(wrong: usize, target: f64, level: f64) -> usize {
    let mut high = wrong + 1;
    while lower_bound(high - wrong, high, level) < target {
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let proved = middle > wrong && lower_bound(middle - wrong, middle, level) >= target;
        if proved { high = middle } else { low = middle }
    }
    high
}

/// Searches the cuts of `answers`; `target` and `level` lie between a half and 1. The cuts are chosen by the order of the
/// confidences alone, never by the labels. Below `floor` nobody wants a cut: every cut of the sequence holds as surely as the
/// last, so any of them may be taken.
pub fn loosest_cut(answers: &[Answer], floor: f64, target: f64, level: f64) -> Search {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let claimed = sorted.iter().filter(|a| a.0 >= 0.5).count();
    let start = first_cut(claimed, target, level);
    let mut search = Search::default();
    let (mut wrong, mut next) = (0, start);
    let mut still = true;
    for (i, (confidence, right)) in sorted.iter().enumerate() {
        wrong += usize::from(!right);
        let above = i + 1;
        // Equal confidences are let in together.
        let last_of_equals = sorted.get(above).is_none_or(|(other, _)| other < confidence);
        if above < next || !last_of_equals {
            continue;
        }
        let at_least = lower_bound(above - wrong, above, level);
        let tested = Tested { cut: *confidence, above, wrong, at_least };
        still &= at_least >= target;
        if still && (*confidence >= floor || search.held.is_none()) {
            search.held = Some(tested);
        }
        if search.nearest.is_none_or(|nearest| at_least > nearest.at_least) {
            search.nearest = Some(tested);
        }
        next = ((above as f64 * STEP).ceil() as usize).max(above + 1);
    }
    if search.held.is_some() {
        search.nearest = None;
    }
    search
}

/// How many further labelled pairs from the cut on prove `target`, if they are wrong as often as the `wrong` of `above`
/// so far; 0 where it is proved already, `None` where no number would do.
pub fn labels_missing(above: usize, wrong: usize, target: f64, level: f64) -> Option<usize> {
    let rate = wrong as f64 / above.max(1) as f64;
    let proved = |pairs: usize| {
        let wrong = (rate * pairs as f64).round() as usize;
        lower_bound(pairs - wrong.min(pairs), pairs, level) >= target
    };
    if above > 0 && proved(above) {
        return Some(0);
    }
    if 1.0 - rate <= target {
        return None;
    }
    // Nobody labels a hundred thousand pairs for it.
    let mut high = above.max(1);
    while !proved(high) {
        high = high.checked_mul(2).filter(|high| *high < 100_000)?;
    }
    let mut low = above;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if proved(middle) { high = middle } else { low = middle }
    }
    Some(high - above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    #[test]
    fn audited_labels_needed() {
        for (wrong, target, pairs) in [(0, 0.95, 59), (1, 0.95, 93), (0, 0.98, 149), (0, 0.99, 299)] {
            assert_eq!(pairs_needed(wrong, target, 0.95), pairs, "{wrong} wrong, {target}");
        }
    }

    #[test]
    fn the_loosest_cut_before_the_errors() {
        // 400 right ones above 0.9, then a coin toss
        let answers: Vec<Answer> = (0..800)
            .map(|i| {
                if i < 400 {
                    (0.99 - f64::from(i) / 5000.0, true)
                } else {
                    (0.8 - f64::from(i) / 5000.0, i % 2 == 0)
                }
            })
            .collect();
        let held = loosest_cut(&answers, 0.0, 0.95, 0.95).held.expect("a cut holds");
        assert!(held.above >= 330 && held.above < 450, "{held:?}");
        assert!(held.at_least >= 0.95);
        // nothing but coin tosses: no cut, and the nearest is named
        let search = loosest_cut(&answers[400..], 0.0, 0.95, 0.95);
        assert_eq!(search.held, None);
        assert!(search.nearest.expect("tried").at_least < 0.6);
        // too few to prove anything
        assert_eq!(loosest_cut(&answers[..58], 0.0, 0.95, 0.95), Search::default());
        let just = loosest_cut(&answers[..59], 0.0, 0.95, 0.95).held.expect("59 without an error");
        assert_eq!((just.above, just.wrong), (59, 0));
        let floored = loosest_cut(&answers, 0.9, 0.95, 0.95).held.expect("a cut holds");
        assert!(floored.cut >= 0.9 && floored.above <= 400, "{floored:?}");
        // the search begins below the floor: the strictest it proved
        let strictest = loosest_cut(&answers, 0.95, 0.95, 0.95).held.expect("a cut holds");
        assert!(strictest.cut < 0.95 && strictest.above < floored.above, "{strictest:?}");
    }

    #[test]
    fn missing_labels() {
        assert_eq!(labels_missing(59, 0, 0.95, 0.95), Some(0));
        assert_eq!(labels_missing(59, 0, 0.98, 0.95), Some(90));
        assert_eq!(labels_missing(50, 5, 0.95, 0.95), None);
        assert_eq!(
            labels_missing(407, 10, 0.975, 0.95),
            None,
            "so near the target that it would take ten thousands"
        );
        assert_eq!(labels_missing(0, 0, 0.95, 0.95), Some(59));
    }

    /// The promise itself: over many samples it is broken in at most one of twenty (allowing for the sampling error).
    #[test]
    fn the_promise_is_kept() {
        // Confidence c is right with probability c; the precision of a cut is then known.
        let (samples, pairs) = (400, 600);
        let mut random = Random::new(5);
        let mut uniform = || random.below(1 << 30) as f64 / f64::from(1 << 30);
        let mut broken = 0;
        for _ in 0..samples {
            let answers: Vec<Answer> = (0..pairs)
                .map(|_| {
                    let confidence = 1.0 - 0.3 * uniform();
                    (confidence, uniform() < confidence)
                })
                .collect();
            if let Some(held) = loosest_cut(&answers, 0.0, 0.92, 0.9).held {
                // mean confidence between the cut and 1
                broken += usize::from((held.cut + 1.0) / 2.0 < 0.92);
            }
        }
        assert!(broken <= samples / 10 + 12, "{broken} of {samples}");
    }

    proptest! {
        #[test]
        fn a_held_cut_is_proved(labels in prop::collection::vec((0.0f64..1.0, prop::bool::weighted(0.97)), 0..600)) {
            if let Some(held) = loosest_cut(&labels, 0.0, 0.9, 0.95).held {
                let above = labels.iter().filter(|a| a.0 >= held.cut);
                prop_assert_eq!(above.clone().count(), held.above);
                prop_assert_eq!(above.filter(|a| !a.1).count(), held.wrong);
                prop_assert!(lower_bound(held.above - held.wrong, held.above, 0.95) >= 0.9);
            }
        }
    }
}

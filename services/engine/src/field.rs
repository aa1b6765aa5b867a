//! Pairs that are scored together, and how each stands among the others. A whole run is one field, the surroundings of a
//! changed record are another: the same functions score both.

use domain::Confidence;
use rayon::prelude::*;
use score::features::{self, Likeness};
use score::{Profile, Veto, context};

/// Pairs of records, sorted by (left, right) in the order of the records' keys.
pub(crate) trait Field: Sync {
    fn count(&self) -> usize;
    /// Left and right record of a pair.
    fn ends(&self, pair: usize) -> (u32, u32);
    fn cosine(&self, pair: usize) -> f32;
    /// Node of each record.
    fn nodes(&self) -> &[u32];
    fn profile(&self, record: u32) -> &Profile;
    /// What an earlier scoring found and how much of it still holds.
    fn known(&self, _pair: usize) -> Option<(Holds, &PairState)> {
        None
    }

    fn profiles(&self, pair: usize) -> (&Profile, &Profile) {
        let (left, right) = self.ends(pair);
        (self.profile(left), self.profile(right))
    }

    fn likeness(&self, pair: usize) -> Likeness {
        if let Some((_, state)) = self.known(pair) {
            return state.likeness;
        }
        let (a, b) = self.profiles(pair);
        Likeness::of(a, b, self.cosine(pair))
    }

    /// An earlier scoring, where so much of it holds.
    fn holding(&self, pair: usize, least: Holds) -> Option<&PairState> {
        self.known(pair).filter(|(holds, _)| *holds >= least).map(|(_, state)| state)
    }
}

/// How much of an earlier scoring of a pair still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// The two names are what they were, their rivals are not.
    Likeness,
    /// Rivals too, but third nodes may say something else.
    SecondStage,
    /// Everything but the matching.
    ThirdStage,
}

/// What scoring found out about a pair; kept by a running service so that a change re-scores its surroundings only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairState {
    pub likeness: Likeness,
    /// Log-odds of the first and second stage.
    pub first: f32,
    pub second: f32,
    /// Log-odds of the pair taken alone, after the third stage; `None` where it has no chance.
    pub third: Option<f32>,
    /// With rivals, under the prior of the data at hand; vetoes and repeating nodes included.
    pub confidence: Confidence,
    pub veto: Option<Veto>,
}

impl PairState {
    /// Whether the pair has a chance, and so is a rival of others.
    pub fn is_active(&self) -> bool {
        self.third.is_some()
    }
}

/// The candidates' place among each other under likeness, from which the context features are read.
pub(crate) struct Surroundings {
    pub likeness: Vec<Likeness>,
    pub neighbourhoods: context::Neighbourhoods,
    combined: Vec<context::Standing>,
    cosine: Vec<context::Standing>,
    text: Vec<context::Standing>,
}

/// Pair and context features together.
pub const WIDTH: usize = features::PAIR.len() + features::CONTEXT.len();

impl Surroundings {
    pub fn of(field: &impl Field) -> Surroundings {
        let count = field.count();
        let likeness: Vec<Likeness> = (0..count).into_par_iter().map(|pair| field.likeness(pair)).collect();
        let combined: Vec<f32> = likeness
            .par_iter()
            .enumerate()
            .map(|(pair, likeness)| {
                let (a, b) = field.profiles(pair);
                likeness.combined(features::cross_script(a, b))
            })
            .collect();
        let pairs: Vec<(u32, u32)> = (0..count).map(|pair| field.ends(pair)).collect();
        let neighbourhoods = context::Neighbourhoods::new(&pairs, field.nodes());
        let by = |score: Vec<f32>| neighbourhoods.standings(&score);
        let cosine = by(likeness.iter().map(|l| l.cosine).collect());
        let text = by(likeness.iter().map(|l| l.text).collect());
        Surroundings { combined: by(combined), cosine, text, likeness, neighbourhoods }
    }

    /// Fills the pair and context features of a pair into `out[..WIDTH]`.
    pub fn fill(&self, field: &impl Field, pair: usize, out: &mut [f32]) {
        let (a, b) = field.profiles(pair);
        features::fill(a, b, self.likeness[pair], out);
        context::fill(
            &self.combined[pair],
            &self.cosine[pair],
            &self.text[pair],
            &mut out[features::PAIR.len()..WIDTH],
        );
    }
}

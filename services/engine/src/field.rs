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

    /// [`Likeness::texts`]
    fn texts(&self, pair: usize) -> [u16; 2] {
        if let Some((_, state)) = self.known(pair) {
            return state.likeness.in_steps();
        }
        let (a, b) = self.profiles(pair);
        Likeness::texts(a, b)
    }

    /// Of a pair with these [`Likeness::texts`].
    fn likeness(&self, pair: usize, texts: [u16; 2]) -> Likeness {
        if let Some((_, state)) = self.known(pair) {
            return state.likeness;
        }
        let (a, b) = self.profiles(pair);
        Likeness::new(self.cosine(pair), texts, features::cross_script(a, b))
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
    pub neighbourhoods: context::Neighbourhoods,
    /// What of [`Likeness`] the field does not hold: text and residual, in steps of [`features::TEXT_STEP`].
    texts: Vec<[u16; 2]>,
    combined: context::Standings,
    cosine: context::Leads,
    text: context::Leads,
}

/// Pair and context features together.
pub const WIDTH: usize = features::PAIR.len() + features::CONTEXT.len();

impl Surroundings {
    pub fn of(field: &impl Field) -> Surroundings {
        let count = field.count();
        let neighbourhoods = context::Neighbourhoods::new(count, |pair| field.ends(pair), field.nodes());
        let texts: Vec<[u16; 2]> = (0..count).into_par_iter().map(|pair| field.texts(pair)).collect();
        let combined = neighbourhoods.standings(|pair| field.likeness(pair, texts[pair]).combined);
        let cosine = neighbourhoods.leads(|pair| field.cosine(pair));
        let text = neighbourhoods.leads(|pair| features::from_step(texts[pair][0]));
        Surroundings { neighbourhoods, texts, combined, cosine, text }
    }

    pub fn likeness(&self, field: &impl Field, pair: usize) -> Likeness {
        field.likeness(pair, self.texts[pair])
    }

    /// Fills the pair and context features of a pair into `out[..WIDTH]`.
    pub fn fill(&self, field: &impl Field, pair: usize, out: &mut [f32]) {
        let (a, b) = field.profiles(pair);
        features::fill(a, b, self.likeness(field, pair), out);
        self.fill_context(pair, &mut out[features::PAIR.len()..WIDTH]);
    }

    /// Fills the context features alone.
    pub fn fill_context(&self, pair: usize, out: &mut [f32]) {
        let around = &self.neighbourhoods;
        context::fill(
            &self.combined.of(around, pair),
            &self.cosine.of(around, pair),
            &self.text.of(around, pair),
            out,
        );
    }
}

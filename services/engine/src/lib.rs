//! Use cases: the only room that wires rooms together. One engine answers the bulk command, the service and the
//! evaluation, so the same pair gets the same confidence everywhere.
//!
//! [`Engine::link`] is the whole way of a record: parse, embed, retrieve ([`Prepared`]), score ([`Scored`]), link
//! ([`LinkOutcome`]). Records are put in the order of their keys first, so that neither input order nor threads can
//! change a result.

mod error;
mod evidence;
mod field;
mod linking;
mod live;
mod models;
mod pairwise;
mod prepare;
mod progress;
mod scoring;
mod tuning;

pub use error::EngineError;
pub use field::{Holds, PairState};
pub use linking::{
    LinkOptions, LinkOutcome, MatchState, ReviewQuestion, ScoredPair, StateCounts, Verdict, master_id,
};
pub use live::{Fit, NearPair, NodeTraits, Ranked, ReadRecord, Statistics, Surrounding};
pub use models::{EngineOptions, models_folder};
pub use pairwise::PairScore;
pub use prepare::Prepared;
pub use progress::{Progress, Quiet};
pub use scoring::{Context, Scored};
pub use tuning::{Labels, TuneOptions, Tuning};

pub use domain::{Confidence, LocalSku, SkuKey, Zone, ZonePolicy};
pub use learn::Figures;
pub use score::{Explanation, Language, explain};

use embed::Encoder;
use normalize::Normalizer;
use score::Model;
use std::sync::Arc;

/// Opened models, ready to answer; cheap to share between threads.
pub struct Engine {
    normalizer: &'static Normalizer,
    encoder: Arc<Encoder>,
    model: Model,
}

impl Engine {
    /// The versions of everything that decides, for summaries.
    pub fn versions(&self) -> Vec<(&'static str, String)> {
        vec![
            ("tongpin", env!("CARGO_PKG_VERSION").to_owned()),
            ("scorer", self.model.version.clone()),
            ("encoder", self.encoder.version()),
        ]
    }

    /// Of the scorer that gives the confidences.
    pub fn scorer_version(&self) -> &str {
        &self.model.version
    }

    /// The same engine with another scorer, given as JSON ([`Engine::scorer_json`]); encoder and cache are shared.
    pub fn with_scorer(&self, json: &str) -> Result<Engine, EngineError> {
        let model = Model::from_json(json)?;
        Ok(Engine { normalizer: self.normalizer, encoder: self.encoder.clone(), model })
    }

    /// The scorer as it is kept.
    pub fn scorer_json(model: &Model) -> String {
        serde_json::to_string(model).expect("a model is plain data")
    }

    pub fn normalizer(&self) -> &'static Normalizer {
        self.normalizer
    }
}

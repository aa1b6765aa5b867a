//! What can go wrong, said for the person who gets it.

use domain::SkuKey;
use std::path::PathBuf;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum EngineError {
    #[error(
        "no models folder found: looked at TONGPIN_MODELS, ./models and above the program; \
         give it with --models (it is the folder `models` of the project)"
    )]
    NoModels,
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("there is no scorer named `{name}` in {folder}; there are: {known}")]
    NoScorer { name: String, folder: PathBuf, known: String },
    #[error(
        "{path} does not match its checksum in manifest.json: it is damaged or changed; take it anew from the project"
    )]
    Checksum { path: PathBuf },
    #[error(transparent)]
    Model(#[from] score::ModelError),
    #[error(transparent)]
    Runtime(#[from] embed::runtime::RuntimeError),
    #[error(transparent)]
    Embed(#[from] embed::EmbedError),
    #[error(transparent)]
    Retrieve(#[from] retrieve::RetrieveError),
    #[error("the record {0} occurs twice: a SKU code is unique inside its node; drop or rename one")]
    Duplicate(SkuKey),
    #[error(
        "{file} has too few labels to learn from: {same} pairs labelled the same, {different} labelled different; \
         at least {needed} of each are needed: label more"
    )]
    TooFewLabels { same: usize, different: usize, needed: usize, file: String },
    #[error("{0} records are too many for one run: at most 16 million")]
    TooMany(usize),
}

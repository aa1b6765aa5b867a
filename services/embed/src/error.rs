//! What can go wrong between a models folder and a vector, each with what to do about it.

use crate::runtime::RuntimeError;
use std::path::PathBuf;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum EmbedError {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),

    #[error(
        "cannot read {path}: {source}; the models folder is incomplete: check it out again, or name another with --models"
    )]
    Read { path: PathBuf, source: std::io::Error },

    #[error(
        "{path} is not what this program can read: {reason}; check it out again, or use the program version it was made for"
    )]
    Malformed { path: PathBuf, reason: String },

    #[error(
        "{path} is damaged or was changed: sha256 is {found}, encoder.json says {expected}; check it out again, or run the script that made it"
    )]
    Checksum { path: PathBuf, expected: String, found: String },

    #[error("the encoder failed in ONNX Runtime while {doing}: {reason}")]
    Inference { doing: &'static str, reason: String },
}

impl EmbedError {
    pub(crate) fn inference<R>(doing: &'static str) -> impl Fn(ort::Error<R>) -> EmbedError {
        move |error| EmbedError::Inference { doing, reason: error.to_string() }
    }
}

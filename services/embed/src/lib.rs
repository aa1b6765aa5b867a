//! Canonical text to vector.
//!
//! - [`runtime`]: finds ONNX Runtime's library, or fetches it through `pip`; nothing panics where it is missing.
//! - [`Encoder`]: text → unit vector, in batches over all threads. A text's vector depends on the text alone: not on
//!   its neighbours in the batch, not on the number of threads, not on the cache.
//! - [`features`]: text → ids, the encoder's input (the specification is `models/encoder/README.md`).
//!
//! This room knows nothing of records or nodes; what it reads is already canonical (`ParsedName::canonical`).

mod cache;
mod encoder;
mod error;
pub mod features;
mod manifest;
pub mod runtime;

pub use encoder::{Encoder, MAX_CHARS};
pub use error::EmbedError;

//! The encoder: distinct texts, grouped by length, through ONNX Runtime, on every thread.
//!
//! Sums of floats depend on their order, and ONNX Runtime picks its order by the shapes it is given. So that a text
//! gets the same bits whoever its neighbours are, every run has the same number of rows, and a length that follows from
//! the text alone (its number of ids, rounded up on a fixed ladder).

use crate::EmbedError;
use crate::cache::Cache;
use crate::features::Featuriser;
use crate::manifest::{FEATURES, MODEL, Manifest};
use crate::runtime;
use ndarray::Array2;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Longer texts are cut here; beyond it a catalogue row repeats itself.
pub const MAX_CHARS: usize = 200;

/// Rows of every run; unused ones stay empty.
const ROWS: usize = 32;
const SHORTEST: usize = 16;
/// Up to so many texts a call count as online use and go through the cache; a bulk job would only wash it out.
const ONLINE_TEXTS: usize = 256;
const CACHED_TEXTS: usize = 20_000;

pub struct Encoder {
    model: Vec<u8>,
    /// Sessions not in use; each thread takes one, makes one where none is left, and puts it back.
    sessions: Mutex<Vec<Session>>,
    environment: &'static ort::environment::Environment,
    featuriser: Featuriser,
    name: String,
    version: String,
    dim: usize,
    max_ids: usize,
    cache: Cache,
}

/// One distinct text on its way: its position among the distinct texts and what the model reads.
struct Job {
    text: usize,
    ids: Vec<i64>,
}

impl Encoder {
    /// Opens `models_dir/encoder`, after checking its checksums, and ONNX Runtime (see [`runtime::load`]).
    pub fn open(models_dir: &Path) -> Result<Encoder, EmbedError> {
        let folder = models_dir.join("encoder");
        let manifest = Manifest::open(&folder)?;
        let featuriser = Featuriser::from_json(&manifest.read(&folder, FEATURES)?)
            .map_err(|reason| EmbedError::Malformed { path: folder.join(FEATURES), reason })?;
        let model = manifest.read(&folder, MODEL)?;
        let encoder = Encoder {
            model,
            sessions: Mutex::default(),
            environment: runtime::load(models_dir)?,
            featuriser,
            name: manifest.name,
            version: manifest.version,
            dim: manifest.dim,
            max_ids: manifest.max_tokens,
            cache: Cache::new(CACHED_TEXTS),
        };
        // One run now, so that a model that does not fit is found at the start and not in the middle of a job.
        encoder.encode(&["同品"])?;
        Ok(encoder)
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The name and version of the weights, `tongpin-encoder 1.0`: vectors of different versions never mix.
    pub fn version(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// One row a text, in order, each of length 1. Equal texts are encoded once.
    pub fn encode(&self, texts: &[&str]) -> Result<Array2<f32>, EmbedError> {
        let online = texts.len() <= ONLINE_TEXTS;
        let mut vectors = Array2::<f32>::zeros((texts.len(), self.dim));

        let mut rows_of: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        let mut distinct: Vec<&str> = Vec::new();
        for (row, text) in texts.iter().enumerate() {
            let text = cut(text);
            let rows = rows_of.entry(text).or_insert_with(|| {
                distinct.push(text);
                Vec::new()
            });
            rows.push(row);
        }

        let mut put = |text: &str, vector: &[f32]| {
            for &row in &rows_of[text] {
                vectors.row_mut(row).iter_mut().zip(vector).for_each(|(to, &from)| *to = from);
            }
        };
        if online {
            distinct.retain(|text| match self.cache.get(text) {
                Some(vector) => {
                    put(text, &vector);
                    false
                }
                None => true,
            });
        }

        let mut jobs: Vec<Job> = (distinct.par_iter().enumerate())
            .map(|(text, words)| {
                let mut ids = self.featuriser.ids(words);
                ids.truncate(self.max_ids);
                Job { text, ids }
            })
            .collect();
        jobs.sort_by_key(|job| (padded_length(job.ids.len()), job.text));
        let batches: Vec<&[Job]> = jobs
            .chunk_by(|a, b| padded_length(a.ids.len()) == padded_length(b.ids.len()))
            .flat_map(|same_length| same_length.chunks(ROWS))
            .collect();
        let encoded: Vec<Vec<f32>> =
            batches.par_iter().map(|batch| self.run(batch)).collect::<Result<_, _>>()?;

        for (batch, rows) in batches.iter().zip(&encoded) {
            for (job, vector) in batch.iter().zip(rows.chunks_exact(self.dim)) {
                put(distinct[job.text], vector);
                if online {
                    self.cache.put(distinct[job.text], Arc::from(vector));
                }
            }
        }
        Ok(vectors)
    }

    /// Up to [`ROWS`] texts of one padded length; their vectors one after the other.
    fn run(&self, batch: &[Job]) -> Result<Vec<f32>, EmbedError> {
        let length = padded_length(batch[0].ids.len());
        let mut ids = Array2::<i64>::zeros((ROWS, length));
        let mut mask = Array2::<f32>::zeros((ROWS, length));
        for (row, job) in batch.iter().enumerate() {
            for (column, &id) in job.ids.iter().enumerate() {
                ids[[row, column]] = id;
                mask[[row, column]] = 1.0;
            }
        }
        let mut session = self.take_session()?;
        let vectors = self.run_in(&mut session, &ids, &mask, batch.len());
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        vectors
    }

    fn run_in(
        &self,
        session: &mut Session,
        ids: &Array2<i64>,
        mask: &Array2<f32>,
        used_rows: usize,
    ) -> Result<Vec<f32>, EmbedError> {
        let failed = EmbedError::inference("encoding texts");
        let outputs = session
            .run(ort::inputs! {
                "input_ids" => TensorRef::from_array_view(ids.view()).map_err(&failed)?,
                "attention_mask" => TensorRef::from_array_view(mask.view()).map_err(&failed)?,
            })
            .map_err(&failed)?;
        let Some(embedding) = outputs.get("embedding") else {
            return Err(EmbedError::Inference {
                doing: "reading the result",
                reason: "the model has no output named embedding".to_owned(),
            });
        };
        let (shape, values) = embedding.try_extract_tensor::<f32>().map_err(&failed)?;
        if shape[..] != [ROWS as i64, self.dim as i64] {
            return Err(EmbedError::Inference {
                doing: "reading the result",
                reason: format!("its shape is {shape:?}, encoder.json promises {} columns", self.dim),
            });
        }
        let mut vectors = values[..used_rows * self.dim].to_vec();
        vectors.chunks_exact_mut(self.dim).for_each(normalise);
        Ok(vectors)
    }

    fn take_session(&self) -> Result<Session, EmbedError> {
        if let Some(session) = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(session);
        }
        let failed = EmbedError::inference("loading the model");
        let option = EmbedError::inference("setting a session option");
        Session::builder(self.environment)
            .map_err(&failed)?
            .with_intra_threads(1)
            .map_err(&option)?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(EmbedError::inference("setting a session option"))?
            .commit_from_memory(&self.model)
            .map_err(&failed)
    }
}

/// A vector without length (an unreadable text under some models) stays as it is.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// 16, 24, 32, 48, 64, 96, …: few enough shapes to fill batches, close enough not to waste half of them.
fn padded_length(ids: usize) -> usize {
    let mut length = SHORTEST;
    loop {
        for rung in [length, length + length / 2] {
            if ids <= rung {
                return rung;
            }
        }
        length *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_cuts() {
        for (ids, expected) in [(1, 16), (16, 16), (17, 24), (25, 32), (33, 48), (512, 512)] {
            assert_eq!(padded_length(ids), expected, "{ids}");
        }
        assert_eq!(cut(&"黄".repeat(300)).chars().count(), MAX_CHARS);
        assert_eq!(cut("酒"), "酒");
    }
}

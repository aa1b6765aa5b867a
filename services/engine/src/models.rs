//! Where the models are and how they are opened. The folder holds `encoder/`, `runtime/`, `scorer/` and a
//! `manifest.json` with the checksum of every scorer.

use crate::{Engine, EngineError, Progress};
use embed::Encoder;
use normalize::Normalizer;
use score::Model;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// A file of `models/scorer` without its ending: `default`, or `without-NAME` for a model that never saw the
    /// benchmark NAME.
    pub scorer: String,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions { scorer: "default".to_owned() }
    }
}

/// Finds the models folder: the one given, else `TONGPIN_MODELS`, else `models` here or in a folder above, else above
/// the running program.
pub fn models_folder(given: Option<&Path>) -> Result<PathBuf, EngineError> {
    let named =
        given.map(Path::to_path_buf).or_else(|| std::env::var_os("TONGPIN_MODELS").map(PathBuf::from));
    if let Some(folder) = named {
        return Ok(folder);
    }
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    let above = |start: Option<PathBuf>| {
        start
            .and_then(|s| s.ancestors().map(|a| a.join("models")).find(|m| m.join("manifest.json").is_file()))
    };
    above(here).or_else(|| above(program)).ok_or(EngineError::NoModels)
}

fn read(path: PathBuf) -> Result<String, EngineError> {
    std::fs::read_to_string(&path).map_err(|source| EngineError::Read { path, source })
}

#[derive(serde::Deserialize)]
struct Manifest {
    scorers: std::collections::BTreeMap<String, Entry>,
}

#[derive(serde::Deserialize)]
struct Entry {
    sha256: String,
}

fn open_scorer(models: &Path, name: &str) -> Result<Model, EngineError> {
    let manifest_path = models.join("manifest.json");
    let manifest: Manifest = serde_json::from_str(&read(manifest_path.clone())?)
        .map_err(|e| EngineError::Read { path: manifest_path, source: e.into() })?;
    let Some(entry) = manifest.scorers.get(name) else {
        let known = manifest.scorers.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(EngineError::NoScorer { name: name.to_owned(), folder: models.join("scorer"), known });
    };
    let path = models.join("scorer").join(format!("{name}.json"));
    let text = read(path.clone())?;
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    if digest != entry.sha256 {
        return Err(EngineError::Checksum { path });
    }
    Ok(Model::from_json(&text)?)
}

impl Engine {
    /// Opens encoder and scorer. Where no ONNX Runtime is found, gets it through `pip` and says so.
    pub fn open(
        models: &Path,
        options: &EngineOptions,
        progress: &dyn Progress,
    ) -> Result<Engine, EngineError> {
        let model = open_scorer(models, &options.scorer)?;
        embed::runtime::ensure(models, |line| progress.note(line))?;
        Ok(Engine { normalizer: Normalizer::shared(), encoder: Arc::new(Encoder::open(models)?), model })
    }

    /// An engine that can prepare candidates and features but not score: what training starts from.
    pub fn untrained(models: &Path, progress: &dyn Progress) -> Result<Engine, EngineError> {
        embed::runtime::ensure(models, |line| progress.note(line))?;
        Ok(Engine {
            normalizer: Normalizer::shared(),
            encoder: Arc::new(Encoder::open(models)?),
            model: Model::blank(),
        })
    }
}

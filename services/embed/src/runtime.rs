//! ONNX Runtime's native library: where it is, how it is loaded, how it is fetched.
//!
//! `ort` panics when it is used before a library was loaded, so nothing here touches `ort` before a library file was
//! found, and a library that cannot be loaded is a reason in an error, after which the next place is tried.
//! One process has one runtime: the first [`load`] that succeeds decides.

mod find;
mod install;

pub use find::{Origin, RuntimeLibrary, find};
pub use install::install;

use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// Name of the folder inside `models_dir` that holds `requirements.txt` and `lib/`.
const FOLDER: &str = "runtime";
/// The oldest ONNX Runtime whose interface this program speaks (ort's feature `api-24`).
const OLDEST: (u32, u32) = (1, 24);
const PINNED: &str = "1.31.1";

#[derive(Debug, Error)]
pub enum RuntimeError {
    #[error("ONNX Runtime was not found ({tried}). {}", three_ways(models_dir))]
    Missing { tried: String, models_dir: PathBuf },

    #[error(
        "ORT_DYLIB_PATH is {path}, but there is no ONNX Runtime library: {reason}; correct it or unset it"
    )]
    Named { path: PathBuf, reason: String },

    #[error("ONNX Runtime was found but cannot be loaded: {reasons}. {}", three_ways(models_dir))]
    Unusable { reasons: String, models_dir: PathBuf },

    #[error("ONNX Runtime could not be fetched: {reason}. {}", three_ways(models_dir))]
    Fetch { reason: String, models_dir: PathBuf },

    #[error("cannot write {path}: {source}; make the models folder writable, or set ORT_DYLIB_PATH")]
    Write { path: PathBuf, source: std::io::Error },
}

fn three_ways(models_dir: &Path) -> String {
    format!(
        "Do one of these: (1) run `python3 -m pip install onnxruntime=={PINNED}`; (2) copy libonnxruntime (version \
         {}.{} or newer) into {}; (3) set ORT_DYLIB_PATH to the library. More in {}",
        OLDEST.0,
        OLDEST.1,
        models_dir.join(FOLDER).join("lib").display(),
        models_dir.join(FOLDER).join("README.md").display(),
    )
}

/// The process's runtime: the first library found (see [`find`]) that loads.
pub fn load(models_dir: &Path) -> Result<&'static Environment, RuntimeError> {
    static LOADED: Mutex<Option<&'static Environment>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = *loaded {
        return Ok(environment);
    }
    let libraries = find(models_dir)?;
    if libraries.is_empty() {
        return Err(RuntimeError::Missing {
            tried: find::places(models_dir),
            models_dir: models_dir.to_owned(),
        });
    }
    let mut reasons = Vec::new();
    for library in &libraries {
        match start(&library.path) {
            Ok(environment) => {
                tracing::debug!(path = %library.path.display(), origin = ?library.origin, "ONNX Runtime loaded");
                // ort allows one environment a process and wants it alive as long as any session.
                let environment: &'static Environment = Box::leak(Box::new(environment));
                *loaded = Some(environment);
                return Ok(environment);
            }
            Err(reason) if library.origin == Origin::Named => {
                return Err(RuntimeError::Named { path: library.path.clone(), reason });
            }
            Err(reason) => reasons.push(format!("{}: {reason}", library.path.display())),
        }
    }
    Err(RuntimeError::Unusable { reasons: reasons.join("; "), models_dir: models_dir.to_owned() })
}

/// [`load`], after an [`install`] where no library is found.
pub fn ensure(models_dir: &Path, progress: impl FnMut(&str)) -> Result<&'static Environment, RuntimeError> {
    if find(models_dir)?.is_empty() {
        install(models_dir, progress)?;
    }
    load(models_dir)
}

fn start(library: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(library).map_err(|error| error.to_string())?;
    builder.with_name("tongpin").with_telemetry(false).build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do() {
        let models_dir = PathBuf::from("models");
        let text = RuntimeError::Missing { tried: "a, b".to_owned(), models_dir }.to_string();
        for part in ["a, b", "pip install", "runtime", "ORT_DYLIB_PATH"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

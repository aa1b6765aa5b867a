//! `encoder.json`: which files make an encoder, and that they are the ones it was measured with.

use crate::EmbedError;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub(crate) const MODEL: &str = "encoder.onnx";
pub(crate) const FEATURES: &str = "features.json";

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub name: String,
    pub version: String,
    pub dim: usize,
    pub max_tokens: usize,
    files: BTreeMap<String, FileEntry>,
}

#[derive(Debug, Deserialize)]
struct FileEntry {
    sha256: String,
}

impl Manifest {
    pub fn open(folder: &Path) -> Result<Manifest, EmbedError> {
        let path = folder.join("encoder.json");
        let manifest: Manifest = serde_json::from_slice(&read(&path)?)
            .map_err(|error| EmbedError::Malformed { path: path.clone(), reason: error.to_string() })?;
        if manifest.dim == 0 || manifest.max_tokens == 0 {
            return Err(EmbedError::Malformed { path, reason: "dim or max_tokens is 0".to_owned() });
        }
        Ok(manifest)
    }

    /// The bytes of one file of the manifest, after its checksum held.
    pub fn read(&self, folder: &Path, name: &str) -> Result<Vec<u8>, EmbedError> {
        let path = folder.join(name);
        let Some(entry) = self.files.get(name) else {
            let reason = format!("it does not list {name}");
            return Err(EmbedError::Malformed { path: folder.join("encoder.json"), reason });
        };
        let bytes = read(&path)?;
        let found = sha256(&bytes);
        if !found.eq_ignore_ascii_case(&entry.sha256) {
            return Err(EmbedError::Checksum { path, expected: entry.sha256.clone(), found });
        }
        Ok(bytes)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(path).map_err(|source| EmbedError::Read { path: PathBuf::from(path), source })
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

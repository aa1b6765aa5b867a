//! A models folder of the user's own: the encoder and the runtime as they are in the folder that was read, the tuned
//! scorer as `default`, a card, and a manifest with the sha256, licence and origin of every file. Written beside and moved
//! into place in one rename, like a result folder. The folder that was read, and any that `train` did not write, is never
//! touched.

use crate::failure::Failure;
use crate::folder::{FolderError, ResultFolder};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// What a models folder of ours holds.
const ENTRIES: [&str; 4] = ["encoder", "runtime", "scorer", MANIFEST];
const MANIFEST: &str = "manifest.json";
/// In the manifest of a folder that this program wrote.
const MARK: &str = "made_by";

/// The scorer and what is to be said of it.
pub struct Made<'a> {
    /// `tongpin train` or `tongpin calibrate`.
    pub by: &'a str,
    pub scorer: &'a str,
    pub version: &'a str,
    /// The scorer of the folder read that it started from.
    pub base: &'a str,
    pub labels: &'a [String],
    pub card: &'a str,
}

/// Refuses early, before minutes of work, what could not be written at the end.
pub fn check(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.as_os_str().is_empty() || to.is_file() {
        return Err(FolderError::IsFile { path: to.to_owned() }.into());
    }
    let (from, target) = (whole(from), whole(to));
    if target.starts_with(&from) || from.starts_with(&target) {
        return Err(Failure::ModelsOverModels(to.to_owned()));
    }
    let first = match fs::read_dir(to) {
        Ok(mut entries) => entries.next(),
        Err(_) => return Ok(()),
    };
    let is_ours = || manifest(to).is_some_and(|manifest| manifest.get(MARK).is_some());
    match first {
        Some(Ok(entry)) if !is_ours() => Err(Failure::NotOurModels {
            path: to.to_owned(),
            found: entry.file_name().to_string_lossy().into_owned(),
        }),
        _ => Ok(()),
    }
}

/// The path with links followed as far as it exists.
fn whole(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find_map(|a| Some((a, fs::canonicalize(a).ok()?)));
    match there {
        Some((above, real)) => match absolute.strip_prefix(above) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => absolute,
    }
}

fn manifest(folder: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(folder.join(MANIFEST)).ok()?).ok()
}

pub fn write(from: &Path, to: &Path, made: &Made<'_>) -> Result<(), Failure> {
    let folder = ResultFolder::of(to, &ENTRIES)?;
    let failed = |path: &Path, source| Failure::Write { path: path.to_owned(), source };
    let mut files = Map::new();
    let mut put = |name: String, bytes: &[u8], licence: &str, origin: &str| -> Result<(), Failure> {
        let path = folder.path(&name);
        let parent = path.parent().unwrap_or(&path);
        fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        fs::write(&path, bytes).map_err(|e| failed(&path, e))?;
        files.insert(name, json!({"sha256": sha256(bytes), "licence": licence, "origin": origin}));
        Ok(())
    };
    for (name, licence) in [
        ("encoder", "Apache-2.0 (see encoder/README.md)"),
        ("runtime", "Apache-2.0 (see runtime/README.md)"),
        ("runtime/lib", "MIT (see runtime/README.md)"),
    ] {
        for path in files_of(&from.join(name)).map_err(|e| failed(&from.join(name), e))? {
            let bytes = fs::read(&path).map_err(|e| failed(&path, e))?;
            let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            put(format!("{name}/{file}"), &bytes, licence, "copied from the models folder that was read")?;
        }
    }
    let base = manifest(from).and_then(|m| m.pointer(&format!("/scorers/{}", made.base)).cloned());
    let of_base = |key: &str| base.as_ref().and_then(|b| b.get(key)).cloned();
    let licence = of_base("licence")
        .and_then(|l| l.as_str().map(str::to_owned))
        .unwrap_or_else(|| "Apache-2.0".to_owned());
    let licence = format!("{licence} for what it started from; what your labels added is yours");
    let origin = format!("{} from {}, {}", made.by, made.base, made.labels.join(", "));
    put("scorer/default.json".to_owned(), made.scorer.as_bytes(), &licence, &origin)?;
    put("scorer/README.md".to_owned(), made.card.as_bytes(), "yours", &origin)?;
    let manifest = json!({
        MARK: made.by,
        "version": made.version,
        "scorers": {"default": {
            "sha256": sha256(made.scorer.as_bytes()),
            "trained_on": of_base("trained_on").unwrap_or(json!([])),
            "tuned_on": made.labels,
            "licence": licence,
            "origin": origin,
        }},
        "files": files,
    });
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
    let path = folder.path(MANIFEST);
    fs::write(&path, text).map_err(|e| failed(&path, e))?;
    Ok(folder.finish()?)
}

/// The files of a folder, not of those below it, by name; none where there is no folder.
fn files_of(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    #[test]
    fn only_new_and_own_folders_are_written() {
        let room = TempDir::new().expect("a temporary folder");
        let shipped = room.path().join("models");
        put(&shipped.join("encoder/encoder.json"), "{}");
        put(&shipped.join("encoder/train/script.py"), "not needed at run time");
        put(
            &shipped.join("manifest.json"),
            r#"{"scorers": {"default": {"sha256": "x", "licence": "Apache-2.0"}}}"#,
        );
        let other = room.path().join("other");
        put(&other.join("thesis.doc"), "years");
        for (to, refused) in [
            (shipped.clone(), true),
            (shipped.join("mine"), true),
            (shipped.join("../models"), true),
            (room.path().to_owned(), true),
            (other, true),
            (room.path().join("mine"), false),
        ] {
            assert_eq!(check(&shipped, &to).is_err(), refused, "{}", to.display());
        }
        let mine = room.path().join("mine");
        for version in ["1+tuned-a", "1+tuned-b"] {
            check(&shipped, &mine).expect("new, then our own");
            let labels = ["labels.csv".to_owned()];
            let made = Made {
                by: "tongpin train",
                scorer: version,
                version,
                base: "default",
                labels: &labels,
                card: "# card",
            };
            write(&shipped, &mine, &made).expect("writable");
            assert_eq!(fs::read_to_string(mine.join("scorer/default.json")).expect("there"), version);
        }
        assert!(mine.join("encoder/encoder.json").is_file() && !mine.join("encoder/train").exists());
        let manifest = manifest(&mine).expect("readable");
        for (name, entry) in manifest["files"].as_object().expect("files") {
            let bytes = fs::read(mine.join(name)).expect("there");
            assert_eq!(entry["sha256"], sha256(&bytes), "{name}");
            assert!(entry["licence"].is_string() && entry["origin"].is_string(), "{name}");
        }
        assert_eq!(manifest["files"].as_object().expect("files").len(), 3);
        let mut left: Vec<_> =
            fs::read_dir(room.path()).expect("readable").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, ["mine", "models", "other"], "nothing half-written");
    }
}

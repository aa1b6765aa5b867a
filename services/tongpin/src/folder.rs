//! The result folder. Everything is written into a hidden folder beside it and moved at the end, so that nobody ever
//! sees half a result; other people's files in the folder are never touched.

use crate::stop;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use thiserror::Error;

/// Every file that we may write into a result folder; `summary.json` marks a folder as ours.
pub const OUR_FILES: [&str; 6] =
    ["masters.csv", "links.csv", "review.csv", "rejected.csv", "report.html", MARK_FILE];
const MARK_FILE: &str = "summary.json";
/// How `summary.json` begins.
pub const MARK: &str = "{\n  \"tool\": \"tongpin\"";

#[derive(Debug, Error)]
pub enum FolderError {
    #[error("{path} is a file; --out needs a folder")]
    IsFile { path: PathBuf },
    #[error(
        "{path} holds files that are not ours (such as {found}); give an empty folder, or --force to write beside them"
    )]
    NotOurs { path: PathBuf, found: String },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

impl FolderError {
    pub fn write(path: &Path, source: io::Error) -> Self {
        FolderError::Write { path: path.to_owned(), source }
    }
}

/// A result being written.
pub struct ResultFolder {
    /// What we may write into it.
    ours: &'static [&'static str],
    target: PathBuf,
    staging: TempDir,
}

/// Refuses early, before minutes of work, what could not be written at the end.
pub fn check(target: &Path, force: bool) -> Result<(), FolderError> {
    if target.as_os_str().is_empty() || target.is_file() {
        return Err(FolderError::IsFile { path: target.to_owned() });
    }
    if force || !target.exists() || is_marked(target) {
        return Ok(());
    }
    match entries(target)?.into_iter().next() {
        None => Ok(()),
        Some(found) => Err(FolderError::NotOurs { path: target.to_owned(), found }),
    }
}

fn is_marked(target: &Path) -> bool {
    fs::read_to_string(target.join(MARK_FILE)).is_ok_and(|text| text.starts_with(MARK))
}

fn entries(target: &Path) -> Result<Vec<String>, FolderError> {
    let list = fs::read_dir(target).map_err(|e| FolderError::write(target, e))?;
    let mut names: Vec<String> =
        list.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

impl ResultFolder {
    pub fn begin(target: &Path) -> Result<Self, FolderError> {
        ResultFolder::of(target, &OUR_FILES)
    }

    /// The same for other files, or folders, than a result's.
    pub fn of(target: &Path, ours: &'static [&'static str]) -> Result<Self, FolderError> {
        // A link is followed: the folder that it names is replaced, not the link.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(|e| FolderError::write(&parent, e))?;
        let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let beside =
            |place: &Path| tempfile::Builder::new().prefix(&format!(".{name}.partial-")).tempdir_in(place);
        // Where the folder is writable and its parent is not (a mounted volume), inside it.
        let staging = beside(&parent)
            .or_else(|e| if target.is_dir() { beside(&target) } else { Err(e) })
            .map_err(|e| FolderError::write(&target, e))?;
        stop::remove_when_stopped(staging.path());
        Ok(ResultFolder { ours, target, staging })
    }

    /// Where to write a file for now.
    pub fn path(&self, name: &str) -> PathBuf {
        self.staging.path().join(name)
    }

    /// Makes the result visible: all at once where the folder is new or holds only our files, else file by file.
    pub fn finish(self) -> Result<(), FolderError> {
        let staged = self.staging.path().to_owned();
        let target = self.target.clone();
        stop::finish(&staged, || self.move_into_place()).map_err(|e| FolderError::write(&target, e))
    }

    fn move_into_place(self) -> io::Result<()> {
        let inside = self.staging.path().starts_with(&self.target);
        let only_ours =
            entries(&self.target).is_ok_and(|names| names.iter().all(|n| self.ours.contains(&n.as_str())));
        if !inside && (only_ours || !self.target.exists()) && self.swap().is_ok() {
            // The staging folder has become the target; nothing is left to remove.
            let _ = self.staging.keep();
            return Ok(());
        }
        fs::create_dir_all(&self.target)?;
        for name in self.ours {
            let (from, to) = (self.staging.path().join(name), self.target.join(name));
            if from.is_dir() {
                if to.exists() {
                    fs::remove_dir_all(&to)?;
                }
                fs::rename(&from, &to)?;
            } else if from.exists() {
                move_file(&from, &to)?;
            } else if to.is_file() {
                fs::remove_file(&to)?;
            }
        }
        Ok(())
    }

    fn swap(&self) -> io::Result<()> {
        open_to_others(self.staging.path())?;
        if !self.target.exists() {
            return fs::rename(self.staging.path(), &self.target);
        }
        let old = self.staging.path().with_extension("old");
        fs::rename(&self.target, &old)?;
        let swapped = fs::rename(self.staging.path(), &self.target);
        match swapped {
            Ok(()) => {
                let _ = fs::remove_dir_all(&old);
            }
            Err(_) => fs::rename(&old, &self.target)?,
        }
        swapped
    }
}

/// A temporary folder is private; a result is for whoever may read its parent.
fn open_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let probe = path.join(".mode");
        fs::create_dir(&probe)?;
        let mode = fs::metadata(&probe)?.permissions().mode();
        fs::remove_dir(&probe)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Also across file systems, where the copy is made under another name first.
pub fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    let beside = to.with_extension("partial");
    fs::copy(from, &beside)?;
    fs::rename(&beside, to)?;
    fs::remove_file(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(name), text).expect("a file");
    }

    fn produce(target: &Path, names: &[&str]) {
        let result = ResultFolder::begin(target).expect("writable");
        for name in names {
            fs::write(result.path(name), MARK).expect("a file");
        }
        result.finish().expect("movable");
    }

    #[test]
    fn a_result_replaces_our_own_and_nothing_else() {
        let room = TempDir::new().expect("a temporary folder");
        let target = room.path().join("out/deep");
        check(&target, false).expect("new");
        produce(&target, &["masters.csv", "rejected.csv", "summary.json"]);
        assert_eq!(entries(&target).expect("readable"), ["masters.csv", "rejected.csv", "summary.json"]);
        // ours: replaced as a whole, so an old rejected.csv goes
        check(&target, false).expect("ours");
        produce(&target, &["masters.csv", "summary.json"]);
        assert_eq!(entries(&target).expect("readable"), ["masters.csv", "summary.json"]);
        // ours with somebody's notes: the notes stay
        write(&target, "notes.txt", "mine");
        write(&target, "rejected.csv", "old");
        check(&target, false).expect("ours");
        produce(&target, &["links.csv", "summary.json"]);
        assert_eq!(entries(&target).expect("readable"), ["links.csv", "notes.txt", "summary.json"]);
        assert_eq!(entries(room.path().join("out").as_path()).expect("readable"), ["deep"], "nothing beside");
    }

    #[test]
    fn other_folders_need_force() {
        let room = TempDir::new().expect("a temporary folder");
        let target = room.path().join("home");
        write(&target, "thesis.doc", "years");
        assert!(matches!(check(&target, false), Err(FolderError::NotOurs { .. })));
        check(&target, true).expect("forced");
        produce(&target, &["summary.json"]);
        assert_eq!(entries(&target).expect("readable"), ["summary.json", "thesis.doc"]);
        assert!(matches!(check(&target.join("thesis.doc"), true), Err(FolderError::IsFile { .. })));
        check(&room.path().join("empty"), false).expect("new");
    }

    #[test]
    fn a_failed_run_leaves_nothing() {
        let room = TempDir::new().expect("a temporary folder");
        let target = room.path().join("out");
        let result = ResultFolder::begin(&target).expect("writable");
        fs::write(result.path("masters.csv"), "half").expect("a file");
        drop(result);
        assert!(entries(room.path()).expect("readable").is_empty());
    }
}

//! Where ONNX Runtime's library may be: named by the user, fetched earlier, or inside an installed Python package.

use super::{FOLDER, OLDEST, RuntimeError};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeLibrary {
    pub path: PathBuf,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `ORT_DYLIB_PATH`
    Named,
    /// `models_dir/runtime/lib`
    Fetched,
    /// the `onnxruntime` package of the `python3` on the `PATH`
    PythonPackage,
}

/// Libraries that are there, best first. An `ORT_DYLIB_PATH` that leads nowhere is an error: the user meant it.
pub fn find(models_dir: &Path) -> Result<Vec<RuntimeLibrary>, RuntimeError> {
    find_in(std::env::var_os("ORT_DYLIB_PATH"), models_dir, python_package)
}

/// The places of [`find`], for the message that nothing was there.
pub(super) fn places(models_dir: &Path) -> String {
    format!(
        "looked at ORT_DYLIB_PATH, which is not set; {}; the onnxruntime package ({}.{} or newer) of python3",
        models_dir.join(FOLDER).join("lib").display(),
        OLDEST.0,
        OLDEST.1
    )
}

fn find_in(
    named: Option<OsString>,
    models_dir: &Path,
    python_package: impl FnOnce() -> Option<PathBuf>,
) -> Result<Vec<RuntimeLibrary>, RuntimeError> {
    if let Some(named) = named.filter(|value| !value.is_empty()) {
        let path = PathBuf::from(named);
        let library = if path.is_dir() { library_in(&path) } else { path.is_file().then(|| path.clone()) };
        return match library.and_then(|path| path.canonicalize().ok()) {
            Some(path) => Ok(vec![RuntimeLibrary { path, origin: Origin::Named }]),
            None => Err(RuntimeError::Named { path, reason: "no such file".to_owned() }),
        };
    }
    let mut found = Vec::new();
    let mut add = |library: Option<PathBuf>, origin| {
        // absolute: ort reads a relative path as relative to the program
        if let Some(path) = library.and_then(|path| path.canonicalize().ok()) {
            found.push(RuntimeLibrary { path, origin });
        }
    };
    let fetched = library_in(&models_dir.join(FOLDER).join("lib"));
    let is_fetched = fetched.is_some();
    add(fetched, Origin::Fetched);
    if !is_fetched {
        // asking Python costs some 50 ms, so only where needed
        add(python_package().and_then(|capi| library_in(&capi)), Origin::PythonPackage);
    }
    Ok(found)
}

/// The library in a folder: `libonnxruntime.so`, `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`,
/// `onnxruntime.dll`; not its neighbours such as `libonnxruntime_providers_shared.so`.
pub(super) fn library_in(folder: &Path) -> Option<PathBuf> {
    let mut names: Vec<OsString> =
        std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let name = names.into_iter().rev().find(|name| is_library(name))?;
    let path = folder.join(name);
    path.is_file().then_some(path)
}

fn is_library(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    if cfg!(target_os = "windows") {
        return name.eq_ignore_ascii_case("onnxruntime.dll");
    }
    let Some(rest) = name.strip_prefix("libonnxruntime.") else { return false };
    let is_version = |text: &str| text.split('.').all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if cfg!(target_vendor = "apple") {
        rest == "dylib" || rest.strip_suffix(".dylib").is_some_and(is_version)
    } else {
        rest == "so" || rest.strip_prefix("so.").is_some_and(is_version)
    }
}

/// Asks for the package's folder without importing it (an import takes a second and much memory).
const ASK_PYTHON: &str = "
import importlib.metadata, importlib.util, os
spec = importlib.util.find_spec('onnxruntime')
for name in ('onnxruntime', 'onnxruntime-gpu'):
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    if spec and spec.submodule_search_locations:
        print(version)
        print(os.path.join(list(spec.submodule_search_locations)[0], 'capi'))
    break
";

/// The `capi` folder of an installed package that is new enough.
fn python_package() -> Option<PathBuf> {
    let output = Command::new(super::install::PYTHON).args(["-c", ASK_PYTHON]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (version, capi) = text.trim().split_once('\n')?;
    is_new_enough(version.trim()).then(|| PathBuf::from(capi.trim()))
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>());
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = if cfg!(target_os = "windows") {
        "onnxruntime.dll"
    } else if cfg!(target_vendor = "apple") {
        "libonnxruntime.1.31.1.dylib"
    } else {
        "libonnxruntime.so.1.31.1"
    };

    fn folder_with(parent: &Path, name: &str, files: &[&str]) -> PathBuf {
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|file| std::fs::write(folder.join(file), "not a library").unwrap());
        folder
    }

    #[test]
    fn order_of_places() {
        let root = tempfile::tempdir().unwrap();
        let decoy = "libonnxruntime_providers_shared.so";
        let named = folder_with(root.path(), "named", &[LIBRARY, decoy]);
        let full = root.path().join("full");
        folder_with(&full, "runtime/lib", &[LIBRARY, decoy]);
        let empty = folder_with(root.path(), "empty", &[]);
        let decoys = root.path().join("decoys");
        folder_with(&decoys, "runtime/lib", &[decoy]);
        let capi = folder_with(root.path(), "capi", &[LIBRARY, decoy]);

        let (with_python, without_python) = (Some(capi.clone()), None);
        for (case, variable, models_dir, python, expected) in [
            (
                "a named file",
                Some(named.join(LIBRARY)),
                &full,
                &with_python,
                vec![(named.clone(), Origin::Named)],
            ),
            (
                "a named folder",
                Some(named.clone()),
                &full,
                &with_python,
                vec![(named.clone(), Origin::Named)],
            ),
            (
                "an empty variable",
                Some(PathBuf::new()),
                &full,
                &with_python,
                vec![(full.join("runtime/lib"), Origin::Fetched)],
            ),
            ("fetched earlier", None, &full, &with_python, vec![(full.join("runtime/lib"), Origin::Fetched)]),
            ("only Python", None, &empty, &with_python, vec![(capi.clone(), Origin::PythonPackage)]),
            (
                "a decoy, then Python",
                None,
                &decoys,
                &with_python,
                vec![(capi.clone(), Origin::PythonPackage)],
            ),
            ("nothing", None, &empty, &without_python, vec![]),
        ] {
            let found =
                find_in(variable.map(PathBuf::into_os_string), models_dir, || python.clone()).unwrap();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(folder, origin)| RuntimeLibrary {
                    path: folder.join(LIBRARY).canonicalize().unwrap(),
                    origin,
                })
                .collect();
            assert_eq!(found, expected, "{case}");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error =
            find_in(Some("/no/such/library.so".into()), root.path(), || None).unwrap_err().to_string();
        assert!(error.contains("ORT_DYLIB_PATH is /no/such/library.so"), "{error}");
    }

    #[test]
    fn versions() {
        for (version, expected) in [
            ("1.24.0", true),
            ("1.31.1", true),
            ("2.0.0", true),
            ("1.9.1", false),
            ("1.23.2", false),
            ("dev", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}

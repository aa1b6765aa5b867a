//! Fetches ONNX Runtime with the ordinary `pip` client: pinned, checked by sha256, put in place in one rename.

use super::find::library_in;
use super::{FOLDER, PINNED, RuntimeError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

pub(super) const PYTHON: &str = if cfg!(target_os = "windows") { "python" } else { "python3" };

/// Any wheel of the platform will do, as only the native library inside is used. Naming one makes the download
/// independent of the Python that runs `pip`, which may be older or newer than the wheels.
const WHEEL_FOR: [&str; 6] = ["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"];

/// Used where the models folder has no `requirements.txt` of its own.
const REQUIREMENTS: &str = include_str!("../../../../models/runtime/requirements.txt");

/// Fetches the library into `models_dir/runtime/lib` and returns its path. Says in plain lines what it does; nothing
/// to do where it is there already.
pub fn install(models_dir: &Path, mut progress: impl FnMut(&str)) -> Result<PathBuf, RuntimeError> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = models_dir.join(FOLDER);
    let lib = runtime.join("lib");
    if let Some(library) = library_in(&lib) {
        return Ok(library);
    }
    // Beside the target, so that the last step is a rename; a name of its own for each process.
    let work = runtime.join("wheel").join(std::process::id().to_string());
    std::fs::create_dir_all(&work).map_err(write_error(&work))?;
    let result = fetch_and_unpack(&runtime, &work, &lib, &mut progress).map_err(|error| match error {
        Failure::Fetch(reason) => RuntimeError::Fetch { reason, models_dir: models_dir.to_owned() },
        Failure::Runtime(error) => error,
    });
    // What is left over is only disk space; the outcome does not hang on it.
    let _ = std::fs::remove_dir_all(&work);
    let _ = std::fs::remove_dir(runtime.join("wheel"));
    let library = result?;
    progress(&format!("ONNX Runtime {PINNED} is in {}", lib.display()));
    Ok(library)
}

enum Failure {
    Fetch(String),
    Runtime(RuntimeError),
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Failure::Runtime(error)
    }
}

fn fetch_and_unpack(
    runtime: &Path,
    work: &Path,
    lib: &Path,
    progress: &mut impl FnMut(&str),
) -> Result<PathBuf, Failure> {
    let requirements = requirements_file(runtime, work)?;
    progress(&format!(
        "ONNX Runtime is not here yet: fetching onnxruntime {PINNED} with pip (about 24 MB, once)"
    ));
    run(
        Command::new(PYTHON)
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(["--no-deps", "--only-binary=:all:", "--require-hashes"])
            .args(WHEEL_FOR)
            .arg("-r")
            .arg(&requirements)
            .arg("-d")
            .arg(work),
        "pip download",
    )?;
    let wheel = files_of(work)?
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Failure::Fetch("pip reported success but left no wheel".to_owned()))?;

    progress("its sha256 is as pinned; unpacking the library");
    let unpacked = work.join("unpacked");
    run(
        Command::new(PYTHON).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked),
        "unpacking the wheel",
    )?;
    let package = unpacked.join("onnxruntime");
    let library = library_in(&package.join("capi"))
        .ok_or_else(|| Failure::Fetch(format!("{} holds no ONNX Runtime library", wheel.display())))?;

    let staged = work.join("lib");
    std::fs::create_dir_all(&staged).map_err(write_error(&staged))?;
    let licences = ["LICENSE", "ThirdPartyNotices.txt"].map(|name| package.join(name));
    for from in licences.iter().filter(|path| path.is_file()).chain([&library]) {
        let Some(name) = from.file_name() else { continue };
        let to = staged.join(name);
        std::fs::rename(from, &to).map_err(write_error(&to))?;
    }
    put_in_place(&staged, lib)?;
    library_in(lib).ok_or_else(|| Failure::Fetch(format!("{} is empty after unpacking", lib.display())))
}

fn requirements_file(runtime: &Path, work: &Path) -> Result<PathBuf, RuntimeError> {
    let own = runtime.join("requirements.txt");
    if own.is_file() {
        return Ok(own);
    }
    let copy = work.join("requirements.txt");
    std::fs::write(&copy, REQUIREMENTS).map_err(write_error(&copy))?;
    Ok(copy)
}

/// Renames `staged` to `lib`. Another process may have done the same meanwhile, which is as good; a `lib` without a
/// library is replaced.
fn put_in_place(staged: &Path, lib: &Path) -> Result<(), RuntimeError> {
    if lib.exists() && library_in(lib).is_none() {
        std::fs::remove_dir_all(lib).map_err(write_error(lib))?;
    }
    match std::fs::rename(staged, lib) {
        Err(_) if library_in(lib).is_some() => Ok(()),
        result => result.map_err(write_error(lib)),
    }
}

fn run(command: &mut Command, what: &str) -> Result<(), Failure> {
    let output = command.output().map_err(|error| {
        Failure::Fetch(if error.kind() == ErrorKind::NotFound {
            format!("there is no `{PYTHON}` on the PATH to run pip with")
        } else {
            format!("{what} could not be started: {error}")
        })
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
    Err(Failure::Fetch(format!("{what} failed ({}): {last}", output.status)))
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, RuntimeError> {
    let entries = std::fs::read_dir(folder).map_err(write_error(folder))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> RuntimeError {
    let path = path.to_owned();
    move |source| RuntimeError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_pinned() {
        assert!(REQUIREMENTS.contains(&format!("onnxruntime=={PINNED}")));
        let hashes = REQUIREMENTS.matches("--hash=sha256:").count();
        assert!(hashes >= 8, "{hashes} wheels");
    }

    #[test]
    fn put_in_place_once_and_over_rubbish() {
        let root = tempfile::tempdir().unwrap();
        let library = if cfg!(target_os = "windows") {
            "onnxruntime.dll"
        } else if cfg!(target_vendor = "apple") {
            "libonnxruntime.dylib"
        } else {
            "libonnxruntime.so.1.31.1"
        };
        let lib = root.path().join("lib");
        std::fs::create_dir(&lib).unwrap();
        std::fs::write(lib.join("rubbish"), "").unwrap();
        for round in 0..2 {
            let staged = root.path().join(format!("staged-{round}"));
            std::fs::create_dir(&staged).unwrap();
            std::fs::write(staged.join(library), format!("round {round}")).unwrap();
            put_in_place(&staged, &lib).unwrap();
            assert_eq!(std::fs::read_to_string(lib.join(library)).unwrap(), "round 0");
            assert!(!lib.join("rubbish").exists());
        }
    }
}

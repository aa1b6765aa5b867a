//! Ctrl-C, SIGTERM and SIGHUP: unfinished results are removed, then the process ends with 130. Finishing a result and
//! being stopped exclude each other, so a result folder is either the old one or the whole new one.

use crate::lang::{Language, say};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static STOPPING: AtomicBool = AtomicBool::new(false);
/// The result is in place: what is left is to say so.
static FINISHED: AtomicBool = AtomicBool::new(false);

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn install(language: Language) {
    let handler = move || {
        STOPPING.store(true, Ordering::SeqCst);
        let unfinished = unfinished();
        if FINISHED.load(Ordering::SeqCst) {
            // Too late to stop: 130 beside a whole result would be a lie.
            STOPPING.store(false, Ordering::SeqCst);
            return;
        }
        for path in unfinished.iter() {
            remove(path);
        }
        eprintln!(
            "\n{}",
            say!(language, "stopped; nothing half-written is left", "已中止；没有留下写了一半的结果")
        );
        end_now(130)
    };
    // Without a handler the default action ends the process too, only less tidily: no reason to fail.
    let _ = ctrlc::set_handler(handler);
}

/// Ends the process without running exit handlers: other threads may be inside ONNX Runtime, whose static objects
/// would be torn down under them.
fn end_now(code: i32) -> ! {
    // SAFETY: _exit takes no pointers and never returns; files that matter were removed or renamed before.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(code)
    }
}

/// Other threads may still be creating files in the folder while it is removed.
fn remove(path: &Path) {
    for _ in 0..50 {
        let gone = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        if gone.is_ok() || !path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// From now on this path is removed when the run is stopped.
pub fn remove_when_stopped(path: &Path) {
    unfinished().push(path.to_owned());
}

/// Runs the last step, which turns an unfinished result into a finished one; a stop waits for it, or comes before it
/// and ends the process.
pub fn finish<T>(path: &Path, last_step: impl FnOnce() -> T) -> T {
    let mut unfinished = unfinished();
    let result = last_step();
    unfinished.retain(|p| p != path);
    FINISHED.store(unfinished.is_empty(), Ordering::SeqCst);
    result
}

/// A failure that a stop caused (its folder is gone) is not worth a message: the handler ends the process.
pub fn wait_if_stopping() {
    while STOPPING.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

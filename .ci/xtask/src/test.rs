//! `cargo xtask test`.
//!
//! Cheap steps come first, so that a slip is known in seconds. The release build of `evaluation` comes before the
//! tests, because it fetches ONNX Runtime the way the product does (the tests, many processes at once, then find it);
//! the last step uses the same build again. The rule of which crate may use which is one of the tests
//! (`.ci/xtask/tests/direction.rs`).

use crate::api;
use crate::shell::{run, run_and_keep, succeeds};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

fn all_steps() -> Result<String> {
    step("tools: rustfmt, clippy, cargo-nextest, PostgreSQL, Chromium", tools)?;
    step("format", || run("cargo fmt --all --check"))?;
    step("API: lint, format, nothing broken", api::check)?;
    step("clippy", || run("cargo clippy --workspace --all-targets --locked -- -D warnings"))?;
    step("ONNX Runtime, as the product gets it", || {
        run("cargo run --release --locked --package evaluation -- --prepare")
    })?;
    let summary = step("tests", || {
        run_and_keep("cargo nextest run --workspace --locked --color never", |line| {
            line.trim_start().starts_with("Summary [")
        })
    })?;
    step("doc tests", || run("cargo test --doc --workspace --locked --quiet"))?;
    step("evaluation against its baselines", || {
        run("cargo run --release --locked --package evaluation -- --check")
    })?;
    summary.context("the test runner printed no summary line")
}

pub fn test() -> Result<()> {
    let start = Instant::now();
    let summary = all_steps()?;
    println!("\nall steps passed in {}", time(start.elapsed()));
    // The runner's closing line is the last thing on the screen.
    println!("{summary}");
    Ok(())
}

fn tools() -> Result<()> {
    for (check, component) in [("cargo fmt --version", "rustfmt"), ("cargo clippy --version", "clippy")] {
        if !succeeds(check) {
            run(&format!("rustup component add {component}"))?;
        }
    }
    if !succeeds("cargo nextest --version") {
        println!("cargo-nextest is not here yet: building it (some minutes, once)");
        run("cargo install cargo-nextest --locked")?;
    }
    if !has_postgres() {
        install("postgresql").context(POSTGRES)?;
    }
    if !has_chromium() {
        // Without a font for Chinese the pictures of the console show boxes.
        install("chromium fonts-noto-cjk").context(CHROMIUM)?;
    }
    Ok(())
}

/// Debian packages.
fn install(packages: &str) -> Result<()> {
    let sudo = if succeeds("test -w /usr") { "" } else { "sudo " };
    run(&format!("{sudo}apt-get update --quiet"))?;
    run(&format!("{sudo}apt-get install --yes --quiet --no-install-recommends {packages}"))
}

const CHROMIUM: &str =
    "the console's tests drive a real Chromium: install it (with a font for Chinese) and try again";

/// Where the console's tests look for it too.
fn has_chromium() -> bool {
    let named = std::env::var("CHROMIUM").ok();
    let usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    named.as_deref().into_iter().chain(usual).any(|program| std::path::Path::new(program).exists())
}

const POSTGRES: &str =
    "the store's tests need PostgreSQL's server programs (initdb, postgres): install them and try again";

/// Debian keeps the server's programs out of the path, one folder a version.
fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin/initdb")).any(|program| program.exists())
        || succeeds("initdb --version")
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("\n=== {name}");
    let start = Instant::now();
    let done = work().with_context(|| format!("step \"{name}\" failed after {}", time(start.elapsed())))?;
    println!("=== {name}: passed in {}", time(start.elapsed()));
    Ok(done)
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(time(Duration::from_millis(2340)), "2.3 s");
        assert_eq!(time(Duration::from_secs(605)), "10 min 05 s");
    }

    #[test]
    fn a_failure_names_its_step() {
        let error = step("tests", || -> Result<()> { anyhow::bail!("one failed") }).unwrap_err();
        assert!(format!("{error:#}").starts_with("step \"tests\" failed after "));
    }
}

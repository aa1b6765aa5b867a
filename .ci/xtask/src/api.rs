//! The API's files: linted, formatted, and not breaking those who use the last release.
//!
//! `buf` comes from PyPI into `target/buf`, where it disturbs nobody.

use crate::shell::{output, run, succeeds};
use anyhow::{Context, Result};

const BUF: &str = "target/buf/bin/buf";

pub fn check() -> Result<()> {
    let wanted =
        include_str!("../../../proto/requirements.txt").lines().find_map(|l| l.strip_prefix("buf-bin=="));
    let wanted = wanted.context("proto/requirements.txt names no buf-bin version")?.trim();
    if output(&format!("{BUF} --version")).is_none_or(|found| found != wanted) {
        run("python3 -m pip install --quiet --upgrade --target target/buf -r proto/requirements.txt")?;
    }
    run(&format!("{BUF} lint proto"))?;
    run(&format!("{BUF} format proto --diff --exit-code"))?;
    match last_release() {
        Some(release) => {
            // Beside the sources, because buf reads archives and not worktrees.
            let archive = "target/buf/released.tar";
            run(&format!("git archive --output {archive} {release} proto"))?;
            run(&format!("{BUF} breaking proto --against {archive}#subdir=proto"))
        }
        None => {
            println!("no release has an API yet: nothing to break");
            Ok(())
        }
    }
}

/// The newest version tag that has an API; before the first, the main branch.
fn last_release() -> Option<String> {
    let tag = output("git describe --tags --abbrev=0 --match v*");
    let has_api = |name: &String| succeeds(&format!("git cat-file -e {name}:proto/buf.yaml"));
    tag.filter(has_api).or_else(|| Some("main".to_owned()).filter(has_api))
}

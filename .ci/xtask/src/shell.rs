//! Running programs: from the project's root, their output passed on as it comes.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// A command line as one would type it; no argument here holds a blank.
pub fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    // xtask lies in .ci/xtask.
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    command.args(words).current_dir(own.ancestors().nth(2).unwrap_or(own));
    command
}

pub fn run(line: &str) -> Result<()> {
    println!("$ {line}");
    let status = command(line).status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Whether the command runs and succeeds; says nothing.
pub fn succeeds(line: &str) -> bool {
    let silent = command(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok_and(|status| status.success())
}

/// What the command prints, without blanks around it; `None` where it does not run or fails.
pub fn output(line: &str) -> Option<String> {
    let output = command(line).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Like [`run`]; also returns the last line of standard error that `wanted` accepts.
pub fn run_and_keep(line: &str, wanted: impl Fn(&str) -> bool) -> Result<Option<String>> {
    println!("$ {line}");
    let mut child =
        command(line).stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut kept = None;
    if let Some(stderr) = child.stderr.take() {
        let mut passed_on = std::io::stderr().lock();
        // Bytes, not text: a test may print anything.
        for bytes in BufReader::new(stderr).split(b'\n') {
            let bytes = bytes.with_context(|| format!("cannot read what `{line}` says"))?;
            passed_on.write_all(&bytes)?;
            passed_on.write_all(b"\n")?;
            let text = String::from_utf8_lossy(&bytes);
            if wanted(&text) {
                kept = Some(text.trim().to_owned());
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(kept)
}

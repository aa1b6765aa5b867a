//! The project's own chores. `cargo xtask test` is the one test command: on a fresh machine it gets what the tests
//! need, runs everything in order of cost, stops at the first failure with the step's name, and ends with the test
//! runner's closing line.

mod api;
mod shell;
mod test;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask test

  test   format, the API's lint, clippy, all tests, doc tests, and the evaluation against its baselines";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => test::test(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

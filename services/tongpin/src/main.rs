//! The `tongpin` command. It reads files (`tables`), asks the engine, and writes the contract files and the report; it
//! decides nothing about goods.
//!
//! ```text
//! args ─ commands ─┬─ tables ─ engine ─ files, summary, report ─ folder ─ DIR
//!                  └─ progress, stop (Ctrl-C), lang (Chinese and English side by side)
//! ```
//!
//! Exit codes: 0 done, 1 error, 2 wrong usage, 3 done but some rows were rejected, 4 not written because worse, 130 stopped (Ctrl-C, SIGTERM, SIGHUP).

mod args;
mod commands;
mod examples;
mod explanation;
mod failure;
mod files;
mod folder;
mod memory;
mod model_folder;
mod progress;
mod promise;
mod report;
mod stop;
mod summary;
mod telemetry;

use commands::Finish;
use show::{kinds, lang};
use std::process::ExitCode;

/// Many threads allocate and free small strings; the system's allocator costs a tenth of the run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let language = lang::of_arguments(&arguments).unwrap_or_else(lang::of_environment);
    let call = match args::parse(&arguments, language) {
        Ok(call) => call,
        Err(answer) => return answer.print(language),
    };
    let is_service = matches!(call.task, args::Task::Serve(_));
    if !is_service {
        // The service's log begins with its settings, which say where traces go.
        telemetry::for_a_command();
        // The service stops in its own way: calls under way are finished.
        stop::install(language);
    }
    match commands::run(&call) {
        Ok(Finish::Complete) => ExitCode::SUCCESS,
        Ok(Finish::SomeRowsRejected) => ExitCode::from(3),
        Ok(Finish::Worse) => ExitCode::from(4),
        Err(failure) => {
            stop::wait_if_stopping();
            eprintln!("{}{}", lang::pick(language, "error: ", "错误："), failure.tell(language));
            ExitCode::FAILURE
        }
    }
}

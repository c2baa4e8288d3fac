//! The tasks of this workspace: `cargo xtask --help` lists them.
//!
//! One module per task. A task prints what it does while it does it, and fails with a message that says what to
//! change; `cargo xtask test` runs them all.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the person who started it")]

use std::process::ExitCode;

use clap::Parser;

mod cargo;
mod examples;
mod features;
mod msrv;
mod readme;
mod test;
mod tidy;

/// The tasks of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Everything that must pass: tidy, msrv, all tests, the facade alone, the examples, the README, the
    /// features.
    Test,
    /// Check every published package alone, with each of its features, and that the facade pulls no driver.
    Features,
    /// Check that every published package declares a `rust-version` that its dependencies allow.
    Msrv,
    /// Check what no compiler checks: file lengths, leftovers, links, lints, white space.
    Tidy,
    /// Run the examples and compare what they print with `examples/<name>/expected/`.
    Examples {
        /// Write what the examples print into the expected files, to be read and committed.
        #[arg(long)]
        bless: bool,
    },
    /// Make the first program of the README as its reader does, run it, and compare what it prints.
    Readme,
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Test => test::run(),
        Task::Features => features::run(),
        Task::Msrv => msrv::run(),
        Task::Tidy => tidy::run(),
        Task::Examples { bless } => examples::run(bless),
        Task::Readme => readme::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

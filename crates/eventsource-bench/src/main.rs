//! Measures the stores beside the raw driver: `cargo run --release -p eventsource-bench`.
//!
//! Progress goes to stderr, one Markdown table to stdout. `docs/benchmarks.md` says how to read it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures tells what it measured"
)]

mod bar;
mod case;
mod comparator;
mod docs;
mod domain;
mod lab;
mod machine;
mod report;
mod round;
mod scenario;
mod statistics;
mod unit;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    case::{Backend, Case},
    lab::Lab,
    machine::Machine,
    report::Report,
    scenario::{Size, resident},
};

/// Whatever stops a measurement is told to the person who started it.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Failure> = std::result::Result<T, E>;

/// Measures the stores of eventsource beside the raw driver, and prints one Markdown table.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    child: Option<Child>,
}

#[derive(Debug, Args)]
struct Run {
    /// Do less: fewer operations, and of each grid the first value and those that have a bar.
    #[arg(long)]
    quick: bool,
    /// Do next to nothing: shows that every scenario runs, and measures nothing.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Only this scenario, for example `store.append_batch`, or this group, for example `store`. May be repeated.
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Only this backend.
    #[arg(long, value_name = "NAME")]
    backend: Option<Backend>,
    /// How many rounds count; there is one more to warm up.
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Where the databases lie while they are measured; it must be on a disk to be of use. By default, beside this
    /// program.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Write everything that was measured, round by round, to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the table into docs/benchmarks.md.
    #[arg(long)]
    update_docs: bool,
}

#[derive(Debug, Subcommand)]
enum Child {
    /// What the resident scenarios start: reads everything, and prints the bytes that the process grew.
    #[command(hide = true)]
    Resident { reads: resident::Reads, database: PathBuf, events: u64 },
}

fn main() -> ExitCode {
    let Cli { run, child } = Cli::parse();
    let done = match child {
        None => measure(&run),
        Some(Child::Resident { reads, database, events }) => grow(reads, &database, events),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(run: &Run) -> Result<()> {
    let size = match (run.quick, run.smoke) {
        (true, _) => Size::Quick,
        (_, true) => Size::Smoke,
        _ => Size::Full,
    };
    let rounds = if run.smoke { 1 } else { usize::from(run.rounds) };
    let cases = chosen(run, size)?;
    let directory = match &run.directory {
        Some(directory) => directory.clone(),
        None => std::env::current_exe()?.parent().ok_or("this program lies nowhere")?.to_owned(),
    };
    let count = cases.len();
    let mut outcomes = Vec::with_capacity(count);
    for (number, case) in (1..).zip(cases) {
        eprint!("[{number}/{count}] {}, {}, {} … ", case.scenario, case.parameters, case.backend.name());
        let outcome = case.measure(&Lab::new(&directory)?, rounds)?;
        eprintln!("{}", report::line(&outcome));
        outcomes.push(outcome);
    }
    let report = Report { schema_version: 1, machine: Machine::here(&directory), rounds, outcomes };
    if let Some(file) = &run.json {
        fs::write(file, serde_json::to_string_pretty(&report)?)?;
    }
    let table = report.markdown();
    if run.update_docs {
        eprintln!("{} has the table", docs::update(&table)?.display());
    }
    println!("{table}");
    Ok(())
}

/// The cases that were asked for.
fn chosen(run: &Run, size: Size) -> Result<Vec<Case>> {
    let mut cases = scenario::all(size);
    // The scenario itself, or those of its group.
    let is_named = |case: &Case, name: &String| {
        case.scenario.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_known = |name: &&String| cases.iter().any(|case| is_named(case, name));
    if let Some(unknown) = run.scenario.iter().find(|name| !is_known(name)) {
        let mut names: Vec<_> = cases.iter().map(|case| case.scenario).collect();
        names.dedup();
        return Err(format!("no scenario is named {unknown:?}; there are {}", names.join(", ")).into());
    }
    cases.retain(|case| {
        run.backend.is_none_or(|backend| case.backend == backend)
            && (run.scenario.is_empty() || run.scenario.iter().any(|name| is_named(case, name)))
    });
    if cases.is_empty() {
        return Err("there is nothing to measure: the scenario has no case for this backend".into());
    }
    Ok(cases)
}

fn grow(reads: resident::Reads, database: &std::path::Path, events: u64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(resident::grow(reads, database, events))?);
    Ok(())
}

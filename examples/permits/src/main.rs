//! Reads the log of a permit process, records every case as a stream of events with their original times, and reports
//! from what the store holds.
//!
//! `cargo run -p permits -- LOG.csv --database permits.db --as-of 2011-01-01`
#![allow(clippy::print_stderr, reason = "telling what went wrong is what a program does")]

mod case;
mod log;
mod record;
mod report;

use std::{
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use eventsource::{Timestamp, sqlite::SqliteStore, store::Close};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::{log::Log, report::Report};

/// Reads the log of a permit process into an event store, and reports from the store.
///
/// A line that cannot be read is reported on stderr and passed over; the others are recorded, and the program ends
/// with success. What is recorded already is not recorded again.
#[derive(Parser)]
struct Arguments {
    /// The log, a CSV file. Without it, a small sample is read.
    log: Option<PathBuf>,
    /// Keeps the events in this SQLite file. Without it, they are kept in memory.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Reports only what had occurred by then: an instant such as 2011-01-01T12:00:00+01:00, or a date, which is its
    /// first instant in UTC.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    as_of: Option<Timestamp>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let path = arguments.log.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/sample.csv").into());
    let log = fs::read(&path).map_err(Into::into).and_then(|file| Log::parse(&file));
    let log = log.map_err(|error| format!("cannot read the log {}: {error}", path.display()))?;
    log.rejected.iter().for_each(|line| eprintln!("{line}"));

    let store = match arguments.database {
        Some(path) => SqliteStore::open(path).await?,
        None => SqliteStore::in_memory().await?,
    };
    let progress = ProgressBar::new(log.lines.len() as u64)
        .with_style(ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} lines")?);
    let outcome = record::record(&store, &log.lines, &progress).await?;
    progress.finish_and_clear();
    outcome.rejected.iter().for_each(|line| eprintln!("{line}"));

    let passed_over = log.rejected.len() + outcome.rejected.len();
    let report = Report::of(&store, arguments.as_of).await?;
    store.close().await?;
    let text = format!(
        "Lines recorded now: {}\nLines recorded before: {}\nLines passed over: {}\n\n{report}",
        HumanCount(outcome.written),
        HumanCount(outcome.known),
        HumanCount(passed_over as u64)
    );
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough, as in `permits | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A date, or an instant.
fn instant(text: &str) -> Result<Timestamp, String> {
    let instant = format!("{text}T00:00:00Z").parse().or_else(|_| text.parse());
    instant.map_err(|_: eventsource::Error| {
        "expected a date such as 2011-01-01, or an instant such as 2011-01-01T12:00:00+01:00".to_owned()
    })
}

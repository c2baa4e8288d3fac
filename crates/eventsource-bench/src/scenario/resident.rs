//! `resident.read_feed` and `resident.read_stream`: how much the resident memory of a process grows while it reads a
//! long log, or a long stream, in a process that does nothing else.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
};

use clap::ValueEnum;
use eventsource::{
    EventSet, Position, StreamId,
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
    store::{Close, EventFeedExt, EventStore, EventStoreExt, ReadOptions},
};
use futures_util::TryStreamExt;

use super::{Size, read_stream::filling};
use crate::{
    Result,
    bar::Bar,
    case::{Backend, Case, Contenders},
    domain::OrderEvent,
    lab::Lab,
    round::Round,
    unit::Unit,
};

/// What the process reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reads {
    Feed,
    Stream,
}

pub(super) fn cases(size: Size) -> Vec<Case> {
    let events = match size {
        Size::Full => 1_000_000,
        Size::Quick => 200_000,
        Size::Smoke => 1_000,
    };
    let case = |scenario, reads| Case {
        scenario,
        parameters: format!("{events} events"),
        backend: Backend::Sqlite,
        unit: Unit::Bytes,
        bar: Some(Bar::AtMost(32.0 * 1024.0 * 1024.0)),
        prepare: Box::new(move |lab| contenders(lab, events, reads)),
    };
    vec![case("resident.read_feed", Reads::Feed), case("resident.read_stream", Reads::Stream)]
}

fn contenders(lab: &Lab, events: u64, reads: Reads) -> Result<Contenders> {
    let database = lab.file("ours");
    lab.runtime.block_on(fill(&database, events))?;
    let ours = move || Ok(Round::counted(growth_of_child(reads, &database, events)? as f64));
    Ok(Contenders { ours: Box::new(ours), floor: None, bare: None })
}

async fn fill(database: &Path, events: u64) -> Result<()> {
    // Not measured, so that waiting for the disk is left out.
    let options = SqliteOptions::file(database).with_synchronous(Synchronous::Normal);
    let store = SqliteStore::open_with(options).await?;
    let stream = StreamId::new("Order", "1")?;
    for first in (0..events).step_by(1_000) {
        for append in filling(&stream, first..events.min(first + 1_000))? {
            store.append(append).await?;
        }
    }
    Ok(store.close().await?)
}

/// Runs this program once more, and asks it how much it grew.
fn growth_of_child(reads: Reads, database: &PathBuf, events: u64) -> Result<u64> {
    let reads = reads.to_possible_value().ok_or("a reader without a name")?;
    let child = Command::new(std::env::current_exe()?)
        .args(["resident", reads.get_name()])
        .arg(database)
        .arg(events.to_string())
        .output()?;
    if !child.status.success() {
        return Err(String::from_utf8_lossy(&child.stderr).into());
    }
    Ok(String::from_utf8(child.stdout)?.trim().parse()?)
}

/// What the child does: opens the store, reads everything, and gives the bytes that the process grew meanwhile.
pub(crate) async fn grow(reads: Reads, database: &Path, events: u64) -> Result<u64> {
    let store = SqliteStore::open(database).await?;
    let before = resident("VmRSS:")?;
    let read = match reads {
        Reads::Feed => read_feed(&store).await?,
        Reads::Stream => read_stream(&store).await?,
    };
    let peak = resident("VmHWM:")?;
    store.close().await?;
    if read != events {
        return Err(format!("{read} events were read of {events}").into());
    }
    Ok(peak.saturating_sub(before))
}

async fn read_feed(store: &SqliteStore) -> Result<u64> {
    let mut read = 0;
    let mut feed = store.recorded::<OrderEvent>(Position::START);
    while let Some(event) = feed.try_next().await? {
        black_box(event);
        read += 1;
    }
    Ok(read)
}

async fn read_stream(store: &SqliteStore) -> Result<u64> {
    let mut read = 0;
    let stream = StreamId::new("Order", "1")?;
    let mut events = store.events(&stream, ReadOptions::default());
    while let Some(event) = events.try_next().await? {
        black_box(OrderEvent::from_recorded(&event)?);
        read += 1;
    }
    Ok(read)
}

/// A figure about this process that the kernel keeps, in bytes.
fn resident(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.ok_or_else(|| format!("the kernel does not tell {name}"))?.parse::<u64>()? * 1024)
}

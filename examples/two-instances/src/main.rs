//! Two processes share a subscription over one SQLite file: one runs it, the other waits. The one that runs it is killed, and
//! the other takes over where it was.
//!
//! `cargo run -p two-instances`
//!
//! The program starts itself twice more, as `two-instances worker FILE`.
#![allow(clippy::print_stdout, reason = "printing is what an example does")]

mod worker;

use std::{collections::BTreeMap, error::Error, path::Path, process::Stdio};

use eventsource::{
    Event, EventId, ExpectedVersion, NewEvent, StreamId,
    sqlite::SqliteStore,
    store::{Append, EventStore},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(category = "Parcel")]
enum ParcelEvent {
    Sent { number: u32 },
}

/// What a worker handled.
#[derive(Debug)]
struct Handled {
    worker: &'static str,
    parcel: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => direct().await,
        ["worker", file] => worker::run(Path::new(file)).await,
        _ => Err("usage: two-instances".into()),
    }
}

/// Sends parcels, watches who handles them, and kills who does.
async fn direct() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("parcels.db");
    let store = SqliteStore::open(&file).await?;
    let (handled, mut watch) = mpsc::channel(16);

    // The first one takes the subscription before the second one asks for it.
    let mut first = start(&file, "first", handled.clone())?;
    send(&store, 1).await?;
    let mut seen = BTreeMap::new();
    wait_for(1, &mut watch, &mut seen).await?;
    let mut second = start(&file, "second", handled)?;
    send(&store, 2).await?;
    wait_for(2, &mut watch, &mut seen).await?;
    println!("Two workers run. Handled by: {}", tell(&seen));

    first.kill().await?;
    println!("The first one was killed.");
    for number in 3..=5 {
        send(&store, number).await?;
    }
    wait_for(5, &mut watch, &mut seen).await?;
    println!("The second one took over. Handled by: {}", tell(&seen));
    second.kill().await?;
    Ok(())
}

fn start(file: &Path, name: &'static str, handled: mpsc::Sender<Handled>) -> Result<Child, Box<dyn Error>> {
    let mut worker = Command::new(std::env::current_exe()?)
        .arg("worker")
        .arg(file)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = worker.stdout.take().ok_or("the worker has no output")?;
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(parcel) = line.parse() else { continue };
            if handled.send(Handled { worker: name, parcel }).await.is_err() {
                return;
            }
        }
    });
    Ok(worker)
}

async fn send(store: &SqliteStore, number: u32) -> eventsource::Result<()> {
    let event = NewEvent::encode(EventId::generate(), &ParcelEvent::Sent { number })?;
    let stream = StreamId::new(ParcelEvent::CATEGORY, number)?;
    store.append(Append::new(stream, ExpectedVersion::NoStream, vec![event])).await?;
    Ok(())
}

/// Waits until so many parcels are handled. One that was being handled when its worker was killed may come twice.
async fn wait_for(
    parcels: usize,
    watch: &mut mpsc::Receiver<Handled>,
    seen: &mut BTreeMap<u32, &'static str>,
) -> Result<(), Box<dyn Error>> {
    while seen.len() < parcels {
        let Handled { worker, parcel } = watch.recv().await.ok_or("both workers are gone")?;
        seen.entry(parcel).or_insert(worker);
    }
    Ok(())
}

fn tell(seen: &BTreeMap<u32, &'static str>) -> String {
    let parts: Vec<String> = seen.iter().map(|(parcel, worker)| format!("{parcel} {worker}")).collect();
    parts.join(", ")
}

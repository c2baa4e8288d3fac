//! The repository of the core, through the test kit: a store in memory, faults by script, a clock and ids in the hands
//! of the tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

#[path = "../common/mod.rs"]
mod common;

mod cancelling;
mod conflicts;
mod faults;
mod lifecycle;
mod past;
mod provenance;
mod publishing;
mod snapshots;
mod snapshots_missed;
mod snapshots_written;
mod units;
mod unknown;
mod updates;

use std::convert::Infallible;

use common::{Order, OrderEvent};
use eventsource_core::{
    Error, ErrorKind, ExpectedVersion, MemoryStore, NewEvent, RecordedEvent, Result, StreamId,
    aggregate::UpdateError,
    store::{Append, EventStore, EventStoreExt, ReadOptions},
};
use eventsource_testing::Harness;
use futures_util::TryStreamExt;

fn stream(key: &str) -> StreamId {
    StreamId::new("Order", key).unwrap()
}

async fn events(app: &Harness, key: &str) -> Vec<RecordedEvent> {
    app.store.inner().events(&stream(key), ReadOptions::default()).try_collect().await.unwrap()
}

/// What another process does: it appends without asking whose turn it is in this one.
async fn append_elsewhere(store: &MemoryStore, key: &str, events: impl IntoIterator<Item = OrderEvent>) {
    let new = |event| NewEvent::encode(eventsource_core::EventId::generate(), &event).unwrap();
    let events = events.into_iter().map(new).collect();
    store.append(Append::new(stream(key), ExpectedVersion::Any, events)).await.unwrap();
}

/// A decision that cannot be refused.
fn record<T>(events: T) -> Result<T, Infallible> {
    Ok(events)
}

/// The library's error of an update that failed.
fn error_of<R: std::error::Error>(result: Result<impl Sized, UpdateError<R>>) -> Error {
    match result {
        Ok(_) => panic!("it was committed"),
        Err(UpdateError::Refused(refusal)) => panic!("it was refused: {refusal}"),
        Err(UpdateError::Failed(error)) => error,
    }
}

/// The error of a call that failed.
fn failed(result: Result<impl Sized>) -> Error {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error,
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StreamNotFound(_))
}

fn is_deleted(error: &Error, expected: bool) -> bool {
    matches!(error.kind(), ErrorKind::StreamDeleted { erased, .. } if *erased == expected)
}

/// The notes of an order, in the order in which they were taken in.
fn notes(order: &Order) -> Vec<&str> {
    order.notes.iter().map(String::as_str).collect()
}

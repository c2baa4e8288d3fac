//! Appending: what is checked, and what a repeated append is compared with.

use std::collections::HashSet;

use super::{
    check_active,
    lifecycle::reserved_name,
    limits::{check_batch, check_content, check_count},
};
use crate::{
    Duplicate, Error, ErrorKind, NewEvent, Position, RecordedEvent, Result, StreamId, StreamVersion,
    Timestamp,
    lifecycle::{Lifecycle, is_lifecycle_name},
    store::{Append, Limits, StreamAppend},
};

/// Checks everything about an append that needs no database.
///
/// # Errors
/// `InvalidInput`, naming the field and the limit.
pub fn check_append(append: &Append, limits: &Limits) -> Result<()> {
    let events: usize = append.streams.iter().map(|s| s.events.len()).sum();
    if events == 0 {
        return Err(Error::invalid_input("events", "the append is empty: it writes no event"));
    }
    check_count(events, limits)?;
    if append.streams.len() > limits.streams {
        let what = format_args!("the append names {} streams", append.streams.len());
        return Err(Error::over_limit("streams", what, limits.streams as u64));
    }
    if append.streams.len() > 1 {
        let mut streams = HashSet::with_capacity(append.streams.len());
        if let Some(twice) = append.streams.iter().find(|s| !streams.insert(&s.stream)) {
            let message = format!("stream {} is named twice in one append", twice.stream);
            return Err(Error::invalid_input("streams", message));
        }
    }
    if events > 1 {
        let mut ids = HashSet::with_capacity(events);
        if let Some(twice) = all_events(append).find(|e| !ids.insert(e.id)) {
            return Err(Error::invalid_input("events", format!("event {} is in the append twice", twice.id)));
        }
    }
    let mut bytes = 0;
    for event in all_events(append) {
        check_event(event, limits)?;
        bytes += event.payload.len() + event.metadata.as_bytes().len();
    }
    check_batch(bytes, limits)
}

fn all_events(append: &Append) -> impl Iterator<Item = &NewEvent> {
    append.streams.iter().flat_map(|s| &s.events)
}

fn check_event(event: &NewEvent, limits: &Limits) -> Result<()> {
    let context = |error: Error| error.with_context("event", event.id).with_context("name", &event.name);
    if is_lifecycle_name(event.name.as_str()) {
        return Err(reserved_name(event.name.as_str()));
    }
    check_content(&event.payload, &event.metadata, limits).map_err(context)
}

/// Checks the head of a stream against what an append demands of it.
///
/// # Errors
/// `StreamDeleted` when it is deleted or erased and would be written; `Conflict` otherwise.
pub fn check_expected(append: &StreamAppend, version: StreamVersion, lifecycle: Lifecycle) -> Result<()> {
    if !append.events.is_empty() {
        check_active(&append.stream, lifecycle)?;
    }
    if append.expected.accepts(version) {
        return Ok(());
    }
    Err(Error::conflict(append.stream.clone(), append.expected, version))
}

/// What an idempotent append compares: the same number of events, in the same stream, with the same content, in a row.
#[must_use]
pub fn is_same_append(append: &StreamAppend, recorded: &[RecordedEvent]) -> bool {
    append.events.len() == recorded.len()
        && append.events.iter().zip(recorded).all(|(new, old)| new.has_content_of(old))
        && recorded.iter().all(|e| e.stream == append.stream)
        && recorded.windows(2).all(|pair| pair[1].version == pair[0].version.next())
}

/// The error for an append whose ids are taken by other content, or only partly recorded.
#[must_use]
pub fn duplicate(taken: &RecordedEvent) -> Error {
    let duplicate = Duplicate { event: taken.id, stream: taken.stream.clone(), version: taken.version };
    let message = format!(
        "event {} is recorded already, as version {} of stream {}, and this call is not the same as then; new events \
         need new ids",
        taken.id, taken.version, taken.stream
    );
    Error::new(ErrorKind::Duplicate(duplicate), message)
}

/// Builds the recorded form of a new event.
#[must_use]
pub fn record(
    event: NewEvent,
    stream: StreamId,
    version: StreamVersion,
    position: Position,
    recorded_at: Timestamp,
) -> RecordedEvent {
    RecordedEvent {
        id: event.id,
        stream,
        version,
        position,
        name: event.name,
        schema_version: event.schema_version,
        codec: event.codec,
        transform: event.transform,
        payload: event.payload,
        metadata: event.metadata,
        correlation: event.correlation,
        occurred_at: event.occurred_at.unwrap_or(recorded_at),
        recorded_at,
        erased: false,
    }
}

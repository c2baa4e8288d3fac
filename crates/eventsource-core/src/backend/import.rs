//! Importing: what may go on a stream.

use super::{
    duplicate,
    lifecycle::reserved_name,
    limits::{check_batch, check_content, check_count},
};
use crate::{
    Error, ErrorKind, RecordedEvent, Result, StreamVersion, Timestamp,
    lifecycle::{Lifecycle, is_lifecycle_name},
    store::{Limits, StreamInfo},
};

/// Checks everything about an import that needs no database.
///
/// # Errors
/// `InvalidInput`, naming the field and the limit.
pub fn check_import(events: &[RecordedEvent], limits: &Limits) -> Result<()> {
    check_count(events.len(), limits)?;
    let mut bytes = 0;
    for event in events {
        let context = |error: Error| {
            error
                .with_context("stream", &event.stream)
                .with_context("version", event.version)
                .with_context("event", event.id)
        };
        let name = event.name.as_str();
        if is_lifecycle_name(name) && Lifecycle::after(name).is_none() {
            return Err(context(reserved_name(name)));
        }
        check_content(&event.payload, &event.metadata, limits).map_err(context)?;
        bytes += event.payload.len() + event.metadata.as_bytes().len();
    }
    check_batch(bytes, limits)
}

/// How far a stream goes while events are imported into it.
#[derive(Debug, Clone, Copy)]
pub struct StreamTail {
    /// The version of its last event.
    pub version: StreamVersion,
    /// When that was recorded.
    pub recorded_at: Option<Timestamp>,
    /// Where the stream is in its life.
    pub lifecycle: Lifecycle,
}

impl StreamTail {
    /// Where a stream ends that the store holds.
    #[must_use]
    pub fn of(info: &StreamInfo) -> Self {
        Self { version: info.version, recorded_at: info.recorded_at, lifecycle: info.lifecycle }
    }

    /// Where the stream ends after this event of it.
    #[must_use]
    pub fn after(&self, event: &RecordedEvent) -> Self {
        Self {
            version: event.version,
            recorded_at: Some(event.recorded_at),
            lifecycle: Lifecycle::after(event.name.as_str()).unwrap_or(self.lifecycle),
        }
    }
}

/// What to do with one event of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStep {
    /// It is there already.
    Present,
    /// It is to be written.
    Write,
}

/// Decides about one event of an import: `tail` is where its stream goes so far, `present` what the store holds at its
/// version, `same_id` the event of the store that has its id.
///
/// # Errors
/// `HistoryDiverged`, naming stream and version; `Duplicate` when the id is taken elsewhere.
pub fn import_step(
    event: &RecordedEvent,
    tail: &StreamTail,
    present: Option<&RecordedEvent>,
    same_id: Option<&RecordedEvent>,
) -> Result<ImportStep> {
    let diverged = |why: &str| {
        let message =
            format!("version {} of stream {} cannot be imported: {why}", event.version, event.stream);
        Err(Error::new(ErrorKind::HistoryDiverged, message).with_context("event", event.id))
    };
    if let Some(present) = present {
        return if present.is_copy_of(event) {
            Ok(ImportStep::Present)
        } else {
            diverged("the store holds another event there")
        };
    }
    if tail.lifecycle == Lifecycle::Erased {
        return diverged("the stream is erased, and nothing follows that");
    }
    if event.version != tail.version.next() {
        return diverged(&format!("the stream is at version {}", tail.version));
    }
    if tail.recorded_at.is_some_and(|last| event.recorded_at < last) {
        return diverged("its time of recording lies before that of the version before it");
    }
    match same_id {
        Some(taken) => Err(duplicate(taken)),
        None => Ok(ImportStep::Write),
    }
}

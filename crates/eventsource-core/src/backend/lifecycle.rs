//! The life of a stream: what may happen to it, what tells of it, and what erasing leaves.

use bytes::Bytes;

use crate::{
    Error, ErrorKind, EventId, EventName, Metadata, NewEvent, RecordedEvent, Result, StreamId, StreamVersion,
    codec::{CodecTag, TransformTag},
    lifecycle::{Lifecycle, LifecycleNote, RESERVED_PREFIX},
    store::{Limits, StreamInfo},
};

/// Refuses a stream that is deleted or erased.
///
/// # Errors
/// `StreamDeleted`.
pub fn check_active(stream: &StreamId, lifecycle: Lifecycle) -> Result<()> {
    match lifecycle {
        Lifecycle::Active => Ok(()),
        Lifecycle::Deleted => Err(Error::stream_deleted(stream.clone(), false)),
        Lifecycle::Erased => Err(Error::stream_deleted(stream.clone(), true)),
    }
}

/// Whether the stream can be deleted, restored or erased: what the three operations refuse, said once.
///
/// # Errors
/// `StreamNotFound`, `StreamDeleted`, or `InvalidInput` for restoring what is active.
pub fn check_lifecycle_change(info: &StreamInfo, next: Lifecycle) -> Result<()> {
    if info.version == StreamVersion::ZERO {
        return Err(Error::stream_not_found(info.stream.clone()));
    }
    match (info.lifecycle, next) {
        (Lifecycle::Erased, _) => Err(Error::stream_deleted(info.stream.clone(), true)),
        (Lifecycle::Deleted, Lifecycle::Deleted) => Err(Error::stream_deleted(info.stream.clone(), false)),
        (Lifecycle::Active, Lifecycle::Active) => {
            let message = format!("stream {} is not deleted; there is nothing to restore", info.stream);
            Err(Error::invalid_input("stream", message))
        }
        _ => Ok(()),
    }
}

/// The event that tells of a change in a stream's life.
///
/// # Errors
/// `InvalidInput` for a note that is longer than a payload may be; `Encode`, which only a defect of the encoder can
/// cause.
pub fn lifecycle_event(id: EventId, name: &str, note: &LifecycleNote, limits: &Limits) -> Result<NewEvent> {
    let payload = serde_json::to_vec(note)
        .map_err(|e| Error::new(ErrorKind::Encode, "the note cannot be encoded").with_source(e))?;
    if payload.len() > limits.payload_bytes {
        return Err(Error::too_long("note", payload.len(), limits.payload_bytes));
    }
    Ok(NewEvent {
        id,
        name: EventName::new(name)?,
        schema_version: 1,
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        payload: payload.into(),
        metadata: Metadata::default(),
        correlation: None,
        occurred_at: None,
    })
}

/// Wipes what erasure wipes.
#[must_use]
pub fn erase(event: &RecordedEvent) -> RecordedEvent {
    RecordedEvent {
        // Nothing is left that was transformed.
        transform: TransformTag::NONE,
        payload: Bytes::new(),
        metadata: Metadata::default(),
        correlation: None,
        erased: true,
        ..event.clone()
    }
}

/// The error for an event of the user whose name is one of the store's, or could become one.
pub(crate) fn reserved_name(name: &str) -> Error {
    let message =
        format!("event name {name:?} begins with {RESERVED_PREFIX:?}, which is reserved for the store");
    Error::invalid_input("event name", message)
}

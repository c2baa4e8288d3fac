//! The kit for those who implement ports. No promise of stability: it may change in any release.
//!
//! Rules that the conformance suite asserts are written once, here.

mod failures;
mod inbox;
mod lease;
mod letter;
mod request;
mod segment;
mod status;

use std::collections::HashSet;

use bytes::Bytes;

pub use self::{
    failures::{AfterFailure, GivenUp, check_group_options, stopped_by},
    inbox::check_inbox_step,
    lease::{LeaseRow, acquire_lease, check_beat, check_ttl, is_held_by, renew_lease},
    letter::{LETTERS_PAGE, change_letter, erase_letter, has_room, most_frequent_causes},
    request::{
        AskColumns, REQUESTS_PAGE, check_request, check_request_update, decode_ask, encode_ask, expires_at,
        new_request, request_at, same_request, update_request,
    },
    segment::{SegmentDecision, change_segment, check_segment_change},
    status::group_declarations,
};
pub use crate::store::{AsOf, Limits, ReadOptions, WakeUps, wake_ups::Waker};
use crate::{
    Duplicate, Error, ErrorKind, EventId, EventName, Metadata, NewEvent, Position, RecordedEvent, Result,
    StreamId, StreamVersion, Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle::{Lifecycle, LifecycleNote, RESERVED_PREFIX, is_lifecycle_name},
    store::{Append, FeedOptions, Snapshot, StreamAppend, StreamInfo},
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

/// The error for an event of the user whose name is one of the store's, or could become one.
pub(crate) fn reserved_name(name: &str) -> Error {
    let message =
        format!("event name {name:?} begins with {RESERVED_PREFIX:?}, which is reserved for the store");
    Error::invalid_input("event name", message)
}

fn check_count(events: usize, limits: &Limits) -> Result<()> {
    if events <= limits.events {
        return Ok(());
    }
    Err(Error::over_limit("events", format_args!("the call has {events} events"), limits.events as u64))
}

fn check_content(payload: &Bytes, metadata: &Metadata, limits: &Limits) -> Result<()> {
    if payload.len() > limits.payload_bytes {
        return Err(Error::too_long("payload", payload.len(), limits.payload_bytes));
    }
    if metadata.as_bytes().len() > limits.metadata_bytes {
        return Err(Error::too_long("metadata", metadata.as_bytes().len(), limits.metadata_bytes));
    }
    Ok(())
}

fn check_batch(bytes: usize, limits: &Limits) -> Result<()> {
    if bytes <= limits.batch_bytes {
        return Ok(());
    }
    let what = format_args!("the call has {bytes} bytes of payload and metadata");
    Err(Error::over_limit("batch", what, limits.batch_bytes as u64))
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

/// Checks the options of a feed page and where it begins.
///
/// # Errors
/// `InvalidInput` for a limit or window of zero.
pub fn check_feed_options(options: &FeedOptions) -> Result<()> {
    check_limit(options.limit)?;
    if options.window == 0 {
        return Err(Error::invalid_input("window", "a feed page must look at one event at least"));
    }
    Ok(())
}

/// Refuses a page that can hold nothing.
///
/// # Errors
/// `InvalidInput`.
pub fn check_limit(limit: usize) -> Result<()> {
    if limit == 0 {
        return Err(Error::invalid_input("limit", "a page must hold one event or stream at least"));
    }
    Ok(())
}

/// Refuses to read a feed forward from ahead of its head.
///
/// # Errors
/// `HistoryDiverged`.
pub fn check_not_ahead(after: Position, head: Position) -> Result<()> {
    if after <= head {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::HistoryDiverged,
        format!(
            "position {after} lies ahead of the log's head {head}: the log was restored from an older copy; rewind \
             the reader, or adopt the restored log"
        ),
    ))
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

/// Collects a page that is bounded in events and in bytes.
#[derive(Debug)]
pub struct Page {
    events: Vec<RecordedEvent>,
    bytes: usize,
    limit: usize,
}

impl Page {
    /// A page that holds more is likely to become full, and then grows to its limit in one step.
    const FEW: usize = 32;

    /// A page of at most `limit` events, and never more than [`ReadOptions::PAGE_EVENTS_MAX`].
    #[must_use]
    pub fn new(limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(usize::MAX).min(ReadOptions::PAGE_EVENTS_MAX);
        Self { events: Vec::new(), bytes: 0, limit }
    }

    /// Whether nothing more fits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.events.len() >= self.limit || self.bytes >= ReadOptions::PAGE_BYTES_MAX
    }

    /// Adds an event.
    pub fn push(&mut self, event: RecordedEvent) {
        self.bytes += event.payload.len() + event.metadata.as_bytes().len();
        if self.events.len() == Self::FEW {
            self.events.reserve_exact(self.limit.saturating_sub(Self::FEW));
        }
        self.events.push(event);
    }

    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events.
    #[must_use]
    pub fn into_events(self) -> Vec<RecordedEvent> {
        self.events
    }
}

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

/// Checks what a restored log is adopted with.
///
/// # Errors
/// `InvalidInput` for a position that no log can hold.
pub fn check_adoption(highest: Position) -> Result<()> {
    if highest <= Position::MAX {
        return Ok(());
    }
    let what = format_args!("position {highest} is greater than any log can hold");
    Err(Error::over_limit("position", what, Position::MAX.get()))
}

/// Checks that so many events find room behind the last position drawn.
///
/// # Errors
/// `StorageFull` when the positions of the log are used up.
pub fn check_room(last: Position, events: usize) -> Result<()> {
    if last.get().saturating_add(events as u64) <= Position::MAX.get() {
        return Ok(());
    }
    let message = format!("the log has used up its positions, of which {} is the last", Position::MAX);
    Err(Error::new(ErrorKind::StorageFull, message))
}

/// Checks everything about a snapshot that needs no database.
///
/// # Errors
/// `InvalidInput` for a version that no stream reaches.
pub fn check_snapshot(snapshot: &Snapshot) -> Result<()> {
    if snapshot.version <= StreamVersion::MAX {
        return Ok(());
    }
    let what = format_args!("version {} is greater than any stream can reach", snapshot.version);
    Err(Error::over_limit("version", what, StreamVersion::MAX.get()))
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

/// The two ends of the hints that a log has grown: a store sends the new head, readers wait.
#[must_use]
pub fn wake_ups() -> (Waker, WakeUps) {
    crate::store::wake_ups::wake_ups()
}

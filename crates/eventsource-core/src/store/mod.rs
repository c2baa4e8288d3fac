//! The ports of an event store. Each is small; what a backend cannot do is a trait that it does not have.

mod adoption;
mod ext;
mod feed;
mod forward;
mod import;
mod listing;
mod lookup;
mod options;
mod pages;
mod removal;
mod snapshot;
pub(crate) mod wake_ups;

use async_trait::async_trait;

pub use self::{
    adoption::LogAdoption,
    ext::{EventFeedExt, EventStoreExt},
    feed::{EventFeed, FeedOptions, FeedPage},
    import::{EventImport, Imported},
    listing::{StoreStatistics, StreamListing, StreamsOptions, StreamsPage},
    lookup::EventLookup,
    options::{AsOf, Direction, Limits, ReadOptions},
    removal::{StreamDeletion, StreamErasure},
    snapshot::{SaveOutcome, Snapshot, SnapshotStore},
    wake_ups::WakeUps,
};
use crate::{
    ExpectedVersion, Log, NewEvent, Position, RecordedEvent, Result, StreamId, StreamVersion, Timestamp,
    Token, lifecycle::Lifecycle,
};

/// Something that is closed when it is no longer needed.
#[async_trait]
pub trait Close: Send + Sync + 'static {
    /// Waits for the calls in flight, then releases what this port opened, and nothing that the caller owns.
    /// Later calls get `Closed`. Closing again does nothing. All handles to the same store close together.
    ///
    /// # Errors
    /// `Unavailable` when the release itself fails.
    ///
    /// # Cancel safety
    /// A dropped call may leave the port open or closed; call it again.
    async fn close(&self) -> Result<()>;
}

/// Appends to streams and reads them.
#[async_trait]
pub trait EventStore: Close {
    /// Writes events to one stream, or to several of this log, and checks streams that it does not write.
    ///
    /// The caller assigns event ids; the store assigns versions, positions and the time of recording, and takes its
    /// clock's time where an event has none of its own.
    ///
    /// # Ordering
    /// Versions follow the order of the call without holes; positions increase in the same order. The time of
    /// recording never decreases inside a stream.
    ///
    /// # Atomicity
    /// All or nothing, checked streams included.
    ///
    /// # Idempotence
    /// When all ids are recorded already with the same content in the same streams, the original outcome returns, marked
    /// as deduplicated. Content is stream, name, schema version, codec, transform and payload bytes.
    ///
    /// # Errors
    /// `Conflict` when a stream is not at its expected version (never for `Any`); `Duplicate` when an id is taken
    /// by other content or only part of the ids is recorded; `StreamDeleted`; `InvalidInput` beyond the [`Limits`], for an
    /// append without events, a stream or an id named twice, or a reserved name. Nothing was written then. A
    /// failure of the database is `Unavailable`, `StorageFull` or `Busy`;
    /// [`Error::is_outcome_unknown`](crate::Error::is_outcome_unknown) tells whether the write may have happened.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all, and may be sent again with the same ids.
    async fn append(&self, append: Append) -> Result<Appended>;

    /// One page of a stream. An absent stream is an empty page at version 0.
    ///
    /// # Ordering
    /// By version, forward or backward. Everything committed before the call is seen.
    ///
    /// # Errors
    /// `StreamDeleted` for a deleted or erased stream.
    ///
    /// # Cancel safety
    /// Reads only; drop it at will. Nothing is held between pages.
    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage>;

    /// Where a stream is. An absent stream is active at version 0.
    ///
    /// # Errors
    /// Only failures of the database; a deleted stream is an answer.
    ///
    /// # Cancel safety
    /// Reads only; drop it at will.
    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo>;

    /// The log that this store writes.
    fn log(&self) -> Log;

    /// What one append may hold.
    fn limits(&self) -> Limits;
}

/// One atomic write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Append {
    /// The streams to write or to check, each named once.
    pub streams: Vec<StreamAppend>,
}

/// What an append does to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamId,
    /// What it must be like.
    pub expected: ExpectedVersion,
    /// What to write; empty when the stream is only checked.
    pub events: Vec<NewEvent>,
}

impl Append {
    /// An append to one stream.
    #[must_use]
    pub fn new(stream: StreamId, expected: ExpectedVersion, events: Vec<NewEvent>) -> Self {
        Self { streams: vec![StreamAppend { stream, expected, events }] }
    }

    /// Also writes to this stream, in the same atomic write.
    #[must_use]
    pub fn and(mut self, stream: StreamId, expected: ExpectedVersion, events: Vec<NewEvent>) -> Self {
        self.streams.push(StreamAppend { stream, expected, events });
        self
    }

    /// Also demands this of a stream, without writing to it.
    #[must_use]
    pub fn and_check(self, stream: StreamId, expected: ExpectedVersion) -> Self {
        self.and(stream, expected, Vec::new())
    }
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The log and the last position written.
    pub token: Token,
    /// The streams written, in the order of the call; streams that were only checked are not among them.
    pub streams: Vec<AppendedStream>,
    /// Whether the events had been recorded before, by an earlier call with the same ids.
    pub deduplicated: bool,
}

/// What an append did to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendedStream {
    /// The stream.
    pub stream: StreamId,
    /// The version of its first event written.
    pub first: StreamVersion,
    /// The version of its last event written.
    pub last: StreamVersion,
}

/// One page of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPage {
    /// The events, in the order asked for.
    pub events: Vec<RecordedEvent>,
    /// Where to go on, as the inclusive `from` of the next page; `None` at the end.
    pub next: Option<StreamVersion>,
    /// The stream's version when the page was read.
    pub version: StreamVersion,
}

/// Where a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// The stream.
    pub stream: StreamId,
    /// The version of its last event, lifecycle records included; 0 when it is absent.
    pub version: StreamVersion,
    /// The position of its last event; the start of the log when it is absent.
    pub position: Position,
    /// When its last event was recorded; `None` when it is absent.
    pub recorded_at: Option<Timestamp>,
    /// Whether it is active, deleted or erased.
    pub lifecycle: Lifecycle,
}

impl StreamInfo {
    /// A stream that has no events.
    #[must_use]
    pub fn absent(stream: StreamId) -> Self {
        Self {
            stream,
            version: StreamVersion::ZERO,
            position: Position::START,
            recorded_at: None,
            lifecycle: Lifecycle::Active,
        }
    }

    /// Whether there are events that can be loaded.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.version > StreamVersion::ZERO && self.lifecycle == Lifecycle::Active
    }
}

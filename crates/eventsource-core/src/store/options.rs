//! How streams are read, and what an append may hold.

use crate::{StreamVersion, Timestamp};

/// Which way to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Oldest first.
    #[default]
    Forward,
    /// Newest first.
    Backward,
}

/// The past as it is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AsOf {
    /// Only what had been recorded by then, inclusively: a prefix of the stream.
    Recorded(Timestamp),
    /// Only what had happened by then, inclusively: a filter, because events may be recorded late.
    Occurred(Timestamp),
}

/// How to read a stream.
///
/// ```
/// use eventsource_core::{StreamVersion, store::ReadOptions};
/// let options = ReadOptions::default().with_from(StreamVersion::new(3)).with_limit(2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Which way.
    pub direction: Direction,
    /// The version to begin with, inclusive; reading backward it is the newest.
    pub from: Option<StreamVersion>,
    /// The version to end with, inclusive; reading backward it is the oldest.
    pub to: Option<StreamVersion>,
    /// The past as it is to be seen.
    pub as_of: Option<AsOf>,
    /// The most events that a page, or a whole [stream](super::EventStoreExt::events), holds.
    pub limit: Option<usize>,
}

impl Default for ReadOptions {
    /// Forward, everything.
    fn default() -> Self {
        Self { direction: Direction::Forward, from: None, to: None, as_of: None, limit: None }
    }
}

impl ReadOptions {
    /// Events that one page holds at most, whatever the limit asked for.
    pub const PAGE_EVENTS_MAX: usize = 1_000;
    /// Payload bytes after which a page ends (it always holds one event at least).
    pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

    /// Newest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// Beginning with this version, inclusive.
    #[must_use]
    pub fn with_from(mut self, from: StreamVersion) -> Self {
        self.from = Some(from);
        self
    }

    /// Ending with this version, inclusive.
    #[must_use]
    pub fn with_to(mut self, to: StreamVersion) -> Self {
        self.to = Some(to);
        self
    }

    /// As the stream was then.
    #[must_use]
    pub fn with_as_of(mut self, as_of: AsOf) -> Self {
        self.as_of = Some(as_of);
        self
    }

    /// At most this many events.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What one append may hold. Checked before anything is sent; an append beyond a limit is `InvalidInput`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one payload, as stored.
    pub payload_bytes: usize,
    /// Bytes of one event's metadata.
    pub metadata_bytes: usize,
    /// Events of one append, over all its streams.
    pub events: usize,
    /// Streams of one append, written or checked.
    pub streams: usize,
    /// Bytes of payload and metadata of one append.
    pub batch_bytes: usize,
}

impl Default for Limits {
    /// 4 MiB a payload, 64 KiB of metadata, 100,000 events, 1,000 streams and 64 MiB an append.
    fn default() -> Self {
        Self {
            payload_bytes: 4 * 1024 * 1024,
            metadata_bytes: 64 * 1024,
            events: 100_000,
            streams: 1_000,
            batch_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// With this many bytes for one payload.
    #[must_use]
    pub fn with_payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = bytes;
        self
    }

    /// With this many bytes for the metadata of one event.
    #[must_use]
    pub fn with_metadata_bytes(mut self, bytes: usize) -> Self {
        self.metadata_bytes = bytes;
        self
    }

    /// With this many streams for one append.
    #[must_use]
    pub fn with_streams(mut self, streams: usize) -> Self {
        self.streams = streams;
        self
    }

    /// With this many events for one append.
    #[must_use]
    pub fn with_events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// With this many bytes for one append.
    #[must_use]
    pub fn with_batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }
}

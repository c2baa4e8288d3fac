//! Events that could not be handled, with everything that came behind them in their streams.
//!
//! Once an event of a stream is parked, every later event of that stream is parked behind it, so that order is kept; other
//! streams go on. What is to happen with letters is [asked](crate::request) of the consumer's owner, who alone handles
//! them.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ConsumerId, EventId, LogId, Position, RecordedEvent, Result, StreamId, Timestamp, store::Close};

/// Why an event was parked. Kept by frozen name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CauseKind {
    /// It cannot be decoded.
    Undecodable,
    /// No decoder knows it.
    Unknown,
    /// The handler returned an error.
    Handler,
    /// The handler took too long.
    TimedOut,
    /// The handler panicked.
    Panicked,
    /// An earlier event of its stream is parked.
    Behind,
}

crate::status::frozen_names!(CauseKind:
    Undecodable = "undecodable",
    Unknown = "unknown",
    Handler = "handler",
    TimedOut = "timed-out",
    Panicked = "panicked",
    Behind = "behind",
);

/// Why an event was parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Which kind.
    pub kind: CauseKind,
    /// The error and its causes, outermost first; empty for [`CauseKind::Behind`].
    pub chain: Vec<String>,
    /// Equal for causes that are alike, to group by.
    pub fingerprint: u64,
}

/// An event that could not be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose. Each version of a consumer has its own, because a rebuild may handle what the old version could not.
    pub consumer: ConsumerId,
    /// The log that the event belongs to.
    pub log: LogId,
    /// The event as it was recorded.
    pub event: RecordedEvent,
    /// The payload to handle instead, once an operator edited it.
    pub edited: Option<Bytes>,
    /// Why.
    pub cause: Cause,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was parked.
    pub parked_at: Timestamp,
    /// When it was last tried.
    pub tried_at: Timestamp,
    /// The version of the program or handler that tried it, so that a newer one can try it by itself.
    pub handler_version: String,
}

/// How much may be parked. When it is full, the consumer stops; nothing is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkingLimits {
    /// Streams of one version of a consumer, over all logs.
    pub streams: u64,
    /// Letters of one stream.
    pub letters_per_stream: u64,
}

impl Default for ParkingLimits {
    /// 1,024 streams with 1,024 letters each.
    fn default() -> Self {
        Self { streams: 1_024, letters_per_stream: 1_024 }
    }
}

impl ParkingLimits {
    /// At most so many streams.
    #[must_use]
    pub fn with_streams(mut self, streams: u64) -> Self {
        self.streams = streams;
        self
    }

    /// At most so many letters of each stream.
    #[must_use]
    pub fn with_letters_per_stream(mut self, letters: u64) -> Self {
        self.letters_per_stream = letters;
        self
    }
}

/// Which letters to list; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LettersOptions {
    /// The one of this event only.
    pub event: Option<EventId>,
    /// Of this stream only.
    pub stream: Option<StreamId>,
    /// With this fingerprint of their cause only.
    pub cause: Option<u64>,
    /// Only the first of each stream, which the others wait for.
    pub first_only: bool,
    /// Go on after this position, exclusively: a letter that was the last of a page may be gone by then.
    pub after: Option<Position>,
}

impl LettersOptions {
    /// The one of this event only.
    #[must_use]
    pub fn with_event(mut self, event: EventId) -> Self {
        self.event = Some(event);
        self
    }

    /// Of this stream only.
    #[must_use]
    pub fn with_stream(mut self, stream: StreamId) -> Self {
        self.stream = Some(stream);
        self
    }

    /// With this fingerprint of their cause only.
    #[must_use]
    pub fn with_cause(mut self, fingerprint: u64) -> Self {
        self.cause = Some(fingerprint);
        self
    }

    /// Only the first of each stream.
    #[must_use]
    pub fn first_only(mut self) -> Self {
        self.first_only = true;
        self
    }

    /// After this position, exclusively.
    #[must_use]
    pub fn with_after(mut self, position: Position) -> Self {
        self.after = Some(position);
        self
    }
}

/// How much is parked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterStatistics {
    /// Letters.
    pub letters: u64,
    /// Streams.
    pub streams: u64,
    /// When the oldest one was parked.
    pub oldest_at: Option<Timestamp>,
    /// Letters by fingerprint of their cause: most first, then by fingerprint, at most 100.
    pub by_cause: Vec<(u64, u64)>,
}

/// What becomes of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterChange {
    /// It was tried again and failed again.
    Failed {
        /// Why.
        cause: Cause,
        /// The version of the program or handler that tried it.
        handler_version: String,
    },
    /// An operator gave another payload, which lies beside the original.
    Edited(Bytes),
    /// It was handled, or given up. When it was the last of its stream, the stream goes on.
    Removed,
}

/// Keeps letters, one per version of a consumer and event, in the order of their streams.
///
/// Letters hold what their events hold. Where they lie in the database of the events, erasing a stream blanks its
/// letters in the same commit, and an event of an erased stream is parked blank; where they lie elsewhere, whoever reads
/// the record `stream.erased` calls [`erase_letters`](Self::erase_letters).
#[async_trait]
pub trait DeadLetterStore: Close {
    /// Parks events.
    ///
    /// A letter that is there already is left as it is, so that parking twice is parking once. Limits are asked about what
    /// is added only.
    ///
    /// # Ordering
    /// Letters of a stream are kept in the order of their versions.
    ///
    /// # Atomicity
    /// All of them or none.
    ///
    /// # Errors
    /// Only failures of the database; that there is no room left is an answer.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; send it again.
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome>;

    /// The streams of a consumer that wait behind a letter, by name: what its owner loads when it takes over.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>>;

    /// One page of letters, at most 100, by position.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>>;

    /// Changes a letter. Whether it was there. One that failed again was tried now, by the database's clock.
    ///
    /// Called by the consumer's owner alone, which is what makes two changes at once impossible.
    ///
    /// # Atomicity
    /// One commit; with the last letter of a stream, the stream is released in it.
    ///
    /// # Errors
    /// Only failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all.
    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool>;

    /// Removes all letters of a version of a consumer, in all logs; how many there were. For a version that begins anew or
    /// is given up.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64>;

    /// Blanks the letters of a stream, whoever's they are; how many there were. Payloads, metadata and the words of causes
    /// go, the letters stay in their places.
    ///
    /// # Atomicity
    /// One commit.
    ///
    /// # Errors
    /// Only failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; call it again.
    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64>;

    /// How much of a consumer is parked, over all logs.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics>;
}

/// What became of an attempt to park.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParkOutcome {
    /// All are parked.
    Parked,
    /// These limits leave no room. Nothing was parked, and the consumer has to stop.
    Full(ParkingLimits),
}

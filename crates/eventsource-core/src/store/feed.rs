//! All events of one log, in position order.

use async_trait::async_trait;

use super::{Close, Direction, WakeUps};
use crate::{EventFilter, EventId, Log, Position, RecordedEvent, Result, Timestamp};

/// Reads all events of one log in position order, and never skips one.
#[async_trait]
pub trait EventFeed: Close {
    /// One page of the feed after (reading backward: before) a position, exclusively.
    ///
    /// A page looks at a bounded window of the log, and may be empty although more follows; go on from
    /// [`FeedPage::next`] until [`FeedPage::at_head`]. `next` moves past events that the filter refuses, so that a
    /// sparse reader never scans twice.
    ///
    /// # Ordering
    /// By position, increasing; decreasing when reading backward.
    ///
    /// # No skip
    /// An event whose position is at or below `next`, and that is ever committed, is in this page or an earlier one. An
    /// append that is still in flight holds the feed back below its positions.
    ///
    /// # Errors
    /// `HistoryDiverged` when `after` lies ahead of the head, which only a restored log can cause;
    /// `InvalidInput` for a limit or window of zero.
    ///
    /// # Cancel safety
    /// Reads only; drop it at will. Nothing is held between pages.
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage>;

    /// The last position that the feed shows; [`Position::START`] when it is empty. Never steps back.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn head(&self) -> Result<Position>;

    /// Where to begin to read everything recorded at `time` or later: no such event lies at or before the
    /// position returned. Events recorded earlier may lie after it, where times do not follow positions.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn position_before(&self, time: Timestamp) -> Result<Position>;

    /// The id of the event at exactly this position, or `None` where there is none. A checkpoint keeps it, and
    /// a different answer later means that history diverged. Erased events keep their id.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>>;

    /// The log that is read.
    fn log(&self) -> Log;

    /// Hints that something was appended. Missing one loses nothing, only time.
    fn wake_ups(&self) -> WakeUps;
}

/// How to read the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedOptions {
    /// Which way; reading backward, `after` is where to begin, exclusively, and [`Position::MAX`] is the end.
    pub direction: Direction,
    /// Which events.
    pub filter: EventFilter,
    /// The most events a page holds, after filtering.
    pub limit: usize,
    /// The most events a page looks at, before filtering.
    pub window: usize,
}

impl Default for FeedOptions {
    /// Forward, everything, 1,000 events of 50,000 looked at.
    fn default() -> Self {
        Self { direction: Direction::Forward, filter: EventFilter::all(), limit: 1_000, window: 50_000 }
    }
}

impl FeedOptions {
    /// Newest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// Only these events.
    #[must_use]
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// At most this many events a page.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Looking at no more than this many events a page.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }
}

/// One page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The events that pass the filter.
    pub events: Vec<RecordedEvent>,
    /// Where to go on. Never before `after` (reading backward: never behind it).
    pub next: Position,
    /// Whether nothing more was visible when the page was read.
    pub at_head: bool,
}

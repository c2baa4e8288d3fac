//! Reading: options, places and pages.

use super::check_limit;
use crate::{
    Error, ErrorKind, Position, RecordedEvent, Result,
    store::{FeedOptions, ReadOptions},
};

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

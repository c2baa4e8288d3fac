//! How much may wait in memory.

use crate::RecordedEvent;

/// How much may wait in memory: what comes when either limit is reached finds no room. What is handed over in one call is
/// not cut, so that at most one call lies beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BacklogLimits {
    /// Events, 1 at least.
    pub events: usize,
    /// Bytes of payloads and metadata.
    pub bytes: usize,
}

impl Default for BacklogLimits {
    /// 10,000 events and 64 MiB.
    fn default() -> Self {
        Self { events: 10_000, bytes: 64 << 20 }
    }
}

impl BacklogLimits {
    /// At most so many events.
    #[must_use]
    pub fn with_events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// At most so many bytes.
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backlog {
    pub(crate) events: usize,
    bytes: usize,
}

impl Backlog {
    /// Whether nothing more finds room.
    pub(crate) fn is_full(self, limits: BacklogLimits) -> bool {
        self.events >= limits.events.max(1) || self.bytes > 0 && self.bytes >= limits.bytes
    }

    pub(crate) fn add(&mut self, event: &RecordedEvent) {
        self.events += 1;
        self.bytes += bytes(event);
    }

    pub(crate) fn remove(&mut self, event: &RecordedEvent) {
        self.events -= 1;
        self.bytes -= bytes(event);
    }
}

fn bytes(event: &RecordedEvent) -> usize {
    event.payload.len() + event.metadata.as_bytes().len()
}

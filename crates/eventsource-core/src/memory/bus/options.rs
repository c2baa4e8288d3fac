//! What a bus in memory takes from outside.

use std::{sync::Arc, time::Duration};

use crate::{Clock, SystemClock, bus::BacklogLimits};

/// What a bus in memory takes from outside.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemoryBusOptions {
    /// How much each group may hold back.
    pub backlog: BacklogLimits,
    /// How long a publication waits for a group that is full.
    pub publish_timeout: Duration,
    /// Tells when events are parked.
    pub clock: Arc<dyn Clock>,
}

impl Default for MemoryBusOptions {
    /// The usual backlog, one second, the system's clock.
    fn default() -> Self {
        Self {
            backlog: BacklogLimits::default(),
            publish_timeout: Duration::from_secs(1),
            clock: Arc::new(SystemClock),
        }
    }
}

impl MemoryBusOptions {
    /// With so much room for each group.
    #[must_use]
    pub fn with_backlog(mut self, limits: BacklogLimits) -> Self {
        self.backlog = limits;
        self
    }

    /// Waiting so long for a group that is full.
    #[must_use]
    pub fn with_publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// With this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

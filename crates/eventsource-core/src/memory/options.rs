//! What a store in memory takes from outside.

use std::{fmt, sync::Arc};

use crate::{Clock, IdGenerator, SystemClock, TimeOrderedIds, store::Limits};

/// What a store in memory takes from outside.
#[derive(Clone)]
#[non_exhaustive]
pub struct MemoryOptions {
    /// Tells when events are recorded, and when leases end and requests expire.
    pub clock: Arc<dyn Clock>,
    /// Gives lifecycle records their ids.
    pub ids: Arc<dyn IdGenerator>,
    /// What one append or import may hold.
    pub limits: Limits,
}

impl Default for MemoryOptions {
    /// The system's clock, time-ordered random ids, the usual limits.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(TimeOrderedIds), limits: Limits::default() }
    }
}

impl MemoryOptions {
    /// With this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// With these ids for lifecycle records.
    #[must_use]
    pub fn with_ids(mut self, ids: impl IdGenerator) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl fmt::Debug for MemoryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MemoryOptions");
        debug.field("clock", &self.clock).field("limits", &self.limits).finish_non_exhaustive()
    }
}

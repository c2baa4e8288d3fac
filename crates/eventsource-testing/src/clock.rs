//! A clock in the hands of a test.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use eventsource_core::{Clock, Timestamp};

/// A clock that stands still until the test moves it, forward or back. A handle: clones tell the same time.
///
/// ```
/// use std::time::Duration;
/// use eventsource_core::{Clock, Timestamp};
/// use eventsource_testing::ManualClock;
///
/// let clock = ManualClock::at("2026-01-31T12:00:00Z".parse()?);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), "2026-01-31T12:01:00Z".parse::<Timestamp>()?);
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(time.as_micros())))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().plus(duration));
    }

    /// Moves the clock to a time, which may lie in the past.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Shows 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_225_600_000_000)))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        // Only valid times are ever stored.
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_tell_the_same_time_and_it_may_go_back() {
        let clock = ManualClock::default();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000000Z");
        let same = clock.clone();
        same.advance(Duration::from_micros(1));
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000001Z");
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(same.now(), Timestamp::UNIX_EPOCH);
    }
}

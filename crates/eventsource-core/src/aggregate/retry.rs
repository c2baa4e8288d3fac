//! When and how often the repository tries again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often the repository tries again, and how long it waits in between: exponential with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often an update decides anew after another process was faster.
    pub conflicts: usize,
    /// How often a call is sent again after a transient error, an append with the same event ids.
    pub transient: usize,
    /// The first wait.
    pub delay_min: Duration,
    /// The longest wait.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    /// 10 conflicts, 5 transient errors, 2 ms to 1 s.
    fn default() -> Self {
        Self {
            conflicts: 10,
            transient: 5,
            delay_min: Duration::from_millis(2),
            delay_max: Duration::from_secs(1),
        }
    }
}

impl RetryPolicy {
    /// Never trying again.
    #[must_use]
    pub fn never() -> Self {
        Self { conflicts: 0, transient: 0, ..Self::default() }
    }

    /// Deciding anew this often.
    #[must_use]
    pub fn with_conflicts(mut self, times: usize) -> Self {
        self.conflicts = times;
        self
    }

    /// Sending again this often.
    #[must_use]
    pub fn with_transient(mut self, times: usize) -> Self {
        self.transient = times;
        self
    }

    /// Waiting so long.
    #[must_use]
    pub fn with_delays(mut self, min: Duration, max: Duration) -> Self {
        self.delay_min = min;
        self.delay_max = max;
        self
    }

    /// The waits after transient errors.
    pub(crate) fn transient_backoff(self) -> ExponentialBuilder {
        self.backoff(self.transient)
    }

    /// The waits after conflicts.
    pub(crate) fn conflict_delays(self) -> impl Iterator<Item = Duration> {
        self.backoff(self.conflicts).build()
    }

    fn backoff(self, times: usize) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.delay_min)
            .with_max_delay(self.delay_max)
            .with_max_times(times)
            .with_jitter()
    }
}

//! One contender's turn: some operations, timed one by one.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{Failure, Result, unit::Unit};

/// What one contender did in one round.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Round {
    /// In the unit of the case.
    pub(crate) figure: f64,
    /// Nanoseconds that 99 of 100 operations did not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99: Option<f64>,
    /// Appends that were refused because another writer was faster, and decided anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conflicts: Option<u64>,
}

impl Round {
    /// Something that was counted and not timed.
    pub(crate) fn counted(figure: f64) -> Self {
        Self { figure, ..Self::default() }
    }

    /// So many events in this time, by several at once.
    pub(crate) fn rate(events: u64, elapsed: Duration) -> Self {
        Self::counted(events as f64 / elapsed.as_secs_f64())
    }

    pub(crate) fn with_conflicts(self, conflicts: u64) -> Self {
        Self { conflicts: Some(conflicts), ..self }
    }
}

/// Times operations one by one.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    unit: Unit,
    nanoseconds: Histogram<u64>,
    elapsed: Duration,
    events: u64,
}

impl Stopwatch {
    pub(crate) fn new(unit: Unit) -> Result<Self> {
        Ok(Self { unit, nanoseconds: Histogram::new(3)?, elapsed: Duration::ZERO, events: 0 })
    }

    /// Times an operation on so many events.
    pub(crate) fn time<T, E: Into<Failure>>(
        &mut self,
        events: u64,
        operation: impl FnOnce() -> Result<T, E>,
    ) -> Result<T> {
        let began = Instant::now();
        let done = operation().map_err(Into::into)?;
        self.note(events, began)?;
        Ok(done)
    }

    /// Times an operation on so many events.
    pub(crate) async fn time_async<T, E: Into<Failure>>(
        &mut self,
        events: u64,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        let began = Instant::now();
        let done = operation.await.map_err(Into::into)?;
        self.note(events, began)?;
        Ok(done)
    }

    fn note(&mut self, events: u64, began: Instant) -> Result<()> {
        let elapsed = began.elapsed();
        self.nanoseconds.record(elapsed.as_nanos().try_into()?)?;
        self.elapsed += elapsed;
        self.events += events;
        Ok(())
    }

    /// The median time of an operation, or the rate over all of them, as the unit says.
    pub(crate) fn stop(&self) -> Round {
        let figure = match self.unit.is_rate() {
            true => Round::rate(self.events, self.elapsed).figure,
            false => self.nanoseconds.value_at_quantile(0.5) as f64,
        };
        Round { p99: Some(self.nanoseconds.value_at_quantile(0.99) as f64), ..Round::counted(figure) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(unit: Unit) -> Round {
        let mut stopwatch = Stopwatch::new(unit).unwrap();
        for _ in 0..3 {
            let sleep = || {
                std::thread::sleep(Duration::from_millis(1));
                Ok::<_, Failure>(())
            };
            stopwatch.time(10, sleep).unwrap();
        }
        stopwatch.stop()
    }

    #[test]
    fn a_time_is_that_of_one_operation() {
        let round = round(Unit::Nanoseconds);
        assert!(round.figure >= 1e6 && round.p99 >= Some(round.figure), "{round:?}");
    }

    #[test]
    fn a_rate_counts_the_events_of_all_operations() {
        let round = round(Unit::EventsPerSecond);
        assert!(round.figure > 0.0 && round.figure <= 10_000.0, "{round:?}");
    }
}

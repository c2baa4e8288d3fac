//! What becomes of one event of a group.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::warn;

use super::{Shared, turn::Turn};
use crate::{
    BoxError, ConsumerId, LogId, RecordedEvent, Result,
    backend::{AfterFailure, stopped_by},
    bus::{Delivery, DeliveryHandler, GroupOptions, GroupStatistics},
    dead_letter::Cause,
    failure,
};

/// What a member works with.
pub(super) struct Consumption {
    pub(super) shared: Arc<Shared>,
    /// The group, as the consumer that its letters belong to.
    pub(super) consumer: ConsumerId,
    pub(super) options: GroupOptions,
    pub(super) handler: Arc<dyn DeliveryHandler>,
    pub(super) counters: Counters,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) handled: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) parked: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) in_flight: AtomicU64,
}

impl Consumption {
    /// Lets the first event of a stream be handled, and decides about it when it fails.
    ///
    /// # Errors
    /// What ends the consumption. The event then comes again.
    pub(super) async fn deliver(&self, turn: Turn) -> Result<()> {
        let Some((event, attempt)) = turn.begin_attempt() else { return Ok(()) };
        if !self.options.filter.accepts(&event) {
            turn.finish();
            return Ok(());
        }
        let _in_flight = InFlight::new(&self.counters.in_flight);
        if self.is_parked(&turn).await? {
            self.park(&turn, &event, Cause::behind(), 0).await?;
            turn.finish();
            return Ok(());
        }
        match self.attempt(turn.stream().0, event.clone(), attempt).await {
            Ok(()) => {
                turn.with_group(|group| group.given_up.succeeded());
                turn.finish();
                Ok(())
            }
            Err(error) => self.decide(turn, &event, attempt, error).await,
        }
    }

    /// One attempt at an event.
    pub(super) async fn attempt(
        &self,
        log: LogId,
        event: Arc<RecordedEvent>,
        attempt: u32,
    ) -> Result<(), BoxError> {
        let id = event.id;
        // The call itself is part of the future, because a handler may panic before it returns one.
        let handling = async { self.handler.handle(Delivery { log, event, attempt }).await };
        let outcome = failure::attempt(handling, self.options.timeout).await;
        match &outcome {
            Ok(()) => count(&self.counters.handled),
            Err(error) => {
                count(&self.counters.failed);
                warn!(group = %self.consumer.name, event = %id, attempt, %error, "an event could not be handled");
            }
        }
        outcome
    }

    async fn decide(&self, turn: Turn, event: &RecordedEvent, attempt: u32, error: BoxError) -> Result<()> {
        let policy = &self.options.failure;
        // Asked outside of the lock, because it runs code of the application.
        let verdict = policy.verdict(&error);
        let then = turn.with_group(|group| group.given_up.failed(policy, &event.stream, attempt, verdict));
        match then {
            Some(AfterFailure::Retry(delay)) => turn.delay(delay),
            Some(AfterFailure::Park) => {
                self.park(&turn, event, Cause::of(&error), attempt).await?;
                turn.finish();
            }
            Some(AfterFailure::Skip) => {
                count(&self.counters.skipped);
                turn.finish();
            }
            Some(AfterFailure::Stop) => return Err(stopped_by(&event.stream, error)),
            // The group was removed meanwhile, and with it what waited.
            None => {}
        }
        Ok(())
    }

    pub(super) fn statistics(&self) -> GroupStatistics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GroupStatistics {
            handled: get(&self.counters.handled),
            failed: get(&self.counters.failed),
            parked: get(&self.counters.parked),
            skipped: get(&self.counters.skipped),
            in_flight: get(&self.counters.in_flight),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts an event as long as it lives.
struct InFlight<'a>(&'a AtomicU64);

impl<'a> InFlight<'a> {
    fn new(counter: &'a AtomicU64) -> Self {
        count(counter);
        Self(counter)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

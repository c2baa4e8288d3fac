//! Fan-out of recorded events to other processes and other systems.
//!
//! A bus brings each event to every consumer group at least once, in the order of its stream. Who must know that nothing is
//! missing reads the feed; who must apply each event once keeps an [`Inbox`](crate::inbox::Inbox).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{BoxError, ConsumerName, EventFilter, LogId, RecordedEvent, Result, store::Close};

/// Takes recorded events. Every [`EventBus`] is one; a repository can hand its commits to one.
#[async_trait]
pub trait EventPublisher: Send + Sync + 'static {
    /// Hands over events of a log.
    ///
    /// # Ordering
    /// Events of one stream stay in the order given, also from call to call.
    ///
    /// # Errors
    /// `Publish` when they, or some of them, were not taken. Publishing them again is always right.
    ///
    /// # Cancel safety
    /// A dropped call may have published any of them; publish again.
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) -> Result<()>;
}

/// An event on its way to a handler.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The log that the event belongs to.
    pub log: LogId,
    /// The event.
    pub event: Arc<RecordedEvent>,
    /// Which attempt of this group it is, from 1.
    pub attempt: u32,
}

/// Handles what a bus delivers to a group.
#[async_trait]
pub trait DeliveryHandler: Send + Sync + 'static {
    /// Handles one event. It is acknowledged when this returns `Ok`, and tried again or parked by the group when not.
    ///
    /// # Ordering
    /// Deliveries of one stream come one after the other, also through retries.
    ///
    /// # Errors
    /// Whatever went wrong; other groups see nothing of it.
    ///
    /// # Cancel safety
    /// Dropped when the group's time-out passes or the process ends; the event then comes again.
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError>;
}

/// How a group consumes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GroupOptions {
    /// Which events it wants.
    pub filter: EventFilter,
    /// How many streams it handles at the same time in this process, 1 at least.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often an event is tried before it is parked, 1 at least.
    pub attempts: u32,
}

impl Default for GroupOptions {
    /// Everything, one stream at a time, 30 seconds and 5 attempts for each event.
    fn default() -> Self {
        Self { filter: EventFilter::all(), concurrency: 1, timeout: Duration::from_secs(30), attempts: 5 }
    }
}

impl GroupOptions {
    /// Only these events.
    #[must_use]
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// With so many streams at the same time.
    #[must_use]
    pub fn with_concurrency(mut self, streams: usize) -> Self {
        self.concurrency = streams;
        self
    }

    /// With so much time for one attempt.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With so many attempts for each event.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }
}

/// How a group has fared in this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatistics {
    /// Events handled.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events parked.
    pub parked: u64,
    /// Events that are being handled.
    pub in_flight: u64,
}

/// A group's consumption in this process, which goes on until it is stopped or dropped.
#[async_trait]
pub trait GroupConsumer: Send + Sync + 'static {
    /// Takes no more deliveries, and waits so long for those in flight. Whether all of them ended; the others come
    /// again.
    ///
    /// # Errors
    /// What ended the consumption before.
    ///
    /// # Cancel safety
    /// It stops all the same.
    async fn stop(&self, drain: Duration) -> Result<bool>;

    /// How it has fared.
    fn statistics(&self) -> GroupStatistics;

    /// Whether it consumes: connected, and with a heart that beats.
    fn is_healthy(&self) -> bool;
}

/// Brings events to consumer groups.
#[async_trait]
pub trait EventBus: EventPublisher + Close {
    /// Consumes as a member of a group: members share the events, and every group gets all. A group exists from its
    /// first consumption on, and gets what is published while none of its members runs, as far as the bus keeps it.
    ///
    /// # Ordering
    /// By stream, also through retries and between members.
    ///
    /// # Errors
    /// `InvalidInput` for options that cannot work; `Unavailable` when the bus cannot be reached now.
    ///
    /// # Cancel safety
    /// A dropped call consumes nothing.
    async fn consume(
        &self,
        group: &ConsumerName,
        options: GroupOptions,
        handler: Arc<dyn DeliveryHandler>,
    ) -> Result<Box<dyn GroupConsumer>>;
}

//! Fan-out of recorded events to other processes and other systems.
//!
//! A bus brings each event to every consumer group at least once, in the order of its stream. Who must know that nothing is
//! missing reads the feed; who must apply each event once keeps an [`Inbox`](crate::inbox::Inbox).
//!
//! - A group handles what it gets with a [`DeliveryHandler`]. [`typed`] makes one of a closure, [`Projecting`] of a
//!   [`Projection`](crate::projection::Projection), [`Reacting`] of a [`Reactor`](crate::projection::Reactor); all three
//!   decode, and what cannot be decoded goes to the dead letters at once.
//! - An [`IdempotentReceiver`] around a handler recognises what comes again, by an inbox.
//! - A [`BackgroundPublisher`] around a publisher lets commits go on without waiting for the bus.

mod background;
mod backlog;
mod handler;
mod receiver;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub(crate) use self::backlog::Backlog;
pub use self::{
    background::{BackgroundOptions, BackgroundPublisher, BackgroundStatistics},
    backlog::BacklogLimits,
    handler::{Projecting, Reacting, typed},
    receiver::{Gaps, IdempotentReceiver, VersionsMissing},
};
use crate::{
    BoxError, ConsumerName, EventFilter, EventId, EventSet, LogId, RecordedEvent, Result, StreamId,
    dead_letter::ParkingLimits, failure::FailurePolicy, store::Close,
};

/// Takes recorded events. Every [`EventBus`] is one; a repository can hand its commits to one.
#[async_trait]
pub trait EventPublisher: Send + Sync + 'static {
    /// Hands over events of a log. What a group does with them, or fails to do, is nothing to the publisher.
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
    /// Which attempt of this group it is, from 1. One that was cut short, because its member went away, counts.
    pub attempt: u32,
}

/// Handles what a bus delivers to a group.
#[async_trait]
pub trait DeliveryHandler: Send + Sync + 'static {
    /// Handles one event. It is acknowledged when this returns `Ok`; when not, the group's [`FailurePolicy`] decides
    /// whether it is tried again, parked, passed over, or the end of the consumption.
    ///
    /// # Ordering
    /// Deliveries of one stream come one after the other, also through retries and between the members of the group.
    ///
    /// # Errors
    /// Whatever went wrong; other groups see nothing of it. A panic and a time-out are failures, too.
    ///
    /// # Cancel safety
    /// Dropped when the group's time-out passes or the process ends; the event then comes again.
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError>;
}

/// How a group consumes. All its members give the same filter.
///
/// ```
/// use std::time::Duration;
/// use eventsource_core::{EventFilter, bus::GroupOptions, failure::FailurePolicy};
///
/// let options = GroupOptions::default()
///     .with_filter(EventFilter::all().category("Order")?)
///     .with_concurrency(8)
///     .with_timeout(Duration::from_secs(5))
///     .with_failure(FailurePolicy::default().with_retries(3, Duration::from_millis(50), Duration::from_secs(1)));
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GroupOptions {
    /// Which events it wants.
    pub filter: EventFilter,
    /// How many streams it handles at the same time in this process, 1 at least.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// What happens when an attempt fails.
    pub failure: FailurePolicy,
    /// How much may be parked before the consumption ends.
    pub parking: ParkingLimits,
    /// The version of the handler's code, kept with what it could not handle.
    pub handler_version: String,
}

impl Default for GroupOptions {
    /// Everything, one stream at a time, 30 seconds for one attempt, then as the [`FailurePolicy`] and the
    /// [`ParkingLimits`] have it by default.
    fn default() -> Self {
        Self {
            filter: EventFilter::all(),
            concurrency: 1,
            timeout: Duration::from_secs(30),
            failure: FailurePolicy::default(),
            parking: ParkingLimits::default(),
            handler_version: String::new(),
        }
    }
}

impl GroupOptions {
    /// Only these events.
    #[must_use]
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Only the events that can be of this type.
    ///
    /// # Errors
    /// `InvalidInput` when a category of the type breaks its rules.
    pub fn for_events<E: EventSet>(self) -> Result<Self> {
        Ok(self.with_filter(E::filter()?))
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

    /// With this policy for attempts that fail.
    #[must_use]
    pub fn with_failure(mut self, policy: FailurePolicy) -> Self {
        self.failure = policy;
        self
    }

    /// With so much room for dead letters.
    #[must_use]
    pub fn with_parking(mut self, limits: ParkingLimits) -> Self {
        self.parking = limits;
        self
    }

    /// Of this version of the handler's code.
    #[must_use]
    pub fn with_handler_version(mut self, version: impl Into<String>) -> Self {
        self.handler_version = version.into();
        self
    }
}

/// How a member of a group has fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatistics {
    /// Events handled.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events parked, those behind others included.
    pub parked: u64,
    /// Events passed over, because the policy says so.
    pub skipped: u64,
    /// Events that are being handled.
    pub in_flight: u64,
}

/// What became of the letters of a stream that were tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// Letters that were handled; they are gone.
    pub handled: u64,
    /// Whether the stream goes on. When not, the first letter that is left failed again.
    pub released: bool,
}

/// A group's consumption in this process, which goes on until it is stopped or dropped.
///
/// The letters of a group are those of version 1 of the consumer of its name
/// ([`ConsumerId::from`](crate::ConsumerId)). Only what is asked here handles or removes them, so that no letter is
/// handled while a later event of its stream is.
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

    /// Handles the letters of a stream again, from the first to the last or to one that fails again. When none is left,
    /// the stream goes on.
    ///
    /// # Ordering
    /// In the order of the stream, and no other event of it is handled meanwhile.
    ///
    /// # Errors
    /// `Closed` when this member has stopped; failures of the store of letters. That a letter failed again is an answer.
    ///
    /// # Cancel safety
    /// A letter that was handled may still be there, and is then handled again. Call it again.
    async fn retry(&self, log: LogId, stream: &StreamId) -> Result<Retried>;

    /// Gives up the letter of an event, so that its stream goes on without it. Whether it was there.
    ///
    /// # Errors
    /// `Closed` when this member has stopped; failures of the store of letters.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all.
    async fn discard(&self, log: LogId, event: EventId) -> Result<bool>;

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
    /// Events that fail are parked in the store of dead letters that the bus was made with, and every later event of
    /// their streams behind them, until somebody [retries](GroupConsumer::retry) or
    /// [discards](GroupConsumer::discard) them. An event is done when its handler returned, or when its letter is kept.
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

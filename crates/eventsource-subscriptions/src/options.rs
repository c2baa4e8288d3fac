//! How a subscription runs.

use std::{fmt, sync::Arc, time::Duration};

use eventsource_core::{
    Error, EventFilter, Position, Result, Timestamp, dead_letter::ParkingLimits, failure::FailurePolicy,
};

use crate::notice::Notice;

/// How a subscription runs.
///
/// ```
/// use std::time::Duration;
/// use eventsource_subscriptions::{Start, SubscriptionOptions};
///
/// let options = SubscriptionOptions::default()
///     .with_start(Start::End)
///     .with_lanes(4)
///     .with_handler_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SubscriptionOptions {
    /// Which version of the consumer it is, from 1. A rebuild runs a new one beside the old one.
    pub version: u32,
    /// Where to begin when there is no checkpoint; `None` is the beginning, and the end for a reactor.
    pub start: Option<Start>,
    /// Which events of those that the handler's type selects; everything by default.
    pub filter: EventFilter,
    /// How many streams are handled at the same time, 1 to 1,024. Events of one stream always follow each other.
    pub lanes: u16,
    /// The most events of one batch, 1 at least.
    pub batch_events: usize,
    /// How long to wait for a hint before looking at the feed anyway.
    pub poll_interval: Duration,
    /// When the checkpoint of a handler without a transaction is written.
    pub checkpoint: Checkpointing,
    /// What happens when a handler fails.
    pub failure: FailurePolicy,
    /// How long one event may take in a handler without a transaction.
    pub handler_timeout: Duration,
    /// How much may be parked before the subscription stops.
    pub parking: ParkingLimits,
    /// The version of the handler's code, kept with what it could not handle.
    pub handler_version: String,
    pub(crate) observer: Option<Arc<Observer>>,
}

/// Hears what happens.
pub(crate) type Observer = dyn Fn(&Notice) + Send + Sync;

/// Where a subscription without a checkpoint begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first event of the log.
    Beginning,
    /// Behind the last event that the log has when the subscription is started for the first time.
    End,
    /// Behind this position.
    After(Position),
    /// With what was recorded at this time or later.
    Time(Timestamp),
}

/// When the checkpoint of a handler without a transaction is written: what lies behind it comes again after a crash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checkpointing {
    /// After each event.
    EveryEvent,
    /// After each batch.
    #[default]
    EveryBatch,
    /// At most so often, and when the subscription stops.
    Periodic(Duration),
}

impl Default for SubscriptionOptions {
    /// One lane, 500 events a batch, a look at the feed every 5 seconds without a hint, 30 seconds for
    /// one event, a checkpoint for every batch.
    fn default() -> Self {
        Self {
            version: 1,
            start: None,
            filter: EventFilter::all(),
            lanes: 1,
            batch_events: 500,
            poll_interval: Duration::from_secs(5),
            checkpoint: Checkpointing::EveryBatch,
            failure: FailurePolicy::default(),
            handler_timeout: Duration::from_secs(30),
            parking: ParkingLimits::default(),
            handler_version: String::new(),
            observer: None,
        }
    }
}

impl SubscriptionOptions {
    /// As this version of the consumer.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Beginning here when there is no checkpoint.
    #[must_use]
    pub fn with_start(mut self, start: Start) -> Self {
        self.start = Some(start);
        self
    }

    /// Only these of the events that the handler's type selects.
    #[must_use]
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// In so many lanes.
    #[must_use]
    pub fn with_lanes(mut self, lanes: u16) -> Self {
        self.lanes = lanes;
        self
    }

    /// In batches of at most so many events.
    #[must_use]
    pub fn with_batch_events(mut self, events: usize) -> Self {
        self.batch_events = events;
        self
    }

    /// Looking at the feed this often without a hint.
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Writing checkpoints like this.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Checkpointing) -> Self {
        self.checkpoint = checkpoint;
        self
    }

    /// With this policy for failures.
    #[must_use]
    pub fn with_failure(mut self, failure: FailurePolicy) -> Self {
        self.failure = failure;
        self
    }

    /// With so much time for one event.
    #[must_use]
    pub fn with_handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    /// With these limits for what is parked.
    #[must_use]
    pub fn with_parking(mut self, limits: ParkingLimits) -> Self {
        self.parking = limits;
        self
    }

    /// By this version of the handler's code.
    #[must_use]
    pub fn with_handler_version(mut self, version: impl Into<String>) -> Self {
        self.handler_version = version.into();
        self
    }

    /// Telling `observer` what happens, from the subscription's own task: it must not block.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.lanes == 0 || self.lanes > eventsource_core::Slice::COUNT {
            let message =
                format!("lanes is {}; it must be 1 to {}", self.lanes, eventsource_core::Slice::COUNT);
            return Err(Error::invalid_input("lanes", message));
        }
        if self.batch_events == 0 {
            return Err(Error::invalid_input("batch_events", "a batch must hold one event at least"));
        }
        if self.handler_timeout.is_zero() {
            return Err(Error::invalid_input("handler_timeout", "a handler needs some time"));
        }
        Ok(())
    }
}

impl fmt::Debug for SubscriptionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionOptions")
            .field("version", &self.version)
            .field("start", &self.start)
            .field("filter", &self.filter)
            .field("lanes", &self.lanes)
            .field("batch_events", &self.batch_events)
            .field("poll_interval", &self.poll_interval)
            .field("checkpoint", &self.checkpoint)
            .field("failure", &self.failure)
            .field("handler_timeout", &self.handler_timeout)
            .field("parking", &self.parking)
            .field("handler_version", &self.handler_version)
            .finish_non_exhaustive()
    }
}

//! What a subscription tells its observer: the hook of error callbacks, metrics and logs.

use std::time::Duration;

use eventsource_core::{ConsumerId, Error, EventId, StreamId, dead_letter::Cause, status::ConsumerState};

/// Something that happened in a subscription.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// Its state changed.
    State {
        /// The subscription.
        consumer: ConsumerId,
        /// What it does now.
        state: ConsumerState,
        /// Why, where there is a reason.
        reason: Option<String>,
    },
    /// A batch was handled.
    Handled {
        /// The subscription.
        consumer: ConsumerId,
        /// Events handled.
        events: usize,
        /// How long it took.
        took: Duration,
    },
    /// An event failed.
    Failed {
        /// The subscription.
        consumer: ConsumerId,
        /// The event.
        event: EventId,
        /// Its stream.
        stream: StreamId,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// Why it failed.
        cause: Cause,
        /// What happens next.
        then: Consequence,
    },
    /// The database or system behind it failed; it backs off and tries again.
    Trouble {
        /// The subscription.
        consumer: ConsumerId,
        /// What failed.
        error: Error,
        /// When it tries again.
        delay: Duration,
    },
}

/// What happens after an event failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// It is tried again after this time.
    Retried(Duration),
    /// It is parked, with what comes behind it in its stream.
    Parked,
    /// It is passed over.
    Skipped,
    /// The subscription stops.
    Stopped,
}

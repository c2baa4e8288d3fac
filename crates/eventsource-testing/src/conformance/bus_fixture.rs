//! What a bus tells the suites about itself.

use std::{fmt, future::Future, sync::Arc};

use eventsource_core::{bus::EventBus, dead_letter::DeadLetterStore};

use crate::ManualClock;

/// Opens buses for the cases. Each test makes a fixture of its own, and drops it when the case has ended, so that it can
/// own what the bus needs: topics, queues, a container.
///
/// What goes wrong while a bus is opened may panic: it fails the test.
pub trait BusFixture: Send + Sync + 'static {
    /// The bus.
    type Bus: EventBus;

    /// What the bus promises beyond the contract of the port, and what it does not.
    fn capabilities(&self) -> BusCapabilities;

    /// Opens a new bus without groups and events.
    fn open(&self, setup: &BusSetup) -> impl Future<Output = Self::Bus> + Send;
}

/// How a case wants its bus to be opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct BusSetup {
    /// Where the bus keeps its dead letters.
    pub letters: Arc<dyn DeadLetterStore>,
    /// Tells the bus when events are parked, where it asks a clock of this process.
    pub clock: ManualClock,
    /// How many events a group holds at most, where that is bounded.
    pub backlog_events: usize,
}

impl fmt::Debug for BusSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("BusSetup");
        debug
            .field("clock", &self.clock)
            .field("backlog_events", &self.backlog_events)
            .finish_non_exhaustive()
    }
}

/// What a bus declares. Cases assert both answers, so that a wrong declaration fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusCapabilities {
    /// How often an event comes to a group whose attempts succeed and whose members stop in an orderly way.
    pub deliveries: Deliveries,
    /// What the groups hold back while nobody handles it.
    pub backlog: GroupBacklog,
}

/// How often an event comes to a group when nothing fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deliveries {
    /// Once for each time that it is published.
    Once,
    /// At least once: what every bus promises.
    AtLeastOnce,
}

/// What groups hold back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBacklog {
    /// So many events as the setup says; then publishing fails with `Publish`, and nothing of the call is taken.
    Bounded,
    /// What a broker has room for.
    InBroker,
}

impl BusCapabilities {
    /// Those of a bus with these deliveries and this backlog.
    #[must_use]
    pub fn new(deliveries: Deliveries, backlog: GroupBacklog) -> Self {
        Self { deliveries, backlog }
    }
}

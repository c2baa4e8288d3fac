//! The bus in memory passes the suite of its port, by itself and behind a pointer.

use std::sync::Arc;

use eventsource_core::{
    bus::{BacklogLimits, EventBus},
    memory::{MemoryBus, MemoryBusOptions},
};
use eventsource_testing::conformance::{BusCapabilities, BusFixture, BusSetup, Deliveries, GroupBacklog};

const CAPABILITIES: (Deliveries, GroupBacklog) = (Deliveries::Once, GroupBacklog::Bounded);

fn open(setup: &BusSetup) -> MemoryBus {
    let backlog = BacklogLimits::default().with_events(setup.backlog_events);
    let options = MemoryBusOptions::default().with_backlog(backlog).with_clock(setup.clock.clone());
    MemoryBus::with_options(setup.letters.clone(), options)
}

struct Memory;

impl BusFixture for Memory {
    type Bus = MemoryBus;

    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities::new(CAPABILITIES.0, CAPABILITIES.1)
    }

    async fn open(&self, setup: &BusSetup) -> MemoryBus {
        open(setup)
    }
}

struct Pointer;

impl BusFixture for Pointer {
    type Bus = Arc<dyn EventBus>;

    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities::new(CAPABILITIES.0, CAPABILITIES.1)
    }

    async fn open(&self, setup: &BusSetup) -> Arc<dyn EventBus> {
        Arc::new(open(setup))
    }
}

mod memory {
    use super::*;

    eventsource_testing::bus_conformance!(Memory);
}

mod pointer {
    use super::*;

    eventsource_testing::bus_conformance!(Pointer);
}

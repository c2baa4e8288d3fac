//! The store in memory.

use eventsource_core::{MemoryStore, memory::MemoryOptions};
use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};

struct Memory;

/// A store in memory as a case wants it.
pub(crate) fn open(setup: &Setup) -> MemoryStore {
    let options = MemoryOptions::default().with_clock(setup.clock.clone()).with_limits(setup.limits);
    MemoryStore::with_options(options)
}

impl Fixture for Memory {
    type Store = MemoryStore;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> MemoryStore {
        open(setup)
    }
}

eventsource_testing::store_conformance!(Memory);
eventsource_testing::feed_conformance!(Memory);
eventsource_testing::lookup_conformance!(Memory);
eventsource_testing::lookup_deletion_conformance!(Memory);
eventsource_testing::lookup_erasure_conformance!(Memory);
eventsource_testing::listing_conformance!(Memory);
eventsource_testing::listing_deletion_conformance!(Memory);
eventsource_testing::listing_erasure_conformance!(Memory);
eventsource_testing::deletion_conformance!(Memory);
eventsource_testing::erasure_conformance!(Memory);
eventsource_testing::import_conformance!(Memory);
eventsource_testing::adoption_conformance!(Memory);
eventsource_testing::snapshot_conformance!(Memory);
eventsource_testing::snapshot_erasure_conformance!(Memory);

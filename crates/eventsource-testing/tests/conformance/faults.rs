//! A store that can fail, while nothing is scripted. It lets others run in the middle of each call, so that dropped calls
//! leave a store in memory half-way, too.

use eventsource_core::MemoryStore;
use eventsource_testing::{
    FaultStore,
    conformance::{Capabilities, Fixture, Setup, UniqueIds},
};

use crate::memory;

struct Yielding;

impl Fixture for Yielding {
    type Store = FaultStore<MemoryStore>;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> FaultStore<MemoryStore> {
        FaultStore::new(memory::open(setup)).yielding()
    }
}

eventsource_testing::store_conformance!(Yielding);
eventsource_testing::feed_conformance!(Yielding);
eventsource_testing::lookup_conformance!(Yielding);
eventsource_testing::lookup_deletion_conformance!(Yielding);
eventsource_testing::lookup_erasure_conformance!(Yielding);
eventsource_testing::listing_conformance!(Yielding);
eventsource_testing::listing_deletion_conformance!(Yielding);
eventsource_testing::listing_erasure_conformance!(Yielding);
eventsource_testing::deletion_conformance!(Yielding);
eventsource_testing::erasure_conformance!(Yielding);
eventsource_testing::import_conformance!(Yielding);
eventsource_testing::adoption_conformance!(Yielding);
eventsource_testing::snapshot_conformance!(Yielding);
eventsource_testing::snapshot_erasure_conformance!(Yielding);

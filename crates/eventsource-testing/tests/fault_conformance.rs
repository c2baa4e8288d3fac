//! With an empty script a store with faults is the wrapped store, in every port.

use eventsource_core::{MemoryStore, memory::MemoryOptions};
use eventsource_testing::{
    FaultStore,
    conformance::{Capabilities, Fixture, Setup, UniqueIds},
};

struct Faultless;

impl Fixture for Faultless {
    type Store = FaultStore<MemoryStore>;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> FaultStore<MemoryStore> {
        let options = MemoryOptions::default().with_clock(setup.clock.clone()).with_limits(setup.limits);
        FaultStore::new(MemoryStore::with_options(options)).yielding()
    }
}

eventsource_testing::store_conformance!(Faultless);
eventsource_testing::feed_conformance!(Faultless);
eventsource_testing::lookup_conformance!(Faultless);
eventsource_testing::lookup_deletion_conformance!(Faultless);
eventsource_testing::lookup_erasure_conformance!(Faultless);
eventsource_testing::listing_conformance!(Faultless);
eventsource_testing::listing_deletion_conformance!(Faultless);
eventsource_testing::listing_erasure_conformance!(Faultless);
eventsource_testing::deletion_conformance!(Faultless);
eventsource_testing::erasure_conformance!(Faultless);
eventsource_testing::import_conformance!(Faultless);
eventsource_testing::adoption_conformance!(Faultless);
eventsource_testing::snapshot_conformance!(Faultless);
eventsource_testing::snapshot_erasure_conformance!(Faultless);

//! A handle of one tenant. It does not adopt the log, which belongs to all.

use eventsource_core::{MemoryStore, TenantId, layer::TenantScoped};
use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};

use crate::memory;

struct OneTenant(TenantId);

impl OneTenant {
    fn new() -> Self {
        Self(TenantId::new("acme").expect("a valid name"))
    }
}

impl Fixture for OneTenant {
    type Store = TenantScoped<MemoryStore>;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog).of_tenant(self.0.clone())
    }

    async fn open(&self, setup: &Setup) -> TenantScoped<MemoryStore> {
        TenantScoped::new(memory::open(setup), self.0.clone())
    }
}

eventsource_testing::store_conformance!(OneTenant::new());
eventsource_testing::feed_conformance!(OneTenant::new());
eventsource_testing::lookup_conformance!(OneTenant::new());
eventsource_testing::lookup_deletion_conformance!(OneTenant::new());
eventsource_testing::lookup_erasure_conformance!(OneTenant::new());
eventsource_testing::listing_conformance!(OneTenant::new());
eventsource_testing::listing_deletion_conformance!(OneTenant::new());
eventsource_testing::listing_erasure_conformance!(OneTenant::new());
eventsource_testing::deletion_conformance!(OneTenant::new());
eventsource_testing::erasure_conformance!(OneTenant::new());
eventsource_testing::import_conformance!(OneTenant::new());
eventsource_testing::snapshot_conformance!(OneTenant::new());
eventsource_testing::snapshot_erasure_conformance!(OneTenant::new());

//! A store behind a pointer to its ports.

use std::sync::Arc;

use eventsource_core::store::{
    EventFeed, EventImport, EventLookup, EventStore, LogAdoption, SnapshotStore, StreamDeletion,
    StreamErasure, StreamListing,
};
use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};

use crate::memory;

/// Every port of the write side.
pub(crate) trait WriteSide:
    EventStore
    + EventFeed
    + EventLookup
    + StreamListing
    + StreamDeletion
    + StreamErasure
    + EventImport
    + LogAdoption
    + SnapshotStore
{
}

impl WriteSide for eventsource_core::MemoryStore {}

struct Pointer;

impl Fixture for Pointer {
    type Store = Arc<dyn WriteSide>;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> Arc<dyn WriteSide> {
        Arc::new(memory::open(setup))
    }
}

eventsource_testing::store_conformance!(Pointer);
eventsource_testing::feed_conformance!(Pointer);
eventsource_testing::lookup_conformance!(Pointer);
eventsource_testing::lookup_deletion_conformance!(Pointer);
eventsource_testing::lookup_erasure_conformance!(Pointer);
eventsource_testing::listing_conformance!(Pointer);
eventsource_testing::listing_deletion_conformance!(Pointer);
eventsource_testing::listing_erasure_conformance!(Pointer);
eventsource_testing::deletion_conformance!(Pointer);
eventsource_testing::erasure_conformance!(Pointer);
eventsource_testing::import_conformance!(Pointer);
eventsource_testing::adoption_conformance!(Pointer);
eventsource_testing::snapshot_conformance!(Pointer);
eventsource_testing::snapshot_erasure_conformance!(Pointer);

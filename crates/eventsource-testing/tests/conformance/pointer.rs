//! A store behind a pointer to its ports.

use std::sync::Arc;

use eventsource_core::{
    checkpoint::CheckpointStore,
    dead_letter::DeadLetterStore,
    inbox::Inbox,
    lease::LeaseStore,
    request::RequestStore,
    status::StatusStore,
    store::{
        EventFeed, EventImport, EventLookup, EventStore, LogAdoption, SnapshotStore, StreamDeletion,
        StreamErasure, StreamListing,
    },
};
use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};

use crate::memory;

/// Every port of a store.
pub(crate) trait EveryPort:
    EventStore
    + EventFeed
    + EventLookup
    + StreamListing
    + StreamDeletion
    + StreamErasure
    + EventImport
    + LogAdoption
    + SnapshotStore
    + CheckpointStore
    + DeadLetterStore
    + Inbox
    + LeaseStore
    + StatusStore
    + RequestStore
{
}

impl EveryPort for eventsource_core::MemoryStore {}

struct Pointer;

impl Fixture for Pointer {
    type Store = Arc<dyn EveryPort>;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> Arc<dyn EveryPort> {
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
eventsource_testing::checkpoint_conformance!(Pointer);
eventsource_testing::dead_letter_conformance!(Pointer);
eventsource_testing::dead_letter_erasure_conformance!(Pointer);
eventsource_testing::inbox_conformance!(Pointer);
eventsource_testing::lease_conformance!(Pointer);
eventsource_testing::status_conformance!(Pointer);
eventsource_testing::request_conformance!(Pointer);
eventsource_testing::request_erasure_conformance!(Pointer);

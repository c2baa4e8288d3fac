//! The store in memory.

use std::sync::{Mutex, PoisonError};

use eventsource_core::{MemoryStore, Position, memory::MemoryOptions};
use eventsource_testing::conformance::{Capabilities, Fixture, Reopen, Setup, UniqueIds};

/// A store in memory as a case wants it.
pub(crate) fn open(setup: &Setup) -> MemoryStore {
    let options = MemoryOptions::default().with_clock(setup.clock.clone()).with_limits(setup.limits);
    MemoryStore::with_options(options)
}

/// Remembers the store that it opened last, because a copy of its log is as good as opening it again.
#[derive(Default)]
struct Memory {
    opened: Mutex<Option<MemoryStore>>,
}

impl Memory {
    fn keep(&self, store: MemoryStore) -> MemoryStore {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(store.clone());
        store
    }
}

impl Fixture for Memory {
    type Store = MemoryStore;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> MemoryStore {
        self.keep(open(setup))
    }
}

impl Reopen for Memory {
    async fn reopen(&self, _setup: &Setup) -> MemoryStore {
        let closed = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.keep(closed.expect("a store was opened before").restored_to(Position::MAX))
    }
}

eventsource_testing::store_conformance!(Memory::default());
eventsource_testing::feed_conformance!(Memory::default());
eventsource_testing::lookup_conformance!(Memory::default());
eventsource_testing::lookup_deletion_conformance!(Memory::default());
eventsource_testing::lookup_erasure_conformance!(Memory::default());
eventsource_testing::listing_conformance!(Memory::default());
eventsource_testing::listing_deletion_conformance!(Memory::default());
eventsource_testing::listing_erasure_conformance!(Memory::default());
eventsource_testing::deletion_conformance!(Memory::default());
eventsource_testing::erasure_conformance!(Memory::default());
eventsource_testing::import_conformance!(Memory::default());
eventsource_testing::adoption_conformance!(Memory::default());
eventsource_testing::snapshot_conformance!(Memory::default());
eventsource_testing::snapshot_erasure_conformance!(Memory::default());
eventsource_testing::reopen_conformance!(Memory::default());
eventsource_testing::checkpoint_conformance!(Memory::default());
eventsource_testing::dead_letter_conformance!(Memory::default());
eventsource_testing::dead_letter_erasure_conformance!(Memory::default());
eventsource_testing::inbox_conformance!(Memory::default());
eventsource_testing::lease_conformance!(Memory::default());
eventsource_testing::status_conformance!(Memory::default());
eventsource_testing::request_conformance!(Memory::default());
eventsource_testing::request_erasure_conformance!(Memory::default());

//! The SQLite store passes every suite of its ports, in a file and in memory.
#![allow(clippy::unwrap_used, reason = "a store that cannot be opened fails the test")]

mod in_a_file {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use eventsource_sqlite::{SqliteOptions, SqliteStore, Synchronous};
    use eventsource_testing::conformance::{Capabilities, Fixture, Reopen, Setup, UniqueIds};
    use tempfile::TempDir;

    /// A directory with a file for each store.
    struct Files {
        directory: TempDir,
        opened: AtomicUsize,
    }

    impl Files {
        fn new() -> Self {
            Self { directory: TempDir::new().unwrap(), opened: AtomicUsize::new(0) }
        }

        async fn open_last(&self, setup: &Setup) -> SqliteStore {
            let path = self.directory.path().join(format!("{}.db", self.opened.load(Ordering::SeqCst)));
            let options = SqliteOptions::file(path)
                .with_clock(setup.clock.clone())
                .with_limits(setup.limits)
                // The power does not fail here, and waiting for the disk each time takes long.
                .with_synchronous(Synchronous::Normal);
            SqliteStore::open_with(options).await.unwrap()
        }
    }

    impl Fixture for Files {
        type Store = SqliteStore;

        fn capabilities(&self) -> Capabilities {
            Capabilities::new(UniqueIds::PerLog)
        }

        async fn open(&self, setup: &Setup) -> SqliteStore {
            self.opened.fetch_add(1, Ordering::SeqCst);
            self.open_last(setup).await
        }
    }

    impl Reopen for Files {
        async fn reopen(&self, setup: &Setup) -> SqliteStore {
            self.open_last(setup).await
        }
    }

    eventsource_testing::store_conformance!(Files::new());
    eventsource_testing::feed_conformance!(Files::new());
    eventsource_testing::lookup_conformance!(Files::new());
    eventsource_testing::lookup_deletion_conformance!(Files::new());
    eventsource_testing::lookup_erasure_conformance!(Files::new());
    eventsource_testing::listing_conformance!(Files::new());
    eventsource_testing::listing_deletion_conformance!(Files::new());
    eventsource_testing::listing_erasure_conformance!(Files::new());
    eventsource_testing::deletion_conformance!(Files::new());
    eventsource_testing::erasure_conformance!(Files::new());
    eventsource_testing::import_conformance!(Files::new());
    eventsource_testing::adoption_conformance!(Files::new());
    eventsource_testing::snapshot_conformance!(Files::new());
    eventsource_testing::snapshot_erasure_conformance!(Files::new());
    eventsource_testing::checkpoint_conformance!(Files::new());
    eventsource_testing::dead_letter_conformance!(Files::new());
    eventsource_testing::dead_letter_erasure_conformance!(Files::new());
    eventsource_testing::inbox_conformance!(Files::new());
    eventsource_testing::lease_conformance!(Files::new());
    eventsource_testing::status_conformance!(Files::new());
    eventsource_testing::request_conformance!(Files::new());
    eventsource_testing::request_erasure_conformance!(Files::new());
    eventsource_testing::reopen_conformance!(Files::new());
}

mod in_memory {
    use eventsource_sqlite::{SqliteOptions, SqliteStore};
    use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};

    struct Memory;

    impl Fixture for Memory {
        type Store = SqliteStore;

        fn capabilities(&self) -> Capabilities {
            Capabilities::new(UniqueIds::PerLog)
        }

        async fn open(&self, setup: &Setup) -> SqliteStore {
            let options = SqliteOptions::memory().with_clock(setup.clock.clone()).with_limits(setup.limits);
            SqliteStore::open_with(options).await.unwrap()
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
    eventsource_testing::checkpoint_conformance!(Memory);
    eventsource_testing::dead_letter_conformance!(Memory);
    eventsource_testing::dead_letter_erasure_conformance!(Memory);
    eventsource_testing::inbox_conformance!(Memory);
    eventsource_testing::lease_conformance!(Memory);
    eventsource_testing::status_conformance!(Memory);
    eventsource_testing::request_conformance!(Memory);
    eventsource_testing::request_erasure_conformance!(Memory);
}

/// Read models in a file of their own.
mod read_models {
    use eventsource_sqlite::{SqliteOptions, SqliteReadModels, Synchronous};
    use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};
    use tempfile::TempDir;

    struct Files(TempDir);

    impl Files {
        fn new() -> Self {
            Self(TempDir::new().unwrap())
        }
    }

    impl Fixture for Files {
        type Store = SqliteReadModels;

        fn capabilities(&self) -> Capabilities {
            Capabilities::new(UniqueIds::PerLog)
        }

        async fn open(&self, setup: &Setup) -> SqliteReadModels {
            let directory = TempDir::new_in(&self.0).unwrap().keep();
            let options = SqliteOptions::file(directory.join("models.db"))
                .with_clock(setup.clock.clone())
                .with_synchronous(Synchronous::Normal);
            SqliteReadModels::open_with(options).await.unwrap()
        }
    }

    eventsource_testing::checkpoint_conformance!(Files::new());
    eventsource_testing::dead_letter_conformance!(Files::new());
    eventsource_testing::inbox_conformance!(Files::new());
}

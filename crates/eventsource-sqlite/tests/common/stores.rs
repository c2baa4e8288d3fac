//! The two stores side by side: what both promise is tested on both.

use std::{ops::Deref, path::Path, sync::Arc};

use eventsource_core::{
    Clock, MemoryStore,
    memory::MemoryOptions,
    store::{
        EventFeed, EventImport, EventLookup, EventStore, Limits, SnapshotStore, StreamDeletion,
        StreamErasure, StreamListing,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// Every port of the write side.
pub(crate) trait Ports:
    EventStore
    + EventFeed
    + EventLookup
    + EventImport
    + SnapshotStore
    + StreamDeletion
    + StreamErasure
    + StreamListing
{
}

impl<T> Ports for T where
    T: EventStore
        + EventFeed
        + EventLookup
        + EventImport
        + SnapshotStore
        + StreamDeletion
        + StreamErasure
        + StreamListing
        + ?Sized
{
}

/// One of the stores, with a name for messages.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    store: Arc<dyn Ports>,
}

impl Named {
    pub(crate) fn new(name: &'static str, store: Arc<dyn Ports>) -> Self {
        Self { name, store }
    }
}

impl Deref for Named {
    type Target = Arc<dyn Ports>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

/// A store in memory and one in an SQLite file. The file goes with this value.
pub(crate) struct Stores {
    directory: TempDir,
    stores: [Named; 2],
}

impl Stores {
    /// Both with their usual options.
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    /// Both with these limits.
    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::with(|memory| memory.with_limits(limits), |sqlite| sqlite.with_limits(limits)).await
    }

    /// Both with this clock.
    pub(crate) async fn with_clock(clock: impl Clock + Clone) -> Self {
        let same = clock.clone();
        Self::with(|memory| memory.with_clock(clock), |sqlite| sqlite.with_clock(same)).await
    }

    pub(crate) async fn with(
        memory: impl FnOnce(MemoryOptions) -> MemoryOptions,
        sqlite: impl FnOnce(SqliteOptions) -> SqliteOptions,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = sqlite(SqliteOptions::file(directory.path().join("a.db")));
        let sqlite = SqliteStore::open_with(options).await.unwrap();
        let memory = MemoryStore::with_options(memory(MemoryOptions::default()));
        let stores = [Named::new("memory", Arc::new(memory)), Named::new("SQLite", Arc::new(sqlite))];
        Self { directory, stores }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Named> {
        self.stores.iter()
    }

    /// Where the SQLite file lies.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

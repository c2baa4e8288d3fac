//! What a case has to work with: a directory, a runtime, a store of ours.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use eventsource::{
    MemoryStore,
    sqlite::SqliteStore,
    store::{EventFeed, EventStore, SnapshotStore},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Result, case::Backend};

/// A store of ours, whatever its backend.
pub(crate) trait Store: EventStore + EventFeed + SnapshotStore {}

impl<T: EventStore + EventFeed + SnapshotStore> Store for T {}

/// What a case has to work with.
pub(crate) struct Lab {
    pub(crate) runtime: Arc<Runtime>,
    /// Gone after the case.
    directory: TempDir,
}

impl Lab {
    /// A runtime, and a new directory inside `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().enable_all().build()?);
        Ok(Self { runtime, directory: tempfile::tempdir_in(directory)? })
    }

    /// Where a database of this name lies.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name).with_extension("db")
    }

    /// An empty store, opened as users open it.
    pub(crate) fn store(&self, backend: Backend) -> Result<Arc<dyn Store>> {
        Ok(match backend {
            Backend::Memory => Arc::new(MemoryStore::new()),
            Backend::Sqlite => Arc::new(self.runtime.block_on(SqliteStore::open(self.file("ours")))?),
        })
    }
}

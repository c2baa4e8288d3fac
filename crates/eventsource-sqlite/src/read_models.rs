//! Read models in an SQLite database, with their checkpoints, letters and inboxes.

use std::{fmt, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use eventsource_core::{Result, backend::wake_ups, store::Close};

use crate::{SqliteOptions, database::Database, schema};

/// Read models in an SQLite database: the tables that projections make, and beside them the checkpoints, dead letters and
/// inboxes of their consumers. A handle: clones share the same connections.
///
/// It is opened on a file of its own, which then holds no events, or given by a [store](crate::SqliteStore::read_models) for
/// the store's own file.
///
/// The database stays open until the last handle is dropped or one of them is [closed](Close::close). Closing the handle
/// that a store gave closes the store.
#[derive(Clone)]
pub struct SqliteReadModels(Arc<Database>);

impl SqliteReadModels {
    /// Opens read models in a file, and creates or migrates it where needed.
    ///
    /// # Errors
    /// As for [`open_with`](Self::open_with).
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with(SqliteOptions::file(path)).await
    }

    /// Opens new read models in memory, which are gone when the last handle is dropped.
    ///
    /// # Errors
    /// `Unavailable` when the thread that writes cannot be started.
    pub async fn in_memory() -> Result<Self> {
        Self::open_with(SqliteOptions::memory()).await
    }

    /// Opens read models. Limits, groups and ids of the options do not matter here.
    ///
    /// # Errors
    /// As for [`SqliteStore::open_with`](crate::SqliteStore::open_with); `Corrupt` for the file of a store, whose own
    /// [read models](crate::SqliteStore::read_models) are opened with it.
    ///
    /// # Cancel safety
    /// A dropped call may have created or migrated the file, each whole or not at all.
    pub async fn open_with(options: SqliteOptions) -> Result<Self> {
        let (waker, _) = wake_ups();
        Ok(Self(Arc::new(Database::open(options, &schema::READ_MODELS, Arc::new(waker)).await?)))
    }

    /// Those in the file of a store.
    pub(crate) fn of(database: Arc<Database>) -> Self {
        Self(database)
    }

    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.0
    }

    /// Whether the events lie in the same database, so that both can be erased together.
    pub(crate) fn are_beside_events(&self) -> bool {
        self.0.holds_events()
    }

    /// How they were opened.
    #[must_use]
    pub fn options(&self) -> &SqliteOptions {
        self.0.options()
    }
}

#[async_trait]
impl Close for SqliteReadModels {
    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

impl fmt::Debug for SqliteReadModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteReadModels").field("database", &self.0.name()).finish()
    }
}

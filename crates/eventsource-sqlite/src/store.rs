//! The handle of a store.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use eventsource_core::{
    Incarnation, Log, Result,
    backend::{WakeUps, wake_ups},
    store::Close,
};

use crate::{
    SqliteBatchProjection, SqliteOptions, SqliteProjection, SqliteReadModels, SqliteTarget,
    connection::{ReadConnection, WriteConnection},
    database::Database,
    error::Outcome,
    log,
    poll::Polling,
    schema,
    writer::Writer,
};

/// An event store in an SQLite database. A handle: clones share the same connections.
///
/// The database stays open until the last handle is dropped or one of them is [closed](Close::close); closing waits until
/// everything is on the disk, dropping does not. Calls need a Tokio runtime with time enabled.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    /// The same connections, for checkpoints, letters and read models.
    read_models: SqliteReadModels,
    log: KnownLog,
    hints: WakeUps,
    polling: Option<Polling>,
}

/// What this process knows about the identity of the log.
#[derive(Debug, Clone)]
pub(crate) struct KnownLog(Arc<RwLock<Log>>);

impl KnownLog {
    pub(crate) fn get(&self) -> Log {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_incarnation(&self, incarnation: Incarnation) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).incarnation = incarnation;
    }
}

impl SqliteStore {
    /// Opens the store in a file, and creates or migrates it where needed.
    ///
    /// # Errors
    /// As for [`open_with`](Self::open_with).
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with(SqliteOptions::file(path)).await
    }

    /// Opens a new store in memory, which is gone when the last handle is dropped.
    ///
    /// # Errors
    /// `Unavailable` when the thread that writes cannot be started.
    pub async fn in_memory() -> Result<Self> {
        Self::open_with(SqliteOptions::memory()).await
    }

    /// Opens a store. Creates and migrates it where needed, unless it is opened for reading only.
    ///
    /// # Errors
    /// `SchemaMissing` and `SchemaTooOld` when it is only read and must first be opened for writing; `SchemaTooNew` when
    /// a newer release migrated it; `Corrupt` when the file is damaged, no SQLite database, or belongs to something
    /// else; `Busy` when another process locks it for longer than the time-out; `Unavailable` when it cannot be opened;
    /// `InvalidInput` for options that contradict each other.
    ///
    /// # Cancel safety
    /// A dropped call may have created or migrated the file, each whole or not at all.
    pub async fn open_with(options: SqliteOptions) -> Result<Self> {
        let (waker, hints) = wake_ups();
        let waker = Arc::new(waker);
        let database = Arc::new(Database::open(options, &schema::EVENTS, waker.clone()).await?);
        let log = database.read("open", |reader| log::identity(&reader.connection)).await?;
        let polling = Polling::start(&database, waker);
        let log = KnownLog(Arc::new(RwLock::new(log)));
        Ok(Self(Arc::new(Inner { read_models: SqliteReadModels::of(database), log, hints, polling })))
    }

    /// How the store was opened.
    #[must_use]
    pub fn options(&self) -> &SqliteOptions {
        self.database().options()
    }

    /// Read models in the store's own file, over the same connections.
    ///
    /// What writes there holds the only writer of the store while it does. A read model that many events go into, or that
    /// is rebuilt often, is better kept in a [file of its own](SqliteReadModels::open).
    #[must_use]
    pub fn read_models(&self) -> &SqliteReadModels {
        &self.0.read_models
    }

    /// A projection into the store's own file, as [`SqliteReadModels::projection`] makes one.
    ///
    /// # Errors
    /// `InvalidInput` when a category of its event type breaks its rules.
    pub fn projection<P: SqliteProjection>(&self, projection: P) -> Result<SqliteTarget> {
        self.read_models().projection(projection)
    }

    /// A projection into the store's own file that takes many events in at once.
    ///
    /// # Errors
    /// `InvalidInput` when a category of its event type breaks its rules.
    pub fn batch_projection<P: SqliteBatchProjection>(&self, projection: P) -> Result<SqliteTarget> {
        self.read_models().batch_projection(projection)
    }

    pub(crate) fn known_log(&self) -> KnownLog {
        self.0.log.clone()
    }

    pub(crate) fn hints(&self) -> WakeUps {
        self.0.hints.clone()
    }

    fn database(&self) -> &Database {
        self.0.read_models.database()
    }

    /// The way to the thread that writes.
    pub(crate) fn writer(&self, operation: &'static str) -> Result<&Writer> {
        self.database().writer(operation)
    }

    /// Runs `work` on the thread that writes.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut WriteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.database().write(operation, work).await
    }

    /// Runs `read` on a connection that reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&mut ReadConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.database().read(operation, read).await
    }
}

#[async_trait]
impl Close for SqliteStore {
    async fn close(&self) -> Result<()> {
        if let Some(polling) = &self.0.polling {
            polling.stop();
        }
        self.database().close().await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("database", &self.database().name())
            .field("log", &self.0.log.get())
            .finish()
    }
}

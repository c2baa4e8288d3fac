//! The handle of a store.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use eventsource_core::{
    Error, ErrorKind, Incarnation, Log, Result,
    backend::{WakeUps, wake_ups},
    store::Close,
};
use tokio::task::spawn_blocking;

use crate::{
    SqliteOptions,
    connection::{ReadConnection, WriteConnection},
    error::{Failure, Outcome},
    options::Location,
    reader::Readers,
    writer::Writer,
};

/// An event store in an SQLite database. A handle: clones share the same connections.
///
/// The database stays open until the last handle is dropped or one of them is [closed](Close::close); closing waits until
/// everything is on the disk, dropping does not. Calls need a Tokio runtime.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    options: SqliteOptions,
    database: String,
    log: KnownLog,
    hints: WakeUps,
    /// Before the writer, so that the writer's thread is the last to leave the file.
    readers: Option<Readers>,
    writer: Option<Writer>,
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
        let options = options.checked().map_err(|e| e.with_operation("open"))?;
        let database = options.database();
        Self::open_checked(options).await.map_err(|failure| failure.tell("open", &database))
    }

    async fn open_checked(options: SqliteOptions) -> Outcome<Self> {
        let (head, hints) = wake_ups();
        let (log, readers, writer) = if options.read_only {
            let first = options.clone();
            let opened =
                spawn_blocking(move || ReadConnection::open_first(&first)).await.unwrap_or_else(|e| {
                    Err(Error::new(ErrorKind::Unavailable, "opening was cut off").with_source(e).into())
                });
            let (reader, log) = opened?;
            (log, Some(Readers::new(options.clone(), Some(reader))), None)
        } else {
            let (writer, log) = Writer::start(options.clone(), head).await?;
            // A database in memory is one connection.
            let in_file = options.location != Location::Memory;
            (log, in_file.then(|| Readers::new(options.clone(), None)), Some(writer))
        };
        let database = options.database();
        let log = KnownLog(Arc::new(RwLock::new(log)));
        Ok(Self(Arc::new(Inner { options, database, log, hints, readers, writer })))
    }

    /// How the store was opened.
    #[must_use]
    pub fn options(&self) -> &SqliteOptions {
        &self.0.options
    }

    pub(crate) fn known_log(&self) -> KnownLog {
        self.0.log.clone()
    }

    pub(crate) fn hints(&self) -> WakeUps {
        self.0.hints.clone()
    }

    /// The way to the thread that writes.
    pub(crate) fn writer(&self, operation: &'static str) -> Result<&Writer> {
        self.0.writer.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::ReadOnly, "the store was opened for reading only; open it anew to write")
                .with_context("database", &self.0.database)
                .with_operation(operation)
        })
    }

    /// Runs `work` on the thread that writes.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut WriteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let outcome = self.writer(operation)?.run(work).await;
        outcome.map_err(|failure| failure.tell(operation, &self.0.database))
    }

    /// Runs `read` on a connection that reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&mut ReadConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        match &self.0.readers {
            Some(readers) => {
                readers.run(read).await.map_err(|failure| failure.tell(operation, &self.0.database))
            }
            None => self.write(operation, |writer| read(&mut writer.read)).await,
        }
    }
}

#[async_trait]
impl Close for SqliteStore {
    async fn close(&self) -> Result<()> {
        if let Some(readers) = &self.0.readers {
            readers.close().await;
        }
        if let Some(writer) = &self.0.writer {
            writer.close().await.map_err(|failure| failure.tell("close", &self.0.database))?;
        }
        Ok(())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("database", &self.0.database)
            .field("log", &self.0.log.get())
            .finish()
    }
}

/// What calls get after the store was closed.
pub(crate) fn closed() -> Failure {
    Error::closed("the SQLite store").into()
}

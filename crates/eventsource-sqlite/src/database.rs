//! The connections to one database, and the ways to them.

use std::{fmt, sync::Arc};

use eventsource_core::{Error, ErrorKind, Result, backend::Waker};
use tokio::task::spawn_blocking;

use crate::{
    SqliteOptions,
    connection::{ReadConnection, WriteConnection},
    error::{Failure, Outcome},
    options::Location,
    reader::Readers,
    schema::{EVENTS, Schema},
    writer::Writer,
};

/// One connection that writes, on a thread of its own, and some that read.
pub(crate) struct Database {
    options: SqliteOptions,
    schema: &'static Schema,
    /// How errors name it.
    name: String,
    /// Before the writer, so that the writer's thread is the last to leave the file.
    readers: Option<Readers>,
    writer: Option<Writer>,
}

impl Database {
    /// Opens a database, and creates or migrates its tables unless it is only read. The writer announces new heads with
    /// `waker`.
    pub(crate) async fn open(
        options: SqliteOptions,
        schema: &'static Schema,
        waker: Arc<Waker>,
    ) -> Result<Self> {
        let options = options.checked().map_err(|e| e.with_operation("open"))?;
        let name = options.database();
        Self::open_checked(options, schema, waker).await.map_err(|failure| failure.tell("open", &name))
    }

    async fn open_checked(
        options: SqliteOptions,
        schema: &'static Schema,
        waker: Arc<Waker>,
    ) -> Outcome<Self> {
        let (readers, writer) = if options.read_only {
            let first = options.clone();
            let opened = spawn_blocking(move || ReadConnection::open_first(&first, schema)).await;
            let (reader, files) = opened.unwrap_or_else(|e| {
                Err(Error::new(ErrorKind::Unavailable, "opening was cut off").with_source(e).into())
            })?;
            (Some(Readers::new(options.clone(), files, Some(reader))), None)
        } else {
            let (writer, files) = Writer::start(options.clone(), schema, waker).await?;
            // A database in memory is one connection.
            let in_file = options.location != Location::Memory;
            (in_file.then(|| Readers::new(options.clone(), files, None)), Some(writer))
        };
        let name = options.database();
        Ok(Self { options, schema, name, readers, writer })
    }

    pub(crate) fn options(&self) -> &SqliteOptions {
        &self.options
    }

    /// Whether it holds a log.
    pub(crate) fn holds_events(&self) -> bool {
        std::ptr::eq(self.schema, &EVENTS)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The way to the thread that writes.
    pub(crate) fn writer(&self, operation: &'static str) -> Result<&Writer> {
        self.writer.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::ReadOnly, "the store was opened for reading only; open it anew to write")
                .with_context("database", &self.name)
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
        outcome.map_err(|failure| failure.tell(operation, &self.name))
    }

    /// Runs `read` on a connection that reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&mut ReadConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        match &self.readers {
            Some(readers) => readers.run(read).await.map_err(|failure| failure.tell(operation, &self.name)),
            None => self.write(operation, |writer| read(&mut writer.read)).await,
        }
    }

    /// Waits until everything is on the disk, and closes the connections.
    pub(crate) async fn close(&self) -> Result<()> {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        if let Some(writer) = &self.writer {
            writer.close().await.map_err(|failure| failure.tell("close", &self.name))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What calls get after the database was closed.
pub(crate) fn closed() -> Failure {
    Error::closed("the SQLite store").into()
}

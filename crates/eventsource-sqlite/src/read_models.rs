//! Read models in an SQLite database, with their checkpoints, letters and inboxes.

use std::{fmt, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use eventsource_core::{
    ConsumerName, Error, EventSet, Result, backend::wake_ups, projection::TableSuffix, store::Close,
};
use rusqlite::Connection;

use crate::{
    SqliteBatchProjection, SqliteOptions, SqliteProjection, SqliteTarget,
    checkpoint::active_version,
    connection::ReadConnection,
    database::Database,
    error::{Outcome, database_failure},
    projection::{PerBatch, PerEvent},
    schema,
};

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

    /// A projection into this database.
    ///
    /// # Errors
    /// `InvalidInput` when a category of its event type breaks its rules.
    pub fn projection<P: SqliteProjection>(&self, projection: P) -> Result<SqliteTarget> {
        Ok(SqliteTarget::new(self.0.clone(), P::Event::filter()?, PerEvent(projection)))
    }

    /// A projection into this database that takes many events in at once.
    ///
    /// # Errors
    /// `InvalidInput` when a category of its event type breaks its rules.
    pub fn batch_projection<P: SqliteBatchProjection>(&self, projection: P) -> Result<SqliteTarget> {
        Ok(SqliteTarget::new(self.0.clone(), P::Event::filter()?, PerBatch(projection)))
    }

    /// Reads tables, as one snapshot of the database shows them. Nothing can be written here.
    ///
    /// # Errors
    /// `InvalidInput` when a statement is refused, as one about a table that is not there; failures of the database.
    ///
    /// # Cancel safety
    /// Reads only; drop it at will.
    pub async fn query<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.read("query", move |reader| snapshot(reader, |connection| asked(read(connection)))).await
    }

    /// Reads the tables of the version of a consumer that is active, in the same snapshot; `None` before the first is. A
    /// switch to another version is seen by the next query.
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    ///
    /// # Cancel safety
    /// Reads only; drop it at will.
    pub async fn query_active<T: Send + 'static>(
        &self,
        consumer: &ConsumerName,
        read: impl FnOnce(&Connection, TableSuffix) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let consumer = consumer.clone();
        let answered = self.0.read("query", move |reader| {
            snapshot(reader, |connection| match active_version(connection, &consumer)? {
                None => Ok(None),
                Some(version) => asked(read(connection, TableSuffix::new(version))).map(Some),
            })
        });
        answered.await
    }
}

/// Runs a read in a transaction of its own that writes nothing.
fn snapshot<T>(reader: &mut ReadConnection, read: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
    let _writes = NoWrites::on(&reader.connection)?;
    read(&*reader.connection.unchecked_transaction()?)
}

/// Refuses writes until it is dropped: a database in memory is read through the connection that writes.
struct NoWrites<'c> {
    connection: &'c Connection,
    are_refused_anyway: bool,
}

impl<'c> NoWrites<'c> {
    fn on(connection: &'c Connection) -> Outcome<Self> {
        let are_refused_anyway = connection.pragma_query_value(None, "query_only", |row| row.get(0))?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self { connection, are_refused_anyway })
    }
}

impl Drop for NoWrites<'_> {
    fn drop(&mut self) {
        // It sets a flag, and cannot fail on a connection that is open.
        let _ = self.connection.pragma_update(None, "query_only", self.are_refused_anyway);
    }
}

/// Tells errors of the application's statements from those of the database.
fn asked<T>(answer: rusqlite::Result<T>) -> Outcome<T> {
    answer.map_err(|error| {
        database_failure(&error).unwrap_or_else(|| {
            Error::invalid_input("query", "the database refused the query").with_source(error).into()
        })
    })
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

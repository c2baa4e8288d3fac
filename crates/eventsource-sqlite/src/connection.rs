//! The connections of a store: how they are opened, and what is kept beside them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use eventsource_core::{Clock, Error, ErrorKind, Position, backend::Waker};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::{
    SqliteOptions,
    error::{Failure, Outcome, READ_ONLY_FILE},
    file::OpenFiles,
    options::{Location, Synchronous},
    row::Interned,
    schema::Schema,
};

/// The longest wait that the driver can count: an `i32` of milliseconds.
const BUSY_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// Prepared statements that a connection keeps: those of this crate, and about as many of projections.
const STATEMENTS_MAX: usize = 256;

/// A connection, and what was read through it often enough to keep.
#[derive(Debug)]
pub(crate) struct ReadConnection {
    pub(crate) connection: Connection,
    pub(crate) interned: Interned,
}

impl ReadConnection {
    /// Opens a further connection to a store that exists.
    pub(crate) fn open(options: &SqliteOptions) -> Outcome<Self> {
        // Even a reader needs to write the index of the write-ahead log, which `query_only` allows.
        let access = if options.read_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        let connection = open(options, access)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self { connection, interned: Interned::default() })
    }

    /// Opens the first connection of a store that is only read.
    pub(crate) fn open_first(options: &SqliteOptions, schema: &Schema) -> Outcome<(Self, OpenFiles)> {
        let reader = Self::open(options)?;
        schema.verify(&reader.connection, options)?;
        Ok((reader, OpenFiles::of_reader(&options.location)?))
    }
}

/// The one connection that writes.
#[derive(Debug)]
pub(crate) struct WriteConnection {
    /// It reads too: what a write must know, and everything where a store in memory has no other connection.
    pub(crate) read: ReadConnection,
    /// How errors name the database.
    pub(crate) database: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    files: OpenFiles,
    waker: Arc<Waker>,
}

impl WriteConnection {
    /// Opens the connection, and creates or migrates the tables.
    pub(crate) fn open(options: &SqliteOptions, schema: &Schema, waker: Arc<Waker>) -> Outcome<Self> {
        let connection = open(options, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // A file that cannot be written is opened all the same, and would refuse the first write only.
        if connection.is_readonly("main")? {
            return Err(Error::new(ErrorKind::ReadOnly, READ_ONLY_FILE)
                .with_context("database", options.database())
                .into());
        }
        let synchronous = match options.synchronous {
            Synchronous::Normal => "NORMAL",
            Synchronous::Full => "FULL",
            Synchronous::Extra => "EXTRA",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // What is erased or replaced is overwritten in the file, not only forgotten.
        connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
        schema.prepare(&connection, options)?;
        // The first read makes the write-ahead log of a file that had none, such as a copy.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(Self {
            read: ReadConnection { connection, interned: Interned::default() },
            database: options.database().into(),
            clock: options.clock.clone(),
            files: OpenFiles::of_writer(&options.location)?,
            waker,
        })
    }

    /// The files of the database.
    pub(crate) fn files(&self) -> OpenFiles {
        self.files.clone()
    }

    /// Runs `write` in a transaction of its own. When it fails, or panics, nothing was written.
    pub(crate) fn transaction<T>(&self, write: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        self.files.check_write()?;
        let connection = &self.read.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let unfinished = Unfinished(connection);
        let written = write(connection)?;
        connection.prepare_cached("COMMIT").and_then(|mut s| s.execute([])).map_err(Failure::Commit)?;
        drop(unfinished);
        Ok(written)
    }

    /// Begins a transaction that code of the application takes part in. Dropping it rolls back.
    pub(crate) fn begin(&self) -> Outcome<Transaction<'_>> {
        Ok(Transaction::new_unchecked(&self.read.connection, TransactionBehavior::Immediate)?)
    }

    /// Runs a piece of work, and turns a panic into an error, so that the thread goes on.
    pub(crate) fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        // Whatever the work leaves behind is either rolled back or a cache of committed facts.
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            let message =
                "the writer panicked, which is a defect of this library or of the clock or ids given to it";
            Err(Error::new(ErrorKind::Unavailable, message).outcome_unknown().into())
        })
    }

    /// Moves everything from the write-ahead log into the file and empties it, unless readers still need it: then a
    /// later checkpoint does.
    pub(crate) fn forget_write_ahead_log(&self) {
        let _ = self.read.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Closes the connection.
    pub(crate) fn close(self) -> Outcome<()> {
        self.read.connection.close().map_err(|(_, error)| error.into())
    }

    /// Hints to readers that the log has grown up to `head`.
    pub(crate) fn announce(&self, head: Position) {
        self.waker.announce(head);
    }
}

/// A transaction that is rolled back unless it is committed. The database may have rolled it back by itself.
struct Unfinished<'c>(&'c Connection);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // If this fails there is nothing left to do: the next BEGIN fails too, and says why.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

fn open(options: &SqliteOptions, access: OpenFlags) -> Outcome<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match &options.location {
        Location::File(path) => Connection::open_with_flags(path, flags)?,
        Location::Memory => Connection::open_in_memory_with_flags(flags)?,
    };
    // Longer than the driver can count it panics.
    connection.busy_timeout(options.busy_timeout.min(BUSY_TIMEOUT_MAX))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use eventsource_core::backend::wake_ups;

    use super::*;
    use crate::schema::EVENTS;

    #[test]
    fn the_options_reach_the_database() {
        let directory = tempfile::tempdir().unwrap();
        let pragma = |connection: &Connection, name: &str| -> i64 {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
        };
        for (synchronous, level) in
            [(Synchronous::Normal, 1), (Synchronous::Full, 2), (Synchronous::Extra, 3)]
        {
            let options = SqliteOptions::file(directory.path().join(format!("{level}.db")))
                .with_synchronous(synchronous)
                .with_busy_timeout(Duration::from_millis(1_234));
            let writer = WriteConnection::open(&options, &EVENTS, Arc::new(wake_ups().0)).unwrap();
            let reader = ReadConnection::open(&options).unwrap();
            for connection in [&writer.read.connection, &reader.connection] {
                assert_eq!(pragma(connection, "busy_timeout"), 1_234);
                let journal: String =
                    connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
                assert_eq!(journal, "wal");
            }
            assert_eq!(pragma(&writer.read.connection, "synchronous"), level);
            assert_eq!(pragma(&writer.read.connection, "secure_delete"), 1);
            assert_eq!(pragma(&reader.connection, "query_only"), 1);
        }
    }
}

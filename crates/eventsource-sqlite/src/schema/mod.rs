//! The tables: found, created, migrated, refused.

use std::{
    thread,
    time::{Duration, Instant},
};

use eventsource_core::{Error, ErrorKind, Incarnation, LogId};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    SqliteOptions,
    error::{Failure, Outcome},
    options::Location,
};

/// The tables of one kind of database.
#[derive(Debug)]
pub(crate) struct Schema {
    /// What such a database holds, in words.
    holds: &'static str,
    /// The table whose one row has the version, and which tells this kind from the other.
    meta: &'static str,
    /// Writes that row.
    write_meta: fn(&Connection) -> rusqlite::Result<usize>,
    /// In their order; the first makes version 1. One that was released is never changed.
    migrations: &'static [&'static str],
}

/// A store, with its read side.
pub(crate) static EVENTS: Schema = Schema {
    holds: "an event store",
    meta: "es_meta",
    write_meta: |connection| {
        connection.execute(
            "INSERT INTO es_meta (id, schema_version, log_id, incarnation) VALUES (1, 1, ?1, ?2)",
            (LogId::generate().as_uuid().as_bytes(), Incarnation::generate().as_uuid().as_bytes()),
        )
    },
    migrations: &[
        include_str!("0001_write_side.sql"),
        include_str!("0002_read_side.sql"),
        include_str!("0003_operations.sql"),
    ],
};

/// Read models, with their checkpoints and letters.
pub(crate) static READ_MODELS: Schema = Schema {
    holds: "read models",
    meta: "es_read_models",
    write_meta: |connection| {
        connection.execute("INSERT INTO es_read_models (id, schema_version) VALUES (1, 1)", [])
    },
    migrations: &[include_str!("0001_read_models.sql"), include_str!("0002_read_side.sql")],
};

impl Schema {
    /// The version that this release reads and writes.
    fn needed(&self) -> u32 {
        self.migrations.len() as u32
    }

    /// Makes the tables what this release needs. Several processes may do so at the same time.
    pub(crate) fn prepare(&self, connection: &Connection, options: &SqliteOptions) -> Outcome<()> {
        // Looked at before anything is changed, so that a file of something else stays as it is.
        let found = self.find(connection, options)?;
        if options.location != Location::Memory {
            use_write_ahead_log(connection, options.busy_timeout)?;
        }
        if found != Some(self.needed()) {
            self.migrate(connection, options)?;
        }
        Ok(())
    }

    /// Looks whether the tables are what this release needs, and changes nothing.
    pub(crate) fn verify(&self, connection: &Connection, options: &SqliteOptions) -> Outcome<()> {
        let needed = self.needed();
        match self.find(connection, options)? {
            Some(found) if found == needed => Ok(()),
            Some(found) => {
                let message = format!(
                    "the tables are of version {found}, and this release needs {needed}; open the database once for \
                     writing, which migrates it"
                );
                Err(refused(ErrorKind::SchemaTooOld { found, needed }, message, options))
            }
            None => {
                let message = "the database holds no tables of this library; open it once for writing, which makes them";
                Err(refused(ErrorKind::SchemaMissing, message, options))
            }
        }
    }

    /// The version of the tables, if there are any that this release may use or add to.
    fn find(&self, connection: &Connection, options: &SqliteOptions) -> Outcome<Option<u32>> {
        let tables: Vec<String> = connection
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if !tables.iter().any(|table| table == self.meta) {
            return self.may_be_made(&tables, options).map(|()| None);
        }
        let sql = format!("SELECT schema_version FROM {}", self.meta);
        let found: Option<u32> = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
        match found {
            Some(found) if found > self.needed() => {
                let known = self.needed();
                let message = format!(
                    "the tables are of version {found}, made by a newer release; this one knows {known}: use the newer \
                     release"
                );
                Err(refused(ErrorKind::SchemaTooNew { found, known }, message, options))
            }
            Some(found) => Ok(Some(found)),
            None => Err(Failure::Damaged(format!("table {} is empty", self.meta))),
        }
    }

    /// Refuses to make tables beside those of something else, and beside those of the other kind.
    fn may_be_made(&self, tables: &[String], options: &SqliteOptions) -> Outcome<()> {
        for other in [&EVENTS, &READ_MODELS] {
            if tables.iter().any(|table| table == other.meta) {
                let message = format!(
                    "the database holds {}, and {} were expected; choose another file",
                    other.holds, self.holds
                );
                return Err(refused(ErrorKind::Corrupt, message, options));
            }
        }
        match tables.first() {
            Some(foreign) if !options.foreign_tables => {
                let message = format!(
                    "the database belongs to something else: it holds a table {foreign:?} and none of this library; \
                     choose another file, or allow foreign_tables to keep both in one"
                );
                Err(refused(ErrorKind::Corrupt, message, options))
            }
            _ => Ok(()),
        }
    }

    fn migrate(&self, connection: &Connection, options: &SqliteOptions) -> Outcome<()> {
        let transaction =
            rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let found = self.find(&transaction, options)?.unwrap_or(0);
        for (version, sql) in (1u32..).zip(self.migrations).skip_while(|(version, _)| *version <= found) {
            transaction.execute_batch(sql)?;
            if version == 1 {
                (self.write_meta)(&transaction)?;
            }
            transaction.execute(&format!("UPDATE {} SET schema_version = ?1", self.meta), [version])?;
        }
        transaction.commit().map_err(Failure::Commit)
    }
}

/// Turns the write-ahead log on, unless it is. The file remembers it.
fn use_write_ahead_log(connection: &Connection, busy_timeout: Duration) -> Outcome<()> {
    let began = Instant::now();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => {
                // Where it was off before, as in a copy made by `VACUUM INTO`, only a look at the database makes its file.
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
                return Ok(());
            }
            Ok(mode) => {
                let message = format!("the write-ahead log cannot be used here; the journal stays {mode}");
                return Err(Error::new(ErrorKind::Unsupported, message).into());
            }
            Err(error) => {
                // The driver does not wait for this lock by itself.
                let failure = Failure::from(error);
                if !failure.is_busy() || began.elapsed() >= busy_timeout {
                    return Err(failure);
                }
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

fn refused(kind: ErrorKind, message: impl Into<String>, options: &SqliteOptions) -> Failure {
    Error::new(kind, message).with_context("database", options.database()).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::log;

    const FIRST: &str = EVENTS.migrations[0];
    const SECOND: &str = "ALTER TABLE es_streams ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'";

    fn with(migrations: &'static [&'static str]) -> Schema {
        Schema { migrations, ..EVENTS }
    }

    fn connect(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(60)).unwrap();
        connection
    }

    #[test]
    fn an_older_database_is_migrated_once_by_starters_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let options = SqliteOptions::file(&path).with_busy_timeout(Duration::from_secs(60));
        let (older, newer) = (with(&[FIRST]), with(&[FIRST, SECOND]));
        older.prepare(&connect(&path), &options).unwrap();
        let log = log::identity(&connect(&path)).unwrap();

        let refused = newer.verify(&connect(&path), &options).unwrap_err().tell("open", "a.db");
        assert_eq!(refused.kind(), &ErrorKind::SchemaTooOld { found: 1, needed: 2 });

        thread::scope(|scope| {
            let start = || newer.prepare(&connect(&path), &options);
            let starters: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            for starter in starters {
                starter.join().unwrap().unwrap();
            }
        });
        newer.verify(&connect(&path), &options).unwrap();
        assert_eq!(log::identity(&connect(&path)).unwrap(), log, "the log stays the same");

        let refused = older.prepare(&connect(&path), &options).unwrap_err().tell("open", "a.db");
        assert_eq!(refused.kind(), &ErrorKind::SchemaTooNew { found: 2, known: 1 });
    }

    #[test]
    fn a_migration_that_fails_leaves_the_older_tables() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let options = SqliteOptions::file(&path);
        let older = with(&[FIRST]);
        older.prepare(&connect(&path), &options).unwrap();
        let failing = with(&[FIRST, SECOND, "ALTER TABLE nowhere ADD COLUMN x"]);
        assert!(failing.prepare(&connect(&path), &options).is_err());
        older.verify(&connect(&path), &options).unwrap();
        with(&[FIRST, SECOND]).prepare(&connect(&path), &options).expect("no part of it was done");
    }
}

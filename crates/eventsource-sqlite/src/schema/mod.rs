//! The tables: found, created, migrated, refused.

use std::{
    thread,
    time::{Duration, Instant},
};

use eventsource_core::{Error, ErrorKind, Incarnation, Log, LogId};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    SqliteOptions,
    error::{Failure, Outcome},
    log,
    options::Location,
};

/// The migrations in their order; the first makes version 1. One that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("0001_write_side.sql")];

/// The version that this release reads and writes.
const NEEDED: u32 = MIGRATIONS.len() as u32;

/// Makes the tables what this release needs. Several processes may do so at the same time.
pub(crate) fn prepare(connection: &Connection, options: &SqliteOptions) -> Outcome<Log> {
    // Looked at before anything is changed, so that a file of something else stays as it is.
    let found = find(connection, options)?;
    if options.location != Location::Memory {
        use_write_ahead_log(connection, options.busy_timeout)?;
    }
    if found != Some(NEEDED) {
        migrate(connection, options)?;
    }
    log::identity(connection)
}

/// Looks whether the tables are what this release needs, and changes nothing.
pub(crate) fn verify(connection: &Connection, options: &SqliteOptions) -> Outcome<Log> {
    match find(connection, options)? {
        Some(NEEDED) => log::identity(connection),
        Some(found) => {
            let message = format!(
                "the tables are of version {found}, and this release needs {NEEDED}; open the database once for \
                 writing, which migrates it"
            );
            Err(refused(ErrorKind::SchemaTooOld { found, needed: NEEDED }, message, options))
        }
        None => {
            let message =
                "the database holds no tables of this library; open it once for writing, which makes them";
            Err(refused(ErrorKind::SchemaMissing, message, options))
        }
    }
}

/// The version of the tables, if there are any that this release may use or add to.
fn find(connection: &Connection, options: &SqliteOptions) -> Outcome<Option<u32>> {
    let tables: Vec<String> = connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !tables.iter().any(|table| table == "es_meta") {
        return match tables.first() {
            Some(foreign) if !options.foreign_tables => {
                let message = format!(
                    "the database belongs to something else: it holds a table {foreign:?} and none of this library; \
                     choose another file, or allow foreign_tables to keep both in one"
                );
                Err(refused(ErrorKind::Corrupt, message, options))
            }
            _ => Ok(None),
        };
    }
    let found: Option<u32> =
        connection.query_row("SELECT schema_version FROM es_meta", [], |row| row.get(0)).optional()?;
    match found {
        Some(found) if found > NEEDED => {
            let message = format!(
                "the tables are of version {found}, made by a newer release; this one knows {NEEDED}: use the newer \
                 release"
            );
            Err(refused(ErrorKind::SchemaTooNew { found, known: NEEDED }, message, options))
        }
        Some(found) => Ok(Some(found)),
        None => Err(Failure::Damaged("table es_meta is empty".to_owned())),
    }
}

/// Turns the write-ahead log on, unless it is. The file remembers it.
fn use_write_ahead_log(connection: &Connection, busy_timeout: Duration) -> Outcome<()> {
    let began = Instant::now();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
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

fn migrate(connection: &Connection, options: &SqliteOptions) -> Outcome<()> {
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = find(&transaction, options)?.unwrap_or(0);
    for (version, sql) in (1u32..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= found) {
        transaction.execute_batch(sql)?;
        if version == 1 {
            transaction.execute(
                "INSERT INTO es_meta (id, schema_version, log_id, incarnation) VALUES (1, ?1, ?2, ?3)",
                (
                    version,
                    LogId::generate().as_uuid().as_bytes(),
                    Incarnation::generate().as_uuid().as_bytes(),
                ),
            )?;
        }
        transaction.execute("UPDATE es_meta SET schema_version = ?1", [version])?;
    }
    transaction.commit().map_err(Failure::Commit)
}

fn refused(kind: ErrorKind, message: impl Into<String>, options: &SqliteOptions) -> Failure {
    Error::new(kind, message).with_context("database", options.database()).into()
}

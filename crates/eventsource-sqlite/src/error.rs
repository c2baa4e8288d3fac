//! The one map from errors of the driver to errors of the library.

use std::error::Error as StdError;

use eventsource_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// What can go wrong inside this crate, before it is known which operation and database it happened to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A statement failed. Its transaction is rolled back, so nothing was written.
    Statement(rusqlite::Error),
    /// The commit itself failed.
    Commit(rusqlite::Error),
    /// The files of the store are not there any more. Nothing was written.
    Lost(Error),
    /// A row holds what this crate never writes.
    Damaged(String),
    /// An error of the library already. Inside an append it was found before anything of the append was written, so
    /// that the others of its group go on.
    Told(Error),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Told(error)
    }
}

impl Failure {
    /// The error for the caller.
    pub(crate) fn tell(self, operation: &'static str, database: &str) -> Error {
        let error = match self {
            Self::Told(error) => error,
            Self::Lost(error) => error.with_context("database", database),
            Self::Damaged(what) => {
                let message = format!("the database was damaged, or changed by something else: {what}");
                Error::new(ErrorKind::Corrupt, message).with_context("database", database)
            }
            Self::Statement(error) => map(error).with_context("database", database),
            Self::Commit(error) => {
                // The bytes of the commit may have reached the disk although the driver could not confirm it.
                let unknown = code(&error) == Some(ErrorCode::SystemIoFailure);
                let error = map(error).with_context("database", database);
                if unknown { error.outcome_unknown().transient() } else { error }
            }
        };
        error.with_operation(operation)
    }

    /// Whether the unique index on event ids objected.
    pub(crate) fn is_taken_id(&self) -> bool {
        matches!(self, Self::Statement(rusqlite::Error::SqliteFailure(error, Some(message)))
            if error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE && message.contains("es_events.event_id"))
    }

    /// Whether requests of a group may succeed one by one although together they failed: one of them is to blame, or
    /// together they are too much.
    pub(crate) fn may_succeed_alone(&self) -> bool {
        match self {
            Self::Told(_) | Self::Lost(_) => false,
            Self::Damaged(_) => true,
            Self::Statement(error) | Self::Commit(error) => matches!(
                code(error),
                // Without a code, the driver could not read what a row holds.
                None | Some(
                    ErrorCode::ConstraintViolation
                        | ErrorCode::TooBig
                        | ErrorCode::DiskFull
                        | ErrorCode::DatabaseCorrupt
                )
            ),
        }
    }

    /// Whether somebody else holds the lock.
    pub(crate) fn is_busy(&self) -> bool {
        let Self::Statement(error) = self else { return false };
        matches!(code(error), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

/// An error of the driver, without operation and database.
fn map(error: rusqlite::Error) -> Error {
    let (kind, transient, message) = match code(&error) {
        Some(code) => classify(code, &error),
        None => {
            let message = "the database was damaged, or changed by something else: a value has another type";
            (ErrorKind::Corrupt, false, message)
        }
    };
    let mapped = Error::new(kind, message).with_source(error);
    if transient { mapped.transient() } else { mapped }
}

fn classify(code: ErrorCode, error: &rusqlite::Error) -> (ErrorKind, bool, &'static str) {
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
            ErrorKind::Busy,
            true,
            "another process or connection holds the lock of the database; try again, or wait longer (busy_timeout)",
        ),
        ErrorCode::DiskFull => (
            ErrorKind::StorageFull,
            false,
            "there is no space left for the database; free some and try again",
        ),
        ErrorCode::NotADatabase => {
            (ErrorKind::Corrupt, false, "the file is not an SQLite database; choose another path")
        }
        ErrorCode::DatabaseCorrupt => (
            ErrorKind::Corrupt,
            false,
            "the database file is damaged; restore a copy, or save what can be read with `.recover` of sqlite3",
        ),
        ErrorCode::ReadOnly if extended_code(error) == Some(ffi::SQLITE_READONLY_DIRECTORY) => (
            ErrorKind::ReadOnly,
            false,
            "the directory of the database cannot be written, which even reading needs for the write-ahead log",
        ),
        ErrorCode::ReadOnly => (ErrorKind::ReadOnly, false, READ_ONLY_FILE),
        ErrorCode::CannotOpen => (
            ErrorKind::Unavailable,
            false,
            "the database file cannot be opened; its directory must exist and be writable, even for reading",
        ),
        ErrorCode::PermissionDenied => (ErrorKind::Unavailable, false, "access to the database is denied"),
        // No memory or no space for the index of the write-ahead log is told as an I/O error too.
        ErrorCode::SystemIoFailure if extended_code(error) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
            (ErrorKind::StorageFull, false, "there is no space left for the index of the write-ahead log")
        }
        ErrorCode::SystemIoFailure => {
            (ErrorKind::Unavailable, true, "reading or writing the database failed; try again")
        }
        ErrorCode::OutOfMemory => (ErrorKind::Unavailable, true, "there is no memory left for the database"),
        ErrorCode::TooBig => {
            let kind = ErrorKind::InvalidInput { field: "value", limit: Some(ROW_BYTES_MAX) };
            (kind, false, "a value is longer than SQLite can hold; the limit is 1000000000 bytes")
        }
        // SQLITE_ERROR: a statement that does not fit the tables.
        ErrorCode::Unknown => (ErrorKind::Corrupt, false, "the tables are not those that this library made"),
        ErrorCode::ConstraintViolation => (ErrorKind::Corrupt, false, "the tables contradict each other"),
        _ => (ErrorKind::Unavailable, false, "the database failed"),
    }
}

/// What is wrong with a file that can be read and not written.
pub(crate) const READ_ONLY_FILE: &str =
    "the database can only be read; to be written, its file and its directory must be writable";

/// Bytes of a value, and of a row, that SQLite holds (<https://sqlite.org/limits.html>).
pub(crate) const ROW_BYTES_MAX: u64 = 1_000_000_000;

/// The database's own code, if it was the database that failed. The driver has two errors for that: one when a statement
/// is run, another when it is prepared.
fn told_by_database(error: &rusqlite::Error) -> Option<&ffi::Error> {
    match error {
        rusqlite::Error::SqliteFailure(error, _) | rusqlite::Error::SqlInputError { error, .. } => {
            Some(error)
        }
        _ => None,
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    told_by_database(error).map(|error| error.extended_code)
}

fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    told_by_database(error).map(|error| error.code)
}

/// The failure of the database that an error of the application tells of, if it does: no event is to blame for it.
pub(crate) fn database_failure(error: &(dyn StdError + 'static)) -> Option<Failure> {
    let mut link = error;
    let told = loop {
        match link.downcast_ref().and_then(told_by_database) {
            Some(told) => break told,
            None => link = link.source()?,
        }
    };
    let is_failure = matches!(
        told.code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
    );
    is_failure.then(|| Failure::Statement(rusqlite::Error::SqliteFailure(*told, Some(error.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended_code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None)
    }

    #[test]
    fn every_code_has_its_kind() {
        let cases = [
            (ffi::SQLITE_BUSY, ErrorKind::Busy, true),
            (ffi::SQLITE_BUSY_SNAPSHOT, ErrorKind::Busy, true),
            (ffi::SQLITE_LOCKED, ErrorKind::Busy, true),
            (ffi::SQLITE_FULL, ErrorKind::StorageFull, false),
            (ffi::SQLITE_IOERR_SHMSIZE, ErrorKind::StorageFull, false),
            (ffi::SQLITE_NOTADB, ErrorKind::Corrupt, false),
            (ffi::SQLITE_CORRUPT, ErrorKind::Corrupt, false),
            (ffi::SQLITE_CORRUPT_INDEX, ErrorKind::Corrupt, false),
            (ffi::SQLITE_READONLY, ErrorKind::ReadOnly, false),
            (ffi::SQLITE_READONLY_DBMOVED, ErrorKind::ReadOnly, false),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Unavailable, false),
            (ffi::SQLITE_IOERR, ErrorKind::Unavailable, true),
            (ffi::SQLITE_IOERR_FSYNC, ErrorKind::Unavailable, true),
            (ffi::SQLITE_NOMEM, ErrorKind::Unavailable, true),
            (ffi::SQLITE_ERROR, ErrorKind::Corrupt, false),
            (ffi::SQLITE_AUTH, ErrorKind::Unavailable, false),
            (
                ffi::SQLITE_TOOBIG,
                ErrorKind::InvalidInput { field: "value", limit: Some(1_000_000_000) },
                false,
            ),
        ];
        for (code, kind, transient) in cases {
            let error = Failure::Statement(failure(code)).tell("append", "/data/a.db");
            assert_eq!((error.kind(), error.is_transient()), (&kind, transient), "code {code}");
            assert!(!error.is_outcome_unknown(), "code {code}");
            assert_eq!(error.operation(), Some("append"));
            assert!(error.to_string().contains("/data/a.db"), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }

    #[test]
    fn an_io_error_while_committing_leaves_the_outcome_open() {
        let error = Failure::Commit(failure(ffi::SQLITE_IOERR_FSYNC)).tell("append", "a.db");
        assert_eq!(error.kind(), &ErrorKind::Unavailable);
        assert!(error.is_outcome_unknown() && error.is_transient());
    }

    #[test]
    fn a_full_disk_while_committing_has_written_nothing() {
        let error = Failure::Commit(failure(ffi::SQLITE_FULL)).tell("append", "a.db");
        assert_eq!(error.kind(), &ErrorKind::StorageFull);
        assert!(!error.is_outcome_unknown() && !error.is_transient());
    }

    #[test]
    fn errors_of_the_library_pass_unchanged() {
        let error = Failure::Told(Error::closed("the store")).tell("append", "a.db");
        assert_eq!(error.to_string(), "append: the store is closed; open it anew");
    }
}

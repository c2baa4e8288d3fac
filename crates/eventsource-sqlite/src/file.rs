//! Whether a store still has its file.
//!
//! An open file that is deleted, moved or replaced goes on to take writes, which nobody will ever find. SQLite does not look,
//! so the store does: at the file before each read, and also at its write-ahead log before each write. That is one question to
//! the operating system each, of about a microsecond.

use std::{ffi::OsString, fs, path::Path, sync::Arc};

use eventsource_core::{Error, ErrorKind};

use crate::{
    error::{Failure, Outcome},
    options::Location,
};

/// The files of an open store.
#[derive(Debug, Clone)]
pub(crate) struct OpenFiles {
    /// Nothing for a store in memory.
    database: Option<Known>,
    /// Nothing for a store that is only read: it writes nothing that could get lost there.
    write_ahead_log: Option<Known>,
}

impl OpenFiles {
    /// Takes note of the files right after the connection that writes was opened.
    pub(crate) fn of_writer(location: &Location) -> Outcome<Self> {
        let database = Self::of_reader(location)?.database;
        let Some(known) = &database else { return Ok(Self { database, write_ahead_log: None }) };
        // SQLite follows links before it names the log.
        let mut log: OsString = fs::canonicalize(&known.path).map_err(gone)?.into();
        log.push("-wal");
        let write_ahead_log = Some(Known::note(Path::new(&log))?);
        Ok(Self { database, write_ahead_log })
    }

    /// Takes note of the file right after the first connection of a store that is only read was opened.
    pub(crate) fn of_reader(location: &Location) -> Outcome<Self> {
        let database = match location {
            Location::File(path) => Some(Known::note(path)?),
            Location::Memory => None,
        };
        Ok(Self { database, write_ahead_log: None })
    }

    /// Refuses to read when the file is another one now, or gone.
    pub(crate) fn check_read(&self) -> Outcome<()> {
        self.database.as_ref().map_or(Ok(()), Known::check)
    }

    /// Refuses to write when the file or its log is another one now, or gone.
    pub(crate) fn check_write(&self) -> Outcome<()> {
        self.check_read()?;
        self.write_ahead_log.as_ref().map_or(Ok(()), Known::check)
    }
}

/// A file that was there. Cloning is a reference count.
#[derive(Debug, Clone)]
struct Known {
    path: Arc<Path>,
    identity: Identity,
}

impl Known {
    fn note(path: &Path) -> Outcome<Self> {
        Ok(Self { path: path.into(), identity: identity(path).map_err(gone)? })
    }

    fn check(&self) -> Outcome<()> {
        match identity(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(gone(None)),
            Err(error) => Err(gone(error)),
        }
    }
}

/// Device and number of the file.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Other systems keep an open file where it is.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &Path) -> std::io::Result<Identity> {
    fs::metadata(path).map(drop)
}

fn gone(cause: impl Into<Option<std::io::Error>>) -> Failure {
    let message = "the database file or its write-ahead log was moved, deleted or replaced while it was open; open the store anew";
    let error = Error::new(ErrorKind::Unavailable, message);
    Failure::Lost(match cause.into() {
        Some(cause) => error.with_source(cause),
        None => error,
    })
}

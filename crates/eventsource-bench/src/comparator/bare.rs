//! The bare table: the least that could be called an event table.

use std::path::Path;

use eventsource::{ExpectedVersion, StreamId, store::Append};
use rusqlite::{Connection, OptionalExtension, Row};

use super::{Comparator, open, transaction};
use crate::{Result, domain::OrderEvent};

/// One table with two indexes, and one for snapshots: no heads of streams, no metadata, no correlation, no times.
pub(crate) struct Bare {
    connection: Connection,
}

const TABLES: &str = "
    CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        stream   TEXT    NOT NULL,
        version  INTEGER NOT NULL,
        event_id BLOB    NOT NULL,
        name     TEXT    NOT NULL,
        payload  BLOB    NOT NULL,
        UNIQUE (stream, version),
        UNIQUE (event_id)
    );
    CREATE TABLE snapshots (
        stream  TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        state   BLOB    NOT NULL
    );
";

impl Bare {
    /// An empty database.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let connection = open(path)?;
        connection.execute_batch(TABLES)?;
        Ok(Self { connection })
    }
}

impl Comparator for Bare {
    fn append(&mut self, append: &Append) -> Result<()> {
        let [append] = &append.streams[..] else { return Err("an append goes to one stream here".into()) };
        let before = match append.expected {
            ExpectedVersion::Exact(version) => i64::try_from(version.get())?,
            _ => 0,
        };
        transaction(&self.connection, || {
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO events (stream, version, event_id, name, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (version, event) in (before + 1..).zip(&append.events) {
                insert.execute((
                    append.stream.as_str(),
                    version,
                    event.id.as_uuid().as_bytes().as_slice(),
                    event.name.as_str(),
                    &event.payload[..],
                ))?;
            }
            Ok(())
        })
    }

    fn read_stream(
        &self,
        stream: &StreamId,
        after: i64,
        take: &mut dyn FnMut(i64, OrderEvent),
    ) -> Result<()> {
        let mut select = self.connection.prepare_cached(
            "SELECT version, name, payload FROM events WHERE stream = ?1 AND version > ?2 ORDER BY version",
        )?;
        let mut rows = select.query((stream.as_str(), after))?;
        while let Some(row) = rows.next()? {
            take(row.get(0)?, decode(row)?);
        }
        Ok(())
    }

    fn read_feed(&self, take: &mut dyn FnMut(OrderEvent)) -> Result<()> {
        let mut select =
            self.connection.prepare_cached("SELECT position, name, payload FROM events ORDER BY position")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            take(decode(row)?);
        }
        Ok(())
    }

    fn save_snapshot(&self, stream: &StreamId, version: i64, state: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO snapshots (stream, version, state) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (stream) DO UPDATE SET version = excluded.version, state = excluded.state",
            )?
            .execute((stream.as_str(), version, state))?;
        Ok(())
    }

    fn load_snapshot(&self, stream: &StreamId) -> Result<Option<(i64, Vec<u8>)>> {
        Ok(self
            .connection
            .prepare_cached("SELECT version, state FROM snapshots WHERE stream = ?1")?
            .query_row([stream.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }
}

fn decode(row: &Row<'_>) -> Result<OrderEvent> {
    OrderEvent::decode_plainly(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_blob()?)
}

//! The floor: what the work costs in our tables when nothing is checked and nothing is handed from thread to thread.

use std::{collections::HashMap, hint::black_box, path::Path};

use eventsource::{
    Clock, EventId, ExpectedVersion, StreamId, SystemClock,
    sqlite::SqliteStore,
    store::{Append, Close, StreamAppend},
};
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::runtime::Runtime;

use super::{Comparator, open, transaction};
use crate::{Result, domain::OrderEvent};

/// Our tables and indexes, the same columns and the same bytes, by the driver's best statements.
pub(crate) struct Floor {
    connection: Connection,
    /// The rows of the streams that were written, so that none has to be looked for.
    streams: HashMap<StreamId, i64>,
    last_position: i64,
}

const COLUMNS: &str = "position, stream_id, version, event_id, name, schema_version, occurred_at, recorded_at, \
     correlation, erased, codec, transform, metadata, payload";

impl Floor {
    /// An empty database whose tables the store itself has made.
    pub(crate) fn create(path: &Path, runtime: &Runtime) -> Result<Self> {
        runtime.block_on(async { SqliteStore::open(path).await?.close().await })?;
        Ok(Self { connection: open(path)?, streams: HashMap::new(), last_position: 0 })
    }

    fn put_stream(&self, append: &StreamAppend, recorded_at: i64) -> Result<(i64, i64)> {
        let stream = &append.stream;
        let events = append.events.len() as i64;
        let position = self.last_position + events;
        let before = match append.expected {
            ExpectedVersion::Exact(version) => version.get() as i64,
            _ => 0,
        };
        if let Some(row) = self.streams.get(stream) {
            self.connection
                .prepare_cached(
                    "UPDATE es_streams SET version = ?1, position = ?2, recorded_at = ?3 WHERE id = ?4",
                )?
                .execute((before + events, position, recorded_at, row))?;
            return Ok((*row, before));
        }
        self.connection
            .prepare_cached(
                "INSERT INTO es_streams (tenant, category, key, version, position, recorded_at, lifecycle) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'active')",
            )?
            .execute((
                stream.tenant_or_empty(),
                stream.category(),
                stream.key(),
                before + events,
                position,
                recorded_at,
            ))?;
        Ok((self.connection.last_insert_rowid(), before))
    }

    fn put_events(&self, append: &StreamAppend, row: i64, before: i64, recorded_at: i64) -> Result<()> {
        let mut insert = self.connection.prepare_cached(&format!(
            "INSERT INTO es_events ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        ))?;
        for (number, event) in (1..).zip(&append.events) {
            insert.execute((
                self.last_position + number,
                row,
                before + number,
                event.id.as_uuid().as_bytes().as_slice(),
                event.name.as_str(),
                event.schema_version,
                recorded_at,
                recorded_at,
                event.correlation.as_ref().map(|c| c.as_uuid().as_bytes().as_slice()),
                false,
                event.codec.as_str(),
                event.transform.as_str(),
                &event.metadata.as_bytes()[..],
                &event.payload[..],
            ))?;
        }
        Ok(())
    }
}

impl Comparator for Floor {
    fn append(&mut self, append: &Append) -> Result<()> {
        let [append] = &append.streams[..] else { return Err("an append goes to one stream here".into()) };
        let recorded_at = SystemClock.now().as_micros();
        let mut row = 0;
        transaction(&self.connection, || {
            let before;
            (row, before) = self.put_stream(append, recorded_at)?;
            self.put_events(append, row, before, recorded_at)
        })?;
        self.last_position += append.events.len() as i64;
        if !self.streams.contains_key(&append.stream) {
            self.streams.insert(append.stream.clone(), row);
        }
        Ok(())
    }

    fn read_stream(
        &self,
        stream: &StreamId,
        after: i64,
        take: &mut dyn FnMut(i64, OrderEvent),
    ) -> Result<()> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM es_events WHERE stream_id = \
             (SELECT id FROM es_streams WHERE tenant = ?1 AND category = ?2 AND key = ?3) \
             AND version > ?4 ORDER BY version"
        ))?;
        let mut rows = select.query((stream.tenant_or_empty(), stream.category(), stream.key(), after))?;
        while let Some(row) = rows.next()? {
            let (version, event) = read(row)?;
            take(version, event);
        }
        Ok(())
    }

    fn read_feed(&self, take: &mut dyn FnMut(OrderEvent)) -> Result<()> {
        let mut select =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM es_events ORDER BY position"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            take(read(row)?.1);
        }
        Ok(())
    }

    fn save_snapshot(&self, stream: &StreamId, version: i64, state: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO es_snapshots (tenant, category, key, state_type, schema_version, version, last_event, \
                 codec, transform, taken_at, state) VALUES (?1, ?2, ?3, 'Order', 1, ?4, ?5, 'json', '', ?6, ?7) \
                 ON CONFLICT (tenant, category, key, state_type, schema_version) DO UPDATE SET \
                 version = excluded.version, last_event = excluded.last_event, codec = excluded.codec, \
                 transform = excluded.transform, taken_at = excluded.taken_at, state = excluded.state",
            )?
            .execute((
                stream.tenant_or_empty(),
                stream.category(),
                stream.key(),
                version,
                EventId::generate().as_uuid().as_bytes().as_slice(),
                SystemClock.now().as_micros(),
                state,
            ))?;
        Ok(())
    }

    fn load_snapshot(&self, stream: &StreamId) -> Result<Option<(i64, Vec<u8>)>> {
        let mut select = self.connection.prepare_cached(
            "SELECT version, last_event, codec, transform, taken_at, state FROM es_snapshots \
             WHERE tenant = ?1 AND category = ?2 AND key = ?3 AND state_type = 'Order' AND schema_version = 1",
        )?;
        let key = (stream.tenant_or_empty(), stream.category(), stream.key());
        Ok(select
            .query_row(key, |row| {
                for column in 1..5 {
                    black_box(row.get_ref(column)?);
                }
                Ok((row.get(0)?, row.get(5)?))
            })
            .optional()?)
    }
}

/// Looks at every column, and decodes the payload with serde alone.
fn read(row: &Row<'_>) -> Result<(i64, OrderEvent)> {
    for column in 0..14 {
        black_box(row.get_ref(column)?);
    }
    let name = row.get_ref(4)?.as_str()?;
    let payload = row.get_ref(13)?.as_blob()?;
    Ok((row.get(2)?, OrderEvent::decode_plainly(name, payload)?))
}

//! Rows to envelopes, and back.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use eventsource_core::{
    ConsumerId, CorrelationId, EventId, EventName, Metadata, Position, RecordedEvent, StreamId,
    StreamVersion, Timestamp,
    codec::{CodecTag, TransformTag},
    store::Direction,
};
use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};
use uuid::Uuid;

use crate::error::{Failure, Outcome};

/// The columns of the table `es_events` that [`event`] reads before `metadata` and `payload`.
pub(crate) const ENVELOPE_COLUMNS: &str = "position, stream_id, version, event_id, name, schema_version, \
     occurred_at, recorded_at, correlation, erased, codec, transform";

/// The order of rows that a direction asks for.
pub(crate) fn order(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "ASC",
        Direction::Backward => "DESC",
    }
}

/// Text that rows repeat, parsed once; every row asks, hence the fast hasher. Streams never change and are never removed,
/// so what was committed stays true.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    names: HashSet<EventName, RandomState>,
    streams: HashMap<i64, StreamId, RandomState>,
}

impl Interned {
    /// Names and streams that are kept; beyond, everything is forgotten and learnt again.
    const NAMES_MAX: usize = 4_096;
    const STREAMS_MAX: usize = 65_536;

    fn name(&mut self, text: &str) -> Outcome<EventName> {
        if let Some(name) = self.names.get(text) {
            return Ok(name.clone());
        }
        let name = EventName::new(text).map_err(|_| Failure::Damaged(format!("the event name {text:?}")))?;
        if self.names.len() >= Self::NAMES_MAX {
            self.names.clear();
        }
        self.names.insert(name.clone());
        Ok(name)
    }

    /// The stream of a row of `es_streams`. Never asked inside a transaction that writes, whose rows may vanish.
    pub(crate) fn stream(&mut self, connection: &Connection, id: i64) -> Outcome<StreamId> {
        if let Some(stream) = self.streams.get(&id) {
            return Ok(stream.clone());
        }
        let stream = stream_of(connection, id)?;
        if self.streams.len() >= Self::STREAMS_MAX {
            self.streams.clear();
        }
        self.streams.insert(id, stream.clone());
        Ok(stream)
    }
}

/// The stream of a row of `es_streams`.
pub(crate) fn stream_of(connection: &Connection, id: i64) -> Outcome<StreamId> {
    let stream = connection
        .prepare_cached("SELECT tenant, category, key FROM es_streams WHERE id = ?1")?
        .query_row([id], |row| Ok(stream_at(row, 0)))
        .optional()?;
    stream.ok_or_else(|| Failure::Damaged(format!("an event of the stream row {id}, which is missing")))?
}

/// The stream in three columns of a row, of which the first is column `at`.
pub(crate) fn stream_at(row: &Row<'_>, at: usize) -> Outcome<StreamId> {
    let parts = (row.get_ref(at)?, row.get_ref(at + 1)?, row.get_ref(at + 2)?);
    let (tenant, category, key) = (text(parts.0)?, text(parts.1)?, text(parts.2)?);
    StreamId::from_parts(tenant, category, key)
        .map_err(|_| Failure::Damaged(format!("the stream ({tenant:?}, {category:?}, {key:?})")))
}

/// The version of a consumer in two columns, of which the first is column `at`.
pub(crate) fn consumer_id(row: &Row<'_>, at: usize) -> Outcome<ConsumerId> {
    let name = text(row.get_ref(at)?)?;
    ConsumerId::new(name, row.get(at + 1)?).map_err(|_| Failure::Damaged(format!("the consumer {name:?}")))
}

/// The event in a row of [`ENVELOPE_COLUMNS`], `metadata` and `payload`.
pub(crate) fn event(row: &Row<'_>, stream: StreamId, interned: &mut Interned) -> Outcome<RecordedEvent> {
    let correlation = match row.get_ref(8)? {
        ValueRef::Null => None,
        value => Some(CorrelationId::from_uuid(uuid(value)?)),
    };
    let codec = text(row.get_ref(10)?)?;
    let transform = text(row.get_ref(11)?)?;
    Ok(RecordedEvent {
        position: position(row.get(0)?)?,
        stream,
        version: version(row.get(2)?)?,
        id: EventId::from_uuid(uuid(row.get_ref(3)?)?),
        name: interned.name(text(row.get_ref(4)?)?)?,
        schema_version: row.get(5)?,
        occurred_at: timestamp(row.get(6)?)?,
        recorded_at: timestamp(row.get(7)?)?,
        correlation,
        erased: row.get(9)?,
        codec: CodecTag::new(codec).map_err(|_| Failure::Damaged(format!("the codec {codec:?}")))?,
        transform: TransformTag::new(transform)
            .map_err(|_| Failure::Damaged(format!("the transform {transform:?}")))?,
        metadata: Metadata::from_bytes(bytes(row.get_ref(12)?)?),
        payload: bytes(row.get_ref(13)?)?,
    })
}

/// Writes events into one stream, which must have a row already.
pub(crate) fn insert(
    connection: &Connection,
    stream_row: i64,
    events: impl Iterator<Item = RecordedEvent>,
) -> Outcome<()> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO es_events ({ENVELOPE_COLUMNS}, metadata, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    ))?;
    for event in events {
        statement.execute((
            number("position", event.position.get())?,
            stream_row,
            number("version", event.version.get())?,
            event.id.as_uuid().as_bytes().as_slice(),
            event.name.as_str(),
            event.schema_version,
            event.occurred_at.as_micros(),
            event.recorded_at.as_micros(),
            event.correlation.as_ref().map(|c| c.as_uuid().as_bytes().as_slice()),
            event.erased,
            event.codec.as_str(),
            event.transform.as_str(),
            &event.metadata.as_bytes()[..],
            &event.payload[..],
        ))?;
    }
    Ok(())
}

/// A number as the database keeps it. What callers give is checked before; one that is greater follows from a row
/// that this crate never wrote.
pub(crate) fn number(what: &str, number: u64) -> Outcome<i64> {
    i64::try_from(number).map_err(|_| Failure::Damaged(format!("the {what} before {number}")))
}

/// A number to compare with what the database keeps: what is beyond its range lies beyond every row.
pub(crate) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn position(number: i64) -> Outcome<Position> {
    unsigned("the position", number).map(Position::new)
}

pub(crate) fn version(number: i64) -> Outcome<StreamVersion> {
    unsigned("the version", number).map(StreamVersion::new)
}

pub(crate) fn unsigned(what: &str, number: i64) -> Outcome<u64> {
    u64::try_from(number).map_err(|_| Failure::Damaged(format!("{what} {number}")))
}

pub(crate) fn timestamp(micros: i64) -> Outcome<Timestamp> {
    Timestamp::from_micros(micros).map_err(|_| Failure::Damaged(format!("the time {micros} µs")))
}

pub(crate) fn uuid(value: ValueRef<'_>) -> Outcome<Uuid> {
    let bytes = value.as_blob().map_err(rusqlite::Error::from)?;
    Uuid::from_slice(bytes).map_err(|_| Failure::Damaged(format!("an id of {} bytes", bytes.len())))
}

pub(crate) fn text(value: ValueRef<'_>) -> Outcome<&str> {
    Ok(value.as_str().map_err(rusqlite::Error::from)?)
}

pub(crate) fn bytes(value: ValueRef<'_>) -> Outcome<Bytes> {
    Ok(Bytes::copy_from_slice(value.as_blob().map_err(rusqlite::Error::from)?))
}

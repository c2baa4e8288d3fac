//! Checkpoints.

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, ConsumerName, Epoch, EventId, Incarnation, LogId, Place, Result, Slice, SliceRange,
    backend::{SegmentDecision, change_segment, check_segment_change},
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
};
use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};

use crate::{
    SqliteReadModels,
    error::{Failure, Outcome},
    row::{number, position, unsigned, uuid},
};

#[async_trait]
impl CheckpointStore for SqliteReadModels {
    async fn segments(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<Segment>> {
        let consumer = consumer.clone();
        self.database().read("segments", move |reader| segments(&reader.connection, &consumer, log)).await
    }

    async fn begin(&self, consumer: &ConsumerId, log: LogId, place: Place) -> Result<Vec<Segment>> {
        let consumer = consumer.clone();
        let begun = self.database().write("begin", move |writer| {
            writer.transaction(|connection| begin(connection, consumer, log, place))
        });
        begun.await
    }

    async fn change(&self, key: &SegmentKey, epoch: Epoch, change: SegmentChange) -> Result<SegmentOutcome> {
        let following = check_segment_change(key, &change).map_err(|e| e.with_operation("change segment"))?;
        let key = key.clone();
        let changed = self.database().write("change segment", move |writer| {
            writer.transaction(|connection| self::change(connection, &key, following, epoch, &change))
        });
        changed.await
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<u64> {
        let consumer = consumer.clone();
        let removed = self.database().write("remove segments", move |writer| {
            writer.transaction(|connection| remove(connection, &consumer))
        });
        removed.await
    }

    async fn active_version(&self, consumer: &ConsumerName) -> Result<Option<u32>> {
        let consumer = consumer.clone();
        self.database()
            .read("active version", move |reader| active_version(&reader.connection, &consumer))
            .await
    }

    async fn switch_version(&self, consumer: &ConsumerName, from: Option<u32>, to: u32) -> Result<bool> {
        let consumer = consumer.clone();
        let switched = self.database().write("switch version", move |writer| {
            writer.transaction(|connection| {
                if active_version(connection, &consumer)? != from {
                    return Ok(false);
                }
                connection.execute(
                    "INSERT INTO es_active_versions (consumer, consumer_version) VALUES (?1, ?2) \
                     ON CONFLICT (consumer) DO UPDATE SET consumer_version = excluded.consumer_version",
                    (consumer.as_str(), to),
                )?;
                Ok(true)
            })
        });
        switched.await
    }
}

/// The columns that [`segment`] reads.
const SEGMENT_COLUMNS: &str = "first_slice, last_slice, incarnation, position, event_id, epoch";

/// The segments of a version of a consumer, by slices.
pub(crate) fn segments(connection: &Connection, consumer: &ConsumerId, log: LogId) -> Outcome<Vec<Segment>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {SEGMENT_COLUMNS} FROM es_segments WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 \
         ORDER BY first_slice"
    ))?;
    let mut rows =
        statement.query((consumer.name.as_str(), consumer.version, log.as_uuid().as_bytes().as_slice()))?;
    let mut segments = Vec::new();
    while let Some(row) = rows.next()? {
        segments.push(segment(row, consumer, log)?);
    }
    Ok(segments)
}

fn begin(connection: &Connection, consumer: ConsumerId, log: LogId, place: Place) -> Outcome<Vec<Segment>> {
    let present = segments(connection, &consumer, log)?;
    if !present.is_empty() {
        return Ok(present);
    }
    let key = SegmentKey { consumer, log, slices: SliceRange::ALL };
    let segment = Segment { key, place, epoch: Epoch::NONE };
    put(connection, &segment)?;
    Ok(vec![segment])
}

/// Changes a segment inside a transaction; `following` is what [`check_segment_change`] named.
fn change(
    connection: &Connection,
    key: &SegmentKey,
    following: Option<SegmentKey>,
    epoch: Epoch,
    change: &SegmentChange,
) -> Outcome<SegmentOutcome> {
    let Some(segment) = find(connection, key)? else { return Ok(SegmentOutcome::Absent) };
    let following = match following {
        None => None,
        Some(key) => match find(connection, &key)? {
            None => return Ok(SegmentOutcome::Absent),
            following => following,
        },
    };
    match change_segment(&segment, following.as_ref(), epoch, change) {
        SegmentDecision::Refused(outcome) => Ok(outcome),
        SegmentDecision::Changed { segment, added, removed } => {
            if let Some(removed) = removed {
                delete(connection, &removed)?;
            }
            put(connection, &segment)?;
            if let Some(added) = added {
                put(connection, &added)?;
            }
            Ok(SegmentOutcome::Changed(segment))
        }
    }
}

/// The segment with these slices.
pub(crate) fn find(connection: &Connection, key: &SegmentKey) -> Outcome<Option<Segment>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {SEGMENT_COLUMNS} FROM es_segments \
         WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 AND first_slice = ?4 AND last_slice = ?5"
    ))?;
    let found = statement
        .query_row(
            (
                key.consumer.name.as_str(),
                key.consumer.version,
                key.log.as_uuid().as_bytes().as_slice(),
                key.slices.first().number(),
                key.slices.last().number(),
            ),
            |row| Ok(segment(row, &key.consumer, key.log)),
        )
        .optional()?;
    found.transpose()
}

/// Writes a segment in place of the one that begins with the same slice.
pub(crate) fn put(connection: &Connection, segment: &Segment) -> Outcome<()> {
    let Segment { key, place, epoch } = segment;
    connection
        .prepare_cached(
            "INSERT INTO es_segments (consumer, consumer_version, log_id, first_slice, last_slice, incarnation, \
             position, event_id, epoch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (consumer, consumer_version, log_id, first_slice) DO UPDATE SET \
             last_slice = excluded.last_slice, incarnation = excluded.incarnation, position = excluded.position, \
             event_id = excluded.event_id, epoch = excluded.epoch",
        )?
        .execute((
            key.consumer.name.as_str(),
            key.consumer.version,
            key.log.as_uuid().as_bytes().as_slice(),
            key.slices.first().number(),
            key.slices.last().number(),
            place.incarnation.as_uuid().as_bytes().as_slice(),
            number("position", place.position.get())?,
            place.event.as_ref().map(|id| id.as_uuid().as_bytes().as_slice()),
            number("epoch", epoch.get())?,
        ))?;
    Ok(())
}

fn delete(connection: &Connection, key: &SegmentKey) -> Outcome<()> {
    connection.execute(
        "DELETE FROM es_segments \
         WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 AND first_slice = ?4",
        (
            key.consumer.name.as_str(),
            key.consumer.version,
            key.log.as_uuid().as_bytes().as_slice(),
            key.slices.first().number(),
        ),
    )?;
    Ok(())
}

/// Removes the checkpoint of a version of a consumer; how many segments there were.
pub(crate) fn remove(connection: &Connection, consumer: &ConsumerId) -> Outcome<u64> {
    let removed = connection.execute(
        "DELETE FROM es_segments WHERE consumer = ?1 AND consumer_version = ?2",
        (consumer.name.as_str(), consumer.version),
    )?;
    Ok(removed as u64)
}

/// The version of a consumer that readers of its read model use.
pub(crate) fn active_version(connection: &Connection, consumer: &ConsumerName) -> Outcome<Option<u32>> {
    let active = connection
        .prepare_cached("SELECT consumer_version FROM es_active_versions WHERE consumer = ?1")?
        .query_row([consumer.as_str()], |row| row.get(0))
        .optional()?;
    Ok(active)
}

fn segment(row: &Row<'_>, consumer: &ConsumerId, log: LogId) -> Outcome<Segment> {
    let (first, last): (u16, u16) = (row.get(0)?, row.get(1)?);
    let slices = Slice::new(first).and_then(|first| SliceRange::new(first, Slice::new(last)?));
    let slices = slices.map_err(|_| Failure::Damaged(format!("the slices {first}-{last}")))?;
    let event = match row.get_ref(4)? {
        ValueRef::Null => None,
        id => Some(EventId::from_uuid(uuid(id)?)),
    };
    let incarnation = Incarnation::from_uuid(uuid(row.get_ref(2)?)?);
    Ok(Segment {
        key: SegmentKey { consumer: consumer.clone(), log, slices },
        place: Place { incarnation, position: position(row.get(3)?)?, event },
        epoch: Epoch::new(unsigned("the epoch", row.get(5)?)?),
    })
}

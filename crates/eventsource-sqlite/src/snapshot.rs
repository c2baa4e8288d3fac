//! Kept states of aggregates.

use async_trait::async_trait;
use eventsource_core::{
    EventId, Result, StateType, StreamId, TenantFilter,
    backend::check_snapshot,
    codec::{CodecTag, TransformTag},
    lifecycle::Lifecycle,
    store::{SaveOutcome, Snapshot, SnapshotStore},
};
use rusqlite::{Connection, Row};

use crate::{
    SqliteStore,
    error::{Failure, Outcome},
    heads,
    row::{bytes, number, text, timestamp, uuid, version},
};

#[async_trait]
impl SnapshotStore for SqliteStore {
    async fn save(&self, snapshot: Snapshot) -> Result<SaveOutcome> {
        check_snapshot(&snapshot).map_err(|e| e.with_operation("save snapshot"))?;
        self.write("save snapshot", move |writer| {
            writer.transaction(|connection| save(connection, &snapshot))
        })
        .await
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        let (stream, state_type) = (stream.clone(), state_type.clone());
        self.read("load snapshot", move |reader| {
            load(&reader.connection, &stream, &state_type, schema_version)
        })
        .await
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        let (stream, state_type) = (stream.clone(), state_type.clone());
        self.read("snapshot exists", move |reader| {
            Ok(reader
                .connection
                .prepare_cached(
                    "SELECT 1 FROM es_snapshots WHERE tenant = ?1 AND category = ?2 AND key = ?3 \
                     AND state_type = ?4 AND schema_version = ?5",
                )?
                .exists((
                    stream.tenant_or_empty(),
                    stream.category(),
                    stream.key(),
                    state_type.as_str(),
                    schema_version,
                ))?)
        })
        .await
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        let stream = stream.clone();
        self.write("delete snapshots", move |writer| {
            writer.transaction(|connection| delete(connection, &stream))
        })
        .await
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        let (state_type, tenant) = (state_type.clone(), tenant.clone());
        self.write("delete snapshots", move |writer| {
            writer.transaction(|connection| {
                let removed = connection.execute(
                    "DELETE FROM es_snapshots WHERE state_type = ?1 AND (?2 IS NULL OR schema_version < ?2) \
                     AND (?3 IS NULL OR tenant = ?3)",
                    (state_type.as_str(), below_schema_version, tenant.column()),
                )?;
                Ok(removed as u64)
            })
        })
        .await
    }
}

fn save(connection: &Connection, snapshot: &Snapshot) -> Outcome<SaveOutcome> {
    let stream = &snapshot.stream;
    if heads::find(connection, stream)?.is_some_and(|head| head.info.lifecycle == Lifecycle::Erased) {
        return Ok(SaveOutcome::StreamErased);
    }
    let kept = connection
        .prepare_cached(
            "INSERT INTO es_snapshots (tenant, category, key, state_type, schema_version, version, last_event, \
             codec, transform, taken_at, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (tenant, category, key, state_type, schema_version) DO UPDATE SET \
             version = excluded.version, last_event = excluded.last_event, codec = excluded.codec, \
             transform = excluded.transform, taken_at = excluded.taken_at, state = excluded.state \
             WHERE excluded.version > es_snapshots.version",
        )?
        .execute((
            stream.tenant_or_empty(),
            stream.category(),
            stream.key(),
            snapshot.state_type.as_str(),
            snapshot.schema_version,
            number("version", snapshot.version.get())?,
            snapshot.last_event.as_uuid().as_bytes().as_slice(),
            snapshot.codec.as_str(),
            snapshot.transform.as_str(),
            snapshot.taken_at.as_micros(),
            &snapshot.state[..],
        ))?;
    Ok(if kept == 0 { SaveOutcome::Outdated } else { SaveOutcome::Saved })
}

fn load(
    connection: &Connection,
    stream: &StreamId,
    state_type: &StateType,
    schema_version: u16,
) -> Outcome<Option<Snapshot>> {
    let mut statement = connection.prepare_cached(
        "SELECT version, last_event, codec, transform, taken_at, state FROM es_snapshots \
         WHERE tenant = ?1 AND category = ?2 AND key = ?3 AND state_type = ?4 AND schema_version = ?5",
    )?;
    let mut rows = statement.query((
        stream.tenant_or_empty(),
        stream.category(),
        stream.key(),
        state_type.as_str(),
        schema_version,
    ))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let snapshot = Snapshot {
        version: version(row.get(0)?)?,
        last_event: EventId::from_uuid(uuid(row.get_ref(1)?)?),
        codec: tag(row, 2, "codec", CodecTag::new)?,
        transform: tag(row, 3, "transform", TransformTag::new)?,
        taken_at: timestamp(row.get(4)?)?,
        state: bytes(row.get_ref(5)?)?,
        stream: stream.clone(),
        state_type: state_type.clone(),
        schema_version,
    };
    Ok(Some(snapshot))
}

fn tag<T>(row: &Row<'_>, column: usize, what: &str, parse: impl Fn(&str) -> Result<T>) -> Outcome<T> {
    let text = text(row.get_ref(column)?)?;
    parse(text).map_err(|_| Failure::Damaged(format!("the {what} {text:?}")))
}

/// Removes the snapshots of a stream; how many there were.
pub(crate) fn delete(connection: &Connection, stream: &StreamId) -> Outcome<u64> {
    let removed = connection
        .prepare_cached("DELETE FROM es_snapshots WHERE tenant = ?1 AND category = ?2 AND key = ?3")?
        .execute((stream.tenant_or_empty(), stream.category(), stream.key()))?;
    Ok(removed as u64)
}

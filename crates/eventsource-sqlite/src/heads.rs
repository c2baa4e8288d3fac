//! The rows of the streams.

use eventsource_core::{
    Position, StreamId, StreamVersion, Timestamp, lifecycle::Lifecycle, store::StreamInfo,
};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    error::{Failure, Outcome},
    row::{number, position, text, timestamp, version},
};

/// A stream that has events.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// Its row.
    pub(crate) row: i64,
    pub(crate) info: StreamInfo,
}

/// The stream's row, if it has events.
pub(crate) fn find(connection: &Connection, stream: &StreamId) -> Outcome<Option<Head>> {
    connection
        .prepare_cached(
            "SELECT id, version, position, recorded_at, lifecycle FROM es_streams \
             WHERE tenant = ?1 AND category = ?2 AND key = ?3",
        )?
        .query_row((stream.tenant_or_empty(), stream.category(), stream.key()), |row| {
            let row_id = row.get(0)?;
            Ok(info(row, 1, stream.clone()).map(|info| Head { row: row_id, info }))
        })
        .optional()?
        .transpose()
}

/// A stream from the columns `version, position, recorded_at, lifecycle`, of which the first is column `at`.
pub(crate) fn info(row: &Row<'_>, at: usize, stream: StreamId) -> Outcome<StreamInfo> {
    let lifecycle = text(row.get_ref(at + 3)?)?;
    Ok(StreamInfo {
        stream,
        version: version(row.get(at)?)?,
        position: position(row.get(at + 1)?)?,
        recorded_at: Some(timestamp(row.get(at + 2)?)?),
        lifecycle: Lifecycle::from_name(lifecycle)
            .ok_or_else(|| Failure::Damaged(format!("the lifecycle {lifecycle:?}")))?,
    })
}

/// Where a stream ends after a write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) version: StreamVersion,
    pub(crate) position: Position,
    pub(crate) recorded_at: Timestamp,
    pub(crate) lifecycle: Lifecycle,
}

/// Moves a stream to its new end, creates its row if it has none, and gives the row.
pub(crate) fn put(connection: &Connection, stream: &StreamId, row: Option<i64>, end: &End) -> Outcome<i64> {
    let version = number("version", end.version.get())?;
    let position = number("position", end.position.get())?;
    let (recorded_at, lifecycle) = (end.recorded_at.as_micros(), end.lifecycle.as_str());
    match row {
        Some(row) => {
            connection
                .prepare_cached(
                    "UPDATE es_streams SET version = ?1, position = ?2, recorded_at = ?3, lifecycle = ?4 WHERE id = ?5",
                )?
                .execute((version, position, recorded_at, lifecycle, row))?;
            Ok(row)
        }
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO es_streams (tenant, category, key, version, position, recorded_at, lifecycle) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    stream.tenant_or_empty(),
                    stream.category(),
                    stream.key(),
                    version,
                    position,
                    recorded_at,
                    lifecycle,
                ))?;
            Ok(connection.last_insert_rowid())
        }
    }
}

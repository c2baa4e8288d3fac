//! Inboxes of bus groups.

use async_trait::async_trait;
use eventsource_core::{
    BoxError, ConsumerName, LogId, RecordedEvent, Result, StreamId, StreamVersion, backend::check_inbox_step,
    inbox::Inbox,
};
use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::{
    SqliteReadModels,
    error::{Failure, Outcome},
    projection::guarded,
    row::{number, version},
};

#[async_trait]
impl Inbox for SqliteReadModels {
    async fn applied(&self, group: &ConsumerName, log: LogId, stream: &StreamId) -> Result<StreamVersion> {
        let (group, stream) = (group.clone(), stream.clone());
        self.database().read("applied", move |reader| applied(&reader.connection, &group, log, &stream)).await
    }

    async fn step(
        &self,
        group: &ConsumerName,
        log: LogId,
        stream: &StreamId,
        from: StreamVersion,
        to: StreamVersion,
    ) -> Result<bool> {
        check_inbox_step(from, to).map_err(|e| e.with_operation("step inbox"))?;
        let (group, stream) = (group.clone(), stream.clone());
        let stepped = self.database().write("step inbox", move |writer| {
            writer.transaction(|connection| {
                let is_there = applied(connection, &group, log, &stream)? == from;
                if is_there {
                    put(connection, &group, log, &stream, to)?;
                }
                Ok(is_there)
            })
        });
        stepped.await
    }
}

impl SqliteReadModels {
    /// Applies the effect of an event that a bus delivered to a group, unless the group has applied it before, or a later one
    /// of its stream. Whether it was applied now.
    ///
    /// # Atomicity
    /// The effect and the step of the inbox are one commit. When the effect fails or panics, nothing was written.
    ///
    /// # Errors
    /// What the effect returned; failures of the database, as an [`Error`](eventsource_core::Error).
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; call it again.
    pub async fn apply_once<E: Into<BoxError>>(
        &self,
        group: &ConsumerName,
        log: LogId,
        event: &RecordedEvent,
        effect: impl FnOnce(&Transaction<'_>) -> Result<(), E> + Send + 'static,
    ) -> Result<bool, BoxError> {
        let (group, stream, version) = (group.clone(), event.stream.clone(), event.version);
        let done = self.database().write("apply once", move |writer| {
            let transaction = writer.begin()?;
            if applied(&transaction, &group, log, &stream)? >= version {
                return Ok(Ok(false));
            }
            if let Err(error) = guarded(&transaction, || effect(&transaction).map_err(Into::into)) {
                return Ok(Err(error));
            }
            put(&transaction, &group, log, &stream, version)?;
            transaction.commit().map_err(Failure::Commit)?;
            Ok(Ok(true))
        });
        done.await?
    }
}

/// The version of the last event of a stream that a group applied.
fn applied(
    connection: &Connection,
    group: &ConsumerName,
    log: LogId,
    stream: &StreamId,
) -> Outcome<StreamVersion> {
    let found: Option<i64> = connection
        .prepare_cached(
            "SELECT version FROM es_inbox \
             WHERE consumer = ?1 AND log_id = ?2 AND tenant = ?3 AND category = ?4 AND key = ?5",
        )?
        .query_row(
            (
                group.as_str(),
                log.as_uuid().as_bytes().as_slice(),
                stream.tenant_or_empty(),
                stream.category(),
                stream.key(),
            ),
            |row| row.get(0),
        )
        .optional()?;
    found.map_or(Ok(StreamVersion::ZERO), version)
}

fn put(
    connection: &Connection,
    group: &ConsumerName,
    log: LogId,
    stream: &StreamId,
    to: StreamVersion,
) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO es_inbox (consumer, log_id, tenant, category, key, version) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (consumer, log_id, tenant, category, key) DO UPDATE SET version = excluded.version",
        )?
        .execute((
            group.as_str(),
            log.as_uuid().as_bytes().as_slice(),
            stream.tenant_or_empty(),
            stream.category(),
            stream.key(),
            number("version", to.get())?,
        ))?;
    Ok(())
}

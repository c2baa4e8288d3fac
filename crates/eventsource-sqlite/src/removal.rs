//! Deleting, restoring and erasing streams.

use async_trait::async_trait;
use eventsource_core::{
    Error, ExpectedVersion, NewEvent, Result, StreamId, Timestamp,
    backend::{check_lifecycle_change, duplicate, lifecycle_event, record},
    lifecycle::{Lifecycle, LifecycleNote, STREAM_DELETED, STREAM_ERASED, STREAM_RESTORED},
    store::{Appended, AppendedStream, StreamDeletion, StreamErasure, StreamInfo},
};
use rusqlite::Connection;

use crate::{
    SqliteStore,
    connection::WriteConnection,
    dead_letter,
    error::Outcome,
    heads::{self, End, Head},
    log::{self, Tail},
    lookup, request, row, snapshot,
};

#[async_trait]
impl StreamDeletion for SqliteStore {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        let record = self.lifecycle_record("delete", STREAM_DELETED, note)?;
        let change = Change { stream: stream.clone(), expected, next: Lifecycle::Deleted, record };
        self.write("delete", |writer| change.write(writer, |_, _| Ok(()))).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        let record = self.lifecycle_record("restore", STREAM_RESTORED, note)?;
        let change = Change {
            stream: stream.clone(),
            expected: ExpectedVersion::Any,
            next: Lifecycle::Active,
            record,
        };
        self.write("restore", |writer| change.write(writer, |_, _| Ok(()))).await
    }
}

#[async_trait]
impl StreamErasure for SqliteStore {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        let record = self.lifecycle_record("erase", STREAM_ERASED, note)?;
        let change = Change {
            stream: stream.clone(),
            expected: ExpectedVersion::Any,
            next: Lifecycle::Erased,
            record,
        };
        self.write("erase", |writer| {
            let erased = change
                .write(writer, |connection, head| wipe(connection, Some(head.row), &head.info.stream))?;
            writer.forget_write_ahead_log();
            Ok(erased)
        })
        .await
    }
}

impl SqliteStore {
    fn lifecycle_record(
        &self,
        operation: &'static str,
        name: &str,
        note: &LifecycleNote,
    ) -> Result<NewEvent> {
        let (id, limits) = (self.options().ids.event_id(), &self.options().limits);
        lifecycle_event(id, name, note, limits).map_err(|e| e.with_operation(operation))
    }
}

/// A change in a stream's life.
struct Change {
    stream: StreamId,
    expected: ExpectedVersion,
    next: Lifecycle,
    /// What tells of it.
    record: NewEvent,
}

impl Change {
    /// Writes the record, and does `besides` in the same transaction.
    fn write(
        self,
        writer: &WriteConnection,
        besides: impl FnOnce(&Connection, &Head) -> Outcome<()>,
    ) -> Outcome<Appended> {
        let now = writer.clock.now();
        let appended = writer.transaction(|connection| {
            let head = heads::find(connection, &self.stream)?;
            let absent = StreamInfo::absent(self.stream.clone());
            check_lifecycle_change(head.as_ref().map_or(&absent, |head| &head.info), self.next)?;
            let Some(head) = head else { return Err(Error::stream_not_found(self.stream).into()) };
            if !self.expected.accepts(head.info.version) {
                return Err(Error::conflict(self.stream, self.expected, head.info.version).into());
            }
            if let Some(taken) = lookup::event(connection, self.record.id)? {
                return Err(duplicate(&taken).into());
            }
            besides(connection, &head)?;
            self.append(connection, &head, now)
        })?;
        writer.announce(appended.token.position);
        Ok(appended)
    }

    fn append(self, connection: &Connection, head: &Head, now: Timestamp) -> Outcome<Appended> {
        let mut tail = Tail::read(connection)?;
        tail.check_room(1)?;
        let (version, position) = (head.info.version.next(), tail.draw());
        let recorded_at = tail.record_time(now);
        let event = record(self.record, self.stream.clone(), version, position, recorded_at);
        let end = End { version, position, recorded_at, lifecycle: self.next };
        heads::put(connection, &self.stream, Some(head.row), &end)?;
        row::insert(connection, head.row, std::iter::once(event))?;
        let streams = vec![AppendedStream { stream: self.stream, first: version, last: version }];
        Ok(Appended { token: tail.token(position), streams, deduplicated: false })
    }
}

/// Wipes the content of every event of a stream, which may have none yet, of its letters and of edits of them, and its
/// snapshots. After the commit the write-ahead log is to be forgotten.
pub(crate) fn wipe(connection: &Connection, stream_row: Option<i64>, stream: &StreamId) -> Outcome<()> {
    if let Some(stream_row) = stream_row {
        connection.execute(
            "UPDATE es_events SET transform = '', payload = x'', metadata = x'', correlation = NULL, erased = 1 \
             WHERE stream_id = ?1",
            [stream_row],
        )?;
        request::erase(connection, stream_row)?;
    }
    snapshot::delete(connection, stream)?;
    dead_letter::erase(connection, log::identity(connection)?.id, stream)?;
    Ok(())
}

//! Deleting, restoring and erasing streams of the store in memory.

use async_trait::async_trait;

use super::{
    MemoryStore,
    state::State,
    write::{Drawn, Locks, Write},
};
use crate::{
    Error, ExpectedVersion, NewEvent, Result, StreamId, Timestamp, Token,
    backend::{check_lifecycle_change, duplicate, lifecycle_event, record},
    lifecycle::{Lifecycle, LifecycleNote, STREAM_DELETED, STREAM_ERASED, STREAM_RESTORED},
    store::{Appended, AppendedStream, StreamDeletion, StreamErasure},
};

#[async_trait]
impl StreamDeletion for MemoryStore {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        self.change("delete", stream, expected, STREAM_DELETED, note).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.change("restore", stream, ExpectedVersion::Any, STREAM_RESTORED, note).await
    }
}

#[async_trait]
impl StreamErasure for MemoryStore {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.change("erase", stream, ExpectedVersion::Any, STREAM_ERASED, note).await
    }
}

impl MemoryStore {
    async fn change(
        &self,
        operation: &'static str,
        stream: &StreamId,
        expected: ExpectedVersion,
        name: &str,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        let (id, limits) = (self.shared.options.ids.event_id(), &self.shared.options.limits);
        let record = lifecycle_event(id, name, note, limits).map_err(|e| e.with_operation(operation))?;
        let next = Lifecycle::after(name).unwrap_or_default();
        self.write(operation, Change { stream: stream.clone(), expected, next, record }).await
    }
}

/// A change in a stream's life. What erasing wipes, it wipes when the record is committed.
struct Change {
    stream: StreamId,
    expected: ExpectedVersion,
    next: Lifecycle,
    /// What tells of it.
    record: NewEvent,
}

impl Write for Change {
    type Outcome = Appended;

    fn locks(&self) -> Locks {
        Locks { streams: [self.stream.clone()].into(), ids: [self.record.id].into() }
    }

    fn draw(self, state: &mut State, now: Timestamp) -> Result<Drawn<Appended>> {
        let info = state.info(&self.stream);
        check_lifecycle_change(&info, self.next)?;
        if !self.expected.accepts(info.version) {
            return Err(Error::conflict(self.stream, self.expected, info.version));
        }
        if let Some(taken) = state.event(self.record.id) {
            return Err(duplicate(taken));
        }
        let version = info.version.next();
        let positions: Vec<_> = state.draw(1)?.collect();
        let recorded_at = state.recording_time(now);
        let events: Vec<_> = positions
            .into_iter()
            .map(|position| record(self.record.clone(), self.stream.clone(), version, position, recorded_at))
            .collect();
        let position = events.last().map_or(info.position, |e| e.position);
        let token = Token { log: state.log.id, position };
        let streams = vec![AppendedStream { stream: self.stream, first: version, last: version }];
        Ok(Drawn { events, outcome: Appended { token, streams, deduplicated: false } })
    }
}

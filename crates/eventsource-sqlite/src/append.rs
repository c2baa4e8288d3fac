//! Appending: the checks, the rows, and what an append that was sent before gets.

use async_trait::async_trait;
use eventsource_core::{
    EventId, Log, Position, RecordedEvent, Result, StreamId, StreamVersion, Timestamp,
    backend::{check_append, check_expected, duplicate, is_same_append, record},
    lifecycle::Lifecycle,
    store::{
        Append, Appended, AppendedStream, EventStore, Limits, ReadOptions, StreamAppend, StreamInfo,
        StreamPage,
    },
};
use rusqlite::Connection;

use crate::{
    SqliteStore,
    error::Outcome,
    heads::{self, End, Head},
    log::Tail,
    lookup, read, row,
};

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, append: Append) -> Result<Appended> {
        check_append(&append, &self.limits()).map_err(|e| e.with_operation("append"))?;
        self.writer("append")?.append(append).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        let (stream, options) = (stream.clone(), options.clone());
        self.read("read stream", move |reader| read::page(reader, &stream, &options)).await
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        let stream = stream.clone();
        self.read("stream", move |reader| {
            let head = heads::find(&reader.connection, &stream)?;
            Ok(head.map_or_else(|| StreamInfo::absent(stream), |head| head.info))
        })
        .await
    }

    fn log(&self) -> Log {
        self.known_log().get()
    }

    fn limits(&self) -> Limits {
        self.options().limits
    }
}

/// Checks an append and writes it, inside a transaction. What the checks refuse has written nothing.
pub(crate) fn write(
    connection: &Connection,
    tail: &mut Tail,
    now: Timestamp,
    append: &Append,
) -> Outcome<Appended> {
    let mut found = Vec::with_capacity(append.streams.len());
    for stream in &append.streams {
        let head = heads::find(connection, &stream.stream)?;
        let (version, lifecycle) =
            head.as_ref().map_or_else(Default::default, |head| (head.info.version, head.info.lifecycle));
        if let Err(refused) = check_expected(stream, version, lifecycle) {
            // Only now does it matter whether this append was sent before.
            return find_recorded(connection, tail, append)?.ok_or_else(|| refused.into());
        }
        found.push(head);
    }
    tail.check_room(append.streams.iter().map(|s| s.events.len()).sum())?;
    let recorded_at = tail.record_time(now);
    let mut streams = Vec::with_capacity(append.streams.len());
    for (stream, head) in append.streams.iter().zip(&found).filter(|(s, _)| !s.events.is_empty()) {
        streams.push(write_stream(connection, tail, recorded_at, stream, head.as_ref())?);
    }
    Ok(Appended { token: tail.token(tail.position()), streams, deduplicated: false })
}

fn write_stream(
    connection: &Connection,
    tail: &mut Tail,
    recorded_at: Timestamp,
    append: &StreamAppend,
    head: Option<&Head>,
) -> Outcome<AppendedStream> {
    let before = head.map_or(StreamVersion::ZERO, |head| head.info.version);
    let mut version = before;
    let mut events = Vec::with_capacity(append.events.len());
    for event in &append.events {
        version = version.next();
        events.push(record(event.clone(), append.stream.clone(), version, tail.draw(), recorded_at));
    }
    let end = End { version, position: tail.position(), recorded_at, lifecycle: Lifecycle::Active };
    let stream_row = heads::put(connection, &append.stream, head.map(|h| h.row), &end)?;
    row::insert(connection, stream_row, events.into_iter())?;
    Ok(AppendedStream { stream: append.stream.clone(), first: before.next(), last: version })
}

/// The original outcome of an append that is recorded already; `None` when none of its ids is known; an error when it is
/// not the same as then.
pub(crate) fn find_recorded(
    connection: &Connection,
    tail: &Tail,
    append: &Append,
) -> Outcome<Option<Appended>> {
    let known = |id: EventId| lookup::event(connection, id);
    let mut taken = None;
    for event in append.streams.iter().flat_map(|s| &s.events) {
        taken = known(event.id)?;
        if taken.is_some() {
            break;
        }
    }
    let Some(taken) = taken else { return Ok(None) };
    let mut streams = Vec::new();
    let mut last = Position::START;
    for stream in append.streams.iter().filter(|s| !s.events.is_empty()) {
        let recorded: Option<Vec<RecordedEvent>> =
            stream.events.iter().map(|e| known(e.id)).collect::<Outcome<_>>()?;
        let recorded = recorded.unwrap_or_default();
        let (true, Some(first), Some(end)) =
            (is_same_append(stream, &recorded), recorded.first(), recorded.last())
        else {
            return Err(duplicate(&taken).into());
        };
        last = last.max(end.position);
        streams.push(AppendedStream {
            stream: stream.stream.clone(),
            first: first.version,
            last: end.version,
        });
    }
    Ok(Some(Appended { token: tail.token(last), streams, deduplicated: true }))
}

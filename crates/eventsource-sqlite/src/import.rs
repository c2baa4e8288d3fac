//! Writing recorded events as they were.

use std::collections::HashMap;

use async_trait::async_trait;
use eventsource_core::{
    RecordedEvent, Result, StreamId, StreamVersion, Timestamp,
    backend::{ImportStep, StreamTail, check_import, import_step},
    lifecycle::Lifecycle,
    store::{EventImport, Imported},
};
use rusqlite::Connection;

use crate::{
    SqliteStore,
    error::Outcome,
    heads::{self, End},
    log::{Tail, Unordered},
    lookup, row,
};

#[async_trait]
impl EventImport for SqliteStore {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        check_import(events, &self.options().limits).map_err(|e| e.with_operation("import"))?;
        let events = events.to_vec();
        self.write("import", move |writer| {
            let (imported, tail) = writer.transaction(|connection| import(connection, events))?;
            writer.announce(tail.position());
            Ok(imported)
        })
        .await
    }
}

/// A stream while events are imported into it.
#[derive(Debug, Clone, Copy)]
struct Importing {
    row: Option<i64>,
    version: StreamVersion,
    recorded_at: Option<Timestamp>,
    lifecycle: Lifecycle,
}

fn import(connection: &Connection, events: Vec<RecordedEvent>) -> Outcome<(Imported, Tail)> {
    let mut streams: HashMap<StreamId, Importing> = HashMap::new();
    let mut tail = Tail::read(connection)?;
    tail.check_room(events.len())?;
    let mut imported = Imported::default();
    let mut times_follow = true;
    for event in events {
        let stream = match streams.get(&event.stream) {
            Some(stream) => *stream,
            None => begin(connection, &event.stream)?,
        };
        match decide(connection, &stream, &event)? {
            ImportStep::Present => imported.present += 1,
            ImportStep::Write => {
                imported.written += 1;
                times_follow &= tail.import_time(event.recorded_at);
                let stream_id = event.stream.clone();
                let stream = write(connection, &mut tail, &stream, event)?;
                streams.insert(stream_id, stream);
            }
        }
    }
    if !times_follow {
        Unordered::extend(connection, &tail)?;
    }
    Ok((imported, tail))
}

fn begin(connection: &Connection, stream: &StreamId) -> Outcome<Importing> {
    let absent = Importing {
        row: None,
        version: StreamVersion::ZERO,
        recorded_at: None,
        lifecycle: Lifecycle::Active,
    };
    Ok(heads::find(connection, stream)?.map_or(absent, |head| Importing {
        row: Some(head.row),
        version: head.info.version,
        recorded_at: head.info.recorded_at,
        lifecycle: head.info.lifecycle,
    }))
}

fn decide(connection: &Connection, stream: &Importing, event: &RecordedEvent) -> Outcome<ImportStep> {
    let present = match stream.row {
        Some(stream_row) if event.version <= stream.version => {
            lookup::event_at(connection, stream_row, row::bound(event.version.get()))?
        }
        _ => None,
    };
    let same_id = match present {
        Some(_) => None,
        None => lookup::event(connection, event.id)?,
    };
    let tail = StreamTail { version: stream.version, recorded_at: stream.recorded_at };
    Ok(import_step(event, &tail, present.as_ref(), same_id.as_ref())?)
}

fn write(
    connection: &Connection,
    tail: &mut Tail,
    stream: &Importing,
    event: RecordedEvent,
) -> Outcome<Importing> {
    let position = tail.draw();
    let lifecycle = Lifecycle::after(event.name.as_str()).unwrap_or(stream.lifecycle);
    let end = End { version: event.version, position, recorded_at: event.recorded_at, lifecycle };
    let stream_row = heads::put(connection, &event.stream, stream.row, &end)?;
    row::insert(connection, stream_row, std::iter::once(RecordedEvent { position, ..event }))?;
    Ok(Importing {
        row: Some(stream_row),
        version: end.version,
        recorded_at: Some(end.recorded_at),
        lifecycle,
    })
}

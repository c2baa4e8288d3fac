//! Writing recorded events as they were.

use std::collections::HashMap;

use async_trait::async_trait;
use eventsource_core::{
    RecordedEvent, Result, StreamId,
    backend::{ImportStep, StreamTail, check_import, import_step},
    lifecycle::Lifecycle,
    store::{EventImport, Imported, StreamInfo},
};
use rusqlite::Connection;

use crate::{
    SqliteStore,
    error::Outcome,
    heads::{self, End},
    log::{Tail, Unordered},
    lookup, removal, row,
};

#[async_trait]
impl EventImport for SqliteStore {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        check_import(events, &self.options().limits).map_err(|e| e.with_operation("import"))?;
        let events = events.to_vec();
        self.write("import", move |writer| {
            let import = writer.transaction(|connection| import(connection, events))?;
            writer.announce(import.tail.position());
            if import.wiped {
                writer.forget_write_ahead_log();
            }
            Ok(import.outcome)
        })
        .await
    }
}

/// A stream while events are imported into it.
#[derive(Debug, Clone, Copy)]
struct Importing {
    row: Option<i64>,
    tail: StreamTail,
}

/// What an import has done so far.
struct Import {
    outcome: Imported,
    /// Where the log ends.
    tail: Tail,
    /// Whether an erasure was imported.
    wiped: bool,
}

fn import(connection: &Connection, events: Vec<RecordedEvent>) -> Outcome<Import> {
    let mut streams: HashMap<StreamId, Importing> = HashMap::new();
    let mut import = Import { outcome: Imported::default(), tail: Tail::read(connection)?, wiped: false };
    let mut times_follow = true;
    for event in events {
        let stream = match streams.get(&event.stream) {
            Some(stream) => *stream,
            None => begin(connection, &event.stream)?,
        };
        match decide(connection, &stream, &event)? {
            ImportStep::Present => import.outcome.present += 1,
            ImportStep::Write => {
                import.outcome.written += 1;
                times_follow &= import.tail.import_time(event.recorded_at);
                let stream_id = event.stream.clone();
                let stream = import.write(connection, &stream, event)?;
                streams.insert(stream_id, stream);
            }
        }
    }
    if !times_follow {
        Unordered::extend(connection, &import.tail)?;
    }
    Ok(import)
}

fn begin(connection: &Connection, stream: &StreamId) -> Outcome<Importing> {
    Ok(match heads::find(connection, stream)? {
        Some(head) => Importing { row: Some(head.row), tail: StreamTail::of(&head.info) },
        None => Importing { row: None, tail: StreamTail::of(&StreamInfo::absent(stream.clone())) },
    })
}

fn decide(connection: &Connection, stream: &Importing, event: &RecordedEvent) -> Outcome<ImportStep> {
    let present = match stream.row {
        Some(stream_row) if event.version <= stream.tail.version => {
            lookup::event_at(connection, stream_row, row::bound(event.version.get()))?
        }
        _ => None,
    };
    let same_id = match present {
        Some(_) => None,
        None => lookup::event(connection, event.id)?,
    };
    Ok(import_step(event, &stream.tail, present.as_ref(), same_id.as_ref())?)
}

impl Import {
    fn write(
        &mut self,
        connection: &Connection,
        stream: &Importing,
        event: RecordedEvent,
    ) -> Outcome<Importing> {
        let tail = stream.tail.after(&event);
        if tail.lifecycle == Lifecycle::Erased {
            removal::wipe(connection, stream.row, &event.stream)?;
            self.wiped = true;
        }
        self.tail.check_room(1)?;
        let position = self.tail.draw();
        let end = End {
            version: event.version,
            position,
            recorded_at: event.recorded_at,
            lifecycle: tail.lifecycle,
        };
        let stream_row = heads::put(connection, &event.stream, stream.row, &end)?;
        row::insert(connection, stream_row, std::iter::once(RecordedEvent { position, ..event }))?;
        Ok(Importing { row: Some(stream_row), tail })
    }
}

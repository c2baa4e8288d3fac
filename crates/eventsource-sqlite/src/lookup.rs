//! Finding events by id and by business process.

use async_trait::async_trait;
use eventsource_core::{
    CorrelationId, EventId, Position, RecordedEvent, Result,
    backend::{Page, check_limit},
    store::{Direction, EventLookup, FeedOptions, FeedPage},
};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    SqliteStore,
    connection::ReadConnection,
    error::Outcome,
    row::{self, ENVELOPE_COLUMNS, Interned, bound, order},
};

#[async_trait]
impl EventLookup for SqliteStore {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        self.read("event", move |reader| event(&reader.connection, id)).await
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        check_limit(options.limit).map_err(|e| e.with_operation("correlated"))?;
        let options = options.clone();
        self.read("correlated", move |reader| correlated(reader, correlation, after, &options)).await
    }
}

/// The event with this id. Also asked inside transactions that write, hence without what connections keep.
pub(crate) fn event(connection: &Connection, id: EventId) -> Outcome<Option<RecordedEvent>> {
    find(connection, "event_id = ?1", [id.as_uuid().as_bytes().as_slice()])
}

/// The event at a version of a stream, by the stream's row. Also asked inside transactions that write.
pub(crate) fn event_at(
    connection: &Connection,
    stream_row: i64,
    version: i64,
) -> Outcome<Option<RecordedEvent>> {
    find(connection, "stream_id = ?1 AND version = ?2", (stream_row, version))
}

fn find(connection: &Connection, which: &str, key: impl rusqlite::Params) -> Outcome<Option<RecordedEvent>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENVELOPE_COLUMNS}, metadata, payload FROM es_events WHERE {which}"
    ))?;
    let found = statement.query_row(key, |row| {
        let stream_row = row.get(1)?;
        Ok(row::stream_of(connection, stream_row)
            .and_then(|stream| row::event(row, stream, &mut Interned::default())))
    });
    found.optional()?.transpose()
}

/// One page of a business process, as one snapshot of the database shows it.
fn correlated(
    reader: &mut ReadConnection,
    correlation: CorrelationId,
    after: Position,
    options: &FeedOptions,
) -> Outcome<FeedPage> {
    let snapshot = reader.connection.unchecked_transaction()?;
    let beyond = match options.direction {
        Direction::Forward => ">",
        Direction::Backward => "<",
    };
    let mut statement = snapshot.prepare_cached(&format!(
        "SELECT {ENVELOPE_COLUMNS}, metadata, payload FROM es_events WHERE correlation = ?1 AND position {beyond} ?2 ORDER BY position {}",
        order(options.direction)
    ))?;
    let mut rows = statement.query((correlation.as_uuid().as_bytes().as_slice(), bound(after.get())))?;
    let mut page = Page::new(Some(options.limit));
    let mut at_head = true;
    while let Some(row) = rows.next()? {
        let stream = reader.interned.stream(&snapshot, row.get(1)?)?;
        if !options.filter.selects(&stream, row::text(row.get_ref(4)?)?) {
            continue;
        }
        if page.is_full() {
            at_head = false;
            break;
        }
        page.push(row::event(row, stream, &mut reader.interned)?);
    }
    let events = page.into_events();
    let next = events.last().map_or(after, |e| e.position);
    Ok(FeedPage { events, next, at_head })
}

//! The feed: all events in position order, which here is the order of commits.

use async_trait::async_trait;
use eventsource_core::{
    EventFilter, EventId, Log, Position, Result, TenantFilter, Timestamp,
    backend::{Page, check_feed_options, check_not_ahead},
    store::{Direction, EventFeed, FeedOptions, FeedPage, WakeUps},
};
use rusqlite::{Connection, OptionalExtension, types::ValueRef};

use crate::{
    SqliteStore,
    connection::ReadConnection,
    error::{Failure, Outcome},
    log::{self, Unordered},
    row::{self, ENVELOPE_COLUMNS, Interned, bound, order},
};

#[async_trait]
impl EventFeed for SqliteStore {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        check_feed_options(options).map_err(|e| e.with_operation("read feed"))?;
        let options = options.clone();
        self.read("read feed", move |reader| page(reader, after, &options)).await
    }

    async fn head(&self) -> Result<Position> {
        self.read("head", |reader| log::head(&reader.connection)).await
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        self.read("position before", move |reader| position_before(&reader.connection, time)).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        self.read("event id at", move |reader| {
            let id = reader
                .connection
                .prepare_cached("SELECT event_id FROM es_events WHERE position = ?1")?
                .query_row([bound(position.get())], |row| Ok(row::uuid(row.get_ref(0)?)))
                .optional()?;
            Ok(id.transpose()?.map(EventId::from_uuid))
        })
        .await
    }

    fn log(&self) -> Log {
        self.known_log().get()
    }

    fn wake_ups(&self) -> WakeUps {
        self.hints()
    }
}

/// Bytes of a payload that is read before it is known whether the event is wanted: as a rule it lies on the page that
/// holds the row, and costs next to nothing.
const SHORT_BYTES: usize = 2_000;

/// One page of the feed, as one snapshot of the database shows it.
fn page(reader: &mut ReadConnection, after: Position, options: &FeedOptions) -> Outcome<FeedPage> {
    let snapshot = reader.connection.unchecked_transaction()?;
    let window = match options.direction {
        Direction::Forward => {
            check_not_ahead(after, log::head(&snapshot)?)?;
            Window::after(&snapshot, after, options.window)?
        }
        Direction::Backward => Window::before(&snapshot, after, options.window)?,
    };
    let Some(window) = window else {
        return Ok(FeedPage { events: Vec::new(), next: after, at_head: true });
    };
    let mut page = Page::new(Some(options.limit));
    let looked = look(&snapshot, &mut reader.interned, &window, options, &mut page)?;
    let next = looked.last.map_or(Ok(after), row::position)?;
    Ok(FeedPage { events: page.into_events(), next, at_head: looked.complete && window.is_last })
}

/// The positions that a page looks at, both inclusive.
struct Window {
    low: i64,
    high: i64,
    /// Whether nothing lies beyond it.
    is_last: bool,
}

impl Window {
    /// At most `length` positions after one. It begins with an event, so that it holds one even behind a gap.
    fn after(connection: &Connection, after: Position, length: usize) -> Outcome<Option<Self>> {
        let (low, head): (Option<i64>, Option<i64>) = connection
            .prepare_cached(
                "SELECT (SELECT min(position) FROM es_events WHERE position > ?1), (SELECT max(position) FROM es_events)",
            )?
            .query_row([bound(after.get())], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(low), Some(head)) = (low, head) else { return Ok(None) };
        let high = low.saturating_add(bound(length as u64) - 1);
        Ok(Some(Self { low, high, is_last: high >= head }))
    }

    /// At most `length` positions before one. It begins with an event too.
    fn before(connection: &Connection, before: Position, length: usize) -> Outcome<Option<Self>> {
        let (high, first): (Option<i64>, Option<i64>) = connection
            .prepare_cached(
                "SELECT (SELECT max(position) FROM es_events WHERE position < ?1), (SELECT min(position) FROM es_events)",
            )?
            .query_row([bound(before.get())], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(high), Some(first)) = (high, first) else { return Ok(None) };
        let low = high.saturating_sub(bound(length as u64) - 1);
        Ok(Some(Self { low, high, is_last: low <= first }))
    }
}

/// How far a page came.
struct Looked {
    /// The last position that was looked at.
    last: Option<i64>,
    /// Whether the window was looked at to its end.
    complete: bool,
}

fn is_everything(filter: &EventFilter) -> bool {
    *filter.tenant_filter() == TenantFilter::Any && filter.selectors().is_empty()
}

/// Looks at the events of a window, and adds those that pass the filter.
fn look(
    connection: &Connection,
    interned: &mut Interned,
    window: &Window,
    options: &FeedOptions,
    page: &mut Page,
) -> Outcome<Looked> {
    // Whoever wants some events only does not read the long payloads of the others.
    let payload = match is_everything(&options.filter) {
        true => "payload".to_owned(),
        false => format!("CASE WHEN length(payload) <= {SHORT_BYTES} THEN payload END"),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {ENVELOPE_COLUMNS}, metadata, {payload} FROM es_events WHERE position BETWEEN ?1 AND ?2 \
         ORDER BY position {}",
        order(options.direction)
    ))?;
    let mut whole = connection.prepare_cached(&format!(
        "SELECT {ENVELOPE_COLUMNS}, metadata, payload FROM es_events WHERE position = ?1"
    ))?;
    let mut rows = statement.query((window.low, window.high))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let position = row.get(0)?;
        check_order(options.direction, last, position)?;
        let stream = interned.stream(connection, row.get(1)?)?;
        if options.filter.selects(&stream, row::text(row.get_ref(4)?)?) {
            if page.is_full() {
                return Ok(Looked { last, complete: false });
            }
            let event = match row.get_ref(13)? {
                ValueRef::Null => {
                    whole.query_row([position], |row| Ok(row::event(row, stream, interned)))??
                }
                _ => row::event(row, stream, interned)?,
            };
            page.push(event);
        }
        last = Some(position);
    }
    Ok(Looked { last, complete: true })
}

/// A damaged table may give its rows in another order than that of their positions, and a reader would skip some.
fn check_order(direction: Direction, last: Option<i64>, position: i64) -> Outcome<()> {
    let Some(last) = last else { return Ok(()) };
    let follows = match direction {
        Direction::Forward => position > last,
        Direction::Backward => position < last,
    };
    if follows {
        return Ok(());
    }
    Err(Failure::Damaged(format!(
        "position {position} comes after position {last}: the feed is out of order"
    )))
}

/// The last position before everything that was recorded at `time` or later.
fn position_before(connection: &Connection, time: Timestamp) -> Outcome<Position> {
    let snapshot = connection.unchecked_transaction()?;
    let unordered = Unordered::read(&snapshot)?;
    let first = if unordered.latest.is_some_and(|latest| latest >= time) {
        // It lies where times may go back: only looking at each helps.
        snapshot
            .prepare_cached(
                "SELECT position FROM es_events WHERE recorded_at >= ?1 ORDER BY position LIMIT 1",
            )?
            .query_row([time.as_micros()], |row| row.get(0))
            .optional()?
    } else {
        first_recorded_at(&snapshot, time, bound(unordered.through.get()))?
    };
    let before: Option<i64> = snapshot
        .prepare_cached("SELECT max(position) FROM es_events WHERE position < ?1")?
        .query_row([first.unwrap_or(i64::MAX)], |row| row.get(0))?;
    before.map_or(Ok(Position::START), row::position)
}

/// The first position after `low` that was recorded at `time` or later, by halving: there, times follow positions.
fn first_recorded_at(connection: &Connection, time: Timestamp, mut low: i64) -> Outcome<Option<i64>> {
    let mut at_or_after = connection.prepare_cached(
        "SELECT position, recorded_at FROM es_events WHERE position > ?1 ORDER BY position LIMIT 1",
    )?;
    let mut next = |after: i64| -> Outcome<Option<(i64, i64)>> {
        Ok(at_or_after.query_row([after], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    let mut high = bound(log::head(connection)?.get());
    let mut first = None;
    // What is sought lies in (low, high]; everything at or below `low` was recorded before `time`.
    while low < high {
        let middle = low + (high - low) / 2;
        match next(middle)? {
            Some((position, recorded_at)) if recorded_at < time.as_micros() => low = position,
            Some((position, _)) => {
                first = Some(position);
                high = middle;
            }
            None => high = middle,
        }
    }
    Ok(first)
}

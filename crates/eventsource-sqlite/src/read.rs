//! Reading streams.

use eventsource_core::{
    StreamId, StreamVersion,
    backend::{Page, check_active},
    store::{AsOf, Direction, ReadOptions, StreamPage},
};

use crate::{
    connection::ReadConnection,
    error::Outcome,
    heads,
    row::{self, EVENT_COLUMNS, bound, order},
};

/// One page of a stream, as one snapshot of the database shows it.
pub(crate) fn page(
    reader: &mut ReadConnection,
    stream: &StreamId,
    options: &ReadOptions,
) -> Outcome<StreamPage> {
    let snapshot = reader.connection.unchecked_transaction()?;
    let Some(head) = heads::find(&snapshot, stream)? else {
        return Ok(StreamPage { events: Vec::new(), next: None, version: StreamVersion::ZERO });
    };
    check_active(stream, head.info.lifecycle)?;
    let (low, high) = match options.direction {
        Direction::Forward => (options.from, options.to),
        Direction::Backward => (options.to, options.from),
    };
    let (recorded, occurred) = match options.as_of {
        None => (None, None),
        Some(AsOf::Recorded(time)) => (Some(time.as_micros()), None),
        Some(AsOf::Occurred(time)) => (None, Some(time.as_micros())),
    };
    let mut statement = snapshot.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM es_events WHERE stream_id = ?1 AND version BETWEEN ?2 AND ?3 \
         AND (?4 IS NULL OR recorded_at <= ?4) AND (?5 IS NULL OR occurred_at <= ?5) ORDER BY version {}",
        order(options.direction)
    ))?;
    let mut rows = statement.query((
        head.row,
        low.map_or(0, |v| bound(v.get())),
        high.map_or(i64::MAX, |v| bound(v.get())),
        recorded,
        occurred,
    ))?;
    let mut page = Page::new(options.limit);
    let mut next = None;
    // Rows are read one by one, so that nothing is read beyond the page.
    while let Some(row) = rows.next()? {
        if page.is_full() {
            next = Some(row::version(row.get(2)?)?);
            break;
        }
        page.push(row::event(row, stream.clone(), &mut reader.interned)?);
    }
    Ok(StreamPage { events: page.into_events(), next, version: head.info.version })
}

//! Reading streams.

use std::ops::RangeInclusive;

use eventsource_core::{
    StreamId, StreamVersion,
    backend::{Page, check_active},
    store::{AsOf, Direction, ReadOptions, StreamPage},
};

use crate::{
    connection::ReadConnection,
    error::{Failure, Outcome},
    heads,
    row::{self, ENVELOPE_COLUMNS, bound, order},
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
    let low = low.map_or(1, |v| bound(v.get())).max(1);
    let high = high.map_or(i64::MAX, |v| bound(v.get()));
    let (recorded, occurred) = match options.as_of {
        None => (None, None),
        Some(AsOf::Recorded(time)) => (Some(time.as_micros()), None),
        Some(AsOf::Occurred(time)) => (None, Some(time.as_micros())),
    };
    let mut statement = snapshot.prepare_cached(&format!(
        "SELECT {ENVELOPE_COLUMNS}, metadata, payload FROM es_events WHERE stream_id = ?1 AND version BETWEEN ?2 AND ?3 \
         AND (?4 IS NULL OR recorded_at <= ?4) AND (?5 IS NULL OR occurred_at <= ?5) ORDER BY version {}",
        order(options.direction)
    ))?;
    let mut rows = statement.query((head.row, low, high, recorded, occurred))?;
    let mut page = Page::new(options.limit);
    let mut next = None;
    let mut unbroken = Unbroken::new(low..=high.min(bound(head.info.version.get())), options);
    // Rows are read one by one, so that nothing is read beyond the page.
    while let Some(row) = rows.next()? {
        if page.is_full() {
            next = Some(row::version(row.get(2)?)?);
            break;
        }
        unbroken.meets(stream, row.get(2)?)?;
        page.push(row::event(row, stream.clone(), &mut reader.interned)?);
    }
    if next.is_none() {
        unbroken.ends(stream)?;
    }
    Ok(StreamPage { events: page.into_events(), next, version: head.info.version })
}

/// Finds versions that are missing, so that no state is ever folded from a stream with a hole.
struct Unbroken {
    /// What must come; nothing where the reader asked for a past, which has holes.
    awaited: Option<RangeInclusive<i64>>,
    direction: Direction,
}

impl Unbroken {
    fn new(versions: RangeInclusive<i64>, options: &ReadOptions) -> Self {
        Self { awaited: options.as_of.is_none().then_some(versions), direction: options.direction }
    }

    /// The next row has this version.
    fn meets(&mut self, stream: &StreamId, version: i64) -> Outcome<()> {
        match self.next() {
            Some(awaited) if awaited != version => Err(missing(stream, awaited)),
            _ => Ok(()),
        }
    }

    /// There are no more rows.
    fn ends(mut self, stream: &StreamId) -> Outcome<()> {
        self.next().map_or(Ok(()), |awaited| Err(missing(stream, awaited)))
    }

    fn next(&mut self) -> Option<i64> {
        let awaited = self.awaited.as_mut()?;
        match self.direction {
            Direction::Forward => awaited.next(),
            Direction::Backward => awaited.next_back(),
        }
    }
}

fn missing(stream: &StreamId, version: i64) -> Failure {
    Failure::Damaged(format!("stream {stream} has no version {version}"))
}

//! Reading streams of the store in memory.

use super::state::{State, walk};
use crate::{
    RecordedEvent, Result, StreamId, StreamVersion,
    backend::{Page, check_active},
    store::{AsOf, Direction, ReadOptions, StreamPage},
};

pub(super) fn page(state: &State, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
    let Some(known) = state.streams.get(stream) else {
        return Ok(StreamPage { events: Vec::new(), next: None, version: StreamVersion::ZERO });
    };
    check_active(stream, known.lifecycle)?;
    let version = known.version();
    let mut page = Page::new(options.limit);
    let mut next = None;
    for row in walk(between(&known.rows, options), options.direction) {
        let event = state.row(*row);
        if !matches_as_of(event, options.as_of) {
            continue;
        }
        if page.is_full() {
            next = Some(event.version);
            break;
        }
        page.push(event.clone());
    }
    Ok(StreamPage { events: page.into_events(), next, version })
}

/// The rows between the bounds of the options.
fn between<'a>(rows: &'a [usize], options: &ReadOptions) -> &'a [usize] {
    let (low, high) = match options.direction {
        Direction::Forward => (options.from, options.to),
        Direction::Backward => (options.to, options.from),
    };
    let number = |version: StreamVersion| usize::try_from(version.get()).unwrap_or(usize::MAX);
    let low = low.map_or(0, |version| number(version).saturating_sub(1)).min(rows.len());
    let high = high.map_or(rows.len(), number).clamp(low, rows.len());
    &rows[low..high]
}

fn matches_as_of(event: &RecordedEvent, as_of: Option<AsOf>) -> bool {
    match as_of {
        None => true,
        Some(AsOf::Recorded(time)) => event.recorded_at <= time,
        Some(AsOf::Occurred(time)) => event.occurred_at <= time,
    }
}

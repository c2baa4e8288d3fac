//! What the cases share: events to write, and ways to read and to fail.

use std::future::Future;

use crate::{ManualClock, poll_times};
use eventsource_core::{
    Bytes, Clock, ErrorKind, EventId, ExpectedVersion, NewEvent, Position, RecordedEvent, Result, StreamId,
    StreamVersion, Timestamp,
    store::{Append, Appended, EventFeed, EventStore, FeedOptions, ReadOptions},
};

/// An event with a new id.
pub(super) fn event() -> NewEvent {
    named("Happened")
}

/// So many events with new ids.
pub(super) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

/// An event with a new id and this name.
pub(super) fn named(name: &str) -> NewEvent {
    NewEvent::new(EventId::generate(), name, "{}").unwrap()
}

/// An event with a new id and this payload.
pub(super) fn holding(payload: impl Into<Bytes>) -> NewEvent {
    NewEvent::new(EventId::generate(), "Happened", payload).unwrap()
}

/// Bytes that do not compress, the same for the same length.
pub(super) fn noise(length: usize) -> Vec<u8> {
    // SplitMix64, eight bytes at a time.
    let words = (1..=length.div_ceil(8) as u64).flat_map(|number| {
        let state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(length as u64);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    });
    words.take(length).collect()
}

pub(super) fn version(number: u64) -> StreamVersion {
    StreamVersion::new(number)
}

pub(super) fn exact(number: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(version(number))
}

/// So many microseconds after the time that the clock of a lab shows at first.
pub(super) fn after_start(micros: i64) -> Timestamp {
    let start = Clock::now(&ManualClock::default());
    Timestamp::from_micros(start.as_micros() + micros).unwrap()
}

/// Appends to one stream.
pub(super) async fn try_append<S: EventStore + ?Sized>(
    store: &S,
    stream: &StreamId,
    expected: ExpectedVersion,
    events: Vec<NewEvent>,
) -> Result<Appended> {
    store.append(Append::new(stream.clone(), expected, events)).await
}

/// Appends to one stream at any version.
pub(super) async fn append<S: EventStore + ?Sized>(
    store: &S,
    stream: &StreamId,
    events: Vec<NewEvent>,
) -> Appended {
    try_append(store, stream, ExpectedVersion::Any, events).await.unwrap()
}

/// Everything that a stream holds.
pub(super) async fn read<S: EventStore + ?Sized>(store: &S, stream: &StreamId) -> Vec<RecordedEvent> {
    read_with(store, stream, ReadOptions::default()).await
}

/// What the pages of a stream hold, up to the limit.
pub(super) async fn read_with<S: EventStore + ?Sized>(
    store: &S,
    stream: &StreamId,
    mut options: ReadOptions,
) -> Vec<RecordedEvent> {
    let mut shown = Vec::new();
    loop {
        let page = store.read_stream(stream, &options).await.unwrap();
        options.limit = options.limit.map(|limit| limit.saturating_sub(page.events.len()));
        shown.extend(page.events);
        match page.next {
            Some(next) if options.limit != Some(0) => {
                assert_ne!(Some(next), options.from, "a page that moves nothing never ends");
                options = options.with_from(next);
            }
            _ => return shown,
        }
    }
}

/// Everything that the feed shows.
pub(super) async fn feed<F: EventFeed + ?Sized>(feed: &F) -> Vec<RecordedEvent> {
    feed_with(feed, Position::START, FeedOptions::default()).await
}

/// What the pages of the feed show.
pub(super) async fn feed_with<F: EventFeed + ?Sized>(
    feed: &F,
    mut after: Position,
    options: FeedOptions,
) -> Vec<RecordedEvent> {
    let mut shown = Vec::new();
    loop {
        let page = feed.read_feed(after, &options).await.unwrap();
        shown.extend(page.events);
        if page.at_head {
            return shown;
        }
        assert_ne!(page.next, after, "a page that moves nothing never ends");
        after = page.next;
    }
}

pub(super) fn ids(events: &[RecordedEvent]) -> Vec<EventId> {
    events.iter().map(|e| e.id).collect()
}

pub(super) fn new_ids(events: &[NewEvent]) -> Vec<EventId> {
    events.iter().map(|e| e.id).collect()
}

pub(super) fn versions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|e| e.version.get()).collect()
}

pub(super) fn positions(events: &[RecordedEvent]) -> Vec<Position> {
    events.iter().map(|e| e.position).collect()
}

/// Whether each is greater than the one before.
pub(super) fn increase<T: PartialOrd>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair[0] < pair[1])
}

/// The kind of a refusal, of which it is known that nothing was written and that asking again does not help.
pub(super) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    let error = result.unwrap_err();
    assert!(!error.is_outcome_unknown(), "a refusal is certain: {error:?}");
    assert!(!error.is_transient(), "asking again does not help: {error:?}");
    error.kind().clone()
}

/// Whether input was refused because of this field, and not because of a limit.
pub(super) fn is_invalid(kind: &ErrorKind, field: &str) -> bool {
    matches!(kind, ErrorKind::InvalidInput { field: refused, limit: None } if *refused == field)
}

/// The kind of a refusal of what lies beyond a limit.
pub(super) fn beyond(field: &'static str, limit: usize) -> ErrorKind {
    ErrorKind::InvalidInput { field, limit: Some(limit as u64) }
}

/// Runs futures as tasks beside each other, and gives what they gave in their order.
pub(super) async fn together<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

/// How often each number of polls is tried: what runs behind the future is at another place each time.
const ROUNDS: usize = 10;

/// Drops futures after no poll, one poll, two polls … until all of a round end by themselves. `prepare` makes each, and
/// the check that afterwards looks at what it left behind.
pub(super) async fn cancel_everywhere<P, F, C>(mut prepare: impl FnMut(usize) -> P)
where
    P: Future<Output = (F, C)>,
    F: Future,
    C: Future<Output = ()>,
{
    let mut number = 0;
    for polls in 0.. {
        let mut ended = 0;
        for _ in 0..ROUNDS {
            let (future, check) = prepare(number).await;
            number += 1;
            ended += usize::from(poll_times(future, polls).await.is_some());
            check.await;
        }
        if ended == ROUNDS {
            return;
        }
    }
}

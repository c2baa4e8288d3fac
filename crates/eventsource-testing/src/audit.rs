//! What every store must tell about itself without contradiction.

use std::{collections::BTreeMap, panic::Location};

use eventsource_core::{
    Error, ErrorKind, Position, RecordedEvent, StreamId,
    lifecycle::Lifecycle,
    store::{EventFeed, EventFeedExt, EventStore, EventStoreExt, FeedOptions, ReadOptions},
};
use futures_util::TryStreamExt;

use crate::{
    assertions::{fail_at, no_holes, place, positions_increase},
    message::{Message, causes, show, show_all},
};

/// Checks that the feed and the streams of a store tell the same, and returns the whole feed.
///
/// - Positions increase, the head is the last of them, and backward the feed is the same.
/// - Each stream has the versions 1, 2, 3 … without holes, and times of recording that do not go back.
/// - A stream read by itself, forward and backward, holds what the feed shows of it. One that is deleted or erased refuses to
///   be read, and of an erased one nothing is left but its last record.
/// - What the store says of a stream (version, position, time, lifecycle) is what its last event says.
///
/// For the end of a test that has treated a store badly: nobody may write meanwhile. It holds the whole feed in memory.
///
/// ```
/// # async fn example() {
/// use eventsource_core::MemoryStore;
///
/// assert!(eventsource_testing::audit(&MemoryStore::new()).await.is_empty());
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example());
/// ```
///
/// # Panics
/// When one of these does not hold, or the store fails.
#[track_caller]
pub fn audit(store: &(impl EventStore + EventFeed + ?Sized)) -> impl Future<Output = Vec<RecordedEvent>> {
    let caller = Location::caller();
    async move {
        match audit_log(store).await {
            Ok(feed) => feed,
            Err(message) => fail_at(caller, message),
        }
    }
}

async fn audit_log(store: &(impl EventStore + EventFeed + ?Sized)) -> Result<Vec<RecordedEvent>, Message> {
    let forward = FeedOptions::default();
    let feed: Vec<_> = store.feed(Position::START, forward.clone()).try_collect().await?;
    positions_increase(&feed)?;
    no_holes(&feed)?;
    let mut backward: Vec<_> = store.feed(Position::MAX, forward.backward()).try_collect().await?;
    backward.reverse();
    same("the feed, read backward,", &feed, &backward)?;
    let head = store.head().await?;
    let last = feed.last().map_or(Position::START, |event| event.position);
    if head != last {
        let message = format!("the head is {head}, and the last event of the feed lies at {last}");
        return Err(Message::new(message));
    }
    let mut streams: BTreeMap<&StreamId, Vec<RecordedEvent>> = BTreeMap::new();
    for event in &feed {
        streams.entry(&event.stream).or_default().push(event.clone());
    }
    for (stream, events) in streams {
        audit_stream(store, stream, &events).await?;
    }
    Ok(feed)
}

async fn audit_stream(
    store: &(impl EventStore + ?Sized),
    stream: &StreamId,
    events: &[RecordedEvent],
) -> Result<(), Message> {
    if let Some(pair) = events.windows(2).find(|pair| pair[0].recorded_at > pair[1].recorded_at) {
        let message = format!("{} was recorded later than {}", place(&pair[0]), place(&pair[1]));
        return Err(Message::new(message));
    }
    let lifecycle = events.iter().rev().find_map(|event| Lifecycle::after(event.name.as_str()));
    let lifecycle = lifecycle.unwrap_or_default();
    let info = store.stream(stream).await?;
    let told = (info.version, info.position, info.recorded_at, info.lifecycle);
    let last = events.last().map(|event| (event.version, event.position, Some(event.recorded_at), lifecycle));
    if last != Some(told) {
        let message =
            Message::new(format_args!("what is said of stream {stream} is not what its last event says"));
        let title = "version, position, time of recording and lifecycle";
        return Err(message.difference(title, &show_all(last), &show(told)));
    }
    if lifecycle == Lifecycle::Erased {
        nothing_left(events)?;
    }
    let mut forward = read(store, stream, ReadOptions::default(), lifecycle).await?;
    let mut backward = read(store, stream, ReadOptions::default().backward(), lifecycle).await?;
    if let (Some(forward), Some(backward)) = (&mut forward, &mut backward) {
        backward.reverse();
        same(&format!("stream {stream}"), events, forward)?;
        same(&format!("stream {stream}, read backward,"), events, backward)?;
    }
    Ok(())
}

/// The events of a stream; `None` when it refuses, as it should.
async fn read(
    store: &(impl EventStore + ?Sized),
    stream: &StreamId,
    options: ReadOptions,
    lifecycle: Lifecycle,
) -> Result<Option<Vec<RecordedEvent>>, Message> {
    let is_erased = lifecycle == Lifecycle::Erased;
    match store.events(stream, options).try_collect().await {
        Ok(events) if lifecycle == Lifecycle::Active => Ok(Some(events)),
        Ok(_) => {
            let state = lifecycle.as_str();
            Err(Message::new(format_args!("stream {stream} is {state}, and is read all the same")))
        }
        Err(error) => match error.kind() {
            ErrorKind::StreamDeleted { erased, .. }
                if lifecycle != Lifecycle::Active && *erased == is_erased =>
            {
                Ok(None)
            }
            _ => Err(error.into()),
        },
    }
}

/// Of an erased stream only the record that says so keeps its content.
fn nothing_left(events: &[RecordedEvent]) -> Result<(), Message> {
    let before = events.len().saturating_sub(1);
    let wiped = |event: &RecordedEvent| {
        event.erased
            && event.payload.is_empty()
            && event.metadata.as_bytes().is_empty()
            && event.correlation.is_none()
    };
    match events[..before].iter().find(|event| !wiped(event)) {
        None => Ok(()),
        Some(event) => {
            let message = format!("{} is left, although the stream is erased", place(event));
            Err(Message::new(message).section("event", show(event)))
        }
    }
}

/// Tells the first difference only: there may be thousands of events.
fn same(what: &str, feed: &[RecordedEvent], read: &[RecordedEvent]) -> Result<(), Message> {
    let events = feed.len().max(read.len());
    let Some(first) = (0..events).find(|i| feed.get(*i) != read.get(*i)) else { return Ok(()) };
    let message = format!("{what} and the feed differ, the first time in the event at index {first}");
    Err(Message::new(message).difference("event", &show_all(feed.get(first)), &show_all(read.get(first))))
}

impl From<Error> for Message {
    fn from(error: Error) -> Self {
        Self::new("the store fails").section("why", causes(&error))
    }
}

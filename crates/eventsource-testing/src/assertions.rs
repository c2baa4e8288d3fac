//! Assertions over streams and feeds.
//!
//! The asynchronous ones remember who called, because a failure happens later, in the middle of a runtime.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Display},
    panic::Location,
};

use eventsource_core::{
    EventSet, Position, RecordedEvent, Result, StreamId,
    codec::Decoded,
    store::{EventFeed, EventFeedExt, EventStore, EventStoreExt, FeedOptions, ReadOptions},
};
use futures_util::TryStreamExt;

use crate::message::{Message, causes, show_all};

/// Fails unless positions increase from event to event, as in a feed that is read forward.
///
/// # Panics
/// When one does not.
#[track_caller]
pub fn assert_positions_increase(events: &[RecordedEvent]) {
    if let Err(message) = positions_increase(events) {
        message.fail();
    }
}

/// Fails unless the versions of each stream go 1, 2, 3 … without holes in the order given, as in the whole feed of a log.
///
/// # Panics
/// When a version is missing, comes twice or in another order.
#[track_caller]
pub fn assert_no_holes(events: &[RecordedEvent]) {
    if let Err(message) = no_holes(events) {
        message.fail();
    }
}

pub(crate) fn positions_increase(events: &[RecordedEvent]) -> Result<(), Message> {
    match events.windows(2).find(|pair| pair[0].position >= pair[1].position) {
        None => Ok(()),
        Some(pair) => {
            Err(Message::new(format_args!("{} is followed by {}", place(&pair[0]), place(&pair[1]))))
        }
    }
}

pub(crate) fn no_holes(events: &[RecordedEvent]) -> Result<(), Message> {
    let mut versions: BTreeMap<&StreamId, u64> = BTreeMap::new();
    for event in events {
        let version = versions.entry(&event.stream).or_default();
        *version += 1;
        if event.version.get() != *version {
            let message = format!("{} stands where version {version} is expected", place(event));
            return Err(Message::new(message));
        }
    }
    Ok(())
}

/// Where an event lies, as failures name it.
pub(crate) fn place(event: &RecordedEvent) -> String {
    format!("version {} of stream {} at position {}", event.version, event.stream, event.position)
}

pub(crate) fn name_and_place(event: &RecordedEvent) -> String {
    format!("{}, {}", event.name, place(event))
}

/// Fails unless a stream holds exactly these events, in this order, and nothing else.
///
/// An event that `E` does not know, and a lifecycle record, is something else. The stream is a [`StreamId`] or its
/// text form.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource::{Aggregate, MemoryStore, Repository};
/// # use eventsource_macros::Event;
/// # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "Order")]
/// # enum OrderEvent { Placed { total: u64 } }
/// # #[derive(Default)]
/// # struct Order;
/// # impl Aggregate for Order {
/// #     type Event = OrderEvent;
/// #     fn apply(&mut self, _: &OrderEvent) {}
/// # }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eventsource_testing::assert_stream;
///
/// let store = MemoryStore::new();
/// let orders = Repository::<Order>::new(store.clone());
/// orders.create("1", |_| Ok::<_, std::io::Error>(OrderEvent::Placed { total: 100 })).await?;
///
/// assert_stream(&store, "Order/1", [OrderEvent::Placed { total: 100 }]).await;
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
///
/// # Panics
/// When it holds others, or cannot be read.
#[track_caller]
pub fn assert_stream<E: EventSet + Debug + PartialEq>(
    store: &(impl EventStore + ?Sized),
    stream: impl Display,
    expected: impl IntoIterator<Item = E>,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    let (stream, expected) = (stream.to_string(), Vec::from_iter(expected));
    async move {
        let what = format!("stream {stream}");
        let read = async {
            let stream: StreamId = stream.parse()?;
            store.events(&stream, ReadOptions::default()).try_collect().await
        };
        compare(&what, caller, &expected, read.await);
    }
}

/// Fails unless a log holds exactly these events, in this order, and nothing else: no event that `E` does not know, and
/// no lifecycle record.
///
/// `E` may be a sum over several event types.
///
/// # Panics
/// When it holds others, or cannot be read.
#[track_caller]
pub fn assert_feed<E: EventSet + Debug + PartialEq>(
    feed: &(impl EventFeed + ?Sized),
    expected: impl IntoIterator<Item = E>,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    let expected = Vec::from_iter(expected);
    async move {
        let read = feed.feed(Position::START, FeedOptions::default()).try_collect().await;
        compare("the feed", caller, &expected, read);
    }
}

/// Fails unless what was read is exactly what was expected.
pub(crate) fn compare<E: EventSet + Debug + PartialEq>(
    what: &str,
    caller: &Location<'_>,
    expected: &[E],
    read: Result<Vec<RecordedEvent>>,
) {
    let Decoding { events, others } = match read.and_then(|records| decode::<E>(&records)) {
        Ok(decoding) => decoding,
        Err(error) => {
            let message = Message::new(format_args!("{what} cannot be read"));
            fail_at(caller, message.section("why", causes(&error)));
        }
    };
    if events == expected && others.is_empty() {
        return;
    }
    let mut message = Message::new(format_args!("{what} holds other events"));
    if events != expected {
        message = message.difference("events", &show_all(expected), &show_all(&events));
    }
    if !others.is_empty() {
        message = message.section("and what is not of this type", others.join("\n"));
    }
    fail_at(caller, message);
}

struct Decoding<E> {
    events: Vec<E>,
    /// The names and places of what is not of this type.
    others: Vec<String>,
}

fn decode<E: EventSet>(records: &[RecordedEvent]) -> Result<Decoding<E>> {
    let mut decoding = Decoding { events: Vec::new(), others: Vec::new() };
    for record in records {
        match E::from_recorded(record)? {
            Decoded::Skipped => decoding.others.push(name_and_place(record)),
            decoded => decoded.for_each(|event| decoding.events.push(event)),
        }
    }
    Ok(decoding)
}

/// Fails the test, and tells who asked.
pub(crate) fn fail_at(caller: &Location<'_>, message: Message) -> ! {
    let asked = format!("{}:{}:{}", caller.file(), caller.line(), caller.column());
    message.section("asserted at", asked).fail()
}

//! Assertions over streams and feeds, and what they say when they fail.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use common::{OrderEvent, PaymentEvent, async_failure, failure, noted, placed};
use eventsource_core::{
    Event, EventId, ExpectedVersion, MemoryStore, NewEvent, StreamId,
    lifecycle::LifecycleNote,
    store::{Append, Close, EventStore, StreamDeletion},
};
use eventsource_macros::EventSet;
use eventsource_testing::{
    EventBuilder, assert_feed, assert_no_holes, assert_positions_increase, assert_stream, history,
};

#[derive(Debug, PartialEq, EventSet)]
enum Sales {
    Order(OrderEvent),
    Payment(PaymentEvent),
}

async fn append<E: Event>(store: &MemoryStore, key: &str, event: E) {
    let event = NewEvent::encode(EventId::generate(), &event).unwrap();
    let stream = StreamId::new(E::CATEGORY, key).unwrap();
    store.append(Append::new(stream, ExpectedVersion::Any, vec![event])).await.unwrap();
}

#[tokio::test]
async fn a_stream_holds_exactly_these_events() {
    let store = MemoryStore::new();
    assert_stream::<OrderEvent>(&store, "Order/1", []).await;
    append(&store, "1", placed(100)).await;
    append(&store, "2", placed(200)).await;
    append(&store, "1", noted("a gift")).await;
    let stream = StreamId::new("Order", "1").unwrap();
    assert_stream(&store, &stream, [placed(100), noted("a gift")]).await;
    assert_feed(&store, [placed(100), placed(200), noted("a gift")]).await;

    let line = line!() + 1;
    let message = async_failure(assert_stream(&store, "Order/1", [placed(100)])).await;
    let expected = format!(
        "stream Order/1 holds other events

events (- expected, + actual)
    Placed {{ total: 100 }}
  + Noted {{ note: \"a gift\" }}

asserted at
    {}:{line}:33
",
        file!()
    );
    assert_eq!(message, expected);
    let message = async_failure(assert_feed(&store, [placed(100), placed(200)])).await;
    assert!(message.starts_with("the feed holds other events\n"), "{message}");
}

#[tokio::test]
async fn what_is_of_another_type_is_something_else() {
    let store = MemoryStore::new();
    append(&store, "1", placed(100)).await;
    append(&store, "1", PaymentEvent::Taken { amount: 100 }).await;
    assert_feed(&store, [Sales::Order(placed(100)), Sales::Payment(PaymentEvent::Taken { amount: 100 })])
        .await;
    let message = async_failure(assert_feed(&store, [placed(100)])).await;
    let others = "\nand what is not of this type\n    Taken, version 1 of stream Payment/1 at position 2\n";
    assert!(message.contains(others), "{message}");

    let stream = StreamId::new("Order", "1").unwrap();
    store.delete(&stream, ExpectedVersion::Any, &LifecycleNote::default()).await.unwrap();
    let message = async_failure(assert_feed::<Sales>(&store, [])).await;
    assert!(message.contains("    stream.deleted, version 2 of stream Order/1 at position 3\n"), "{message}");
    let message = async_failure(assert_stream(&store, &stream, [placed(100)])).await;
    assert!(message.contains("read stream: stream Order/1 is deleted; restore it first"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_read_or_decoded_is_told() {
    let store = MemoryStore::new();
    let unknown = EventBuilder::named("Cancelled").new_event();
    let stream = StreamId::new("Order", "1").unwrap();
    store.append(Append::new(stream, ExpectedVersion::Any, vec![unknown])).await.unwrap();
    let message = async_failure(assert_stream::<OrderEvent>(&store, "Order/1", [])).await;
    assert!(message.contains("category Order knows no event Cancelled"), "{message}");
    let message = async_failure(assert_stream::<OrderEvent>(&store, "Order", [])).await;
    assert!(message.contains("is not a stream id"), "{message}");
    store.close().await.unwrap();
    let message = async_failure(assert_feed::<OrderEvent>(&store, [])).await;
    assert!(message.starts_with("the feed cannot be read\n\nwhy\n    "), "{message}");
}

#[test]
fn holes_and_positions_that_do_not_increase_are_found() {
    let mut events = history("1", [placed(1), noted("a"), noted("b")]);
    events.extend(history("2", [placed(2)]));
    assert_no_holes(&events);
    let message = failure(|| assert_positions_increase(&events));
    let expected = "version 3 of stream Order/1 at position 3 is followed by version 1 of stream Order/2 at position 1\n";
    assert_eq!(message, expected);
    assert_positions_increase(&events[..3]);

    let hole = [events[0].clone(), events[2].clone()];
    assert_positions_increase(&hole);
    let message = failure(|| assert_no_holes(&hole));
    assert_eq!(message, "version 3 of stream Order/1 at position 3 stands where version 2 is expected\n");
    assert!(failure(|| assert_no_holes(&[events[0].clone(), events[0].clone()])).contains("version 2 is"));
    assert!(failure(|| assert_no_holes(&events[1..])).contains("version 1 is expected"));
    assert_no_holes(&[]);
}

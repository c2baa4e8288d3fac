//! The recording publisher remembers, fails when told, and is waited for.

extern crate eventsource_core as eventsource;

mod common;

use common::{OrderEvent, PaymentEvent, async_failure, failure, noted, placed};
use eventsource_core::{ErrorKind, EventPublisher, LogId, RecordedEvent};
use eventsource_testing::{RecordingPublisher, history};
use futures_util::FutureExt;

async fn publish(publisher: &RecordingPublisher, events: &[RecordedEvent]) -> bool {
    match publisher.publish(LogId::generate(), events).await {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), &ErrorKind::Publish);
            false
        }
    }
}

#[tokio::test]
async fn it_remembers_what_it_took_in_order() {
    let publisher = RecordingPublisher::new();
    let events = history("1", [placed(1), noted("a"), noted("b")]);
    assert!(publish(&publisher, &events[..2]).await);
    assert!(publish(&publisher.clone(), &events[2..]).await);
    assert_eq!(publisher.events(), events);
    publisher.assert_published([placed(1), noted("a"), noted("b")]);
    publisher.clear();
    publisher.assert_published::<OrderEvent>([]);
}

#[tokio::test]
async fn it_fails_as_often_as_it_is_told() {
    let publisher = RecordingPublisher::new();
    let events = history("1", [placed(1)]);
    publisher.fail_next(2);
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(publish(&publisher, &events).await);
    }
    assert_eq!(taken, [false, false, true]);
    publisher.fail_always();
    for _ in 0..5 {
        assert!(!publish(&publisher, &events).await);
    }
    publisher.recover();
    assert!(publish(&publisher, &events).await);
    publisher.fail_next(1);
    publisher.fail_next(0);
    assert!(publish(&publisher, &events).await);
    assert_eq!(publisher.events().len(), 3, "what failed is not remembered");
}

#[tokio::test]
async fn it_is_waited_for_until_enough_is_there() {
    let publisher = RecordingPublisher::new();
    let events = history("1", [placed(1), noted("a")]);
    assert_eq!(publisher.wait_for(0).await, []);
    let mut waiting = Box::pin(publisher.wait_for(2));
    assert!((&mut waiting).now_or_never().is_none());
    publish(&publisher, &events[..1]).await;
    assert!((&mut waiting).now_or_never().is_none(), "one of two");
    publish(&publisher, &events[1..]).await;
    assert_eq!(waiting.await, events);
    assert_eq!(publisher.wait_for(1).await, events, "more than asked for is there");
}

#[tokio::test(start_paused = true)]
async fn waiting_in_vain_tells_what_there_is() {
    let publisher = RecordingPublisher::new();
    publish(&publisher, &history("1", [placed(1)])).await;
    let message = async_failure(publisher.wait_for(2)).await;
    let expected = "2 events were not published in 30 s

published
    Placed, version 1 of stream Order/1 at position 1

asserted at
    crates/eventsource-testing/tests/publisher.rs:";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn other_events_are_told() {
    let publisher = RecordingPublisher::new();
    publish(&publisher, &history("1", [placed(1)])).await;
    publish(&publisher, &history("1", [PaymentEvent::Taken { amount: 1 }])).await;
    let message = failure(|| publisher.assert_published([placed(2)]));
    let expected = "the publisher holds other events

events (- expected, + actual)
  - Placed { total: 2 }
  + Placed { total: 1 }

and what is not of this type
    Taken, version 1 of stream Payment/1 at position 1
";
    assert!(message.starts_with(expected), "{message}");
}

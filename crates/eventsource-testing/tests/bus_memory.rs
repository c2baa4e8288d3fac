//! What is particular to the bus in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use common::{Order, OrderEvent, noted, placed};
use eventsource_core::{
    BoxError, ConsumerName, ErrorKind, EventFilter, EventPublisher, LogId, MemoryStore, Recorded,
    RecordedEvent, Repository, StreamKey,
    aggregate::Publication,
    bus::{BacklogLimits, DeliveryHandler, EventBus, GroupConsumer, GroupOptions, typed},
    dead_letter::{CauseKind, DeadLetterStore, LettersOptions},
    failure::FailurePolicy,
    memory::{MemoryBus, MemoryBusOptions},
};
use eventsource_testing::{history, poll_times};
use futures_util::FutureExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

fn mail() -> ConsumerName {
    ConsumerName::new("mail").unwrap()
}

fn bus(events: usize, publish_timeout: Duration) -> MemoryBus {
    let limits = BacklogLimits::default().with_events(events);
    let options = MemoryBusOptions::default().with_backlog(limits).with_publish_timeout(publish_timeout);
    MemoryBus::with_options(MemoryStore::new(), options)
}

fn events(key: &str, count: u64) -> Vec<RecordedEvent> {
    history(StreamKey::new(key).unwrap(), (0..count).map(noted).collect::<Vec<_>>())
}

/// A handler that tells which events it handled.
fn telling() -> (Arc<dyn DeliveryHandler>, UnboundedReceiver<RecordedEvent>) {
    let (sender, receiver) = unbounded_channel();
    let handler = typed(move |event: Arc<Recorded<OrderEvent>>| {
        let sent = sender.send(event.record.clone());
        async move { sent.map_err(|_| "nobody listens") }
    });
    (Arc::new(handler), receiver)
}

async fn begin(
    bus: &MemoryBus,
    options: GroupOptions,
    handler: Arc<dyn DeliveryHandler>,
) -> Box<dyn GroupConsumer> {
    bus.consume(&mail(), options, handler).await.unwrap()
}

/// A group that nobody runs for.
async fn found(bus: &MemoryBus) {
    let (handler, _) = telling();
    assert!(begin(bus, GroupOptions::default(), handler).await.stop(LONG).await.unwrap());
}

async fn receive(receiver: &mut UnboundedReceiver<RecordedEvent>, expected: &[RecordedEvent]) {
    for event in expected {
        let received = tokio::time::timeout(LONG, receiver.recv()).await.unwrap();
        assert_eq!(received.as_ref(), Some(event));
    }
}

#[tokio::test]
async fn a_publication_waits_for_room_and_goes_on() {
    let (bus, log, events) = (bus(3, LONG), LogId::generate(), events("1", 5));
    found(&bus).await;
    bus.publish(log, &events[..3]).await.unwrap();
    assert!(poll_times(bus.publish(log, &events[3..4]), 1).await.is_none(), "it waits");
    assert_eq!(bus.backlog(&mail()), Some(3), "what is dropped while it waits is not taken");

    let waiting = tokio::spawn({
        let (bus, rest) = (bus.clone(), events[3..].to_vec());
        async move { bus.publish(log, &rest).await }
    });
    let (handler, mut handled) = telling();
    let consumer = begin(&bus, GroupOptions::default(), handler).await;
    waiting.await.unwrap().unwrap();
    receive(&mut handled, &events).await;
    consumer.stop(LONG).await.unwrap();
    assert_eq!(bus.backlog(&mail()), Some(0));
}

#[tokio::test]
async fn a_publication_that_finds_no_room_names_the_group() {
    let (bus, log, events) = (bus(2, NOW), LogId::generate(), events("1", 4));
    found(&bus).await;
    // What is published at once is not cut.
    bus.publish(log, &events[..3]).await.unwrap();
    let error = bus.publish(log, &events[3..]).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Publish);
    let text = error.to_string();
    assert!(text.contains("(group mail, waiting 3)"), "{text}");
    assert_eq!(bus.backlog(&mail()), Some(3));
}

#[tokio::test]
async fn a_full_group_refuses_only_what_it_wants() {
    let (bus, log) = (bus(1, NOW), LogId::generate());
    let (handler, _) = telling();
    let options = GroupOptions::default().for_events::<OrderEvent>().unwrap();
    begin(&bus, options, handler).await.stop(LONG).await.unwrap();
    bus.publish(log, &events("1", 1)).await.unwrap();
    assert!(bus.publish(log, &events("2", 1)).await.is_err());
    let mut others = events("3", 1);
    others[0].stream = "Other/3".parse().unwrap();
    bus.publish(log, &others).await.unwrap();
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let limits = BacklogLimits::default().with_bytes(1_000);
    let options = MemoryBusOptions::default().with_backlog(limits).with_publish_timeout(NOW);
    let bus = MemoryBus::with_options(MemoryStore::new(), options);
    found(&bus).await;
    let log = LogId::generate();
    let big = history(StreamKey::new("1").unwrap(), vec![noted("x".repeat(2_000)), noted("small")]);
    bus.publish(log, &big[..1]).await.unwrap();
    assert_eq!(*bus.publish(log, &big[1..]).await.unwrap_err().kind(), ErrorKind::Publish);

    let (handler, mut handled) = telling();
    let consumer = begin(&bus, GroupOptions::default(), handler).await;
    receive(&mut handled, &big[..1]).await;
    consumer.stop(LONG).await.unwrap();
    bus.publish(log, &big[1..]).await.unwrap();
}

#[tokio::test]
async fn a_group_that_is_removed_makes_room_for_others() {
    let (bus, log, events) = (bus(1, LONG), LogId::generate(), events("1", 2));
    found(&bus).await;
    bus.publish(log, &events[..1]).await.unwrap();
    let waiting = tokio::spawn({
        let (bus, rest) = (bus.clone(), events[1..].to_vec());
        async move { bus.publish(log, &rest).await }
    });
    assert!(bus.remove_group(&mail()).unwrap());
    waiting.await.unwrap().unwrap();
    assert_eq!(bus.backlog(&mail()), None);
    assert!(!bus.remove_group(&mail()).unwrap());

    let (handler, _handled) = telling();
    let consumer = begin(&bus, GroupOptions::default(), handler).await;
    let error = bus.remove_group(&mail()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidInput { field: "group", .. }));
    consumer.stop(LONG).await.unwrap();
    assert!(bus.remove_group(&mail()).unwrap());
}

#[tokio::test]
async fn members_of_a_group_have_one_filter() {
    let (bus, log) = (bus(100, NOW), LogId::generate());
    let only_placed = EventFilter::all().events("Order", ["Placed"]).unwrap();
    let (handler, mut handled) = telling();
    let all = begin(&bus, GroupOptions::default(), handler.clone()).await;
    let other = GroupOptions::default().with_filter(only_placed);
    let refused = bus.consume(&mail(), other.clone(), handler.clone()).await.map(drop).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::InvalidInput { field: "filter", .. }));
    all.stop(LONG).await.unwrap();

    // When none of them runs, the filter may change; it then holds for what waits already, too.
    let mixed = history(StreamKey::new("1").unwrap(), vec![placed(1), noted("x"), placed(2)]);
    bus.publish(log, &mixed).await.unwrap();
    let consumer = begin(&bus, other, handler).await;
    receive(&mut handled, &[mixed[0].clone(), mixed[2].clone()]).await;
    consumer.stop(LONG).await.unwrap();
    assert_eq!(bus.backlog(&mail()), Some(0));
    bus.publish(log, &events("2", 5)).await.unwrap();
    assert_eq!(bus.backlog(&mail()), Some(0), "what is not wanted is not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_its_thread_does_not_hold_up_a_stop() {
    let (bus, log, events) = (bus(100, NOW), LogId::generate(), events("1", 2));
    let (entered, mut entries) = unbounded_channel();
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let handler = typed(move |event: Arc<Recorded<OrderEvent>>| {
        let _ = entered.send(event.record.version.get());
        let blocked = blocked.clone();
        async move {
            // Until the test drops its end.
            let _ = tokio::task::block_in_place(|| blocked.lock().unwrap().recv());
            Ok::<(), BoxError>(())
        }
    });
    let consumer = begin(&bus, GroupOptions::default(), Arc::new(handler)).await;
    bus.publish(log, &events).await.unwrap();
    assert_eq!(entries.recv().await, Some(1));
    assert!(!consumer.stop(Duration::from_millis(10)).await.unwrap());

    // Nobody else gets the stream while the blocked attempt may still have effects.
    let (next, mut handled) = telling();
    let consumer = begin(&bus, GroupOptions::default(), next).await;
    let other = self::events("2", 1);
    bus.publish(log, &other).await.unwrap();
    receive(&mut handled, &other).await;
    assert!(handled.try_recv().is_err());
    drop(release);
    // The blocked attempt may have ended well before it was cut off: then its event counts as done.
    let first = tokio::time::timeout(LONG, handled.recv()).await.unwrap().unwrap();
    let from = events.iter().position(|event| *event == first).unwrap();
    receive(&mut handled, &events[from + 1..]).await;
    consumer.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn application_code_that_panics_ends_the_consumption_and_loses_nothing() {
    let (bus, log, events) = (bus(100, NOW), LogId::generate(), events("1", 2));
    let handler = typed(|_: Arc<Recorded<OrderEvent>>| async { Err::<(), _>("broken") });
    let policy = FailurePolicy::default().with_classify(|_| panic!("no idea"));
    let consumer = begin(&bus, GroupOptions::default().with_failure(policy), Arc::new(handler)).await;
    bus.publish(log, &events).await.unwrap();
    while consumer.is_healthy() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*consumer.stop(LONG).await.unwrap_err().kind(), ErrorKind::Panicked);
    let (handler, mut handled) = telling();
    let consumer = begin(&bus, GroupOptions::default(), handler).await;
    receive(&mut handled, &events).await;
    consumer.stop(LONG).await.unwrap();
}

#[test]
fn a_member_that_lost_its_runtime_is_not_healthy_and_leaves_its_events() {
    let (bus, log, events) = (bus(100, NOW), LogId::generate(), events("1", 3));
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (entered, mut entries) = unbounded_channel();
    let stuck = typed(move |_: Arc<Recorded<OrderEvent>>| {
        let _ = entered.send(());
        std::future::pending::<Result<(), BoxError>>()
    });
    let consumer = first.block_on(begin(&bus, GroupOptions::default(), Arc::new(stuck)));
    second.block_on(bus.publish(log, &events)).unwrap();
    second.block_on(entries.recv()).unwrap();
    assert!(consumer.is_healthy());
    drop(first);
    assert!(!consumer.is_healthy());
    assert!(!second.block_on(consumer.stop(LONG)).unwrap());

    second.block_on(async {
        let (handler, mut handled) = telling();
        let consumer = begin(&bus, GroupOptions::default(), handler).await;
        receive(&mut handled, &events).await;
        consumer.stop(LONG).await.unwrap();
    });
}

#[test]
fn without_a_runtime_consuming_is_refused_and_publishing_works() {
    let (bus, log) = (bus(100, NOW), LogId::generate());
    let (handler, _) = telling();
    let group = mail();
    let consuming = bus.consume(&group, GroupOptions::default(), handler);
    let refused = consuming.now_or_never().unwrap().map(drop).unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Unsupported);
    assert_eq!(bus.backlog(&mail()), None, "no group was founded");
    bus.publish(log, &events("1", 3)).now_or_never().unwrap().unwrap();
}

#[tokio::test]
async fn a_repository_commits_whatever_a_group_does() {
    let store = MemoryStore::new();
    let options = MemoryBusOptions::default()
        .with_backlog(BacklogLimits::default().with_events(1))
        .with_publish_timeout(NOW);
    let bus = MemoryBus::with_options(store.clone(), options);
    let orders = Repository::<Order>::new(store.clone()).with_publisher(bus.clone());
    let failing = typed(|_: Arc<Recorded<OrderEvent>>| async { Err::<(), _>("broken") });
    let once = FailurePolicy::default().with_retries(0, NOW, NOW).with_systemic_streams(0);
    let consumer = begin(&bus, GroupOptions::default().with_failure(once), Arc::new(failing)).await;
    let committed = orders.create("1", |order| order.place(100)).await.unwrap();
    assert!(matches!(committed.publication, Publication::Published));
    // What failed is parked, with its cause, in the store.
    let parked = async {
        loop {
            let letters = store.letters(&mail().into(), store.log().id, &LettersOptions::default()).await;
            if let [letter] = &letters.unwrap()[..] {
                break letter.cause.kind;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(LONG, parked).await.unwrap(), CauseKind::Handler);
    consumer.stop(LONG).await.unwrap();

    orders.create("2", |order| order.place(100)).await.unwrap();
    let committed = orders.create("3", |order| order.place(100)).await.unwrap();
    let error = committed.publication.error().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Publish);
    assert!(orders.exists("3").await.unwrap());
}

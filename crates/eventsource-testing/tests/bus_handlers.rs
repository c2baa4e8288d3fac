//! Handlers of groups that see types, and the one that recognises what comes again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{OrderEvent, noted, placed};
use eventsource_core::{
    BoxError, ConsumerId, ConsumerName, ErrorKind, EventPublisher, LogId, MemoryStore, Recorded,
    RecordedEvent, StreamKey, StreamVersion,
    bus::{
        Delivery, DeliveryHandler, EventBus, Gaps, GroupConsumer, GroupOptions, IdempotentReceiver,
        Projecting, Reacting, VersionsMissing, typed,
    },
    dead_letter::{CauseKind, DeadLetterStore, LettersOptions},
    failure::FailurePolicy,
    inbox::Inbox,
    memory::MemoryBus,
    projection::{Context, Projection, Reactor},
};
use eventsource_testing::{EventBuilder, history};

const LONG: Duration = Duration::from_secs(60);

fn mail() -> ConsumerName {
    ConsumerName::new("mail").unwrap()
}

fn events(key: &str, count: u64) -> Vec<RecordedEvent> {
    history(StreamKey::new(key).unwrap(), (0..count).map(noted).collect::<Vec<_>>())
}

fn delivery(log: LogId, event: &RecordedEvent) -> Delivery {
    Delivery { log, event: Arc::new(event.clone()), attempt: 1 }
}

/// A projection, and a reactor, that keeps what it is given.
#[derive(Clone, Default)]
struct Notes {
    seen: Arc<Mutex<Vec<(ConsumerId, u32, OrderEvent)>>>,
    /// How many of the next calls fail after they have had their effect.
    failing: Arc<Mutex<u32>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the note was written, and then the connection broke")]
struct Broken;

impl Notes {
    fn take(&self, event: &Recorded<OrderEvent>, context: Context<'_>) -> Result<(), Broken> {
        self.seen.lock().unwrap().push((context.consumer.clone(), context.attempt, event.event.clone()));
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(Broken);
        }
        Ok(())
    }

    fn events(&self) -> Vec<OrderEvent> {
        self.seen.lock().unwrap().iter().map(|(.., event)| event.clone()).collect()
    }
}

impl Projection for Notes {
    type Event = OrderEvent;
    type Error = Broken;

    fn handle(
        &self,
        event: &Recorded<OrderEvent>,
        context: Context<'_>,
    ) -> impl Future<Output = Result<(), Broken>> + Send {
        std::future::ready(self.take(event, context))
    }
}

impl Reactor for Notes {
    type Event = OrderEvent;
    type Error = Broken;

    fn react(
        &self,
        event: &Recorded<OrderEvent>,
        context: Context<'_>,
    ) -> impl Future<Output = Result<(), Broken>> + Send {
        std::future::ready(self.take(event, context))
    }
}

#[tokio::test]
async fn projections_and_reactors_see_types_and_their_context() {
    let (projected, reacted, log) = (Notes::default(), Notes::default(), LogId::generate());
    let handlers: [Arc<dyn DeliveryHandler>; 2] = [
        Arc::new(Projecting::new(&mail(), projected.clone())),
        Arc::new(Reacting::new(&mail(), reacted.clone())),
    ];
    for handler in &handlers {
        for event in &events("1", 2) {
            handler.handle(Delivery { attempt: 3, ..delivery(log, event) }).await.unwrap();
        }
    }
    let expected = |n| (ConsumerId::new("mail", 1).unwrap(), 3, noted(n));
    for notes in [projected, reacted] {
        assert_eq!(*notes.seen.lock().unwrap(), [expected(0), expected(1)]);
    }
}

#[tokio::test]
async fn what_is_not_of_the_type_is_passed_over() {
    let (notes, log) = (Notes::default(), LogId::generate());
    let handler = Projecting::new(&mail(), notes.clone());
    let other = EventBuilder::of(&placed(1)).with_stream("Other/1").recorded();
    let erased = EventBuilder::of(&placed(1)).erased().recorded();
    for event in [other, erased] {
        handler.handle(delivery(log, &event)).await.unwrap();
    }
    assert_eq!(notes.events(), []);
}

#[tokio::test]
async fn what_cannot_be_decoded_goes_to_the_dead_letters_at_once() {
    let (store, log) = (MemoryStore::new(), LogId::generate());
    let bus = MemoryBus::new(store.clone());
    let handler = typed(|_: Arc<Recorded<OrderEvent>>| async { Ok::<(), BoxError>(()) });
    let options = GroupOptions::default().for_events::<OrderEvent>().unwrap();
    let consumer = bus.consume(&mail(), options, Arc::new(handler)).await.unwrap();
    let damaged = EventBuilder::of(&placed(1)).with_stream("Order/damaged").with_payload("{").recorded();
    let unknown = EventBuilder::of(&placed(1)).with_stream("Order/unknown").with_name("Lost").recorded();
    bus.publish(log, &[damaged.clone(), unknown.clone()]).await.unwrap();
    for (event, kind) in [(damaged, CauseKind::Undecodable), (unknown, CauseKind::Unknown)] {
        let options = LettersOptions::default().with_event(event.id);
        let letter = async {
            loop {
                if let [letter] = &store.letters(&mail().into(), log, &options).await.unwrap()[..] {
                    break letter.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        let letter = tokio::time::timeout(LONG, letter).await.unwrap();
        assert_eq!((letter.cause.kind, letter.attempts), (kind, 1));
    }
    consumer.stop(LONG).await.unwrap();
}

fn receiver(inbox: &MemoryStore, gaps: Gaps, notes: &Notes) -> impl DeliveryHandler + use<> {
    IdempotentReceiver::new(&mail(), inbox.clone(), gaps, Projecting::new(&mail(), notes.clone()))
}

#[tokio::test]
async fn what_comes_again_is_passed_over() {
    let (inbox, notes, log) = (MemoryStore::new(), Notes::default(), LogId::generate());
    let (handler, events) = (receiver(&inbox, Gaps::Refuse, &notes), events("1", 3));
    for number in [0, 0, 1, 0, 1, 2, 2, 1] {
        handler.handle(delivery(log, &events[number])).await.unwrap();
    }
    assert_eq!(notes.events(), [noted(0), noted(1), noted(2)]);
    // Another log, another stream and another group have versions of their own.
    handler.handle(delivery(LogId::generate(), &events[0])).await.unwrap();
    handler.handle(delivery(log, &self::events("2", 1)[0])).await.unwrap();
    assert_eq!(notes.events().len(), 5);
}

#[tokio::test]
async fn an_event_whose_effect_failed_comes_again() {
    let (inbox, notes, log) = (MemoryStore::new(), Notes::default(), LogId::generate());
    let (handler, events) = (receiver(&inbox, Gaps::Refuse, &notes), events("1", 1));
    *notes.failing.lock().unwrap() = 1;
    assert!(handler.handle(delivery(log, &events[0])).await.unwrap_err().is::<Broken>());
    assert_eq!(inbox.applied(&mail(), log, &events[0].stream).await.unwrap(), StreamVersion::ZERO);
    for _ in 0..2 {
        handler.handle(delivery(log, &events[0])).await.unwrap();
    }
    assert_eq!(notes.events().len(), 2, "at least once: the failed call had its effect");
}

#[tokio::test]
async fn a_gap_is_refused_or_allowed() {
    let (inbox, notes, log, events) =
        (MemoryStore::new(), Notes::default(), LogId::generate(), events("1", 5));
    let refusing = receiver(&inbox, Gaps::Refuse, &notes);
    let missing = refusing.handle(delivery(log, &events[1])).await.unwrap_err();
    let stream = events[0].stream.clone();
    let expected = VersionsMissing {
        stream: stream.clone(),
        applied: StreamVersion::ZERO,
        delivered: StreamVersion::new(2),
    };
    assert_eq!(missing.downcast_ref::<VersionsMissing>(), Some(&expected));
    assert_eq!(notes.events(), []);
    for event in &events[..2] {
        refusing.handle(delivery(log, event)).await.unwrap();
    }
    assert!(refusing.handle(delivery(log, &events[4])).await.is_err());
    // An operator who knows that what is missing never comes steps over it.
    assert!(inbox.step(&mail(), log, &stream, StreamVersion::new(2), StreamVersion::new(4)).await.unwrap());
    refusing.handle(delivery(log, &events[4])).await.unwrap();
    assert_eq!(notes.events(), [noted(0), noted(1), noted(4)]);

    let (inbox, notes) = (MemoryStore::new(), Notes::default());
    let allowing = receiver(&inbox, Gaps::Allow, &notes);
    for number in [1, 4, 2, 4] {
        allowing.handle(delivery(log, &events[number])).await.unwrap();
    }
    assert_eq!(notes.events(), [noted(1), noted(4)], "what comes too late counts as a repetition");
}

#[tokio::test]
async fn trouble_with_the_inbox_is_a_failure() {
    let (inbox, notes, log) = (MemoryStore::new(), Notes::default(), LogId::generate());
    let handler = receiver(&inbox, Gaps::Refuse, &notes);
    eventsource_core::store::Close::close(&inbox).await.unwrap();
    let error = handler.handle(delivery(log, &events("1", 1)[0])).await.unwrap_err();
    let error = error.downcast_ref::<eventsource_core::Error>().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Closed);
    assert_eq!(notes.events(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projection_behind_a_bus_and_an_inbox_applies_each_event_once() {
    let (store, notes, log) = (MemoryStore::new(), Notes::default(), LogId::generate());
    let bus = MemoryBus::new(store.clone());
    let policy = FailurePolicy::default().with_retries(3, Duration::from_millis(1), Duration::from_millis(2));
    let options = GroupOptions::default().with_concurrency(4).with_failure(policy);
    let consume = async || {
        let handler = Arc::new(receiver(&store, Gaps::Refuse, &notes));
        bus.consume(&mail(), options.clone(), handler).await.unwrap()
    };
    let consumers: [Box<dyn GroupConsumer>; 2] = [consume().await, consume().await];
    // Everything is published three times, as a relay does after crashes.
    let publishers = (0..8).map(|key| {
        let (bus, events) = (bus.clone(), events(&key.to_string(), 10));
        tokio::spawn(async move {
            for event in &events {
                for _ in 0..3 {
                    bus.publish(log, std::slice::from_ref(event)).await.unwrap();
                }
            }
            bus.publish(log, &events).await.unwrap();
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let drained = async {
        while bus.backlog(&mail()) != Some(0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, drained).await.unwrap();
    for consumer in consumers {
        assert_eq!(consumer.statistics().failed, 0);
        consumer.stop(LONG).await.unwrap();
    }
    assert_eq!(notes.events().len(), 80);
    for key in 0..8 {
        let stream = events(&key.to_string(), 1)[0].stream.clone();
        assert_eq!(store.applied(&mail(), log, &stream).await.unwrap(), StreamVersion::new(10));
    }
}

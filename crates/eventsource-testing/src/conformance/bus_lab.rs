//! What a case of a bus works with: buses, events to publish, and handlers that remember.

use std::{
    collections::HashSet,
    fmt::Display,
    future::Future,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use eventsource_core::{
    BoxError, Clock, ConsumerId, ConsumerName, EventId, LogId, NewEvent, Position, RecordedEvent, StreamId,
    backend::record,
    bus::{Delivery, DeliveryHandler, EventBus, GroupConsumer, GroupOptions},
    dead_letter::{DeadLetter, DeadLetterStore, LettersOptions},
    failure::FailurePolicy,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, select_all},
};
use tokio::sync::watch;

use super::{
    BusCapabilities, BusFixture, BusSetup, Deliveries,
    bus_letter_box::LetterBox,
    support::{named, version},
};
use crate::ManualClock;

/// How long a case waits for what should happen soon. Only a failure waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many events a group holds at most, where nothing else is asked for.
const BACKLOG: usize = 10_000;

type Open = Box<dyn Fn(BusSetup) -> BoxFuture<'static, Arc<dyn EventBus>> + Send + Sync>;

/// Opens the buses of a case, and makes the events that it publishes.
pub(super) struct BusLab {
    open: Open,
    setup: BusSetup,
    capabilities: BusCapabilities,
    letters: LetterBox,
    log: LogId,
    position: AtomicU64,
}

impl BusLab {
    pub(super) fn new<F: BusFixture>(fixture: &Arc<F>) -> Self {
        let opened = fixture.clone();
        let open = move |setup: BusSetup| {
            let fixture = opened.clone();
            async move { Arc::new(fixture.open(&setup).await) as Arc<dyn EventBus> }.boxed()
        };
        let letters = LetterBox::default();
        let clock = ManualClock::default();
        let setup = BusSetup { letters: Arc::new(letters.clone()), clock, backlog_events: BACKLOG };
        Self {
            open: Box::new(open),
            setup,
            capabilities: fixture.capabilities(),
            letters,
            log: LogId::generate(),
            position: AtomicU64::new(0),
        }
    }

    /// A new bus.
    pub(super) async fn open(&self) -> Arc<dyn EventBus> {
        (self.open)(self.setup.clone()).await
    }

    /// A new bus whose groups hold so many events, if that is bounded.
    pub(super) async fn open_bounded(&self, backlog_events: usize) -> Arc<dyn EventBus> {
        (self.open)(BusSetup { backlog_events, ..self.setup.clone() }).await
    }

    pub(super) fn capabilities(&self) -> BusCapabilities {
        self.capabilities
    }

    pub(super) fn clock(&self) -> &ManualClock {
        &self.setup.clock
    }

    /// Where the buses keep their letters.
    pub(super) fn letters(&self) -> &LetterBox {
        &self.letters
    }

    /// The log that the events belong to, unless a case says otherwise.
    pub(super) fn log(&self) -> LogId {
        self.log
    }

    /// The event of this version of a stream, recorded behind all that were made before.
    pub(super) fn event(&self, stream: &StreamId, number: u64) -> RecordedEvent {
        self.recorded(named("Happened"), stream, number)
    }

    /// This event, recorded behind all that were made before.
    pub(super) fn recorded(&self, event: NewEvent, stream: &StreamId, number: u64) -> RecordedEvent {
        let position = Position::new(self.position.fetch_add(1, Ordering::SeqCst) + 1);
        record(event, stream.clone(), version(number), position, self.clock().now())
    }

    /// The events of these versions of a stream.
    pub(super) fn events(
        &self,
        stream: &StreamId,
        versions: impl IntoIterator<Item = u64>,
    ) -> Vec<RecordedEvent> {
        versions.into_iter().map(|number| self.event(stream, number)).collect()
    }

    /// Publishes events of the lab's log.
    pub(super) async fn publish(&self, bus: &dyn EventBus, events: &[RecordedEvent]) {
        bus.publish(self.log, events).await.unwrap();
    }

    /// What is parked of a stream, in its order.
    pub(super) async fn parked(&self, group: &str, stream: &StreamId) -> Vec<DeadLetter> {
        let consumer = ConsumerId::from(name(group));
        let options = LettersOptions::default().with_stream(stream.clone());
        self.letters.letters(&consumer, self.log, &options).await.unwrap()
    }

    /// Waits until so many events of a stream are parked.
    pub(super) async fn until_parked(&self, group: &str, stream: &StreamId, count: usize) -> Vec<DeadLetter> {
        self.letters.until(|| async { self.parked(group, stream).await.len() >= count }).await;
        self.parked(group, stream).await
    }

    /// Checks that nothing waits for groups whose members have stopped, as far as the bus can tell.
    pub(super) async fn assert_nothing_waits(&self, bus: &dyn EventBus, groups: &[&str]) {
        let last = self.event(&stream(EventId::generate()), 1);
        self.publish(bus, only(&last)).await;
        for group in groups {
            let recorder = Recorder::new();
            let consumer = consume(bus, group, options(), &recorder).await;
            recorder.until_handled(only(&last)).await;
            if self.capabilities.deliveries == Deliveries::Once {
                assert_eq!(recorder.begun().len(), 1, "nothing but what was published last");
            }
            stop(consumer).await;
        }
    }

    /// The events that were handled, in their order. Where a bus may deliver again, each counts the first time.
    pub(super) fn handled(&self, recorders: &[&Recorder]) -> Vec<EventId> {
        let all = recorders.iter().flat_map(|recorder| recorder.handled());
        self.counted(all.map(|delivery| delivery.event.id))
    }

    /// The versions of a stream that a handler handled, in their order. Where a bus may deliver again, each counts the first
    /// time.
    pub(super) fn handled_versions(&self, recorder: &Recorder, stream: &StreamId) -> Vec<u64> {
        self.counted(recorder.handled_versions(stream))
    }

    fn counted<T: Copy + Eq + Hash>(&self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut known = HashSet::new();
        let again = self.capabilities.deliveries == Deliveries::AtLeastOnce;
        items.into_iter().filter(|item| known.insert(*item) || !again).collect()
    }
}

/// A stream of the category that most cases use.
pub(super) fn stream(key: impl Display) -> StreamId {
    StreamId::new("Test", key.to_string()).unwrap()
}

/// One event as several.
pub(super) fn only(event: &RecordedEvent) -> &[RecordedEvent] {
    std::slice::from_ref(event)
}

pub(super) fn name(group: &str) -> ConsumerName {
    ConsumerName::new(group).unwrap()
}

/// Three attempts in a short time.
pub(super) fn quick() -> FailurePolicy {
    FailurePolicy::default().with_retries(2, Duration::from_millis(1), Duration::from_millis(5))
}

/// One attempt.
pub(super) fn without_retries() -> FailurePolicy {
    FailurePolicy::default().with_retries(0, Duration::from_millis(1), Duration::from_millis(5))
}

pub(super) fn options() -> GroupOptions {
    GroupOptions::default().with_failure(quick())
}

/// Lets a handler consume for a group.
pub(super) async fn consume(
    bus: &dyn EventBus,
    group: &str,
    options: GroupOptions,
    recorder: &Recorder,
) -> Box<dyn GroupConsumer> {
    bus.consume(&name(group), options, Arc::new(recorder.clone())).await.unwrap()
}

/// Stops a member whose handlers end.
pub(super) async fn stop(consumer: Box<dyn GroupConsumer>) {
    assert!(consumer.stop(PATIENCE).await.unwrap(), "everything in flight ends");
}

/// Waits until a member consumes no more.
pub(super) async fn until_ended(consumer: &dyn GroupConsumer) {
    soon("the consumption ends", async {
        while consumer.is_healthy() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until each of these events was handled by one of these handlers.
pub(super) async fn until_handled_together(recorders: &[&Recorder], events: &[RecordedEvent]) {
    let mut seen: Vec<_> = recorders.iter().map(|recorder| recorder.seen.subscribe()).collect();
    soon("the events are handled", async {
        loop {
            let mut handled = HashSet::new();
            for seen in &mut seen {
                handled.extend(seen.borrow_and_update().handled.iter().map(|delivery| delivery.event.id));
            }
            if events.iter().all(|event| handled.contains(&event.id)) {
                return;
            }
            select_all(seen.iter_mut().map(|seen| seen.changed().boxed())).await.0.unwrap();
        }
    })
    .await;
}

/// Waits for something that should happen soon.
pub(super) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what}: not after {PATIENCE:?}"))
}

type Script = dyn Fn(Delivery) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// A handler that remembers. A handle: clones share what they know.
#[derive(Clone)]
pub(super) struct Recorder {
    seen: Arc<watch::Sender<Seen>>,
    script: Arc<Script>,
}

/// What a handler has seen.
#[derive(Default)]
pub(super) struct Seen {
    /// Every attempt that began, in the order of their beginnings.
    pub(super) begun: Vec<Delivery>,
    /// Every attempt that succeeded, in the order of their ends.
    pub(super) handled: Vec<Delivery>,
}

impl Recorder {
    /// Handles everything at once.
    pub(super) fn new() -> Self {
        Self::with(|_| async { Ok(()) })
    }

    /// Does this with each delivery.
    pub(super) fn with<F>(handle: impl Fn(Delivery) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { seen: Arc::default(), script: Arc::new(move |delivery| handle(delivery).boxed()) }
    }

    /// Fails on deliveries for which this holds.
    pub(super) fn failing(is_failing: impl Fn(&Delivery) -> bool + Send + Sync + 'static) -> Self {
        Self::with(move |delivery| {
            let fails = is_failing(&delivery);
            async move { if fails { Err("broken".into()) } else { Ok(()) } }
        })
    }

    pub(super) fn begun(&self) -> Vec<Delivery> {
        self.seen.borrow().begun.clone()
    }

    pub(super) fn handled(&self) -> Vec<Delivery> {
        self.seen.borrow().handled.clone()
    }

    /// The versions whose attempts began, in their order.
    pub(super) fn begun_versions(&self) -> Vec<u64> {
        self.begun().iter().map(|delivery| delivery.event.version.get()).collect()
    }

    /// The versions of a stream that were handled, in their order.
    pub(super) fn handled_versions(&self, stream: &StreamId) -> Vec<u64> {
        let handled = self.handled();
        handled.iter().filter(|d| d.event.stream == *stream).map(|d| d.event.version.get()).collect()
    }

    /// Waits until this holds for what it has seen.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let reached = soon(what, seen.wait_for(holds)).await;
        drop(reached.unwrap());
    }

    /// Waits until these events are handled.
    pub(super) async fn until_handled(&self, events: &[RecordedEvent]) {
        self.until("the events are handled", |seen| {
            let ids: HashSet<_> = seen.handled.iter().map(|delivery| delivery.event.id).collect();
            events.iter().all(|event| ids.contains(&event.id))
        })
        .await;
    }

    /// Waits until so many attempts have begun.
    pub(super) async fn until_begun(&self, attempts: usize) {
        self.until("the attempts have begun", |seen| seen.begun.len() >= attempts).await;
    }
}

#[async_trait]
impl DeliveryHandler for Recorder {
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        self.seen.send_modify(|seen| seen.begun.push(delivery.clone()));
        (self.script)(delivery.clone()).await?;
        self.seen.send_modify(|seen| seen.handled.push(delivery));
        Ok(())
    }
}

/// A door that stays closed until it is opened. A handle: clones are the same door.
#[derive(Clone, Default)]
pub(super) struct Door(Arc<watch::Sender<bool>>);

impl Door {
    pub(super) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open.
    pub(super) async fn pass(&self) {
        let mut state = self.0.subscribe();
        drop(state.wait_for(|open| *open).await.unwrap());
    }
}

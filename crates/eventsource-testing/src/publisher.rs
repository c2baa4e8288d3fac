//! A publisher that remembers.

use std::{
    fmt::Debug,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use eventsource_core::{Error, ErrorKind, EventPublisher, EventSet, LogId, RecordedEvent, Result};
use tokio::sync::watch;

use crate::{
    assertions::{compare, fail_at, name_and_place},
    message::{Message, PATIENCE},
};

/// Takes events and remembers them; fails when it is told to. A handle: clones share what they know.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource::{Aggregate, MemoryStore, Repository, aggregate::Publication};
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
/// # impl Order {
/// #     fn place(&self, total: u64) -> Result<OrderEvent, std::io::Error> { Ok(OrderEvent::Placed { total }) }
/// # }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eventsource_testing::RecordingPublisher;
///
/// let publisher = RecordingPublisher::new();
/// let orders = Repository::<Order>::new(MemoryStore::new()).with_publisher(publisher.clone());
///
/// orders.create("1", |order| order.place(100)).await?;
/// publisher.assert_published([OrderEvent::Placed { total: 100 }]);
///
/// publisher.fail_next(1);
/// let committed = orders.create("2", |order| order.place(200)).await?;
/// assert!(matches!(committed.publication, Publication::Failed(_)));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct RecordingPublisher(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    published: watch::Sender<Vec<RecordedEvent>>,
    failing: Mutex<Failing>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Failing {
    #[default]
    Never,
    /// So many times more.
    Next(usize),
    Always,
}

impl RecordingPublisher {
    /// One that takes everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes nothing of the next calls, so many, and fails with `Publish`. Counts from now, whatever was told before.
    pub fn fail_next(&self, calls: usize) {
        *self.failing() = Failing::Next(calls);
    }

    /// Takes nothing and fails with `Publish` until [`recover`](Self::recover).
    pub fn fail_always(&self) {
        *self.failing() = Failing::Always;
    }

    /// Takes everything again.
    pub fn recover(&self) {
        *self.failing() = Failing::Never;
    }

    /// What was published, in the order of publishing.
    #[must_use]
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.0.published.borrow().clone()
    }

    /// Forgets what was published.
    pub fn clear(&self) {
        self.0.published.send_replace(Vec::new());
    }

    /// Waits until so many events were published, and returns them all. It looks at what is there, never at the time.
    ///
    /// # Panics
    /// When they do not come for half a minute.
    ///
    /// # Cancel safety
    /// Safe: nothing is taken away.
    #[track_caller]
    pub fn wait_for(&self, events: usize) -> impl Future<Output = Vec<RecordedEvent>> + use<> {
        let caller = Location::caller();
        let mut published = self.0.published.subscribe();
        // Keeps the sender, and so the events, alive.
        let publisher = self.clone();
        async move {
            let enough = published.wait_for(|published| published.len() >= events);
            match tokio::time::timeout(PATIENCE, enough).await {
                Ok(Ok(published)) => published.clone(),
                _ => {
                    let published = publisher.events();
                    let published: Vec<_> = published.iter().map(name_and_place).collect();
                    let message = format!("{events} events were not published in {} s", PATIENCE.as_secs());
                    fail_at(caller, Message::new(message).section("published", published.join("\n")))
                }
            }
        }
    }

    /// Fails unless exactly these events were published, in this order, and nothing else.
    ///
    /// # Panics
    /// When others were, or one of them is not of type `E`.
    #[track_caller]
    pub fn assert_published<E: EventSet + Debug + PartialEq>(&self, expected: impl IntoIterator<Item = E>) {
        let expected = Vec::from_iter(expected);
        compare("the publisher", Location::caller(), &expected, Ok(self.events()));
    }

    fn failing(&self) -> MutexGuard<'_, Failing> {
        self.0.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails_now(&self) -> bool {
        let mut failing = self.failing();
        match *failing {
            Failing::Never | Failing::Next(0) => false,
            Failing::Next(calls) => {
                *failing = Failing::Next(calls - 1);
                true
            }
            Failing::Always => true,
        }
    }
}

#[async_trait]
impl EventPublisher for RecordingPublisher {
    async fn publish(&self, _log: LogId, events: &[RecordedEvent]) -> Result<()> {
        if self.fails_now() {
            return Err(Error::new(ErrorKind::Publish, "the publisher was told to fail"));
        }
        self.0.published.send_modify(|published| published.extend_from_slice(events));
        Ok(())
    }
}

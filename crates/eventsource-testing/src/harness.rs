//! Everything that a test of an application needs, in one line.

use std::{
    convert::Infallible,
    fmt::Debug,
    panic::Location,
    sync::{Mutex, PoisonError},
};

use eventsource_core::{
    Aggregate, Event, EventSet, MemoryStore, Position, RecordedEvent, Repository, StreamId, ToStreamKey,
    aggregate::IntoEvents,
    memory::MemoryOptions,
    store::{EventFeed, EventFeedExt, FeedOptions},
};
use futures_util::TryStreamExt;

use crate::{
    FaultStore, ManualClock, RecordingPublisher, SequentialIds,
    assertions::{assert_stream, compare},
    audit,
    message::must,
};

/// A store in memory with a clock and ids in the hands of the test, faults by script, a publisher that remembers, and
/// repositories over all of it.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource::Aggregate;
/// # use eventsource_macros::{Event, EventSet};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(category = "Order")]
/// # enum OrderEvent { Placed { total: u64 }, Paid }
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(category = "Payment")]
/// # enum PaymentEvent { Taken { amount: u64 } }
/// # #[derive(Debug, PartialEq, EventSet)]
/// # enum Sales { Order(OrderEvent), Payment(PaymentEvent) }
/// # #[derive(Default)]
/// # struct Order { total: u64 }
/// # #[derive(Default)]
/// # struct Payment;
/// # impl Aggregate for Order {
/// #     type Event = OrderEvent;
/// #     fn apply(&mut self, event: &OrderEvent) {
/// #         if let OrderEvent::Placed { total } = event { self.total = *total }
/// #     }
/// # }
/// # impl Aggregate for Payment {
/// #     type Event = PaymentEvent;
/// #     fn apply(&mut self, _: &PaymentEvent) {}
/// # }
/// # type Failed = Box<dyn std::error::Error>;
/// # async fn take_payment(orders: &eventsource::Repository<Order>, payments: &eventsource::Repository<Payment>, id: &str) -> Result<(), Failed> {
/// #     let amount = orders.load(id).await?.total;
/// #     payments.create(id, |_| Ok::<_, std::io::Error>(PaymentEvent::Taken { amount })).await?;
/// #     orders.update(id, |_| Ok::<_, std::io::Error>(OrderEvent::Paid)).await?;
/// #     Ok(())
/// # }
/// # async fn example() -> Result<(), Failed> {
/// use eventsource_testing::Harness;
///
/// let app = Harness::new();
/// let (orders, payments) = (app.repository::<Order>(), app.repository::<Payment>());
/// app.given::<Order>("4711", [OrderEvent::Placed { total: 100 }]).await;
///
/// take_payment(&orders, &payments, "4711").await?;
///
/// app.assert_appended([
///     Sales::Payment(PaymentEvent::Taken { amount: 100 }),
///     Sales::Order(OrderEvent::Paid),
/// ])
/// .await;
/// app.assert_stream::<Payment>("4711", [PaymentEvent::Taken { amount: 100 }]).await;
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
pub struct Harness {
    /// The store: hand clones of it to the application, and script its faults.
    pub store: FaultStore<MemoryStore>,
    /// What time it is for the store and the repositories. It stands still until the test moves it.
    pub clock: ManualClock,
    /// The ids of the repositories' events: 1, 2, 3 …
    pub ids: SequentialIds,
    /// What takes the commits of the repositories.
    pub publisher: RecordingPublisher,
    /// Where the log ended when the history was given.
    given: Mutex<Position>,
}

impl Harness {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        let (clock, ids) = (ManualClock::default(), SequentialIds::default());
        let options = MemoryOptions::default().with_clock(clock.clone()).with_ids(ids.clone());
        Self {
            store: FaultStore::new(MemoryStore::with_options(options)),
            clock,
            ids,
            publisher: RecordingPublisher::new(),
            given: Mutex::new(Position::START),
        }
    }

    /// A repository over the store, with clock, ids and publisher. For snapshots give it the store:
    /// `app.repository::<Order>().with_snapshots(app.store.clone(), ..)`.
    #[must_use]
    pub fn repository<A: Aggregate>(&self) -> Repository<A> {
        self.unpublished().with_publisher(self.publisher.clone())
    }

    fn unpublished<A: Aggregate>(&self) -> Repository<A> {
        Repository::new(self.store.clone()).with_clock(self.clock.clone()).with_ids(self.ids.clone())
    }

    /// Appends history to the stream of an aggregate. It is not published, and
    /// [`assert_appended`](Self::assert_appended) passes over all that is in the store until now.
    ///
    /// # Panics
    /// When it cannot be appended.
    pub async fn given<A: Aggregate>(&self, key: impl ToStreamKey + Sync, events: impl IntoEvents<A::Event>) {
        let repository = self.unpublished::<A>();
        let mut unit = must("the history cannot be loaded", repository.load_or_default(&key).await);
        must("the history is not refused", unit.record(|_| Ok::<_, Infallible>(events.into_events())));
        must("the history cannot be appended", repository.save(&mut unit).await);
        let head = must("the head cannot be read", self.store.head().await);
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }

    /// Fails unless exactly these events were appended since the last [`given`](Self::given), through all streams and in
    /// this order, and nothing else.
    ///
    /// `E` is a sum when several aggregates were written.
    ///
    /// # Panics
    /// When others were, or one of them is not of type `E`.
    #[track_caller]
    pub fn assert_appended<E: EventSet + Debug + PartialEq>(
        &self,
        expected: impl IntoIterator<Item = E>,
    ) -> impl Future<Output = ()> {
        let caller = Location::caller();
        let expected = Vec::from_iter(expected);
        let given = *self.given.lock().unwrap_or_else(PoisonError::into_inner);
        async move {
            let read = self.store.inner().feed(given, FeedOptions::default()).try_collect().await;
            compare("what was appended", caller, &expected, read);
        }
    }

    /// Fails unless the stream of an aggregate holds exactly these events, in this order.
    ///
    /// # Panics
    /// When it holds others.
    #[track_caller]
    pub fn assert_stream<A: Aggregate>(
        &self,
        key: impl ToStreamKey,
        expected: impl IntoEvents<A::Event>,
    ) -> impl Future<Output = ()>
    where
        A::Event: Debug + PartialEq,
    {
        let stream = must("the stream cannot be named", StreamId::new(A::Event::CATEGORY, key));
        assert_stream(self.store.inner(), stream, expected.into_events())
    }

    /// Checks that feed and streams tell the same ([`audit`](crate::audit)), and returns the whole feed.
    ///
    /// # Panics
    /// When they do not.
    #[track_caller]
    pub fn audit(&self) -> impl Future<Output = Vec<RecordedEvent>> {
        audit(self.store.inner())
    }
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

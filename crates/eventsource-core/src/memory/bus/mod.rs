//! The bus in memory: the readable reference of [`EventBus`].
//!
//! A group holds a queue per stream. A member takes the turn of a stream whose first event is the oldest of those that
//! may be handled now, and nobody else handles that stream until it gives the turn back: that is all it takes to keep the
//! order through retries and between members.

mod delivery;
mod group;
mod letters;
mod member;
mod options;
mod turn;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::{runtime::Handle, sync::Notify};
use tracing::warn;

pub use self::options::MemoryBusOptions;
use self::{group::Group, member::Member};
use crate::{
    ConsumerName, Error, ErrorKind, EventPublisher, LogId, RecordedEvent, Result,
    backend::check_group_options,
    bus::{DeliveryHandler, EventBus, GroupConsumer, GroupOptions},
    dead_letter::DeadLetterStore,
    store::Close,
};

/// A bus in memory, for consumers in the same process. A handle: clones share the groups.
///
/// Each event comes to each group exactly once, as long as no attempt fails and no member is dropped in the middle of
/// one. What waits is lost with the process. It runs on the Tokio runtime on which its groups consume.
///
/// **Room.** Each group keeps so many events as the [options](MemoryBusOptions) allow. A publication that finds a group
/// full waits for a while, and then fails with `Publish` and was taken by no group. A handler that fails never fills its
/// group by itself: what it cannot handle is parked. One whose errors are transient, or a group without members, does; a
/// group that will not run again is [removed](Self::remove_group).
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use eventsource_core::{Aggregate, ConsumerName, MemoryStore, Recorded, Repository};
/// use eventsource_core::bus::{EventBus, GroupOptions, typed};
/// use eventsource_core::memory::MemoryBus;
/// # use eventsource_core::{Bytes, Error, Event, EventDescriptor, Result, codec::{Codec, CodecTag, Json}};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # enum OrderEvent { Placed { total: u64 } }
/// # impl Event for OrderEvent {
/// #     const CATEGORY: &'static str = "Order";
/// #     const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("OrderPlaced", 1)];
/// #     const CODEC: CodecTag = Json::TAG;
/// #     fn descriptor(&self) -> &'static EventDescriptor { &Self::EVENTS[0] }
/// #     fn encode(&self) -> Result<Bytes> { Json::encode_variant(self) }
/// #     fn decode(_: &str, _: u16, payload: &[u8]) -> Result<Self> { Json::decode_variant("Placed", payload) }
/// # }
/// # #[derive(Default)]
/// # struct Order { total: u64 }
/// # impl Aggregate for Order {
/// #     type Event = OrderEvent;
/// #     fn apply(&mut self, event: &OrderEvent) { let OrderEvent::Placed { total } = event; self.total = *total; }
/// # }
/// # impl Order {
/// #     fn place(&self, total: u64) -> Result<OrderEvent, std::convert::Infallible> { Ok(OrderEvent::Placed { total }) }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let bus = MemoryBus::new(store.clone()); // what cannot be handled is kept in the store
/// let options = GroupOptions::default().for_events::<OrderEvent>()?.with_concurrency(4);
///
/// let (mailed, mut mails) = tokio::sync::mpsc::unbounded_channel();
/// let mail = typed(move |event: Arc<Recorded<OrderEvent>>| {
///     let mailed = mailed.clone();
///     async move { mailed.send(event.record.stream.to_string()) }
/// });
/// let mail = bus.consume(&ConsumerName::new("mail")?, options.clone(), Arc::new(mail)).await?;
///
/// let (sold, mut sales) = tokio::sync::mpsc::unbounded_channel();
/// let sales_figures = typed(move |event: Arc<Recorded<OrderEvent>>| {
///     let sold = sold.clone();
///     async move {
///         let OrderEvent::Placed { total } = event.event;
///         sold.send(total)
///     }
/// });
/// let sales_figures = bus.consume(&ConsumerName::new("sales")?, options, Arc::new(sales_figures)).await?;
///
/// let orders = Repository::<Order>::new(store).with_publisher(bus.clone());
/// orders.create("4711", |order| order.place(100)).await?;
/// assert_eq!(mails.recv().await.as_deref(), Some("Order/4711"));
/// assert_eq!(sales.recv().await, Some(100));
///
/// mail.stop(Duration::from_secs(5)).await?;
/// sales_figures.stop(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryBus {
    shared: Arc<Shared>,
}

/// What a bus and its members share.
struct Shared {
    letters: Arc<dyn DeadLetterStore>,
    options: MemoryBusOptions,
    state: Mutex<State>,
    /// Told whenever a group has room again, a member is gone, or the bus is closed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    groups: HashMap<ConsumerName, Group>,
    closed: bool,
}

impl MemoryBus {
    /// A bus without groups, whose dead letters are kept here.
    #[must_use]
    pub fn new(letters: impl DeadLetterStore) -> Self {
        Self::with_options(letters, MemoryBusOptions::default())
    }

    /// A bus without groups, with limits or a clock of its own.
    #[must_use]
    pub fn with_options(letters: impl DeadLetterStore, options: MemoryBusOptions) -> Self {
        let letters = Arc::new(letters);
        let shared = Shared { letters, options, state: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// How many events of a group wait or are being handled; `None` when there is no such group.
    #[must_use]
    pub fn backlog(&self, group: &ConsumerName) -> Option<usize> {
        self.shared.state().groups.get(group).map(|group| group.backlog.events)
    }

    /// Removes a group that will not run again, with what waits for it. Whether there was one. Its letters stay.
    ///
    /// # Errors
    /// `InvalidInput` while members of the group run.
    pub fn remove_group(&self, group: &ConsumerName) -> Result<bool> {
        let mut state = self.shared.state();
        if state.groups.get(group).is_some_and(|group| group.members > 0) {
            let message = format!("members of group {group} still run; stop them first");
            return Err(Error::invalid_input("group", message).with_operation("remove group"));
        }
        let removed = state.groups.remove(group).is_some();
        drop(state);
        self.shared.changed.notify_waiters();
        Ok(removed)
    }
}

#[async_trait]
impl EventPublisher for MemoryBus {
    /// Gives the events to all groups that want them, or to none.
    ///
    /// # Errors
    /// `Publish`, transient, when a group had no room for longer than [`MemoryBusOptions::publish_timeout`]; `Closed`.
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) -> Result<()> {
        if let Some(outcome) = self.shared.state().take_in(log, events, &self.shared.options) {
            return outcome;
        }
        let room = self.shared.until(|state| state.take_in(log, events, &self.shared.options));
        match tokio::time::timeout(self.shared.options.publish_timeout, room).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.shared.state().no_room(events, &self.shared.options)),
        }
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    /// Begins at once.
    ///
    /// # Errors
    /// `InvalidInput` for options that cannot work, and for a filter that differs from that of members that run; `Closed`;
    /// `Unsupported` outside a Tokio runtime.
    async fn consume(
        &self,
        group: &ConsumerName,
        options: GroupOptions,
        handler: Arc<dyn DeliveryHandler>,
    ) -> Result<Box<dyn GroupConsumer>> {
        check_group_options(&options).map_err(|e| e.with_operation("consume"))?;
        let runtime = Handle::try_current().map_err(|e| {
            let message = "consuming from the memory bus needs a Tokio runtime";
            Error::new(ErrorKind::Unsupported, message).with_operation("consume").with_source(e)
        })?;
        self.shared.join(group, &options).map_err(|e| e.with_operation("consume"))?;
        Ok(Box::new(Member::start(&runtime, self.shared.clone(), group.clone(), options, handler)))
    }
}

#[async_trait]
impl Close for MemoryBus {
    /// Ends the consumption of all groups, after what is in flight. What waits is lost; the store of letters stays open.
    async fn close(&self) -> Result<()> {
        self.shared.close();
        self.shared.until(|state| state.groups.values().all(|group| group.members == 0).then_some(())).await;
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing of the caller runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a look at the state gives something. It looks now, and whenever something changed for everybody.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }

    /// Adds a member to a group, which begins with its first.
    fn join(&self, name: &ConsumerName, options: &GroupOptions) -> Result<()> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        let group = state.groups.entry(name.clone()).or_default();
        if group.members > 0 && group.filter != options.filter {
            let message =
                format!("members of group {name} run with another filter; all of them need the same");
            return Err(Error::invalid_input("filter", message));
        }
        // What waits already and is not wanted any more is passed over when its turn comes.
        group.filter = options.filter.clone();
        group.members += 1;
        Ok(())
    }

    /// Removes a member.
    fn leave(&self, name: &ConsumerName) {
        if let Some(group) = self.state().groups.get_mut(name) {
            group.members -= 1;
        }
        self.changed.notify_waiters();
    }

    fn close(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.closed, true) {
            let waiting: usize = state.groups.values().map(|group| group.backlog.events).sum();
            if waiting > 0 {
                warn!(events = waiting, "the memory bus is closed before all events are handled");
            }
        }
        for group in state.groups.values() {
            group.changed.notify_waiters();
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    /// Gives events to all groups; `None` while one of them has no room.
    fn take_in(
        &mut self,
        log: LogId,
        events: &[RecordedEvent],
        options: &MemoryBusOptions,
    ) -> Option<Result<()>> {
        if self.closed {
            return Some(Err(closed().with_operation("publish")));
        }
        if self.full(events, options).is_some() {
            return None;
        }
        let events: Vec<_> = events.iter().cloned().map(Arc::new).collect();
        for group in self.groups.values_mut() {
            group.take_in(log, &events);
        }
        Some(Ok(()))
    }

    /// A group that wants some of these events, and has no room.
    fn full(&self, events: &[RecordedEvent], options: &MemoryBusOptions) -> Option<(&ConsumerName, &Group)> {
        self.groups.iter().find(|(_, group)| {
            group.backlog.is_full(options.backlog) && events.iter().any(|event| group.filter.accepts(event))
        })
    }

    fn no_room(&self, events: &[RecordedEvent], options: &MemoryBusOptions) -> Error {
        let message = format!(
            "a group had no room for {:?}; run or speed up its members, remove it, or give it more room",
            options.publish_timeout
        );
        let error = Error::new(ErrorKind::Publish, message).with_operation("publish").transient();
        match self.full(events, options) {
            Some((name, group)) => {
                error.with_context("group", name).with_context("waiting", group.backlog.events)
            }
            None => error,
        }
    }
}

fn closed() -> Error {
    Error::closed("the memory bus")
}

impl fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        let mut debug = f.debug_struct("MemoryBus");
        debug.field("groups", &state.groups.len()).field("closed", &state.closed).finish_non_exhaustive()
    }
}

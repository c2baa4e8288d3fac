//! Subscriptions of `eventsource`: read models, projections and reactors that miss nothing.
//!
//! A subscription reads the feed of a store from its checkpoint, hands events to a handler, and writes the checkpoint behind
//! what is done. There is one loop for history and for what comes: "live" is a state that is reported, not another code
//! path, so that no event falls between the two.
//!
//! ```
//! # use eventsource_core::{Bytes, Event, EventDescriptor, codec::{Codec, CodecTag, Json}};
//! use eventsource_core::{EventId, ExpectedVersion, MemoryStore, NewEvent, Recorded, StreamId, projection::ReadModel};
//! use eventsource_core::store::{Append, EventStore};
//! use eventsource_subscriptions::Subscriptions;
//!
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # enum OrderEvent { OrderPlaced { total: u64 } }
//! # impl Event for OrderEvent {
//! #     const CATEGORY: &'static str = "Order";
//! #     const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("OrderPlaced", 1)];
//! #     const CODEC: CodecTag = Json::TAG;
//! #     fn descriptor(&self) -> &'static EventDescriptor { &Self::EVENTS[0] }
//! #     fn encode(&self) -> eventsource_core::Result<Bytes> { Json::encode_variant(self) }
//! #     fn decode(_: &str, _: u16, payload: &[u8]) -> eventsource_core::Result<Self> {
//! #         Json::decode_variant("OrderPlaced", payload)
//! #     }
//! # }
//! #[derive(Default, Clone)]
//! struct Revenue(u64);
//!
//! impl ReadModel for Revenue {
//!     type Event = OrderEvent;
//!
//!     fn apply(&mut self, event: &Recorded<OrderEvent>) {
//!         let OrderEvent::OrderPlaced { total } = event.event;
//!         self.0 += total;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> eventsource_core::Result<()> {
//! let store = MemoryStore::new();
//! let subscriptions = Subscriptions::new(store.clone());
//! let revenue = subscriptions.read_model("revenue", Revenue::default())?;
//! subscriptions.start().await.into_result()?;
//!
//! let placed = NewEvent::encode(EventId::generate(), &OrderEvent::OrderPlaced { total: 100 })?;
//! let stream = StreamId::new("Order", "4711")?;
//! let appended = store.append(Append::new(stream, ExpectedVersion::NoStream, vec![placed])).await?;
//!
//! if let Some(subscription) = subscriptions.get("revenue") {
//!     subscription.wait_until(&appended.token).await?;
//! }
//! assert_eq!(revenue.read(|revenue| revenue.0), 100);
//! subscriptions.stop(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What each kind promises
//!
//! | kind | each event | checkpoint | run by | begins | on a rebuild |
//! |---|---|---|---|---|---|
//! | [`read_model`](Subscriptions::read_model) | once in the model | the model itself, in memory | every process | at the beginning, at each start | folded again |
//! | [`projection`](Subscriptions::projection) | at least once | behind the effects | one process at a time | at the beginning | replayed |
//! | [`target`](Subscriptions::target) with a transaction | exactly once in its database | in the transaction of the effects | one process at a time | at the beginning | replayed |
//! | [`reactor`](Subscriptions::reactor) | at least once | behind the effects | one process at a time | at the end | never |
//!
//! Events of one stream come in order, one after the other, whatever fails. Streams are handled at the same time in as many
//! [lanes](SubscriptionOptions::lanes) as the options say.
//!
//! # When something fails
//!
//! A handler that fails is asked again after a wait ([`FailurePolicy`]). When its retries are used up, the event is parked with
//! everything that comes behind it in its stream, and other streams go on; or the subscription stops; or the event is skipped
//! and counted. What is parked is looked at, handled again, edited or given up through the [`Subscription`].
//! Failures of the database are no failures of an event: the subscription backs off until they are over. Failures of many
//! streams in a row are neither: nothing more is parked until one succeeds.
//!
//! # Several processes
//!
//! Each subscription but a read model has a lease: one process runs it, the others wait. A process that stops gives its leases
//! back, and another takes over at once; one that dies is followed when its lease ends, 2 seconds after it was renewed last.
//! Every lease has an epoch, which the checkpoint obeys: whoever was cut off and wakes up again moves nothing.
//!
//! # What is told
//!
//! [`Subscription::status`] looks up state and lag; [`SubscriptionOptions::with_observer`] hears every [`Notice`]. Telemetry will
//! use these names:
//!
//! | name | kind | from |
//! |---|---|---|
//! | `eventsource.subscription.handled` | counter of events | [`Notice::Handled`] |
//! | `eventsource.subscription.batch.duration` | histogram of seconds | [`Notice::Handled`] |
//! | `eventsource.subscription.failed` | counter of attempts, by cause kind and consequence | [`Notice::Failed`] |
//! | `eventsource.subscription.trouble` | counter | [`Notice::Trouble`] |
//! | `eventsource.subscription.state` | gauge, one per state | [`Notice::State`] |
//! | `eventsource.subscription.lag.events`, `eventsource.subscription.lag.seconds` | gauges | [`SubscriptionStatus`] |
//! | `eventsource.subscription.letters` | gauge | [`Subscription::letter_statistics`] |
//!
//! # Operated from outside
//!
//! With each renewal of its leases a process tells what its subscriptions do ([`StatusStore`](eventsource_core::status::StatusStore)),
//! and hears what operators ask of them ([`RequestStore`](eventsource_core::request::RequestStore)): to pause, resume, rewind or
//! reset, and to retry, edit or discard letters. A tool in another process needs nothing but the database. A pause stays in force
//! until it is resumed, also when its owner dies; a request without an owner waits for the next one, or expires.
//!
//! # Not there yet
//!
//! Rebuilds beside the active version (such requests are refused), and sharing the lanes of one subscription between processes.

mod environment;
mod handler;
mod heart;
mod lane;
mod lease;
mod letters;
mod manager;
mod notice;
mod options;
mod plain;
mod progress;
mod read_model;
mod requests;
mod runner;
mod segments;
mod session;
mod stop;
mod subscription;

pub use eventsource_core::failure::{AfterRetries, FailurePolicy, HandlerPanicked, HandlerTimedOut, Verdict};

pub use self::{
    letters::LetterReport,
    manager::{OperationsStore, StartReport, StopOutcome, StopReport, SubscriptionHost, Subscriptions},
    notice::{Consequence, Notice},
    options::{Checkpointing, Start, SubscriptionOptions},
    read_model::Live,
    subscription::{Reached, Subscription, SubscriptionStatistics, SubscriptionStatus},
};

//! Events, aggregates and the ports of event stores: the driver-free core of `eventsource`.
//!
//! Programs depend on the crate `eventsource`, which re-exports this one beside the derives and the stores. Depend on this
//! one alone to write a store, a layer or a tool: it needs neither a database driver nor anybody's event types.
//!
//! ```
//! use eventsource_core::{
//!     EventId, ExpectedVersion, MemoryStore, NewEvent, Position, StreamId,
//!     store::{Append, EventFeed, EventStore, FeedOptions, ReadOptions},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> eventsource_core::Result<()> {
//! let store = MemoryStore::new();
//! let order = StreamId::new("Order", "4711")?;
//! let placed = NewEvent::new(EventId::generate(), "OrderPlaced", r#"{"total":100}"#)?;
//! let appended =
//!     store.append(Append::new(order.clone(), ExpectedVersion::NoStream, vec![placed])).await?;
//!
//! // The stream of one aggregate, in the order of versions.
//! let page = store.read_stream(&order, &ReadOptions::default()).await?;
//! assert_eq!((page.events[0].name.as_str(), page.version.get()), ("OrderPlaced", 1));
//!
//! // The log of all streams, in the order of positions.
//! let page = store.read_feed(Position::START, &FeedOptions::default()).await?;
//! assert_eq!((page.next, page.at_head), (appended.token.position, true));
//! # Ok(())
//! # }
//! ```
//!
//! # How this page is organised
//!
//! The root holds the values that everything else speaks of: events on their way in ([`NewEvent`]) and out
//! ([`RecordedEvent`], [`Recorded`]), ids, streams, versions, positions, times, filters, and the one [`Error`].
//!
//! | for | see |
//! |---|---|
//! | event types and sums of them | [`Event`], [`EventSet`] |
//! | states, decisions, load and append | [`aggregate`], with the [`Repository`] |
//! | the ports of a store | [`store`] |
//! | how events become bytes, old events new ones | [`codec`] |
//! | the store in memory, also as an instrument of tests | [`memory`] |
//! | handles for one tenant, compression of payloads | [`layer`] |
//! | deletion, told by events | [`lifecycle`] |
//! | projections, reactors and what runs them | [`projection`], [`checkpoint`], [`dead_letter`], [`lease`], [`status`], [`request`] |
//! | fan-out to other systems | [`bus`], [`inbox`] |
//! | writing a store | [`backend`]: may change in any release |
//!
//! Methods of ports state their contract under the same headings everywhere: ordering, atomicity, errors, cancel safety.
//!
//! # Features
//!
//! `zstd` adds the transform `codec::Zstd`, which compresses payloads. Nothing is on by default.
//!
//! # What is not here
//!
//! - The derives (`eventsource-macros`) and stores with a driver (`eventsource-sqlite`).
//! - What runs subscriptions (`eventsource-subscriptions`). The ports of the read side are here.
//! - Ambient state: provenance, tenants, clocks and ids are values and ports that are handed on.
//! - Transactions across calls. One append is atomic, over as many streams as it names.
//!
//! A [`Repository`] waits between tries and writes snapshots in the background, for which it needs a Tokio runtime with
//! its timer; the values and the memory store need none.

pub mod aggregate;
pub mod backend;
pub mod bus;
pub mod checkpoint;
pub mod codec;
mod consumer;
pub mod dead_letter;
mod envelope;
mod error;
mod event;
mod event_set;
pub mod failure;
mod filter;
mod forward;
mod id;
pub mod inbox;
pub mod layer;
pub mod lease;
pub mod lifecycle;
pub mod memory;
mod name;
mod position;
pub mod projection;
mod provenance;
pub mod request;
mod slice;
pub mod status;
pub mod store;
mod stream;
mod tenant;
mod text;
mod time;
mod version;

pub use bytes::Bytes;
pub use uuid::Uuid;

pub use self::{
    aggregate::{Aggregate, Decider, Repository},
    bus::EventPublisher,
    checkpoint::Place,
    consumer::{ConsumerId, ConsumerName, Epoch, InstanceId},
    envelope::{NewEvent, Recorded, RecordedEvent},
    error::{BoxError, Conflict, Duplicate, Error, ErrorKind, Result},
    event::{Event, EventDescriptor},
    event_set::EventSet,
    filter::{EventFilter, EventSelector, NamePattern, TenantFilter},
    id::{CorrelationId, EventId, IdGenerator, Incarnation, LogId, TimeOrderedIds},
    memory::MemoryStore,
    name::{Category, EventName, StateType},
    position::{Log, Position, Token},
    provenance::{Metadata, Provenance, TraceContext},
    slice::{Slice, SliceRange},
    stream::{StreamId, StreamKey, ToStreamKey},
    tenant::TenantId,
    time::{Clock, SystemClock, Timestamp},
    version::{ExpectedVersion, StreamVersion},
};

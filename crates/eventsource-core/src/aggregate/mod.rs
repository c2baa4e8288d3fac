//! States folded from events, and the rules that turn a command into events.
//!
//! Three styles stand on one fold: methods on the state with [`Repository::update`], a [`Decider`] with
//! [`Repository::execute`], and an explicit unit of work with [`Loaded::record`] and [`Repository::save`].

mod commit;
mod committing;
mod decider;
mod decision;
mod folding;
mod keyed_lock;
mod loaded;
mod repository;
mod retry;
mod serialised;
mod snapshots;

pub use self::{
    commit::{Commit, Committed, Publication, UpdateError},
    decider::Decider,
    decision::{IntoDecision, IntoEvents},
    loaded::{At, Historical, Loaded},
    repository::Repository,
    retry::RetryPolicy,
    snapshots::{SnapshotPolicy, SnapshotState, SnapshotStatistics, SnapshotWriting},
};
use crate::Event;

/// A state that is folded from the events of one stream. `Default` is the state before the first event.
///
/// ```
/// use eventsource_core::Aggregate;
/// # use eventsource_core::{codec::CodecTag, Event, EventDescriptor, Result};
/// # pub enum CounterEvent { Raised { by: u64 } }
/// # impl Event for CounterEvent {
/// #     const CATEGORY: &'static str = "Counter";
/// #     const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("Raised", 1)];
/// #     const CODEC: CodecTag = CodecTag::JSON;
/// #     fn descriptor(&self) -> &'static EventDescriptor { &Self::EVENTS[0] }
/// #     fn encode(&self) -> Result<bytes::Bytes> { Ok("".into()) }
/// #     fn decode(_: &str, _: u16, _: &[u8]) -> Result<Self> { Ok(Self::Raised { by: 1 }) }
/// # }
/// #[derive(Debug, Default)]
/// struct Counter {
///     total: u64,
/// }
///
/// impl Aggregate for Counter {
///     type Event = CounterEvent;
///
///     fn apply(&mut self, event: &CounterEvent) {
///         match event {
///             CounterEvent::Raised { by } => self.total += by,
///         }
///     }
/// }
/// ```
pub trait Aggregate: Default + Send + Sync + 'static {
    /// The events of its streams.
    type Event: Event;

    /// Takes an event in. It happened, so this cannot fail, and it must not panic: what must not happen is refused
    /// before it is recorded.
    fn apply(&mut self, event: &Self::Event);
}

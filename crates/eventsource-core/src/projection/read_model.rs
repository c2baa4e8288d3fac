//! Read models in memory.

use crate::{EventSet, Recorded};

/// A view that is folded from events of many streams and kept in memory: the twin of an [`Aggregate`](crate::Aggregate).
///
/// ```
/// use eventsource_core::{Event, Recorded, projection::ReadModel};
/// # fn example<OrderEvent: Event>() {}
///
/// #[derive(Default)]
/// struct EventsByStream<E> {
///     counts: std::collections::BTreeMap<String, u64>,
///     of: std::marker::PhantomData<E>,
/// }
///
/// impl<E: Event> ReadModel for EventsByStream<E> {
///     type Event = E;
///
///     fn apply(&mut self, event: &Recorded<E>) {
///         *self.counts.entry(event.record.stream.to_string()).or_default() += 1;
///     }
/// }
/// ```
pub trait ReadModel: Send + Sync + 'static {
    /// What it is folded from: one event type, or a sum of several.
    type Event: EventSet;

    /// Takes an event in. It happened, so this cannot fail, and it must not panic.
    fn apply(&mut self, event: &Recorded<Self::Event>);
}

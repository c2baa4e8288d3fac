//! What a reader of several streams reads.

use crate::{
    Event, EventFilter, RecordedEvent, Result,
    codec::{Decoded, decode_recorded},
};

/// What a reader reads: one [`Event`] type, or a sum of several.
///
/// Every `Event` is one. A sum is derived (`#[derive(EventSet)]`) or written by hand:
///
/// ```
/// # use eventsource_core::{codec::Decoded, Event, EventFilter, EventSet, RecordedEvent, Result};
/// # fn example<OrderEvent: Event, PaymentEvent: Event>() {}
/// enum Sales<O, P> {
///     Order(O),
///     Payment(P),
/// }
///
/// impl<O: Event, P: Event> EventSet for Sales<O, P> {
///     fn filter() -> Result<EventFilter> {
///         Ok(<O as EventSet>::filter()?.or(<P as EventSet>::filter()?))
///     }
///     fn from_recorded(event: &RecordedEvent) -> Result<Decoded<Self>> {
///         match O::from_recorded(event)? {
///             Decoded::Skipped => Ok(P::from_recorded(event)?.map(Self::Payment)),
///             order => Ok(order.map(Self::Order)),
///         }
///     }
/// }
/// ```
pub trait EventSet: Sized + Send + Sync + 'static {
    /// The events of a log that can be of this type: whole categories, so that an unknown name is noticed.
    ///
    /// # Errors
    /// `InvalidInput` when a category of the type breaks its rules.
    fn filter() -> Result<EventFilter>;

    /// The events of this type that a recorded event holds, upcast when it is old.
    ///
    /// # Errors
    /// `UnknownEvent` for an unknown name or a newer schema version in a category of this type; `Decode` with stream,
    /// version, event id, name and the path to the offending field.
    fn from_recorded(event: &RecordedEvent) -> Result<Decoded<Self>>;
}

impl<E: Event> EventSet for E {
    fn filter() -> Result<EventFilter> {
        EventFilter::all().category(E::CATEGORY)
    }

    fn from_recorded(event: &RecordedEvent) -> Result<Decoded<Self>> {
        decode_recorded(event)
    }
}

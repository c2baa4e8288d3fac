//! What deciding functions may return.

use crate::Event;

/// What becomes events: one, several, perhaps one, or none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event of type `{E}`, nor several of them",
    note = "return the event itself, or a `Vec`, array or `Option` of events, or `()`"
)]
pub trait IntoEvents<E> {
    /// The events in order.
    fn into_events(self) -> Vec<E>;
}

impl<E: Event> IntoEvents<E> for E {
    fn into_events(self) -> Vec<E> {
        vec![self]
    }
}

impl<E: Event> IntoEvents<E> for Vec<E> {
    fn into_events(self) -> Vec<E> {
        self
    }
}

impl<E: Event> IntoEvents<E> for Option<E> {
    fn into_events(self) -> Vec<E> {
        self.into_iter().collect()
    }
}

impl<E: Event, const N: usize> IntoEvents<E> for [E; N] {
    fn into_events(self) -> Vec<E> {
        self.into()
    }
}

impl<E: Event> IntoEvents<E> for () {
    fn into_events(self) -> Vec<E> {
        Vec::new()
    }
}

/// What a deciding function returns: `Ok` of [events](IntoEvents), or the domain's refusal.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a decision over events of type `{E}`",
    note = "return `Result<events, refusal>`, where the refusal is a `std::error::Error`; \
            an infallible decision is `Ok::<_, std::convert::Infallible>(event)`"
)]
pub trait IntoDecision<E> {
    /// Why it may refuse.
    type Refusal: std::error::Error + Send + Sync + 'static;

    /// The events, or the refusal.
    ///
    /// # Errors
    /// The refusal.
    fn into_decision(self) -> Result<Vec<E>, Self::Refusal>;
}

impl<E, T, R> IntoDecision<E> for Result<T, R>
where
    T: IntoEvents<E>,
    R: std::error::Error + Send + Sync + 'static,
{
    type Refusal = R;

    fn into_decision(self) -> Result<Vec<E>, R> {
        self.map(IntoEvents::into_events)
    }
}

//! Handlers without a transaction, as one kind of thing: what decodes an event and takes it in.

use async_trait::async_trait;
use eventsource_core::{
    BoxError, EventFilter, EventSet, Recorded, RecordedEvent, Result,
    projection::{Context, Projection, Reactor},
};

/// Takes one recorded event in.
#[async_trait]
pub(crate) trait Handler: Send + Sync + 'static {
    /// Which events it wants.
    fn filter(&self) -> Result<EventFilter>;

    /// Decodes the event and takes in what it holds.
    async fn handle(&self, record: &RecordedEvent, context: Context<'_>) -> Result<(), BoxError>;
}

/// A [`Projection`] as a handler.
pub(crate) struct Projecting<P>(pub(crate) P);

#[async_trait]
impl<P: Projection> Handler for Projecting<P> {
    fn filter(&self) -> Result<EventFilter> {
        P::Event::filter()
    }

    async fn handle(&self, record: &RecordedEvent, context: Context<'_>) -> Result<(), BoxError> {
        for event in Recorded::<P::Event>::decode(record)? {
            self.0.handle(&event, context).await?;
        }
        Ok(())
    }
}

/// A [`Reactor`] as a handler.
pub(crate) struct Reacting<R>(pub(crate) R);

#[async_trait]
impl<R: Reactor> Handler for Reacting<R> {
    fn filter(&self) -> Result<EventFilter> {
        R::Event::filter()
    }

    async fn handle(&self, record: &RecordedEvent, context: Context<'_>) -> Result<(), BoxError> {
        for event in Recorded::<R::Event>::decode(record)? {
            self.0.react(&event, context).await?;
        }
        Ok(())
    }
}

//! Handlers of a group that see events as types.

use std::{future::Future, marker::PhantomData, sync::Arc};

use async_trait::async_trait;

use super::{Delivery, DeliveryHandler};
use crate::{
    BoxError, ConsumerId, ConsumerName, EventSet, Recorded,
    projection::{Context, Projection, Reactor},
};

/// A closure as a handler. It gets each event of its type; what a delivery holds beside that is passed over, and what
/// cannot be decoded, or is not known, is a failure that no retry mends, so that it is parked at once.
///
/// ```
/// use std::sync::Arc;
/// use eventsource_core::{Event, Recorded, bus::{DeliveryHandler, typed}};
///
/// # fn example<OrderEvent: Event>() -> impl DeliveryHandler {
/// typed(|event: Arc<Recorded<OrderEvent>>| async move {
///     println!("{} is at version {}", event.record.stream, event.record.version);
///     Ok::<(), std::io::Error>(())
/// })
/// # }
/// ```
pub fn typed<E, F, Handling, Failure>(handle: F) -> impl DeliveryHandler
where
    E: EventSet,
    F: Fn(Arc<Recorded<E>>) -> Handling + Send + Sync + 'static,
    Handling: Future<Output = Result<(), Failure>> + Send + 'static,
    Failure: Into<BoxError> + 'static,
{
    Typed { handle, events: PhantomData }
}

struct Typed<E, F> {
    handle: F,
    events: PhantomData<fn(E)>,
}

#[async_trait]
impl<E, F, Handling, Failure> DeliveryHandler for Typed<E, F>
where
    E: EventSet,
    F: Fn(Arc<Recorded<E>>) -> Handling + Send + Sync + 'static,
    Handling: Future<Output = Result<(), Failure>> + Send + 'static,
    Failure: Into<BoxError> + 'static,
{
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        for event in Recorded::decode(&delivery.event)? {
            (self.handle)(Arc::new(event)).await.map_err(Into::into)?;
        }
        Ok(())
    }
}

/// A [`Projection`] as a handler of a group: each event at least once. Inside an
/// [`IdempotentReceiver`](super::IdempotentReceiver) it does not see again what it has applied.
#[derive(Debug)]
pub struct Projecting<P> {
    consumer: ConsumerId,
    projection: P,
}

impl<P: Projection> Projecting<P> {
    /// For this group, whose name its context shows.
    #[must_use]
    pub fn new(group: &ConsumerName, projection: P) -> Self {
        Self { consumer: group.clone().into(), projection }
    }
}

#[async_trait]
impl<P: Projection> DeliveryHandler for Projecting<P> {
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        let context = Context::new(&self.consumer, delivery.log).with_attempt(delivery.attempt);
        for event in Recorded::decode(&delivery.event)? {
            self.projection.handle(&event, context).await?;
        }
        Ok(())
    }
}

/// A [`Reactor`] as a handler of a group: each event at least once.
#[derive(Debug)]
pub struct Reacting<R> {
    consumer: ConsumerId,
    reactor: R,
}

impl<R: Reactor> Reacting<R> {
    /// For this group, whose name its context shows.
    #[must_use]
    pub fn new(group: &ConsumerName, reactor: R) -> Self {
        Self { consumer: group.clone().into(), reactor }
    }
}

#[async_trait]
impl<R: Reactor> DeliveryHandler for Reacting<R> {
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        let context = Context::new(&self.consumer, delivery.log).with_attempt(delivery.attempt);
        for event in Recorded::decode(&delivery.event)? {
            self.reactor.react(&event, context).await?;
        }
        Ok(())
    }
}

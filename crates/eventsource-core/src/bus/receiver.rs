//! A handler that recognises what comes again.

use async_trait::async_trait;
use thiserror::Error;

use super::{Delivery, DeliveryHandler};
use crate::{BoxError, ConsumerName, StreamId, StreamVersion, inbox::Inbox};

/// Around a handler, remembers in an [`Inbox`] which version of each stream the group applied last, and passes over what
/// comes again.
///
/// The step of the inbox is a commit of its own, after the handler's effect: a crash between the two brings the event
/// again. Who must apply each event exactly once writes the effect and the step in one transaction, with the type that the
/// backend has for it.
///
/// ```
/// use std::sync::Arc;
/// use eventsource_core::{ConsumerName, MemoryStore, Result, projection::Projection};
/// use eventsource_core::bus::{EventBus, Gaps, GroupConsumer, GroupOptions, IdempotentReceiver, Projecting};
///
/// # async fn example<Sales: Projection>(bus: &dyn EventBus, database: MemoryStore, sales: Sales) -> Result<Box<dyn GroupConsumer>> {
/// let group = ConsumerName::new("sales")?;
/// let handler = IdempotentReceiver::new(&group, database, Gaps::Refuse, Projecting::new(&group, sales));
/// let options = GroupOptions::default().for_events::<Sales::Event>()?;
/// let consumer = bus.consume(&group, options, Arc::new(handler)).await?;
/// # Ok(consumer)
/// # }
/// ```
#[derive(Debug)]
pub struct IdempotentReceiver<I, H> {
    group: ConsumerName,
    inbox: I,
    gaps: Gaps,
    handler: H,
}

/// What it means that versions between the last applied event of a stream and a delivered one are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// They have not come yet: the delivery fails with [`VersionsMissing`], and is tried again and parked like any other.
    /// For groups that get whole streams from their first event on: the filter leaves out no event of a category, and
    /// the publisher is a relay, because the one attached to a repository sees neither lifecycle records nor what other
    /// programs write.
    Refuse,
    /// They are not meant for this group, or were published before it existed: the delivery is handled. What comes too
    /// late then counts as a repetition, so that the bus has to keep the order, as all of ours do.
    Allow,
}

/// A delivery that came before versions of its stream that should have come earlier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "version {delivered} of stream {stream} came, and the last one applied is {applied}: what lies between has to come \
     first; if it never will, step the inbox over it"
)]
pub struct VersionsMissing {
    /// The stream.
    pub stream: StreamId,
    /// The version applied last.
    pub applied: StreamVersion,
    /// The version that came.
    pub delivered: StreamVersion,
}

/// The inbox was stepped by somebody else while an event was handled.
#[derive(Debug, Error)]
#[error("the inbox of stream {stream} was stepped by another member while version {delivered} was handled")]
struct SteppedAside {
    stream: StreamId,
    delivered: StreamVersion,
}

impl<I: Inbox, H: DeliveryHandler> IdempotentReceiver<I, H> {
    /// For this group.
    #[must_use]
    pub fn new(group: &ConsumerName, inbox: I, gaps: Gaps, handler: H) -> Self {
        Self { group: group.clone(), inbox, gaps, handler }
    }
}

#[async_trait]
impl<I: Inbox, H: DeliveryHandler> DeliveryHandler for IdempotentReceiver<I, H> {
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        let (log, delivered) = (delivery.log, delivery.event.version);
        let stream = delivery.event.stream.clone();
        let applied = self.inbox.applied(&self.group, log, &stream).await?;
        if delivered <= applied {
            return Ok(());
        }
        if self.gaps == Gaps::Refuse && delivered != applied.next() {
            return Err(VersionsMissing { stream, applied, delivered }.into());
        }
        self.handler.handle(delivery).await?;
        if self.inbox.step(&self.group, log, &stream, applied, delivered).await? {
            return Ok(());
        }
        // Only a member that the bus gave up for dead can have been there; the next attempt sees how far it went.
        Err(SteppedAside { stream, delivered }.into())
    }
}

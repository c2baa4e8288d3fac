//! The target of handlers without a transaction.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, Epoch, Error, ErrorKind, EventFilter, LogId, Place, Result,
    checkpoint::CheckpointStore,
    dead_letter::DeadLetterStore,
    failure::attempt,
    projection::{Applied, Batch, Context, Target},
};

use crate::{handler::Handler, letters::settle_letters};

/// Hands events to a handler one by one, and keeps letters. The checkpoint is the lane's to write, afterwards, so that no
/// event is lost.
pub(crate) struct Plain<H> {
    pub(crate) handler: H,
    pub(crate) filter: EventFilter,
    pub(crate) checkpoints: Arc<dyn CheckpointStore>,
    pub(crate) letters: Arc<dyn DeadLetterStore>,
    pub(crate) timeout: Duration,
}

#[async_trait]
impl<H: Handler> Target for Plain<H> {
    fn filter(&self) -> EventFilter {
        self.filter.clone()
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        let context = Context::new(&batch.segment.consumer, batch.segment.log).with_attempt(batch.attempt);
        for (index, event) in batch.events.iter().enumerate() {
            if let Err(cause) = attempt(self.handler.handle(event, context), self.timeout).await {
                if let Some(place) = batch.place_after(index) {
                    settle_letters(&*self.letters, batch, place).await?;
                }
                return Ok(Applied::Failed { done: index, index, cause });
            }
        }
        settle_letters(&*self.letters, batch, batch.to).await?;
        Ok(Applied::All)
    }

    async fn reset(&self, consumer: &ConsumerId, _: LogId, _: Epoch, _: Place) -> Result<bool> {
        let message = format!(
            "what {consumer} wrote lies in a system of its own, which this library cannot empty: empty it, then rewind \
             the subscription to the start"
        );
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<()> {
        self.letters.remove_letters(consumer).await?;
        self.checkpoints.remove(consumer).await?;
        Ok(())
    }
}

//! Read models in memory, that follow the log.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, Epoch, Error, ErrorKind, EventFilter, LogId, MemoryStore, Place, Recorded, Result,
    checkpoint::{CheckpointStore, SegmentChange},
    dead_letter::DeadLetterStore,
    failure::HandlerPanicked,
    projection::{Applied, Batch, ReadModel, Target},
};

use crate::letters::settle_letters;

/// A read model that a subscription keeps up to date. A handle: clones show the same model.
///
/// Each process has its own, folded from the beginning at each start.
#[derive(Debug)]
pub struct Live<M>(Arc<RwLock<M>>);

impl<M> Live<M> {
    pub(crate) fn new(model: M) -> Self {
        Self(Arc::new(RwLock::new(model)))
    }

    /// Looks at the model. Events wait meanwhile, so look briefly; it shows whole batches, never a part of one.
    pub fn read<T>(&self, look: impl FnOnce(&M) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<M> Clone for Live<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Folds batches into a model. Its checkpoint is the model itself.
pub(crate) struct Folding<M> {
    pub(crate) model: Live<M>,
    pub(crate) filter: EventFilter,
    /// What the model was before the first event.
    pub(crate) initial: M,
    /// Where its letters lie, as long as it lives.
    pub(crate) state: MemoryStore,
}

#[async_trait]
impl<M: ReadModel + Clone> Target for Folding<M> {
    fn filter(&self) -> EventFilter {
        self.filter.clone()
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        // All are decoded before any is folded, so that one that cannot be decoded leaves the model as it is.
        let mut events = Vec::with_capacity(batch.events.len());
        for (index, record) in batch.events.iter().enumerate() {
            match Recorded::<M::Event>::decode(record) {
                Ok(decoded) => events.extend(decoded),
                Err(error) => return Ok(Applied::Failed { done: 0, index, cause: error.into() }),
            }
        }
        settle_letters(&self.state, batch, batch.to).await?;
        let mut model = self.model.0.write().unwrap_or_else(PoisonError::into_inner);
        let folded = catch_unwind(AssertUnwindSafe(|| events.iter().for_each(|event| model.apply(event))));
        // Half a batch may be folded, so that there is no going on from here.
        folded.map_err(|panic| {
            let said = HandlerPanicked::said_by(&*panic);
            Error::new(ErrorKind::Panicked, "the read model panicked").with_source(said)
        })?;
        Ok(Applied::All)
    }

    async fn reset(&self, consumer: &ConsumerId, log: LogId, epoch: Epoch, to: Place) -> Result<bool> {
        *self.model.0.write().unwrap_or_else(PoisonError::into_inner) = self.initial.clone();
        self.state.remove_letters(consumer).await?;
        for segment in self.state.segments(consumer, log).await? {
            CheckpointStore::change(&self.state, &segment.key, epoch, SegmentChange::Rewind { to }).await?;
        }
        Ok(true)
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<()> {
        self.state.remove_letters(consumer).await?;
        self.state.remove(consumer).await?;
        Ok(())
    }
}

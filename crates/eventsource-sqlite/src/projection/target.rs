//! A projection as what a subscription hands its batches to.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, Epoch, EventFilter, LogId, Place, Result,
    backend::{SegmentDecision, change_segment, check_segment_change},
    checkpoint::SegmentChange,
    lifecycle::STREAM_ERASED,
    projection::{Applied, Batch, Context, Target},
};
use rusqlite::Transaction;

use super::{
    Handler,
    handler::FailedEvent,
    tables::{drop_all, prepare, recreate},
};
use crate::{
    checkpoint,
    connection::WriteConnection,
    database::Database,
    dead_letter,
    error::{Failure, Outcome, database_failure},
};

/// A projection in its database, as what a subscription hands its batches to.
///
/// Each batch is one visit to the thread that writes and one transaction: the segment is compared, the events are handled, the
/// letters parked and removed, the segment stepped. Other writers of the same file wait meanwhile, so that a batch is cut when
/// its [time](Self::with_batch_time) is up.
///
/// Letters of a stream are blanked in the transaction that takes in its `stream.erased`, wherever the events lie.
#[derive(Clone)]
pub struct SqliteTarget {
    database: Arc<Database>,
    filter: EventFilter,
    handler: Arc<dyn Handler>,
    batch_time: Duration,
}

impl SqliteTarget {
    pub(crate) fn new(database: Arc<Database>, filter: EventFilter, handler: impl Handler) -> Self {
        Self { database, filter, handler: Arc::new(handler), batch_time: Duration::from_millis(50) }
    }

    /// Taking no more events into a transaction once it has lasted so long; 50 ms at first. One event is always taken.
    #[must_use]
    pub fn with_batch_time(mut self, time: Duration) -> Self {
        self.batch_time = time;
        self
    }

    /// Makes the tables of a version now, so that they can be read before the first event came.
    ///
    /// # Errors
    /// `Unsupported` when the projection cannot make them; failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; call it again.
    pub async fn prepare(&self, consumer: &ConsumerId) -> Result<()> {
        let (handler, consumer) = (self.handler.clone(), consumer.clone());
        let prepared = self.database.write("prepare projection", move |writer| {
            let transaction = writer.begin()?;
            prepare(&transaction, &*handler, &consumer)?;
            transaction.commit().map_err(Failure::Commit)
        });
        prepared.await
    }
}

#[async_trait]
impl Target for SqliteTarget {
    fn filter(&self) -> EventFilter {
        self.filter.clone()
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        let step = SegmentChange::Step { from: batch.from, to: batch.to };
        check_segment_change(&batch.segment, &step).map_err(|e| e.with_operation("apply batch"))?;
        let (target, batch) = (self.clone(), batch.clone());
        self.database.write("apply batch", move |writer| target.apply_in(writer, &batch)).await
    }

    async fn reset(&self, consumer: &ConsumerId, log: LogId, epoch: Epoch, to: Place) -> Result<bool> {
        let (handler, consumer) = (self.handler.clone(), consumer.clone());
        let reset = self.database.write("reset projection", move |writer| {
            let transaction = writer.begin()?;
            for segment in checkpoint::segments(&transaction, &consumer, log)? {
                match change_segment(&segment, None, epoch, &SegmentChange::Rewind { to }) {
                    SegmentDecision::Changed { segment, .. } => checkpoint::put(&transaction, &segment)?,
                    SegmentDecision::Refused(_) => return Ok(false),
                }
            }
            recreate(&transaction, &*handler, &consumer)?;
            dead_letter::remove(&transaction, &consumer)?;
            transaction.commit().map_err(Failure::Commit)?;
            Ok(true)
        });
        reset.await
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<()> {
        let consumer = consumer.clone();
        let removed = self.database.write("remove projection", move |writer| {
            writer.transaction(|connection| {
                drop_all(connection, &consumer)?;
                dead_letter::remove(connection, &consumer)?;
                checkpoint::remove(connection, &consumer)?;
                Ok(())
            })
        });
        removed.await
    }
}

impl SqliteTarget {
    /// Takes a batch in. Whatever is not committed here is rolled back when the transaction is dropped.
    fn apply_in(&self, writer: &WriteConnection, batch: &Batch) -> Outcome<Applied> {
        let transaction = writer.begin()?;
        let Some(segment) = checkpoint::find(&transaction, &batch.segment)? else {
            return Ok(Applied::Fenced);
        };
        let step =
            |to| change_segment(&segment, None, batch.epoch, &SegmentChange::Step { from: batch.from, to });
        // Compared before anything is handled, and true until the commit: nobody else can write meanwhile.
        if let SegmentDecision::Refused(_) = step(batch.to) {
            return Ok(Applied::Fenced);
        }
        prepare(&transaction, &*self.handler, &batch.segment.consumer)?;
        let context = Context::new(&batch.segment.consumer, batch.segment.log).with_attempt(batch.attempt);
        let done = match self.handler.handle(&transaction, &batch.events, context, self.batch_time) {
            Ok(done) => done,
            Err(FailedEvent { index, cause }) => {
                return match database_failure(&*cause) {
                    Some(failure) => Err(failure),
                    None => Ok(Applied::Failed { done: 0, index, cause }),
                };
            }
        };
        let Some(to) = batch.place_after(done) else { return Ok(Applied::Part { done }) };
        let erased = self.settle_letters(&transaction, batch, done, to)?;
        if let SegmentDecision::Changed { segment, .. } = step(to) {
            checkpoint::put(&transaction, &segment)?;
        }
        transaction.commit().map_err(Failure::Commit)?;
        if erased {
            writer.forget_write_ahead_log();
        }
        Ok(if done == batch.events.len() { Applied::All } else { Applied::Part { done } })
    }

    /// Parks, removes and blanks the letters that belong to the way up to a place. Whether any were blanked.
    fn settle_letters(
        &self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        done: usize,
        to: Place,
    ) -> Outcome<bool> {
        let (consumer, log) = (&batch.segment.consumer, batch.segment.log);
        let letters = batch.letters_up_to(to);
        dead_letter::park(transaction, letters, batch.parking, self.database.holds_events())?;
        if done == batch.events.len() {
            for event in &batch.released {
                dead_letter::delete(transaction, consumer, log, *event)?;
            }
        }
        let mut erased = 0;
        let handled = batch.events.iter().take(done).map(|event| &**event);
        let passed = handled.chain(batch.letters_up_to(to).map(|letter| &letter.event));
        for event in passed.filter(|event| event.name == *STREAM_ERASED) {
            erased += dead_letter::erase(transaction, log, &event.stream)?;
        }
        Ok(erased > 0)
    }
}

impl fmt::Debug for SqliteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTarget")
            .field("database", &self.database.name())
            .field("filter", &self.filter)
            .field("batch_time", &self.batch_time)
            .finish_non_exhaustive()
    }
}

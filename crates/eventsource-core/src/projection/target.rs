//! What a subscription hands its batches to.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    BoxError, Epoch, EventFilter, Place, Position, RecordedEvent, Result, checkpoint::SegmentKey,
    dead_letter::DeadLetter,
};

/// Events for one segment, with the step that they mean for its checkpoint.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The segment.
    pub segment: SegmentKey,
    /// Where it is.
    pub from: Position,
    /// Where it goes: at or behind the last event, because what the filter refuses is passed over.
    pub to: Place,
    /// Under which epoch the runner acts.
    pub epoch: Epoch,
    /// The events, by position; none when all that lies in between is passed over or parked.
    pub events: Vec<Arc<RecordedEvent>>,
    /// What is parked together with the step.
    pub letters: Vec<DeadLetter>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Applied {
    /// Everything is done: events, letters and step.
    All,
    /// An event failed, and nothing is done. The runner waits, then sends those before it as one batch, and it alone.
    FailedAt {
        /// Which of the batch.
        index: usize,
        /// Why.
        cause: BoxError,
    },
    /// The segment is not where the batch believed, or obeys a newer epoch; nothing is done, and the runner has to stop.
    Fenced,
}

/// Handles batches for a subscription, and owns the transaction, if there is one.
#[async_trait]
pub trait Target: Send + Sync + 'static {
    /// Which events it wants.
    fn filter(&self) -> EventFilter;

    /// Handles the events in order, and steps the segment.
    ///
    /// # Atomicity
    /// Of a target with a transaction: events, letters and step are one commit, guarded by the position and the epoch
    /// of the batch. Of one without: the events are handled before the step, so that they come again when it fails.
    ///
    /// # Errors
    /// Failures of the database or system that it writes to. That an event failed is an answer.
    ///
    /// # Cancel safety
    /// With a transaction a dropped call happened whole or not at all; without, any of the events may have been handled.
    async fn apply(&self, batch: &Batch) -> Result<Applied>;
}

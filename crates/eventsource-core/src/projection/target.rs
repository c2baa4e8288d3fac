//! What a subscription hands its batches to.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    BoxError, ConsumerId, Epoch, EventFilter, EventId, LogId, Place, Position, RecordedEvent, Result,
    checkpoint::SegmentKey,
    dead_letter::{DeadLetter, ParkingLimits},
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
    /// What is parked together with the step; a letter that is parked already stays as it is.
    pub letters: Vec<DeadLetter>,
    /// How much may be parked.
    pub parking: ParkingLimits,
    /// The events whose letters are removed together with the step, because this batch handles them.
    pub released: Vec<EventId>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

impl Batch {
    /// Where the segment goes when the first `done` events are done: right behind the last of them, and all the way when it
    /// was the last of the batch. `None` when that is nowhere.
    #[must_use]
    pub fn place_after(&self, done: usize) -> Option<Place> {
        if done == self.events.len() {
            return Some(self.to);
        }
        let last = self.events.get(done.checked_sub(1)?)?;
        Some(Place { incarnation: self.to.incarnation, position: last.position, event: Some(last.id) })
    }

    /// The letters that belong to the way up to a place.
    pub fn letters_up_to(&self, place: Place) -> impl Iterator<Item = &DeadLetter> {
        self.letters.iter().filter(move |letter| letter.event.position <= place.position)
    }
}

/// What became of a batch.
#[derive(Debug)]
pub enum Applied {
    /// Everything is done: events, letters and step.
    All,
    /// The time for one batch was up: the first events are done, with the step to the last of them and the letters up to
    /// there. The runner sends the rest.
    Part {
        /// How many events are done, 1 at least.
        done: usize,
    },
    /// An event failed. A target with a transaction has rolled everything back and has done none; the runner waits, then
    /// sends those before the failed one as one batch, and it alone.
    Failed {
        /// How many events are done all the same, with the step to the last of them.
        done: usize,
        /// Which failed, at or behind `done`.
        index: usize,
        /// Why.
        cause: BoxError,
    },
    /// The segment is not where the batch believed, or obeys a newer epoch. Nothing is done, and the runner has to stop.
    Fenced,
}

/// Handles batches for a subscription, and owns the transaction, if there is one.
#[async_trait]
pub trait Target: Send + Sync + 'static {
    /// Which events it wants.
    fn filter(&self) -> EventFilter;

    /// Handles the events in order. A target with a transaction also steps the segment in it; for one without, the runner
    /// does so afterwards.
    ///
    /// # Atomicity
    /// Of a target with a transaction: events, letters and step are one commit, guarded by the position and the epoch
    /// of the batch. Of one without: the events are handled before the step, so that they come again when it fails.
    ///
    /// # Errors
    /// `ParkingFull` when there is no room for the letters; failures of the database or system that it writes to. That an
    /// event failed is an answer.
    ///
    /// # Cancel safety
    /// With a transaction a dropped call happened whole or not at all; without, any of the events may have been handled.
    async fn apply(&self, batch: &Batch) -> Result<Applied>;

    /// Empties the read model of a version of a consumer, removes its letters, and puts its checkpoint of this log to a
    /// place, from which it is filled anew. Whether that was done: not when a segment obeys a newer epoch.
    ///
    /// # Atomicity
    /// Of a target with a transaction one commit. Of one without, in this order.
    ///
    /// # Errors
    /// `Unsupported` when the target cannot empty its read model; failures of the database or system that it writes to.
    ///
    /// # Cancel safety
    /// Call it again.
    async fn reset(&self, consumer: &ConsumerId, log: LogId, epoch: Epoch, to: Place) -> Result<bool>;

    /// Removes the read model of a version that nobody runs any more, its letters, and its checkpoint.
    ///
    /// # Atomicity
    /// Of a target with a transaction one commit. Of one without, in this order.
    ///
    /// # Errors
    /// Failures of the database or system that it writes to.
    ///
    /// # Cancel safety
    /// Call it again.
    async fn remove(&self, consumer: &ConsumerId) -> Result<()>;
}

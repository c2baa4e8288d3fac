//! What turns events into read models, and what acts on them.
//!
//! - A [`ReadModel`] folds events in memory, as an aggregate does.
//! - A [`Projection`] writes somewhere by itself, each event at least once.
//! - A projection that writes in a transaction with its checkpoint is the backend's own kind, each event exactly once.
//! - A [`Reactor`] acts on the outside world, and is never replayed.
//!
//! A runner of subscriptions hands events in batches to a [`Target`], which knows what of these it stands for.

mod read_model;
mod table_suffix;
mod target;

use std::future::Future;

pub use self::{
    read_model::ReadModel,
    table_suffix::TableSuffix,
    target::{Applied, Batch, Target},
};
use crate::{ConsumerId, EventSet, LogId, Recorded};

/// What a handler may want to know beside the event.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a> {
    /// Which version of which consumer it runs for.
    pub consumer: &'a ConsumerId,
    /// The log that the event belongs to.
    pub log: LogId,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

impl<'a> Context<'a> {
    /// The context of a first attempt.
    #[must_use]
    pub fn new(consumer: &'a ConsumerId, log: LogId) -> Self {
        Self { consumer, log, attempt: 1 }
    }

    /// What to append to the names of tables, so that versions of the consumer have tables of their own.
    #[must_use]
    pub fn suffix(&self) -> TableSuffix {
        TableSuffix::new(self.consumer.version)
    }

    /// Of this attempt.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }
}

/// Turns events into a read model that it writes by itself, in any system.
///
/// Each event comes at least once: again after a crash between the write and the checkpoint. It may be replayed from the
/// beginning, so it has no effects outside its read model; what has them is a [`Reactor`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a projection",
    note = "implement `Projection` for it"
)]
pub trait Projection: Send + Sync + 'static {
    /// What it reads: one event type, or a sum of several.
    type Event: EventSet;
    /// Why it may fail.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Takes one event in.
    ///
    /// # Ordering
    /// Events of one stream come one after the other; streams in different lanes come at the same time.
    ///
    /// # Errors
    /// Whatever went wrong; the consumer's policy decides what then happens.
    ///
    /// # Cancel safety
    /// Dropped when its time is up or the process ends; the event then comes again.
    fn handle(
        &self,
        event: &Recorded<Self::Event>,
        context: Context<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Acts on the outside world: sends mail, calls other systems, gives commands.
///
/// A type of its own, so that no rebuild ever replays it. Without a checkpoint it begins at the end of the log. Each event comes
/// at least once.
pub trait Reactor: Send + Sync + 'static {
    /// What it reacts to: one event type, or a sum of several.
    type Event: EventSet;
    /// Why it may fail.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Reacts to one event. [`Provenance::caused_by`](crate::Provenance::caused_by) is what its commands hand on.
    ///
    /// # Ordering
    /// Events of one stream come one after the other; streams in different lanes come at the same time.
    ///
    /// # Errors
    /// Whatever went wrong; the consumer's policy decides what then happens.
    ///
    /// # Cancel safety
    /// Dropped when its time is up or the process ends; the event then comes again.
    fn react(
        &self,
        event: &Recorded<Self::Event>,
        context: Context<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

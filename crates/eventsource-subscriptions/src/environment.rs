//! What every part of one subscription needs.

use std::sync::Arc;

use eventsource_core::{
    Clock, ConsumerId, Error, Position, checkpoint::CheckpointStore, dead_letter::DeadLetterStore,
    projection::Target, status::ConsumerState, store::EventFeed,
};

use crate::{lease::LeaseWatch, notice::Notice, options::SubscriptionOptions, progress::Progress};

/// What every part of one subscription needs.
pub(crate) struct Environment {
    pub(crate) consumer: ConsumerId,
    pub(crate) options: SubscriptionOptions,
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) checkpoints: Arc<dyn CheckpointStore>,
    pub(crate) letters: Arc<dyn DeadLetterStore>,
    /// Where its checkpoint lies, in words.
    pub(crate) label: &'static str,
    /// Whether the target writes the checkpoint, in the transaction of its effects; else the lanes do.
    pub(crate) target_steps: bool,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who may run it, where several processes share it.
    pub(crate) lease: Option<LeaseWatch>,
    pub(crate) progress: Progress,
}

impl Environment {
    /// Goes into another state, and tells so.
    pub(crate) fn enter(&self, state: ConsumerState, reason: Option<String>, error: Option<Error>) {
        if self.progress.enter(state, reason.clone(), error) {
            self.tell_state(state, reason);
        }
    }

    /// A lane has done everything up to a position.
    pub(crate) fn reach(&self, lane: usize, done: Position) {
        if self.progress.reach(lane, done) {
            self.tell_state(ConsumerState::Live, None);
        }
    }

    /// Everything up to a position is read, and nothing more is there; or there is more.
    pub(crate) fn read_up_to(&self, position: Position, at_head: bool) {
        match self.progress.read_up_to(position, at_head) {
            None => {}
            Some(state) => self.tell_state(state, None),
        }
    }

    /// Tells the observer.
    pub(crate) fn tell(&self, notice: &Notice) {
        if let Some(observer) = &self.options.observer {
            observer(notice);
        }
    }

    fn tell_state(&self, state: ConsumerState, reason: Option<String>) {
        tracing::info!(consumer = %self.consumer, state = state.as_str(), reason, "subscription");
        self.tell(&Notice::State { consumer: self.consumer.clone(), state, reason });
    }
}

//! The turn of a stream.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::Instant};

use super::{
    Shared,
    group::{Found, Group, StreamOf},
};
use crate::{ConsumerName, RecordedEvent};

/// The right to handle the events of a stream for a group, which one holder at a time has. It goes back when it is
/// dropped, whatever became of its holder.
pub(super) struct Turn {
    shared: Arc<Shared>,
    group: ConsumerName,
    /// The group's own: another group of the same name has another.
    changed: Arc<Notify>,
    stream: StreamOf,
    not_before: Option<Instant>,
}

impl Turn {
    /// Waits for the turn of any stream with events; `None` when the bus is closed.
    ///
    /// # Cancel safety
    /// A dropped call has no turn.
    pub(super) async fn next(shared: &Arc<Shared>, group: &ConsumerName) -> Option<Self> {
        Self::until(shared, group, |group| group.take_turn(Instant::now())).await
    }

    /// Waits for the turn of this stream; `None` when the bus is closed.
    ///
    /// # Cancel safety
    /// A dropped call has no turn.
    pub(super) async fn of(shared: &Arc<Shared>, group: &ConsumerName, stream: &StreamOf) -> Option<Self> {
        Self::until(shared, group, |group| group.take_turn_of(stream)).await
    }

    /// Waits until a look at the group finds a turn. It looks now, and whenever a turn may be free.
    async fn until(
        shared: &Arc<Shared>,
        name: &ConsumerName,
        mut look: impl FnMut(&mut Group) -> Found,
    ) -> Option<Self> {
        let changed = shared.state().groups.get(name)?.changed.clone();
        loop {
            let mut changes = std::pin::pin!(changed.notified());
            // Registered before the look, so that a change in between is not missed.
            changes.as_mut().enable();
            let found = {
                let mut state = shared.state();
                let is_open = !state.closed;
                state.groups.get_mut(name).filter(|_| is_open).map(&mut look)
            };
            match found? {
                Found::Turn(stream) => {
                    let (shared, group, changed) = (shared.clone(), name.clone(), changed.clone());
                    return Some(Self { shared, group, changed, stream, not_before: None });
                }
                Found::None(None) => changes.await,
                // Either is a reason to look again.
                Found::None(Some(at)) => drop(tokio::time::timeout_at(at, changes).await),
            }
        }
    }

    pub(super) fn stream(&self) -> &StreamOf {
        &self.stream
    }

    /// The first event, and which attempt begins with it.
    pub(super) fn begin_attempt(&self) -> Option<(Arc<RecordedEvent>, u32)> {
        self.with_group(|group| group.begin_attempt(&self.stream)).flatten()
    }

    /// The first event is done.
    pub(super) fn finish(self) {
        let has_room_again = self.with_group(|group| {
            let was_full = group.backlog.is_full(self.shared.options.backlog);
            group.finish(&self.stream);
            was_full && !group.backlog.is_full(self.shared.options.backlog)
        });
        if has_room_again == Some(true) {
            self.shared.changed.notify_waiters();
        }
    }

    /// The first event is tried again, after this time.
    pub(super) fn delay(mut self, delay: Duration) {
        self.not_before = Some(Instant::now() + delay);
    }

    /// Does something with the group; `None` when it is gone.
    pub(super) fn with_group<T>(&self, f: impl FnOnce(&mut Group) -> T) -> Option<T> {
        let mut state = self.shared.state();
        let group = state.groups.get_mut(&self.group);
        group.filter(|group| Arc::ptr_eq(&group.changed, &self.changed)).map(f)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.with_group(|group| group.give_back(&self.stream, self.not_before));
    }
}

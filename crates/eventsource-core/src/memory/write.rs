//! The one road of every write: check, draw positions, perhaps be held, commit.

use std::{collections::HashSet, sync::Arc};

use super::{MemoryStore, script::Hold, state::State};
use crate::{EventId, Position, RecordedEvent, Result, StreamId, Timestamp};

/// Something that writes events: an append, a change in a stream's life, an import.
pub(super) trait Write: Send + Sync {
    type Outcome: Send;

    /// What nobody else may write or check before this write has ended.
    fn locks(&self) -> Locks;

    /// Checks the write against what is committed, and draws its positions.
    fn draw(self, state: &mut State, now: Timestamp) -> Result<Drawn<Self::Outcome>>;
}

/// A write that only has to be committed.
pub(super) struct Drawn<T> {
    /// The events, by position; none when everything is recorded already.
    pub(super) events: Vec<RecordedEvent>,
    /// What the caller is told after the commit.
    pub(super) outcome: T,
}

/// A write that is drawn, and locked against others.
struct Begun<T> {
    drawn: Drawn<T>,
    /// What it has to wait for before it commits.
    hold: Option<Arc<Hold>>,
}

/// The streams of a write, as locked rows, and its event ids, as entries of a unique index.
#[derive(Default)]
pub(super) struct Locks {
    pub(super) streams: HashSet<StreamId>,
    pub(super) ids: HashSet<EventId>,
}

impl Locks {
    fn overlap(&self, other: &Self) -> bool {
        !self.streams.is_disjoint(&other.streams) || !self.ids.is_disjoint(&other.ids)
    }
}

/// A write that takes more than one step, as others see it.
#[derive(Default)]
pub(super) struct InFlight {
    /// Nothing while it waits for others.
    locks: Locks,
    lowest_position: Option<Position>,
}

impl InFlight {
    /// The lowest position it has drawn: the feed stays below.
    pub(super) fn lowest_position(&self) -> Option<Position> {
        self.lowest_position
    }
}

impl MemoryStore {
    /// Writes, in one step unless a test holds this write or one before it.
    ///
    /// # Cancel safety
    /// A write that is dropped while it waits or is held has not happened; the positions it had drawn stay a hole.
    pub(super) async fn write<W: Write>(&self, operation: &'static str, write: W) -> Result<W::Outcome> {
        let flight = {
            let mut state = self.open(operation)?;
            if state.in_flight.is_empty() && state.holds.is_empty() {
                let drawn = write.draw(&mut state, self.now());
                let Drawn { events, outcome } = drawn.map_err(|e| e.with_operation(operation))?;
                events.into_iter().for_each(|event| state.commit(event));
                let head = state.head();
                drop(state);
                self.shared.waker.announce(head);
                return Ok(outcome);
            }
            Flight::enter(self, &mut state)
        };
        self.write_in_steps(flight, write).await.map_err(|e| e.with_operation(operation))
    }

    async fn write_in_steps<W: Write>(&self, flight: Flight<'_>, write: W) -> Result<W::Outcome> {
        let mut locks = Some(write.locks());
        let mut write = Some(write);
        // Found free, locked and drawn under one lock of the state, so that no other write comes in between.
        let begun = self.until(|state| {
            let is_free = |locks: &Locks| !state.in_flight.values().any(|f| f.locks.overlap(locks));
            let locks = locks.take_if(|locks| is_free(locks))?;
            Some(self.begin(state, flight.number, locks, write.take()?))
        });
        let Begun { drawn, hold } = begun.await?;
        if let Some(hold) = hold {
            hold.released().await;
        }
        let mut state = self.state();
        drawn.events.into_iter().for_each(|event| state.commit(event));
        drop(state);
        drop(flight);
        Ok(drawn.outcome)
    }

    /// Locks, draws, and tells whether the write is held. One that has nothing to write is not.
    fn begin<W: Write>(
        &self,
        state: &mut State,
        number: u64,
        locks: Locks,
        write: W,
    ) -> Result<Begun<W::Outcome>> {
        let drawn = write.draw(state, self.now())?;
        let Some(first) = drawn.events.first() else { return Ok(Begun { drawn, hold: None }) };
        state.in_flight.insert(number, InFlight { locks, lowest_position: Some(first.position) });
        let hold = state.holds.pop_front();
        if let Some(hold) = &hold {
            hold.reach();
        }
        Ok(Begun { drawn, hold })
    }
}

/// The entry of a write among those in flight. Dropping it, committed or not, frees what the write had locked.
struct Flight<'a> {
    store: &'a MemoryStore,
    number: u64,
}

impl<'a> Flight<'a> {
    fn enter(store: &'a MemoryStore, state: &mut State) -> Self {
        state.last_flight += 1;
        state.in_flight.insert(state.last_flight, InFlight::default());
        Self { store, number: state.last_flight }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut state = self.store.state();
        state.in_flight.remove(&self.number);
        let head = state.head();
        drop(state);
        self.store.shared.ended.notify_waiters();
        self.store.shared.waker.announce(head);
    }
}

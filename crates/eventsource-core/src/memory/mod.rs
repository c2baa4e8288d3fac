//! The store in memory: the readable reference of every port of a store, and a test instrument.
//!
//! A write checks what is committed, draws its positions, and commits. Usually that is one step. A test can
//! hold a write between drawing and committing ([`MemoryStore::hold_next_append`]), and then sees what readers of a
//! database see while positions are committed in another order than they were drawn; and it can take an older copy of
//! the log ([`MemoryStore::restored_to`]), and sees what a restored backup does to readers.

mod adoption;
mod append;
mod bus;
mod checkpoint;
mod dead_letter;
mod feed;
mod import;
mod inbox;
mod lease;
mod listing;
mod lookup;
mod options;
mod read;
mod removal;
mod request;
mod script;
mod snapshot;
mod state;
mod status;
mod write;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::Notify;

use self::state::State;
pub use self::{
    bus::{MemoryBus, MemoryBusOptions},
    options::MemoryOptions,
    script::HeldAppend,
};
use crate::{
    Error, Incarnation, Log, LogId, Position, Result, Timestamp,
    backend::{Waker, wake_ups},
    store::{Close, WakeUps},
};

/// A store in memory. A handle: clones share the same log.
///
/// ```
/// # async fn example() -> eventsource_core::Result<()> {
/// use eventsource_core::{EventId, ExpectedVersion, MemoryStore, NewEvent, StreamId};
/// use eventsource_core::store::{Append, EventStore};
///
/// let store = MemoryStore::new();
/// let event = NewEvent::new(EventId::generate(), "OrderPlaced", r#"{"total":100}"#)?;
/// let appended =
///     store.append(Append::new(StreamId::new("Order", "1")?, ExpectedVersion::NoStream, vec![event])).await?;
/// assert_eq!(appended.streams[0].last.get(), 1);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    options: MemoryOptions,
    /// Told whenever a write ends, for those that wait for its streams or for its end.
    ended: Notify,
    /// The store's end of the hints that the log has grown.
    waker: Waker,
    wake_ups: WakeUps,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_options(MemoryOptions::default())
    }

    /// An empty store with its own clock, ids or limits.
    #[must_use]
    pub fn with_options(options: MemoryOptions) -> Self {
        let log = Log { id: LogId::generate(), incarnation: Incarnation::generate() };
        Self::from_state(State::new(log), options)
    }

    /// A copy of the log up to a position, inclusively, as the restore of an older backup gives it: the same log
    /// id and incarnation, and positions that are drawn again. Nothing but the log is copied.
    #[must_use]
    pub fn restored_to(&self, position: Position) -> Self {
        Self::from_state(self.state().copy_to(position), self.shared.options.clone())
    }

    /// The log that this store writes and its feed reads.
    #[must_use]
    pub fn log(&self) -> Log {
        self.state().log
    }

    fn from_state(state: State, options: MemoryOptions) -> Self {
        let (waker, wake_ups) = wake_ups();
        let shared = Shared { state: Mutex::new(state), options, ended: Notify::new(), waker, wake_ups };
        Self { shared: Arc::new(shared) }
    }

    fn now(&self) -> Timestamp {
        self.shared.options.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only a clock or an id generator of the caller can panic under the lock, and both are asked before
        // anything is changed.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for an operation that a closed store refuses.
    fn open(&self, operation: &'static str) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.closed {
            return Err(Error::closed("the memory store").with_operation(operation));
        }
        Ok(state)
    }

    /// Waits until a look at the state gives something. It looks now, and whenever a write has ended.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut ended = std::pin::pin!(self.shared.ended.notified());
            // Registered before the look, so that an end in between is not missed.
            ended.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            ended.await;
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let mut debug = f.debug_struct("MemoryStore");
        debug.field("log", &state.log.id).field("head", &state.head()).field("closed", &state.closed);
        debug.finish_non_exhaustive()
    }
}

#[async_trait]
impl Close for MemoryStore {
    /// Waits for held appends, too: somebody has to release or drop them.
    async fn close(&self) -> Result<()> {
        self.state().closed = true;
        self.until(|state| state.in_flight.is_empty().then_some(())).await;
        // Whoever waits for a hint looks now, and finds the store closed.
        self.shared.waker.wake_all();
        Ok(())
    }
}

//! A store that fails when a test wants it to.

mod ports;
mod script;

use std::{fmt, iter::repeat_n, sync::Arc};

use eventsource_core::{Error, ErrorKind, Result};

pub use self::script::HeldCall;
use self::script::{Gate, Moment, Script, Step};

/// Wraps any store, and by script lets calls fail before they happen, or after the commit, or wait until the test releases
/// them. It is every port of the write side that the wrapped store is. A handle: clones share the script.
///
/// A call takes the oldest entry of the script that names its operation, and one only; calls without an entry go through.
///
/// ```
/// # async fn example() -> eventsource_core::Result<()> {
/// use eventsource_core::{MemoryStore, StreamId, ExpectedVersion, store::{Append, EventStore}};
/// use eventsource_testing::{EventBuilder, Fault, FaultStore, Operation};
///
/// let store = FaultStore::new(MemoryStore::new());
/// let stream = StreamId::new("Order", "1")?;
/// let placed = EventBuilder::named("OrderPlaced").new_event();
/// let append = Append::new(stream.clone(), ExpectedVersion::NoStream, vec![placed]);
///
/// store.fail_next(Operation::Append, Fault::before());
/// let error = store.append(append.clone()).await.unwrap_err();
/// assert!(!error.is_outcome_unknown() && !store.stream(&stream).await?.exists());
///
/// store.fail_next(Operation::Append, Fault::after().transient());
/// let error = store.append(append.clone()).await.unwrap_err();
/// assert!(error.is_outcome_unknown() && error.is_transient() && store.stream(&stream).await?.exists());
///
/// assert!(store.append(append).await?.deduplicated);
/// assert_eq!(store.calls(Operation::Append), 3);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct FaultStore<S> {
    inner: S,
    script: Arc<Script>,
    yields: bool,
}

/// What goes wrong with a call. By default the error is `Unavailable` and not transient.
#[derive(Debug, Clone)]
#[must_use = "it happens when it is given to a store"]
pub struct Fault {
    moment: Moment,
    error: Error,
    times: usize,
}

/// An operation of a store, as a script names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the method of a port, whose name it has")]
pub enum Operation {
    Append,
    ReadStream,
    Stream,
    ReadFeed,
    Head,
    PositionBefore,
    EventIdAt,
    Adopt,
    Import,
    Event,
    Correlated,
    Streams,
    Categories,
    Statistics,
    Delete,
    Restore,
    Erase,
    SaveSnapshot,
    LoadSnapshot,
    SnapshotExists,
    DeleteSnapshots,
    DeleteSnapshotsByType,
    Close,
}

impl Fault {
    /// The call fails before it happens: nothing is read or written.
    pub fn before() -> Self {
        Self::at(Moment::Before, "a fault of the test: the call did not get through")
    }

    /// The call happens, whatever becomes of it, and its answer is lost: of a write, the outcome is unknown.
    pub fn after() -> Self {
        Self::at(Moment::After, "a fault of the test: the answer got lost")
    }

    fn at(moment: Moment, message: &str) -> Self {
        Self { moment, error: Error::new(ErrorKind::Unavailable, message), times: 1 }
    }

    /// Marks the error as one that may go away by itself.
    pub fn transient(mut self) -> Self {
        self.error = self.error.transient();
        self
    }

    /// With this error instead. After a write its outcome is marked as unknown.
    pub fn with_error(mut self, error: Error) -> Self {
        self.error = error;
        self
    }

    /// Happens to so many calls, one after the other.
    pub fn times(mut self, calls: usize) -> Self {
        self.times = calls;
        self
    }
}

impl Operation {
    fn is_write(self) -> bool {
        match self {
            Self::Append
            | Self::Adopt
            | Self::Import
            | Self::Delete
            | Self::Restore
            | Self::Erase
            | Self::SaveSnapshot
            | Self::DeleteSnapshots
            | Self::DeleteSnapshotsByType => true,
            Self::ReadStream
            | Self::Stream
            | Self::ReadFeed
            | Self::Head
            | Self::PositionBefore
            | Self::EventIdAt
            | Self::Event
            | Self::Correlated
            | Self::Streams
            | Self::Categories
            | Self::Statistics
            | Self::LoadSnapshot
            | Self::SnapshotExists
            | Self::Close => false,
        }
    }
}

impl<S> FaultStore<S> {
    /// Wraps a store, with an empty script.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, script: Arc::default(), yields: false }
    }

    /// Lets other tasks run once before and once after each call, so that a store that never waits can be dropped in the
    /// middle ([`poll_times`](crate::poll_times)).
    #[must_use]
    pub fn yielding(mut self) -> Self {
        self.yields = true;
        self
    }

    /// The wrapped store, which nothing happens to.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Lets the next call of an operation fail that nothing else is scripted for.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        for step in repeat_n(Step::Fail(fault.moment, fault.error), fault.times) {
            self.script.push(operation, step);
        }
    }

    /// Holds the next call of an operation before it happens.
    pub fn hold_next_call(&self, operation: Operation) -> HeldCall {
        self.hold(operation, Moment::Before)
    }

    /// Holds the answer of the next call of an operation after it has happened.
    pub fn hold_next_answer(&self, operation: Operation) -> HeldCall {
        self.hold(operation, Moment::After)
    }

    fn hold(&self, operation: Operation, moment: Moment) -> HeldCall {
        let gate = Arc::<Gate>::default();
        self.script.push(operation, Step::Hold(moment, gate.clone()));
        HeldCall::new(self.script.clone(), operation, gate)
    }

    /// How often an operation was called until now, whatever became of the calls.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.script.calls(operation)
    }

    /// The operations that something is scripted for that has not happened yet, sorted, each once.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Operation> {
        self.script.outstanding()
    }

    async fn call<T>(&self, operation: Operation, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let step = self.script.take(operation);
        self.pause().await;
        if let Some(step) = &step {
            step.happen(Moment::Before, operation).await?;
        }
        let answer = call.await;
        if let Some(step) = &step {
            step.happen(Moment::After, operation).await?;
        }
        self.pause().await;
        answer
    }

    async fn pause(&self) {
        if self.yields {
            tokio::task::yield_now().await;
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for FaultStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("FaultStore");
        debug.field("inner", &self.inner).field("outstanding", &self.outstanding()).finish_non_exhaustive()
    }
}

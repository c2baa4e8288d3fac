//! Publishing without waiting.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use backon::Retryable;
use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use tracing::warn;

use super::{Backlog, BacklogLimits, EventPublisher};
use crate::{
    Error, ErrorKind, LogId, RecordedEvent, Result, aggregate::RetryPolicy, failure::HandlerPanicked,
    store::Close,
};

/// Hands events to another publisher in the background, in order, so that a commit does not wait for the bus. A handle:
/// clones share the queue.
///
/// The queue is bounded: what finds no room is refused, never waited for. What waits in it is lost when the process
/// dies, and what the publisher refuses for good is told by [`flush`](Self::flush) and counted; a relay from the feed to the
/// bus is for those who must miss nothing. It runs on the Tokio runtime of its first publication.
///
/// ```
/// # use eventsource_core::{Aggregate, MemoryStore, Repository, Result};
/// use eventsource_core::{bus::BackgroundPublisher, memory::MemoryBus, store::Close};
///
/// # async fn example<Order: Aggregate>(store: MemoryStore, bus: MemoryBus) -> Result<()> {
/// let publisher = BackgroundPublisher::new(bus);
/// let orders = Repository::<Order>::new(store).with_publisher(publisher.clone());
/// // … at the end of the program:
/// publisher.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BackgroundPublisher {
    handle: Arc<Handover>,
}

/// How a publisher in the background works.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BackgroundOptions {
    /// How much may wait.
    pub backlog: BacklogLimits,
    /// How often a call is sent again after a transient error of the publisher.
    pub retries: RetryPolicy,
}

impl Default for BackgroundOptions {
    /// The usual backlog, and as many retries as a repository makes.
    fn default() -> Self {
        Self { backlog: BacklogLimits::default(), retries: RetryPolicy::default() }
    }
}

impl BackgroundOptions {
    /// With so much room.
    #[must_use]
    pub fn with_backlog(mut self, limits: BacklogLimits) -> Self {
        self.backlog = limits;
        self
    }

    /// Sending again so often.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = retries;
        self
    }
}

/// How a publisher in the background has fared, in events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackgroundStatistics {
    /// Waiting, or on their way.
    pub waiting: u64,
    /// Taken by the publisher.
    pub published: u64,
    /// Not taken by the publisher, and given up.
    pub failed: u64,
    /// Refused because there was no room.
    pub refused: u64,
}

/// The callers' end. The task ends when it is gone and the queue is empty.
struct Handover {
    shared: Arc<Shared>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// To the task, once there is one. Sent to under the lock, so that the queue has the order of the calls.
    sender: Option<mpsc::UnboundedSender<Job>>,
    closed: bool,
}

/// What the task works with.
struct Shared {
    publisher: Arc<dyn EventPublisher>,
    options: BackgroundOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    statistics: BackgroundStatistics,
    /// The first failure that no flush has told.
    failure: Option<Error>,
}

enum Job {
    Publish(LogId, Vec<RecordedEvent>),
    Flush(oneshot::Sender<()>),
}

impl BackgroundPublisher {
    /// In front of this publisher.
    #[must_use]
    pub fn new(publisher: impl EventPublisher) -> Self {
        Self::with_options(publisher, BackgroundOptions::default())
    }

    /// In front of this publisher, with other limits or retries.
    #[must_use]
    pub fn with_options(publisher: impl EventPublisher, options: BackgroundOptions) -> Self {
        let shared = Arc::new(Shared { publisher: Arc::new(publisher), options, state: Mutex::default() });
        Self { handle: Arc::new(Handover { shared, queue: Mutex::default() }) }
    }

    /// Waits until everything that was handed over before has been taken by the publisher, or given up.
    ///
    /// # Errors
    /// The first error with which events were given up since it was told last.
    ///
    /// # Cancel safety
    /// Drop it at will; an error that it has not told stays for the next call.
    pub async fn flush(&self) -> Result<()> {
        let (done, flushed) = oneshot::channel();
        let is_running =
            self.queue().sender.as_ref().is_some_and(|queue| queue.send(Job::Flush(done)).is_ok());
        if is_running && flushed.await.is_err() {
            let message = "the runtime of the publisher in the background ended before the queue was empty";
            return Err(Error::new(ErrorKind::Publish, message).with_operation("flush"));
        }
        self.handle.shared.state().failure.take().map_or(Ok(()), |error| Err(error.with_operation("flush")))
    }

    /// How it has fared.
    #[must_use]
    pub fn statistics(&self) -> BackgroundStatistics {
        let state = self.handle.shared.state();
        BackgroundStatistics { waiting: state.backlog.events as u64, ..state.statistics }
    }
}

#[async_trait]
impl EventPublisher for BackgroundPublisher {
    /// Puts the events into the queue.
    ///
    /// # Errors
    /// `Publish`, transient, when the queue is full; `Closed`; `Unsupported` outside a Tokio runtime. Nothing was taken.
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) -> Result<()> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(Error::closed("the publisher in the background").with_operation("publish"));
        }
        if events.is_empty() {
            return Ok(());
        }
        let shared = &self.handle.shared;
        shared.take_in(events)?;
        let sent = self.started(&mut queue).and_then(|sender| {
            sender.send(Job::Publish(log, events.to_vec())).map_err(|_| {
                let message = "the runtime of the publisher in the background has ended";
                Error::new(ErrorKind::Publish, message)
            })
        });
        sent.map_err(|error| {
            shared.take_out(events);
            error.with_operation("publish")
        })
    }
}

#[async_trait]
impl Close for BackgroundPublisher {
    /// Refuses what is handed over later, and waits for what was handed over before. The publisher behind it stays open.
    ///
    /// # Errors
    /// As of [`flush`](Self::flush).
    async fn close(&self) -> Result<()> {
        self.queue().closed = true;
        self.flush().await
    }
}

impl BackgroundPublisher {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.handle.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to the task, which is started when there is none yet.
    fn started<'q>(&self, queue: &'q mut Queue) -> Result<&'q mpsc::UnboundedSender<Job>> {
        if queue.sender.is_none() {
            let runtime = Handle::try_current().map_err(|e| {
                let message = "publishing in the background needs a Tokio runtime";
                Error::new(ErrorKind::Unsupported, message).with_source(e)
            })?;
            let (sender, jobs) = mpsc::unbounded_channel();
            runtime.spawn(run(self.handle.shared.clone(), jobs));
            queue.sender = Some(sender);
        }
        queue.sender.as_ref().ok_or_else(|| Error::closed("the publisher in the background"))
    }
}

async fn run(shared: Arc<Shared>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Publish(log, events) => shared.publish(log, &events).await,
            // Whoever asked may have gone.
            Job::Flush(done) => drop(done.send(())),
        }
    }
}

impl Shared {
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) {
        let call = || self.publisher.publish(log, events);
        let published =
            call.retry(self.options.retries.transient_backoff()).when(Error::is_transient).into_future();
        let outcome = AssertUnwindSafe(published).catch_unwind().await.unwrap_or_else(|panic| {
            let HandlerPanicked(said) = HandlerPanicked::said_by(&*panic);
            let message = format!("the publisher panicked: {said}");
            Err(Error::new(ErrorKind::Panicked, message))
        });
        self.take_out(events);
        let mut state = self.state();
        match outcome {
            Ok(()) => state.statistics.published += events.len() as u64,
            Err(error) => {
                warn!(%log, events = events.len(), %error, "events could not be published and are given up");
                state.statistics.failed += events.len() as u64;
                state.failure.get_or_insert(error);
            }
        }
    }

    /// Finds room for events.
    fn take_in(&self, events: &[RecordedEvent]) -> Result<()> {
        let mut state = self.state();
        if state.backlog.is_full(self.options.backlog) {
            state.statistics.refused += events.len() as u64;
            let message =
                format!("{} events wait to be published, and no more find room", state.backlog.events);
            return Err(Error::new(ErrorKind::Publish, message).with_operation("publish").transient());
        }
        events.iter().for_each(|event| state.backlog.add(event));
        Ok(())
    }

    /// Gives the room of events back.
    fn take_out(&self, events: &[RecordedEvent]) {
        let mut state = self.state();
        events.iter().for_each(|event| state.backlog.remove(event));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing of the caller runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BackgroundPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("BackgroundPublisher");
        debug.field("options", &self.handle.shared.options).field("statistics", &self.statistics());
        debug.finish_non_exhaustive()
    }
}

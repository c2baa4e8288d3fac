//! When states are kept, and how they are found again.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use tracing::warn;

use super::Aggregate;
use crate::{
    EventId, Result, StateType, StreamId, StreamVersion, Timestamp,
    codec::{Codec, Json, TransformTag},
    store::{SaveOutcome, Snapshot, SnapshotStore},
};

/// A state that can be kept.
///
/// ```
/// # use eventsource_core::aggregate::{Aggregate, SnapshotState};
/// # fn example<Order: Aggregate>() {}
/// # macro_rules! order { ($order:ty) => {
/// impl SnapshotState for $order {
///     const STATE_TYPE: &'static str = "Order";
///     const STATE_VERSION: u16 = 1; // raise it with every change of the fields or of what they mean
/// }
/// # } }
/// ```
pub trait SnapshotState: Aggregate + Serialize + DeserializeOwned {
    /// The name of this kind of state, for ever.
    const STATE_TYPE: &'static str;
    /// The version of its shape and of its fold. A snapshot of another version is not read, and not overwritten.
    const STATE_VERSION: u16;
}

/// When a repository takes snapshots. Never is to attach no snapshot store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotPolicy {
    /// Whenever a commit crosses a multiple of this many events; 0 counts as 1.
    Every(u64),
    /// Only by [`Repository::take_snapshot`](super::Repository::take_snapshot).
    Manual,
}

/// How a repository writes snapshots after a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SnapshotWriting {
    /// By a task of its own through a queue of 64; what does not fit is dropped and counted.
    #[default]
    Background,
    /// Before the commit returns.
    Inline,
}

/// How snapshots fared, since the repository was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotStatistics {
    /// Loads that began with a snapshot.
    pub hits: u64,
    /// Loads that found none.
    pub absent: u64,
    /// Loads whose snapshot could not be decoded.
    pub undecodable: u64,
    /// Loads whose snapshot belongs to another history of the stream.
    pub diverged: u64,
    /// Loads that could not ask the snapshot store.
    pub unavailable: u64,
    /// Snapshots kept.
    pub saved: u64,
    /// Snapshots not kept because a newer one is, or the stream is erased.
    pub outdated: u64,
    /// Snapshots dropped because the queue was full.
    pub dropped: u64,
    /// Snapshots that could not be encoded or written.
    pub failed: u64,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    absent: AtomicU64,
    undecodable: AtomicU64,
    diverged: AtomicU64,
    unavailable: AtomicU64,
    saved: AtomicU64,
    outdated: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// The queue of the background task holds so many snapshots.
const QUEUE: usize = 64;

/// A repository's use of a snapshot store.
pub(super) struct Snapshots<A> {
    store: Arc<dyn SnapshotStore>,
    policy: SnapshotPolicy,
    writing: SnapshotWriting,
    state_type: StateType,
    state_version: u16,
    encode: fn(&A) -> Result<bytes::Bytes>,
    decode: fn(&[u8]) -> Result<A>,
    counters: Arc<Counters>,
    queue: std::sync::OnceLock<mpsc::Sender<Job>>,
}

enum Job {
    Save(Snapshot),
    Flush(oneshot::Sender<()>),
}

/// Why a load does without a snapshot.
#[derive(Clone, Copy)]
pub(super) enum Miss {
    Undecodable,
    Diverged,
}

/// A state to go on from.
pub(super) struct Found<A> {
    pub(super) state: A,
    pub(super) version: StreamVersion,
    pub(super) last_event: EventId,
}

impl<A: SnapshotState> Snapshots<A> {
    pub(super) fn new(
        store: Arc<dyn SnapshotStore>,
        policy: SnapshotPolicy,
        writing: SnapshotWriting,
    ) -> Result<Self> {
        Ok(Self {
            store,
            policy,
            writing,
            state_type: StateType::new(A::STATE_TYPE)?,
            state_version: A::STATE_VERSION,
            encode: Json::encode::<A>,
            decode: Json::decode::<A>,
            counters: Arc::default(),
            queue: std::sync::OnceLock::new(),
        })
    }
}

impl<A: Aggregate> Snapshots<A> {
    /// The kept state, or `None` with the reason counted. A snapshot is a cache: no trouble with it is an error.
    pub(super) async fn find(&self, stream: &StreamId) -> Option<Found<A>> {
        let snapshot = match self.store.load(stream, &self.state_type, self.state_version).await {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => {
                count(&self.counters.absent);
                return None;
            }
            Err(error) => {
                warn!(%stream, %error, "the snapshot store failed; folding the whole stream");
                count(&self.counters.unavailable);
                return None;
            }
        };
        let readable = snapshot.codec == Json::TAG && snapshot.transform == TransformTag::NONE;
        match (readable, (self.decode)(&snapshot.state)) {
            (true, Ok(state)) => {
                Some(Found { state, version: snapshot.version, last_event: snapshot.last_event })
            }
            _ => {
                self.missed(stream, Miss::Undecodable);
                None
            }
        }
    }

    pub(super) fn hit(&self) {
        count(&self.counters.hits);
    }

    pub(super) fn missed(&self, stream: &StreamId, reason: Miss) {
        match reason {
            Miss::Undecodable => {
                warn!(%stream, "a snapshot cannot be decoded; folding the whole stream");
                count(&self.counters.undecodable);
            }
            Miss::Diverged => {
                warn!(%stream, "a snapshot belongs to another history; folding the whole stream");
                count(&self.counters.diverged);
            }
        }
    }

    /// Whether the policy asks for a snapshot after a commit that led from one version to another.
    pub(super) fn due(&self, before: StreamVersion, after: StreamVersion) -> bool {
        match self.policy {
            SnapshotPolicy::Manual => false,
            SnapshotPolicy::Every(n) => before.get() / n.max(1) != after.get() / n.max(1),
        }
    }

    /// Keeps a state after a commit, as configured. Never fails: what goes wrong is counted.
    pub(super) async fn keep(
        &self,
        stream: &StreamId,
        state: &A,
        version: StreamVersion,
        last: EventId,
        now: Timestamp,
    ) {
        let snapshot = match self.snapshot(stream, state, version, last, now) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                warn!(%stream, %error, "a snapshot cannot be encoded");
                return count(&self.counters.failed);
            }
        };
        // Without a runtime there is no task to hand it to.
        let background = self.writing == SnapshotWriting::Background && Handle::try_current().is_ok();
        if !background {
            // It is counted and logged.
            let _ = write(&*self.store, &self.counters, snapshot).await;
            return;
        }
        if self.queue().try_send(Job::Save(snapshot)).is_err() {
            count(&self.counters.dropped);
        }
    }

    /// Keeps a state now, and says what became of it.
    pub(super) async fn keep_now(
        &self,
        stream: &StreamId,
        state: &A,
        version: StreamVersion,
        last: EventId,
        now: Timestamp,
    ) -> Result<SaveOutcome> {
        write(&*self.store, &self.counters, self.snapshot(stream, state, version, last, now)?).await
    }

    /// Waits until everything handed to the background task is written.
    pub(super) async fn flush(&self) {
        let Some(queue) = self.queue.get() else { return };
        let (done, flushed) = oneshot::channel();
        if queue.send(Job::Flush(done)).await.is_ok() {
            // The task answers, or is gone with the runtime, and then nothing is pending.
            let _ = flushed.await;
        }
    }

    pub(super) fn statistics(&self) -> SnapshotStatistics {
        let c = &self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SnapshotStatistics {
            hits: get(&c.hits),
            absent: get(&c.absent),
            undecodable: get(&c.undecodable),
            diverged: get(&c.diverged),
            unavailable: get(&c.unavailable),
            saved: get(&c.saved),
            outdated: get(&c.outdated),
            dropped: get(&c.dropped),
            failed: get(&c.failed),
        }
    }

    fn snapshot(
        &self,
        stream: &StreamId,
        state: &A,
        version: StreamVersion,
        last: EventId,
        now: Timestamp,
    ) -> Result<Snapshot> {
        Ok(Snapshot {
            stream: stream.clone(),
            state_type: self.state_type.clone(),
            schema_version: self.state_version,
            version,
            last_event: last,
            codec: Json::TAG,
            transform: TransformTag::NONE,
            state: (self.encode)(state)?,
            taken_at: now,
        })
    }

    fn queue(&self) -> &mpsc::Sender<Job> {
        self.queue.get_or_init(|| {
            let (sender, mut jobs) = mpsc::channel(QUEUE);
            let (store, counters) = (self.store.clone(), self.counters.clone());
            tokio::spawn(async move {
                while let Some(job) = jobs.recv().await {
                    match job {
                        Job::Save(snapshot) => drop(write(&*store, &counters, snapshot).await),
                        // Whoever asked may have gone.
                        Job::Flush(done) => drop(done.send(())),
                    }
                }
            });
            sender
        })
    }
}

async fn write(store: &dyn SnapshotStore, counters: &Counters, snapshot: Snapshot) -> Result<SaveOutcome> {
    let stream = snapshot.stream.clone();
    let outcome = store.save(snapshot).await;
    match &outcome {
        Ok(SaveOutcome::Saved) => count(&counters.saved),
        Ok(SaveOutcome::Outdated | SaveOutcome::StreamErased) => count(&counters.outdated),
        Err(error) => {
            warn!(%stream, %error, "a snapshot could not be written");
            count(&counters.failed);
        }
    }
    outcome
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl<A> fmt::Debug for Snapshots<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots")
            .field("state_type", &self.state_type)
            .field("policy", &self.policy)
            .finish()
    }
}

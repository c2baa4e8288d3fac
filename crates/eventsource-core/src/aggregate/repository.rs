//! Loads, decides, appends.

use std::{fmt, sync::Arc, sync::OnceLock};

use super::{
    Aggregate, At, Commit, Committed, Decider, Historical, IntoDecision, Loaded, RetryPolicy, SnapshotPolicy,
    SnapshotState, SnapshotStatistics, SnapshotWriting, UpdateError,
    folding::{Folded, Until},
    loaded::IdSource,
    serialised::one_at_a_time,
    snapshots::Snapshots,
};
use crate::{
    Clock, Error, Event, EventPublisher, ExpectedVersion, IdGenerator, Provenance, Result, StreamId,
    StreamVersion, SystemClock, TenantId, TimeOrderedIds, Timestamp, ToStreamKey,
    codec::UnknownEvents,
    store::{AsOf, EventStore, SaveOutcome, SnapshotStore},
};

/// Loads aggregates of one type, lets them decide, and appends what they decided.
///
/// A repository is a cheap handle: clone it, or derive one with [`with`](Self::with) and
/// [`for_tenant`](Self::for_tenant) for each request.
///
/// Updates of one stream run one at a time in a process, in the order of asking, so that they do not conflict with each
/// other; a conflict with another process is decided anew from the newer state. Transient errors are tried again
/// ([`RetryPolicy`]), an append with the same event ids, so that it is never written twice. Waiting in between needs
/// a Tokio runtime with its timer.
pub struct Repository<A: Aggregate> {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) publisher: Option<Arc<dyn EventPublisher>>,
    pub(super) snapshots: Option<Arc<Snapshots<A>>>,
    pub(super) unknown: UnknownEvents,
    pub(super) retries: RetryPolicy,
    pub(super) provenance: Provenance,
    pub(super) occurred_at: Option<Timestamp>,
    tenant: Option<TenantId>,
    /// Whether the event type's names hold; found out once.
    checked: Arc<OnceLock<Option<Error>>>,
}

impl<A: Aggregate> Repository<A> {
    /// A repository over a store, with time-ordered random event ids and without snapshots.
    #[must_use]
    pub fn new(store: impl EventStore) -> Self {
        Self {
            store: Arc::new(store),
            ids: Arc::new(TimeOrderedIds),
            clock: Arc::new(SystemClock),
            publisher: None,
            snapshots: None,
            unknown: UnknownEvents::Fail,
            retries: RetryPolicy::default(),
            provenance: Provenance::default(),
            occurred_at: None,
            tenant: None,
            checked: Arc::default(),
        }
    }

    /// A handle for streams of this tenant.
    #[must_use]
    pub fn for_tenant(&self, tenant: &TenantId) -> Self {
        Self { tenant: Some(tenant.clone()), ..self.clone() }
    }

    /// A handle that records events with this provenance.
    #[must_use]
    pub fn with(&self, provenance: Provenance) -> Self {
        Self { provenance, ..self.clone() }
    }

    /// A handle that records events as having happened then, instead of at the store's present.
    #[must_use]
    pub fn occurred_at(&self, time: Timestamp) -> Self {
        Self { occurred_at: Some(time), ..self.clone() }
    }

    /// Hands committed events to a publisher. Its failure is told beside the commit, never instead of it.
    #[must_use]
    pub fn with_publisher(mut self, publisher: impl EventPublisher) -> Self {
        self.publisher = Some(Arc::new(publisher));
        self
    }

    /// Loads from snapshots and takes them, in the background.
    ///
    /// # Errors
    /// `InvalidInput` when [`SnapshotState::STATE_TYPE`] breaks the rules of names.
    pub fn with_snapshots(self, store: impl SnapshotStore, policy: SnapshotPolicy) -> Result<Self>
    where
        A: SnapshotState,
    {
        self.with_snapshots_written(store, policy, SnapshotWriting::Background)
    }

    /// Loads from snapshots and takes them, saying how they are written.
    ///
    /// # Errors
    /// `InvalidInput` when [`SnapshotState::STATE_TYPE`] breaks the rules of names.
    pub fn with_snapshots_written(
        mut self,
        store: impl SnapshotStore,
        policy: SnapshotPolicy,
        writing: SnapshotWriting,
    ) -> Result<Self>
    where
        A: SnapshotState,
    {
        let snapshots = Snapshots::new(Arc::new(store), policy, writing)?;
        self.snapshots = Some(Arc::new(snapshots));
        Ok(self)
    }

    /// What to do with events that the type does not know; by default loading fails.
    #[must_use]
    pub fn with_unknown_events(mut self, policy: UnknownEvents) -> Self {
        self.unknown = policy;
        self
    }

    /// How often to try again.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = retries;
        self
    }

    /// Takes event ids from here.
    #[must_use]
    pub fn with_ids(mut self, ids: impl IdGenerator) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Takes the time at which snapshots are taken from here. When events are recorded is told by the store's clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The stream of a key.
    ///
    /// # Errors
    /// `InvalidInput` when the key, or a name of the event type, breaks its rules.
    pub fn stream_id<K: ToStreamKey + ?Sized>(&self, key: &K) -> Result<StreamId> {
        let checked = self.checked.get_or_init(|| crate::codec::check_event_type::<A::Event>().err());
        if let Some(error) = checked {
            return Err(error.clone());
        }
        StreamId::with_tenant(self.tenant.as_ref(), A::Event::CATEGORY, key)
    }

    /// Begins a stream: decides on the default state, and appends to a stream that must have no events.
    ///
    /// # Errors
    /// The refusal; `Conflict` when the stream exists, without a retry; otherwise as for [`update`](Self::update).
    ///
    /// # Cancel safety
    /// As for [`update`](Self::update).
    pub async fn create<K, F, R>(&self, key: &K, decide: F) -> Result<Committed<A>, UpdateError<R::Refusal>>
    where
        K: ToStreamKey + ?Sized + Sync,
        F: FnOnce(&A) -> R + Send,
        R: IntoDecision<A::Event>,
    {
        let stream = self.stream_id(key)?;
        let turn = one_at_a_time(self.store.log().id, &stream).await;
        let folded = Folded::<A>::default();
        let events = decide(&folded.state).into_decision().map_err(UpdateError::Refused)?;
        let committed = self.commit(&stream, ExpectedVersion::NoStream, folded, self.identify(events)).await;
        drop(turn);
        Ok(committed?)
    }

    /// Loads the state, decides, and appends, expecting that nobody was faster. An absent stream begins with the
    /// default state.
    ///
    /// `decide` runs again, on the newer state, when another process was faster.
    ///
    /// # Ordering
    /// Updates of one stream run one at a time in a process, in the order of asking.
    ///
    /// # Atomicity
    /// All events of a decision are appended, or none.
    ///
    /// # Errors
    /// [`UpdateError::Refused`] with the domain's refusal; [`UpdateError::Failed`] with `Conflict` when other processes
    /// were faster more often than the [`RetryPolicy`] allows, `StreamDeleted`, what loading fails with, or what the
    /// append fails with.
    ///
    /// # Cancel safety
    /// A dropped call appended all or nothing. Whether it did is found out by loading.
    pub async fn update<K, F, R>(&self, key: &K, decide: F) -> Result<Committed<A>, UpdateError<R::Refusal>>
    where
        K: ToStreamKey + ?Sized + Sync,
        F: FnMut(&A) -> R + Send,
        R: IntoDecision<A::Event>,
    {
        self.update_as(self.stream_id(key)?, decide).await
    }

    /// Lets the aggregate decide about a command; otherwise as [`update`](Self::update).
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    ///
    /// # Cancel safety
    /// As for [`update`](Self::update).
    pub async fn execute<K>(
        &self,
        key: &K,
        command: &A::Command,
    ) -> Result<Committed<A>, UpdateError<A::Refusal>>
    where
        A: Decider,
        K: ToStreamKey + ?Sized + Sync,
    {
        let stream = self.stream_id(key)?;
        match A::provenance(command) {
            Some(provenance) => self.with(provenance).update_as(stream, |state| state.decide(command)).await,
            None => self.update_as(stream, |state| state.decide(command)).await,
        }
    }

    async fn update_as<F, R>(
        &self,
        stream: StreamId,
        mut decide: F,
    ) -> Result<Committed<A>, UpdateError<R::Refusal>>
    where
        F: FnMut(&A) -> R + Send,
        R: IntoDecision<A::Event>,
    {
        let _turn = one_at_a_time(self.store.log().id, &stream).await;
        let mut delays = self.retries.conflict_delays();
        loop {
            let folded = self.fold(&stream, Until::Now).await?;
            let events = decide(&folded.state).into_decision().map_err(UpdateError::Refused)?;
            let expected = ExpectedVersion::Exact(folded.version);
            let error = match self.commit(&stream, expected, folded, self.identify(events)).await {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            // Somebody in another process was faster: decide anew, on the newer state and with new ids.
            let delay = error.as_conflict().and_then(|_| delays.next()).ok_or(error)?;
            tokio::time::sleep(delay).await;
        }
    }

    /// Loads the present state.
    ///
    /// # Errors
    /// `StreamNotFound`, `StreamDeleted`; `UnknownEvent` or `Decode` for an event that cannot be read.
    ///
    /// # Cancel safety
    /// Reads only; drop it at will.
    pub async fn load<K: ToStreamKey + ?Sized + Sync>(&self, key: &K) -> Result<Loaded<A>> {
        let loaded = self.load_or_default(key).await?;
        if loaded.version() == StreamVersion::ZERO {
            return Err(Error::stream_not_found(loaded.stream().clone()).with_operation("load"));
        }
        Ok(loaded)
    }

    /// Loads the present state, or the default state of a stream that does not exist yet.
    ///
    /// # Errors
    /// As for [`load`](Self::load), without `StreamNotFound`.
    ///
    /// # Cancel safety
    /// Reads only; drop it at will.
    pub async fn load_or_default<K: ToStreamKey + ?Sized + Sync>(&self, key: &K) -> Result<Loaded<A>> {
        let stream = self.stream_id(key)?;
        let folded = self.fold(&stream, Until::Now).await?;
        let ids = IdSource(self.ids.clone());
        Ok(Loaded::new(stream, folded.state, folded.version, folded.last_event, ids))
    }

    /// Loads a past state: at a version, or at a time.
    ///
    /// # Errors
    /// `StreamNotFound` when the stream had no events then; `InvalidInput` for a version that it has not reached;
    /// otherwise as for [`load`](Self::load).
    ///
    /// # Cancel safety
    /// Reads only; drop it at will.
    pub async fn load_at<K: ToStreamKey + ?Sized + Sync>(
        &self,
        key: &K,
        at: impl Into<At>,
    ) -> Result<Historical<A>> {
        let stream = self.stream_id(key)?;
        let at = at.into();
        let until = match at {
            At::Version(version) => Until::Version(version),
            At::Time(as_of) => Until::Time(as_of),
        };
        let folded = self.fold(&stream, until).await?;
        if folded.version == StreamVersion::ZERO {
            return Err(Error::stream_not_found(stream)
                .with_operation("load at")
                .with_context("at", describe(at)));
        }
        if let At::Version(version) = at
            && folded.version != version
        {
            let message =
                format!("stream {stream} is at version {}, it has no version {version}", folded.version);
            return Err(Error::invalid_input("version", message).with_operation("load at"));
        }
        Ok(Historical { stream, state: folded.state, version: folded.version })
    }

    /// Appends what was recorded on a unit of work, expecting that the stream is as it was loaded.
    ///
    /// # Errors
    /// `Conflict` when somebody was faster: load again and decide anew. After any other error the unit of work
    /// can be saved again; its events keep their ids.
    ///
    /// # Cancel safety
    /// A dropped call appended all or nothing; save again, or load.
    pub async fn save(&self, unit: &mut Loaded<A>) -> Result<Commit> {
        let version = unit.version();
        let commit =
            self.append(unit.stream(), ExpectedVersion::Exact(version), version, unit.unsaved()).await?;
        unit.mark_saved(commit.version);
        if let (Some(snapshots), Some(last)) = (&self.snapshots, unit.last_event)
            && snapshots.due(version, commit.version)
        {
            snapshots.keep(unit.stream(), unit.state(), commit.version, last, self.clock.now()).await;
        }
        Ok(commit)
    }

    /// Whether there are events that can be loaded.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn exists<K: ToStreamKey + ?Sized + Sync>(&self, key: &K) -> Result<bool> {
        Ok(self.store.stream(&self.stream_id(key)?).await?.exists())
    }

    /// The version of a stream; 0 when it does not exist.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn version<K: ToStreamKey + ?Sized + Sync>(&self, key: &K) -> Result<StreamVersion> {
        Ok(self.store.stream(&self.stream_id(key)?).await?.version)
    }

    /// Folds the stream and keeps the state now.
    ///
    /// # Errors
    /// `Unsupported` without [`with_snapshots`](Self::with_snapshots); otherwise as for [`load`](Self::load), and what the
    /// snapshot store fails with.
    pub async fn take_snapshot<K: ToStreamKey + ?Sized + Sync>(&self, key: &K) -> Result<SaveOutcome> {
        let Some(snapshots) = &self.snapshots else {
            let message = "this repository has no snapshot store; give it one with `with_snapshots`";
            return Err(Error::new(crate::ErrorKind::Unsupported, message).with_operation("take snapshot"));
        };
        let loaded = self.load(key).await?;
        let Some(last) = loaded.last_event else {
            return Err(Error::stream_not_found(loaded.stream().clone()).with_operation("take snapshot"));
        };
        snapshots.keep_now(loaded.stream(), loaded.state(), loaded.version(), last, self.clock.now()).await
    }

    /// Waits until all snapshots handed to the background are written.
    pub async fn flush_snapshots(&self) {
        if let Some(snapshots) = &self.snapshots {
            snapshots.flush().await;
        }
    }

    /// How snapshots fared; all zero without a snapshot store.
    #[must_use]
    pub fn snapshot_statistics(&self) -> SnapshotStatistics {
        self.snapshots.as_ref().map(|s| s.statistics()).unwrap_or_default()
    }
}

fn describe(at: At) -> String {
    match at {
        At::Version(version) => format!("version {version}"),
        At::Time(AsOf::Recorded(time)) => format!("recorded by {time}"),
        At::Time(AsOf::Occurred(time)) => format!("occurred by {time}"),
    }
}

impl<A: Aggregate> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            ids: self.ids.clone(),
            clock: self.clock.clone(),
            publisher: self.publisher.clone(),
            snapshots: self.snapshots.clone(),
            unknown: self.unknown,
            retries: self.retries,
            provenance: self.provenance.clone(),
            occurred_at: self.occurred_at,
            tenant: self.tenant.clone(),
            checked: self.checked.clone(),
        }
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("category", &A::Event::CATEGORY)
            .field("tenant", &self.tenant)
            .field("snapshots", &self.snapshots)
            .finish_non_exhaustive()
    }
}

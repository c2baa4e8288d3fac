//! The subscriptions of a process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use eventsource_core::{
    Clock, ConsumerId, ConsumerName, Error, EventSet, InstanceId, MemoryStore, Result, SystemClock,
    checkpoint::CheckpointStore,
    dead_letter::DeadLetterStore,
    lease::LeaseStore,
    projection::{Projection, Reactor, ReadModel, Target},
    request::RequestStore,
    status::{ConsumerKind, ConsumerState, Declaration, StatusStore},
    store::EventFeed,
};
use tokio::{sync::mpsc, task::JoinHandle};
use twox_hash::XxHash64;

use crate::{
    environment::Environment,
    handler::{Handler, Projecting, Reacting},
    heart::Heart,
    lease::{Leases, Pace},
    options::{Start, SubscriptionOptions},
    plain::Plain,
    progress::Progress,
    read_model::{Folding, Live},
    requests::Requests,
    runner::Runner,
    subscription::Subscription,
};

/// Keeps what processes tell each other about the subscriptions that they share.
pub trait OperationsStore: LeaseStore + StatusStore + RequestStore {}

impl<T: LeaseStore + StatusStore + RequestStore> OperationsStore for T {}

/// A store that subscriptions can live on: it has a feed, and keeps checkpoints, letters, leases, statuses and requests.
pub trait SubscriptionHost: EventFeed + CheckpointStore + DeadLetterStore + OperationsStore {}

impl<T: EventFeed + CheckpointStore + DeadLetterStore + OperationsStore> SubscriptionHost for T {}

/// The subscriptions of a process. They run when they are [started](Self::start), until they are [stopped](Self::stop); dropping
/// this stops them at once, as a crash would.
pub struct Subscriptions {
    feed: Arc<dyn EventFeed>,
    checkpoints: Arc<dyn CheckpointStore>,
    letters: Arc<dyn DeadLetterStore>,
    instance: InstanceId,
    lease_store: Arc<dyn LeaseStore>,
    leases: Arc<Leases>,
    statuses: Arc<dyn StatusStore>,
    requests: Arc<Requests>,
    clock: Arc<dyn Clock>,
    entries: Entries,
    heart: Mutex<Option<JoinHandle<()>>>,
    pace: Pace,
}

/// The subscriptions by name. A handle.
#[derive(Clone, Default)]
pub(crate) struct Entries(Arc<Mutex<BTreeMap<ConsumerName, Entry>>>);

impl Entries {
    pub(crate) fn subscriptions(&self) -> Vec<Subscription> {
        self.lock().values().map(|entry| entry.subscription.clone()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ConsumerName, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Entry {
    subscription: Subscription,
    /// Until it is started.
    runner: Option<Runner>,
    task: Option<JoinHandle<()>>,
    kind: ConsumerKind,
}

/// Where a subscription keeps what it must remember.
struct State {
    checkpoints: Arc<dyn CheckpointStore>,
    letters: Arc<dyn DeadLetterStore>,
}

impl State {
    fn in_one<S: CheckpointStore + DeadLetterStore + Clone>(store: S) -> Self {
        Self { checkpoints: Arc::new(store.clone()), letters: Arc::new(store) }
    }
}

/// How several processes run a subscription.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Each by itself, from the beginning.
    Alone,
    /// One at a time; the lanes write the checkpoint behind the effects.
    AtLeastOnce,
    /// One at a time; the target writes the checkpoint with the effects.
    Transactional,
}

impl Sharing {
    fn kind(self) -> ConsumerKind {
        match self {
            Self::Alone => ConsumerKind::ReadModel,
            Self::AtLeastOnce => ConsumerKind::Projection,
            Self::Transactional => ConsumerKind::TransactionalProjection,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Alone => "in memory",
            Self::AtLeastOnce => "beside the events",
            Self::Transactional => "with the read model",
        }
    }
}

/// What became of starting each subscription.
#[derive(Debug, Default)]
pub struct StartReport {
    /// Each subscription, with its error if it could not be started.
    pub outcomes: BTreeMap<ConsumerName, Result<()>>,
}

impl StartReport {
    /// The first error, if a subscription could not be started.
    ///
    /// # Errors
    /// That of the first subscription, by name, that could not be started.
    pub fn into_result(self) -> Result<()> {
        self.outcomes.into_values().collect()
    }
}

/// What became of stopping each subscription.
#[derive(Debug, Default)]
pub struct StopReport {
    /// Each subscription, and how it ended.
    pub outcomes: BTreeMap<ConsumerName, StopOutcome>,
}

/// How a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// It ended what it had begun, and wrote its checkpoint.
    Drained,
    /// It was cut off when the time was up. What it had begun comes again.
    Forced,
}

impl Subscriptions {
    /// Subscriptions to the feed of a store, which also keeps their state.
    #[must_use]
    pub fn new<S: SubscriptionHost + Clone>(store: S) -> Self {
        Self::with_parts(store.clone(), store.clone(), store.clone(), store)
    }

    /// Subscriptions to a feed, with their state elsewhere.
    #[must_use]
    pub fn with_parts<O: OperationsStore + Clone>(
        feed: impl EventFeed,
        checkpoints: impl CheckpointStore,
        letters: impl DeadLetterStore,
        operations: O,
    ) -> Self {
        let (pace, instance) = (Pace::default(), InstanceId::random());
        let lease_store: Arc<dyn LeaseStore> = Arc::new(operations.clone());
        Self {
            feed: Arc::new(feed),
            checkpoints: Arc::new(checkpoints),
            letters: Arc::new(letters),
            leases: Arc::new(Leases::new(lease_store.clone(), instance.clone(), pace)),
            lease_store,
            statuses: Arc::new(operations.clone()),
            requests: Arc::new(Requests::new(Arc::new(operations))),
            instance,
            clock: Arc::new(SystemClock),
            entries: Entries::default(),
            heart: Mutex::default(),
            pace,
        }
    }

    /// With this clock, which tells how old events are and when they were parked.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// With leases that last so long, and are renewed and asked for so often: by default 2 s and 0.5 s, so that another process
    /// takes over within 3 s after one has died. Set before anything is added.
    ///
    /// # Errors
    /// `InvalidInput` unless a lease lasts at least twice as long as the time between two renewals, and there is some time
    /// between them.
    pub fn with_leases(mut self, ttl: Duration, beat: Duration) -> Result<Self> {
        if beat.is_zero() || ttl < beat.saturating_mul(2) {
            let message = format!("leases of {ttl:?} that are renewed every {beat:?} would end too early");
            return Err(Error::invalid_input("ttl", message));
        }
        self.pace = Pace { ttl, beat };
        self.leases = Arc::new(Leases::new(self.lease_store.clone(), self.instance.clone(), self.pace));
        Ok(self)
    }

    /// A read model in memory, folded from the beginning at each start; each process has its own.
    ///
    /// # Errors
    /// `InvalidInput` when the name breaks its rules or is taken in this process.
    pub fn read_model<M: ReadModel + Clone>(&self, name: &str, model: M) -> Result<Live<M>> {
        self.read_model_with(name, model, SubscriptionOptions::default()).map(|(live, _)| live)
    }

    /// A read model in memory, with options. It has one lane.
    ///
    /// # Errors
    /// `InvalidInput` when the name breaks its rules or is taken in this process, or options cannot work.
    pub fn read_model_with<M: ReadModel + Clone>(
        &self,
        name: &str,
        model: M,
        options: SubscriptionOptions,
    ) -> Result<(Live<M>, Subscription)> {
        // Its checkpoint and letters live as long as the model itself.
        let own = MemoryStore::new();
        let live = Live::new(model.clone());
        let target =
            Folding { model: live.clone(), filter: M::Event::filter()?, initial: model, state: own.clone() };
        let state = State::in_one(own);
        let (sharing, options) = (Sharing::Alone, options.with_lanes(1));
        let subscription = self.add(name, Arc::new(target), state, sharing, sharing.kind(), options)?;
        Ok((live, subscription))
    }

    /// A projection that writes somewhere by itself: each event at least once. Processes share it.
    ///
    /// # Errors
    /// `InvalidInput` when the name breaks its rules or is taken in this process, or options cannot work.
    pub fn projection<P: Projection>(
        &self,
        name: &str,
        projection: P,
        options: SubscriptionOptions,
    ) -> Result<Subscription> {
        self.handler(name, Projecting(projection), Sharing::AtLeastOnce.kind(), options)
    }

    /// A reactor: each event at least once, beginning at the end of the log unless told otherwise. Processes share it.
    ///
    /// # Errors
    /// `InvalidInput` when the name breaks its rules or is taken in this process, or options cannot work.
    pub fn reactor<R: Reactor>(
        &self,
        name: &str,
        reactor: R,
        options: SubscriptionOptions,
    ) -> Result<Subscription> {
        let start = options.start.unwrap_or(Start::End);
        self.handler(name, Reacting(reactor), ConsumerKind::Reactor, options.with_start(start))
    }

    /// A target that keeps checkpoint and letters itself, in the transaction of its effects: each event exactly once.
    /// Processes share it. `state` is where it keeps them.
    ///
    /// # Errors
    /// `InvalidInput` when the name breaks its rules or is taken in this process, or options cannot work.
    pub fn target<S: CheckpointStore + DeadLetterStore + Clone>(
        &self,
        name: &str,
        target: impl Target,
        state: S,
        options: SubscriptionOptions,
    ) -> Result<Subscription> {
        let sharing = Sharing::Transactional;
        self.add(name, Arc::new(target), State::in_one(state), sharing, sharing.kind(), options)
    }

    fn handler<H: Handler>(
        &self,
        name: &str,
        handler: H,
        kind: ConsumerKind,
        options: SubscriptionOptions,
    ) -> Result<Subscription> {
        let target = Plain {
            filter: handler.filter()?,
            handler,
            checkpoints: self.checkpoints.clone(),
            letters: self.letters.clone(),
            timeout: options.handler_timeout,
        };
        let state = State { checkpoints: self.checkpoints.clone(), letters: self.letters.clone() };
        self.add(name, Arc::new(target), state, Sharing::AtLeastOnce, kind, options)
    }

    fn add(
        &self,
        name: &str,
        target: Arc<dyn Target>,
        State { checkpoints, letters }: State,
        sharing: Sharing,
        kind: ConsumerKind,
        options: SubscriptionOptions,
    ) -> Result<Subscription> {
        options.check()?;
        let consumer = ConsumerId::new(name, options.version)?;
        let mut entries = self.entries.lock();
        if entries.contains_key(&consumer.name) {
            let message = format!("there is a subscription named {name} in this process already");
            return Err(Error::invalid_input("name", message));
        }
        let lease = if sharing == Sharing::Alone { None } else { Some(self.leases.want(&consumer)?) };
        let environment = Arc::new(Environment {
            consumer,
            options,
            feed: self.feed.clone(),
            target,
            checkpoints,
            letters,
            label: sharing.label(),
            target_steps: sharing == Sharing::Transactional,
            clock: self.clock.clone(),
            lease,
            progress: Progress::new(),
        });
        let (commands, inbox) = mpsc::channel(16);
        let subscription = Subscription { environment: environment.clone(), commands };
        let runner = Runner { environment: environment.clone(), commands: inbox };
        let entry = Entry { subscription: subscription.clone(), runner: Some(runner), task: None, kind };
        entries.insert(environment.consumer.name.clone(), entry);
        Ok(subscription)
    }

    /// The subscription of this name in this process.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Subscription> {
        self.entries.lock().get(name).map(|entry| entry.subscription.clone())
    }

    /// All subscriptions of this process, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Subscription> {
        self.entries.lock().values().map(|entry| entry.subscription.clone()).collect()
    }

    /// The id of this process among those that share subscriptions.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// Starts every subscription that was not started yet, and waits until each handles events, waits for another process
    /// that runs it, or has failed.
    ///
    /// # Cancel safety
    /// They run all the same.
    pub async fn start(&self) -> StartReport {
        let started: Vec<Subscription> = {
            let mut entries = self.entries.lock();
            let mut started = Vec::new();
            for entry in entries.values_mut() {
                let Some(runner) = entry.runner.take() else { continue };
                entry.subscription.environment.enter(ConsumerState::Starting, None, None);
                entry.task = Some(tokio::spawn(runner.run()));
                started.push(entry.subscription.clone());
            }
            if entries.values().any(|entry| entry.subscription.environment.lease.is_some()) {
                self.beat_from_now_on();
            }
            started
        };
        if let Err(error) = self.declare().await {
            // Only what tools show depends on it.
            tracing::warn!(%error, "the subscriptions of this process could not be declared");
        }
        let mut report = StartReport::default();
        for subscription in started {
            let mut changes = subscription.environment.progress.changes();
            let now = changes.wait_for(|now| now.state != ConsumerState::Starting).await;
            let outcome = match now {
                Ok(now) => now.outcome(),
                Err(_) => Err(Error::closed("the subscription")),
            };
            report.outcomes.insert(subscription.consumer().name.clone(), outcome);
        }
        report
    }

    /// Says what this process runs, so that tools see it, and what is declared and runs nowhere.
    async fn declare(&self) -> Result<()> {
        let declarations: Vec<Declaration> = {
            let entries = self.entries.lock();
            let shared = entries.values().filter(|entry| entry.subscription.environment.lease.is_some());
            shared.map(|entry| declaration(&entry.subscription, entry.kind)).collect()
        };
        if declarations.is_empty() {
            Ok(())
        } else {
            self.statuses.declare(&self.instance, &declarations).await
        }
    }

    /// Stops every subscription: each ends what it has begun and writes its checkpoint, or is cut off when the time is up. Leases are
    /// given back, so that another process takes over at once.
    ///
    /// # Cancel safety
    /// They stop all the same, without the time-out.
    pub async fn stop(&self, timeout: Duration) -> StopReport {
        let stopping: Vec<(Subscription, Option<JoinHandle<()>>)> =
            self.entries.lock().values_mut().map(|e| (e.subscription.clone(), e.task.take())).collect();
        let deadline = tokio::time::Instant::now() + timeout;
        let stops = stopping.into_iter().map(|(subscription, task)| async move {
            let name = subscription.consumer().name.clone();
            let Some(mut task) = task else { return (name, StopOutcome::Drained) };
            // An error is a subscription that has ended already.
            let stop = async {
                let _ = subscription.stop().await;
                let _ = (&mut task).await;
            };
            let outcome = match tokio::time::timeout_at(deadline, stop).await {
                Ok(()) => StopOutcome::Drained,
                Err(_) => {
                    task.abort();
                    let reason = Some("cut off when the time to stop was up".to_owned());
                    subscription.environment.enter(ConsumerState::Stopped, reason, None);
                    StopOutcome::Forced
                }
            };
            if subscription.environment.lease.is_some()
                && let Err(error) = self.leases.release(subscription.consumer()).await
            {
                tracing::warn!(consumer = %subscription.consumer(), %error, "a lease was not given back, and ends by itself");
            }
            (name, outcome)
        });
        let outcomes = futures_util::future::join_all(stops).await.into_iter().collect();
        if let Some(heart) = self.heart().take() {
            heart.abort();
        }
        StopReport { outcomes }
    }

    /// Lets the heart beat, on a task of its own.
    fn beat_from_now_on(&self) {
        self.heart().get_or_insert_with(|| {
            let heart = Heart {
                instance: self.instance.clone(),
                leases: self.leases.clone(),
                requests: self.requests.clone(),
                entries: self.entries.clone(),
                beat: self.pace.beat,
                told: BTreeMap::new(),
            };
            tokio::spawn(heart.run())
        });
    }

    fn heart(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.heart.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is declared about a subscription.
fn declaration(subscription: &Subscription, kind: ConsumerKind) -> Declaration {
    let environment = &subscription.environment;
    let filter = format!("{:?}", environment.target.filter());
    let policy = format!("{:?}", environment.options);
    let text = format!("{} {} {filter} {policy}", environment.consumer, kind.as_str());
    Declaration {
        consumer: environment.consumer.clone(),
        kind,
        fingerprint: XxHash64::oneshot(0, text.as_bytes()),
        filter,
        policy,
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for entry in self.entries.lock().values() {
            if let Some(task) = &entry.task {
                task.abort();
            }
        }
        if let Some(heart) = self.heart().take() {
            heart.abort();
        }
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.lock().values().map(|entry| &entry.subscription)).finish()
    }
}

//! Who of several processes runs a subscription.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use eventsource_core::{
    ConsumerId, ConsumerName, Epoch, Error, InstanceId, Result,
    lease::{Acquired, Beat, HeldLease, Lease, LeaseName, LeaseStore, Pulse},
    status::InstanceStatus,
};
use tokio::{sync::watch, time::Instant};

/// How leases are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long a lease goes on without being renewed.
    pub(crate) ttl: Duration,
    /// How often it is renewed, and a lease that somebody else holds is asked for.
    pub(crate) beat: Duration,
}

impl Default for Pace {
    /// 2 s, renewed every 0.5 s: after a crash another process takes over within 3 s.
    fn default() -> Self {
        Self { ttl: Duration::from_secs(2), beat: Duration::from_millis(500) }
    }
}

/// The leases that an instance holds or wants.
pub(crate) struct Leases {
    store: Arc<dyn LeaseStore>,
    instance: InstanceId,
    pace: Pace,
    wanted: Mutex<BTreeMap<LeaseName, Wanted>>,
}

/// A lease that is asked for.
struct Wanted {
    consumer: ConsumerName,
    sender: watch::Sender<Known>,
}

/// What this process knows about a lease that it wants.
#[derive(Debug, Clone)]
enum Known {
    /// Nothing yet, or not what became of it.
    Nothing,
    /// Why nothing is known.
    Unreachable(Error),
    /// Another process holds it.
    Elsewhere,
    /// This process holds it.
    Held(Held),
}

#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: Epoch,
    /// By this process's clock, counted from before it was renewed, so that it never lasts longer than the database says.
    until: Instant,
}

/// Tells whether a lease is held.
#[derive(Debug, Clone)]
pub(crate) struct LeaseWatch(watch::Receiver<Known>);

/// What is to be done about a lease.
pub(crate) enum Turn {
    /// It is this process's turn, under this epoch.
    Mine(Epoch),
    /// Another process has its turn.
    Elsewhere,
    /// The leases cannot be reached.
    Unreachable(Error),
}

impl Known {
    fn held(&self) -> Option<Held> {
        match self {
            Self::Held(held) if held.until > Instant::now() => Some(*held),
            _ => None,
        }
    }
}

impl LeaseWatch {
    /// Whether the lease is held under this epoch, now.
    pub(crate) fn is_held(&self, epoch: Epoch) -> bool {
        self.epoch() == Some(epoch)
    }

    /// The epoch, while the lease is held.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.0.borrow().held().map(|held| held.epoch)
    }

    /// Waits until it is known whose turn it is, and that is another answer than `known`.
    pub(crate) async fn turn(&self, known: Option<&Turn>) -> Turn {
        let mut watch = self.0.clone();
        let is_news = |now: &Known| match (now, known) {
            (Known::Nothing, _) | (Known::Elsewhere, Some(Turn::Elsewhere)) => false,
            (Known::Unreachable(_), Some(Turn::Unreachable(_))) => false,
            (Known::Held(_), _) => now.held().is_some(),
            _ => true,
        };
        let now = watch.wait_for(is_news).await.map(|now| now.clone());
        match now {
            Ok(Known::Held(held)) => Turn::Mine(held.epoch),
            Ok(Known::Unreachable(error)) => Turn::Unreachable(error),
            Ok(Known::Nothing | Known::Elsewhere) => Turn::Elsewhere,
            // Nobody asks for it any more.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until the lease is no longer held under this epoch.
    pub(crate) async fn lost(&self, epoch: Epoch) {
        let mut watch = self.0.clone();
        let is_lost = |now: &Known| !matches!(now, Known::Held(held) if held.epoch == epoch);
        let _ = watch.wait_for(is_lost).await;
    }
}

impl Leases {
    pub(crate) fn new(store: Arc<dyn LeaseStore>, instance: InstanceId, pace: Pace) -> Self {
        Self { store, instance, pace, wanted: Mutex::default() }
    }

    /// Asks for the lease of a consumer from now on.
    pub(crate) fn want(&self, consumer: &ConsumerId) -> Result<LeaseWatch> {
        let name = LeaseName::new(consumer.to_string())?;
        let sender = watch::Sender::new(Known::Nothing);
        let watch = LeaseWatch(sender.subscribe());
        self.wanted().insert(name, Wanted { consumer: consumer.name.clone(), sender });
        Ok(watch)
    }

    /// Gives the lease of a consumer back, if it is held, and asks for it no more.
    pub(crate) async fn release(&self, consumer: &ConsumerId) -> Result<()> {
        let name = LeaseName::new(consumer.to_string())?;
        let held =
            self.wanted().remove(&name).and_then(|wanted| wanted.sender.send_replace(Known::Nothing).held());
        if let Some(held) = held {
            self.store.release(&name, &self.instance, held.epoch).await?;
        }
        Ok(())
    }

    /// One beat: renews what is held, tells what the subscriptions do, and asks for what is wanted and free.
    pub(crate) async fn beat(&self, statuses: Vec<InstanceStatus>) -> Result<Pulse> {
        let beaten = self.try_beat(statuses).await;
        if let Err(error) = &beaten {
            self.despair(error);
        }
        beaten
    }

    async fn try_beat(&self, statuses: Vec<InstanceStatus>) -> Result<Pulse> {
        let before = Instant::now();
        let leases = self.held();
        let mut pulse = Pulse::default();
        if !leases.is_empty() || !statuses.is_empty() {
            let beat = Beat { instance: self.instance.clone(), ttl: self.pace.ttl, leases, statuses };
            pulse = self.store.beat(&beat).await?;
            pulse.renewed.iter().for_each(|lease| self.hold(lease, before));
            pulse.lost.iter().for_each(|name| self.tell(name, Known::Elsewhere));
        }
        self.acquire_free().await?;
        Ok(pulse)
    }

    fn held(&self) -> Vec<HeldLease> {
        let wanted = self.wanted();
        let held = wanted.iter().filter_map(|(name, wanted)| {
            let epoch = wanted.sender.borrow().held()?.epoch;
            Some(HeldLease { name: name.clone(), epoch, consumer: Some(wanted.consumer.clone()) })
        });
        held.collect()
    }

    /// Asks for what is wanted and free: one look at all leases, and a question for each that is free.
    async fn acquire_free(&self) -> Result<()> {
        let wanted: Vec<LeaseName> = {
            let wanted = self.wanted();
            let missing = wanted.iter().filter(|(_, wanted)| wanted.sender.borrow().held().is_none());
            missing.map(|(name, _)| name.clone()).collect()
        };
        if wanted.is_empty() {
            return Ok(());
        }
        let taken = self.store.leases("").await?;
        for name in wanted {
            if taken.iter().any(|lease| lease.name == name) {
                self.tell(&name, Known::Elsewhere);
                continue;
            }
            let before = Instant::now();
            match self.store.acquire(&name, &self.instance, self.pace.ttl).await? {
                Acquired::Granted(lease) => self.hold(&lease, before),
                Acquired::Held(_) => self.tell(&name, Known::Elsewhere),
            }
        }
        Ok(())
    }

    fn hold(&self, lease: &Lease, before: Instant) {
        self.tell(&lease.name, Known::Held(Held { epoch: lease.epoch, until: before + self.pace.ttl }));
    }

    fn tell(&self, name: &LeaseName, known: Known) {
        if let Some(wanted) = self.wanted().get(name) {
            wanted.sender.send_replace(known);
        }
    }

    /// After a beat that failed: what is held goes on to its end, everything else is not known.
    fn despair(&self, error: &Error) {
        for wanted in self.wanted().values() {
            let is_held = wanted.sender.borrow().held().is_some();
            if !is_held {
                wanted.sender.send_replace(Known::Unreachable(error.clone()));
            }
        }
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, BTreeMap<LeaseName, Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

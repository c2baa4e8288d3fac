//! What an instance says and hears at each beat of its heart.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use eventsource_core::{ConsumerId, InstanceId, Timestamp, status::InstanceStatus};
use tokio::time::{Instant, MissedTickBehavior};

use crate::{lease::Leases, manager::Entries, requests::Requests, subscription::Subscription};

/// Beats until it is dropped: renews leases, tells what the subscriptions do, and takes on what operators ask.
pub(crate) struct Heart {
    pub(crate) instance: InstanceId,
    pub(crate) leases: Arc<Leases>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) entries: Entries,
    pub(crate) beat: Duration,
    /// What was told last.
    pub(crate) told: BTreeMap<ConsumerId, Told>,
}

/// What was told about a subscription.
pub(crate) struct Told {
    status: InstanceStatus,
    handled: u64,
    at: Instant,
}

impl Heart {
    pub(crate) async fn run(mut self) {
        let mut interval = tokio::time::interval(self.beat);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let shared: Vec<Subscription> =
                self.entries.subscriptions().into_iter().filter(|s| s.environment.lease.is_some()).collect();
            let statuses = self.news(&shared);
            match self.leases.beat(statuses).await {
                Ok(pulse) => {
                    for request in pulse.requests {
                        let is_meant = |s: &&Subscription| s.consumer().name == request.asked.consumer;
                        if let Some(subscription) = shared.iter().find(is_meant) {
                            self.requests.take(request, subscription.clone());
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "leases could not be renewed");
                    // Whether it was told is not known.
                    self.told.clear();
                }
            }
        }
    }

    /// The statuses that have changed since they were told.
    fn news(&mut self, shared: &[Subscription]) -> Vec<InstanceStatus> {
        let mut news = Vec::new();
        for subscription in shared {
            let now = Instant::now();
            let handled = subscription.environment.progress.handled.load(Ordering::Relaxed);
            let before = self.told.get(subscription.consumer());
            let events_per_second = before.map_or(0, |told| {
                let seconds = now.duration_since(told.at).as_secs_f64().max(0.001);
                // Saturates, and is never negative.
                ((handled - told.handled) as f64 / seconds) as u32
            });
            let status = self.status(subscription, events_per_second);
            if before.is_none_or(|told| told.status != status) {
                news.push(status.clone());
            }
            self.told.insert(subscription.consumer().clone(), Told { status, handled, at: now });
        }
        news
    }

    fn status(&self, subscription: &Subscription, events_per_second: u32) -> InstanceStatus {
        let environment = &subscription.environment;
        let now = environment.progress.now();
        let parked = environment.progress.parked_now();
        InstanceStatus {
            consumer: environment.consumer.clone(),
            instance: self.instance.clone(),
            state: now.state,
            reason: now.reason,
            failing_event: now.failing,
            position: now.position,
            lag_events: environment.progress.lag_events(),
            lag: None,
            events_per_second,
            parked_streams: parked.streams,
            letters: parked.letters,
            oldest_letter_at: parked.oldest_at,
            rebuild: None,
            checkpoint: environment.label.to_owned(),
            // Filled in by the store.
            reported_at: Timestamp::UNIX_EPOCH,
        }
    }
}

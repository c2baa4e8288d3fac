//! Leases in memory, by the store's clock.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, state::State};
use crate::{
    Epoch, InstanceId, Result, Timestamp,
    backend::{LeaseRow, acquire_lease, check_beat, check_ttl, is_held_by, renew_lease},
    lease::{Acquired, Beat, Lease, LeaseName, LeaseStore, Pulse},
};

/// The leases that were given and not given back.
#[derive(Default)]
pub(super) struct Leases {
    rows: BTreeMap<LeaseName, LeaseRow>,
    /// The epoch that was given last, for any name.
    last_epoch: Epoch,
}

impl Leases {
    fn acquire(
        &mut self,
        name: &LeaseName,
        owner: &InstanceId,
        ttl: std::time::Duration,
        now: Timestamp,
    ) -> Acquired {
        // What has ended needs no row: no epoch is ever given twice.
        self.rows.retain(|_, row| row.is_in_force(now));
        let (row, granted) =
            acquire_lease(self.rows.remove(name), name, owner, ttl, self.last_epoch.next(), now);
        let lease = row.lease.clone();
        self.rows.insert(name.clone(), row);
        self.last_epoch = self.last_epoch.max(lease.epoch);
        if granted { Acquired::Granted(lease) } else { Acquired::Held(lease) }
    }

    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Lease> {
        self.rows.values().filter(move |row| row.is_in_force(now)).map(|row| &row.lease)
    }
}

impl State {
    fn beat(&mut self, beat: &Beat, now: Timestamp) -> Pulse {
        let mut pulse = Pulse::default();
        let mut consumers = Vec::new();
        for held in &beat.leases {
            let row = self.leases.rows.get(&held.name).cloned();
            match renew_lease(row, held, &beat.instance, beat.ttl, now) {
                None => pulse.lost.push(held.name.clone()),
                Some(row) => {
                    pulse.renewed.push(row.lease.clone());
                    self.leases.rows.insert(held.name.clone(), row);
                    consumers.extend(held.consumer.clone());
                }
            }
        }
        self.statuses.told(&beat.instance, &beat.statuses, now);
        pulse.requests = self.requests.open_to(&consumers, now);
        pulse
    }
}

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn acquire(
        &self,
        name: &LeaseName,
        owner: &InstanceId,
        ttl: std::time::Duration,
    ) -> Result<Acquired> {
        check_ttl(ttl).map_err(|e| e.with_operation("acquire lease"))?;
        let mut state = self.open("acquire lease")?;
        Ok(state.leases.acquire(name, owner, ttl, self.now()))
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        check_beat(beat).map_err(|e| e.with_operation("beat"))?;
        let mut state = self.open("beat")?;
        Ok(state.beat(beat, self.now()))
    }

    async fn release(&self, name: &LeaseName, owner: &InstanceId, epoch: Epoch) -> Result<bool> {
        let mut state = self.open("release lease")?;
        let now = self.now();
        let rows = &mut state.leases.rows;
        let had =
            rows.get(name).is_some_and(|row| row.is_in_force(now) && is_held_by(&row.lease, owner, epoch));
        if had {
            rows.remove(name);
        }
        Ok(had)
    }

    async fn lease(&self, name: &LeaseName) -> Result<Option<Lease>> {
        let state = self.open("lease")?;
        let mut leases = state.leases.in_force(self.now());
        Ok(leases.find(|lease| lease.name == *name).cloned())
    }

    async fn leases(&self, prefix: &str) -> Result<Vec<Lease>> {
        let state = self.open("leases")?;
        let leases = state.leases.in_force(self.now());
        Ok(leases.filter(|lease| lease.name.as_str().starts_with(prefix)).cloned().collect())
    }
}

//! Leases: who gets one, and who keeps it.

use std::time::Duration;

use crate::{
    Epoch, Error, InstanceId, Result, Timestamp,
    lease::{Beat, HeldLease, Lease, LeaseName},
};

/// A lease as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// The lease.
    pub lease: Lease,
    /// How long it was given or renewed for.
    pub ttl: Duration,
}

impl LeaseRow {
    /// Whether the lease has not ended.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.lease.expires_at
    }

    fn renewed(self, ttl: Duration, now: Timestamp) -> Self {
        Self { lease: Lease { expires_at: now.plus(ttl), ..self.lease }, ttl }
    }
}

/// Refuses a lease that would end when it begins.
///
/// # Errors
/// `InvalidInput`.
pub fn check_ttl(ttl: Duration) -> Result<()> {
    if ttl.as_micros() > 0 {
        return Ok(());
    }
    Err(Error::invalid_input("ttl", "a lease must last a microsecond at least"))
}

/// Checks everything about a beat that needs no database.
///
/// # Errors
/// `InvalidInput` for a time-to-live of zero, or a status of another instance.
pub fn check_beat(beat: &Beat) -> Result<()> {
    check_ttl(beat.ttl)?;
    match beat.statuses.iter().find(|status| status.instance != beat.instance) {
        None => Ok(()),
        Some(foreign) => {
            let message = format!("{} cannot tell a status of {}", beat.instance, foreign.instance);
            Err(Error::invalid_input("statuses", message))
        }
    }
}

/// Decides who has a lease after somebody asked for it; `next` is an epoch above all that were given before. The row to
/// keep, and whether the caller has the lease; `next` is used up when it is the row's.
#[must_use]
pub fn acquire_lease(
    row: Option<LeaseRow>,
    name: &LeaseName,
    owner: &InstanceId,
    ttl: Duration,
    next: Epoch,
    now: Timestamp,
) -> (LeaseRow, bool) {
    match row.filter(|row| row.is_in_force(now)) {
        None => {
            let lease =
                Lease { name: name.clone(), owner: owner.clone(), epoch: next, expires_at: now.plus(ttl) };
            (LeaseRow { lease, ttl }, true)
        }
        Some(row) if row.lease.owner == *owner => (row.renewed(ttl, now), true),
        Some(mut row) => {
            // Further away than it was ever given for, it was given before the clock went back.
            row.lease.expires_at = row.lease.expires_at.min(now.plus(row.ttl));
            (row, false)
        }
    }
}

/// The row to keep of a lease that goes on; `None` when it is lost.
#[must_use]
pub fn renew_lease(
    row: Option<LeaseRow>,
    held: &HeldLease,
    owner: &InstanceId,
    ttl: Duration,
    now: Timestamp,
) -> Option<LeaseRow> {
    let row = row?;
    let goes_on = row.is_in_force(now) && is_held_by(&row.lease, owner, held.epoch);
    goes_on.then(|| row.renewed(ttl, now))
}

/// Whether a lease is this instance's under this epoch.
#[must_use]
pub fn is_held_by(lease: &Lease, owner: &InstanceId, epoch: Epoch) -> bool {
    lease.owner == *owner && lease.epoch == epoch
}

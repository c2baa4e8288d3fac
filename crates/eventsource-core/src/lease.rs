//! Who may run what, of several processes.
//!
//! A lease is a row with an owner, an end and an [`Epoch`]. Time is the database's alone, so that clocks of processes do not
//! matter. When the database's clock goes back, a lease still ends no later than its time-to-live after somebody else
//! asked for it. The end of a lease stops its owner from beginning anything; the epoch stops what it had begun: whatever is
//! written under an older epoch is refused.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ConsumerName, Epoch, InstanceId, Result, Timestamp,
    request::Request,
    status::InstanceStatus,
    store::Close,
    text::{check_key, text_newtype},
};

text_newtype!(
    /// What is leased, for example a part of a consumer, or whatever a lock protects: 1 to 255 bytes of UTF-8 without
    /// control characters.
    LeaseName,
    check_key
);

/// Who may run something, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What.
    pub name: LeaseName,
    /// Who.
    pub owner: InstanceId,
    /// Grows with each lease that is given, over all names, so that whatever is leased in other parts later obeys a newer
    /// epoch too.
    pub epoch: Epoch,
    /// When it ends by the database's clock, unless it is renewed.
    pub expires_at: Timestamp,
}

/// What became of an attempt to get a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// The caller has it.
    Granted(Lease),
    /// Somebody else has it.
    Held(Lease),
}

/// Everything an instance says at a beat of its heart: one call, one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Who.
    pub instance: InstanceId,
    /// How long its leases go on from now.
    pub ttl: Duration,
    /// The leases that it holds.
    pub leases: Vec<HeldLease>,
    /// What its consumers do; only what changed since the last beat need be there.
    pub statuses: Vec<InstanceStatus>,
}

/// A lease that an instance believes to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    /// Which.
    pub name: LeaseName,
    /// The epoch that it was given with.
    pub epoch: Epoch,
    /// The consumer whose requests its holder executes, if it is such a lease: they come with the renewal.
    pub consumer: Option<ConsumerName>,
}

/// What an instance is told at a beat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// The leases that go on.
    pub renewed: Vec<Lease>,
    /// The leases that it has no longer.
    pub lost: Vec<LeaseName>,
    /// The requests that are not final to consumers whose leases go on, oldest first, at most 100.
    pub requests: Vec<Request>,
}

/// Gives leases, and locks, which are leases under another name.
#[async_trait]
pub trait LeaseStore: Close {
    /// Gets a lease that nobody holds, or whose end has passed.
    ///
    /// The epoch is above every one given before, for any name. An owner that asks again while it holds the lease keeps its
    /// epoch and gets a new end.
    ///
    /// # Atomicity
    /// Of callers at the same time, one gets it.
    ///
    /// # Errors
    /// `InvalidInput` for a time-to-live of zero; failures of the database. That somebody else holds it is an answer.
    ///
    /// # Cancel safety
    /// A dropped call may have got the lease; asking again tells, and otherwise it ends by itself.
    async fn acquire(&self, name: &LeaseName, owner: &InstanceId, ttl: Duration) -> Result<Acquired>;

    /// Renews all leases of an instance, keeps its statuses, and fetches the requests to its consumers.
    ///
    /// A lease whose end has passed is lost, also when nobody has taken it since.
    ///
    /// # Atomicity
    /// One commit. Each lease is renewed or lost by itself.
    ///
    /// # Errors
    /// `InvalidInput` for a time-to-live of zero, or a status of another instance; failures of the database: the
    /// instance then has to assume that its leases end.
    ///
    /// # Cancel safety
    /// A dropped call may have renewed; beat again.
    async fn beat(&self, beat: &Beat) -> Result<Pulse>;

    /// Gives a lease back, so that others need not wait for its end. Whether the caller still had it.
    ///
    /// # Errors
    /// Only failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call may have released it; calling again is harmless.
    async fn release(&self, name: &LeaseName, owner: &InstanceId, epoch: Epoch) -> Result<bool>;

    /// The lease as it was given last, unless it was released or its end has passed.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn lease(&self, name: &LeaseName) -> Result<Option<Lease>>;

    /// All leases in force whose names begin like this, by name.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn leases(&self, prefix: &str) -> Result<Vec<Lease>>;
}

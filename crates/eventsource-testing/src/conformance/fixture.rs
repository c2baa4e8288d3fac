//! What a store tells the suites about itself.

use std::future::Future;

use eventsource_core::{TenantId, store::Limits};

use crate::ManualClock;

/// Opens stores for the cases. Each test makes a fixture of its own, and drops it when the case has ended, so that it can
/// own what the store needs: a directory, a schema, a container.
///
/// What goes wrong while a store is opened may panic: it fails the test.
pub trait Fixture: Send + Sync + 'static {
    /// A handle of the store, whose clones share what they reach. Where handles cannot be cloned, an `Arc` can.
    type Store: Clone + Send + Sync + 'static;

    /// What the store promises beyond the contract of the ports, and what it does not show.
    fn capabilities(&self) -> Capabilities;

    /// Opens a new store without events, with a log of its own. Called several times by some cases.
    fn open(&self, setup: &Setup) -> impl Future<Output = Self::Store> + Send;
}

/// A fixture whose stores outlive their handles.
pub trait Reopen: Fixture {
    /// Opens again the store that [`open`](Fixture::open) opened last, after it was closed.
    fn reopen(&self, setup: &Setup) -> impl Future<Output = Self::Store> + Send;
}

/// How a case wants its store to be opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// Tells the store what time it is.
    pub clock: ManualClock,
    /// What an append or an import may hold. A store whose own limits are lower keeps them.
    pub limits: Limits,
}

/// What a store declares. Cases assert both answers, so that a wrong declaration fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Where an event id can be taken only once.
    pub unique_ids: UniqueIds,
    /// The only tenant whose streams the handle reaches; `None` when it reaches all.
    pub tenant: Option<TenantId>,
}

/// Where an event id can be taken only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueIds {
    /// In the whole log.
    PerLog,
    /// In each stream: what every store promises.
    PerStream,
}

impl Capabilities {
    /// Those of a store that reaches all tenants.
    #[must_use]
    pub fn new(unique_ids: UniqueIds) -> Self {
        Self { unique_ids, tenant: None }
    }

    /// The handle reaches the streams of this tenant only.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }
}

//! What a case works with, and how it is run.

use std::{fmt, panic::resume_unwind, sync::Arc, time::Duration};

use eventsource_core::{EventFilter, StreamId, TenantFilter, TenantId, store::Limits};
use futures_util::{FutureExt, future::BoxFuture};

use super::{Capabilities, Fixture, Reopen, Setup, UniqueIds};
use crate::ManualClock;

/// How long a case may take. Only one that hangs reaches it.
const DEADLINE: Duration = Duration::from_secs(120);

/// A case: its name, which is the sentence that it checks, and the check.
pub(super) struct Case<L: 'static> {
    pub(super) name: &'static str,
    pub(super) check: for<'a> fn(&'a L) -> BoxFuture<'a, ()>,
}

/// Runs the case of this name on a runtime with several threads.
pub(super) fn run<L: Send + Sync + 'static>(lab: L, cases: &[Case<L>], name: &str) {
    let case = cases.iter().find(|case| case.name == name);
    let check = case.unwrap_or_else(|| panic!("there is no case {name}")).check;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    // A task of its own, so that even a case that never waits can be told from one that ends.
    let task = runtime.spawn(async move { check(&lab).await });
    let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, task).await });
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(failed)) => resume_unwind(failed.into_panic()),
        Err(_) => {
            runtime.shutdown_background();
            panic!("{name} has not ended after {DEADLINE:?}");
        }
    }
}

type Open<P> = Box<dyn Fn(Setup) -> BoxFuture<'static, [Arc<P>; 2]> + Send + Sync>;

/// Opens the stores of a case, and names its streams so that the store reaches them.
pub(super) struct Lab<P: ?Sized> {
    open: Open<P>,
    reopen: Option<Open<P>>,
    setup: Setup,
    capabilities: Capabilities,
}

impl<P: ?Sized + Send + Sync + 'static> Lab<P> {
    /// A lab whose stores come from a fixture, as the ports that the case needs.
    pub(super) fn new<F: Fixture>(fixture: &Arc<F>, port: fn(F::Store) -> Arc<P>) -> Self {
        let opened = fixture.clone();
        let open = move |setup: Setup| {
            let fixture = opened.clone();
            async move { fixture.open(&setup).await }
                .map(move |store| [port(store.clone()), port(store)])
                .boxed()
        };
        Self {
            open: Box::new(open),
            reopen: None,
            setup: Setup { clock: ManualClock::default(), limits: Limits::default() },
            capabilities: fixture.capabilities(),
        }
    }

    /// A lab whose stores can be opened again.
    pub(super) fn reopening<F: Reopen>(fixture: &Arc<F>, port: fn(F::Store) -> Arc<P>) -> Self {
        let reopened = fixture.clone();
        let reopen = move |setup: Setup| {
            let fixture = reopened.clone();
            async move { fixture.reopen(&setup).await }
                .map(move |store| [port(store.clone()), port(store)])
                .boxed()
        };
        Self { reopen: Some(Box::new(reopen)), ..Self::new(fixture, port) }
    }

    /// A new store.
    pub(super) async fn open(&self) -> Arc<P> {
        let [store, _] = self.open_twice().await;
        store
    }

    /// Two handles of a new store.
    pub(super) async fn open_twice(&self) -> [Arc<P>; 2] {
        (self.open)(self.setup.clone()).await
    }

    /// A new store with these limits, or lower ones of its own.
    pub(super) async fn open_limited(&self, limits: Limits) -> Arc<P> {
        let [store, _] = (self.open)(Setup { limits, ..self.setup.clone() }).await;
        store
    }

    /// The store that was opened last, again.
    pub(super) async fn reopen(&self) -> Arc<P> {
        let reopen = self.reopen.as_ref().expect("only cases of a store that reopens ask for this");
        let [store, _] = reopen(self.setup.clone()).await;
        store
    }

    /// The clock of all stores of this lab.
    pub(super) fn clock(&self) -> &ManualClock {
        &self.setup.clock
    }

    pub(super) fn unique_ids(&self) -> UniqueIds {
        self.capabilities.unique_ids
    }

    /// The only tenant that the store reaches; `None` when it reaches all.
    pub(super) fn tenant(&self) -> Option<&TenantId> {
        self.capabilities.tenant.as_ref()
    }

    /// A stream that the store reaches, of the category that most cases use.
    pub(super) fn stream(&self, key: impl fmt::Display) -> StreamId {
        self.stream_in("Test", key)
    }

    /// A stream that the store reaches.
    pub(super) fn stream_in(&self, category: &str, key: impl fmt::Display) -> StreamId {
        StreamId::with_tenant(self.tenant(), category, key.to_string()).unwrap()
    }

    /// A filter for the streams of this lab that says whose they are.
    pub(super) fn own_filter(&self) -> EventFilter {
        EventFilter::all().tenant(self.own())
    }

    /// Whose the streams of this lab are.
    pub(super) fn own(&self) -> TenantFilter {
        self.tenant().map_or(TenantFilter::Untenanted, |tenant| TenantFilter::Only(tenant.clone()))
    }
}

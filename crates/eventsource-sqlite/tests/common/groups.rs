//! Appends that are queued together.

use std::{future::Future, path::Path, pin::Pin};

use eventsource_core::{
    Result,
    store::{Append, Appended, EventStore},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use futures_util::FutureExt;

use super::{GateClock, append};

/// An append on its way.
pub(crate) type Queued = Pin<Box<dyn Future<Output = Result<Appended>> + Send>>;

/// Queues appends while the writer is held inside an earlier commit, so that it finds all of them afterwards.
pub(crate) async fn together(
    store: &SqliteStore,
    clock: &GateClock,
    appends: Vec<Append>,
) -> Vec<Result<Appended>> {
    let (reached, release) = clock.hold();
    let first = queue(store, append("first"));
    reached.recv().unwrap();
    let queued: Vec<Queued> = appends.into_iter().map(|append| queue(store, append)).collect();
    drop(release);
    first.await.unwrap();
    futures_util::future::join_all(queued).await
}

/// Hands an append to the writer, and does not wait for it.
pub(crate) fn queue(store: &SqliteStore, append: Append) -> Queued {
    let store = store.clone();
    let mut queued: Queued = Box::pin(async move { store.append(append).await });
    // The first poll hands it to the writer.
    assert!((&mut queued).now_or_never().is_none());
    queued
}

/// A store whose commits can be held by its clock.
pub(crate) async fn open_gated(path: &Path) -> (SqliteStore, GateClock) {
    let clock = GateClock::default();
    let store = SqliteStore::open_with(SqliteOptions::file(path).with_clock(clock.clone())).await.unwrap();
    (store, clock)
}

//! How snapshots are written: they never fail a commit, and a newer one always wins.

use std::sync::Arc;

use eventsource_core::{
    Aggregate, MemoryStore, Repository, StateType, StreamVersion,
    aggregate::{SnapshotPolicy, SnapshotState, SnapshotWriting},
    store::SnapshotStore,
};
use eventsource_macros::Event;
use eventsource_testing::{Fault, FaultStore, Harness, Operation};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use crate::{
    common::{Order, noted},
    record, stream,
};

fn snapshotting(app: &Harness, writing: SnapshotWriting) -> Repository<Order> {
    let orders = app.repository::<Order>();
    orders.with_snapshots_written(app.store.clone(), SnapshotPolicy::Every(1), writing).unwrap()
}

async fn kept(store: &impl SnapshotStore) -> Option<u64> {
    let kept = store.load(&stream("1"), &StateType::new("Order").unwrap(), 1).await.unwrap();
    kept.map(|snapshot| snapshot.version.get())
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_fails_no_commit() {
    for (writing, fault) in [
        (SnapshotWriting::Inline, Fault::before()),
        (SnapshotWriting::Inline, Fault::after()),
        (SnapshotWriting::Background, Fault::before()),
    ] {
        let app = Harness::new();
        let orders = snapshotting(&app, writing);
        app.store.fail_next(Operation::SaveSnapshot, fault.times(3));
        orders.create("1", |order| order.place(100)).await.unwrap();
        orders.update("1", |order| order.note("a")).await.unwrap();
        let mut unit = orders.load("1").await.unwrap();
        unit.record(|order| order.note("b")).unwrap();
        assert_eq!(orders.save(&mut unit).await.unwrap().version.get(), 3);
        orders.flush_snapshots().await;
        let statistics = orders.snapshot_statistics();
        assert_eq!((statistics.failed, statistics.saved), (3, 0));
        assert_eq!(orders.load("1").await.unwrap().notes, ["a", "b"]);
    }
}

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(category = "Gauge")]
enum GaugeEvent {
    Doubled,
}

/// A state that grows beyond what JSON can hold.
#[derive(Debug, Serialize, Deserialize)]
struct Gauge(f64);

impl Default for Gauge {
    fn default() -> Self {
        Self(f64::MAX / 2.0)
    }
}

impl Aggregate for Gauge {
    type Event = GaugeEvent;

    fn apply(&mut self, event: &GaugeEvent) {
        match event {
            GaugeEvent::Doubled => self.0 *= 2.0,
        }
    }
}

impl SnapshotState for Gauge {
    const STATE_TYPE: &'static str = "Gauge";
    const STATE_VERSION: u16 = 1;
}

#[tokio::test]
async fn a_state_that_cannot_be_encoded_fails_no_commit() {
    let app = Harness::new();
    let gauges = app
        .repository::<Gauge>()
        .with_snapshots_written(app.store.clone(), SnapshotPolicy::Every(1), SnapshotWriting::Inline)
        .unwrap();
    gauges.update("1", |_| record(GaugeEvent::Doubled)).await.unwrap();
    assert!(gauges.update("1", |_| record(GaugeEvent::Doubled)).await.unwrap().state.0.is_infinite());
    assert!(gauges.load("1").await.unwrap().0.is_infinite());
    let statistics = gauges.snapshot_statistics();
    assert_eq!((statistics.saved, statistics.failed), (1, 1));
}

#[tokio::test]
async fn an_older_snapshot_never_replaces_a_newer_one() {
    let app = Harness::new();
    let (slow, fast) =
        (snapshotting(&app, SnapshotWriting::Background), snapshotting(&app, SnapshotWriting::Inline));
    let held = app.store.hold_next_call(Operation::SaveSnapshot);
    slow.create("1", |order| order.place(100)).await.unwrap();
    held.reached().await;
    fast.update("1", |order| order.note("a")).await.unwrap();
    assert_eq!(kept(&app.store).await, Some(2));
    held.release();
    slow.flush_snapshots().await;
    assert_eq!(kept(&app.store).await, Some(2));
    let statistics = slow.snapshot_statistics();
    assert_eq!((statistics.saved, statistics.outdated), (0, 1));
}

#[tokio::test]
async fn a_commit_does_not_wait_for_its_snapshot_in_the_background() {
    let app = Harness::new();
    let orders = snapshotting(&app, SnapshotWriting::Background);
    let held = app.store.hold_next_call(Operation::SaveSnapshot);
    orders.create("1", |order| order.place(100)).await.unwrap();
    held.reached().await;
    orders.update("1", |order| order.note("a")).await.unwrap();
    assert_eq!(kept(&app.store).await, None);

    let mut flush = Box::pin(orders.flush_snapshots());
    assert!((&mut flush).now_or_never().is_none(), "flushing waits for what is under way");
    held.release();
    flush.await;
    assert_eq!(kept(&app.store).await, Some(2));
    assert_eq!(orders.snapshot_statistics().saved, 2);
    orders.flush_snapshots().await;
}

#[tokio::test]
async fn what_does_not_fit_the_queue_is_dropped_and_counted() {
    let app = Harness::new();
    let orders = snapshotting(&app, SnapshotWriting::Background);
    let held = app.store.hold_next_call(Operation::SaveSnapshot);
    orders.create("1", |order| order.place(100)).await.unwrap();
    held.reached().await;
    // One is under way, 64 wait.
    for n in 0..64 + 3 {
        orders.update("1", |_| record(noted(n))).await.unwrap();
    }
    assert_eq!(orders.snapshot_statistics().dropped, 3);
    held.release();
    orders.flush_snapshots().await;
    assert_eq!(kept(&app.store).await, Some(65));
    assert_eq!(orders.snapshot_statistics().saved, 65);
    assert_eq!(orders.load("1").await.unwrap().version(), StreamVersion::new(68));
}

#[tokio::test]
async fn inline_writing_is_done_when_the_commit_returns() {
    let app = Harness::new();
    let orders = snapshotting(&app, SnapshotWriting::Inline);
    for version in 1..=3 {
        orders.update("1", |order| order.note("a")).await.unwrap();
        assert_eq!(kept(&app.store).await, Some(version));
    }
    orders.flush_snapshots().now_or_never().expect("nothing is ever pending");
}

#[test]
fn without_a_runtime_the_background_is_inline() {
    let store = FaultStore::new(MemoryStore::new());
    let orders = Repository::<Order>::new(store.clone())
        .with_snapshots(Arc::new(store.clone()), SnapshotPolicy::Every(1))
        .unwrap();
    let created = orders.create("1", |order| order.place(100)).now_or_never().expect("memory never waits");
    created.unwrap();
    assert_eq!(kept(&store).now_or_never().unwrap(), Some(1));
}

//! Loading from a snapshot gives what a full fold gives, wherever it was taken.

use eventsource_core::{
    Error, ErrorKind, MemoryStore, Repository, StreamVersion,
    aggregate::{SnapshotPolicy, SnapshotStatistics, SnapshotWriting},
    store::SaveOutcome,
};
use eventsource_testing::Harness;
use proptest::prelude::*;

use crate::{
    append_elsewhere,
    common::{Order, noted, placed},
    failed, is_not_found, record,
};

/// Compares every state of the stream, present and past, with the one that is folded from its events alone.
async fn check_against_fold(orders: &Repository<Order>, store: &MemoryStore, key: &str) {
    let fold = Repository::<Order>::new(store.clone());
    let (loaded, folded) = (orders.load(key).await.unwrap(), fold.load(key).await.unwrap());
    assert_eq!((loaded.state(), loaded.version()), (folded.state(), folded.version()));
    for version in 1..=folded.version().get() {
        let version = StreamVersion::new(version);
        let (past, folded) = (orders.load_at(key, version).await, fold.load_at(key, version).await);
        assert_eq!(past.unwrap(), folded.unwrap());
    }
    let next = folded.version().next();
    assert!(matches!(
        failed(orders.load_at(key, next).await).kind(),
        ErrorKind::InvalidInput { field: "version", .. }
    ));
}

/// Commits batches of these sizes, under a policy of every so many events, and checks after each.
async fn check_boundaries(sizes: &[usize], every: u64, writing: SnapshotWriting) -> SnapshotStatistics {
    let store = MemoryStore::new();
    let policy = SnapshotPolicy::Every(every);
    let orders = Repository::<Order>::new(store.clone())
        .with_snapshots_written(store.clone(), policy, writing)
        .unwrap();
    let mut version = 0;
    let mut due = 0;
    for (number, size) in sizes.iter().enumerate() {
        let batch: Vec<_> = (0..*size).map(|event| noted(format!("{number}.{event}"))).collect();
        let committed = if number % 2 == 0 {
            orders.update("1", |_| record(batch.clone())).await.unwrap().version
        } else {
            let mut unit = orders.load("1").await.unwrap();
            unit.record(|_| record(batch.clone())).unwrap();
            orders.save(&mut unit).await.unwrap().version
        };
        let before = std::mem::replace(&mut version, committed.get());
        due += u64::from(before / every != version / every);
        orders.flush_snapshots().await;
        check_against_fold(&orders, &store, "1").await;
    }
    let statistics = orders.snapshot_statistics();
    assert_eq!(statistics.saved, due, "one for each crossing of a multiple of {every}");
    statistics
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_load_from_a_snapshot_equals_a_full_fold_for_all_boundaries(
        sizes in prop::collection::vec(1..=4_usize, 1..8),
        every in 1..=7_u64,
        is_inline: bool,
    ) {
        let writing = if is_inline { SnapshotWriting::Inline } else { SnapshotWriting::Background };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let statistics = runtime.block_on(check_boundaries(&sizes, every, writing));
        let is_taken = sizes.iter().sum::<usize>() as u64 >= every;
        prop_assert_eq!(is_taken, statistics.hits > 0, "{:?}", statistics);
        let wrong = statistics.undecodable + statistics.diverged + statistics.unavailable;
        prop_assert_eq!(wrong + statistics.failed + statistics.outdated + statistics.dropped, 0);
    }
}

#[tokio::test]
async fn every_zeroth_event_is_every_event() {
    check_boundaries(&[1, 2, 1], 1, SnapshotWriting::Inline).await;
    let store = MemoryStore::new();
    let orders = Repository::<Order>::new(store.clone())
        .with_snapshots_written(store.clone(), SnapshotPolicy::Every(0), SnapshotWriting::Inline)
        .unwrap();
    orders.create("1", |order| order.place(1)).await.unwrap();
    assert_eq!(orders.snapshot_statistics().saved, 1);
}

#[tokio::test]
async fn many_pages_after_a_snapshot_are_folded_onto_it() {
    let store = MemoryStore::new();
    let orders = Repository::<Order>::new(store.clone())
        .with_snapshots(store.clone(), SnapshotPolicy::Manual)
        .unwrap();
    orders.create("1", |_| record([placed(1), noted("a")])).await.unwrap();
    assert_eq!(orders.take_snapshot("1").await.unwrap(), SaveOutcome::Saved);
    append_elsewhere(&store, "1", (0..2_500).map(noted)).await;
    let fold = Repository::<Order>::new(store.clone()).load("1").await.unwrap();
    assert_eq!(orders.load("1").await.unwrap().state(), fold.state());
    assert_eq!(fold.version().get(), 2_502);
    assert_eq!(orders.snapshot_statistics().hits, 1);
}

#[tokio::test]
async fn snapshots_are_taken_by_hand() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let error: Error = failed(orders.take_snapshot("1").await);
    assert_eq!(error.kind(), &ErrorKind::Unsupported);

    let orders = orders.with_snapshots(app.store.clone(), SnapshotPolicy::Manual).unwrap();
    assert!(is_not_found(&failed(orders.take_snapshot("1").await)));
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    orders.update("1", |order| order.note("b")).await.unwrap();
    assert_eq!(orders.snapshot_statistics().saved, 0, "no policy takes one");
    assert_eq!(orders.take_snapshot("1").await.unwrap(), SaveOutcome::Saved);
    assert_eq!(orders.take_snapshot("1").await.unwrap(), SaveOutcome::Outdated, "it is there");
    assert_eq!(orders.load("1").await.unwrap().notes, ["a", "b"]);
    let SnapshotStatistics { saved, outdated, hits, .. } = orders.snapshot_statistics();
    assert_eq!((saved, outdated, hits), (1, 1, 2), "the second one was taken of a state from the first");
}

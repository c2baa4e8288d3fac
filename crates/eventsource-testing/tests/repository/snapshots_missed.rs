//! A snapshot that cannot be used is a counted miss, and never an error.

use eventsource_core::{
    EventId, MemoryStore, Repository, StateType, StreamVersion, TenantId, Timestamp,
    aggregate::{SnapshotPolicy, SnapshotState, SnapshotStatistics},
    codec::{CodecTag, TransformTag},
    lifecycle::LifecycleNote,
    store::{EventStore, Snapshot, SnapshotStore, StreamErasure},
};
use eventsource_testing::{Fault, Harness, Operation};

use crate::{
    common::{Order, noted, placed},
    events, failed, is_deleted, notes, stream,
};

/// A stream of three events, with a snapshot of the second state that `change` spoils.
async fn with_snapshot(change: impl FnOnce(&mut Snapshot)) -> Harness {
    let app = Harness::new();
    app.given::<Order>("1", [placed(100), noted("a"), noted("b")]).await;
    let mut snapshot = Snapshot {
        stream: stream("1"),
        state_type: StateType::new("Order").unwrap(),
        schema_version: Order::STATE_VERSION,
        version: StreamVersion::new(2),
        last_event: events(&app, "1").await[1].id,
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: r#"{"total":100,"notes":["from the snapshot"],"tracking_number":null}"#.into(),
        taken_at: Timestamp::UNIX_EPOCH,
    };
    change(&mut snapshot);
    app.store.save(snapshot).await.unwrap();
    app
}

async fn load(app: &Harness) -> (Vec<String>, SnapshotStatistics) {
    let orders = app.repository::<Order>().with_snapshots(app.store.clone(), SnapshotPolicy::Manual).unwrap();
    let order = orders.load("1").await.unwrap();
    assert_eq!((order.version().get(), order.total), (3, 100));
    (order.notes.clone(), orders.snapshot_statistics())
}

#[tokio::test]
async fn a_good_one_is_begun_with() {
    let app = with_snapshot(|_| ()).await;
    let (notes, statistics) = load(&app).await;
    assert_eq!(notes, ["from the snapshot", "b"]);
    let mut expected = SnapshotStatistics::default();
    expected.hits = 1;
    assert_eq!(statistics, expected);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_undecodable() {
    let spoilers: [fn(&mut Snapshot); 5] = [
        |snapshot| snapshot.state = "{".into(),
        |snapshot| snapshot.state = r#"{"total":"100"}"#.into(),
        |snapshot| snapshot.state = vec![0xff].into(),
        |snapshot| snapshot.codec = CodecTag::from_static("cbor"),
        |snapshot| snapshot.transform = TransformTag::ZSTD,
    ];
    let mut expected = SnapshotStatistics::default();
    expected.undecodable = 1;
    for spoil in spoilers {
        let app = with_snapshot(spoil).await;
        assert_eq!(load(&app).await, (vec!["a".into(), "b".into()], expected));
    }
}

#[tokio::test]
async fn one_of_another_version_or_type_of_state_is_absent_and_stays() {
    let spoilers: [fn(&mut Snapshot); 3] = [
        |snapshot| snapshot.schema_version = Order::STATE_VERSION - 1,
        |snapshot| snapshot.schema_version = Order::STATE_VERSION + 1,
        |snapshot| snapshot.state_type = StateType::new("OtherOrder").unwrap(),
    ];
    let mut expected = SnapshotStatistics::default();
    expected.absent = 1;
    for spoil in spoilers {
        let app = with_snapshot(spoil).await;
        assert_eq!(load(&app).await, (vec!["a".into(), "b".into()], expected));
        let orders =
            app.repository::<Order>().with_snapshots(app.store.clone(), SnapshotPolicy::Manual).unwrap();
        orders.take_snapshot("1").await.unwrap();
        assert_eq!(SnapshotStore::delete(&app.store, &stream("1")).await.unwrap(), 2, "each has its own");
    }
}

#[tokio::test]
async fn one_of_another_history_is_diverged() {
    let spoilers: [fn(&mut Snapshot); 3] = [
        |snapshot| snapshot.last_event = EventId::generate(),
        |snapshot| snapshot.version = StreamVersion::new(3),
        // Ahead of the stream: the log was restored from an older copy.
        |snapshot| snapshot.version = StreamVersion::new(4),
    ];
    let mut expected = SnapshotStatistics::default();
    expected.diverged = 1;
    for spoil in spoilers {
        let app = with_snapshot(spoil).await;
        assert_eq!(load(&app).await, (vec!["a".into(), "b".into()], expected));
    }
}

#[tokio::test]
async fn a_log_that_was_restored_from_an_older_copy_is_folded_whole() {
    let (before, snapshots) = (MemoryStore::new(), MemoryStore::new());
    let orders = |store: &MemoryStore| {
        let orders = Repository::<Order>::new(store.clone());
        orders.with_snapshots(snapshots.clone(), SnapshotPolicy::Manual).unwrap()
    };
    let lost = orders(&before);
    let backup = lost.create("1", |order| order.place(100)).await.unwrap().token.unwrap();
    lost.update("1", |order| order.note("lost")).await.unwrap();
    lost.take_snapshot("1").await.unwrap();

    let restored = orders(&before.restored_to(backup.position));
    assert_eq!(notes(&restored.load("1").await.unwrap()), Vec::<&str>::new());
    restored.update("1", |order| order.note("written anew")).await.unwrap();
    assert_eq!(notes(&restored.load("1").await.unwrap()), ["written anew"]);
    assert_eq!(restored.snapshot_statistics().diverged, 3);
}

#[tokio::test]
async fn a_store_of_snapshots_that_fails_is_done_without() {
    let app = with_snapshot(|_| ()).await;
    app.store.fail_next(Operation::LoadSnapshot, Fault::before());
    let mut expected = SnapshotStatistics::default();
    expected.unavailable = 1;
    assert_eq!(load(&app).await, (vec!["a".into(), "b".into()], expected));
}

#[tokio::test]
async fn one_is_not_asked_for_the_past_before_it_or_by_time() {
    let app = with_snapshot(|_| ()).await;
    let orders = app.repository::<Order>().with_snapshots(app.store.clone(), SnapshotPolicy::Manual).unwrap();
    let past = orders.load_at("1", StreamVersion::FIRST).await.unwrap();
    assert_eq!(notes(&past), Vec::<&str>::new());
    let past = orders.load_at("1", eventsource_core::store::AsOf::Recorded(Timestamp::MAX)).await.unwrap();
    assert_eq!(notes(&past), ["a", "b"]);
    assert_eq!(orders.snapshot_statistics().hits, 0);
    let past = orders.load_at("1", StreamVersion::new(2)).await.unwrap();
    assert_eq!(notes(&past), ["from the snapshot"]);
}

#[tokio::test]
async fn one_of_an_erased_stream_is_gone_and_loads_are_refused() {
    let app = with_snapshot(|_| ()).await;
    app.store.erase(&stream("1"), &LifecycleNote::default()).await.unwrap();
    let orders = app.repository::<Order>().with_snapshots(app.store.clone(), SnapshotPolicy::Manual).unwrap();
    assert!(is_deleted(&failed(orders.load("1").await), true));
    assert!(is_deleted(&failed(orders.take_snapshot("1").await), true));
    assert_eq!(orders.snapshot_statistics().absent, 2);
}

#[tokio::test]
async fn tenants_have_snapshots_of_their_own() {
    let app = with_snapshot(|_| ()).await;
    let orders = app.repository::<Order>().with_snapshots(app.store.clone(), SnapshotPolicy::Manual).unwrap();
    let acme = orders.for_tenant(&TenantId::new("acme").unwrap());
    acme.create("1", |order| order.place(7)).await.unwrap();
    assert_eq!(acme.load("1").await.unwrap().total, 7);
    acme.take_snapshot("1").await.unwrap();
    assert_eq!(notes(&orders.load("1").await.unwrap()), ["from the snapshot", "b"]);
    let stream = "acme@Order/1".parse().unwrap();
    assert!(app.store.stream(&stream).await.unwrap().exists());
    assert!(app.store.exists(&stream, &StateType::new("Order").unwrap(), 1).await.unwrap());
}

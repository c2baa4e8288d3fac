//! Calls that are dropped at every place where they can be.

use std::time::Duration;

use eventsource_core::{
    MemoryStore, Repository,
    aggregate::{SnapshotPolicy, SnapshotWriting},
};
use eventsource_testing::{FaultStore, RecordingPublisher, assert_no_holes, audit, poll_times};

use crate::{
    common::{Order, OrderCommand, noted, placed},
    record,
};

/// Everything that a commit does, with a place to be dropped before and after each step.
fn orders(store: &FaultStore<MemoryStore>) -> Repository<Order> {
    Repository::new(store.clone())
        .with_publisher(RecordingPublisher::new())
        .with_snapshots_written(store.clone(), SnapshotPolicy::Every(2), SnapshotWriting::Inline)
        .unwrap()
}

/// What a dropped call left: both events or none, a turn that is free, a state that can be loaded.
async fn check(store: &FaultStore<MemoryStore>, orders: &Repository<Order>, key: &str, before: u64) -> bool {
    let version = orders.version(key).await.unwrap().get();
    assert!(version == before || version == before + 2, "all or nothing: {before} before, {version} now");
    let next = orders.update(key, |order| order.note("next"));
    let next = tokio::time::timeout(Duration::from_secs(30), next).await.unwrap().unwrap();
    assert_eq!(next.version.get(), version + 1);
    let fold = Repository::<Order>::new(store.inner().clone()).load(key).await.unwrap();
    assert_eq!(orders.load(key).await.unwrap().state(), fold.state());
    version > before
}

#[tokio::test]
async fn a_dropped_update_leaves_all_or_nothing_and_the_turn_free() {
    let store = FaultStore::new(MemoryStore::new()).yielding();
    let orders = orders(&store);
    let mut happened = Vec::new();
    for polls in 0.. {
        let key = polls.to_string();
        orders.create(&key, |_| record([placed(100), noted("a")])).await.unwrap();
        let update = orders.update(&key, |_| record([noted("b"), noted("c")]));
        let done = poll_times(update, polls).await.is_some();
        happened.push(check(&store, &orders, &key, 2).await);
        if done {
            break;
        }
    }
    assert!(happened.len() > 8, "there are places to be dropped at");
    assert!(happened.is_sorted() && !happened[0], "from some poll on it has happened: {happened:?}");
    assert_no_holes(&audit(&store).await);
}

#[tokio::test]
async fn a_dropped_create_leaves_all_or_nothing() {
    let store = FaultStore::new(MemoryStore::new()).yielding();
    let orders = orders(&store);
    for polls in 0.. {
        let key = polls.to_string();
        let create = orders.create(&key, |_| record([placed(100), noted("a")]));
        let done = poll_times(create, polls).await.is_some();
        assert_eq!(check(&store, &orders, &key, 0).await, orders.load(&key).await.unwrap().total == 100);
        if done {
            break;
        }
    }
    audit(&store).await;
}

#[tokio::test]
async fn a_dropped_command_leaves_all_or_nothing() {
    let store = FaultStore::new(MemoryStore::new()).yielding();
    let orders = orders(&store);
    for polls in 0.. {
        let key = polls.to_string();
        let done = poll_times(orders.execute(&key, &OrderCommand::Place { total: 1 }), polls).await.is_some();
        let version = orders.version(&key).await.unwrap().get();
        assert_eq!(orders.load_or_default(&key).await.unwrap().total, version);
        orders.update(&key, |order| order.note("next")).await.unwrap();
        if done {
            break;
        }
    }
    audit(&store).await;
}

#[tokio::test]
async fn a_unit_whose_saving_was_dropped_can_be_saved_again() {
    let store = FaultStore::new(MemoryStore::new()).yielding();
    let orders = orders(&store);
    for polls in 0.. {
        let key = polls.to_string();
        let mut unit = orders.load_or_default(&key).await.unwrap();
        unit.record(|_| record([placed(100), noted("a")])).unwrap();
        let done = poll_times(orders.save(&mut unit), polls).await.is_some();
        let commit = orders.save(&mut unit).await.unwrap();
        assert_eq!((commit.version.get(), unit.version().get()), (2, 2));
        assert!(!done || commit.token.is_none(), "nothing was left to be saved");
        if done {
            break;
        }
    }
    let feed = audit(&store).await;
    assert_eq!(feed.len() % 2, 0);
}

//! Snapshots that lie beside the events of streams that are erased.

use eventsource_core::{
    EventId, StateType, StreamId,
    codec::{CodecTag, TransformTag},
    lifecycle::LifecycleNote,
    store::{EventStore, SaveOutcome, Snapshot, SnapshotStore, StreamErasure},
};

use super::support::{after_start, append, events, version};

cases! { $ snapshots_erasure, snapshots_erasure_cases, EventStore | SnapshotStore | StreamErasure:
    erasing_a_stream_removes_its_snapshots,
    a_snapshot_of_an_erased_stream_is_refused,
}

fn snapshot(stream: &StreamId, schema_version: u16, at: u64) -> Snapshot {
    Snapshot {
        stream: stream.clone(),
        state_type: StateType::new("Order").unwrap(),
        schema_version,
        version: version(at),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: "{}".into(),
        taken_at: after_start(0),
    }
}

async fn exists(store: &dyn Port, snapshot: &Snapshot) -> bool {
    store.exists(&snapshot.stream, &snapshot.state_type, snapshot.schema_version).await.unwrap()
}

async fn erasing_a_stream_removes_its_snapshots(lab: &Lab) {
    let store = lab.open().await;
    let [a, b] = [lab.stream("a"), lab.stream("b")];
    let [old, new, other] = [snapshot(&a, 1, 2), snapshot(&a, 2, 2), snapshot(&b, 1, 2)];
    for saved in [&old, &new, &other] {
        append(&store, &saved.stream, events(1)).await;
        assert_eq!(store.save(saved.clone()).await.unwrap(), SaveOutcome::Saved);
    }
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    assert!(!exists(&*store, &old).await && !exists(&*store, &new).await);
    assert!(exists(&*store, &other).await);
}

async fn a_snapshot_of_an_erased_stream_is_refused(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(2)).await;
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    for at in [1, 2, 99] {
        let late = snapshot(&a, 1, at);
        assert_eq!(store.save(late.clone()).await.unwrap(), SaveOutcome::StreamErased);
        assert!(!exists(&*store, &late).await);
    }
}

//! A store with faults does what the script says to one call each, and nothing to all others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use std::sync::Arc;

use eventsource_core::{
    Error, ErrorKind, EventId, ExpectedVersion, MemoryStore, Position, StateType, StreamId, StreamVersion,
    TenantFilter, Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle::LifecycleNote,
    store::{
        Append, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, LogAdoption,
        ReadOptions, Snapshot, SnapshotStore, StreamDeletion, StreamErasure, StreamListing, StreamsOptions,
    },
};
use eventsource_testing::{EventBuilder, Fault, FaultStore, Operation, audit, poll_times};
use futures_util::FutureExt;

fn stream() -> StreamId {
    StreamId::new("Test", "1").unwrap()
}

fn append() -> Append {
    let event = EventBuilder::named("Happened").new_event();
    Append::new(stream(), ExpectedVersion::Any, vec![event])
}

fn store() -> FaultStore<MemoryStore> {
    FaultStore::new(MemoryStore::new())
}

async fn version(store: &impl EventStore) -> u64 {
    store.stream(&stream()).await.unwrap().version.get()
}

#[tokio::test]
async fn a_fault_before_a_call_writes_nothing() {
    let store = store();
    store.fail_next(Operation::Append, Fault::before());
    let error = store.append(append()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unavailable);
    assert!(!error.is_transient() && !error.is_outcome_unknown());
    assert_eq!(version(&store).await, 0);
    store.append(append()).await.unwrap();
    assert_eq!((version(&store).await, store.calls(Operation::Append)), (1, 2));
}

#[tokio::test]
async fn a_fault_after_a_write_leaves_its_outcome_unknown() {
    let store = store();
    store.fail_next(Operation::Append, Fault::after().transient());
    let append = append();
    let error = store.append(append.clone()).await.unwrap_err();
    assert!(error.is_transient() && error.is_outcome_unknown());
    assert_eq!(version(store.inner()).await, 1);
    assert!(store.append(append).await.unwrap().deduplicated);

    // A refusal is as lost as a success.
    store.fail_next(Operation::Append, Fault::after());
    let refused =
        Append::new(stream(), ExpectedVersion::NoStream, vec![EventBuilder::named("A").new_event()]);
    assert!(store.append(refused).await.unwrap_err().as_conflict().is_none());

    // Nothing is unknown about a read.
    store.fail_next(Operation::Stream, Fault::after());
    assert!(!store.stream(&stream()).await.unwrap_err().is_outcome_unknown());
}

#[tokio::test]
async fn faults_happen_in_the_order_of_the_script_to_one_call_each() {
    let store = store();
    let full = Error::new(ErrorKind::StorageFull, "the disk is full");
    store.fail_next(Operation::Append, Fault::before().times(2));
    store.fail_next(Operation::Append, Fault::after().with_error(full));
    store.fail_next(Operation::ReadStream, Fault::before());
    assert_eq!(store.outstanding(), [Operation::Append, Operation::ReadStream]);
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(store.append(append()).await.err().map(|error| error.kind().clone()));
    }
    let expected =
        [Some(ErrorKind::Unavailable), Some(ErrorKind::Unavailable), Some(ErrorKind::StorageFull), None];
    assert_eq!(kinds, expected);
    assert_eq!(version(&store).await, 2, "the third call happened");
    assert_eq!(store.outstanding(), [Operation::ReadStream]);
    assert!(store.read_stream(&stream(), &ReadOptions::default()).await.is_err());
    assert_eq!(store.outstanding(), []);
    audit(&store).await;
}

#[tokio::test]
async fn clones_share_the_script() {
    let store = store();
    let same = store.clone();
    same.fail_next(Operation::Append, Fault::before());
    assert!(store.append(append()).await.is_err());
    assert_eq!(same.calls(Operation::Append), 1);
}

#[tokio::test]
async fn a_call_is_held_before_it_happens() {
    let store = store();
    let held = store.hold_next_call(Operation::Append);
    let mut appending = Box::pin(store.append(append()));
    assert!((&mut appending).now_or_never().is_none());
    held.reached().await;
    assert_eq!(version(store.inner()).await, 0);
    store.append(append()).await.unwrap();
    held.release();
    assert_eq!(appending.await.unwrap().streams[0].last, StreamVersion::new(2));
}

#[tokio::test]
async fn an_answer_is_held_after_the_call_happened() {
    let store = store();
    let held = store.hold_next_answer(Operation::Append);
    let mut appending = Box::pin(store.append(append()));
    assert!((&mut appending).now_or_never().is_none());
    held.reached().await;
    assert_eq!(version(store.inner()).await, 1);
    drop(appending);
    assert_eq!(version(store.inner()).await, 1, "whoever waited is gone, and it happened");
}

#[tokio::test]
async fn a_hold_that_is_dropped_before_its_call_holds_nothing() {
    let store = store();
    drop(store.hold_next_call(Operation::Append));
    assert_eq!(store.outstanding(), []);
    store.append(append()).now_or_never().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_comes_is_told() {
    let held = store().hold_next_call(Operation::Erase);
    let line = line!() + 1;
    let message = common::async_failure(held.reached()).await;
    let place = format!("{}:{line}:", file!());
    assert!(message.starts_with("Erase was not called in 30 s\n") && message.contains(&place), "{message}");
}

#[tokio::test]
async fn a_yielding_store_can_be_dropped_before_and_after_the_call() {
    let store = store().yielding();
    let mut versions = Vec::new();
    for polls in 0.. {
        let done = poll_times(store.append(append()), polls).await;
        versions.push(version(store.inner()).await);
        if done.is_some() {
            break;
        }
    }
    // Not begun, dropped before, dropped after it, and through.
    assert_eq!(versions, [0, 0, 1, 2]);
}

/// Every operation, called once.
async fn call(store: &FaultStore<MemoryStore>, operation: Operation) -> Result<(), Error> {
    let (stream, note) = (stream(), LifecycleNote::default());
    let (state_type, tenant) = (StateType::new("State").unwrap(), TenantFilter::Any);
    match operation {
        Operation::Append => store.append(append()).await.map(drop),
        Operation::ReadStream => store.read_stream(&stream, &ReadOptions::default()).await.map(drop),
        Operation::Stream => store.stream(&stream).await.map(drop),
        Operation::ReadFeed => store.read_feed(Position::START, &FeedOptions::default()).await.map(drop),
        Operation::Head => store.head().await.map(drop),
        Operation::PositionBefore => store.position_before(Timestamp::MIN).await.map(drop),
        Operation::EventIdAt => store.event_id_at(Position::START).await.map(drop),
        Operation::Adopt => store.adopt(Position::START).await.map(drop),
        Operation::Import => store.import(&[]).await.map(drop),
        Operation::Event => store.event(EventId::generate()).await.map(drop),
        Operation::Correlated => {
            let correlation = EventId::generate().into();
            store.correlated(correlation, Position::START, &FeedOptions::default()).await.map(drop)
        }
        Operation::Streams => store.streams(&StreamsOptions::default()).await.map(drop),
        Operation::Categories => store.categories(&tenant).await.map(drop),
        Operation::Statistics => store.statistics(&tenant).await.map(drop),
        Operation::Delete => {
            StreamDeletion::delete(store, &stream, ExpectedVersion::Any, &note).await.map(drop)
        }
        Operation::Restore => store.restore(&stream, &note).await.map(drop),
        Operation::Erase => store.erase(&stream, &note).await.map(drop),
        Operation::SaveSnapshot => {
            let snapshot = Snapshot {
                stream,
                state_type,
                schema_version: 1,
                version: StreamVersion::FIRST,
                last_event: EventId::generate(),
                codec: CodecTag::JSON,
                transform: TransformTag::NONE,
                state: "{}".into(),
                taken_at: Timestamp::UNIX_EPOCH,
            };
            store.save(snapshot).await.map(drop)
        }
        Operation::LoadSnapshot => store.load(&stream, &state_type, 1).await.map(drop),
        Operation::SnapshotExists => store.exists(&stream, &state_type, 1).await.map(drop),
        Operation::DeleteSnapshots => SnapshotStore::delete(store, &stream).await.map(drop),
        Operation::DeleteSnapshotsByType => store.delete_by_type(&state_type, None, &tenant).await.map(drop),
        Operation::Close => store.close().await,
        _ => unreachable!("every operation is called above"),
    }
}

#[tokio::test]
async fn every_operation_of_every_port_is_scripted_by_itself() {
    // In an order in which each succeeds.
    let operations = [
        Operation::Append,
        Operation::ReadStream,
        Operation::Stream,
        Operation::ReadFeed,
        Operation::Head,
        Operation::PositionBefore,
        Operation::EventIdAt,
        Operation::Adopt,
        Operation::Import,
        Operation::Event,
        Operation::Correlated,
        Operation::Streams,
        Operation::Categories,
        Operation::Statistics,
        Operation::SaveSnapshot,
        Operation::LoadSnapshot,
        Operation::SnapshotExists,
        Operation::DeleteSnapshots,
        Operation::DeleteSnapshotsByType,
        Operation::Delete,
        Operation::Restore,
        Operation::Erase,
        Operation::Close,
    ];
    let store = store();
    for operation in operations {
        store.fail_next(operation, Fault::before());
        assert!(call(&store, operation).await.is_err(), "{operation:?} fails");
        assert_eq!(store.outstanding(), []);
        call(&store, operation).await.unwrap_or_else(|error| panic!("{operation:?} happens: {error:?}"));
        assert_eq!(store.calls(operation), 2, "{operation:?}");
    }
    assert!(store.inner().append(append()).await.is_err(), "closing reached the store");
}

#[tokio::test]
async fn what_cannot_fail_is_the_wrapped_store_s() {
    let store = store();
    assert_eq!(EventStore::log(&store), store.inner().log());
    assert_eq!(EventFeed::log(&store), store.inner().log());
    assert_eq!(store.limits(), store.inner().limits());
    let mut wake_ups = store.wake_ups();
    assert!(wake_ups.wait().now_or_never().is_none());
    store.append(append()).await.unwrap();
    wake_ups.wait().await;
    // Also behind a pointer, as a repository holds it.
    let behind: Arc<dyn EventStore> = Arc::new(store);
    assert_eq!(version(&behind).await, 1);
}

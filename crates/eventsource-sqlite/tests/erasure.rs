//! What is erased leaves the file, not only the answers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path, time::Duration};

use common::{append, audit, stores::Stores, stream};
use eventsource_core::{
    ConsumerId, ConsumerName, ErrorKind, EventId, ExpectedVersion, MemoryStore, Metadata, NewEvent, Position,
    StateType, StreamId, StreamVersion, Timestamp,
    codec::{CodecTag, TransformTag},
    dead_letter::{Cause, CauseKind, DeadLetter, DeadLetterStore, ParkingLimits},
    lifecycle::{Lifecycle, LifecycleNote},
    request::{Ask, NewRequest, RequestId, RequestStore},
    store::{
        Append, EventFeed, EventImport, EventStore, FeedOptions, SaveOutcome, Snapshot, SnapshotStore,
        StreamErasure,
    },
};
use eventsource_sqlite::SqliteStore;
use tempfile::tempdir;

/// Whether any file of the database holds the text.
fn found_in_files(directory: &Path, text: &str) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

fn secret(id: EventId, length: usize) -> NewEvent {
    NewEvent::new(id, "Happened", "secret-payload ".repeat(length))
        .unwrap()
        .with_metadata(Metadata::from_bytes("secret-metadata".into()))
}

fn snapshot(of: &StreamId, version: u64) -> Snapshot {
    Snapshot {
        stream: of.clone(),
        state_type: StateType::new("State").unwrap(),
        schema_version: 1,
        version: StreamVersion::new(version),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: format!("secret-state {}", "x".repeat(10_000)).into(),
        taken_at: Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn wiped_bytes_leave_the_file() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let a = stream("a");
    // Payloads inside a page, over several pages, and beside those of others.
    for length in [1, 10, 100, 3_000] {
        let events = vec![secret(EventId::generate(), length), secret(EventId::generate(), length)];
        store.append(Append::new(a.clone(), ExpectedVersion::Any, events)).await.unwrap();
        store.append(append("b")).await.unwrap();
    }
    assert_eq!(store.save(snapshot(&a, 1)).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.save(snapshot(&a, 2)).await.unwrap(), SaveOutcome::Saved);
    for text in ["secret-payload", "secret-metadata", "secret-state"] {
        assert!(found_in_files(directory.path(), text), "{text} is there before");
    }

    store.erase(&a, &LifecycleNote::because("the right to be forgotten")).await.unwrap();
    for text in ["secret-payload", "secret-metadata", "secret-state"] {
        assert!(!found_in_files(directory.path(), text), "{text} is still there");
    }
    assert!(found_in_files(directory.path(), "the right to be forgotten"));
    assert_eq!(store.save(snapshot(&a, 3)).await.unwrap(), SaveOutcome::StreamErased);
    let info = store.stream(&a).await.unwrap();
    assert_eq!(info.version.get(), 9);
    drop(store);
    let again = SqliteStore::open(&path).await.unwrap();
    assert!(again.append(append("a")).await.is_err());
    assert_eq!(audit(&again, &path).await.len(), 13);
}

#[tokio::test]
async fn an_imported_erasure_wipes_too() {
    let directory = tempdir().unwrap();
    let (there, here) = (directory.path().join("there"), directory.path().join("here"));
    fs::create_dir_all(&there).unwrap();
    fs::create_dir_all(&here).unwrap();
    let source = SqliteStore::open(there.join("a.db")).await.unwrap();
    let target = SqliteStore::open(here.join("a.db")).await.unwrap();
    let a = stream("a");
    source
        .append(Append::new(a.clone(), ExpectedVersion::Any, vec![secret(EventId::generate(), 100)]))
        .await
        .unwrap();
    target.import(&common::feed(&source).await).await.unwrap();
    assert_eq!(target.save(snapshot(&a, 1)).await.unwrap(), SaveOutcome::Saved);
    assert!(found_in_files(&here, "secret-payload"));

    source.erase(&a, &LifecycleNote::default()).await.unwrap();
    let record = common::feed(&source).await.pop().unwrap();
    target.import(&[record]).await.unwrap();
    for text in ["secret-payload", "secret-metadata", "secret-state"] {
        assert!(!found_in_files(&here, text), "{text} is still there");
    }
    assert_eq!(target.stream(&a).await.unwrap().lifecycle, Lifecycle::Erased);
    assert!(common::feed(&target).await[0].erased);
}

#[tokio::test]
async fn an_imported_erasure_counts_for_what_follows_it() {
    let source = MemoryStore::new();
    source.append(append("a")).await.unwrap();
    let everything = FeedOptions::default();
    let before = source.read_feed(Position::START, &everything).await.unwrap().events;
    source.erase(&stream("a"), &LifecycleNote::default()).await.unwrap();
    let after = source.read_feed(Position::START, &everything).await.unwrap().events;
    let [original, wiped, record] = [&before[0], &after[0], &after[1]].map(Clone::clone);

    let stores = Stores::new().await;
    for store in stores.each() {
        let late = [original.clone(), record.clone(), original.clone()];
        let error = store.import(&late).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::HistoryDiverged, "{}: its content is gone", store.name);
        let imported = store.import(&[original.clone(), record.clone(), wiped.clone()]).await.unwrap();
        assert_eq!((imported.written, imported.present), (2, 1), "{}", store.name);
    }
}

#[tokio::test]
async fn an_imported_erasure_takes_snapshots_that_were_there_before_their_stream() {
    let source = MemoryStore::new();
    source.append(append("a")).await.unwrap();
    source.erase(&stream("a"), &LifecycleNote::default()).await.unwrap();
    let mut record =
        source.read_feed(Position::START, &FeedOptions::default()).await.unwrap().events.remove(1);
    record.version = StreamVersion::FIRST;
    let stores = Stores::new().await;
    for store in stores.each() {
        let kept = snapshot(&stream("a"), 1);
        assert_eq!(store.save(kept.clone()).await.unwrap(), SaveOutcome::Saved, "{}", store.name);
        store.import(std::slice::from_ref(&record)).await.unwrap();
        assert!(!store.exists(&kept.stream, &kept.state_type, 1).await.unwrap(), "{}", store.name);
    }
}

#[tokio::test]
async fn wiped_bytes_of_letters_and_of_edits_leave_the_file() {
    let directory = tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("a.db")).await.unwrap();
    let a = stream("a");
    let recorded = vec![NewEvent::new(EventId::generate(), "Happened", "secret-payload").unwrap()];
    store.append(Append::new(a.clone(), ExpectedVersion::Any, recorded)).await.unwrap();
    let event = common::feed(&store).await.remove(0);
    let letter = DeadLetter {
        consumer: ConsumerId::new("sales", 1).unwrap(),
        log: EventStore::log(&store).id,
        event: event.clone(),
        edited: Some("secret-edit".into()),
        cause: Cause { kind: CauseKind::Handler, chain: vec!["secret-cause".to_owned()], fingerprint: 1 },
        attempts: 1,
        parked_at: Timestamp::UNIX_EPOCH,
        tried_at: Timestamp::UNIX_EPOCH,
        handler_version: String::new(),
    };
    store.park(&[letter], ParkingLimits::default()).await.unwrap();
    let edit = NewRequest {
        id: RequestId::now_v7(),
        consumer: ConsumerName::new("sales").unwrap(),
        ask: Ask::Edit { event: event.id, payload: "secret-request".into() },
        operator: "ada".to_owned(),
        reason: "a mistake".to_owned(),
        expires_in: Duration::from_secs(60),
    };
    store.submit(&edit).await.unwrap();
    let secrets = ["secret-payload", "secret-edit", "secret-cause", "secret-request"];
    for text in secrets {
        assert!(found_in_files(directory.path(), text), "{text} is there before");
    }
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    for text in secrets {
        assert!(!found_in_files(directory.path(), text), "{text} is still there");
    }
}

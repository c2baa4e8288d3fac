//! What is erased leaves the file, not only the answers.

mod common;

use std::{fs, path::Path};

use common::{append, audit, stream};
use eventsource_core::{
    EventId, ExpectedVersion, Metadata, NewEvent, StateType, StreamVersion, Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle::LifecycleNote,
    store::{Append, EventStore, SaveOutcome, Snapshot, SnapshotStore, StreamErasure},
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
    let snapshot = |version: u64| Snapshot {
        stream: a.clone(),
        state_type: StateType::new("State").unwrap(),
        schema_version: 1,
        version: StreamVersion::new(version),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: format!("secret-state {}", "x".repeat(10_000)).into(),
        taken_at: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(store.save(snapshot(1)).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.save(snapshot(2)).await.unwrap(), SaveOutcome::Saved);
    for text in ["secret-payload", "secret-metadata", "secret-state"] {
        assert!(found_in_files(directory.path(), text), "{text} is there before");
    }

    store.erase(&a, &LifecycleNote::because("the right to be forgotten")).await.unwrap();
    for text in ["secret-payload", "secret-metadata", "secret-state"] {
        assert!(!found_in_files(directory.path(), text), "{text} is still there");
    }
    assert!(found_in_files(directory.path(), "the right to be forgotten"));
    assert_eq!(store.save(snapshot(3)).await.unwrap(), SaveOutcome::StreamErased);
    let info = store.stream(&a).await.unwrap();
    assert_eq!(info.version.get(), 9);
    drop(store);
    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(common::feed(&again).await.len(), 13);
    // An erased stream cannot be read, which the audit would try.
    assert!(again.append(append("a")).await.is_err());
    let _ = audit;
}

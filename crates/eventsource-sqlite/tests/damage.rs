//! Damaged files and rows: told as such, with the database's name, and never taken for data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{collections::HashSet, fs, path::Path, time::Duration};

use common::{
    append, check_integrity, event,
    groups::{open_gated, together},
    stream, told,
};
use eventsource_core::{
    CorrelationId, Error, ErrorKind, EventFilter, EventId, ExpectedVersion, Position, RecordedEvent, Result,
    StateType, StreamId, StreamVersion, TenantFilter, Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle::{Lifecycle, LifecycleNote},
    store::{
        Append, Close, EventFeed, EventFeedExt, EventLookup, EventStore, EventStoreExt, FeedOptions,
        ReadOptions, Snapshot, SnapshotStore, StreamDeletion, StreamErasure, StreamListing, StreamsOptions,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use futures_util::TryStreamExt;
use rusqlite::Connection;
use tempfile::tempdir;

fn check_corrupt(error: &Error, words: &[&str]) {
    assert_eq!(error.kind(), &ErrorKind::Corrupt, "{error:?}");
    assert!(!error.is_transient() && !error.is_outcome_unknown(), "{error:?}");
    told(error, words);
    told(error, &["a.db"]);
}

#[tokio::test]
async fn a_damaged_stream_fails_alone_and_writes_nothing() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, clock) = open_gated(&path).await;
    store.append(append("damaged")).await.unwrap();
    let damage = "UPDATE es_streams SET version = 9223372036854775807";
    Connection::open(&path).unwrap().execute(damage, []).unwrap();

    let both = |damaged: &str| {
        Append::new(stream("beside"), ExpectedVersion::Any, vec![event(*b"1")]).and(
            stream(damaged),
            ExpectedVersion::Any,
            vec![event(*b"2")],
        )
    };
    let outcomes = together(&store, &clock, vec![append("before"), both("damaged"), append("after")]).await;
    let [before, damaged, after] = outcomes.try_into().unwrap();
    check_corrupt(&damaged.unwrap_err(), &["version"]);
    assert!(before.is_ok() && after.is_ok());
    assert_eq!(store.stream(&stream("beside")).await.unwrap().version, StreamVersion::ZERO);
    check_integrity(&path);
}

/// Everything that reads, one after the other; the first error, if there is one.
async fn read_everything(store: &SqliteStore) -> Result<Vec<RecordedEvent>> {
    let events = store.feed(Position::START, FeedOptions::default()).try_collect::<Vec<_>>().await?;
    let backward = FeedOptions::default().backward();
    store.feed(Position::MAX, backward).try_collect::<Vec<_>>().await?;
    for event in &events {
        store.event(event.id).await?;
    }
    let streams: HashSet<&StreamId> = events.iter().map(|e| &e.stream).collect();
    for stream in streams {
        if store.stream(stream).await?.lifecycle == Lifecycle::Active {
            store.events(stream, ReadOptions::default()).try_collect::<Vec<_>>().await?;
            store.events(stream, ReadOptions::default().backward()).try_collect::<Vec<_>>().await?;
        }
    }
    store.correlated(correlation(), Position::START, &FeedOptions::default()).await?;
    store.streams(&StreamsOptions::default()).await?;
    store.categories(&TenantFilter::Any).await?;
    store.statistics(&TenantFilter::Any).await?;
    store.position_before(Timestamp::MAX).await?;
    store.load(&stream("a"), &StateType::new("State").unwrap(), 1).await?;
    Ok(events)
}

fn correlation() -> CorrelationId {
    CorrelationId::derive(&uuid::Uuid::NAMESPACE_OID, "one")
}

/// A file with three events of stream `a`, two of stream `b`, and a snapshot.
async fn written(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    for (key, count) in [("a", 3), ("b", 2)] {
        let events = (0..count).map(|_| event(*b"{}").with_correlation(correlation())).collect();
        store.append(Append::new(stream(key), ExpectedVersion::NoStream, events)).await.unwrap();
    }
    let snapshot = Snapshot {
        stream: stream("a"),
        state_type: StateType::new("State").unwrap(),
        schema_version: 1,
        version: StreamVersion::new(3),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: "{}".into(),
        taken_at: Timestamp::UNIX_EPOCH,
    };
    store.save(snapshot).await.unwrap();
    assert_eq!(read_everything(&store).await.unwrap().len(), 5);
    store.close().await.unwrap();
}

/// Changes rows as only somebody else can.
fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;").unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn rows_that_this_library_never_writes_are_corrupt() {
    let cases = [
        ("UPDATE es_events SET name = 'not a name' WHERE version = 2", "not a name"),
        ("UPDATE es_events SET name = CAST(x'ff' AS TEXT)", "another type"),
        ("UPDATE es_events SET event_id = x'01' WHERE position = 1", "an id of 1 bytes"),
        ("UPDATE es_events SET correlation = x'' WHERE position = 1", "an id of 0 bytes"),
        ("UPDATE es_events SET codec = 'JSON'", "codec"),
        ("UPDATE es_events SET transform = '???'", "transform"),
        ("UPDATE es_events SET occurred_at = 9000000000000000000", "time 9000000000000000000"),
        ("UPDATE es_events SET recorded_at = -9000000000000000000", "time -9000000000000000000"),
        ("UPDATE es_events SET schema_version = 70000", "another type"),
        ("UPDATE es_events SET schema_version = -1", "another type"),
        ("UPDATE es_events SET version = -2 WHERE position = 2", "version -2"),
        ("UPDATE es_events SET stream_id = 99 WHERE position = 1", "stream row 99"),
        ("UPDATE es_streams SET lifecycle = 'frozen'", "lifecycle \"frozen\""),
        ("UPDATE es_streams SET lifecycle = CAST(x'ff' AS TEXT)", "another type"),
        ("UPDATE es_streams SET version = -1", "version -1"),
        ("UPDATE es_streams SET position = -1", "position -1"),
        ("UPDATE es_streams SET tenant = 'a tenant'", "a tenant"),
        ("UPDATE es_streams SET category = ''", "stream"),
        ("UPDATE es_streams SET key = 'a' || char(10) WHERE key = 'a'", "stream"),
        ("UPDATE es_snapshots SET codec = 'a codec'", "a codec"),
        ("UPDATE es_snapshots SET version = -1", "version -1"),
        ("UPDATE es_snapshots SET taken_at = 9000000000000000000", "time 9000000000000000000"),
        // Versions have no holes, at neither end and nowhere between.
        ("DELETE FROM es_events WHERE stream_id = 1 AND version = 1", "stream Test/a has no version 1"),
        ("DELETE FROM es_events WHERE stream_id = 1 AND version = 2", "stream Test/a has no version 2"),
        ("DELETE FROM es_events WHERE stream_id = 1 AND version = 3", "stream Test/a has no version 3"),
        ("UPDATE es_streams SET version = 7 WHERE key = 'a'", "stream Test/a has no version"),
    ];
    for (sql, words) in cases {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a.db");
        written(&path).await;
        tamper(&path, sql);
        let store = SqliteStore::open(&path).await.unwrap();
        let error = read_everything(&store).await.expect_err(sql);
        check_corrupt(&error, &[words]);
    }
}

#[tokio::test]
async fn a_table_of_the_log_that_this_library_never_wrote_is_refused() {
    let cases = [
        ("DELETE FROM es_meta", "es_meta is empty"),
        ("UPDATE es_meta SET log_id = x'01'", "an id of 1 bytes"),
        ("UPDATE es_meta SET incarnation = x''", "an id of 0 bytes"),
        ("UPDATE es_meta SET schema_version = -1", "another type"),
        ("DROP TABLE es_meta; CREATE TABLE es_meta (x)", "the tables are not those"),
    ];
    for (sql, words) in cases {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a.db");
        written(&path).await;
        tamper(&path, sql);
        for options in [SqliteOptions::file(&path), SqliteOptions::file(&path).read_only()] {
            check_corrupt(&SqliteStore::open_with(options).await.expect_err(sql), &[words]);
        }
    }
}

#[tokio::test]
async fn tables_that_contradict_each_other_refuse_an_append_and_stay_as_they_are() {
    let cases = [
        // The head lies behind the events: the next version is taken.
        ("UPDATE es_streams SET version = 2 WHERE key = 'a'", "contradict"),
        ("DROP TABLE es_events", "not those that this library made"),
        ("UPDATE es_streams SET lifecycle = 'frozen'", "frozen"),
    ];
    for (sql, words) in cases {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a.db");
        written(&path).await;
        tamper(&path, sql);
        let store = SqliteStore::open(&path).await.unwrap();
        let both = append("new").and(stream("a"), ExpectedVersion::Any, vec![event(*b"2")]);
        check_corrupt(&store.append(both).await.expect_err(sql), &[words]);
        assert_eq!(store.stream(&stream("new")).await.unwrap().version, StreamVersion::ZERO);
    }
}

/// The place in a file where the third event's position is kept, which is one byte of its row.
fn place_of_position_3(file: &[u8], third: EventId) -> usize {
    // Before the id lie the version (the stream's row is 1, which takes no space), and the header of 14 columns.
    let before = 1 + 15 + 1;
    let id = third.as_uuid().as_bytes();
    let places = file.windows(id.len()).enumerate().filter(|(_, bytes)| bytes == id);
    places.map(|(place, _)| place - before).find(|place| file[*place..=place + 1] == [3, 15]).unwrap()
}

#[tokio::test]
async fn a_feed_out_of_order_is_corrupt() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    written(&path).await;
    let store = SqliteStore::open(&path).await.unwrap();
    let third = store.event_id_at(Position::new(3)).await.unwrap().unwrap();
    store.close().await.unwrap();
    let mut file = fs::read(&path).unwrap();
    let place = place_of_position_3(&file, third);
    file[place] = 99;
    fs::write(&path, file).unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    for filter in [EventFilter::all(), EventFilter::all().category("Test").unwrap()] {
        let options = FeedOptions::default().with_filter(filter);
        let error = store.read_feed(Position::START, &options).await.unwrap_err();
        check_corrupt(&error, &["position 99", "out of order"]);
    }
}

/// Numbers that look random and follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// A file with everything that a file can hold: several levels of pages, long payloads on pages of their own, deleted and
/// erased streams.
async fn filled(path: &Path) -> Vec<u8> {
    written(path).await;
    let store = SqliteStore::open(path).await.unwrap();
    for round in 0..50 {
        let long = |i| if (round, i) == (7, 0) { 9_000 } else { round * i / 4 };
        let events = (0..5).map(|i| event(vec![b'x'; long(i)])).collect();
        let append = Append::new(stream(round % 7), ExpectedVersion::Any, events);
        store.append(append).await.unwrap();
    }
    let note = LifecycleNote::default();
    StreamDeletion::delete(&store, &stream(1), ExpectedVersion::Any, &note).await.unwrap();
    store.erase(&stream(2), &note).await.unwrap();
    store.close().await.unwrap();
    fs::read(path).unwrap()
}

/// Opens, reads and writes; whatever fails must say what is wrong.
async fn use_damaged(options: SqliteOptions) -> Result<()> {
    let store = SqliteStore::open_with(options).await?;
    let read = read_everything(&store).await.map(drop);
    let written = match store.append(append("new").and(stream("a"), ExpectedVersion::Any, vec![])).await {
        Err(error) if error.kind() == &ErrorKind::ReadOnly => Ok(()),
        written => written.map(drop),
    };
    let closed = store.close().await;
    read.and(written).and(closed)
}

#[tokio::test]
async fn flipped_bytes_are_told_and_never_end_in_a_panic() {
    const SEEDS: u64 = 90;
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let sound = filled(&path).await;
    let mut found = 0;
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let mut bytes = sound.clone();
        // Some bytes near each other, as a bad sector or a stray write leaves them. Where a page begins lies what says how
        // to read it.
        let mut place = random.below(bytes.len());
        if seed % 2 == 0 {
            place -= place % 4_096;
        }
        for _ in 0..=random.below(64) {
            let byte = (place + random.below(256)) % sound.len();
            bytes[byte] = random.below(256) as u8;
        }
        fs::write(&path, &bytes).unwrap();
        for beside in ["a.db-wal", "a.db-shm"] {
            let _ = fs::remove_file(directory.path().join(beside));
        }
        let options = SqliteOptions::file(&path);
        let options = if seed % 3 == 0 { options } else { options.read_only() };
        let outcome = tokio::time::timeout(Duration::from_secs(60), use_damaged(options)).await;
        let Err(error) = outcome.unwrap_or_else(|_| panic!("seed {seed} never ends")) else { continue };
        found += 1;
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Corrupt
                    | ErrorKind::Unavailable
                    | ErrorKind::ReadOnly
                    | ErrorKind::SchemaMissing
                    | ErrorKind::SchemaTooNew { .. }
            ),
            "seed {seed}: {error:?}"
        );
        let text = error.to_string();
        assert!(text.contains("a.db") && !text.contains("panic"), "seed {seed}: {error:?}");
    }
    // What is hit in the middle of a payload no database finds.
    assert!(found > SEEDS / 6, "of {SEEDS} damages {found} were found");
}

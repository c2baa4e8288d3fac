//! Damaged files and rows: told as such, with the database's name, and never taken for data.

mod common;

use std::path::Path;

use common::{
    append, check_integrity, event,
    groups::{open_gated, together},
    stream, told,
};
use eventsource_core::{
    CorrelationId, Error, ErrorKind, EventId, ExpectedVersion, Position, RecordedEvent, Result, StateType,
    StreamVersion, TenantFilter, Timestamp,
    codec::{CodecTag, TransformTag},
    store::{
        Append, Close, EventFeed, EventFeedExt, EventLookup, EventStore, EventStoreExt, FeedOptions,
        ReadOptions, Snapshot, SnapshotStore, StreamListing, StreamsOptions,
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
    for event in &events {
        store.event(event.id).await?;
        store.event_id_at(event.position).await?;
        store.stream(&event.stream).await?;
        store.events(&event.stream, ReadOptions::default()).try_collect::<Vec<_>>().await?;
        store.events(&event.stream, ReadOptions::default().backward()).try_collect::<Vec<_>>().await?;
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

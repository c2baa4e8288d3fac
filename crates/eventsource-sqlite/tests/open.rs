//! Opening: what is created, what is refused, and with which words.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::{collections::HashSet, error::Error as _, fs, path::Path, time::Duration};

use common::{ForeignLock, GateClock, append, audit, event, feed, groups::queue, stream, told};
use eventsource_core::{
    ConsumerId, Error, ErrorKind, EventId, ExpectedVersion, Incarnation, Log, LogId, Position,
    checkpoint::CheckpointStore,
    lease::LeaseStore,
    lifecycle::LifecycleNote,
    store::{
        Append, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, LogAdoption,
        ReadOptions, SnapshotStore, StreamDeletion, StreamErasure,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteReadModels, SqliteStore};
use futures_util::future::try_join_all;
use rusqlite::Connection;
use tempfile::tempdir;

async fn refusal(options: SqliteOptions) -> Error {
    let error = SqliteStore::open_with(options).await.expect_err("the file must be refused");
    assert_eq!(error.operation(), Some("open"));
    error
}

/// A file of ours with one event in it.
async fn written(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    store.append(append("a")).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_file_is_created_and_found_again() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let log = EventStore::log(&store);
    let appended = store.append(append("a")).await.unwrap();
    assert_eq!(appended.token.log, log.id);
    store.close().await.unwrap();

    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(EventStore::log(&again), log);
    assert_eq!(audit(&again, &path).await.len(), 1);
}

#[tokio::test]
async fn a_url_opens_the_file_it_names() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("my orders.db");
    written(&path).await;
    let url = format!("sqlite://{}/my%20orders.db?mode=ro&readers=1", directory.path().display());
    let store = SqliteStore::open_with(url.parse().unwrap()).await.unwrap();
    assert_eq!(feed(&store).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    let text = "Dear reader, this is a letter and no database. ".repeat(20);
    fs::write(&path, &text).unwrap();
    let error = refusal(SqliteOptions::file(&path)).await;
    assert_eq!(error.kind(), &ErrorKind::Corrupt);
    assert!(error.to_string().contains("letter.txt"), "{error}");
    assert!(error.source().is_some() && !error.is_transient());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_told_with_its_path() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("damaged.db");
    written(&path).await;
    // The first page tells where the tables lie and stays; everything behind it is lost.
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = refusal(SqliteOptions::file(&path)).await;
    assert_eq!(error.kind(), &ErrorKind::Corrupt);
    assert!(error.to_string().contains("damaged.db"), "{error}");
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_unless_allowed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let foreign = Connection::open(&path).unwrap();
    foreign
        .execute_batch("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada')")
        .unwrap();
    let before = fs::read(&path).unwrap();

    for options in [SqliteOptions::file(&path), SqliteOptions::file(&path).read_only()] {
        let error = refusal(options).await;
        assert_eq!(error.kind(), &ErrorKind::Corrupt);
        for part in ["customers", "foreign_tables", "shop.db"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert_eq!(fs::read(&path).unwrap(), before);

    let store = SqliteStore::open_with(SqliteOptions::file(&path).with_foreign_tables()).await.unwrap();
    store.append(append("a")).await.unwrap();
    let name: String = foreign.query_row("SELECT name FROM customers", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "Ada");
    store.close().await.unwrap();
    SqliteStore::open(&path).await.expect("it is ours from now on");
}

#[tokio::test]
async fn a_locked_file_is_busy_after_the_time_out_and_works_when_it_is_free() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let options = SqliteOptions::file(&path).with_busy_timeout(Duration::from_millis(50));

    let exclusive = Connection::open(&path).unwrap();
    exclusive.execute_batch("BEGIN EXCLUSIVE; CREATE TABLE t (x)").unwrap();
    let error = refusal(options.clone()).await;
    assert_eq!(error.kind(), &ErrorKind::Busy);
    assert!(error.is_transient() && error.to_string().contains("a.db"), "{error}");
    exclusive.execute_batch("ROLLBACK").unwrap();
    drop(exclusive);

    let store = SqliteStore::open_with(options).await.unwrap();
    store.append(append("a")).await.unwrap();
    let lock = ForeignLock::take(&path);
    let refused = append("a");
    let error = store.append(refused.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (&ErrorKind::Busy, Some("append")));
    assert!(error.is_transient() && !error.is_outcome_unknown());
    assert_eq!(feed(&store).await.len(), 1, "readers do not wait");
    drop(lock);
    assert!(!store.append(refused).await.unwrap().deduplicated);
    assert_eq!(audit(&store, &path).await.len(), 2);
}

#[tokio::test]
async fn reading_only_neither_creates_nor_migrates_nor_writes() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let error = refusal(SqliteOptions::file(&path).read_only()).await;
    assert_eq!(error.kind(), &ErrorKind::Unavailable);
    assert!(error.to_string().contains("a.db") && !path.exists(), "{error}");

    fs::write(&path, "").unwrap();
    let error = refusal(SqliteOptions::file(&path).read_only()).await;
    assert_eq!(error.kind(), &ErrorKind::SchemaMissing);
    assert!(error.to_string().contains("open it once for writing"), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);

    written(&path).await;
    let store = SqliteStore::open_with(SqliteOptions::file(&path).read_only()).await.unwrap();
    let recorded = feed(&store).await;
    assert_eq!(recorded.len(), 1);
    let (a, note) = (stream("a"), LifecycleNote::default());
    let errors = [
        store.append(append("a")).await.unwrap_err(),
        store.import(&recorded).await.unwrap_err(),
        store.erase(&a, &note).await.unwrap_err(),
        StreamDeletion::delete(&store, &a, ExpectedVersion::Any, &note).await.unwrap_err(),
        store.adopt(Position::START).await.unwrap_err(),
        SnapshotStore::delete(&store, &a).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), &ErrorKind::ReadOnly, "{error}");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn tables_of_other_releases_are_refused_with_what_to_do() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    written(&path).await;
    let set = |version: u32| {
        Connection::open(&path)
            .unwrap()
            .execute("UPDATE es_meta SET schema_version = ?1", [version])
            .unwrap();
    };

    set(99);
    for options in [SqliteOptions::file(&path), SqliteOptions::file(&path).read_only()] {
        let error = refusal(options).await;
        assert_eq!(error.kind(), &ErrorKind::SchemaTooNew { found: 99, known: 3 });
        assert!(error.to_string().contains("newer release"), "{error}");
    }

    set(0);
    let error = refusal(SqliteOptions::file(&path).read_only()).await;
    assert_eq!(error.kind(), &ErrorKind::SchemaTooOld { found: 0, needed: 3 });
    assert!(error.to_string().contains("for writing"), "{error}");
}

#[tokio::test]
async fn a_store_of_the_first_release_is_migrated_and_keeps_its_events() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("../src/schema/0001_write_side.sql")).unwrap();
    let (log, incarnation) = (LogId::generate(), Incarnation::generate());
    let row = (log.as_uuid().as_bytes(), incarnation.as_uuid().as_bytes());
    connection
        .execute("INSERT INTO es_meta (id, schema_version, log_id, incarnation) VALUES (1, 1, ?1, ?2)", row)
        .unwrap();
    let stream_row = "INSERT INTO es_streams VALUES (1, '', 'Test', 'a', 1, 1, 0, 'active')";
    connection.execute(stream_row, []).unwrap();
    let id = EventId::generate();
    let event_row =
        "INSERT INTO es_events VALUES (1, 1, 1, ?1, 'Happened', 1, 0, 0, NULL, 0, 'json', '', x'', x'31')";
    connection.execute(event_row, [id.as_uuid().as_bytes()]).unwrap();
    drop(connection);

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(EventStore::log(&store), Log { id: log, incarnation });
    let events = feed(&store).await;
    assert_eq!((events[0].id, &events[0].payload[..]), (id, &b"1"[..]));
    let consumer = ConsumerId::new("sales", 1).unwrap();
    assert_eq!(store.segments(&consumer, log).await.unwrap(), []);
    assert_eq!(store.leases("").await.unwrap(), []);
}

#[tokio::test]
async fn a_file_of_read_models_and_one_of_a_store_are_not_mixed_up() {
    let directory = tempdir().unwrap();
    let (events, models) = (directory.path().join("events.db"), directory.path().join("models.db"));
    drop(SqliteStore::open(&events).await.unwrap());
    drop(SqliteReadModels::open(&models).await.unwrap());
    // Not even where other tables are welcome.
    let error = refusal(SqliteOptions::file(&models).with_foreign_tables()).await;
    assert_eq!(error.kind(), &ErrorKind::Corrupt);
    assert!(error.to_string().contains("holds read models"), "{error}");
    let error = SqliteReadModels::open(&events).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Corrupt);
    assert!(error.to_string().contains("holds an event store"), "{error}");
    // Both are as they were.
    SqliteStore::open(&events).await.unwrap();
    SqliteReadModels::open(&models).await.unwrap();
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_named() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("missing").join("a.db");
    let error = refusal(SqliteOptions::file(&path)).await;
    assert_eq!(error.kind(), &ErrorKind::Unavailable);
    assert!(error.to_string().contains("missing"), "{error}");
    let error = refusal(SqliteOptions::file(directory.path())).await;
    assert_eq!(error.kind(), &ErrorKind::Unavailable, "a directory is no file");
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    let error = refusal(SqliteOptions::memory().read_only()).await;
    assert!(matches!(error.kind(), ErrorKind::InvalidInput { field: "mode", .. }), "{error}");
    let error = refusal(SqliteOptions::file(":memory:")).await;
    assert!(error.to_string().contains("in_memory"), "{error}");
}

#[tokio::test]
async fn stores_in_memory_are_complete_and_apart() {
    let store = SqliteStore::in_memory().await.unwrap();
    let other = SqliteStore::in_memory().await.unwrap();
    let recorded = event(*b"1");
    let id = recorded.id;
    store.append(Append::new(stream("a"), ExpectedVersion::NoStream, vec![recorded])).await.unwrap();
    store.clone().append(append("b")).await.unwrap();
    assert_eq!(feed(&store).await.len(), 2);
    assert_eq!(store.event(id).await.unwrap().unwrap().payload, "1");
    assert!(feed(&other).await.is_empty());
    assert_ne!(EventStore::log(&store).id, EventStore::log(&other).id);
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_refuses_what_comes_later() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    for options in [SqliteOptions::file(&path), SqliteOptions::memory()] {
        let clock = GateClock::default();
        let store = SqliteStore::open_with(options.with_clock(clock.clone())).await.unwrap();
        // The writer is inside the first commit while the others queue.
        let (reached, release) = clock.hold();
        let mut queued = vec![queue(&store, append(0))];
        reached.recv().unwrap();
        queued.extend((1..50).map(|i| queue(&store, append(i))));
        drop(release);
        let clone = store.clone();
        let (first, second) = tokio::join!(store.close(), clone.close());
        first.unwrap();
        second.unwrap();
        for append in queued {
            append.await.unwrap();
        }
        store.close().await.unwrap();
        let errors = [
            store.append(append("late")).await.unwrap_err(),
            store.read_stream(&stream(1), &ReadOptions::default()).await.unwrap_err(),
            store.read_feed(Position::START, &FeedOptions::default()).await.unwrap_err(),
            store.event(EventId::generate()).await.unwrap_err(),
            SnapshotStore::delete(&store, &stream(1)).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), &ErrorKind::Closed, "{error}");
            assert!(error.operation().is_some());
        }
    }
    assert!(!directory.path().join("a.db-wal").exists(), "closing leaves one file behind");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(audit(&store, &path).await.len(), 50);
}

#[tokio::test]
async fn a_path_that_is_too_long_is_told_whole() {
    let directory = tempdir().unwrap();
    // Each part is allowed, and the whole is longer than SQLite takes.
    let deep = (0..5).fold(directory.path().to_owned(), |path, _| path.join("x".repeat(200)));
    fs::create_dir_all(&deep).unwrap();
    let error = refusal(SqliteOptions::file(deep.join("a.db"))).await;
    assert_eq!(error.kind(), &ErrorKind::Unavailable, "{error:?}");
    told(&error, &["cannot be opened", "/a.db"]);
}

#[tokio::test]
async fn starters_at_once_make_one_log() {
    let directory = tempdir().unwrap();
    for round in 0..5 {
        let path = directory.path().join(format!("{round}.db"));
        let opening = (0..8).map(|_| SqliteStore::open(&path));
        let stores = try_join_all(opening).await.unwrap();
        let logs: HashSet<Log> = stores.iter().map(EventStore::log).collect();
        assert_eq!(logs.len(), 1);
        try_join_all(stores.iter().map(|store| store.append(append("a")))).await.unwrap();
        assert_eq!(audit(&stores[0], &path).await.len(), stores.len());
    }
}

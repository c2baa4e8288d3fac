//! A live database is copied, and the copy is taken into use.

mod common;

use common::{append, audit, feed};
use eventsource_core::{
    ErrorKind, Position,
    store::{Close, EventFeed, EventStore, FeedOptions, LogAdoption},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::tempdir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_live_database_is_complete_up_to_one_moment() {
    let directory = tempdir().unwrap();
    let (path, copy) = (directory.path().join("a.db"), directory.path().join("copy.db"));
    let store = SqliteStore::open(&path).await.unwrap();
    for i in 0..20 {
        store.append(append(i)).await.unwrap();
    }
    let before = feed(&store).await;

    let source = path.clone();
    let target = copy.display().to_string();
    let copying = tokio::task::spawn_blocking(move || {
        Connection::open(source).unwrap().execute("VACUUM INTO ?1", [target]).unwrap();
    });
    while !copying.is_finished() {
        store.append(append("meanwhile")).await.unwrap();
    }
    copying.await.unwrap();
    store.append(append("later")).await.unwrap();

    // Read as the copy of an archive is, before it is opened for writing.
    let archive = SqliteStore::open_with(SqliteOptions::file(&copy).read_only()).await.unwrap();
    let copied = audit(&archive, &copy).await;
    let original = audit(&store, &path).await;
    assert!(copied.len() >= before.len() && copied.len() < original.len());
    assert_eq!(copied[..], original[..copied.len()]);
    assert_eq!(EventStore::log(&archive), EventStore::log(&store));
}

#[tokio::test]
async fn a_restored_copy_is_adopted_behind_what_readers_have_seen() {
    let directory = tempdir().unwrap();
    let (path, copy) = (directory.path().join("a.db"), directory.path().join("copy.db"));
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(append("a")).await.unwrap();
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [copy.display().to_string()]).unwrap();
    store.append(append("lost")).await.unwrap();
    let (seen, log) = (store.head().await.unwrap(), EventStore::log(&store));
    store.close().await.unwrap();
    std::fs::rename(&copy, &path).unwrap();

    let restored = SqliteStore::open(&path).await.unwrap();
    assert_eq!(EventStore::log(&restored), log);
    let error = restored.read_feed(seen, &FeedOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::HistoryDiverged);

    let incarnation = restored.adopt(seen).await.unwrap();
    assert_ne!(incarnation, log.incarnation);
    let appended = restored.append(append("new")).await.unwrap();
    assert!(appended.token.position > seen && appended.token.log == log.id);
    assert_eq!(restored.event_id_at(seen).await.unwrap(), None, "nothing new stands where readers have been");
    restored.close().await.unwrap();

    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(EventStore::log(&again).incarnation, incarnation);
    assert_eq!(audit(&again, &path).await.len(), 2);
    assert!(again.adopt(Position::new(1 << 48)).await.is_err());
}

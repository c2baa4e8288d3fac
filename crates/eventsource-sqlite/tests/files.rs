//! What may happen to the file of a store while it is open, and around it: nothing that was acknowledged gets lost
//! unnoticed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path};

use common::{append, audit, feed, stream, told};
use eventsource_core::{
    Error, ErrorKind, Position,
    store::{Close, EventFeed, EventStore, FeedOptions, ReadOptions},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use tempfile::tempdir;

/// The store no longer has its file.
fn check_gone(error: &Error) {
    assert_eq!(error.kind(), &ErrorKind::Unavailable, "{error:?}");
    assert!(!error.is_transient() && !error.is_outcome_unknown(), "{error:?}");
    told(error, &["moved, deleted or replaced", "open the store anew", "a.db"]);
}

/// Nothing is taken any more, and nothing is read from somewhere else.
async fn check_refuses(store: &SqliteStore) {
    check_gone(&store.append(append("a")).await.unwrap_err());
    check_gone(&store.read_feed(Position::START, &FeedOptions::default()).await.unwrap_err());
    check_gone(&store.read_stream(&stream("a"), &ReadOptions::default()).await.unwrap_err());
}

async fn open(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).await.unwrap();
    store.append(append("a")).await.unwrap();
    assert_eq!(feed(&store).await.len(), 1);
    store
}

#[tokio::test]
async fn a_file_that_is_deleted_takes_nothing_more() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    for entry in fs::read_dir(directory.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    check_refuses(&store).await;
    store.close().await.unwrap();
    assert!(!path.exists(), "closing does not bring it back");
}

#[tokio::test]
async fn a_file_that_is_moved_keeps_what_it_had_and_takes_nothing_more() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    let elsewhere = directory.path().join("moved.db");
    for end in ["", "-wal", "-shm"] {
        let with = |path: &Path| format!("{}{end}", path.display());
        fs::rename(with(&path), with(&elsewhere)).unwrap();
    }
    check_refuses(&store).await;
    store.close().await.unwrap();
    let moved = SqliteStore::open(&elsewhere).await.unwrap();
    assert_eq!(audit(&moved, &elsewhere).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_replaced_is_not_taken_for_the_old_one() {
    let directory = tempdir().unwrap();
    let (path, other) = (directory.path().join("a.db"), directory.path().join("b.db"));
    let copy = SqliteStore::open(&other).await.unwrap();
    copy.append(append("b")).await.unwrap();
    copy.close().await.unwrap();
    for read_only in [false, true] {
        let store = open(&path).await;
        let reader = SqliteStore::open_with(SqliteOptions::file(&path).read_only()).await.unwrap();
        assert_eq!(feed(&reader).await.len(), 1);
        fs::copy(&other, directory.path().join("c.db")).unwrap();
        fs::rename(directory.path().join("c.db"), &path).unwrap();
        if read_only {
            check_gone(&reader.read_feed(Position::START, &FeedOptions::default()).await.unwrap_err());
        } else {
            check_refuses(&store).await;
        }
        drop((store, reader));
        fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_is_deleted_takes_nothing_more() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    fs::remove_file(directory.path().join("a.db-wal")).unwrap();
    check_gone(&store.append(append("a")).await.unwrap_err());
    // What it had taken is saved when it is closed.
    store.close().await.unwrap();
    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(audit(&again, &path).await.len(), 1);
}

#[tokio::test]
async fn a_file_behind_a_link_is_found_again() {
    let directory = tempdir().unwrap();
    let (path, link) = (directory.path().join("a.db"), directory.path().join("link.db"));
    open(&path).await.close().await.unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = SqliteStore::open(&link).await.unwrap();
    store.append(append("a")).await.unwrap();
    assert_eq!(feed(&store).await.len(), 2);
    fs::remove_file(&link).unwrap();
    let error = store.append(append("a")).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unavailable, "{error:?}");
}

//! Hints that the log has grown, also when another process appended.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use common::{append, children::child, feed};
use eventsource_core::{
    Position,
    store::{Close, EventFeed, EventStore, FeedOptions, WakeUps},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use tempfile::tempdir;

const CHILD: &str = "EVENTSOURCE_WAKE_UPS_TEST_FILE";
/// Only a failure reaches it.
const DEADLINE: Duration = Duration::from_secs(60);

async fn woken(mut hints: WakeUps) {
    tokio::time::timeout(DEADLINE, hints.wait()).await.expect("a hint must come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_of_another_process_wakes_a_reader() {
    if let Ok(path) = std::env::var(CHILD) {
        let store = SqliteStore::open(path).await.unwrap();
        store.append(append("a")).await.unwrap();
        store.close().await.unwrap();
        return;
    }
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for expected in 1..=3 {
        let waiting = tokio::spawn(woken(EventFeed::wake_ups(&store)));
        let mut appending = child("an_append_of_another_process_wakes_a_reader", CHILD, &path);
        assert!(appending.stdout(Stdio::null()).status().unwrap().success());
        waiting.await.unwrap();
        assert_eq!(feed(&store).await.len(), expected);
    }
}

#[tokio::test]
async fn a_store_that_is_only_read_is_woken_too() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let writing = SqliteStore::open(&path).await.unwrap();
    let interval = Duration::from_millis(5);
    let options = SqliteOptions::file(&path).read_only().with_poll_interval(interval);
    let reading = SqliteStore::open_with(options).await.unwrap();
    let mut hints = EventFeed::wake_ups(&reading);
    for _ in 0..3 {
        let appended = writing.append(append("a")).await.unwrap();
        tokio::time::timeout(DEADLINE, hints.wait()).await.expect("a hint must come");
        assert_eq!(reading.head().await.unwrap(), appended.token.position);
    }
    // The same position again is no news.
    let (mut waiting, options) = (Box::pin(hints.wait()), FeedOptions::default());
    let began = Instant::now();
    while began.elapsed() < interval * 10 {
        tokio::select! {
            biased;
            () = &mut waiting => panic!("nothing was appended"),
            page = reading.read_feed(Position::START, &options) => assert_eq!(page.unwrap().events.len(), 3),
        }
    }
}

#[tokio::test]
async fn an_own_append_wakes_without_waiting_for_the_next_look() {
    let directory = tempdir().unwrap();
    let options = SqliteOptions::file(directory.path().join("a.db")).with_poll_interval(DEADLINE * 60);
    let store = SqliteStore::open_with(options).await.unwrap();
    let mut hints = EventFeed::wake_ups(&store);
    store.append(append("a")).await.unwrap();
    hints.wait().await;
    let waiting = tokio::spawn(woken(hints));
    store.append(append("a")).await.unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn whoever_waits_is_woken_when_the_store_is_closed_or_gone() {
    let directory = tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("a.db")).await.unwrap();
    let waiting = tokio::spawn(woken(EventFeed::wake_ups(&store)));
    store.close().await.unwrap();
    waiting.await.unwrap();

    let memory = SqliteStore::in_memory().await.unwrap();
    let waiting = tokio::spawn(woken(EventFeed::wake_ups(&memory)));
    drop(memory);
    waiting.await.unwrap();
}

//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "numbers and texts are handed over as they stand")]

pub(crate) mod children;
pub(crate) mod groups;
pub(crate) mod ledger;
pub(crate) mod stores;

use std::{
    error::Error as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use eventsource_core::{
    Clock, Error, EventId, ExpectedVersion, NewEvent, Position, RecordedEvent, StreamId, Timestamp,
    store::{Append, EventFeedExt, EventStoreExt, FeedOptions, ReadOptions},
};
use eventsource_sqlite::SqliteStore;
use futures_util::TryStreamExt;

/// A stream of the category that the tests use.
pub(crate) fn stream(key: impl ToString) -> StreamId {
    StreamId::new("Test", key.to_string()).unwrap()
}

/// An event with a new id.
pub(crate) fn event(payload: impl Into<Vec<u8>>) -> NewEvent {
    NewEvent::new(EventId::generate(), "Happened", payload.into()).unwrap()
}

/// An append of one new event to any version of a stream.
pub(crate) fn append(key: impl ToString) -> Append {
    Append::new(stream(key), ExpectedVersion::Any, vec![event(*b"{}")])
}

/// The whole feed.
pub(crate) async fn feed(store: &SqliteStore) -> Vec<RecordedEvent> {
    store.feed(Position::START, FeedOptions::default()).try_collect().await.unwrap()
}

/// A whole stream.
pub(crate) async fn events(store: &SqliteStore, stream: &StreamId) -> Vec<RecordedEvent> {
    store.events(stream, ReadOptions::default()).try_collect().await.unwrap()
}

/// Checks that the store does not contradict itself and that the file is sound; returns the feed.
pub(crate) async fn audit(store: &SqliteStore, path: &Path) -> Vec<RecordedEvent> {
    let feed = eventsource_testing::audit(store).await;
    check_integrity(path);
    feed
}

/// Asks SQLite itself whether the file is sound.
pub(crate) fn check_integrity(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let answer: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(answer, "ok");
    let orphans: i64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(orphans, 0);
}

/// Checks that a file is sound, and counts its events.
pub(crate) fn audit_file(path: &Path) -> i64 {
    check_integrity(path);
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM es_events", [], |row| row.get(0)).unwrap()
}

/// Somebody else who holds the write lock of a file until it is dropped.
pub(crate) struct ForeignLock(rusqlite::Connection);

impl ForeignLock {
    pub(crate) fn take(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }
}

/// A clock that is one microsecond later at each look, of which there is one for each commit.
#[derive(Debug, Default)]
pub(crate) struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
}

/// A [`TickingClock`] that can hold the writer inside a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct GateClock {
    ticks: Arc<TickingClock>,
    gate: Arc<Mutex<Option<Gate>>>,
}

/// What tells that the clock was looked at, and what then lets the writer go on.
type Gate = (Sender<()>, Receiver<()>);

impl GateClock {
    /// Holds the next look. The first channel tells that it is held; dropping the second lets it go on.
    pub(crate) fn hold(&self) -> (Receiver<()>, Sender<()>) {
        let (reach, reached) = channel();
        let (release, released) = channel();
        *self.gate.lock().unwrap() = Some((reach, released));
        (reached, release)
    }
}

impl Clock for GateClock {
    fn now(&self) -> Timestamp {
        let held = self.gate.lock().unwrap().take();
        if let Some((reach, released)) = held {
            reach.send(()).unwrap();
            // An error is the sender that was dropped.
            let _ = released.recv();
        }
        self.ticks.now()
    }
}

/// What every message promises: these words, one line of this level only, without what its cause says.
pub(crate) fn told(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{text:?} does not say {word:?}");
    }
    assert!(error.operation().is_some(), "{text}");
    assert!(!text.contains('\n') && !text.ends_with('.'), "{text:?}");
    let mut cause = error.source();
    while let Some(source) = cause {
        assert!(!text.contains(&source.to_string()), "{text:?} repeats its cause");
        cause = source.source();
    }
}

//! Futures that are dropped half-way: what they began happened whole or not at all, and the store goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::{
    append, audit, event, events, feed,
    groups::{open_gated, queue},
    ledger::{Books, Ledger, amounts, batch, begin, consumer},
    stream,
};
use eventsource_core::{
    ExpectedVersion, Position,
    projection::Target,
    store::{Append, EventFeed, EventStore, FeedOptions, ReadOptions},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use eventsource_testing::poll_times;
use tempfile::tempdir;

/// How often each number of polls is tried: the writer is at another place each time.
const ROUNDS: usize = 25;

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open_with(SqliteOptions::file(path).with_readers(1)).await.unwrap()
}

#[tokio::test]
async fn a_dropped_append_happened_whole_or_not_at_all() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    for polls in 0.. {
        let mut completed = 0;
        for round in 0..ROUNDS {
            let (a, b) = (stream(format!("a-{polls}-{round}")), stream(format!("b-{polls}-{round}")));
            let append = Append::new(a.clone(), ExpectedVersion::NoStream, vec![event(*b"1"), event(*b"2")])
                .and(b.clone(), ExpectedVersion::NoStream, vec![event(*b"3")]);
            completed += usize::from(poll_times(store.append(append.clone()), polls).await.is_some());

            let again = store.append(append).await.expect("the same append can be sent again");
            assert_eq!(again.streams.len(), 2);
            assert_eq!((events(&store, &a).await.len(), events(&store, &b).await.len()), (2, 1));
        }
        if completed == ROUNDS {
            break;
        }
    }
    audit(&store, &path).await;
}

#[tokio::test]
async fn an_append_that_is_dropped_while_it_is_queued_never_happens() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, clock) = open_gated(&path).await;
    // The writer is inside a commit, and takes what is queued when that is done.
    let (reached, release) = clock.hold();
    let taken = queue(&store, append("taken"));
    reached.recv().unwrap();
    let dropped = append("dropped");
    assert!(poll_times(store.append(dropped.clone()), 1).await.is_none());
    drop(release);
    taken.await.unwrap();
    // It was queued before the next one, which is done.
    store.append(append("later")).await.unwrap();
    assert!(events(&store, &stream("dropped")).await.is_empty());
    assert!(!store.append(dropped).await.unwrap().deduplicated);
    assert_eq!(audit(&store, &path).await.len(), 3);
}

#[tokio::test]
async fn an_append_that_is_dropped_while_it_is_committed_happens() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, clock) = open_gated(&path).await;
    let (reached, release) = clock.hold();
    let dropped = append("dropped");
    let committing = queue(&store, dropped.clone());
    reached.recv().unwrap();
    drop(committing);
    drop(release);
    assert!(store.append(dropped).await.unwrap().deduplicated);
    assert_eq!(audit(&store, &path).await.len(), 1);
}

#[tokio::test]
async fn a_dropped_read_gives_its_connection_back() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    store.append(append("a")).await.unwrap();
    let (a, read, feed) = (stream("a"), ReadOptions::default(), FeedOptions::default());
    for polls in 0.. {
        let mut completed = 0;
        for _ in 0..ROUNDS {
            let page = poll_times(store.read_stream(&a, &read), polls).await;
            let feed = poll_times(store.read_feed(Position::START, &feed), polls).await;
            completed += usize::from(page.is_some() && feed.is_some());
            // There is one connection only: this waits for ever if it is lost.
            assert_eq!(events(&store, &a).await.len(), 1);
        }
        if completed == ROUNDS {
            break;
        }
    }
}

#[tokio::test]
async fn a_dropped_batch_of_a_projection_happened_whole_or_not_at_all() {
    let directory = tempdir().unwrap();
    let store = open(&directory.path().join("a.db")).await;
    let models = store.read_models();
    let target = models.projection(Ledger::default()).unwrap();
    target.prepare(&consumer()).await.unwrap();
    let mut segment = begin(models, &store).await;
    for polls in 0.. {
        let mut completed = 0;
        for _ in 0..ROUNDS {
            amounts(&store, "a", &[1, 2]).await;
            let dropped = batch(&store, &segment, 1, 1_000).await;
            completed += usize::from(poll_times(target.apply(&dropped), polls).await.is_some());
            // Queued behind what was dropped.
            let now = begin(models, &store).await;
            assert!(now.place == segment.place || now.place == dropped.to, "{now:?}");
            segment = now;
            let done = feed(&store).await;
            let done = done.iter().filter(|event| event.position <= segment.place.position);
            assert_eq!(Books::read(models).await, Books::fold(done));
        }
        if completed == ROUNDS {
            break;
        }
    }
}

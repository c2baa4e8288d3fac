//! Reading much holds little: streams of events ask for the next page when the one before is used up, and no page is larger
//! than it may be. On both stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::{
    event,
    stores::{Named, Stores},
    stream,
};
use eventsource_core::{
    EventId, ExpectedVersion, Log, Position, RecordedEvent, Result, StreamId, Timestamp,
    store::{
        Append, Appended, Close, EventFeed, EventFeedExt, EventStore, EventStoreExt, FeedOptions, FeedPage,
        Limits, ReadOptions, StreamInfo, StreamPage, WakeUps,
    },
};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

/// A store that takes note of the pages it is asked for: how many events, and how many bytes of payload.
#[derive(Clone)]
struct Noting {
    store: Named,
    pages: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Noting {
    fn new(store: &Named) -> Self {
        Self { store: store.clone(), pages: Arc::default() }
    }

    fn note(&self, events: &[RecordedEvent]) {
        let bytes = events.iter().map(|e| e.payload.len()).sum();
        self.pages.lock().unwrap().push((events.len(), bytes));
    }

    fn pages(&self) -> Vec<(usize, usize)> {
        self.pages.lock().unwrap().clone()
    }
}

#[async_trait]
impl Close for Noting {
    async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}

#[async_trait]
impl EventStore for Noting {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.store.append(append).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        let page = self.store.read_stream(stream, options).await?;
        self.note(&page.events);
        Ok(page)
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        self.store.stream(stream).await
    }

    fn log(&self) -> Log {
        EventStore::log(&**self.store)
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }
}

#[async_trait]
impl EventFeed for Noting {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        let page = self.store.read_feed(after, options).await?;
        self.note(&page.events);
        Ok(page)
    }

    async fn head(&self) -> Result<Position> {
        self.store.head().await
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        self.store.position_before(time).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        self.store.event_id_at(position).await
    }

    fn log(&self) -> Log {
        EventFeed::log(&**self.store)
    }

    fn wake_ups(&self) -> WakeUps {
        self.store.wake_ups()
    }
}

/// Small events and long ones, so that both bounds of a page are met.
async fn fill(store: &Named) {
    const MIB: usize = 1024 * 1024;
    let small = (0..2_500).map(|_| event(*b"{}"));
    let long = (0..6).map(|_| event(vec![b'x'; 3 * MIB]));
    let append = Append::new(stream("a"), ExpectedVersion::NoStream, small.chain(long).collect());
    store.append(append).await.unwrap();
}

/// Takes everything, one by one, and compares the pages asked for with those that were needed by then: one may be read ahead.
async fn check(noting: &Noting, mut events: BoxStream<'_, Result<RecordedEvent>>) {
    let pages = [(1_000, 2_000), (1_000, 2_000), (503, 9_438_184), (3, 9_437_184)];
    let mut taken = 0;
    let mut needed = 0;
    assert!(noting.pages().is_empty(), "nothing is read before it is asked for");
    for page in 1..=pages.len() {
        while taken < needed + pages[page - 1].0 {
            events.next().await.unwrap().unwrap();
            taken += 1;
            let asked = noting.pages().len();
            let ahead = asked.checked_sub(page);
            assert!(matches!(ahead, Some(0 | 1)), "{}: {asked} after {taken} events", noting.store.name);
        }
        needed = taken;
    }
    assert!(events.next().await.is_none());
    let read: Vec<_> = noting.pages().into_iter().filter(|(events, _)| *events > 0).collect();
    assert_eq!(read, pages, "{}", noting.store.name);
}

#[tokio::test]
async fn a_long_stream_is_held_page_by_page() {
    let stores = Stores::new().await;
    for store in stores.each() {
        fill(store).await;
        let noting = Noting::new(store);
        check(&noting, noting.events(&stream("a"), ReadOptions::default())).await;
    }
}

#[tokio::test]
async fn a_long_feed_is_held_page_by_page() {
    let stores = Stores::new().await;
    for store in stores.each() {
        fill(store).await;
        let noting = Noting::new(store);
        let options = FeedOptions::default().with_limit(usize::MAX);
        check(&noting, noting.feed(Position::START, options)).await;
    }
}

#[tokio::test]
async fn a_limit_reads_no_more_than_it_needs() {
    let stores = Stores::new().await;
    for store in stores.each() {
        fill(store).await;
        let noting = Noting::new(store);
        let options = ReadOptions::default().with_limit(1_200);
        let events: Vec<_> = noting.events(&stream("a"), options).try_collect().await.unwrap();
        assert_eq!(events.len(), 1_200);
        let pages: Vec<usize> = noting.pages().iter().map(|(events, _)| *events).collect();
        assert_eq!(pages, [1_000, 200], "{}", store.name);
    }
}

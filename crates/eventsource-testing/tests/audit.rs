//! An audit passes over a sound store, and finds every way in which a store can contradict itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use async_trait::async_trait;
use common::async_failure;
use eventsource_core::{
    EventId, ExpectedVersion, Log, MemoryStore, Position, Result, StreamId, StreamVersion, Timestamp,
    lifecycle::{Lifecycle, LifecycleNote},
    store::{
        Append, Appended, Close, Direction, EventFeed, EventStore, FeedOptions, FeedPage, Limits,
        ReadOptions, StreamDeletion, StreamErasure, StreamInfo, StreamPage, WakeUps,
    },
};
use eventsource_testing::{EventBuilder, audit};

/// One active stream, one that was deleted and restored, one deleted, one erased after it was deleted.
async fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let note = LifecycleNote::because("a test");
    for key in ["active", "restored", "deleted", "erased"] {
        let events = (0..3).map(|_| EventBuilder::named("Happened").new_event()).collect();
        store.append(Append::new(stream(key), ExpectedVersion::NoStream, events)).await.unwrap();
    }
    for key in ["restored", "deleted", "erased"] {
        store.delete(&stream(key), ExpectedVersion::Any, &note).await.unwrap();
    }
    store.restore(&stream("restored"), &note).await.unwrap();
    store.erase(&stream("erased"), &note).await.unwrap();
    store
}

fn stream(key: &str) -> StreamId {
    StreamId::new("Test", key).unwrap()
}

#[tokio::test]
async fn a_sound_store_passes_and_shows_its_feed() {
    assert_eq!(audit(&store().await).await.len(), 17);
    assert_eq!(audit(&MemoryStore::new()).await, []);
}

/// A change to one of the answers of a store.
#[derive(Default)]
struct Lie {
    feed: Option<fn(Direction, &mut FeedPage)>,
    read: Option<fn(Direction, &mut StreamPage)>,
    /// Answers for streams that refuse.
    reads_all: bool,
    info: Option<fn(&mut StreamInfo)>,
    head: Option<Position>,
}

struct Liar {
    inner: MemoryStore,
    lie: Lie,
}

#[async_trait]
impl Close for Liar {
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
impl EventStore for Liar {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.inner.append(append).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        let nothing = StreamPage { events: Vec::new(), next: None, version: StreamVersion::ZERO };
        let mut page = match self.inner.read_stream(stream, options).await {
            Err(_) if self.lie.reads_all => nothing,
            page => page?,
        };
        if let Some(lie) = self.lie.read {
            lie(options.direction, &mut page);
        }
        Ok(page)
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        let mut info = self.inner.stream(stream).await?;
        if let Some(lie) = self.lie.info {
            lie(&mut info);
        }
        Ok(info)
    }

    fn log(&self) -> Log {
        self.inner.log()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

#[async_trait]
impl EventFeed for Liar {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        let mut page = self.inner.read_feed(after, options).await?;
        if let Some(lie) = self.lie.feed {
            lie(options.direction, &mut page);
        }
        Ok(page)
    }

    async fn head(&self) -> Result<Position> {
        let head = self.inner.head().await?;
        Ok(self.lie.head.unwrap_or(head))
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        self.inner.position_before(time).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        self.inner.event_id_at(position).await
    }

    fn log(&self) -> Log {
        self.inner.log()
    }

    fn wake_ups(&self) -> WakeUps {
        self.inner.wake_ups()
    }
}

async fn check(lie: Lie, expected: &str) {
    let liar = Liar { inner: store().await, lie };
    let message = async_failure(audit(&liar)).await;
    assert!(message.starts_with(expected), "{message}");
    assert!(message.contains("\nasserted at\n    crates/eventsource-testing/tests/audit.rs:"), "{message}");
}

#[tokio::test]
async fn a_store_that_contradicts_itself_is_found_out() {
    let none = Lie::default;
    let cases = [
        (
            Lie { feed: Some(|_, page| page.events.swap(0, 1)), ..none() },
            "version 2 of stream Test/active at position 2 is followed by version 1 of stream",
        ),
        (
            Lie { feed: Some(|_, page| drop(page.events.remove(1))), ..none() },
            "version 3 of stream Test/active at position 3 stands where version 2 is expected",
        ),
        (
            Lie {
                feed: Some(|direction, page| match direction {
                    Direction::Forward => {}
                    Direction::Backward => drop(page.events.pop()),
                }),
                ..none()
            },
            "the feed, read backward, and the feed differ, the first time in the event at index 0",
        ),
        (
            Lie { head: Some(Position::new(16)), ..none() },
            "the head is 16, and the last event of the feed lies at 17",
        ),
        (
            Lie { read: Some(|_, page| drop(page.events.pop())), ..none() },
            "stream Test/active and the feed differ, the first time in the event at index 2",
        ),
        (
            Lie {
                read: Some(|direction, page| match direction {
                    Direction::Forward => {}
                    Direction::Backward => page.events.reverse(),
                }),
                ..none()
            },
            "stream Test/active, read backward, and the feed differ, the first time in the event at index 0",
        ),
        (Lie { reads_all: true, ..none() }, "stream Test/deleted is deleted, and is read all the same"),
        (
            Lie { info: Some(|info| info.version = StreamVersion::new(9)), ..none() },
            "what is said of stream Test/active is not what its last event says",
        ),
        (
            Lie { info: Some(|info| info.lifecycle = Lifecycle::Active), ..none() },
            "what is said of stream Test/deleted is not what its last event says",
        ),
        (
            Lie { info: Some(|info| info.recorded_at = None), ..none() },
            "what is said of stream Test/active is not what its last event says",
        ),
        (
            Lie {
                feed: Some(|_, page| {
                    let erased = page.events.iter_mut().filter(|event| event.erased);
                    erased.for_each(|event| event.payload = "left".into());
                }),
                ..none()
            },
            "version 1 of stream Test/erased at position 10 is left, although the stream is erased",
        ),
        (
            Lie {
                feed: Some(|_, page| {
                    for event in page.events.iter_mut().filter(|event| event.version.get() == 1) {
                        event.recorded_at = Timestamp::MAX;
                    }
                }),
                ..none()
            },
            "version 1 of stream Test/active at position 1 was recorded later than version 2",
        ),
    ];
    for (lie, expected) in cases {
        check(lie, expected).await;
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told() {
    let store = store().await;
    store.close().await.unwrap();
    let message = async_failure(audit(&store)).await;
    assert!(
        message.starts_with("the store fails\n\nwhy\n    read feed: the memory store is closed"),
        "{message}"
    );
}

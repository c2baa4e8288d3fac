//! Beginning to read at a time: exact, also where imported events make times go back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{TickingClock, append, feed, stream};
use eventsource_core::{
    EventId, Position, RecordedEvent, Timestamp,
    codec::{CodecTag, TransformTag},
    store::{EventFeed, EventImport, EventStore, LogAdoption},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// A recorded event of a new stream.
fn recorded(key: &str, recorded_at: i64) -> RecordedEvent {
    RecordedEvent {
        id: EventId::generate(),
        stream: stream(key),
        version: eventsource_core::StreamVersion::FIRST,
        position: Position::START,
        name: eventsource_core::EventName::new("Happened").unwrap(),
        schema_version: 1,
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        payload: "{}".into(),
        metadata: eventsource_core::Metadata::default(),
        correlation: None,
        occurred_at: at(recorded_at),
        recorded_at: at(recorded_at),
        erased: false,
    }
}

/// Compares the answer for every time with what the feed itself says.
async fn check(store: &SqliteStore) {
    let events = feed(store).await;
    let latest = events.iter().map(|e| e.recorded_at.as_micros()).max().unwrap_or(0);
    for time in -2..latest + 3 {
        let before = events.iter().take_while(|e| e.recorded_at < at(time)).last();
        let expected = before.map_or(Position::START, |e| e.position);
        assert_eq!(store.position_before(at(time)).await.unwrap(), expected, "time {time}");
    }
}

#[tokio::test]
async fn the_answer_is_exact_whatever_was_imported() {
    let options = SqliteOptions::memory().with_clock(TickingClock::default());
    let store = SqliteStore::open_with(options).await.unwrap();
    check(&store).await;
    for i in 0..20 {
        store.append(append(i % 3)).await.unwrap();
    }
    check(&store).await;
    // In order, with equal times and a gap of times.
    store.import(&[recorded("c", 30), recorded("d", 30), recorded("e", 60)]).await.unwrap();
    check(&store).await;
    // Behind a gap of positions, and not before the times imported.
    store.adopt(Position::new(5_000)).await.unwrap();
    for i in 0..10 {
        store.append(append(i % 3)).await.unwrap();
    }
    check(&store).await;
    // Going back.
    store.import(&[recorded("f", 10), recorded("g", 90), recorded("h", 5)]).await.unwrap();
    check(&store).await;
    for i in 0..10 {
        store.append(append(i % 3)).await.unwrap();
    }
    let times: Vec<_> = feed(&store).await.iter().map(|e| e.recorded_at.as_micros()).collect();
    assert_eq!(times.last(), Some(&90), "the time of recording never decreases");
    check(&store).await;
    store.import(&[recorded("i", 120), recorded("j", 110)]).await.unwrap();
    check(&store).await;
    store.append(append("j")).await.unwrap();
    check(&store).await;
}

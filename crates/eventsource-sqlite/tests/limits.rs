//! The limits of stores, on the store in memory and on SQLite. Every test here stands on the page `docs/limits.md`, and
//! every limit of a store on that page has its test here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{collections::HashSet, time::Duration};

use common::{
    event,
    stores::{Named, Stores},
    stream,
};
use eventsource_core::{
    Bytes, CorrelationId, Error, ErrorKind, EventFilter, EventId, ExpectedVersion, MemoryStore, Metadata,
    NewEvent, Position, RecordedEvent, Result, StateType, StreamId, StreamVersion, TenantFilter, Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle::LifecycleNote,
    store::{
        Append, EventFeed, EventFeedExt, EventImport, EventLookup, EventStore, EventStoreExt, FeedOptions,
        Limits, LogAdoption, ReadOptions, SaveOutcome, Snapshot, SnapshotStore, StreamDeletion,
        StreamListing, StreamsOptions,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use eventsource_testing::ManualClock;
use futures_util::TryStreamExt;
use uuid::Uuid;

const MIB: usize = 1024 * 1024;

fn append(key: &str, events: Vec<NewEvent>) -> Append {
    Append::new(stream(key), ExpectedVersion::Any, events)
}

fn of_bytes(bytes: usize) -> NewEvent {
    event(vec![b'x'; bytes])
}

fn many(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event(*b"{}")).collect()
}

/// The call is refused for this field and limit.
fn check_refused<T>(outcome: Result<T, Error>, field: &str, limit: usize) {
    let Err(error) = outcome else { panic!("{field} beyond {limit} was taken") };
    let ErrorKind::InvalidInput { field: named, limit: passed } = error.kind() else { panic!("{error:?}") };
    assert_eq!((*named, *passed), (field, Some(limit as u64)), "{error}");
}

async fn all_of(store: &Named, stream: &StreamId) -> Vec<RecordedEvent> {
    store.events(stream, ReadOptions::default()).try_collect().await.unwrap()
}

// What comes back.

#[tokio::test]
async fn an_event_comes_back_byte_for_byte() {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let longest = "x".repeat(200);
    let edges = |id, name: &str, payload: Bytes, schema_version, occurred_at| {
        let mut event = NewEvent::new(id, name, payload.clone())
            .unwrap()
            .with_schema_version(schema_version)
            .with_codec(CodecTag::from_static("15-characters.."))
            .with_metadata(Metadata::from_bytes(payload))
            .with_correlation(CorrelationId::from(id))
            .with_occurred_at(occurred_at);
        event.transform = TransformTag::from_static("15.characters--");
        event
    };
    let events = vec![
        edges(EventId::from_uuid(Uuid::nil()), "a", Bytes::new(), 0, Timestamp::MIN),
        edges(EventId::from_uuid(Uuid::max()), &longest, all_bytes.into(), u16::MAX, Timestamp::MAX),
    ];
    let widest =
        StreamId::from_parts(&longest, &longest, &format!("\u{10FFFF}{}", "\"'/@% ".repeat(41))).unwrap();
    let stores = Stores::new().await;
    for store in stores.each() {
        store.append(Append::new(widest.clone(), ExpectedVersion::NoStream, events.clone())).await.unwrap();
        let recorded = all_of(store, &widest).await;
        assert_eq!(recorded.len(), 2);
        for (new, recorded) in events.iter().zip(&recorded) {
            assert!(new.has_content_of(recorded), "{}", store.name);
            assert_eq!((&recorded.stream, &recorded.metadata), (&widest, &new.metadata), "{}", store.name);
            assert_eq!(recorded.correlation, new.correlation, "{}", store.name);
            assert_eq!(Some(recorded.occurred_at), new.occurred_at, "{}", store.name);
            assert_eq!(store.event(new.id).await.unwrap().as_ref(), Some(recorded), "{}", store.name);
        }
        let feed = store.read_feed(Position::START, &FeedOptions::default()).await.unwrap().events;
        assert_eq!(feed, recorded, "{}", store.name);
    }
}

#[tokio::test]
async fn two_forms_of_a_key_are_two_streams() {
    let keys = ["A", "a", "a ", "é", "e\u{301}", "ß", "ss", "注文", "\u{1F980}", "%", "_", "a%", "a_"];
    let stores = Stores::new().await;
    for store in stores.each() {
        for key in keys {
            store.append(Append::new(stream(key), ExpectedVersion::NoStream, many(1))).await.unwrap();
        }
        let listed = store.streams(&StreamsOptions::default()).await.unwrap().streams;
        let mut in_byte_order = keys;
        in_byte_order.sort_unstable();
        assert!(listed.iter().map(|info| info.stream.key()).eq(in_byte_order), "{}", store.name);
        for (prefix, count) in [("a", 4), ("a%", 1), ("%", 1), ("e", 1), ("", keys.len())] {
            let options = StreamsOptions::default().with_key_prefix(prefix);
            let page = store.streams(&options).await.unwrap();
            assert_eq!(page.streams.len(), count, "{} {prefix:?}", store.name);
        }
    }
}

#[tokio::test]
async fn names_that_differ_in_case_are_two_names() {
    let stores = Stores::new().await;
    for store in stores.each() {
        for (category, name) in [("Order", "Placed"), ("order", "placed")] {
            let event = NewEvent::new(EventId::generate(), name, "{}").unwrap();
            let stream = StreamId::new(category, "1").unwrap();
            store.append(Append::new(stream, ExpectedVersion::NoStream, vec![event])).await.unwrap();
        }
        assert_eq!(store.categories(&TenantFilter::Any).await.unwrap().len(), 2, "{}", store.name);
        for (category, name, found) in
            [("Order", "Placed", 1), ("Order", "placed", 0), ("order", "placed", 1), ("Order", "P*", 1)]
        {
            let filter = EventFilter::all().events(category, [name]).unwrap();
            let options = FeedOptions::default().with_filter(filter);
            let page = store.read_feed(Position::START, &options).await.unwrap();
            assert_eq!(page.events.len(), found, "{} {category} {name}", store.name);
        }
    }
}

// What a call holds.

#[tokio::test]
async fn a_payload_has_4_mib_and_metadata_64_kib() {
    let metadata = |bytes: usize| event(*b"{}").with_metadata(Metadata::from_bytes(vec![b'x'; bytes].into()));
    let stores = Stores::new().await;
    for store in stores.each() {
        let fits = append("a", vec![of_bytes(4 * MIB), metadata(64 * 1024)]);
        store.append(fits).await.unwrap();
        let recorded = all_of(store, &stream("a")).await;
        assert_eq!(recorded[0].payload.len(), 4 * MIB, "{}", store.name);
        assert_eq!(recorded[1].metadata.as_bytes().len(), 64 * 1024, "{}", store.name);
        check_refused(store.append(append("a", vec![of_bytes(4 * MIB + 1)])).await, "payload", 4 * MIB);
        check_refused(store.append(append("a", vec![metadata(64 * 1024 + 1)])).await, "metadata", 64 * 1024);
    }
}

#[tokio::test]
async fn an_append_has_64_mib() {
    let stores = Stores::new().await;
    for store in stores.each() {
        let full = || (0..16).map(|_| of_bytes(4 * MIB)).collect::<Vec<_>>();
        store.append(append("a", full())).await.unwrap();
        assert_eq!(store.stream(&stream("a")).await.unwrap().version.get(), 16);
        let mut beyond = full();
        beyond.push(of_bytes(1));
        check_refused(store.append(append("a", beyond)).await, "batch", 64 * MIB);
    }
}

#[tokio::test]
async fn an_append_has_100000_events_and_a_stream_any_number() {
    let stores = Stores::new().await;
    for store in stores.each() {
        check_refused(store.append(append("a", many(100_001))).await, "events", 100_000);
        store.append(append("a", many(100_000))).await.unwrap();
        let exactly = ExpectedVersion::Exact(StreamVersion::new(100_000));
        let appended = store.append(Append::new(stream("a"), exactly, many(1))).await.unwrap();
        assert_eq!(appended.streams[0].last.get(), 100_001);
        let recorded = all_of(store, &stream("a")).await;
        assert!(recorded.iter().map(|e| e.version.get()).eq(1..=100_001), "{}", store.name);
    }
}

#[tokio::test]
async fn an_append_names_1000_streams() {
    let to = |streams: usize| {
        let first = append("0", many(1));
        (1..streams).fold(first, |append, key| append.and(stream(key), ExpectedVersion::NoStream, many(1)))
    };
    let stores = Stores::new().await;
    for store in stores.each() {
        let checked = to(999).and_check(stream("checked"), ExpectedVersion::NoStream);
        assert_eq!(store.append(checked).await.unwrap().streams.len(), 999, "{}", store.name);
        check_refused(store.append(to(1_001)).await, "streams", 1_000);
    }
}

#[tokio::test]
async fn an_import_has_the_limits_of_an_append() {
    let source = MemoryStore::new();
    source.append(append("a", many(1))).await.unwrap();
    let one = source.read_feed(Position::START, &FeedOptions::default()).await.unwrap().events.remove(0);
    let long = |bytes: usize| RecordedEvent { payload: vec![b'x'; bytes].into(), ..one.clone() };
    let described = |bytes: usize| RecordedEvent {
        metadata: Metadata::from_bytes(vec![b'x'; bytes].into()),
        ..one.clone()
    };
    let stores = Stores::new().await;
    for store in stores.each() {
        check_refused(store.import(&[long(4 * MIB + 1)]).await, "payload", 4 * MIB);
        check_refused(store.import(&[described(64 * 1024 + 1)]).await, "metadata", 64 * 1024);
        check_refused(store.import(&vec![long(4 * MIB); 17]).await, "batch", 64 * MIB);
        check_refused(store.import(&vec![one.clone(); 100_001]).await, "events", 100_000);
        assert_eq!(store.import(&[long(4 * MIB)]).await.unwrap().written, 1, "{}", store.name);
    }
}

#[tokio::test]
async fn a_note_has_the_limit_of_a_payload() {
    let note = |bytes: usize| LifecycleNote::because("x".repeat(bytes));
    let around = r#"{"reason":""}"#.len();
    let stores = Stores::new().await;
    for store in stores.each() {
        store.append(append("a", many(1))).await.unwrap();
        let (a, any) = (stream("a"), ExpectedVersion::Any);
        let beyond = StreamDeletion::delete(&***store, &a, any, &note(4 * MIB - around + 1)).await;
        check_refused(beyond, "note", 4 * MIB);
        StreamDeletion::delete(&***store, &a, any, &note(4 * MIB - around)).await.unwrap();
    }
}

#[tokio::test]
async fn a_snapshot_may_be_longer_than_a_payload() {
    let snapshot = |version: u64| Snapshot {
        stream: stream("a"),
        state_type: StateType::new("State").unwrap(),
        schema_version: u16::MAX,
        version: StreamVersion::new(version),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: vec![0; 16 * MIB].into(),
        taken_at: Timestamp::MAX,
    };
    let kept = snapshot(StreamVersion::MAX.get());
    let stores = Stores::new().await;
    for store in stores.each() {
        assert_eq!(store.save(kept.clone()).await.unwrap(), SaveOutcome::Saved, "{}", store.name);
        let found = store.load(&kept.stream, &kept.state_type, u16::MAX).await.unwrap();
        assert_eq!(found.as_ref(), Some(&kept), "{}", store.name);
        check_refused(store.save(snapshot(u64::MAX)).await, "version", i64::MAX as usize);
    }
}

// What a page holds.

#[tokio::test]
async fn a_page_holds_1000_events_or_8_mib() {
    let stores = Stores::new().await;
    for store in stores.each() {
        store.append(append("many", many(1_001))).await.unwrap();
        store.append(append("long", (0..5).map(|_| of_bytes(3 * MIB)).collect())).await.unwrap();
        let greedy = ReadOptions::default().with_limit(usize::MAX);
        let page = store.read_stream(&stream("many"), &greedy).await.unwrap();
        assert_eq!((page.events.len(), page.next), (1_000, Some(StreamVersion::new(1_001))));
        let page = store.read_stream(&stream("long"), &greedy).await.unwrap();
        assert_eq!((page.events.len(), page.next), (3, Some(StreamVersion::new(4))), "{}", store.name);

        let greedy = FeedOptions::default().with_limit(usize::MAX).with_window(usize::MAX);
        let page = store.read_feed(Position::START, &greedy).await.unwrap();
        assert_eq!((page.events.len(), page.at_head), (1_000, false), "{}", store.name);
        let page = store.read_feed(page.next, &greedy).await.unwrap();
        assert_eq!((page.events.len(), page.at_head), (1 + 3, false), "{}", store.name);
        let page = store.read_feed(page.next, &greedy).await.unwrap();
        assert_eq!((page.events.len(), page.at_head), (2, true), "{}", store.name);

        // Sugar over pages gives everything.
        assert_eq!(all_of(store, &stream("many")).await.len(), 1_001);
        let feed: Vec<_> = store.feed(Position::START, greedy).try_collect().await.unwrap();
        assert_eq!(feed.len(), 1_006);
    }
}

#[tokio::test]
async fn a_page_of_the_feed_looks_at_50000_events() {
    let stores = Stores::new().await;
    for store in stores.each() {
        store.append(append("a", many(50_001))).await.unwrap();
        let nothing = EventFilter::all().category("Other").unwrap();
        let options = FeedOptions::default().with_filter(nothing);
        let page = store.read_feed(Position::START, &options).await.unwrap();
        assert_eq!((page.events.len(), page.next.get(), page.at_head), (0, 50_000, false), "{}", store.name);
        let page = store.read_feed(page.next, &options).await.unwrap();
        assert_eq!((page.events.len(), page.next.get(), page.at_head), (0, 50_001, true), "{}", store.name);
    }
}

#[tokio::test]
async fn a_page_of_a_listing_holds_1000_streams_or_what_was_asked_for() {
    let stores = Stores::new().await;
    for store in stores.each() {
        for hundred in 0..11 {
            let first = append(&format!("{}", hundred * 100), many(1));
            let all = (1..100).fold(first, |append, key| {
                append.and(stream(hundred * 100 + key), ExpectedVersion::NoStream, many(1))
            });
            store.append(all).await.unwrap();
        }
        let page = store.streams(&StreamsOptions::default()).await.unwrap();
        assert_eq!((page.streams.len(), page.next.is_some()), (1_000, true), "{}", store.name);
        let page = store.streams(&StreamsOptions::default().with_limit(usize::MAX)).await.unwrap();
        assert_eq!((page.streams.len(), page.next), (1_100, None), "{}", store.name);
    }
}

// Numbers and times.

#[tokio::test]
async fn positions_end_at_2_to_the_48_minus_1() {
    async fn check(store: &(impl EventStore + EventFeed + LogAdoption)) {
        check_refused(store.adopt(Position::new(1 << 48)).await, "position", (1 << 48) - 1);
        store.adopt(Position::new(Position::MAX.get() - 2)).await.unwrap();
        let error = store.append(append("a", many(3))).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::StorageFull, "{error}");
        assert!(error.to_string().contains("281474976710655"), "{error}");
        let last = store.append(append("a", many(2))).await.unwrap();
        assert_eq!(last.token.position, Position::MAX);
        let error = store.append(append("a", many(1))).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::StorageFull, "{error}");
        let page = store.read_feed(Position::START, &FeedOptions::default()).await.unwrap();
        assert_eq!((page.events.len(), page.next), (2, Position::MAX));
    }
    check(&MemoryStore::new()).await;
    check(&SqliteStore::in_memory().await.unwrap()).await;
}

#[tokio::test]
async fn numbers_beyond_every_stream_and_log_are_answered() {
    let (beyond, far) = (StreamVersion::new(u64::MAX), Position::new(u64::MAX));
    let stores = Stores::new().await;
    for store in stores.each() {
        store.append(append("a", many(3))).await.unwrap();
        let page = |options: ReadOptions| async move {
            store.read_stream(&stream("a"), &options).await.unwrap().events.len()
        };
        assert_eq!(page(ReadOptions::default().with_from(beyond)).await, 0, "{}", store.name);
        assert_eq!(page(ReadOptions::default().with_to(beyond)).await, 3, "{}", store.name);
        assert_eq!(page(ReadOptions::default().backward().with_from(beyond)).await, 3, "{}", store.name);
        assert_eq!(page(ReadOptions::default().with_from(StreamVersion::ZERO)).await, 3, "{}", store.name);
        let expected = Append::new(stream("a"), ExpectedVersion::Exact(beyond), many(1));
        let error = store.append(expected).await.unwrap_err();
        assert_eq!(error.as_conflict().unwrap().actual.get(), 3, "{}", store.name);

        let error = store.read_feed(far, &FeedOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::HistoryDiverged, "{}", store.name);
        let page = store.read_feed(far, &FeedOptions::default().backward()).await.unwrap();
        assert_eq!(page.events.len(), 3, "{}", store.name);
        assert_eq!(store.event_id_at(far).await.unwrap(), None, "{}", store.name);
        let none = CorrelationId::from(EventId::generate());
        let page = store.correlated(none, far, &FeedOptions::default()).await.unwrap();
        assert_eq!((page.events.len(), page.next), (0, far), "{}", store.name);
    }
}

#[tokio::test]
async fn times_of_recording_never_go_back_and_those_of_occurrence_are_free() {
    let clock = ManualClock::default();
    let began = eventsource_core::Clock::now(&clock);
    let stores = Stores::with_clock(clock.clone()).await;
    for store in stores.each() {
        clock.set(began);
        let at = |time| event(*b"{}").with_occurred_at(time);
        store.append(append("a", vec![at(Timestamp::MAX), at(Timestamp::MIN)])).await.unwrap();
        clock.set(Timestamp::MIN);
        store.append(append("b", many(1))).await.unwrap();
        clock.set(began.plus(Duration::from_micros(1)));
        store.append(append("a", many(1))).await.unwrap();
        let feed = store.read_feed(Position::START, &FeedOptions::default()).await.unwrap().events;
        let later = began.plus(Duration::from_micros(1));
        let recorded: Vec<_> = feed.iter().map(|e| e.recorded_at).collect();
        assert_eq!(recorded, [began, began, began, later], "{}", store.name);
        let occurred: Vec<_> = feed.iter().map(|e| e.occurred_at).collect();
        assert_eq!(occurred, [Timestamp::MAX, Timestamp::MIN, began, later], "{}", store.name);
    }
}

// SQLite's own.

#[tokio::test]
async fn limits_beyond_what_sqlite_holds_are_cut() {
    let asked = Limits::default().with_payload_bytes(usize::MAX).with_metadata_bytes(usize::MAX);
    let store = SqliteStore::open_with(SqliteOptions::memory().with_limits(asked)).await.unwrap();
    let limits = store.limits();
    assert_eq!((limits.payload_bytes, limits.metadata_bytes), (900_000_000, 90_000_000));
    assert_eq!(limits.events, asked.events);
}

#[tokio::test]
async fn a_file_grows_to_17_terabytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(append("a", many(1))).await.unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let pragma = |name: &str| -> i64 {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(pragma("page_size") * pragma("max_page_count"), 17_592_186_036_224);
}

#[tokio::test]
async fn a_store_in_sqlite_has_1_to_1000_readers() {
    let directory = tempfile::tempdir().unwrap();
    let file = |readers| SqliteOptions::file(directory.path().join("a.db")).with_readers(readers);
    check_refused(SqliteStore::open_with(file(1_001)).await, "readers", 1_000);
    for readers in [1, 1_000] {
        let store = SqliteStore::open_with(file(readers)).await.unwrap();
        let reads = (0..50).map(|_| async { store.stream(&stream("a")).await.unwrap().version });
        let versions: HashSet<_> = futures_util::future::join_all(reads).await.into_iter().collect();
        assert_eq!(versions.len(), 1);
    }
}

// Memory.

#[tokio::test]
async fn a_store_in_memory_ends_with_its_last_handle() {
    let (memory, sqlite) = (MemoryStore::new(), SqliteStore::in_memory().await.unwrap());
    memory.append(append("a", many(1))).await.unwrap();
    sqlite.append(append("a", many(1))).await.unwrap();
    let (memory_clone, sqlite_clone) = (memory.clone(), sqlite.clone());
    drop((memory, sqlite));
    assert_eq!(memory_clone.head().await.unwrap(), Position::new(1));
    assert_eq!(sqlite_clone.head().await.unwrap(), Position::new(1));
    drop((memory_clone, sqlite_clone));
    assert_eq!(MemoryStore::new().head().await.unwrap(), Position::START);
    assert_eq!(SqliteStore::in_memory().await.unwrap().head().await.unwrap(), Position::START);
}

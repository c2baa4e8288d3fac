//! Bad input: what it gets, in which words, and that nothing was written. On both stores.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{
    event,
    stores::{Named, Stores},
    stream, told,
};
use eventsource_core::{
    Category, CorrelationId, Error, ErrorKind, EventFilter, EventId, EventName, ExpectedVersion, IdGenerator,
    Metadata, NewEvent, Position, RecordedEvent, StateType, StreamId, StreamKey, StreamVersion, TenantId,
    Timestamp, Token,
    codec::{CodecTag, TransformTag},
    lifecycle::LifecycleNote,
    store::{
        Append, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, Limits, StreamDeletion,
        StreamErasure, StreamListing, StreamsOptions,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};

/// Something that must never show in a message.
const SECRET: &str = "s3cr3t";

/// What is refused, for which field and limit, and with which words.
type Refused<'a, T> = (T, &'a str, Option<u64>, &'a [&'a str]);

/// The error is `InvalidInput` for this field and limit, and says all these words.
fn check_invalid(error: &Error, field: &str, limit: Option<u64>, words: &[&str]) {
    let ErrorKind::InvalidInput { field: named, limit: passed } = error.kind() else { panic!("{error:?}") };
    assert_eq!((*named, *passed), (field, limit), "{error}");
    assert!(!error.is_transient() && !error.is_outcome_unknown(), "{error:?}");
    told(error, words);
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
}

async fn check_nothing_written(store: &Named) {
    let page = store.read_feed(Position::START, &FeedOptions::default()).await.unwrap();
    assert!(page.events.is_empty() && page.at_head, "{}", store.name);
    assert_eq!(store.head().await.unwrap(), Position::START, "{}", store.name);
    assert!(store.streams(&StreamsOptions::default()).await.unwrap().streams.is_empty(), "{}", store.name);
}

fn to(key: &str, events: Vec<NewEvent>) -> Append {
    Append::new(stream(key), ExpectedVersion::Any, events)
}

/// So many bytes that begin with a secret.
fn secret(bytes: usize) -> Vec<u8> {
    let mut text = SECRET.as_bytes().to_vec();
    text.resize(bytes, b'x');
    text
}

fn with_metadata(bytes: usize) -> NewEvent {
    event(*b"{}").with_metadata(Metadata::from_bytes(secret(bytes).into()))
}

#[tokio::test]
async fn an_append_that_breaks_a_rule_is_refused_whole() {
    let id: EventId = "018f0000-0000-7000-8000-000000000001".parse().unwrap();
    let named = |name: &str| NewEvent::new(id, name, "{}").unwrap();
    let few = || to("a", vec![event(*b"{}")]);
    let cases: [Refused<'_, Append>; 10] = [
        (Append::default(), "events", None, &["empty", "no event"]),
        (to("a", vec![]).and_check(stream("b"), ExpectedVersion::NoStream), "events", None, &["no event"]),
        (
            to("a", vec![event(secret(101))]),
            "payload",
            Some(100),
            &["payload has 101 bytes", "limit is 100", "Happened"],
        ),
        (to("a", vec![with_metadata(51)]), "metadata", Some(50), &["metadata has 51 bytes", "limit is 50"]),
        (
            to("a", vec![event(secret(100)), event(secret(100)), event(secret(51))]),
            "batch",
            Some(250),
            &["251 bytes of payload and metadata", "limit is 250"],
        ),
        (to("a", (0..4).map(|_| event(*b"1")).collect()), "events", Some(3), &["4 events", "limit is 3"]),
        (
            few().and_check(stream("b"), ExpectedVersion::Any).and_check(stream("c"), ExpectedVersion::Any),
            "streams",
            Some(2),
            &["3 streams", "limit is 2"],
        ),
        (few().and(stream("a"), ExpectedVersion::Any, vec![]), "streams", None, &["Test/a", "twice"]),
        (to("a", vec![named("A"), named("B")]), "events", None, &[&id.to_string(), "twice"]),
        (to("a", vec![named("stream.mine")]), "event name", None, &["stream.mine", "reserved"]),
    ];
    let limits = Limits::default()
        .with_payload_bytes(100)
        .with_metadata_bytes(50)
        .with_events(3)
        .with_streams(2)
        .with_batch_bytes(250);
    let stores = Stores::with_limits(limits).await;
    for store in stores.each() {
        for (append, field, limit, words) in &cases {
            let error = store.append(append.clone()).await.unwrap_err();
            assert_eq!(error.operation(), Some("append"), "{}: {error}", store.name);
            check_invalid(&error, field, *limit, words);
        }
        check_nothing_written(store).await;
    }
}

/// As another store recorded it.
fn recorded(payload: Vec<u8>, metadata: Vec<u8>) -> RecordedEvent {
    RecordedEvent {
        id: EventId::generate(),
        stream: stream("a"),
        version: StreamVersion::FIRST,
        position: Position::new(1),
        name: EventName::new("Happened").unwrap(),
        schema_version: 1,
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        payload: payload.into(),
        metadata: Metadata::from_bytes(metadata.into()),
        correlation: None,
        occurred_at: Timestamp::UNIX_EPOCH,
        recorded_at: Timestamp::UNIX_EPOCH,
        erased: false,
    }
}

#[tokio::test]
async fn an_import_that_breaks_a_rule_is_refused_whole() {
    let small = || recorded(secret(100), secret(50));
    let unknown_record = RecordedEvent { name: EventName::new("stream.mine").unwrap(), ..small() };
    let cases: [Refused<'_, Vec<RecordedEvent>>; 5] = [
        (vec![recorded(secret(101), vec![])], "payload", Some(100), &["payload has 101 bytes", "Test/a"]),
        (vec![recorded(vec![], secret(51))], "metadata", Some(50), &["metadata has 51 bytes", "Test/a"]),
        (vec![small(), small()], "batch", Some(250), &["300 bytes", "limit is 250"]),
        ((0..4).map(|_| recorded(vec![], vec![])).collect(), "events", Some(3), &["4 events"]),
        (vec![unknown_record], "event name", None, &["stream.mine", "reserved"]),
    ];
    let limits = Limits::default()
        .with_payload_bytes(100)
        .with_metadata_bytes(50)
        .with_events(3)
        .with_batch_bytes(250);
    let stores = Stores::with_limits(limits).await;
    for store in stores.each() {
        for (events, field, limit, words) in &cases {
            let error = store.import(events).await.unwrap_err();
            assert_eq!(error.operation(), Some("import"), "{}: {error}", store.name);
            check_invalid(&error, field, *limit, words);
        }
        check_nothing_written(store).await;
    }
}

#[tokio::test]
async fn a_note_is_bounded_like_every_payload() {
    let stores = Stores::with_limits(Limits::default().with_payload_bytes(100)).await;
    for store in stores.each() {
        store.append(to("a", vec![event(*b"{}")])).await.unwrap();
        let (a, note) = (stream("a"), LifecycleNote::because("x".repeat(100)).with_actor(SECRET));
        let errors = [
            StreamDeletion::delete(&***store, &a, ExpectedVersion::Any, &note).await.unwrap_err(),
            store.restore(&a, &note).await.unwrap_err(),
            store.erase(&a, &note).await.unwrap_err(),
        ];
        for (error, operation) in errors.iter().zip(["delete", "restore", "erase"]) {
            assert_eq!(error.operation(), Some(operation), "{}", store.name);
            check_invalid(error, "note", Some(100), &["note has", "limit is 100"]);
        }
        assert!(store.stream(&a).await.unwrap().exists(), "{}", store.name);
    }
}

#[tokio::test]
async fn a_page_that_can_hold_nothing_is_refused() {
    let stores = Stores::new().await;
    let correlation = CorrelationId::from(EventId::generate());
    for store in stores.each() {
        let errors = [
            store.read_feed(Position::START, &FeedOptions::default().with_limit(0)).await.unwrap_err(),
            store.read_feed(Position::START, &FeedOptions::default().with_window(0)).await.unwrap_err(),
            store
                .correlated(correlation, Position::START, &FeedOptions::default().with_limit(0))
                .await
                .unwrap_err(),
            store.streams(&StreamsOptions::default().with_limit(0)).await.unwrap_err(),
        ];
        let fields = ["limit", "window", "limit", "limit"];
        for (error, field) in errors.iter().zip(fields) {
            check_invalid(error, field, None, &["one event"]);
        }
    }
}

#[test]
fn a_name_that_breaks_its_rules_is_told_with_field_and_reason() {
    let long = "x".repeat(300);
    let cases: [Refused<'_, Result<(), Error>>; 14] = [
        (Category::new("").map(drop), "category", None, &["category is empty"]),
        (Category::new("an order").map(drop), "category", None, &["\"an order\"", "' '", "A-Z a-z"]),
        (Category::new(&long).map(drop), "category", Some(200), &["category has 300 bytes", "200"]),
        (EventName::new("Größe").map(drop), "event name", None, &["Größe", "'ö'"]),
        (StateType::new("a/b").map(drop), "state type", None, &["'/'"]),
        (TenantId::new("a@b").map(drop), "tenant", None, &["'@'"]),
        (StreamKey::new("").map(drop), "key", None, &["key is empty"]),
        (StreamKey::new("a\0b").map(drop), "key", None, &["U+0000"]),
        (StreamKey::new(&long).map(drop), "key", Some(255), &["key has 300 bytes", "255"]),
        (StreamId::new("Order", "\n").map(drop), "key", None, &["U+000A"]),
        ("Order".parse::<StreamId>().map(drop), "stream", None, &["\"Order\"", "category/key"]),
        (EventFilter::all().events("Order", []).map(drop), "names", None, &["Order"]),
        (CodecTag::new("JSON").map(drop), "codec", None, &["\"JSON\"", "a-z 0-9"]),
        (TransformTag::new("0123456789abcdef").map(drop), "transform", Some(15), &["16 bytes", "15"]),
    ];
    for (outcome, field, limit, words) in cases {
        // No operation has begun yet.
        check_invalid(&outcome.unwrap_err().with_operation("parse"), field, limit, words);
    }
}

#[test]
fn an_id_or_time_that_cannot_be_read_is_told_with_the_cause() {
    let with_cause: [Refused<'_, Result<(), Error>>; 2] = [
        ("42".parse::<EventId>().map(drop), "id", None, &["\"42\"", "UUID"]),
        ("yesterday".parse::<Timestamp>().map(drop), "timestamp", None, &["yesterday", "RFC 3339"]),
    ];
    let without: [Refused<'_, Result<(), Error>>; 2] = [
        ("42".parse::<Token>().map(drop), "token", None, &["<log id>:<position>"]),
        (Timestamp::from_micros(i64::MAX).map(drop), "timestamp", None, &["0000-01-01", "9999-12-30"]),
    ];
    for (cases, has_cause) in [(with_cause, true), (without, false)] {
        for (outcome, field, limit, words) in cases {
            let error = outcome.unwrap_err().with_operation("parse");
            assert_eq!(std::error::Error::source(&error).is_some(), has_cause, "{error:?}");
            check_invalid(&error, field, limit, words);
        }
    }
}

#[test]
fn a_url_is_told_without_what_may_be_a_password() {
    let cases: [(&str, &[&str]); 7] = [
        ("postgres://ada:s3cr3t@db/orders", &["postgres", "sqlite://"]),
        ("s3cr3t", &["sqlite://"]),
        ("sqlite://", &["no file"]),
        ("sqlite://a.db?key=s3cr3t", &["\"key\"", "busy_timeout_ms"]),
        ("sqlite://a.db?mode=rw", &["mode", "ro or rwc"]),
        ("sqlite://a.db?readers=many", &["readers", "number"]),
        ("sqlite://a%zz.db", &["%"]),
    ];
    for (url, words) in cases {
        let error = url.parse::<SqliteOptions>().unwrap_err().with_operation("parse");
        check_invalid(&error, "url", None, words);
    }
}

#[tokio::test]
async fn options_that_cannot_work_are_refused_with_their_field() {
    let file = || SqliteOptions::file("a.db");
    let many = 1_000_000;
    let cases: [Refused<'_, SqliteOptions>; 7] = [
        (SqliteOptions::memory().read_only(), "mode", None, &["memory", "empty"]),
        (SqliteOptions::file(""), "path", None, &["in_memory"]),
        (SqliteOptions::file(":memory:"), "path", None, &["in_memory"]),
        (SqliteOptions::file("a\0b.db"), "path", None, &["NUL"]),
        (file().with_readers(0), "readers", None, &["1 at least"]),
        (file().with_readers(many), "readers", Some(1_000), &["1000000 readers", "1000"]),
        (file().with_group(0, 1), "group_appends", None, &["1 at least"]),
    ];
    for (options, field, limit, words) in cases {
        let error = SqliteStore::open_with(options).await.unwrap_err();
        assert_eq!(error.operation(), Some("open"));
        check_invalid(&error, field, limit, words);
    }
}

#[tokio::test]
async fn no_time_out_is_too_long() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let url = format!("sqlite://{}?busy_timeout_ms={}", path.display(), u64::MAX);
    let store = SqliteStore::open_with(url.parse().unwrap()).await.unwrap();
    store.append(to("a", vec![event(*b"{}")])).await.unwrap();
    assert_eq!(store.stream(&stream("a")).await.unwrap().version, StreamVersion::FIRST);
}

#[tokio::test]
async fn an_id_that_an_import_holds_twice_is_refused_whole() {
    let first = recorded(vec![1], vec![]);
    let elsewhere = RecordedEvent { stream: stream("b"), ..first.clone() };
    let stores = Stores::new().await;
    for store in stores.each() {
        let error = store.import(&[first.clone(), elsewhere.clone()]).await.unwrap_err();
        let ErrorKind::Duplicate(duplicate) = error.kind() else { panic!("{}: {error}", store.name) };
        assert_eq!((duplicate.event, &duplicate.stream), (first.id, &first.stream), "{}", store.name);
        told(&error, &[&first.id.to_string(), "Test/a"]);
        check_nothing_written(store).await;
    }
}

#[tokio::test]
async fn nothing_is_imported_behind_an_erasure() {
    let behind = |version: u64, name: &str| RecordedEvent {
        id: EventId::generate(),
        version: StreamVersion::new(version),
        name: EventName::new(name).unwrap(),
        ..recorded(vec![], vec![])
    };
    let (first, erased, late) =
        (recorded(vec![1], vec![]), behind(2, "stream.erased"), behind(3, "Happened"));
    let stores = Stores::new().await;
    for store in stores.each() {
        let together = store.import(&[first.clone(), erased.clone(), late.clone()]).await.unwrap_err();
        check_nothing_written(store).await;
        store.import(&[first.clone(), erased.clone()]).await.unwrap();
        let later = store.import(std::slice::from_ref(&late)).await.unwrap_err();
        for error in [together, later] {
            assert_eq!(error.kind(), &ErrorKind::HistoryDiverged, "{}", store.name);
            told(&error, &["version 3", "Test/a", "erased"]);
        }
    }
}

#[tokio::test]
async fn an_id_of_a_record_that_is_taken_is_told_as_such() {
    let id: EventId = "018f0000-0000-7000-8000-000000000001".parse().unwrap();
    let stores = Stores::with(|memory| memory.with_ids(Same(id)), |sqlite| sqlite.with_ids(Same(id))).await;
    for store in stores.each() {
        let taken = NewEvent::new(id, "Happened", "{}").unwrap();
        store.append(to("a", vec![taken])).await.unwrap();
        let (a, note) = (stream("a"), LifecycleNote::default());
        let errors = [
            StreamDeletion::delete(&***store, &a, ExpectedVersion::Any, &note).await.unwrap_err(),
            store.erase(&a, &note).await.unwrap_err(),
        ];
        for error in errors {
            let ErrorKind::Duplicate(duplicate) = error.kind() else { panic!("{}: {error:?}", store.name) };
            assert_eq!((duplicate.event, &duplicate.stream), (id, &a), "{}", store.name);
        }
        assert!(store.stream(&a).await.unwrap().exists(), "{}", store.name);
    }
}

/// Ids that break their promise.
struct Same(EventId);

impl IdGenerator for Same {
    fn event_id(&self) -> EventId {
        self.0
    }
}

//! Databases of earlier releases: migrated, read, and written further.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{append, audit, event, feed};
use eventsource_core::{
    CorrelationId, ErrorKind, EventId, ExpectedVersion, Log, Position, StateType, StreamId, TenantFilter,
    TenantId,
    codec::TransformTag,
    lifecycle::{Lifecycle, LifecycleNote},
    store::{
        Append, EventLookup, EventStore, FeedOptions, SnapshotStore, StreamDeletion, StreamListing,
        StreamsOptions,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::tempdir;

fn id(last: u8) -> EventId {
    format!("018f0000-0000-7000-8000-0000000000{last:02x}").parse().unwrap()
}

fn stream(text: &str) -> StreamId {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_database_of_the_first_release_is_read_and_goes_on() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    Connection::open(&path).unwrap().execute_batch(include_str!("fixtures/schema_1.sql")).unwrap();

    let error = SqliteStore::open_with(SqliteOptions::file(&path).read_only()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SchemaTooOld { found: 1, .. }), "{error:?}");

    for options in [SqliteOptions::file(&path), SqliteOptions::file(&path).read_only()] {
        let store = SqliteStore::open_with(options).await.unwrap();
        let Log { id: log, incarnation } = EventStore::log(&store);
        assert_eq!(log.to_string(), "018f0000-0000-7000-8000-000000000001");
        assert_eq!(incarnation.to_string(), "018f0000-0000-7000-8000-000000000002");

        let events = feed(&store).await;
        assert!(events.iter().map(|e| e.position.get()).eq(1..=6));
        assert!(events.iter().map(|e| e.id).eq((0x11..=0x16).map(id)));
        let placed = &events[0];
        assert_eq!((placed.stream.as_str(), placed.name.as_str()), ("Order/4711", "OrderPlaced"));
        assert_eq!(placed.payload, r#"{"total":"12.50"}"#);
        assert_eq!(placed.metadata.decode().unwrap().actor.as_deref(), Some("ada"));
        assert_eq!(placed.occurred_at.to_string(), "2025-12-31T23:59:59.999999Z");
        assert_eq!(placed.recorded_at.to_string(), "2026-01-01T00:00:00.000001Z");
        let shipped = &events[1];
        assert_eq!((shipped.schema_version, shipped.transform), (2, TransformTag::ZSTD));
        assert_eq!(shipped.correlation, Some(CorrelationId::from(id(0x11))));
        assert!(events[4].erased && events[4].payload.is_empty() && !events[5].erased);

        let correlation = CorrelationId::from(id(0x11));
        let process = store.correlated(correlation, Position::START, &FeedOptions::default()).await.unwrap();
        assert_eq!(process.events, events[..2]);
        let all = [Lifecycle::Active, Lifecycle::Deleted, Lifecycle::Erased];
        let listed = store.streams(&StreamsOptions::default().with_lifecycles(all)).await.unwrap().streams;
        let listed: Vec<_> =
            listed.iter().map(|i| (i.stream.as_str(), i.version.get(), i.lifecycle)).collect();
        let expected = [
            ("Order/4711", 2, Lifecycle::Active),
            ("Person/ada", 2, Lifecycle::Erased),
            ("acme@Order/注文", 2, Lifecycle::Deleted),
        ];
        assert_eq!(listed, expected);
        let state_type = StateType::new("Order").unwrap();
        let snapshot = store.load(&stream("Order/4711"), &state_type, 1).await.unwrap().unwrap();
        assert_eq!((snapshot.version.get(), snapshot.last_event), (1, id(0x11)));
    }

    let store = SqliteStore::open(&path).await.unwrap();
    let next = Append::new(stream("Order/4711"), ExpectedVersion::StreamExists, vec![event(*b"{}")]);
    assert_eq!(store.append(next).await.unwrap().token.position.get(), 7);
    store.restore(&stream("acme@Order/注文"), &LifecycleNote::default()).await.unwrap();
    assert!(
        store
            .append(Append::new(stream("Person/ada"), ExpectedVersion::Any, vec![event(*b"{}")]))
            .await
            .is_err()
    );
    store.append(append("new")).await.unwrap();
    let acme = TenantFilter::Only(TenantId::new("acme").unwrap());
    assert_eq!(store.statistics(&acme).await.unwrap().events, 3);
    assert_eq!(audit(&store, &path).await.len(), 9);
}

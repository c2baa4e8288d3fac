//! Past states: at a version, and at a time.

use std::time::Duration;

use eventsource_core::{Clock, ErrorKind, StreamVersion, Timestamp, store::AsOf};
use eventsource_testing::Harness;

use crate::{
    common::{Order, noted, placed},
    failed, is_not_found, notes, record,
};

#[tokio::test]
async fn a_version_is_loaded_as_it_was() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), noted("a"), noted("b")]).await;
    for (version, expected) in [(1, vec![]), (2, vec!["a"]), (3, vec!["a", "b"])] {
        let past = orders.load_at("1", StreamVersion::new(version)).await.unwrap();
        assert_eq!((past.version.get(), notes(&past)), (version, expected));
        assert_eq!(past.stream.as_str(), "Order/1");
    }
}

#[tokio::test]
async fn a_version_that_was_never_reached_is_an_error_and_none_is_not_found() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let error = failed(orders.load_at("1", StreamVersion::new(2)).await);
    assert!(matches!(error.kind(), ErrorKind::InvalidInput { field: "version", .. }), "{error}");
    assert!(is_not_found(&failed(orders.load_at("1", StreamVersion::ZERO).await)));
    assert!(is_not_found(&failed(orders.load_at("2", StreamVersion::FIRST).await)));
}

#[tokio::test]
async fn what_had_been_recorded_by_a_time_is_a_prefix() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let start = app.clock.now();
    let minute = Duration::from_secs(60);
    orders.create("1", |order| order.place(100)).await.unwrap();
    for note in ["a", "b"] {
        app.clock.advance(minute);
        orders.update("1", |order| order.note(note)).await.unwrap();
    }
    let at = |time: Timestamp| orders.load_at("1", AsOf::Recorded(time));
    for (time, expected) in [
        (start, vec![]),
        (start.plus(minute - Duration::from_micros(1)), vec![]),
        (start.plus(minute), vec!["a"]),
        (start.plus(2 * minute), vec!["a", "b"]),
        (Timestamp::MAX, vec!["a", "b"]),
    ] {
        assert_eq!(notes(&at(time).await.unwrap()), expected, "{time}");
    }
    let before = Timestamp::from_micros(start.as_micros() - 1).unwrap();
    assert!(is_not_found(&failed(at(before).await)));
}

#[tokio::test]
async fn what_had_happened_by_a_time_passes_over_what_was_recorded_late() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let start = app.clock.now();
    let hour = |hours: u64| start.plus(Duration::from_secs(3_600 * hours));
    for (hours, note) in [(1, "first"), (3, "third"), (2, "second, recorded late")] {
        orders.occurred_at(hour(hours)).update("1", |_| record(noted(note))).await.unwrap();
    }
    let at = |time: Timestamp| orders.load_at("1", AsOf::Occurred(time));
    assert!(is_not_found(&failed(at(start).await)));
    assert_eq!(notes(&at(hour(1)).await.unwrap()), ["first"]);
    let past = at(hour(2)).await.unwrap();
    assert_eq!((notes(&past), past.version.get()), (vec!["first", "second, recorded late"], 3));
    assert_eq!(notes(&at(hour(3)).await.unwrap()), ["first", "third", "second, recorded late"]);
}

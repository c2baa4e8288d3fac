//! Events that the type does not know, and those that it cannot read.

use eventsource_core::{
    ErrorKind, ExpectedVersion,
    codec::UnknownEvents,
    store::{Append, EventStore},
};
use eventsource_testing::{EventBuilder, Harness};

use crate::{
    common::{Order, noted, placed},
    error_of, failed, notes, stream,
};

async fn with_foreign_event(event: EventBuilder) -> Harness {
    let app = Harness::new();
    app.given::<Order>("1", [placed(100), noted("a")]).await;
    let append = Append::new(stream("1"), ExpectedVersion::Any, vec![event.new_event()]);
    app.store.append(append).await.unwrap();
    app
}

#[tokio::test]
async fn unknown_names_and_newer_versions_fail_by_default() {
    for event in [EventBuilder::named("Refunded"), EventBuilder::of(&noted("b")).with_schema_version(2)] {
        let app = with_foreign_event(event).await;
        let orders = app.repository::<Order>();
        let error = failed(orders.load("1").await);
        assert!(matches!(error.kind(), ErrorKind::UnknownEvent { .. }), "{error:?}");
        assert!(error.to_string().contains("stream Order/1, version 3"), "{error}");
        let error = error_of(orders.update("1", |order| order.note("c")).await);
        assert!(matches!(error.kind(), ErrorKind::UnknownEvent { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn unknown_events_are_passed_over_when_that_is_asked_for() {
    for event in [EventBuilder::named("Refunded"), EventBuilder::of(&noted("b")).with_schema_version(2)] {
        let app = with_foreign_event(event).await;
        let orders = app.repository::<Order>().with_unknown_events(UnknownEvents::Skip);
        let order = orders.load("1").await.unwrap();
        assert_eq!((order.version().get(), notes(&order)), (3, vec!["a"]), "it has its version");
        let updated = orders.update("1", |order| order.note("c")).await.unwrap();
        assert_eq!(updated.version.get(), 4);
        assert_eq!(notes(&orders.load("1").await.unwrap()), ["a", "c"]);
    }
}

#[tokio::test]
async fn a_damaged_event_is_never_passed_over() {
    let app = with_foreign_event(EventBuilder::of(&noted("b")).with_payload(r#"{"note":7}"#)).await;
    for policy in [UnknownEvents::Fail, UnknownEvents::Skip] {
        let error = failed(app.repository::<Order>().with_unknown_events(policy).load("1").await);
        assert_eq!(error.kind(), &ErrorKind::Decode);
        assert!(error.to_string().contains("at note"), "{error}");
    }
}

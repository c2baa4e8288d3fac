//! The explicit unit of work: load, record, save.

use eventsource_core::{StreamVersion, aggregate::Publication};
use eventsource_testing::{Fault, Harness, Operation, SequentialIds};

use crate::{
    append_elsewhere,
    common::{Order, OrderError, noted, placed, shipped},
    events, failed,
};

#[tokio::test]
async fn what_was_recorded_is_saved_at_once() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let mut order = orders.load("1").await.unwrap();
    order.record(|order| order.note("a")).unwrap();
    order.record(|order| order.ship("T1")).unwrap();
    assert_eq!(order.tracking_number.as_deref(), Some("T1"), "pending events are taken in");
    assert!(order.pending().eq(&[noted("a"), shipped("T1")]));
    assert_eq!(order.version().get(), 1, "nothing is saved yet");
    app.assert_appended::<crate::OrderEvent>([]).await;

    let commit = orders.save(&mut order).await.unwrap();
    assert_eq!((commit.version.get(), order.version().get(), order.pending().len()), (3, 3, 0));
    assert!(commit.token.is_some() && matches!(commit.publication, Publication::Published));
    app.assert_appended([noted("a"), shipped("T1")]).await;

    // And on with the same unit.
    order.record(|order| order.note("b")).unwrap();
    orders.save(&mut order).await.unwrap();
    app.assert_stream::<Order>("1", [placed(100), noted("a"), shipped("T1"), noted("b")]).await;
}

#[tokio::test]
async fn a_unit_begins_a_stream_that_does_not_exist() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let mut order = orders.load_or_default("1").await.unwrap();
    order.record(|order| order.place(100)).unwrap();
    assert_eq!(orders.save(&mut order).await.unwrap().version, StreamVersion::FIRST);
}

#[tokio::test]
async fn nothing_recorded_is_nothing_saved() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let appends = app.store.calls(Operation::Append);
    let mut order = orders.load("1").await.unwrap();
    let commit = orders.save(&mut order).await.unwrap();
    assert_eq!((commit.version.get(), commit.token), (1, None));
    assert_eq!(app.store.calls(Operation::Append), appends);
}

#[tokio::test]
async fn a_refusal_leaves_the_unit_as_it_was() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", [placed(100), shipped("T1")]).await;
    let mut order = orders.load("1").await.unwrap();
    order.record(|order| order.note("a")).unwrap();
    let state = order.state().clone();
    assert_eq!(order.record(|order| order.ship("T2")), Err(OrderError::ShippedAlready));
    assert_eq!((order.state(), order.pending().len()), (&state, 1));
}

#[tokio::test]
async fn a_conflict_is_told_and_leaves_everything_as_it_was() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let mut order = orders.load("1").await.unwrap();
    order.record(|order| order.note("late")).unwrap();
    append_elsewhere(app.store.inner(), "1", [noted("early")]).await;

    let error = failed(orders.save(&mut order).await);
    let conflict = error.as_conflict().unwrap();
    assert_eq!((conflict.stream.as_str(), conflict.actual.get()), ("Order/1", 2));
    assert_eq!((order.version().get(), order.pending().len()), (1, 1));
    app.assert_appended([noted("early")]).await;

    let mut order = orders.load("1").await.unwrap();
    order.record(|order| order.note("late")).unwrap();
    assert_eq!(orders.save(&mut order).await.unwrap().version.get(), 3);
}

#[tokio::test]
async fn saving_again_after_an_unknown_outcome_writes_nothing_twice() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let mut order = orders.load_or_default("1").await.unwrap();
    order.record(|order| order.place(100)).unwrap();
    app.store.fail_next(Operation::Append, Fault::after());
    let error = failed(orders.save(&mut order).await);
    assert!(error.is_outcome_unknown());
    assert_eq!(order.pending().len(), 1);

    let commit = orders.save(&mut order).await.unwrap();
    assert!(commit.deduplicated);
    assert_eq!((commit.version.get(), order.version().get(), order.pending().len()), (1, 1, 0));
    assert_eq!(events(&app, "1").await.len(), 1);
}

#[tokio::test]
async fn events_have_their_ids_from_when_they_were_recorded() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let mut order = orders.load_or_default("1").await.unwrap();
    order.record(|order| order.place(100)).unwrap();
    order.record(|order| order.note("a")).unwrap();
    app.store.fail_next(Operation::Append, Fault::before());
    failed(orders.save(&mut order).await);
    orders.save(&mut order).await.unwrap();
    let ids: Vec<_> = events(&app, "1").await.iter().map(|event| event.id).collect();
    assert_eq!(ids, [SequentialIds::id(1), SequentialIds::id(2)]);
}

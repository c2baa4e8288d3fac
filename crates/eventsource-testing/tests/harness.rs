//! An application of two aggregates, tested with the harness, as a user would.

extern crate eventsource_core as eventsource;

mod common;

use std::{convert::Infallible, time::Duration};

use common::{Order, OrderEvent, Payment, PaymentEvent, async_failure, noted, placed, shipped};
use eventsource_core::{
    Clock, Repository,
    aggregate::{Publication, SnapshotPolicy, SnapshotWriting},
    store::SnapshotStore,
};
use eventsource_macros::EventSet;
use eventsource_testing::{Fault, Harness, Operation, SequentialIds};

#[derive(Debug, PartialEq, EventSet)]
enum Sales {
    Order(OrderEvent),
    Payment(PaymentEvent),
}

type Failed = Box<dyn std::error::Error>;

/// The application: takes the payment of an order, then ships it.
async fn check_out(
    orders: &Repository<Order>,
    payments: &Repository<Payment>,
    id: &str,
) -> Result<(), Failed> {
    let amount = orders.load(id).await?.total;
    payments.create(id, |_| Ok::<_, Infallible>(PaymentEvent::Taken { amount })).await?;
    orders.update(id, |order| order.ship("T1")).await?;
    Ok(())
}

#[tokio::test]
async fn an_application_of_several_aggregates_reads_well() -> Result<(), Failed> {
    let app = Harness::new();
    let (orders, payments) = (app.repository::<Order>(), app.repository::<Payment>());
    app.given::<Order>("1", [placed(100), noted("a gift")]).await;

    check_out(&orders, &payments, "1").await?;

    app.assert_appended([Sales::Payment(PaymentEvent::Taken { amount: 100 }), Sales::Order(shipped("T1"))])
        .await;
    app.assert_stream::<Order>("1", [placed(100), noted("a gift"), shipped("T1")]).await;
    app.assert_stream::<Payment>("1", PaymentEvent::Taken { amount: 100 }).await;
    app.publisher
        .assert_published([Sales::Payment(PaymentEvent::Taken { amount: 100 }), Sales::Order(shipped("T1"))]);
    assert_eq!(app.audit().await.len(), 4);
    Ok(())
}

#[tokio::test]
async fn history_may_be_given_again_and_is_never_what_was_appended() {
    let app = Harness::default();
    app.assert_appended::<OrderEvent>([]).await;
    app.given::<Order>("1", placed(100)).await;
    app.given::<Order>("1", [noted("a")]).await;
    app.given::<Payment>(2, ()).await;
    app.assert_appended::<OrderEvent>([]).await;
    app.publisher.assert_published::<OrderEvent>([]);
    app.assert_stream::<Order>("1", [placed(100), noted("a")]).await;
    app.assert_stream::<Payment>(2, ()).await;
}

#[tokio::test]
async fn time_and_ids_are_in_the_hands_of_the_test() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    app.clock.advance(Duration::from_secs(60));
    orders.update("1", |order| order.note("later")).await.unwrap();
    let feed = app.audit().await;
    assert_eq!((feed[0].id, feed[1].id), (SequentialIds::id(1), SequentialIds::id(2)));
    assert_eq!((feed[1].recorded_at, feed[1].occurred_at), (app.clock.now(), app.clock.now()));
    assert_eq!(feed[1].recorded_at.since(feed[0].recorded_at), Duration::from_secs(60));
}

#[tokio::test]
async fn snapshots_are_taken_at_the_time_of_the_clock() {
    use common::OrderEvent as E;
    use eventsource_core::{StateType, StreamId};

    let app = Harness::new();
    // In whichever order the repository is told of its clock and its snapshots.
    let orders = Repository::<Order>::new(app.store.clone())
        .with_snapshots_written(app.store.clone(), SnapshotPolicy::Every(1), SnapshotWriting::Inline)
        .unwrap()
        .with_clock(app.clock.clone());
    app.clock.advance(Duration::from_secs(60));
    orders.create("1", |_| Ok::<_, Infallible>(E::Placed { total: 1 })).await.unwrap();
    let (stream, state) = (StreamId::new("Order", "1").unwrap(), StateType::new("Order").unwrap());
    let snapshot = app.store.load(&stream, &state, 1).await.unwrap().unwrap();
    assert_eq!(snapshot.taken_at, app.clock.now());
}

#[tokio::test]
async fn faults_reach_the_repositories() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::Append, Fault::before());
    assert!(orders.create("1", |order| order.place(1)).await.is_err());
    app.publisher.fail_next(1);
    let committed = orders.create("1", |order| order.place(1)).await.unwrap();
    assert!(matches!(committed.publication, Publication::Failed(_)));
    app.assert_stream::<Order>("1", placed(1)).await;
}

#[tokio::test]
async fn what_differs_is_told() {
    let app = Harness::new();
    app.given::<Order>("1", placed(100)).await;
    app.repository::<Order>().update("1", |order| order.ship("T1")).await.unwrap();
    let message = async_failure(app.assert_appended([shipped("T2")])).await;
    let expected = r#"what was appended holds other events

events (- expected, + actual)
  - Shipped { tracking_number: "T2" }
  + Shipped { tracking_number: "T1" }

asserted at
    crates/eventsource-testing/tests/harness.rs:"#;
    assert!(message.starts_with(expected), "{message}");
    let message = async_failure(app.assert_stream::<Order>("1", placed(100))).await;
    assert!(message.starts_with("stream Order/1 holds other events\n"), "{message}");
    assert!(message.contains("\nasserted at\n    crates/eventsource-testing/tests/harness.rs:"), "{message}");
}

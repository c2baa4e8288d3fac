//! The publisher attached to a repository is told of every commit, and cannot undo one.

use eventsource_core::{ErrorKind, aggregate::Publication};
use eventsource_testing::{Fault, Harness, Operation};

use crate::{
    common::{Order, OrderCommand, OrderEvent, noted, placed},
    events, record,
};

#[tokio::test]
async fn commits_are_published_as_the_store_recorded_them() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    orders.update("1", |_| record([noted("a"), noted("b")])).await.unwrap();
    let published = app.publisher.wait_for(2).await;
    assert_eq!(published, events(&app, "1").await[1..]);
}

#[tokio::test]
async fn a_failing_publisher_is_told_beside_the_commit() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.publisher.fail_always();
    let created = orders.create("1", |order| order.place(100)).await.unwrap();
    let updated = orders.update("1", |order| order.note("a")).await.unwrap();
    let ship = OrderCommand::Ship { tracking_number: "T1".into(), provenance: None };
    let executed = orders.execute("1", &ship).await.unwrap();
    let mut unit = orders.load("1").await.unwrap();
    unit.record(|order| order.note("b")).unwrap();
    let saved = orders.save(&mut unit).await.unwrap();
    assert_eq!(unit.pending().len(), 0);
    for commit in [&created.commit, &updated.commit, &executed.commit, &saved] {
        let error = commit.publication.error().unwrap();
        assert_eq!((error.kind(), error.operation()), (&ErrorKind::Publish, Some("publish")));
        assert!(commit.token.is_some());
    }
    assert_eq!(saved.version.get(), 4);
    assert_eq!(events(&app, "1").await.len(), 4);
    assert_eq!(app.publisher.events(), []);

    app.publisher.recover();
    orders.update("1", |order| order.note("c")).await.unwrap();
    app.publisher.assert_published([noted("c")]);
}

#[tokio::test]
async fn a_commit_that_cannot_be_read_back_is_a_commit_all_the_same() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::ReadStream, Fault::before());
    let created = orders.create("1", |order| order.place(100)).await.unwrap();
    assert_eq!(created.publication.error().unwrap().kind(), &ErrorKind::Unavailable);
    app.assert_stream::<Order>("1", placed(100)).await;
    app.publisher.assert_published::<OrderEvent>([]);
}

#[tokio::test]
async fn without_a_publisher_nothing_is_read_back() {
    let app = Harness::new();
    let orders = eventsource_core::Repository::<Order>::new(app.store.clone());
    let created = orders.create("1", |order| order.place(100)).await.unwrap();
    assert!(matches!(created.publication, Publication::NotAttached));
    assert_eq!(app.store.calls(Operation::ReadStream), 0);
}

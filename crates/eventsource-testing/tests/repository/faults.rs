//! A store that fails: before the commit, after it, for a while, for good.

use eventsource_core::{ErrorKind, aggregate::RetryPolicy};
use eventsource_testing::{Fault, Harness, Operation, SequentialIds};
use futures_util::future::join;

use crate::{
    append_elsewhere,
    common::{Order, OrderEvent, noted, placed},
    error_of, events, failed,
};

#[tokio::test(start_paused = true)]
async fn a_transient_failure_before_the_commit_is_tried_again_with_the_same_ids() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::Append, Fault::before().transient().times(5));
    let mut decided = 0;
    let updated = orders.update("1", |order| {
        decided += 1;
        order.place(100)
    });
    let updated = updated.await.unwrap();
    assert_eq!((updated.version.get(), updated.deduplicated, decided), (1, false, 1));
    assert_eq!(app.store.calls(Operation::Append), 6);
    assert_eq!(events(&app, "1").await[0].id, SequentialIds::id(1));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_after_the_commit_is_sent_again_and_was_committed_once() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::Append, Fault::after().transient());
    let updated = orders.update("1", |order| order.place(100)).await.unwrap();
    assert_eq!((updated.version.get(), updated.deduplicated), (1, true));
    assert_eq!(updated.state.total, 100);
    assert_eq!(app.store.calls(Operation::Append), 2);
    app.assert_stream::<Order>("1", placed(100)).await;
    app.publisher.assert_published([placed(100)]);

    // So it is for `create`, which looks like a conflict with itself.
    app.store.fail_next(Operation::Append, Fault::after().transient());
    assert!(orders.create("2", |order| order.place(100)).await.unwrap().deduplicated);
}

#[tokio::test(start_paused = true)]
async fn what_others_append_meanwhile_makes_no_conflict_of_a_lost_answer() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    app.store.fail_next(Operation::Append, Fault::after().transient());
    let again = app.store.hold_next_call(Operation::Append);
    let other = async {
        again.reached().await;
        append_elsewhere(app.store.inner(), "1", [noted("other")]).await;
        again.release();
    };
    let (updated, ()) = join(orders.update("1", |order| order.note("mine")), other).await;
    let updated = updated.unwrap();
    assert_eq!((updated.version.get(), updated.deduplicated), (2, true));
    app.assert_appended([noted("mine"), noted("other")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_for_good_is_told_at_once() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::Append, Fault::before());
    let error = error_of(orders.update("1", |order| order.place(100)).await);
    assert_eq!((error.kind(), error.is_outcome_unknown()), (&ErrorKind::Unavailable, false));
    assert_eq!(app.store.calls(Operation::Append), 1);
    app.assert_appended::<OrderEvent>([]).await;

    app.store.fail_next(Operation::Append, Fault::after());
    let error = error_of(orders.update("1", |order| order.place(100)).await);
    assert!(error.is_outcome_unknown());
    assert_eq!(app.store.calls(Operation::Append), 2);
    app.assert_appended([placed(100)]).await;
    assert_eq!(app.publisher.events(), []);
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_that_lasts_is_told_in_the_end() {
    let app = Harness::new();
    let orders = app.repository::<Order>().with_retries(RetryPolicy::default().with_transient(2));
    app.store.fail_next(Operation::Append, Fault::before().transient().times(3));
    let error = error_of(orders.create("1", |order| order.place(100)).await);
    assert!(error.is_transient());
    assert_eq!(app.store.calls(Operation::Append), 3);
    app.assert_appended::<OrderEvent>([]).await;
    orders.create("1", |order| order.place(100)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reading_is_tried_again_too() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    app.store.fail_next(Operation::ReadStream, Fault::before().transient().times(5));
    assert_eq!(orders.load("1").await.unwrap().total, 100);
    app.store.fail_next(Operation::ReadStream, Fault::before().transient().times(6));
    assert!(failed(orders.load("1").await).is_transient());
    app.store.fail_next(Operation::ReadStream, Fault::before());
    let error = error_of(orders.update("1", |order| order.note("a")).await);
    assert_eq!((error.is_transient(), error.operation()), (false, Some("load")));
    app.assert_appended::<OrderEvent>([]).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_frees_the_turn() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::ReadStream, Fault::before());
    error_of(orders.update("1", |order| order.place(100)).await);
    app.store.fail_next(Operation::Append, Fault::before());
    error_of(orders.update("1", |order| order.place(100)).await);
    orders.update("1", |order| order.place(0)).await.unwrap_err();
    orders.update("1", |order| order.place(100)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_was_unknown_once_stays_unknown_until_the_store_answers() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.store.fail_next(Operation::Append, Fault::after().transient());
    app.store.fail_next(Operation::Append, Fault::before().transient().times(5));
    let error = error_of(orders.update("1", |order| order.place(100)).await);
    assert!(error.is_outcome_unknown(), "the first try may have been committed, and was");
    app.assert_appended([placed(100)]).await;

    app.store.fail_next(Operation::Append, Fault::after().transient());
    app.store.fail_next(Operation::Append, Fault::before());
    let error = error_of(orders.update("1", |order| order.note("a")).await);
    assert!(error.is_outcome_unknown());
}

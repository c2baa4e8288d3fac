//! Others who are faster: in this process, where updates take turns, and in another one.

use std::sync::Arc;

use eventsource_core::{
    Error, ExpectedVersion, MemoryStore, Repository, StreamVersion, aggregate::RetryPolicy,
};
use eventsource_testing::{Fault, FaultStore, Harness, Operation, SequentialIds, audit};
use futures_util::{
    FutureExt,
    future::{join, join_all},
};

use crate::{
    append_elsewhere,
    common::{Order, noted, placed},
    error_of, events, notes, record, stream,
};

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_process_is_decided_anew_on_the_newer_state() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let held = app.store.hold_next_call(Operation::Append);
    let mut seen = Vec::new();
    let update = orders.update("1", |order| {
        seen.push(order.notes.len());
        order.note(format!("after {} others", order.notes.len()))
    });
    let other = async {
        held.reached().await;
        append_elsewhere(app.store.inner(), "1", [noted("x"), noted("y")]).await;
        held.release();
    };
    let (updated, ()) = join(update, other).await;
    let updated = updated.unwrap();
    assert_eq!(seen, [0, 2]);
    assert_eq!((updated.version.get(), updated.deduplicated), (4, false));
    assert_eq!(notes(&updated.state), ["x", "y", "after 2 others"]);
    app.assert_appended([noted("x"), noted("y"), noted("after 2 others")]).await;
    let events = events(&app, "1").await;
    assert_eq!(events[3].id, SequentialIds::id(3), "the second decision has ids of its own");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_on_the_newer_state_is_the_outcome() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let held = app.store.hold_next_call(Operation::Append);
    let other = async {
        held.reached().await;
        append_elsewhere(app.store.inner(), "1", [crate::common::shipped("T2")]).await;
        held.release();
    };
    let (updated, ()) = join(orders.update("1", |order| order.ship("T1")), other).await;
    assert!(updated.unwrap_err().refusal().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_told_when_the_retries_are_used_up() {
    for (policy, tries) in [
        (RetryPolicy::never(), 1),
        (RetryPolicy::default().with_conflicts(3), 4),
        (RetryPolicy::default(), 11),
    ] {
        let app = Harness::new();
        let orders = app.repository::<Order>().with_retries(policy);
        // Somebody who is always faster.
        let faster = Error::conflict(stream("1"), ExpectedVersion::NoStream, StreamVersion::new(7));
        app.store.fail_next(Operation::Append, Fault::before().with_error(faster).times(100));
        let mut decided = 0;
        let updated = orders.update("1", |order| {
            decided += 1;
            order.place(100)
        });
        let error = error_of(updated.await);
        assert_eq!(error.as_conflict().unwrap().actual.get(), 7);
        assert_eq!((decided, app.store.calls(Operation::Append)), (tries, tries));
    }
}

#[tokio::test(start_paused = true)]
async fn updates_go_on_for_as_long_as_others_are_faster_within_the_retries() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    app.given::<Order>("1", placed(100)).await;
    let rivals = 10;
    let others = async {
        for rival in 0..rivals {
            let held = app.store.hold_next_call(Operation::Append);
            held.reached().await;
            append_elsewhere(app.store.inner(), "1", [noted(rival)]).await;
            held.release();
        }
    };
    let ((), updated) = join(others, orders.update("1", |order| order.note("at last"))).await;
    assert_eq!(updated.unwrap().version.get(), rivals + 2);
    app.audit().await;
}

/// A store that lets other tasks run inside each call, so that nobody is alone.
fn yielding() -> FaultStore<MemoryStore> {
    FaultStore::new(MemoryStore::new()).yielding()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_updates_at_the_same_time_all_succeed_without_a_conflict() {
    for _ in 0..20 {
        let store = yielding();
        let orders = Repository::<Order>::new(store.clone()).with_retries(RetryPolicy::never());
        let orders = Arc::new(orders);
        let updates = (0..8).map(|n| {
            let orders = orders.clone();
            tokio::spawn(async move {
                let updated = orders.update("1", |order| order.note(format!("{n}"))).await.unwrap();
                // Each sees what was there before, and nothing after it.
                assert_eq!(updated.state.notes.len() as u64, updated.version.get());
                assert_eq!(updated.state.notes.last().unwrap(), &n.to_string());
                updated.version.get()
            })
        });
        let mut versions: Vec<u64> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
        versions.sort_unstable();
        assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(store.calls(Operation::Append), 8, "no conflict, also none behind the scenes");
        assert_eq!(audit(&store).await.len(), 8);
    }
}

#[tokio::test]
async fn updates_of_one_stream_come_in_the_order_of_asking() {
    let store = yielding();
    // Repositories that know nothing of each other take turns, too.
    let repositories: Vec<_> = (0..3).map(|_| Repository::<Order>::new(store.clone())).collect();
    let held = store.hold_next_call(Operation::Append);
    let mut updates: Vec<_> =
        (0..9).map(|n| Box::pin(repositories[n % 3].update("1", move |order| order.note(n)))).collect();
    for update in &mut updates {
        assert!(update.now_or_never().is_none());
    }
    let held = async {
        held.reached().await;
        held.release();
    };
    let (updated, ()) = join(join_all(updates), held).await;
    let versions: Vec<u64> = updated.into_iter().map(|updated| updated.unwrap().version.get()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(store.calls(Operation::Append), 9);
}

#[tokio::test]
async fn updates_of_other_streams_do_not_wait() {
    let app = Harness::new();
    let orders = app.repository::<Order>();
    let held = app.store.hold_next_call(Operation::Append);
    let mut first = Box::pin(orders.update("1", |_| record(noted("a"))));
    assert!((&mut first).now_or_never().is_none());
    held.reached().await;
    orders.update("2", |_| record(noted("b"))).await.unwrap();
    held.release();
    first.await.unwrap();
}

//! Closing. That each port refuses later calls is checked beside its other cases.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use eventsource_core::{
    ErrorKind,
    ExpectedVersion::Any,
    store::{Append, EventStore},
};
use futures_util::{FutureExt, future::maybe_done};

use super::support::{append, events, read, refusal, together, try_append};

cases! { $ close, close_cases, EventStore:
    an_unused_store_closes,
    closing_an_unused_store_again_does_nothing,
    closing_a_used_store_again_does_nothing,
    all_handles_close_together,
    closing_at_the_same_time_ends_for_all,
    closing_waits_for_calls_in_flight,
    calls_that_meet_the_closing_are_answered,
    another_store_stays_open,
}

async fn an_unused_store_closes(lab: &Lab) {
    lab.open().await.close().await.unwrap();
}

async fn closing_an_unused_store_again_does_nothing(lab: &Lab) {
    let store = lab.open().await;
    for _ in 0..3 {
        store.close().await.unwrap();
    }
}

async fn closing_a_used_store_again_does_nothing(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(3)).await;
    assert_eq!(read(&store, &a).await.len(), 3);
    for _ in 0..3 {
        store.close().await.unwrap();
        assert_eq!(refusal(try_append(&store, &a, Any, events(1)).await), ErrorKind::Closed);
    }
}

async fn all_handles_close_together(lab: &Lab) {
    let ([one, other], a) = (lab.open_twice().await, lab.stream("a"));
    append(&one, &a, events(1)).await;
    other.close().await.unwrap();
    assert_eq!(refusal(try_append(&one, &a, Any, events(1)).await), ErrorKind::Closed);
    assert_eq!(refusal(one.stream(&a).await), ErrorKind::Closed);
    one.close().await.unwrap();
}

async fn closing_at_the_same_time_ends_for_all(lab: &Lab) {
    let store = lab.open().await;
    append(&store, &lab.stream("a"), events(1)).await;
    let outcomes = together((0..6).map(|_| {
        let store = store.clone();
        async move { store.close().await }
    }))
    .await;
    for outcome in outcomes {
        outcome.unwrap();
    }
    assert_eq!(refusal(store.stream(&lab.stream("a")).await), ErrorKind::Closed);
}

async fn closing_waits_for_calls_in_flight(lab: &Lab) {
    let store = lab.open().await;
    append(&store, &lab.stream(0), events(1)).await;
    let (streams, options) = ((0..6).map(|key| lab.stream(key)).collect::<Vec<_>>(), Default::default());
    let mut calls: Vec<_> = Vec::new();
    for stream in &streams {
        let append = store.append(Append::new(stream.clone(), Any, events(100)));
        calls.push(maybe_done(append.map(|outcome| outcome.map(drop)).boxed()));
        let read = store.read_stream(stream, &options);
        calls.push(maybe_done(read.map(|outcome| outcome.map(drop)).boxed()));
    }
    let mut close = pin!(store.close());
    // One task polls all of them, the calls first, so that all are under way when the closing begins. Each is looked at
    // again after the closing: then it must have ended.
    let closed = poll_fn(|context| {
        for call in &mut calls {
            let _ = Pin::new(call).poll(context);
        }
        let Poll::Ready(closed) = close.as_mut().poll(context) else { return Poll::Pending };
        for call in &mut calls {
            assert!(Pin::new(call).poll(context).is_ready(), "a call goes on although the store is closed");
        }
        Poll::Ready(closed)
    });
    tokio::task::unconstrained(closed).await.unwrap();
    for call in &mut calls {
        Pin::new(call).take_output().unwrap().expect("what was under way is done");
    }
}

async fn calls_that_meet_the_closing_are_answered(lab: &Lab) {
    for _ in 0..5 {
        let store = lab.open().await;
        let calls = (0..20).map(|key| {
            let (store, stream) = (store.clone(), lab.stream(key % 3));
            async move {
                if key == 10 {
                    return store.close().await;
                }
                try_append(&store, &stream, Any, events(10)).await?;
                store.read_stream(&stream, &Default::default()).await.map(drop)
            }
        });
        for outcome in together(calls).await {
            if let Err(error) = outcome {
                assert_eq!(*error.kind(), ErrorKind::Closed, "{error:?}");
                assert!(!error.is_outcome_unknown(), "a refused call has done nothing");
            }
        }
    }
}

async fn another_store_stays_open(lab: &Lab) {
    let (store, another, a) = (lab.open().await, lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    append(&another, &a, events(2)).await;
    store.close().await.unwrap();
    append(&another, &a, events(1)).await;
    assert_eq!(read(&another, &a).await.len(), 3);
}

//! Stores that outlive their handles.

use eventsource_core::{
    ExpectedVersion::{Any, NoStream},
    RecordedEvent,
    store::{Append, EventStore},
};
use futures_util::FutureExt;

use super::support::{
    after_start, append, event, events, exact, increase, positions, read, refusal, try_append, version,
    versions,
};

cases! { $ reopen, reopen_cases, Reopen reopening EventStore:
    what_was_acknowledged_is_there,
    what_was_refused_is_not_there,
    what_was_under_way_while_closing_is_there_if_it_was_acknowledged,
    the_log_is_the_same,
    versions_and_positions_go_on,
    a_retry_is_recognised,
    times_of_recording_do_not_go_back,
}

async fn what_was_acknowledged_is_there(lab: &Lab) {
    let (store, streams) =
        (lab.open().await, [lab.stream("a"), lab.stream_in("Other", "注文"), lab.stream("c")]);
    let mut before: Vec<Vec<RecordedEvent>> = Vec::new();
    for stream in &streams {
        append(&store, stream, events(3)).await;
        append(&store, stream, vec![event().with_occurred_at(after_start(-7))]).await;
        before.push(read(&store, stream).await);
    }
    store.close().await.unwrap();
    let store = lab.reopen().await;
    for (stream, before) in streams.iter().zip(before) {
        assert_eq!(read(&store, stream).await, before);
        assert_eq!(store.stream(stream).await.unwrap().version, version(4));
    }
}

async fn what_was_refused_is_not_there(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    append(&store, &a, events(1)).await;
    refusal(store.append(Append::new(b.clone(), Any, events(2)).and(a.clone(), NoStream, events(1))).await);
    store.close().await.unwrap();
    let store = lab.reopen().await;
    assert_eq!((read(&store, &a).await.len(), read(&store, &b).await.len()), (1, 0));
}

async fn what_was_under_way_while_closing_is_there_if_it_was_acknowledged(lab: &Lab) {
    let store = lab.open().await;
    let streams: Vec<_> = (0..20).map(|key| lab.stream(key)).collect();
    let appends: Vec<_> = streams
        .iter()
        .map(|stream| {
            let (store, stream) = (store.clone(), stream.clone());
            tokio::spawn(async move { try_append(&store, &stream, Any, events(5)).await })
        })
        .collect();
    store.close().await.unwrap();
    let outcomes =
        futures_util::future::join_all(appends.into_iter().map(|task| task.map(Result::unwrap))).await;
    let store = lab.reopen().await;
    for (stream, outcome) in streams.iter().zip(outcomes) {
        let there = read(&store, stream).await.len();
        assert_eq!(there, if outcome.is_ok() { 5 } else { 0 }, "{outcome:?}");
    }
}

async fn the_log_is_the_same(lab: &Lab) {
    let store = lab.open().await;
    let log = store.log();
    store.close().await.unwrap();
    for _ in 0..2 {
        let store = lab.reopen().await;
        assert_eq!(store.log(), log);
        store.close().await.unwrap();
    }
}

async fn versions_and_positions_go_on(lab: &Lab) {
    let (mut store, a) = (lab.open().await, lab.stream("a"));
    for at in 0..4 {
        try_append(&store, &a, exact(2 * at), events(2)).await.unwrap();
        store.close().await.unwrap();
        store = lab.reopen().await;
    }
    let recorded = read(&store, &a).await;
    assert_eq!(versions(&recorded), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(increase(&positions(&recorded)));
}

async fn a_retry_is_recognised(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = Append::new(a.clone(), NoStream, events(2));
    let first = store.append(sent.clone()).await.unwrap();
    store.close().await.unwrap();
    let store = lab.reopen().await;
    let again = store.append(sent).await.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.token, again.streams), (first.token, first.streams));
    assert_eq!(read(&store, &a).await.len(), 2);
}

async fn times_of_recording_do_not_go_back(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    store.close().await.unwrap();
    lab.clock().set(after_start(-5_000));
    let store = lab.reopen().await;
    append(&store, &a, events(1)).await;
    let recorded = read(&store, &a).await;
    assert!(recorded[1].recorded_at >= recorded[0].recorded_at);
}

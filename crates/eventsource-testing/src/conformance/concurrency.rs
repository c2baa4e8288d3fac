//! Appending from many tasks at the same time.

use std::collections::BTreeSet;

use eventsource_core::{
    ErrorKind,
    ExpectedVersion::{Any, NoStream},
    store::{Append, EventStore},
};

use super::support::{append, event, events, exact, ids, positions, read, together, try_append, versions};

cases! { $ concurrency, concurrency_cases, EventStore:
    any_never_conflicts,
    of_concurrent_appends_to_one_version_exactly_one_wins,
    of_concurrent_appends_to_no_stream_exactly_one_wins,
    writers_that_retry_their_conflicts_all_succeed,
    appends_to_different_streams_all_succeed,
    a_reader_sees_a_stream_grow_without_holes,
}

async fn any_never_conflicts(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for round in 1..=5 {
        let appends = (0..20).map(|_| {
            let (store, a) = (store.clone(), a.clone());
            async move { try_append(&store, &a, Any, events(2)).await }
        });
        for outcome in together(appends).await {
            outcome.unwrap();
        }
        let recorded = read(&store, &a).await;
        assert_eq!(versions(&recorded), (1..=40 * round).collect::<Vec<_>>());
    }
}

async fn of_concurrent_appends_to_one_version_exactly_one_wins(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for at in 0..20 {
        let outcomes = together((0..8).map(|_| {
            let (store, a, event) = (store.clone(), a.clone(), event());
            async move { (event.id, try_append(&store, &a, exact(at), vec![event]).await) }
        }))
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
        assert_eq!(won.len(), 1, "at version {at}");
        assert_eq!(ids(&read(&store, &a).await)[at as usize], won[0].0);
        for (_, refused) in lost {
            let conflict = refused.unwrap_err().as_conflict().cloned().expect("a conflict");
            assert_eq!((conflict.stream, conflict.expected), (a.clone(), exact(at)));
            assert_eq!(conflict.actual.get(), at + 1);
        }
    }
    assert_eq!(versions(&read(&store, &a).await), (1..=20).collect::<Vec<_>>());
}

async fn of_concurrent_appends_to_no_stream_exactly_one_wins(lab: &Lab) {
    let store = lab.open().await;
    for round in 0..10 {
        let stream = lab.stream(round);
        let outcomes = together((0..8).map(|_| {
            let (store, stream) = (store.clone(), stream.clone());
            async move { try_append(&store, &stream, NoStream, events(3)).await }
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(versions(&read(&store, &stream).await), [1, 2, 3]);
    }
}

async fn writers_that_retry_their_conflicts_all_succeed(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let writers = (0..8).map(|_| {
        let (store, a) = (store.clone(), a.clone());
        async move {
            let event = event();
            loop {
                let at = store.stream(&a).await.unwrap().version.get();
                match try_append(&store, &a, exact(at), vec![event.clone()]).await {
                    Ok(appended) => return (event.id, appended.streams[0].last.get()),
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::Conflict(_)), "{error:?}"),
                }
            }
        }
    });
    let mut told = together(writers).await;
    told.sort_by_key(|(_, at)| *at);
    let recorded = read(&store, &a).await;
    assert_eq!(recorded.iter().map(|e| (e.id, e.version.get())).collect::<Vec<_>>(), told);
}

async fn appends_to_different_streams_all_succeed(lab: &Lab) {
    let store = lab.open().await;
    let writers = (0..8).map(|writer| {
        let (store, own, shared) = (store.clone(), lab.stream(writer), lab.stream("shared"));
        async move {
            for at in 0..10 {
                let append =
                    Append::new(own.clone(), exact(2 * at), events(2)).and(shared.clone(), Any, events(1));
                store.append(append).await.unwrap();
            }
        }
    });
    together(writers).await;
    let mut all = read(&store, &lab.stream("shared")).await;
    assert_eq!(versions(&all), (1..=80).collect::<Vec<_>>());
    for writer in 0..8 {
        let own = read(&store, &lab.stream(writer)).await;
        assert_eq!(versions(&own), (1..=20).collect::<Vec<_>>());
        all.extend(own);
    }
    assert_eq!(positions(&all).into_iter().collect::<BTreeSet<_>>().len(), 240, "no position is given twice");
}

async fn a_reader_sees_a_stream_grow_without_holes(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let writers = together((0..4).map(|_| {
        let (store, a) = (store.clone(), a.clone());
        async move {
            for _ in 0..10 {
                append(&store, &a, events(3)).await;
            }
        }
    }));
    let mut writers = std::pin::pin!(writers);
    let mut seen = 0;
    loop {
        let written = futures_util::FutureExt::now_or_never(writers.as_mut()).is_some();
        let recorded = read(&store, &a).await;
        assert_eq!(versions(&recorded), (1..=recorded.len() as u64).collect::<Vec<_>>());
        assert!(recorded.len() >= seen, "what was seen once stays");
        assert!(increasing(&recorded), "positions follow versions");
        seen = recorded.len();
        if written {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen, 120);
}

fn increasing(recorded: &[eventsource_core::RecordedEvent]) -> bool {
    super::support::increase(&positions(recorded))
}

//! Dropping calls half-way.

use eventsource_core::{
    ExpectedVersion::{Any, NoStream},
    store::{Append, EventStore, ReadOptions},
};

use super::support::{append, cancel_everywhere, events, exact, read, try_append, versions};

cases! { $ cancellation, cancellation_cases, EventStore:
    a_dropped_append_happened_whole_or_not_at_all,
    a_dropped_append_can_be_sent_again,
    a_dropped_append_blocks_nobody,
    a_dropped_read_leaves_nothing_behind,
}

async fn a_dropped_append_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &lab.open().await;
    cancel_everywhere(|number| async move {
        let (a, b) = (lab.stream(format!("a-{number}")), lab.stream(format!("b-{number}")));
        let sent = Append::new(a.clone(), NoStream, events(3)).and(b.clone(), NoStream, events(2));
        let dropped = store.append(sent);
        let check = async move {
            // It may still be on its way: an append to the same streams is told where they are when it is its turn.
            let probe = Append::new(a.clone(), Any, events(1)).and(b.clone(), Any, events(1));
            let first: Vec<u64> =
                store.append(probe).await.unwrap().streams.iter().map(|s| s.first.get()).collect();
            assert!(first == [1, 1] || first == [4, 3], "{first:?}");
            let all = (read(store, &a).await, read(store, &b).await);
            assert_eq!((all.0.len(), all.1.len()), (first[0] as usize, first[1] as usize));
        };
        (dropped, check)
    })
    .await;
}

async fn a_dropped_append_can_be_sent_again(lab: &Lab) {
    let store = &lab.open().await;
    cancel_everywhere(|number| async move {
        let (a, b) = (lab.stream(format!("a-{number}")), lab.stream(format!("b-{number}")));
        let sent = Append::new(a.clone(), NoStream, events(3)).and(b.clone(), NoStream, events(2));
        let dropped = store.append(sent.clone());
        let check = async move {
            let again = store.append(sent).await.expect("the same append can be sent again");
            assert_eq!(again.streams.len(), 2);
            assert_eq!(versions(&read(store, &a).await), [1, 2, 3]);
            assert_eq!(versions(&read(store, &b).await), [1, 2]);
        };
        (dropped, check)
    })
    .await;
}

async fn a_dropped_append_blocks_nobody(lab: &Lab) {
    let (store, a) = (&lab.open().await, &lab.stream("a"));
    append(store, a, events(1)).await;
    cancel_everywhere(|_| async move {
        let dropped = try_append(store, a, Any, events(1));
        let check = async move {
            loop {
                let at = store.stream(a).await.unwrap().version.get();
                match try_append(store, a, exact(at), events(1)).await {
                    Ok(_) => return,
                    // The dropped one came after all.
                    Err(error) => assert!(error.as_conflict().is_some(), "{error:?}"),
                }
            }
        };
        (dropped, check)
    })
    .await;
    let recorded = read(store, a).await;
    assert_eq!(versions(&recorded), (1..=recorded.len() as u64).collect::<Vec<_>>());
}

async fn a_dropped_read_leaves_nothing_behind(lab: &Lab) {
    let (store, a, options) = (&lab.open().await, &lab.stream("a"), &ReadOptions::default());
    append(store, a, events(10)).await;
    cancel_everywhere(|_| async move {
        let dropped = async move { (store.read_stream(a, options).await, store.stream(a).await) };
        // Were a connection lost each time, this would wait for ever in the end.
        let check = async move {
            assert_eq!(read(store, a).await.len(), 10);
        };
        (dropped, check)
    })
    .await;
    append(store, a, events(1)).await;
    assert_eq!(read(store, a).await.len(), 11);
}

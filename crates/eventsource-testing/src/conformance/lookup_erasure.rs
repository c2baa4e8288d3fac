//! Finding events of streams that were erased.

use eventsource_core::{
    CorrelationId, EventId, Position,
    lifecycle::LifecycleNote,
    store::{EventLookup, EventStore, FeedOptions, StreamErasure},
};

use super::support::{append, event, ids, read};

cases! { $ lookup_erasure, lookup_erasure_cases, EventStore | EventLookup | StreamErasure:
    an_erased_event_is_found_without_its_content,
    a_process_is_not_traced_through_an_erased_stream,
}

async fn an_erased_event_is_found_without_its_content(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, vec![event(), event()]).await;
    let before = read(&store, &a).await;
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    for event in before {
        let found = store.event(event.id).await.unwrap().expect("the id is still known");
        assert!(found.erased && found.payload.is_empty(), "{found:?}");
        assert_eq!(
            (found.stream, found.version, found.position),
            (event.stream, event.version, event.position)
        );
    }
}

async fn a_process_is_not_traced_through_an_erased_stream(lab: &Lab) {
    let (store, process) = (lab.open().await, CorrelationId::from(EventId::generate()));
    let mut kept = Vec::new();
    for key in ["a", "b", "a"] {
        let event = event().with_correlation(process);
        if key == "b" {
            kept.push(event.id);
        }
        append(&store, &lab.stream(key), vec![event]).await;
    }
    store.erase(&lab.stream("a"), &LifecycleNote::default()).await.unwrap();
    let page = store.correlated(process, Position::START, &FeedOptions::default()).await.unwrap();
    assert_eq!(ids(&page.events), kept, "the correlation is wiped with the rest");
}

//! Finding events of streams that were deleted.

use eventsource_core::{
    CorrelationId, EventId,
    ExpectedVersion::Any,
    Position,
    lifecycle::LifecycleNote,
    store::{EventLookup, EventStore, FeedOptions, StreamDeletion},
};

use super::support::{append, event, ids, read};

cases! { $ lookup_deletion, lookup_deletion_cases, EventStore | EventLookup | StreamDeletion:
    an_event_of_a_deleted_stream_is_found,
    a_process_is_traced_through_a_deleted_stream,
}

async fn an_event_of_a_deleted_stream_is_found(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, vec![event(), event()]).await;
    let before = read(&store, &a).await;
    store.delete(&a, Any, &LifecycleNote::default()).await.unwrap();
    for event in before {
        assert_eq!(store.event(event.id).await.unwrap(), Some(event));
    }
}

async fn a_process_is_traced_through_a_deleted_stream(lab: &Lab) {
    let (store, process) = (lab.open().await, CorrelationId::from(EventId::generate()));
    let mut sent = Vec::new();
    for key in ["a", "b", "a"] {
        let event = event().with_correlation(process);
        sent.push(event.id);
        append(&store, &lab.stream(key), vec![event]).await;
    }
    store.delete(&lab.stream("a"), Any, &LifecycleNote::default()).await.unwrap();
    let page = store.correlated(process, Position::START, &FeedOptions::default()).await.unwrap();
    assert_eq!(ids(&page.events), sent);
}

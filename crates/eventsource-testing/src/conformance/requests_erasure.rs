//! Requests that hold what belongs to streams that are erased.

use eventsource_core::{
    Bytes, EventId,
    lifecycle::LifecycleNote,
    request::{Ask, RequestStore},
    store::{EventStore, StreamErasure},
};

use super::{
    requests::asking,
    support::{append, events, read},
};

cases! { $ requests_erasure, requests_erasure_cases, EventStore | RequestStore | StreamErasure:
    erasing_a_stream_blanks_the_edits_of_its_events,
}

async fn erasing_a_stream_blanks_the_edits_of_its_events(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let mut edits = Vec::new();
    for stream in [&a, &b] {
        append(&store, stream, events(2)).await;
        for event in read(&store, stream).await {
            edits.push(event.id);
        }
    }
    edits.push(EventId::generate());
    let mut asked = Vec::new();
    for event in edits {
        let edit = asking("sales", Ask::Edit { event, payload: Bytes::from_static(b"secret") });
        store.submit(&edit).await.unwrap();
        asked.push(edit);
    }
    store.erase(&a, &LifecycleNote::default()).await.unwrap();
    for (number, edit) in asked.iter().enumerate() {
        let kept = store.request(edit.id).await.unwrap().unwrap();
        let Ask::Edit { event, payload } = kept.asked.ask else { panic!("it was an edit") };
        let expected: &[u8] = if number < 2 { b"" } else { b"secret" };
        assert_eq!(payload, expected, "edit {number} of {event}");
        assert_eq!(kept.asked.reason, edit.reason);
    }
}

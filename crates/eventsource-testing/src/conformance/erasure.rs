//! Wiping the content of streams for ever.

use eventsource_core::{
    Bytes, ErrorKind, EventId,
    ExpectedVersion::{Any, NoStream, StreamExists},
    Metadata, NewEvent, Provenance, RecordedEvent, StreamId,
    codec::TransformTag,
    lifecycle::{Lifecycle, LifecycleNote, STREAM_ERASED},
    store::{
        Append, AppendedStream, EventFeed, EventStore, Limits, ReadOptions, StreamDeletion, StreamErasure,
    },
};

use super::{
    UniqueIds,
    support::{
        after_start, append, beyond, cancel_everywhere, events, exact, feed, holding, positions, read,
        refusal, try_append, version, versions,
    },
};
use crate::audit;

cases! { $ erasure, erasure_cases, EventStore | EventFeed | StreamDeletion | StreamErasure:
    erasing_wipes_payload_metadata_and_correlation,
    erasing_keeps_ids_names_versions_positions_and_times,
    the_record_of_an_erasure_keeps_its_note,
    the_notes_of_earlier_records_are_wiped,
    an_erased_stream_refuses_reads,
    an_erased_stream_refuses_appends,
    an_erased_stream_is_neither_deleted_nor_restored_nor_erased_again,
    an_erased_stream_says_so,
    a_deleted_stream_can_be_erased,
    erasing_what_is_absent_is_refused,
    a_note_beyond_the_limit_is_refused,
    what_is_refused_leaves_no_record,
    other_streams_keep_their_content,
    the_feed_has_no_new_hole,
    ids_of_an_erased_stream_stay_taken,
    an_append_that_was_erased_since_is_not_written_again,
    a_dropped_erasure_happened_whole_or_not_at_all,
    a_closed_erasure_refuses_every_call,
}

fn note() -> LifecycleNote {
    LifecycleNote::because("article 17").with_actor("ada@example.org")
}

fn erased(stream: &StreamId) -> ErrorKind {
    ErrorKind::StreamDeleted { stream: stream.clone(), erased: true }
}

/// An event with everything that erasure wipes.
fn personal() -> NewEvent {
    let metadata = Provenance::default().with_actor("ada").to_metadata().unwrap();
    holding(r#"{"name":"Ada"}"#)
        .with_metadata(metadata)
        .with_correlation(EventId::generate().into())
        .with_occurred_at(after_start(-5))
}

/// A store with one stream of three events that hold something to wipe, one of them encrypted by its writer.
async fn personal_stream(lab: &Lab) -> (std::sync::Arc<dyn Port>, StreamId) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for encrypted in [false, true, false] {
        lab.clock().advance(std::time::Duration::from_micros(3));
        let mut event = personal();
        if encrypted {
            event.transform = TransformTag::from_static("cipher");
        }
        append(&store, &a, vec![event]).await;
    }
    (store, a)
}

/// What is left of an event.
fn wiped(event: &RecordedEvent) -> RecordedEvent {
    RecordedEvent {
        transform: TransformTag::NONE,
        payload: Bytes::new(),
        metadata: Metadata::default(),
        correlation: None,
        erased: true,
        ..event.clone()
    }
}

async fn erasing_wipes_payload_metadata_and_correlation(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.erase(&a, &note()).await.unwrap();
    let shown = feed(&store).await;
    assert_eq!(shown.len(), 4);
    for event in &shown[..3] {
        assert!(event.erased && event.payload.is_empty() && event.correlation.is_none(), "{event:?}");
        assert!(event.metadata.as_bytes().is_empty(), "{event:?}");
    }
}

async fn erasing_keeps_ids_names_versions_positions_and_times(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    let before = read(&store, &a).await;
    lab.clock().advance(std::time::Duration::from_micros(3));
    store.erase(&a, &note()).await.unwrap();
    let shown = feed(&store).await;
    assert_eq!(shown[..3], before.iter().map(wiped).collect::<Vec<_>>());
}

async fn the_record_of_an_erasure_keeps_its_note(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    let appended = store.erase(&a, &note()).await.unwrap();
    let told = AppendedStream { stream: a.clone(), first: version(4), last: version(4) };
    assert_eq!((appended.streams, appended.deduplicated), (vec![told], false));
    let record = feed(&store).await.pop().unwrap();
    assert_eq!(record.name, *STREAM_ERASED);
    assert_eq!((&record.stream, record.version), (&a, version(4)));
    assert_eq!(record.position, appended.token.position);
    assert!(!record.erased);
    let kept: LifecycleNote = serde_json::from_slice(&record.payload).unwrap();
    assert_eq!(kept, note());
}

async fn the_notes_of_earlier_records_are_wiped(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.delete(&a, Any, &LifecycleNote::because("Ada asked")).await.unwrap();
    store.erase(&a, &note()).await.unwrap();
    let shown = feed(&store).await;
    assert!(shown[3].is_lifecycle() && shown[3].erased && shown[3].payload.is_empty(), "{:?}", shown[3]);
    assert!(!shown[4].erased);
}

async fn an_erased_stream_refuses_reads(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.erase(&a, &note()).await.unwrap();
    for options in [ReadOptions::default(), ReadOptions::default().backward().with_limit(1)] {
        assert_eq!(refusal(store.read_stream(&a, &options).await), erased(&a));
    }
}

async fn an_erased_stream_refuses_appends(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.erase(&a, &note()).await.unwrap();
    let before = feed(&store).await;
    for expected in [Any, NoStream, StreamExists, exact(3), exact(4)] {
        assert_eq!(refusal(try_append(&store, &a, expected, events(1)).await), erased(&a), "{expected}");
    }
    let both = Append::new(lab.stream("b"), Any, events(1)).and(a.clone(), Any, events(1));
    assert_eq!(refusal(store.append(both).await), erased(&a));
    assert_eq!(feed(&store).await, before);
}

async fn an_erased_stream_is_neither_deleted_nor_restored_nor_erased_again(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.erase(&a, &note()).await.unwrap();
    assert_eq!(refusal(store.delete(&a, Any, &note()).await), erased(&a));
    assert_eq!(refusal(store.restore(&a, &note()).await), erased(&a));
    assert_eq!(refusal(store.erase(&a, &note()).await), erased(&a));
    assert_eq!(versions(&feed(&store).await), [1, 2, 3, 4]);
}

async fn an_erased_stream_says_so(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    let token = store.erase(&a, &note()).await.unwrap().token;
    let info = store.stream(&a).await.unwrap();
    assert_eq!((info.lifecycle, info.version), (Lifecycle::Erased, version(4)));
    assert_eq!(info.position, token.position);
    assert!(!info.exists());
}

async fn a_deleted_stream_can_be_erased(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.delete(&a, Any, &LifecycleNote::default()).await.unwrap();
    store.erase(&a, &note()).await.unwrap();
    assert_eq!(store.stream(&a).await.unwrap().lifecycle, Lifecycle::Erased);
    assert_eq!(refusal(store.read_stream(&a, &ReadOptions::default()).await), erased(&a));
    assert!(feed(&store).await[..4].iter().all(|event| event.erased));
}

async fn erasing_what_is_absent_is_refused(lab: &Lab) {
    let (store, absent) = (personal_stream(lab).await.0, lab.stream("absent"));
    assert_eq!(refusal(store.erase(&absent, &note()).await), ErrorKind::StreamNotFound(absent));
}

async fn a_note_beyond_the_limit_is_refused(lab: &Lab) {
    let (store, a) = (lab.open_limited(Limits::default().with_payload_bytes(100)).await, lab.stream("a"));
    append(&store, &a, vec![personal()]).await;
    let limit = store.limits().payload_bytes;
    let long = LifecycleNote::because("x".repeat(limit));
    assert_eq!(refusal(store.erase(&a, &long).await), beyond("note", limit));
    assert!(!feed(&store).await[0].erased);
}

async fn what_is_refused_leaves_no_record(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    refusal(store.erase(&lab.stream("absent"), &note()).await);
    store.erase(&a, &note()).await.unwrap();
    refusal(store.erase(&a, &note()).await);
    assert_eq!(feed(&store).await.len(), 4);
    assert_eq!(store.stream(&lab.stream("absent")).await.unwrap().version, version(0));
}

async fn other_streams_keep_their_content(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    let others = [lab.stream("b"), lab.stream_in("Other", "a"), lab.stream("aa")];
    let mut before = Vec::new();
    for other in &others {
        append(&store, other, vec![personal(), personal()]).await;
        before.push(read(&store, other).await);
    }
    store.erase(&a, &note()).await.unwrap();
    for (other, before) in others.iter().zip(before) {
        assert_eq!(read(&store, other).await, before);
    }
}

async fn the_feed_has_no_new_hole(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    append(&store, &lab.stream("b"), events(2)).await;
    append(&store, &a, vec![personal()]).await;
    let before = feed(&store).await;
    store.erase(&a, &note()).await.unwrap();
    let shown = feed(&store).await;
    assert_eq!(positions(&shown[..6]), positions(&before));
    for event in &before {
        assert_eq!(store.event_id_at(event.position).await.unwrap(), Some(event.id));
    }
}

async fn ids_of_an_erased_stream_stay_taken(lab: &Lab) {
    let (store, a, sent) = (lab.open().await, lab.stream("a"), personal());
    append(&store, &a, vec![sent.clone()]).await;
    store.erase(&a, &note()).await.unwrap();
    let elsewhere = try_append(&store, &lab.stream("b"), Any, vec![sent]).await;
    match lab.unique_ids() {
        UniqueIds::PerLog => assert!(matches!(refusal(elsewhere), ErrorKind::Duplicate(_))),
        UniqueIds::PerStream => assert!(!elsewhere.unwrap().deduplicated),
    }
}

async fn an_append_that_was_erased_since_is_not_written_again(lab: &Lab) {
    let (store, a, sent) = (lab.open().await, lab.stream("a"), personal());
    append(&store, &a, vec![sent.clone()]).await;
    store.erase(&a, &note()).await.unwrap();
    let before = feed(&store).await;
    // Whether the content was the same cannot be known any more.
    let refused = refusal(try_append(&store, &a, NoStream, vec![sent]).await);
    assert!(matches!(refused, ErrorKind::Duplicate(_)) || refused == erased(&a), "{refused:?}");
    assert_eq!(feed(&store).await, before);
}

async fn a_dropped_erasure_happened_whole_or_not_at_all(lab: &Lab) {
    let (store, note) = (&lab.open().await, &note());
    cancel_everywhere(|number| async move {
        let stream = lab.stream(number);
        append(store, &stream, vec![personal(), personal()]).await;
        let same = stream.clone();
        let dropped = async move { store.erase(&same, note).await };
        let check = async move {
            let of_feed: Vec<_> = feed(store).await.into_iter().filter(|e| e.stream == stream).collect();
            let wiped = of_feed.iter().filter(|e| e.erased).count();
            assert!((of_feed.len(), wiped) == (2, 0) || (of_feed.len(), wiped) == (3, 2), "{of_feed:?}");
            if let Err(error) = store.erase(&stream, note).await {
                assert_eq!(*error.kind(), erased(&stream), "asking again says that it happened");
            }
            assert_eq!(store.stream(&stream).await.unwrap().version, version(3));
        };
        (dropped, check)
    })
    .await;
    audit(store).await;
}

async fn a_closed_erasure_refuses_every_call(lab: &Lab) {
    let (store, a) = personal_stream(lab).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.erase(&a, &note()).await), ErrorKind::Closed);
}

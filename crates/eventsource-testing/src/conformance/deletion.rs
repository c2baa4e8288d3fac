//! Deleting streams, and restoring them.

use eventsource_core::{
    Conflict, ErrorKind, EventFilter,
    ExpectedVersion::{self, Any, NoStream, StreamExists},
    Position, RecordedEvent, StreamId,
    codec::CodecTag,
    lifecycle::{Lifecycle, LifecycleNote, STREAM_DELETED, STREAM_RESTORED},
    store::{
        Append, AppendedStream, EventFeed, EventStore, FeedOptions, Limits, ReadOptions, StreamDeletion,
    },
};

use super::{
    UniqueIds,
    support::{
        after_start, append, beyond, cancel_everywhere, event, events, exact, feed, feed_with, ids, increase,
        positions, read, refusal, together, try_append, version, versions,
    },
};
use crate::audit;

cases! { $ deletion, deletion_cases, EventStore | EventFeed | StreamDeletion:
    a_deleted_stream_refuses_reads,
    a_deleted_stream_refuses_appends,
    a_deleted_stream_says_so,
    deleting_appends_a_record_with_the_note,
    the_feed_still_shows_a_deleted_stream,
    other_streams_are_not_touched,
    a_restored_stream_is_read_and_written_again,
    restoring_appends_a_record_with_the_note,
    a_stream_may_be_deleted_again,
    a_conflict_deletes_nothing,
    every_expected_version_is_checked,
    deleting_what_is_absent_is_refused,
    deleting_twice_is_refused,
    restoring_what_is_absent_is_refused,
    restoring_an_active_stream_is_refused,
    a_note_beyond_the_limit_is_refused,
    what_is_refused_leaves_no_record,
    an_append_with_one_deleted_stream_writes_nothing,
    a_retry_is_recognised_although_its_stream_was_deleted,
    ids_of_a_deleted_stream_stay_taken,
    records_belong_to_their_category,
    a_record_is_not_recorded_before_the_events_ahead_of_it,
    of_concurrent_deletions_exactly_one_wins,
    a_dropped_deletion_happened_whole_or_not_at_all,
    a_closed_deletion_refuses_every_call,
}

fn note() -> LifecycleNote {
    LifecycleNote::because("a \"wish\" of Zoë").with_actor("ada@example.org")
}

fn none() -> LifecycleNote {
    LifecycleNote::default()
}

fn deleted(stream: &StreamId) -> ErrorKind {
    ErrorKind::StreamDeleted { stream: stream.clone(), erased: false }
}

/// A store with one stream of so many events.
async fn stream_of(lab: &Lab, count: usize) -> (std::sync::Arc<dyn Port>, StreamId) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(count)).await;
    (store, a)
}

/// Whether a recorded event is a lifecycle record of this name with this note.
fn is_record(event: &RecordedEvent, name: &str, note: &LifecycleNote) -> bool {
    let told: LifecycleNote = serde_json::from_slice(&event.payload).expect("a record holds a note as JSON");
    event.is_lifecycle()
        && event.name == *name
        && event.codec == CodecTag::JSON
        && told == *note
        && !event.erased
}

async fn a_deleted_stream_refuses_reads(lab: &Lab) {
    let (store, a) = stream_of(lab, 3).await;
    store.delete(&a, Any, &none()).await.unwrap();
    for options in [ReadOptions::default(), ReadOptions::default().backward().with_limit(1)] {
        assert_eq!(refusal(store.read_stream(&a, &options).await), deleted(&a));
    }
}

async fn a_deleted_stream_refuses_appends(lab: &Lab) {
    let (store, a) = stream_of(lab, 3).await;
    store.delete(&a, Any, &none()).await.unwrap();
    let before = feed(&store).await;
    for expected in [Any, NoStream, StreamExists, exact(3), exact(4)] {
        assert_eq!(refusal(try_append(&store, &a, expected, events(1)).await), deleted(&a), "{expected}");
    }
    assert_eq!(feed(&store).await, before);
}

async fn a_deleted_stream_says_so(lab: &Lab) {
    let (store, a) = stream_of(lab, 3).await;
    lab.clock().set(after_start(9));
    let token = store.delete(&a, Any, &none()).await.unwrap().token;
    let info = store.stream(&a).await.unwrap();
    assert_eq!((info.lifecycle, info.version), (Lifecycle::Deleted, version(4)));
    assert_eq!((info.position, info.recorded_at), (token.position, Some(after_start(9))));
    assert!(!info.exists());
}

async fn deleting_appends_a_record_with_the_note(lab: &Lab) {
    let (store, a) = stream_of(lab, 2).await;
    for (note, at) in [(note(), 3), (none(), 5)] {
        let appended = store.delete(&a, Any, &note).await.unwrap();
        let told = AppendedStream { stream: a.clone(), first: version(at), last: version(at) };
        assert_eq!((appended.streams, appended.deduplicated), (vec![told], false));
        let record = feed(&store).await.pop().unwrap();
        assert!(is_record(&record, STREAM_DELETED, &note), "{record:?}");
        assert_eq!((&record.stream, record.version), (&a, version(at)));
        assert_eq!(appended.token.position, record.position);
        assert_eq!(appended.token.log, EventStore::log(&store).id);
        store.restore(&a, &note).await.unwrap();
    }
}

async fn the_feed_still_shows_a_deleted_stream(lab: &Lab) {
    let (store, a) = stream_of(lab, 3).await;
    append(&store, &lab.stream("b"), events(1)).await;
    let before = feed(&store).await;
    store.delete(&a, Any, &none()).await.unwrap();
    let shown = feed(&store).await;
    assert_eq!(shown[..4], before);
    assert_eq!(shown.len(), 5);
    for event in &before {
        assert_eq!(store.event_id_at(event.position).await.unwrap(), Some(event.id));
    }
}

async fn other_streams_are_not_touched(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    let others = [lab.stream("b"), lab.stream_in("Other", "a"), lab.stream("a ")];
    for other in &others {
        append(&store, other, events(2)).await;
    }
    store.delete(&a, Any, &none()).await.unwrap();
    for other in &others {
        assert_eq!(versions(&read(&store, other).await), [1, 2]);
        append(&store, other, events(1)).await;
    }
}

async fn a_restored_stream_is_read_and_written_again(lab: &Lab) {
    let (store, a) = stream_of(lab, 2).await;
    let before = read(&store, &a).await;
    store.delete(&a, Any, &none()).await.unwrap();
    store.restore(&a, &none()).await.unwrap();
    let info = store.stream(&a).await.unwrap();
    assert_eq!((info.lifecycle, info.version), (Lifecycle::Active, version(4)));
    assert!(info.exists());
    try_append(&store, &a, exact(4), events(1)).await.unwrap();
    let restored = read(&store, &a).await;
    assert_eq!(restored[..2], before);
    // The records are events of the stream, so that its versions have no holes.
    assert_eq!(versions(&restored), [1, 2, 3, 4, 5]);
    assert_eq!(
        restored[2..4].iter().map(|e| e.name.as_str()).collect::<Vec<_>>(),
        [STREAM_DELETED, STREAM_RESTORED]
    );
}

async fn restoring_appends_a_record_with_the_note(lab: &Lab) {
    let (store, a) = stream_of(lab, 2).await;
    store.delete(&a, Any, &none()).await.unwrap();
    let appended = store.restore(&a, &note()).await.unwrap();
    let told = AppendedStream { stream: a.clone(), first: version(4), last: version(4) };
    assert_eq!((appended.streams, appended.deduplicated), (vec![told], false));
    let record = feed(&store).await.pop().unwrap();
    assert!(is_record(&record, STREAM_RESTORED, &note()), "{record:?}");
    assert_eq!((record.version, record.position), (version(4), appended.token.position));
}

async fn a_stream_may_be_deleted_again(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    for _ in 0..3 {
        store.delete(&a, Any, &none()).await.unwrap();
        refusal(store.read_stream(&a, &ReadOptions::default()).await);
        store.restore(&a, &none()).await.unwrap();
        assert_eq!(read(&store, &a).await[0].version, version(1));
    }
    let shown = feed(&store).await;
    assert_eq!(versions(&shown), [1, 2, 3, 4, 5, 6, 7]);
    assert!(increase(&positions(&shown)));
}

async fn a_conflict_deletes_nothing(lab: &Lab) {
    let (store, a) = stream_of(lab, 3).await;
    let refused = refusal(store.delete(&a, exact(2), &none()).await);
    let conflict = Conflict { stream: a.clone(), expected: exact(2), actual: version(3) };
    assert_eq!(refused, ErrorKind::Conflict(conflict));
    assert_eq!(read(&store, &a).await.len(), 3);
    store.delete(&a, exact(3), &none()).await.unwrap();
}

async fn every_expected_version_is_checked(lab: &Lab) {
    let store = lab.open().await;
    let cases: [(ExpectedVersion, bool); 5] =
        [(Any, true), (StreamExists, true), (exact(2), true), (NoStream, false), (exact(1), false)];
    for (number, (expected, holds)) in cases.into_iter().enumerate() {
        let stream = lab.stream(number);
        append(&store, &stream, events(2)).await;
        let outcome = store.delete(&stream, expected, &none()).await;
        assert_eq!(outcome.is_ok(), holds, "{expected}: {outcome:?}");
        let lifecycle = store.stream(&stream).await.unwrap().lifecycle;
        assert_eq!(lifecycle, if holds { Lifecycle::Deleted } else { Lifecycle::Active }, "{expected}");
    }
}

async fn deleting_what_is_absent_is_refused(lab: &Lab) {
    let (store, absent) = (stream_of(lab, 1).await.0, lab.stream("absent"));
    for expected in [Any, NoStream, StreamExists] {
        let refused = refusal(store.delete(&absent, expected, &none()).await);
        assert_eq!(refused, ErrorKind::StreamNotFound(absent.clone()), "{expected}");
    }
}

async fn deleting_twice_is_refused(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    store.delete(&a, Any, &none()).await.unwrap();
    for expected in [Any, StreamExists, exact(2)] {
        assert_eq!(refusal(store.delete(&a, expected, &none()).await), deleted(&a), "{expected}");
    }
}

async fn restoring_what_is_absent_is_refused(lab: &Lab) {
    let (store, absent) = (stream_of(lab, 1).await.0, lab.stream("absent"));
    assert_eq!(refusal(store.restore(&absent, &none()).await), ErrorKind::StreamNotFound(absent));
}

async fn restoring_an_active_stream_is_refused(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    for _ in 0..2 {
        let refused = refusal(store.restore(&a, &none()).await);
        assert!(matches!(refused, ErrorKind::InvalidInput { .. }), "{refused:?}");
        store.delete(&a, Any, &none()).await.unwrap();
        store.restore(&a, &none()).await.unwrap();
    }
}

async fn a_note_beyond_the_limit_is_refused(lab: &Lab) {
    let (store, a) = (lab.open_limited(Limits::default().with_payload_bytes(100)).await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    let limit = store.limits().payload_bytes;
    let long = LifecycleNote::because("x".repeat(limit));
    assert_eq!(refusal(store.delete(&a, Any, &long).await), beyond("note", limit));
    store.delete(&a, Any, &none()).await.unwrap();
    assert_eq!(refusal(store.restore(&a, &long).await), beyond("note", limit));
    assert_eq!(feed(&store).await.len(), 2);
}

async fn what_is_refused_leaves_no_record(lab: &Lab) {
    let (store, a) = stream_of(lab, 2).await;
    refusal(store.delete(&a, exact(9), &none()).await);
    refusal(store.restore(&a, &none()).await);
    store.delete(&a, Any, &none()).await.unwrap();
    refusal(store.delete(&a, Any, &none()).await);
    refusal(try_append(&store, &a, Any, events(1)).await);
    assert_eq!(versions(&feed(&store).await), [1, 2, 3]);
}

async fn an_append_with_one_deleted_stream_writes_nothing(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    store.delete(&a, Any, &none()).await.unwrap();
    let before = feed(&store).await;
    let b = lab.stream("b");
    for append in [
        Append::new(b.clone(), Any, events(2)).and(a.clone(), Any, events(1)),
        Append::new(a.clone(), Any, events(1)).and(b.clone(), Any, events(2)),
    ] {
        assert_eq!(refusal(store.append(append).await), deleted(&a));
    }
    assert_eq!(feed(&store).await, before);
}

async fn a_retry_is_recognised_although_its_stream_was_deleted(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = Append::new(a.clone(), NoStream, events(2));
    let first = store.append(sent.clone()).await.unwrap();
    store.delete(&a, Any, &none()).await.unwrap();
    let again = store.append(sent).await.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.token, again.streams), (first.token, first.streams));
    assert_eq!(feed(&store).await.len(), 3);
}

async fn ids_of_a_deleted_stream_stay_taken(lab: &Lab) {
    let (store, a, sent) = (lab.open().await, lab.stream("a"), event());
    append(&store, &a, vec![sent.clone()]).await;
    store.delete(&a, Any, &none()).await.unwrap();
    let elsewhere = try_append(&store, &lab.stream("b"), Any, vec![sent]).await;
    match lab.unique_ids() {
        UniqueIds::PerLog => assert!(matches!(refusal(elsewhere), ErrorKind::Duplicate(_))),
        UniqueIds::PerStream => assert!(!elsewhere.unwrap().deduplicated),
    }
}

async fn records_belong_to_their_category(lab: &Lab) {
    let store = lab.open().await;
    let (order, payment) = (lab.stream_in("Order", 1), lab.stream_in("Payment", 1));
    for stream in [&order, &payment] {
        append(&store, stream, events(1)).await;
        store.delete(stream, Any, &none()).await.unwrap();
    }
    let all = feed(&store).await;
    let shown = |filter: EventFilter| {
        let (store, options) = (store.clone(), FeedOptions::default().with_filter(filter));
        async move { ids(&feed_with(&store, Position::START, options).await) }
    };
    assert_eq!(shown(EventFilter::all().category("Order").unwrap()).await, ids(&all[..2]));
    assert_eq!(shown(EventFilter::all().events("Payment", ["Happened"]).unwrap()).await, ids(&all[2..3]));
    assert_eq!(shown(EventFilter::all().events("Payment", [STREAM_DELETED]).unwrap()).await, ids(&all[3..]));
    assert_eq!(shown(EventFilter::all().events("Order", ["stream.*"]).unwrap()).await, ids(&all[1..2]));
}

async fn a_record_is_not_recorded_before_the_events_ahead_of_it(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    lab.clock().set(after_start(-1_000));
    store.delete(&a, Any, &none()).await.unwrap();
    lab.clock().set(after_start(-2_000));
    store.restore(&a, &none()).await.unwrap();
    let times: Vec<_> = read(&store, &a).await.iter().map(|e| e.recorded_at).collect();
    assert!(times.is_sorted(), "{times:?}");
}

async fn of_concurrent_deletions_exactly_one_wins(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    for round in 0..10 {
        let outcomes = together((0..6).map(|_| {
            let (store, a) = (store.clone(), a.clone());
            async move { store.delete(&a, Any, &none()).await }
        }))
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "round {round}");
        assert!(lost.into_iter().all(|outcome| refusal(outcome) == deleted(&a)));
        store.restore(&a, &none()).await.unwrap();
    }
    assert_eq!(store.stream(&a).await.unwrap().version, version(21));
}

async fn a_dropped_deletion_happened_whole_or_not_at_all(lab: &Lab) {
    let (store, note) = (&lab.open().await, &note());
    cancel_everywhere(|number| async move {
        let stream = lab.stream(number);
        append(store, &stream, events(1)).await;
        let same = stream.clone();
        let dropped = async move { store.delete(&same, Any, note).await };
        let check = async move {
            if let Err(error) = store.delete(&stream, Any, note).await {
                assert_eq!(*error.kind(), deleted(&stream), "asking again says that it happened");
            }
            let info = store.stream(&stream).await.unwrap();
            assert_eq!((info.lifecycle, info.version), (Lifecycle::Deleted, version(2)));
        };
        (dropped, check)
    })
    .await;
    let shown = audit(store).await;
    assert!(shown.iter().all(|event| event.is_lifecycle() == (event.version == version(2))));
}

async fn a_closed_deletion_refuses_every_call(lab: &Lab) {
    let (store, a) = stream_of(lab, 1).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.delete(&a, Any, &none()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.restore(&a, &none()).await), ErrorKind::Closed);
}

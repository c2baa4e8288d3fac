//! Sending an append again.

use eventsource_core::{
    CorrelationId, Duplicate, ErrorKind, EventId,
    ExpectedVersion::{Any, NoStream, StreamExists},
    NewEvent, Provenance, StreamId,
    codec::{CodecTag, TransformTag},
    store::{Append, Appended, EventStore},
};

use super::{
    UniqueIds,
    support::{
        after_start, append, event, events, exact, ids, new_ids, read, refusal, together, try_append, version,
    },
};

cases! { $ idempotence, idempotence_cases, EventStore:
    a_retry_returns_the_first_outcome,
    a_retry_is_recognised_under_every_expected_version,
    a_retry_is_recognised_after_other_appends_came_between,
    a_retry_to_several_streams_returns_the_first_outcome,
    a_retry_is_recognised_although_a_checked_stream_has_moved,
    a_retry_after_a_conflict_elsewhere_writes_once,
    metadata_correlation_and_time_of_occurrence_are_no_content,
    the_same_id_with_another_payload_is_a_duplicate,
    the_same_id_with_another_name_is_a_duplicate,
    the_same_id_with_another_schema_version_is_a_duplicate,
    the_same_id_with_another_codec_is_a_duplicate,
    the_same_id_with_another_transform_is_a_duplicate,
    the_same_id_in_another_stream_is_a_duplicate_where_ids_are_unique_in_the_log,
    a_batch_that_overlaps_what_is_recorded_is_a_duplicate,
    the_same_events_in_another_order_are_a_duplicate,
    the_same_events_split_differently_over_streams_are_a_duplicate,
    a_duplicate_names_event_stream_and_version,
    a_duplicate_writes_nothing,
    a_refused_id_is_not_taken,
    the_same_append_sent_at_the_same_time_is_written_once,
}

/// The outcome of a retry: that of the first call, marked.
fn again(first: &Appended) -> Appended {
    Appended { deduplicated: true, ..first.clone() }
}

async fn a_retry_returns_the_first_outcome(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = Append::new(a.clone(), NoStream, events(3));
    let first = store.append(sent.clone()).await.unwrap();
    let before = read(&store, &a).await;
    for _ in 0..3 {
        assert_eq!(store.append(sent.clone()).await.unwrap(), again(&first));
    }
    assert_eq!(read(&store, &a).await, before);
}

async fn a_retry_is_recognised_under_every_expected_version(lab: &Lab) {
    let store = lab.open().await;
    for (number, expected) in [Any, NoStream, StreamExists, exact(0), exact(2)].into_iter().enumerate() {
        let stream = lab.stream(number);
        if matches!(expected, StreamExists) || expected == exact(2) {
            append(&store, &stream, events(2)).await;
        }
        let sent = Append::new(stream.clone(), expected, events(2));
        let first = store.append(sent.clone()).await.unwrap();
        let before = read(&store, &stream).await;
        assert_eq!(store.append(sent).await.unwrap(), again(&first), "{expected}");
        assert_eq!(read(&store, &stream).await, before, "{expected}");
    }
}

async fn a_retry_is_recognised_after_other_appends_came_between(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for expected in [Any, exact(4)] {
        let sent = Append::new(a.clone(), expected, events(2));
        let first = store.append(sent.clone()).await.unwrap();
        append(&store, &a, events(1)).await;
        append(&store, &lab.stream("b"), events(1)).await;
        append(&store, &a, events(1)).await;
        assert_eq!(store.append(sent).await.unwrap(), again(&first), "{expected}");
    }
    assert_eq!(read(&store, &a).await.len(), 8);
}

async fn a_retry_to_several_streams_returns_the_first_outcome(lab: &Lab) {
    let (store, a, b, c) = (lab.open().await, lab.stream("a"), lab.stream("b"), lab.stream("c"));
    append(&store, &a, events(1)).await;
    let sent = Append::new(b.clone(), NoStream, events(2)).and_check(c.clone(), NoStream).and(
        a.clone(),
        exact(1),
        events(2),
    );
    let first = store.append(sent.clone()).await.unwrap();
    append(&store, &b, events(1)).await;
    assert_eq!(store.append(sent).await.unwrap(), again(&first));
    let counts = (read(&store, &a).await.len(), read(&store, &b).await.len(), read(&store, &c).await.len());
    assert_eq!(counts, (3, 3, 0));
}

async fn a_retry_is_recognised_although_a_checked_stream_has_moved(lab: &Lab) {
    let (store, a, checked) = (lab.open().await, lab.stream("a"), lab.stream("checked"));
    let sent = Append::new(a.clone(), NoStream, events(1)).and_check(checked.clone(), NoStream);
    let first = store.append(sent.clone()).await.unwrap();
    append(&store, &checked, events(1)).await;
    assert_eq!(store.append(sent).await.unwrap(), again(&first));
    assert_eq!(read(&store, &a).await.len(), 1);
}

async fn a_retry_after_a_conflict_elsewhere_writes_once(lab: &Lab) {
    // The reply of the first call was lost, and meanwhile somebody else appended: the retry is nobody's conflict.
    let (store, a) = (lab.open().await, lab.stream("a"));
    let (mine, theirs) = (events(1), events(1));
    let first = try_append(&store, &a, exact(0), mine.clone()).await.unwrap();
    try_append(&store, &a, exact(1), theirs.clone()).await.unwrap();
    assert_eq!(try_append(&store, &a, exact(0), mine.clone()).await.unwrap(), again(&first));
    refusal(try_append(&store, &a, exact(0), events(1)).await);
    assert_eq!(ids(&read(&store, &a).await), new_ids(&[mine, theirs].concat()));
}

async fn metadata_correlation_and_time_of_occurrence_are_no_content(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let plain = event();
    let told = |actor: &str| Provenance::default().with_actor(actor).to_metadata().unwrap();
    let sent = plain.clone().with_metadata(told("ada")).with_occurred_at(after_start(-5));
    let first = append(&store, &a, vec![sent]).await;
    let before = read(&store, &a).await;
    let others = [
        plain.clone(),
        plain.clone().with_metadata(told("bob")),
        plain.clone().with_occurred_at(after_start(-6)),
        plain.clone().with_correlation(CorrelationId::from(plain.id)),
    ];
    for other in others {
        assert_eq!(append(&store, &a, vec![other]).await, again(&first));
    }
    assert_eq!(read(&store, &a).await, before, "what was written first stays");
}

/// Appends an event, then one that has the same id and differs: a duplicate, whatever is expected.
async fn differs(lab: &Lab, change: impl Fn(NewEvent) -> NewEvent) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let first = event();
    append(&store, &a, vec![first.clone()]).await;
    let before = read(&store, &a).await;
    for expected in [Any, NoStream, StreamExists, exact(1)] {
        let refused = refusal(try_append(&store, &a, expected, vec![change(first.clone())]).await);
        assert_eq!(refused, taken(first.id, &a, 1), "{expected}");
    }
    assert_eq!(read(&store, &a).await, before);
}

fn taken(event: EventId, stream: &StreamId, at: u64) -> ErrorKind {
    ErrorKind::Duplicate(Duplicate { event, stream: stream.clone(), version: version(at) })
}

async fn the_same_id_with_another_payload_is_a_duplicate(lab: &Lab) {
    differs(lab, |e| NewEvent::new(e.id, e.name.as_str(), r#"{"other":1}"#).unwrap()).await;
    differs(lab, |e| NewEvent::new(e.id, e.name.as_str(), "").unwrap()).await;
}

async fn the_same_id_with_another_name_is_a_duplicate(lab: &Lab) {
    differs(lab, |e| NewEvent::new(e.id, "Other", e.payload).unwrap()).await;
}

async fn the_same_id_with_another_schema_version_is_a_duplicate(lab: &Lab) {
    differs(lab, |e| e.with_schema_version(2)).await;
}

async fn the_same_id_with_another_codec_is_a_duplicate(lab: &Lab) {
    differs(lab, |e| e.with_codec(CodecTag::from_static("other"))).await;
}

async fn the_same_id_with_another_transform_is_a_duplicate(lab: &Lab) {
    let other = |mut e: NewEvent| {
        e.transform = TransformTag::from_static("other");
        e
    };
    differs(lab, other).await;
}

async fn the_same_id_in_another_stream_is_a_duplicate_where_ids_are_unique_in_the_log(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    append(&store, &a, events(1)).await;
    let sent = event();
    append(&store, &a, vec![sent.clone()]).await;
    let elsewhere = try_append(&store, &b, Any, vec![event(), sent.clone()]).await;
    match lab.unique_ids() {
        UniqueIds::PerLog => {
            assert_eq!(refusal(elsewhere), taken(sent.id, &a, 2));
            assert!(read(&store, &b).await.is_empty());
        }
        UniqueIds::PerStream => {
            assert!(!elsewhere.unwrap().deduplicated);
            assert_eq!(read(&store, &b).await[1].id, sent.id);
        }
    }
    assert_eq!(read(&store, &a).await.len(), 2);
}

async fn a_batch_that_overlaps_what_is_recorded_is_a_duplicate(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = events(3);
    append(&store, &a, sent.clone()).await;
    let before = read(&store, &a).await;
    let overlaps = [
        [&sent[..], &events(1)].concat(),
        [&events(1), &sent[..]].concat(),
        [&sent[1..], &events(2)].concat(),
        [&sent[..1], &events(1), &sent[1..]].concat(),
    ];
    for overlap in overlaps {
        for expected in [Any, NoStream, exact(3)] {
            let refused = refusal(try_append(&store, &a, expected, overlap.clone()).await);
            assert!(matches!(refused, ErrorKind::Duplicate(_)), "{refused:?}");
        }
    }
    assert_eq!(read(&store, &a).await, before);
}

async fn the_same_events_in_another_order_are_a_duplicate(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let mut sent = events(2);
    append(&store, &a, sent.clone()).await;
    sent.reverse();
    let refused = refusal(try_append(&store, &a, Any, sent).await);
    assert!(matches!(refused, ErrorKind::Duplicate(_)), "{refused:?}");
    assert_eq!(read(&store, &a).await.len(), 2);
}

async fn the_same_events_split_differently_over_streams_are_a_duplicate(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let (one, two) = (event(), event());
    let sent = Append::new(a.clone(), Any, vec![one.clone()]).and(b.clone(), Any, vec![two.clone()]);
    store.append(sent).await.unwrap();
    let swapped = Append::new(a.clone(), Any, vec![two]).and(b.clone(), Any, vec![one]);
    let outcome = store.append(swapped).await;
    match lab.unique_ids() {
        UniqueIds::PerLog => assert!(matches!(refusal(outcome), ErrorKind::Duplicate(_))),
        UniqueIds::PerStream => assert!(!outcome.unwrap().deduplicated),
    }
}

async fn a_duplicate_names_event_stream_and_version(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = events(3);
    append(&store, &a, sent.clone()).await;
    let refused = refusal(try_append(&store, &a, Any, vec![event(), sent[1].clone()]).await);
    assert_eq!(refused, taken(sent[1].id, &a, 2));
}

async fn a_duplicate_writes_nothing(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let sent = event();
    append(&store, &a, vec![sent.clone()]).await;
    refusal(try_append(&store, &a, Any, vec![event(), sent.clone()]).await);
    let both = Append::new(b.clone(), NoStream, events(2)).and(a.clone(), Any, vec![event(), sent]);
    refusal(store.append(both).await);
    assert_eq!((read(&store, &a).await.len(), read(&store, &b).await.len()), (1, 0));
}

async fn a_refused_id_is_not_taken(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let (sent, refused) = (event(), event());
    append(&store, &a, vec![sent.clone()]).await;
    refusal(try_append(&store, &a, Any, vec![refused.clone(), sent]).await);
    let appended = append(&store, &a, vec![refused.clone()]).await;
    assert!(!appended.deduplicated);
    assert_eq!(read(&store, &a).await[1].id, refused.id);
}

async fn the_same_append_sent_at_the_same_time_is_written_once(lab: &Lab) {
    let store = lab.open().await;
    for (round, expected) in [Any, NoStream, Any, NoStream, Any].into_iter().enumerate() {
        let (a, b) = (lab.stream(format!("a-{round}")), lab.stream(format!("b-{round}")));
        let sent = Append::new(a.clone(), expected, events(2)).and(b.clone(), expected, events(1));
        let outcomes = together((0..8).map(|_| {
            let (store, sent) = (store.clone(), sent.clone());
            async move { store.append(sent).await.unwrap() }
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|o| !o.deduplicated).count(), 1, "{outcomes:?}");
        assert!(outcomes.iter().all(|o| again(o) == again(&outcomes[0])), "{outcomes:?}");
        assert_eq!((read(&store, &a).await.len(), read(&store, &b).await.len()), (2, 1));
    }
}

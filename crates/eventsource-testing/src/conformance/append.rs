//! Appending to one stream: what is expected, and what is told.

use eventsource_core::{
    Conflict, ErrorKind,
    ExpectedVersion::{self, Any, NoStream, StreamExists},
    Position, StreamId, Token,
    store::{Append, AppendedStream, EventStore, ReadOptions},
};

use super::support::{
    append, event, events, exact, ids, increase, is_invalid, named, new_ids, positions, read, refusal,
    try_append, version, versions,
};

cases! { $ append, append_cases, EventStore:
    no_stream_accepts_a_fresh_stream,
    no_stream_conflicts_with_an_existing_stream,
    any_accepts_a_fresh_stream,
    any_accepts_an_existing_stream,
    stream_exists_conflicts_with_an_absent_stream,
    stream_exists_accepts_an_existing_stream,
    exact_accepts_the_version_that_it_names,
    exact_conflicts_with_every_other_version,
    exact_zero_equals_no_stream,
    a_conflict_carries_stream_expected_and_actual,
    a_conflict_writes_nothing,
    an_append_without_events_is_refused,
    an_event_named_twice_is_refused,
    a_stream_named_twice_is_refused,
    a_reserved_name_is_refused,
    any_other_name_is_accepted,
    versions_follow_the_order_of_the_call_without_holes,
    positions_increase_in_the_order_of_the_call,
    positions_increase_from_append_to_append,
    the_outcome_names_the_stream_with_its_first_and_last_version,
    the_token_holds_the_log_and_the_last_position,
    an_append_is_seen_through_every_handle,
    a_closed_store_refuses_every_call,
}

/// Appends one event, which must succeed and take this version.
async fn takes(store: &dyn Port, stream: &StreamId, expected: ExpectedVersion, at: u64) {
    let appended = try_append(store, stream, expected, vec![event()]).await.unwrap();
    assert_eq!(appended.streams[0].last, version(at));
    assert_eq!(store.stream(stream).await.unwrap().version, version(at));
}

/// Appends one event, which must be a conflict and write nothing.
async fn conflicts(store: &dyn Port, stream: &StreamId, expected: ExpectedVersion, actual: u64) {
    let refused = refusal(try_append(store, stream, expected, vec![event()]).await);
    let conflict = Conflict { stream: stream.clone(), expected, actual: version(actual) };
    assert_eq!(refused, ErrorKind::Conflict(conflict));
    assert_eq!(store.stream(stream).await.unwrap().version, version(actual));
}

async fn no_stream_accepts_a_fresh_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    takes(&*store, &a, NoStream, 1).await;
}

async fn no_stream_conflicts_with_an_existing_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    conflicts(&*store, &a, NoStream, 1).await;
}

async fn any_accepts_a_fresh_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    takes(&*store, &a, Any, 1).await;
}

async fn any_accepts_an_existing_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    takes(&*store, &a, Any, 2).await;
}

async fn stream_exists_conflicts_with_an_absent_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    conflicts(&*store, &a, StreamExists, 0).await;
}

async fn stream_exists_accepts_an_existing_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    takes(&*store, &a, StreamExists, 2).await;
}

async fn exact_accepts_the_version_that_it_names(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for at in 0..3 {
        takes(&*store, &a, exact(at), at + 1).await;
    }
}

async fn exact_conflicts_with_every_other_version(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    conflicts(&*store, &a, exact(1), 0).await;
    append(&store, &a, events(2)).await;
    for other in [0, 1, 3, u64::MAX] {
        conflicts(&*store, &a, exact(other), 2).await;
    }
}

async fn exact_zero_equals_no_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    takes(&*store, &a, exact(0), 1).await;
    conflicts(&*store, &a, exact(0), 1).await;
}

async fn a_conflict_carries_stream_expected_and_actual(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(3)).await;
    let error = try_append(&store, &a, exact(2), events(1)).await.unwrap_err();
    let conflict = Conflict { stream: a, expected: exact(2), actual: version(3) };
    assert_eq!(error.as_conflict(), Some(&conflict));
}

async fn a_conflict_writes_nothing(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    let (before, refused) = (read(&store, &a).await, events(2));
    refusal(try_append(&store, &a, NoStream, refused.clone()).await);
    assert_eq!(read(&store, &a).await, before);
    // Not even the ids are taken.
    let appended = try_append(&store, &a, exact(1), refused.clone()).await.unwrap();
    assert!(!appended.deduplicated);
    assert_eq!(ids(&read(&store, &a).await[1..]), new_ids(&refused));
}

async fn an_append_without_events_is_refused(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let empty = [
        Append::default(),
        Append::new(a.clone(), Any, Vec::new()),
        Append::new(a.clone(), NoStream, Vec::new()).and_check(lab.stream("b"), NoStream),
    ];
    for append in empty {
        let error = store.append(append).await.unwrap_err();
        assert!(is_invalid(error.kind(), "events"), "{error:?}");
        assert!(error.to_string().contains("empty"), "{error}");
    }
    assert_eq!(store.stream(&a).await.unwrap().version, version(0));
}

async fn an_event_named_twice_is_refused(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let twice = event();
    let in_one = Append::new(a.clone(), Any, vec![twice.clone(), twice.clone()]);
    let in_two = Append::new(a.clone(), Any, vec![twice.clone()]).and(b.clone(), Any, vec![twice]);
    for append in [in_one, in_two] {
        let refused = refusal(store.append(append).await);
        assert!(is_invalid(&refused, "events"), "{refused:?}");
    }
    assert!(read(&store, &a).await.is_empty() && read(&store, &b).await.is_empty());
}

async fn a_stream_named_twice_is_refused(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let written = Append::new(a.clone(), Any, events(1)).and(a.clone(), Any, events(1));
    let checked = Append::new(a.clone(), Any, events(1)).and_check(a.clone(), NoStream);
    for append in [written, checked] {
        let refused = refusal(store.append(append).await);
        assert!(is_invalid(&refused, "streams"), "{refused:?}");
    }
    assert!(read(&store, &a).await.is_empty());
}

async fn a_reserved_name_is_refused(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for name in ["stream.deleted", "stream.restored", "stream.erased", "stream.anything"] {
        let refused = refusal(try_append(&store, &a, Any, vec![event(), named(name)]).await);
        assert!(is_invalid(&refused, "event name"), "{name}: {refused:?}");
    }
    assert!(read(&store, &a).await.is_empty());
}

async fn any_other_name_is_accepted(lab: &Lab) {
    // Which names mean something is decided one layer up.
    let (store, a) = (lab.open().await, lab.stream("a"));
    let names = ["streams.deleted", "stream", "Stream.deleted", "never-heard_of.It", "1"];
    append(&store, &a, names.map(named).into()).await;
    let recorded: Vec<_> = read(&store, &a).await.into_iter().map(|e| e.name.to_string()).collect();
    assert_eq!(recorded, names);
}

async fn versions_follow_the_order_of_the_call_without_holes(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let all = events(6);
    for part in all.chunks(2) {
        append(&store, &a, part.to_vec()).await;
    }
    let recorded = read(&store, &a).await;
    assert_eq!(versions(&recorded), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(&recorded), new_ids(&all));
}

async fn positions_increase_in_the_order_of_the_call(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    // The first stream of the call sorts behind the second.
    store.append(Append::new(b.clone(), Any, events(3)).and(a.clone(), Any, events(3))).await.unwrap();
    let recorded = [read(&store, &b).await, read(&store, &a).await].concat();
    assert!(increase(&positions(&recorded)), "{:?}", positions(&recorded));
}

async fn positions_increase_from_append_to_append(lab: &Lab) {
    let store = lab.open().await;
    let mut given = vec![Position::START];
    for key in ["a", "b", "a", "c", "b"] {
        given.push(append(&store, &lab.stream(key), events(2)).await.token.position);
    }
    assert!(increase(&given), "{given:?}");
}

async fn the_outcome_names_the_stream_with_its_first_and_last_version(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(2)).await;
    let appended = append(&store, &a, events(3)).await;
    let told = AppendedStream { stream: a, first: version(3), last: version(5) };
    assert_eq!(appended.streams, [told]);
    assert!(!appended.deduplicated);
}

async fn the_token_holds_the_log_and_the_last_position(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let appended = append(&store, &a, events(3)).await;
    let last = read(&store, &a).await[2].position;
    assert_eq!(appended.token, Token { log: store.log().id, position: last });
    assert_eq!(store.stream(&a).await.unwrap().position, last);
}

async fn an_append_is_seen_through_every_handle(lab: &Lab) {
    let ([one, other], a) = (lab.open_twice().await, lab.stream("a"));
    for at in 0..5 {
        let (writer, reader) = if at % 2 == 0 { (&one, &other) } else { (&other, &one) };
        takes(&**writer, &a, exact(at), at + 1).await;
        assert_eq!(read(reader, &a).await.len() as u64, at + 1);
    }
    assert_eq!(one.log(), other.log());
}

async fn a_closed_store_refuses_every_call(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    store.close().await.unwrap();
    assert_eq!(refusal(try_append(&store, &a, Any, events(1)).await), ErrorKind::Closed);
    assert_eq!(refusal(store.read_stream(&a, &ReadOptions::default()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.stream(&a).await), ErrorKind::Closed);
}

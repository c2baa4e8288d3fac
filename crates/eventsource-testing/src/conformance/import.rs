//! Writing recorded events as they were.

use std::{sync::Arc, time::Duration};

use eventsource_core::{
    CorrelationId, Duplicate, ErrorKind, EventId, EventName,
    ExpectedVersion::{Any, NoStream},
    MemoryStore, Metadata, Position, Provenance, RecordedEvent, StreamId, Timestamp,
    lifecycle::{Lifecycle, LifecycleNote},
    memory::MemoryOptions,
    store::{
        Append, EventFeed, EventImport, EventStore, FeedOptions, Imported, Limits, StreamDeletion,
        StreamErasure,
    },
};

use super::support::{
    after_start, append, beyond, cancel_everywhere, event, events, exact, feed, feed_with, holding, ids,
    increase, is_invalid, noise, positions, read, refusal, try_append, version, versions,
};

cases! { $ import, import_cases, EventStore | EventFeed | EventImport:
    a_copy_is_exact_but_for_its_positions,
    a_copy_of_a_copy_is_exact,
    streams_of_a_copy_are_as_they_were,
    what_the_store_wrote_itself_can_be_imported_elsewhere,
    positions_increase_in_the_order_given,
    an_import_may_be_sent_in_parts_of_any_size,
    an_interrupted_import_goes_on,
    importing_again_writes_nothing,
    importing_nothing_does_nothing,
    a_missing_version_is_refused,
    other_content_at_a_version_is_refused,
    a_time_of_recording_that_goes_back_is_refused,
    an_id_that_is_taken_elsewhere_is_refused,
    an_id_given_twice_in_one_call_is_refused,
    a_reserved_name_of_no_lifecycle_record_is_refused,
    nothing_follows_an_erasure,
    an_imported_erasure_wipes_what_was_there,
    one_bad_event_refuses_the_whole_call,
    what_is_beyond_a_limit_is_refused,
    appends_go_on_where_an_import_ended,
    imports_go_on_where_an_append_ended,
    imported_ids_are_taken,
    times_may_go_back_from_stream_to_stream,
    an_import_gives_a_hint,
    a_dropped_import_happened_whole_or_not_at_all,
    a_closed_import_refuses_every_call,
}

/// What an import of so many new and known events tells.
fn imported(written: usize, present: usize) -> Imported {
    Imported { written: written as u64, present: present as u64 }
}

/// An event with everything that an event may have.
fn full(lab: &Lab) -> eventsource_core::NewEvent {
    let metadata =
        Provenance::default().with_actor("ada").with_entry("channel", "web").to_metadata().unwrap();
    let occurred_at =
        Timestamp::from_micros(eventsource_core::Clock::now(lab.clock()).as_micros() - 999).unwrap();
    holding(noise(300))
        .with_schema_version(3)
        .with_metadata(metadata)
        .with_correlation(CorrelationId::from(EventId::generate()))
        .with_occurred_at(occurred_at)
}

/// A history with streams in every state, as the reference store recorded it.
async fn history(lab: &Lab) -> Vec<RecordedEvent> {
    let source = MemoryStore::with_options(MemoryOptions::default().with_clock(lab.clock().clone()));
    let note = LifecycleNote::because("history").with_actor("ada");
    let step = || lab.clock().advance(Duration::from_micros(7));
    let [active, restored, deleted, erased] =
        ["active", "restored", "deleted", "erased"].map(|key| lab.stream(key));
    for stream in [&active, &restored, &deleted, &erased] {
        append(&source, stream, vec![full(lab), event()]).await;
        step();
    }
    source.delete(&restored, Any, &note).await.unwrap();
    source.delete(&deleted, Any, &note).await.unwrap();
    step();
    source.restore(&restored, &note).await.unwrap();
    source.erase(&erased, &note).await.unwrap();
    step();
    source
        .append(Append::new(restored, Any, vec![full(lab)]).and(active, Any, vec![full(lab)]))
        .await
        .unwrap();
    feed(&source).await
}

/// Whether these are the same events but for their positions.
fn are_copies(copies: &[RecordedEvent], originals: &[RecordedEvent]) -> bool {
    copies.len() == originals.len()
        && copies.iter().zip(originals).all(|(copy, original)| copy.is_copy_of(original))
}

async fn a_copy_is_exact_but_for_its_positions(lab: &Lab) {
    let (original, store) = (history(lab).await, lab.open().await);
    // The copy is made later, and keeps its times nevertheless.
    lab.clock().advance(Duration::from_secs(3_600));
    assert_eq!(store.import(&original).await.unwrap(), imported(original.len(), 0));
    let copy = feed(&store).await;
    assert!(are_copies(&copy, &original), "{copy:#?}\nis no copy of\n{original:#?}");
}

async fn a_copy_of_a_copy_is_exact(lab: &Lab) {
    let (original, one, two) = (history(lab).await, lab.open().await, lab.open().await);
    append(&two, &lab.stream("before"), events(3)).await;
    one.import(&original).await.unwrap();
    two.import(&feed(&one).await).await.unwrap();
    assert!(are_copies(&feed(&two).await[3..], &original));
}

async fn streams_of_a_copy_are_as_they_were(lab: &Lab) {
    let (original, store) = (history(lab).await, lab.open().await);
    store.import(&original).await.unwrap();
    for (key, lifecycle, at) in [
        ("active", Lifecycle::Active, 3),
        ("restored", Lifecycle::Active, 5),
        ("deleted", Lifecycle::Deleted, 3),
        ("erased", Lifecycle::Erased, 3),
    ] {
        let stream = lab.stream(key);
        let info = store.stream(&stream).await.unwrap();
        let last = original.iter().rfind(|e| e.stream == stream).unwrap();
        assert_eq!((info.lifecycle, info.version), (lifecycle, version(at)), "{key}");
        assert_eq!(info.recorded_at, Some(last.recorded_at), "{key}");
        let appended = try_append(&store, &stream, Any, events(1)).await;
        if lifecycle == Lifecycle::Active {
            appended.unwrap();
            assert_eq!(versions(&read(&store, &stream).await), (1..=at + 1).collect::<Vec<_>>());
        } else {
            let erased = lifecycle == Lifecycle::Erased;
            assert_eq!(refusal(appended), ErrorKind::StreamDeleted { stream, erased });
        }
    }
}

async fn what_the_store_wrote_itself_can_be_imported_elsewhere(lab: &Lab) {
    let (store, elsewhere) = (lab.open().await, MemoryStore::new());
    for key in ["a", "b", "a"] {
        append(&store, &lab.stream(key), vec![full(lab), event()]).await;
    }
    let written = feed(&store).await;
    elsewhere.import(&written).await.unwrap();
    assert!(are_copies(&feed(&elsewhere).await, &written));
}

async fn positions_increase_in_the_order_given(lab: &Lab) {
    let (mut original, store) = (history(lab).await, lab.open().await);
    // Stream by stream, and so in another order than they were recorded in.
    original.sort_by(|a, b| (&b.stream, a.version).cmp(&(&a.stream, b.version)));
    store.import(&original).await.unwrap();
    let copy = feed(&store).await;
    assert!(are_copies(&copy, &original));
    assert!(increase(&positions(&copy)));
}

async fn an_import_may_be_sent_in_parts_of_any_size(lab: &Lab) {
    let original = history(lab).await;
    for size in [1, 2, 5, original.len()] {
        let store = lab.open().await;
        for part in original.chunks(size) {
            assert_eq!(store.import(part).await.unwrap(), imported(part.len(), 0));
        }
        assert!(are_copies(&feed(&store).await, &original), "in parts of {size}");
    }
}

async fn an_interrupted_import_goes_on(lab: &Lab) {
    let original = history(lab).await;
    for cut in [0, 1, original.len() / 2, original.len() - 1] {
        let store = lab.open().await;
        store.import(&original[..cut]).await.unwrap();
        let rest = original.len() - cut;
        assert_eq!(store.import(&original).await.unwrap(), imported(rest, cut));
        assert!(are_copies(&feed(&store).await, &original), "cut at {cut}");
    }
}

async fn importing_again_writes_nothing(lab: &Lab) {
    let (original, store) = (history(lab).await, lab.open().await);
    store.import(&original).await.unwrap();
    let before = feed(&store).await;
    assert_eq!(store.import(&original).await.unwrap(), imported(0, original.len()));
    assert_eq!(store.import(&[original[1].clone(), original[1].clone()]).await.unwrap(), imported(0, 2));
    assert_eq!(feed(&store).await, before);
}

async fn importing_nothing_does_nothing(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.import(&[]).await.unwrap(), imported(0, 0));
    assert_eq!(store.head().await.unwrap(), Position::START);
}

/// A store with a plain stream of three imported events, and the five events that its source holds.
async fn begun(lab: &Lab) -> (Arc<dyn Port>, StreamId, Vec<RecordedEvent>) {
    let source = MemoryStore::with_options(MemoryOptions::default().with_clock(lab.clock().clone()));
    let a = lab.stream("a");
    for _ in 0..5 {
        append(&source, &a, events(1)).await;
        lab.clock().advance(Duration::from_micros(10));
    }
    let (store, original) = (lab.open().await, feed(&source).await);
    store.import(&original[..3]).await.unwrap();
    (store, a, original)
}

/// Imports what must be refused as diverged at this version of a stream, and writes nothing.
async fn diverges(store: &dyn Port, events: &[RecordedEvent], stream: &StreamId, at: u64) {
    let before = feed(store).await;
    let error = store.import(events).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::HistoryDiverged);
    assert!(!error.is_transient() && !error.is_outcome_unknown());
    let message = error.to_string();
    assert!(message.contains(stream.as_str()) && message.contains(&at.to_string()), "{message}");
    assert_eq!(feed(store).await, before);
}

async fn a_missing_version_is_refused(lab: &Lab) {
    let (store, a, original) = begun(lab).await;
    diverges(&*store, &original[4..], &a, 5).await;
    let fresh = RecordedEvent { stream: lab.stream("fresh"), ..original[4].clone() };
    diverges(&*store, std::slice::from_ref(&fresh), &fresh.stream, 5).await;
    let zero = RecordedEvent { version: version(0), ..fresh };
    diverges(&*store, std::slice::from_ref(&zero), &zero.stream, 0).await;
    let backward = [original[4].clone(), original[3].clone()];
    diverges(&*store, &backward, &a, 5).await;
    store.import(&original[3..]).await.unwrap();
}

async fn other_content_at_a_version_is_refused(lab: &Lab) {
    let (store, a, original) = begun(lab).await;
    let there = &original[1];
    let others = [
        RecordedEvent { id: EventId::generate(), ..there.clone() },
        RecordedEvent { payload: "other".into(), ..there.clone() },
        RecordedEvent { name: EventName::new("Other").unwrap(), ..there.clone() },
        RecordedEvent { schema_version: 9, ..there.clone() },
        RecordedEvent { metadata: Metadata::from_bytes("{}".into()), ..there.clone() },
        RecordedEvent { correlation: Some(CorrelationId::from(there.id)), ..there.clone() },
        RecordedEvent { occurred_at: after_start(-1), ..there.clone() },
        RecordedEvent { recorded_at: after_start(11), ..there.clone() },
    ];
    for other in others {
        diverges(&*store, &[original[0].clone(), other], &a, 2).await;
    }
    // Also inside one call.
    let twice = RecordedEvent { payload: "other".into(), ..original[3].clone() };
    diverges(&*store, &[original[3].clone(), twice], &a, 4).await;
}

async fn a_time_of_recording_that_goes_back_is_refused(lab: &Lab) {
    let (store, a, original) = begun(lab).await;
    let earlier = RecordedEvent { recorded_at: after_start(19), ..original[3].clone() };
    diverges(&*store, &[earlier], &a, 4).await;
    let earlier = RecordedEvent { recorded_at: after_start(29), ..original[4].clone() };
    diverges(&*store, &[original[3].clone(), earlier], &a, 5).await;
    let same = RecordedEvent { recorded_at: after_start(20), ..original[3].clone() };
    assert_eq!(store.import(&[same]).await.unwrap(), imported(1, 0));
}

async fn an_id_that_is_taken_elsewhere_is_refused(lab: &Lab) {
    let (store, a, original) = begun(lab).await;
    let before = feed(&store).await;
    let taken = RecordedEvent { id: original[0].id, ..original[3].clone() };
    let refused = refusal(store.import(&[taken]).await);
    let duplicate = Duplicate { event: original[0].id, stream: a, version: version(1) };
    assert_eq!(refused, ErrorKind::Duplicate(duplicate));
    assert_eq!(feed(&store).await, before);
}

async fn an_id_given_twice_in_one_call_is_refused(lab: &Lab) {
    let (store, a, original) = begun(lab).await;
    let before = feed(&store).await;
    let twice = RecordedEvent { id: original[3].id, ..original[4].clone() };
    let refused = refusal(store.import(&[original[3].clone(), twice]).await);
    let duplicate = Duplicate { event: original[3].id, stream: a, version: version(4) };
    assert_eq!(refused, ErrorKind::Duplicate(duplicate));
    assert_eq!(feed(&store).await, before);
}

async fn a_reserved_name_of_no_lifecycle_record_is_refused(lab: &Lab) {
    let (store, _, original) = begun(lab).await;
    let before = feed(&store).await;
    let name = EventName::new("stream.renamed").unwrap();
    let refused = refusal(store.import(&[RecordedEvent { name, ..original[3].clone() }]).await);
    assert!(is_invalid(&refused, "event name"), "{refused:?}");
    assert_eq!(feed(&store).await, before);
}

/// Two events of a stream, their erasure, and what the stream looks like after it.
async fn erased_history(lab: &Lab) -> (StreamId, [Vec<RecordedEvent>; 2]) {
    let source = MemoryStore::with_options(MemoryOptions::default().with_clock(lab.clock().clone()));
    let a = lab.stream("a");
    append(&source, &a, vec![full(lab), full(lab)]).await;
    let before = feed(&source).await;
    source.erase(&a, &LifecycleNote::because("article 17")).await.unwrap();
    (a, [before, feed(&source).await])
}

async fn nothing_follows_an_erasure(lab: &Lab) {
    let (store, (a, [before, erased])) = (lab.open().await, erased_history(lab).await);
    store.import(&erased).await.unwrap();
    let next = RecordedEvent { id: EventId::generate(), version: version(4), ..before[1].clone() };
    let next = RecordedEvent { recorded_at: erased[2].recorded_at, ..next };
    diverges(&*store, std::slice::from_ref(&next), &a, 4).await;
    let fresh = lab.open().await;
    diverges(&*fresh, &[erased, vec![next]].concat(), &a, 4).await;
}

async fn an_imported_erasure_wipes_what_was_there(lab: &Lab) {
    let (store, (_, [before, erased])) = (lab.open().await, erased_history(lab).await);
    // The stream was copied once, and then erased where it came from.
    store.import(&before).await.unwrap();
    store.import(&erased[2..]).await.unwrap();
    let copy = feed(&store).await;
    assert!(are_copies(&copy, &erased), "{copy:#?}");
    assert_eq!(store.import(&erased).await.unwrap(), imported(0, 3));
}

async fn one_bad_event_refuses_the_whole_call(lab: &Lab) {
    let (original, store) = (history(lab).await, lab.open().await);
    append(&store, &lab.stream("before"), events(1)).await;
    let before = feed(&store).await;
    for bad in [0, original.len() / 2, original.len() - 1] {
        let mut damaged = original.clone();
        damaged[bad].version = version(99);
        store.import(&damaged).await.unwrap_err();
        assert_eq!(feed(&store).await, before, "event {bad} is bad");
        assert_eq!(store.stream(&lab.stream("active")).await.unwrap().version, version(0));
    }
    store.import(&original).await.unwrap();
}

async fn what_is_beyond_a_limit_is_refused(lab: &Lab) {
    let (_, _, original) = begun(lab).await;
    let limits = Limits::default()
        .with_events(3)
        .with_payload_bytes(1_000)
        .with_metadata_bytes(100)
        .with_batch_bytes(2_500);
    let store = lab.open_limited(limits).await;
    let limits = store.limits();
    let sized = |number: usize, length: usize| RecordedEvent {
        payload: noise(length).into(),
        ..original[number].clone()
    };
    let refused = refusal(store.import(&original[..limits.events + 1]).await);
    assert_eq!(refused, beyond("events", limits.events));
    let refused = refusal(store.import(&[sized(0, limits.payload_bytes + 1)]).await);
    assert_eq!(refused, beyond("payload", limits.payload_bytes));
    let metadata = Metadata::from_bytes(noise(limits.metadata_bytes + 1).into());
    let refused = refusal(store.import(&[RecordedEvent { metadata, ..original[0].clone() }]).await);
    assert_eq!(refused, beyond("metadata", limits.metadata_bytes));
    let full: Vec<_> = (0..3).map(|number| sized(number, limits.payload_bytes)).collect();
    assert_eq!(refusal(store.import(&full).await), beyond("batch", limits.batch_bytes));
    assert_eq!(store.head().await.unwrap(), Position::START);
    store.import(&full[..2]).await.unwrap();
}

async fn appends_go_on_where_an_import_ended(lab: &Lab) {
    let (store, a, original) = begun(lab).await;
    // The clock of this store is behind that of the source.
    lab.clock().set(after_start(-1_000));
    let token = try_append(&store, &a, exact(3), events(2)).await.unwrap().token;
    let recorded = read(&store, &a).await;
    assert_eq!(versions(&recorded), [1, 2, 3, 4, 5]);
    assert!(increase(&positions(&recorded)));
    assert!(recorded.iter().map(|e| e.recorded_at).is_sorted(), "{recorded:?}");
    assert_eq!(store.head().await.unwrap(), token.position);
    // From here on the histories differ.
    diverges(&*store, &original[3..], &a, 4).await;
}

async fn imports_go_on_where_an_append_ended(lab: &Lab) {
    let (source, store, a) = (MemoryStore::new(), lab.open().await, lab.stream("a"));
    append(&store, &a, events(2)).await;
    source.import(&feed(&store).await).await.unwrap();
    append(&source, &a, events(2)).await;
    let original = feed(&source).await;
    assert_eq!(store.import(&original).await.unwrap(), imported(2, 2));
    assert!(are_copies(&read(&store, &a).await, &original));
}

async fn imported_ids_are_taken(lab: &Lab) {
    let (source, store, a) = (MemoryStore::new(), lab.open().await, lab.stream("a"));
    let sent = Append::new(a.clone(), NoStream, events(2));
    source.append(sent.clone()).await.unwrap();
    store.import(&feed(&source).await).await.unwrap();
    let again = store.append(sent.clone()).await.unwrap();
    assert!(again.deduplicated);
    let mut other = sent.streams[0].events[1].clone();
    other.payload = "other".into();
    let refused = refusal(try_append(&store, &a, Any, vec![other]).await);
    assert!(matches!(refused, ErrorKind::Duplicate(_)), "{refused:?}");
    assert_eq!(read(&store, &a).await.len(), 2);
}

async fn times_may_go_back_from_stream_to_stream(lab: &Lab) {
    let store = lab.open().await;
    // Whole streams one after the other, each recorded over the same time.
    for key in ["a", "b", "c"] {
        let source = MemoryStore::with_options(MemoryOptions::default().with_clock(lab.clock().clone()));
        for micros in [0, 10, 20] {
            lab.clock().set(after_start(micros));
            append(&source, &lab.stream(key), events(1)).await;
        }
        store.import(&feed(&source).await).await.unwrap();
    }
    append(&store, &lab.stream("d"), events(1)).await;
    let all = feed(&store).await;
    for micros in [-1, 0, 1, 10, 11, 20, 21, 99] {
        let time = after_start(micros);
        let before = store.position_before(time).await.unwrap();
        let shown = ids(&feed_with(&store, before, FeedOptions::default()).await);
        let since = all.iter().filter(|e| e.recorded_at >= time);
        assert!(
            since.into_iter().all(|e| shown.contains(&e.id)),
            "something recorded since {micros} is left out"
        );
    }
}

async fn an_import_gives_a_hint(lab: &Lab) {
    let (original, store) = (history(lab).await, lab.open().await);
    let mut hints = store.wake_ups();
    store.import(&original).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), hints.wait()).await.expect("whoever waits is told");
}

async fn a_dropped_import_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &lab.open().await;
    cancel_everywhere(|number| async move {
        let (source, stream) = (MemoryStore::new(), lab.stream(number));
        append(&source, &stream, events(4)).await;
        let original = Arc::new(feed(&source).await);
        let same = original.clone();
        let dropped = async move { store.import(&same).await };
        let check = async move {
            let again = store.import(&original).await.unwrap();
            assert!(again == imported(4, 0) || again == imported(0, 4), "{again:?}");
            assert!(are_copies(&read(store, &stream).await, &original));
        };
        (dropped, check)
    })
    .await;
}

async fn a_closed_import_refuses_every_call(lab: &Lab) {
    let (original, store) = (history(lab).await, lab.open().await);
    store.close().await.unwrap();
    assert_eq!(refusal(store.import(&original).await), ErrorKind::Closed);
}

//! Reading streams: bounds, directions, the past.

use eventsource_core::{
    StreamId,
    store::{AsOf, EventStore, ReadOptions, StreamInfo, StreamPage},
};

use super::support::{after_start, append, event, events, ids, new_ids, read, read_with, version, versions};

cases! { $ reading, reading_cases, EventStore:
    events_come_back_in_the_order_of_their_versions,
    from_is_an_inclusive_lower_bound,
    to_is_an_inclusive_upper_bound,
    from_and_to_bound_both_ends,
    bounds_beyond_the_stream_are_its_ends,
    reading_backward_begins_with_the_newest,
    reading_backward_from_is_the_newest_and_to_the_oldest,
    a_limit_ends_the_page,
    an_absent_stream_is_an_empty_page_at_version_zero,
    a_page_tells_the_version_of_the_stream,
    streams_are_read_apart,
    what_was_committed_before_is_seen,
    as_of_a_time_of_recording_is_a_prefix,
    as_of_a_time_of_occurrence_is_a_filter,
    as_of_goes_with_direction_bounds_and_limit,
    an_absent_stream_is_active_at_version_zero,
    a_stream_tells_its_version_position_and_time,
}

/// A store with one stream of so many events.
async fn stream_of(lab: &Lab, count: usize) -> (std::sync::Arc<dyn Port>, StreamId) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(count)).await;
    (store, a)
}

fn options() -> ReadOptions {
    ReadOptions::default()
}

/// Reads a stream of five events, which must show these.
async fn shows(lab: &Lab, options: ReadOptions, shown: &[u64]) {
    let (store, a) = stream_of(lab, 5).await;
    assert_eq!(versions(&read_with(&store, &a, options.clone()).await), shown, "{options:?}");
}

async fn events_come_back_in_the_order_of_their_versions(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = events(7);
    append(&store, &a, sent[..3].to_vec()).await;
    append(&store, &a, sent[3..].to_vec()).await;
    let recorded = read(&store, &a).await;
    assert_eq!(ids(&recorded), new_ids(&sent));
    assert_eq!(versions(&recorded), [1, 2, 3, 4, 5, 6, 7]);
}

async fn from_is_an_inclusive_lower_bound(lab: &Lab) {
    shows(lab, options().with_from(version(3)), &[3, 4, 5]).await;
}

async fn to_is_an_inclusive_upper_bound(lab: &Lab) {
    shows(lab, options().with_to(version(2)), &[1, 2]).await;
}

async fn from_and_to_bound_both_ends(lab: &Lab) {
    shows(lab, options().with_from(version(2)).with_to(version(4)), &[2, 3, 4]).await;
    shows(lab, options().with_from(version(3)).with_to(version(3)), &[3]).await;
    shows(lab, options().with_from(version(4)).with_to(version(3)), &[]).await;
}

async fn bounds_beyond_the_stream_are_its_ends(lab: &Lab) {
    let all = [1, 2, 3, 4, 5];
    shows(lab, options().with_from(version(0)).with_to(version(u64::MAX)), &all).await;
    shows(lab, options().with_from(version(6)), &[]).await;
    shows(lab, options().with_from(version(u64::MAX)), &[]).await;
    shows(lab, options().with_to(version(0)), &[]).await;
    let backward = options().backward().with_from(version(u64::MAX)).with_to(version(0));
    shows(lab, backward, &[5, 4, 3, 2, 1]).await;
}

async fn reading_backward_begins_with_the_newest(lab: &Lab) {
    shows(lab, options().backward(), &[5, 4, 3, 2, 1]).await;
    shows(lab, options().backward().with_limit(1), &[5]).await;
}

async fn reading_backward_from_is_the_newest_and_to_the_oldest(lab: &Lab) {
    shows(lab, options().backward().with_from(version(3)), &[3, 2, 1]).await;
    shows(lab, options().backward().with_to(version(4)), &[5, 4]).await;
    shows(lab, options().backward().with_from(version(4)).with_to(version(2)), &[4, 3, 2]).await;
    shows(lab, options().backward().with_from(version(2)).with_to(version(4)), &[]).await;
}

async fn a_limit_ends_the_page(lab: &Lab) {
    let (store, a) = stream_of(lab, 5).await;
    let page = store.read_stream(&a, &options().with_limit(2)).await.unwrap();
    assert_eq!(versions(&page.events), [1, 2]);
    shows(lab, options().with_limit(2), &[1, 2]).await;
    shows(lab, options().with_from(version(3)).with_limit(2), &[3, 4]).await;
    shows(lab, options().with_limit(usize::MAX), &[1, 2, 3, 4, 5]).await;
}

async fn an_absent_stream_is_an_empty_page_at_version_zero(lab: &Lab) {
    let (store, absent) = (stream_of(lab, 1).await.0, lab.stream("absent"));
    let empty = StreamPage { events: Vec::new(), next: None, version: version(0) };
    for options in [options(), options().backward(), options().with_from(version(3)).with_limit(1)] {
        assert_eq!(store.read_stream(&absent, &options).await.unwrap(), empty);
    }
}

async fn a_page_tells_the_version_of_the_stream(lab: &Lab) {
    let (store, a) = stream_of(lab, 5).await;
    let everything = [
        options(),
        options().with_limit(2),
        options().with_to(version(3)),
        options().with_from(version(9)),
        options().backward().with_limit(1),
        options().with_as_of(AsOf::Recorded(after_start(-1))),
        options().with_as_of(AsOf::Occurred(after_start(-1))),
    ];
    for options in everything {
        assert_eq!(store.read_stream(&a, &options).await.unwrap().version, version(5), "{options:?}");
    }
}

async fn streams_are_read_apart(lab: &Lab) {
    let store = lab.open().await;
    let streams = [lab.stream("1"), lab.stream("2"), lab.stream("11"), lab.stream_in("Other", "1")];
    let mut sent = vec![Vec::new(); streams.len()];
    for _ in 0..3 {
        for (stream, sent) in streams.iter().zip(&mut sent) {
            let event = event();
            sent.push(event.id);
            append(&store, stream, vec![event]).await;
        }
    }
    for (stream, sent) in streams.iter().zip(sent) {
        let recorded = read(&store, stream).await;
        assert_eq!(ids(&recorded), sent, "{stream}");
        assert!(recorded.iter().all(|e| e.stream == *stream));
    }
}

async fn what_was_committed_before_is_seen(lab: &Lab) {
    let ([one, other], a) = (lab.open_twice().await, lab.stream("a"));
    for count in 1..=20 {
        let event = event();
        append(&one, &a, vec![event.clone()]).await;
        for handle in [&one, &other] {
            let page = handle.read_stream(&a, &options().backward().with_limit(1)).await.unwrap();
            assert_eq!((page.events[0].id, page.version), (event.id, version(count)));
        }
    }
}

/// A store with one stream, recorded at 0, 10, 20 and 30, of what happened at 5, 50, -5 and 10.
async fn history(lab: &Lab) -> (std::sync::Arc<dyn Port>, StreamId) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for (recorded, occurred) in [(0, 5), (10, 50), (20, -5), (30, 10)] {
        lab.clock().set(after_start(recorded));
        append(&store, &a, vec![event().with_occurred_at(after_start(occurred))]).await;
    }
    (store, a)
}

async fn as_of_a_time_of_recording_is_a_prefix(lab: &Lab) {
    let (store, a) = history(lab).await;
    let cases: [(i64, &[u64]); 6] =
        [(-1, &[]), (0, &[1]), (9, &[1]), (10, &[1, 2]), (29, &[1, 2, 3]), (99, &[1, 2, 3, 4])];
    for (micros, shown) in cases {
        let options = options().with_as_of(AsOf::Recorded(after_start(micros)));
        assert_eq!(versions(&read_with(&store, &a, options).await), shown, "{micros}");
    }
}

async fn as_of_a_time_of_occurrence_is_a_filter(lab: &Lab) {
    let (store, a) = history(lab).await;
    let cases: [(i64, &[u64]); 6] =
        [(-6, &[]), (-5, &[3]), (5, &[1, 3]), (10, &[1, 3, 4]), (49, &[1, 3, 4]), (50, &[1, 2, 3, 4])];
    for (micros, shown) in cases {
        let options = options().with_as_of(AsOf::Occurred(after_start(micros)));
        assert_eq!(versions(&read_with(&store, &a, options).await), shown, "{micros}");
    }
}

async fn as_of_goes_with_direction_bounds_and_limit(lab: &Lab) {
    let (store, a) = history(lab).await;
    let happened = options().with_as_of(AsOf::Occurred(after_start(10)));
    let page = store.read_stream(&a, &happened.clone().with_limit(2)).await.unwrap();
    assert_eq!(versions(&page.events), [1, 3], "the limit counts what is shown");
    let rest = happened.clone().with_limit(2).with_from(page.next.expect("one more is shown"));
    assert_eq!(versions(&store.read_stream(&a, &rest).await.unwrap().events), [4]);
    assert_eq!(versions(&read_with(&store, &a, happened.clone().backward()).await), [4, 3, 1]);
    assert_eq!(versions(&read_with(&store, &a, happened.with_from(version(2))).await), [3, 4]);
    let recorded = options().with_as_of(AsOf::Recorded(after_start(20)));
    assert_eq!(versions(&read_with(&store, &a, recorded.backward().with_limit(2)).await), [3, 2]);
}

async fn an_absent_stream_is_active_at_version_zero(lab: &Lab) {
    let (store, absent) = (lab.open().await, lab.stream("absent"));
    let info = store.stream(&absent).await.unwrap();
    assert_eq!(info, StreamInfo::absent(absent));
    assert!(!info.exists());
}

async fn a_stream_tells_its_version_position_and_time(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for count in [1, 3, 2] {
        lab.clock().advance(std::time::Duration::from_micros(7));
        append(&store, &a, events(count)).await;
        append(&store, &lab.stream("b"), events(1)).await;
        let last = read(&store, &a).await.pop().unwrap();
        let info = store.stream(&a).await.unwrap();
        assert_eq!(info.stream, a);
        assert_eq!((info.version, info.position), (last.version, last.position));
        assert_eq!(info.recorded_at, Some(last.recorded_at));
        assert!(info.exists());
    }
}

//! When events happened, and when they were recorded.

use std::time::Duration;

use eventsource_core::{
    ExpectedVersion::Any,
    Timestamp,
    store::{Append, EventStore},
};

use super::support::{after_start, append, event, events, read};

cases! { $ times, times_cases, EventStore:
    a_time_of_occurrence_comes_back_to_the_microsecond,
    the_earliest_and_the_latest_time_come_back,
    an_event_without_a_time_of_occurrence_happens_now,
    an_event_is_recorded_at_the_time_of_the_clock,
    a_time_of_recording_never_decreases_inside_a_stream,
    a_time_of_occurrence_may_go_back_and_lie_in_the_future,
    the_stream_tells_when_its_last_event_was_recorded,
}

async fn a_time_of_occurrence_comes_back_to_the_microsecond(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let times = [1, 999, 1_000, 999_999, 1_000_001, -1, -999_999].map(after_start);
    append(&store, &a, times.map(|time| event().with_occurred_at(time)).into()).await;
    let recorded: Vec<Timestamp> = read(&store, &a).await.iter().map(|e| e.occurred_at).collect();
    assert_eq!(recorded, times);
}

async fn the_earliest_and_the_latest_time_come_back(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let before_epoch = Timestamp::from_micros(-1).unwrap();
    let times = [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, before_epoch];
    append(&store, &a, times.map(|time| event().with_occurred_at(time)).into()).await;
    let recorded: Vec<Timestamp> = read(&store, &a).await.iter().map(|e| e.occurred_at).collect();
    assert_eq!(recorded, times);
}

async fn an_event_without_a_time_of_occurrence_happens_now(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    lab.clock().set(after_start(1_234_567));
    append(&store, &a, vec![event(), event().with_occurred_at(after_start(5))]).await;
    let recorded = read(&store, &a).await;
    assert_eq!(recorded[0].occurred_at, after_start(1_234_567));
    assert_eq!(recorded[1].occurred_at, after_start(5));
}

async fn an_event_is_recorded_at_the_time_of_the_clock(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for step in 0..3 {
        append(&store, &a, events(1)).await;
        assert_eq!(read(&store, &a).await[step].recorded_at, after_start(step as i64 * 1_001));
        lab.clock().advance(Duration::from_micros(1_001));
    }
}

async fn a_time_of_recording_never_decreases_inside_a_stream(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for micros in [1_000, -1, 500, -3_600_000_000, 1_001, 0] {
        lab.clock().set(after_start(micros));
        append(&store, &a, events(1)).await;
        // Another stream of the same append may be younger.
        store
            .append(Append::new(lab.stream(micros), Any, events(1)).and(a.clone(), Any, events(1)))
            .await
            .unwrap();
    }
    let recorded: Vec<Timestamp> = read(&store, &a).await.iter().map(|e| e.recorded_at).collect();
    assert!(recorded.is_sorted(), "{recorded:?}");
    assert!(recorded[0] == after_start(1_000) && recorded[11] >= after_start(1_001), "{recorded:?}");
}

async fn a_time_of_occurrence_may_go_back_and_lie_in_the_future(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let times = [after_start(3_600_000_000), after_start(-3_600_000_000), after_start(0)];
    for time in times {
        append(&store, &a, vec![event().with_occurred_at(time)]).await;
    }
    let recorded = read(&store, &a).await;
    assert_eq!(recorded.iter().map(|e| e.occurred_at).collect::<Vec<_>>(), times);
    assert!(recorded.iter().all(|e| e.recorded_at == after_start(0)));
}

async fn the_stream_tells_when_its_last_event_was_recorded(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for micros in [10, 20, 15] {
        lab.clock().set(after_start(micros));
        append(&store, &a, vec![event().with_occurred_at(after_start(-99))]).await;
        let last = read(&store, &a).await.pop().unwrap();
        assert_eq!(store.stream(&a).await.unwrap().recorded_at, Some(last.recorded_at));
    }
}

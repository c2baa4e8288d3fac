//! Places in the log: its head, where a time begins, what lies at a position; and hints that it has grown.

use std::time::Duration;

use eventsource_core::{
    ExpectedVersion::NoStream,
    Position, Timestamp,
    store::{Append, EventFeed, EventStore, FeedOptions},
};
use futures_util::FutureExt;

use super::support::{after_start, append, events, feed, feed_with, ids, refusal, together, try_append};

cases! { $ feed_places, feed_places_cases, EventStore | EventFeed:
    the_head_of_an_empty_log_is_its_start,
    the_head_is_the_position_of_the_last_event,
    the_head_never_steps_back,
    the_position_before_a_time_begins_what_was_recorded_since,
    the_position_before_a_time_is_inclusive,
    the_position_before_everything_is_the_start,
    the_position_before_the_future_is_the_head,
    events_of_one_time_are_not_parted,
    each_position_holds_the_id_of_its_event,
    a_position_without_an_event_holds_nothing,
    an_append_gives_a_hint,
    a_hint_is_kept_until_somebody_waits,
    nothing_appended_gives_no_hint,
    closing_ends_a_wait_for_a_hint,
}

async fn the_head_of_an_empty_log_is_its_start(lab: &Lab) {
    assert_eq!(lab.open().await.head().await.unwrap(), Position::START);
}

async fn the_head_is_the_position_of_the_last_event(lab: &Lab) {
    let store = lab.open().await;
    for key in ["a", "b", "a"] {
        let token = append(&store, &lab.stream(key), events(2)).await.token;
        assert_eq!(store.head().await.unwrap(), token.position);
        assert_eq!(feed(&store).await.last().unwrap().position, token.position);
    }
}

async fn the_head_never_steps_back(lab: &Lab) {
    let store = lab.open().await;
    let writers = together((0..4).map(|writer| {
        let (store, stream) = (store.clone(), lab.stream(writer));
        async move {
            for _ in 0..20 {
                append(&store, &stream, events(2)).await;
            }
        }
    }));
    let mut writers = std::pin::pin!(writers);
    let mut highest = Position::START;
    loop {
        let written = writers.as_mut().now_or_never().is_some();
        let head = store.head().await.unwrap();
        assert!(head >= highest, "{head} after {highest}");
        highest = head;
        let page = store.read_feed(head, &FeedOptions::default()).await;
        assert!(page.is_ok(), "what was the head once is never ahead of it: {page:?}");
        if written {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(highest, feed(&store).await.last().unwrap().position);
}

/// A store with events recorded at 0, 10, 10, 20 and 30 microseconds, two each time, in two streams.
async fn recorded_over_time(lab: &Lab) -> std::sync::Arc<dyn Port> {
    let store = lab.open().await;
    for (number, micros) in [0, 10, 10, 20, 30].into_iter().enumerate() {
        lab.clock().set(after_start(micros));
        append(&store, &lab.stream(number % 2), events(2)).await;
    }
    store
}

/// What is read when reading begins before a time.
async fn since(store: &dyn Port, time: Timestamp) -> Vec<eventsource_core::EventId> {
    let before = store.position_before(time).await.unwrap();
    ids(&feed_with(store, before, FeedOptions::default()).await)
}

async fn the_position_before_a_time_begins_what_was_recorded_since(lab: &Lab) {
    let store = recorded_over_time(lab).await;
    let all = feed(&store).await;
    for micros in -1..=31 {
        let time = after_start(micros);
        let recorded: Vec<_> = all.iter().filter(|e| e.recorded_at >= time).map(|e| e.id).collect();
        assert_eq!(since(&*store, time).await, recorded, "{micros}");
    }
}

async fn the_position_before_a_time_is_inclusive(lab: &Lab) {
    let store = recorded_over_time(lab).await;
    let all = feed(&store).await;
    assert_eq!(since(&*store, after_start(20)).await, ids(&all[6..]));
    assert_eq!(since(&*store, after_start(21)).await, ids(&all[8..]));
}

async fn the_position_before_everything_is_the_start(lab: &Lab) {
    let empty = lab.open().await;
    assert_eq!(empty.position_before(Timestamp::MIN).await.unwrap(), Position::START);
    assert_eq!(empty.position_before(Timestamp::MAX).await.unwrap(), Position::START);
    let store = recorded_over_time(lab).await;
    for time in [Timestamp::MIN, after_start(-1), after_start(0)] {
        assert_eq!(store.position_before(time).await.unwrap(), Position::START);
    }
}

async fn the_position_before_the_future_is_the_head(lab: &Lab) {
    let store = recorded_over_time(lab).await;
    for time in [after_start(31), Timestamp::MAX] {
        assert_eq!(store.position_before(time).await.unwrap(), store.head().await.unwrap());
    }
}

async fn events_of_one_time_are_not_parted(lab: &Lab) {
    let store = lab.open().await;
    append(&store, &lab.stream("a"), events(1)).await;
    lab.clock().advance(Duration::from_micros(1));
    let (of_b, of_a) = (events(5), events(5));
    let sent = super::support::new_ids(&[of_b.clone(), of_a.clone()].concat());
    let any = eventsource_core::ExpectedVersion::Any;
    store.append(Append::new(lab.stream("b"), any, of_b).and(lab.stream("a"), any, of_a)).await.unwrap();
    assert_eq!(since(&*store, after_start(1)).await, sent);
}

async fn each_position_holds_the_id_of_its_event(lab: &Lab) {
    let store = lab.open().await;
    for key in ["a", "b", "a"] {
        append(&store, &lab.stream(key), events(2)).await;
    }
    for event in feed(&store).await {
        assert_eq!(store.event_id_at(event.position).await.unwrap(), Some(event.id));
    }
}

async fn a_position_without_an_event_holds_nothing(lab: &Lab) {
    let store = lab.open().await;
    append(&store, &lab.stream("a"), events(2)).await;
    let head = store.head().await.unwrap();
    for nothing in [Position::START, Position::new(head.get() + 1), Position::MAX] {
        assert_eq!(store.event_id_at(nothing).await.unwrap(), None, "{nothing}");
    }
}

/// How long to wait for a hint that must come. Only a failure reaches it.
const SOON: Duration = Duration::from_secs(60);

async fn an_append_gives_a_hint(lab: &Lab) {
    let [store, other] = lab.open_twice().await;
    let mut hints = other.wake_ups();
    for _ in 0..3 {
        let waits = tokio::spawn(async move {
            let hinted = tokio::time::timeout(SOON, hints.wait()).await;
            hinted.map(|()| hints)
        });
        append(&store, &lab.stream("a"), events(2)).await;
        hints = waits.await.unwrap().expect("whoever waits is told");
    }
}

async fn a_hint_is_kept_until_somebody_waits(lab: &Lab) {
    let store = lab.open().await;
    let mut hints = store.wake_ups();
    for _ in 0..3 {
        append(&store, &lab.stream("a"), events(1)).await;
    }
    tokio::time::timeout(SOON, hints.wait()).await.expect("what came before the wait is told");
    assert_eq!(feed(&store).await.len(), 3);
}

async fn nothing_appended_gives_no_hint(lab: &Lab) {
    let store = lab.open().await;
    append(&store, &lab.stream("a"), events(1)).await;
    let mut hints = store.wake_ups();
    // A hint that was still under way when the append returned is no fault.
    while hints.wait().now_or_never().is_some() {}
    refusal(try_append(&store, &lab.stream("a"), NoStream, events(1)).await);
    assert_eq!(hints.wait().now_or_never(), None);
}

async fn closing_ends_a_wait_for_a_hint(lab: &Lab) {
    let [store, other] = lab.open_twice().await;
    let mut hints = other.wake_ups();
    let waits = tokio::spawn(async move { tokio::time::timeout(SOON, hints.wait()).await });
    tokio::task::yield_now().await;
    store.close().await.unwrap();
    waits.await.unwrap().expect("whoever waits looks, and finds the store closed");
}

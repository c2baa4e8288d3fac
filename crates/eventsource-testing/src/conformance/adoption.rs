//! Taking a restored log into use.

use eventsource_core::{
    ErrorKind,
    ExpectedVersion::Any,
    Position,
    store::{EventFeed, EventStore, FeedOptions, LogAdoption},
};

use super::support::{append, beyond, cancel_everywhere, events, feed, refusal, try_append};

cases! { $ adoption, adoption_cases, EventStore | EventFeed | LogAdoption:
    adopting_draws_a_new_incarnation,
    adopting_keeps_the_log_id,
    adopting_keeps_what_is_recorded,
    adopting_again_draws_another_incarnation,
    later_positions_lie_above_the_highest_of_the_lost_history,
    a_highest_position_below_the_head_takes_nothing_back,
    the_head_stays_until_something_is_appended,
    positions_of_the_lost_history_have_diverged,
    a_position_that_no_log_has_is_refused,
    a_log_without_positions_left_is_full,
    a_dropped_adoption_happened_whole_or_not_at_all,
    a_closed_adoption_refuses_every_call,
}

/// A store with some events.
async fn log(lab: &Lab) -> std::sync::Arc<dyn Port> {
    let store = lab.open().await;
    append(&store, &lab.stream("a"), events(3)).await;
    store
}

async fn adopting_draws_a_new_incarnation(lab: &Lab) {
    let [store, other] = lab.open_twice().await;
    let before = EventFeed::log(&store).incarnation;
    let drawn = store.adopt(Position::START).await.unwrap();
    assert_ne!(drawn, before);
    for handle in [&store, &other] {
        assert_eq!(EventStore::log(handle).incarnation, drawn);
        assert_eq!(EventFeed::log(handle).incarnation, drawn);
    }
}

async fn adopting_keeps_the_log_id(lab: &Lab) {
    let store = log(lab).await;
    let before = EventFeed::log(&store).id;
    store.adopt(Position::new(1_000)).await.unwrap();
    assert_eq!((EventStore::log(&store).id, EventFeed::log(&store).id), (before, before));
    assert_eq!(append(&store, &lab.stream("a"), events(1)).await.token.log, before);
}

async fn adopting_keeps_what_is_recorded(lab: &Lab) {
    let store = log(lab).await;
    let before = (feed(&store).await, store.stream(&lab.stream("a")).await.unwrap());
    store.adopt(Position::new(1_000)).await.unwrap();
    assert_eq!((feed(&store).await, store.stream(&lab.stream("a")).await.unwrap()), before);
}

async fn adopting_again_draws_another_incarnation(lab: &Lab) {
    let store = log(lab).await;
    let first = store.adopt(Position::START).await.unwrap();
    assert_ne!(store.adopt(Position::START).await.unwrap(), first);
}

async fn later_positions_lie_above_the_highest_of_the_lost_history(lab: &Lab) {
    let store = log(lab).await;
    for highest in
        [Position::new(1_000), Position::new(5_000_000_000), Position::new(Position::MAX.get() - 100)]
    {
        store.adopt(highest).await.unwrap();
        append(&store, &lab.stream("a"), events(2)).await;
        let shown = feed(&store).await;
        let [.., first, last] = &shown[..] else { panic!("two events were appended") };
        assert!(highest < first.position && first.position < last.position);
        assert_eq!(store.head().await.unwrap(), last.position);
    }
    // The holes between hide nothing.
    assert_eq!(feed(&store).await.len(), 9);
}

async fn a_highest_position_below_the_head_takes_nothing_back(lab: &Lab) {
    let store = log(lab).await;
    store.adopt(Position::new(1_000)).await.unwrap();
    append(&store, &lab.stream("a"), events(1)).await;
    for highest in [Position::START, Position::new(1), Position::new(999)] {
        let head = store.head().await.unwrap();
        store.adopt(highest).await.unwrap();
        assert!(append(&store, &lab.stream("a"), events(1)).await.token.position > head);
    }
    // Nor is what an earlier adoption moved past given out after all.
    store.adopt(Position::new(9_000)).await.unwrap();
    store.adopt(Position::START).await.unwrap();
    assert!(append(&store, &lab.stream("a"), events(1)).await.token.position > Position::new(9_000));
}

async fn the_head_stays_until_something_is_appended(lab: &Lab) {
    let store = log(lab).await;
    let head = store.head().await.unwrap();
    store.adopt(Position::new(1_000)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), head);
    let page = store.read_feed(head, &FeedOptions::default()).await.unwrap();
    assert!(page.at_head && page.events.is_empty() && page.next == head);
}

async fn positions_of_the_lost_history_have_diverged(lab: &Lab) {
    let store = log(lab).await;
    let lost = Position::new(1_000);
    store.adopt(lost).await.unwrap();
    assert_eq!(refusal(store.read_feed(lost, &FeedOptions::default()).await), ErrorKind::HistoryDiverged);
    append(&store, &lab.stream("a"), events(1)).await;
    // Now it lies below the head; that nothing is recorded there is what a checkpoint is told.
    assert_eq!(store.event_id_at(lost).await.unwrap(), None);
}

async fn a_position_that_no_log_has_is_refused(lab: &Lab) {
    let store = log(lab).await;
    let before = EventFeed::log(&store);
    for highest in [Position::MAX.get() + 1, u64::MAX] {
        let refused = refusal(store.adopt(Position::new(highest)).await);
        assert_eq!(refused, beyond("position", Position::MAX.get() as usize));
    }
    assert_eq!(EventFeed::log(&store), before);
    append(&store, &lab.stream("a"), events(1)).await;
}

async fn a_log_without_positions_left_is_full(lab: &Lab) {
    let store = log(lab).await;
    store.adopt(Position::new(Position::MAX.get() - 2)).await.unwrap();
    let a = lab.stream("a");
    assert_eq!(refusal(try_append(&store, &a, Any, events(3)).await), ErrorKind::StorageFull);
    assert_eq!(append(&store, &a, events(2)).await.token.position, Position::MAX);
    assert_eq!(refusal(try_append(&store, &a, Any, events(1)).await), ErrorKind::StorageFull);
    assert_eq!(store.head().await.unwrap(), Position::MAX);
    assert_eq!(feed(&store).await.len(), 5);
}

async fn a_dropped_adoption_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &log(lab).await;
    cancel_everywhere(|number| async move {
        let highest = Position::new((number as u64 + 1) * 1_000);
        let dropped = store.adopt(highest);
        let check = async move {
            let again = store.adopt(highest).await.unwrap();
            assert_eq!(EventFeed::log(store).incarnation, again);
            assert!(append(store, &lab.stream("a"), events(1)).await.token.position > highest);
        };
        (dropped, check)
    })
    .await;
}

async fn a_closed_adoption_refuses_every_call(lab: &Lab) {
    let store = log(lab).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.adopt(Position::START).await), ErrorKind::Closed);
}

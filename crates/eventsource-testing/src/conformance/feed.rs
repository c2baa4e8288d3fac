//! Reading the feed: order, pages, directions.

use eventsource_core::{
    ErrorKind,
    ExpectedVersion::{Any, NoStream},
    Position, StreamId, Token,
    store::{Append, EventFeed, EventFeedExt, EventStore, FeedOptions, FeedPage},
};
use futures_util::TryStreamExt;

use super::support::{
    append, event, events, feed, feed_with, holding, ids, increase, noise, positions, read, refusal,
    try_append,
};

cases! { $ feed, feed_cases, EventStore | EventFeed:
    every_event_is_shown_in_the_order_of_positions,
    an_event_is_the_same_as_in_its_stream,
    positions_follow_the_versions_of_a_stream,
    an_empty_log_is_at_its_head,
    reading_begins_behind_the_position,
    a_position_in_its_text_form_goes_on_the_same,
    a_limit_ends_the_page,
    pages_join_without_loss_or_repeat,
    next_is_never_before_the_position_asked_for,
    a_page_at_the_head_says_so,
    what_is_appended_at_the_head_is_shown_next,
    what_was_committed_before_is_seen,
    what_was_refused_is_not_shown,
    a_checked_stream_is_not_shown,
    reading_backward_begins_with_the_newest,
    reading_backward_begins_before_the_position,
    pages_read_backward_join_without_loss_or_repeat,
    a_limit_or_window_of_zero_is_refused,
    a_position_ahead_of_the_head_has_diverged,
    large_events_are_shown_whole,
    the_store_and_its_feed_have_one_log,
    a_closed_feed_refuses_every_call,
}

fn options() -> FeedOptions {
    FeedOptions::default()
}

/// Appends single events to these streams one after the other.
async fn append_each(store: &dyn Port, streams: &[StreamId]) -> Vec<eventsource_core::EventId> {
    let mut ids = Vec::new();
    for stream in streams {
        let event = event();
        ids.push(event.id);
        append(store, stream, vec![event]).await;
    }
    ids
}

/// A store with so many events, spread over three streams.
async fn log_of(lab: &Lab, count: usize) -> (std::sync::Arc<dyn Port>, Vec<eventsource_core::EventId>) {
    let store = lab.open().await;
    let streams: Vec<StreamId> = (0..count).map(|number| lab.stream(number % 3)).collect();
    let ids = append_each(&*store, &streams).await;
    (store, ids)
}

/// All pages until one says that nothing more was visible.
async fn pages(store: &dyn Port, mut after: Position, options: &FeedOptions) -> Vec<FeedPage> {
    let mut pages: Vec<FeedPage> = Vec::new();
    loop {
        let page = store.read_feed(after, options).await.unwrap();
        assert!(page.at_head || page.next != after, "a page that moves nothing never ends");
        after = page.next;
        let at_head = page.at_head;
        pages.push(page);
        if at_head {
            return pages;
        }
    }
}

async fn every_event_is_shown_in_the_order_of_positions(lab: &Lab) {
    let store = lab.open().await;
    let [a, b, c] = [lab.stream("a"), lab.stream_in("Other", "b"), lab.stream("c")];
    let mut sent = append_each(&*store, &[a.clone(), b.clone(), a.clone(), c.clone(), b.clone()]).await;
    let (of_c, of_a) = (events(2), events(2));
    sent.extend(of_c.iter().chain(&of_a).map(|e| e.id));
    store.append(Append::new(c, Any, of_c).and(a, Any, of_a)).await.unwrap();
    let shown = feed(&store).await;
    assert_eq!(ids(&shown), sent);
    assert!(increase(&positions(&shown)));
    assert!(shown.iter().all(|e| e.position > Position::START && e.position <= Position::MAX));
}

async fn an_event_is_the_same_as_in_its_stream(lab: &Lab) {
    let store = lab.open().await;
    let metadata = eventsource_core::Provenance::default().with_actor("ada").to_metadata().unwrap();
    let sent = holding(noise(2_000))
        .with_metadata(metadata)
        .with_schema_version(3)
        .with_correlation(eventsource_core::EventId::generate().into())
        .with_occurred_at(super::support::after_start(-77));
    append(&store, &lab.stream("a"), vec![sent, event()]).await;
    append(&store, &lab.stream("b"), events(1)).await;
    let streams = [read(&store, &lab.stream("a")).await, read(&store, &lab.stream("b")).await];
    assert_eq!(feed(&store).await, streams.concat());
}

async fn positions_follow_the_versions_of_a_stream(lab: &Lab) {
    let (store, _) = log_of(lab, 30).await;
    for key in 0..3 {
        let recorded = read(&store, &lab.stream(key)).await;
        assert_eq!(recorded.len(), 10);
        assert!(increase(&positions(&recorded)));
    }
}

async fn an_empty_log_is_at_its_head(lab: &Lab) {
    let store = lab.open().await;
    let empty = FeedPage { events: Vec::new(), next: Position::START, at_head: true };
    assert_eq!(store.read_feed(Position::START, &options()).await.unwrap(), empty);
    assert_eq!(store.head().await.unwrap(), Position::START);
    let page = store.read_feed(Position::MAX, &options().backward()).await.unwrap();
    assert!(page.events.is_empty() && page.at_head);
}

async fn reading_begins_behind_the_position(lab: &Lab) {
    let (store, ids_sent) = log_of(lab, 5).await;
    let shown = feed(&store).await;
    for (number, event) in shown.iter().enumerate() {
        let rest = feed_with(&store, event.position, options()).await;
        assert_eq!(ids(&rest), ids_sent[number + 1..]);
    }
    assert_eq!(ids(&feed_with(&store, Position::START, options()).await), ids_sent);
}

async fn a_position_in_its_text_form_goes_on_the_same(lab: &Lab) {
    let (store, ids_sent) = log_of(lab, 3).await;
    let token = append(&store, &lab.stream("a"), events(1)).await.token;
    append(&store, &lab.stream("a"), events(2)).await;
    let same: Token = token.to_string().parse().unwrap();
    assert_eq!(same, token);
    let rest = feed_with(&store, same.position, options()).await;
    assert_eq!(rest, feed_with(&store, token.position, options()).await);
    assert_eq!(rest.len(), 2);
    assert_eq!(feed(&store).await.len(), ids_sent.len() + 3);
}

async fn a_limit_ends_the_page(lab: &Lab) {
    let (store, ids_sent) = log_of(lab, 5).await;
    let page = store.read_feed(Position::START, &options().with_limit(2)).await.unwrap();
    assert_eq!(ids(&page.events), ids_sent[..2]);
    assert_eq!(page.next, page.events[1].position);
    assert!(!page.at_head);
}

async fn pages_join_without_loss_or_repeat(lab: &Lab) {
    let (store, ids_sent) = log_of(lab, 23).await;
    for (limit, window) in
        [(1, 50), (2, 50), (7, 50), (23, 50), (50, 1), (50, 4), (3, 2), (usize::MAX, usize::MAX)]
    {
        let pages = pages(&*store, Position::START, &options().with_limit(limit).with_window(window)).await;
        let shown: Vec<_> = pages.iter().flat_map(|page| ids(&page.events)).collect();
        assert_eq!(shown, ids_sent, "limit {limit}, window {window}");
        assert!(pages.iter().all(|page| page.events.len() <= limit.min(window)));
    }
}

async fn next_is_never_before_the_position_asked_for(lab: &Lab) {
    let (store, _) = log_of(lab, 6).await;
    let head = store.head().await.unwrap();
    for event in feed(&store).await {
        let page = store.read_feed(event.position, &options().with_limit(1)).await.unwrap();
        assert!(page.next >= event.position && page.next <= head);
        assert_eq!(page.events.last().map_or(event.position, |e| e.position), page.next);
    }
    let at_head = FeedPage { events: Vec::new(), next: head, at_head: true };
    for _ in 0..3 {
        assert_eq!(store.read_feed(head, &options()).await.unwrap(), at_head);
    }
}

async fn a_page_at_the_head_says_so(lab: &Lab) {
    let (store, _) = log_of(lab, 4).await;
    for (limit, at_head) in [(3, false), (4, true), (5, true)] {
        let page = store.read_feed(Position::START, &options().with_limit(limit)).await.unwrap();
        assert_eq!(page.at_head, at_head, "limit {limit}");
    }
}

async fn what_is_appended_at_the_head_is_shown_next(lab: &Lab) {
    let (store, _) = log_of(lab, 3).await;
    let mut after = Position::START;
    for _ in 0..5 {
        let page = store.read_feed(after, &options()).await.unwrap();
        assert!(page.at_head);
        let sent = events(2);
        append(&store, &lab.stream("a"), sent.clone()).await;
        let page = store.read_feed(page.next, &options()).await.unwrap();
        assert_eq!(ids(&page.events), super::support::new_ids(&sent));
        after = page.next;
    }
}

async fn what_was_committed_before_is_seen(lab: &Lab) {
    let [one, other] = lab.open_twice().await;
    for count in 1..=20 {
        let token = append(&one, &lab.stream("a"), events(1)).await.token;
        assert_eq!(other.head().await.unwrap(), token.position);
        assert_eq!(feed(&other).await.len(), count);
    }
}

async fn what_was_refused_is_not_shown(lab: &Lab) {
    let (store, ids_sent) = log_of(lab, 3).await;
    let head = store.head().await.unwrap();
    let a = lab.stream(0);
    refusal(try_append(&store, &a, NoStream, events(2)).await);
    let both = Append::new(lab.stream("new"), Any, events(2)).and(a, NoStream, events(1));
    refusal(store.append(both).await);
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(ids(&feed(&store).await), ids_sent);
}

async fn a_checked_stream_is_not_shown(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let checking = Append::new(a.clone(), Any, events(1)).and_check(lab.stream("b"), NoStream);
    store.append(checking).await.unwrap();
    let shown = feed(&store).await;
    assert_eq!((shown.len(), &shown[0].stream), (1, &a));
}

async fn reading_backward_begins_with_the_newest(lab: &Lab) {
    let (store, mut ids_sent) = log_of(lab, 5).await;
    ids_sent.reverse();
    assert_eq!(ids(&feed_with(&store, Position::MAX, options().backward()).await), ids_sent);
}

async fn reading_backward_begins_before_the_position(lab: &Lab) {
    let (store, ids_sent) = log_of(lab, 5).await;
    for (number, event) in feed(&store).await.iter().enumerate() {
        let mut shown = ids(&feed_with(&store, event.position, options().backward()).await);
        shown.reverse();
        assert_eq!(shown, ids_sent[..number]);
    }
    let page = store.read_feed(Position::START, &options().backward()).await.unwrap();
    assert!(page.events.is_empty() && page.at_head);
}

async fn pages_read_backward_join_without_loss_or_repeat(lab: &Lab) {
    let (store, mut ids_sent) = log_of(lab, 23).await;
    ids_sent.reverse();
    for (limit, window) in [(1, 50), (7, 50), (23, 50), (50, 1), (50, 4), (3, 2)] {
        let options = options().backward().with_limit(limit).with_window(window);
        let pages = pages(&*store, Position::MAX, &options).await;
        let shown: Vec<_> = pages.iter().flat_map(|page| ids(&page.events)).collect();
        assert_eq!(shown, ids_sent, "limit {limit}, window {window}");
        let mut next: Vec<_> = pages.iter().map(|page| page.next).collect();
        next.reverse();
        assert!(next.is_sorted(), "going back never turns round: {next:?}");
    }
}

async fn a_limit_or_window_of_zero_is_refused(lab: &Lab) {
    let (store, _) = log_of(lab, 1).await;
    for options in [options(), options().backward()] {
        let refused = refusal(store.read_feed(Position::START, &options.clone().with_limit(0)).await);
        assert!(matches!(refused, ErrorKind::InvalidInput { field: "limit", .. }), "{refused:?}");
        let refused = refusal(store.read_feed(Position::START, &options.with_window(0)).await);
        assert!(matches!(refused, ErrorKind::InvalidInput { field: "window", .. }), "{refused:?}");
    }
}

async fn a_position_ahead_of_the_head_has_diverged(lab: &Lab) {
    let store = lab.open().await;
    for _ in 0..2 {
        let head = store.head().await.unwrap();
        for ahead in [Position::new(head.get() + 1), Position::new(head.get() + 1_000), Position::MAX] {
            assert_eq!(refusal(store.read_feed(ahead, &options()).await), ErrorKind::HistoryDiverged);
        }
        store.read_feed(head, &options()).await.unwrap();
        store.read_feed(Position::MAX, &options().backward()).await.unwrap();
        append(&store, &lab.stream("a"), events(3)).await;
    }
}

async fn large_events_are_shown_whole(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let length = store.limits().payload_bytes.min(4_000_000);
    for _ in 0..5 {
        append(&store, &a, vec![holding(noise(length))]).await;
    }
    let mut shown = store.feed(Position::START, options());
    let mut count = 0;
    while let Some(event) = shown.try_next().await.unwrap() {
        assert!(event.payload == noise(length), "another payload came back");
        count += 1;
    }
    assert_eq!(count, 5);
}

async fn the_store_and_its_feed_have_one_log(lab: &Lab) {
    let ([store, other], another) = (lab.open_twice().await, lab.open().await);
    assert_eq!(EventStore::log(&store), EventFeed::log(&store));
    assert_eq!(EventFeed::log(&store), EventFeed::log(&other));
    assert_ne!(EventFeed::log(&store).id, EventFeed::log(&another).id, "each log has an id of its own");
    append(&store, &lab.stream("a"), events(1)).await;
    assert_eq!(EventStore::log(&store), EventFeed::log(&other));
}

async fn a_closed_feed_refuses_every_call(lab: &Lab) {
    let (store, _) = log_of(lab, 1).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.read_feed(Position::START, &options()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.head().await), ErrorKind::Closed);
    assert_eq!(refusal(store.position_before(super::support::after_start(0)).await), ErrorKind::Closed);
    assert_eq!(refusal(store.event_id_at(Position::new(1)).await), ErrorKind::Closed);
}

//! Reading a part of the feed: by tenant, category and name, in bounded windows.

use std::sync::Arc;

use eventsource_core::{
    ErrorKind, EventFilter, EventId,
    ExpectedVersion::Any,
    Position, StreamId, TenantFilter, TenantId,
    store::{Append, EventFeed, EventStore, FeedOptions, FeedPage},
};

use super::support::{append, event, events, feed, feed_with, ids, named, refusal};

cases! { $ feed_filter, feed_filter_cases, EventStore | EventFeed:
    a_category_shows_its_events_only,
    names_show_their_events_only,
    a_name_that_begins_like_this_is_shown,
    the_beginning_of_a_name_is_no_pattern,
    any_of_several_selectors_is_shown,
    a_tenant_shows_its_events_only,
    what_nothing_matches_is_empty_and_at_the_head,
    a_limit_counts_what_is_shown,
    reading_goes_on_where_a_filtered_page_ended,
    next_moves_past_events_that_are_not_shown,
    a_window_without_a_match_moves_next,
    a_window_is_never_exceeded,
    rare_events_are_found_window_by_window,
    filters_go_with_reading_backward,
    tenant_category_names_beginnings_and_limit_go_together,
}

fn options(filter: EventFilter) -> FeedOptions {
    FeedOptions::default().with_filter(filter)
}

/// Appends one event, and gives its id.
async fn put(store: &dyn Port, stream: &StreamId, name: &str) -> EventId {
    let event = named(name);
    let id = event.id;
    append(store, stream, vec![event]).await;
    id
}

/// What the feed shows of this filter.
async fn shown(store: &dyn Port, filter: EventFilter) -> Vec<EventId> {
    ids(&feed_with(store, Position::START, options(filter)).await)
}

async fn a_category_shows_its_events_only(lab: &Lab) {
    let store = lab.open().await;
    let mut orders = Vec::new();
    for (category, key) in
        [("Order", 1), ("Orders", 1), ("Order", 2), ("order", 1), ("Order", 1), ("Payment", 1)]
    {
        let id = put(&*store, &lab.stream_in(category, key), "Happened").await;
        if category == "Order" {
            orders.push(id);
        }
    }
    assert_eq!(shown(&*store, EventFilter::all().category("Order").unwrap()).await, orders);
}

async fn names_show_their_events_only(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let mut wanted = Vec::new();
    for name in ["Placed", "Shipped", "placed", "PlacedLate", "Placed"] {
        let id = put(&*store, &a, name).await;
        if name == "Placed" {
            wanted.push(id);
        }
    }
    // The same name in another category is another event.
    put(&*store, &lab.stream_in("Other", "a"), "Placed").await;
    assert_eq!(shown(&*store, EventFilter::all().events("Test", ["Placed"]).unwrap()).await, wanted);
}

async fn a_name_that_begins_like_this_is_shown(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let mut wanted = Vec::new();
    for name in ["Order", "OrderPlaced", "orderPlaced", "Orde", "MyOrder", "Order_2", "Orderly"] {
        let id = put(&*store, &a, name).await;
        if name.starts_with("Order") {
            wanted.push(id);
        }
    }
    assert_eq!(shown(&*store, EventFilter::all().events("Test", ["Order*"]).unwrap()).await, wanted);
}

async fn the_beginning_of_a_name_is_no_pattern(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let mut wanted = Vec::new();
    for name in ["a_b", "aXb", "a.b", "a_c", "a-b", "A_b"] {
        let id = put(&*store, &a, name).await;
        if name.starts_with("a_") {
            wanted.push(id);
        }
    }
    assert_eq!(shown(&*store, EventFilter::all().events("Test", ["a_*"]).unwrap()).await, wanted);
}

async fn any_of_several_selectors_is_shown(lab: &Lab) {
    let store = lab.open().await;
    let mut wanted = Vec::new();
    for (category, name, is_wanted) in [
        ("Order", "Placed", true),
        ("Order", "Shipped", false),
        ("Payment", "Shipped", true),
        ("Refund", "Placed", false),
        ("Order", "Returned", true),
        ("Payment", "Taken", true),
    ] {
        let id = put(&*store, &lab.stream_in(category, 1), name).await;
        if is_wanted {
            wanted.push(id);
        }
    }
    let orders = EventFilter::all().events("Order", ["Placed", "Ret*"]).unwrap();
    let filter = orders.category("Payment").unwrap();
    assert_eq!(shown(&*store, filter.clone()).await, wanted);
    assert_eq!(shown(&*store, filter.or(EventFilter::all())).await.len(), 6);
}

async fn a_tenant_shows_its_events_only(lab: &Lab) {
    let store = lab.open().await;
    let of = |tenant: &TenantFilter| EventFilter::all().tenant(tenant.clone());
    let [acme, other] = ["acme", "Acme"].map(|name| TenantFilter::Only(TenantId::new(name).unwrap()));
    if lab.tenant().is_some() {
        let sent = put(&*store, &lab.stream("a"), "Happened").await;
        assert_eq!(shown(&*store, lab.own_filter()).await, [sent]);
        assert_eq!(shown(&*store, EventFilter::all()).await, [sent]);
        for foreign in [TenantFilter::Untenanted, other] {
            let page = store.read_feed(Position::START, &options(of(&foreign))).await;
            assert_eq!(refusal(page), ErrorKind::OtherTenant);
        }
        return;
    }
    let mut sent = Vec::new();
    for text in ["acme@Test/1", "Test/1", "Acme@Test/1", "acme@Other/1", "Test/1", "acme@Test/1"] {
        sent.push(put(&*store, &text.parse().unwrap(), "Happened").await);
    }
    let cases: [(TenantFilter, &[usize]); 4] = [
        (acme, &[0, 3, 5]),
        (other, &[2]),
        (TenantFilter::Untenanted, &[1, 4]),
        (TenantFilter::Any, &[0, 1, 2, 3, 4, 5]),
    ];
    for (tenant, wanted) in cases {
        let wanted: Vec<_> = wanted.iter().map(|number| sent[*number]).collect();
        assert_eq!(shown(&*store, of(&tenant)).await, wanted, "{tenant:?}");
    }
}

async fn what_nothing_matches_is_empty_and_at_the_head(lab: &Lab) {
    let store = lab.open().await;
    append(&store, &lab.stream("a"), events(5)).await;
    let nothing = options(EventFilter::all().category("Absent").unwrap());
    let page = store.read_feed(Position::START, &nothing).await.unwrap();
    let head = store.head().await.unwrap();
    assert_eq!(page, FeedPage { events: Vec::new(), next: head, at_head: true });
}

/// A store whose every fourth event, beginning with the first, is wanted.
async fn every_fourth(lab: &Lab, count: usize) -> (Arc<dyn Port>, Vec<EventId>, EventFilter) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent: Vec<_> =
        (0..count).map(|number| named(if number % 4 == 0 { "Rare" } else { "Common" })).collect();
    append(&store, &a, sent.clone()).await;
    let wanted = sent.iter().step_by(4).map(|e| e.id).collect();
    (store, wanted, EventFilter::all().events("Test", ["Rare"]).unwrap())
}

async fn a_limit_counts_what_is_shown(lab: &Lab) {
    let (store, wanted, filter) = every_fourth(lab, 40).await;
    let page = store.read_feed(Position::START, &options(filter).with_limit(3)).await.unwrap();
    assert_eq!(ids(&page.events), wanted[..3]);
    assert!(!page.at_head);
}

async fn reading_goes_on_where_a_filtered_page_ended(lab: &Lab) {
    let (store, wanted, filter) = every_fourth(lab, 40).await;
    for limit in [1, 2, 3, 10, 11] {
        let all = feed_with(&store, Position::START, options(filter.clone()).with_limit(limit)).await;
        assert_eq!(ids(&all), wanted, "{limit} a page");
    }
    let page = store.read_feed(Position::START, &options(filter.clone()).with_limit(3)).await.unwrap();
    let last_shown = page.events[2].position;
    for after in [page.next, last_shown] {
        assert_eq!(ids(&feed_with(&store, after, options(filter.clone())).await), wanted[3..]);
    }
}

async fn next_moves_past_events_that_are_not_shown(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, [vec![named("Rare")], events(9)].concat()).await;
    let rare = options(EventFilter::all().events("Test", ["Rare"]).unwrap());
    let page = store.read_feed(Position::START, &rare).await.unwrap();
    assert_eq!(page.events.len(), 1);
    assert_eq!(page.next, store.head().await.unwrap(), "what was looked at is not looked at again");
    assert!(page.at_head);
}

async fn a_window_without_a_match_moves_next(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, [events(100), vec![named("Rare")]].concat()).await;
    let rare = options(EventFilter::all().events("Test", ["Rare"]).unwrap()).with_window(10);
    let (mut after, mut pages) = (Position::START, 0);
    let last = loop {
        let page = store.read_feed(after, &rare).await.unwrap();
        assert!(page.next > after, "a page that moves nothing never ends");
        (after, pages) = (page.next, pages + 1);
        if page.at_head {
            break page;
        }
        assert!(page.events.is_empty());
    };
    assert_eq!(last.events.len(), 1);
    assert!(pages >= 11, "{pages} pages looked at more than 10 events each");
}

async fn a_window_is_never_exceeded(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(30)).await;
    let all = feed(&store).await;
    for window in [1, 7, 30] {
        for filter in [EventFilter::all(), EventFilter::all().category("Absent").unwrap()] {
            let options = options(filter).with_window(window);
            let forward = store.read_feed(Position::START, &options).await.unwrap();
            assert!(forward.next <= all[window - 1].position);
            let backward = store.read_feed(Position::MAX, &options.backward()).await.unwrap();
            assert!(backward.next >= all[30 - window].position);
        }
    }
}

async fn rare_events_are_found_window_by_window(lab: &Lab) {
    let store = lab.open().await;
    let (common, rare) = (lab.stream_in("Common", 1), lab.stream_in("Rare", 1));
    let mut wanted = Vec::new();
    for _ in 0..5 {
        let event = event();
        wanted.push(event.id);
        let append = Append::new(common.clone(), Any, events(1_000)).and(rare.clone(), Any, vec![event]);
        store.append(append).await.unwrap();
    }
    let filter = EventFilter::all().category("Rare").unwrap();
    for window in [50, 999, 1_001, 50_000] {
        let found = feed_with(&store, Position::START, options(filter.clone()).with_window(window)).await;
        assert_eq!(ids(&found), wanted, "window {window}");
    }
}

async fn filters_go_with_reading_backward(lab: &Lab) {
    let (store, mut wanted, filter) = every_fourth(lab, 40).await;
    wanted.reverse();
    for (limit, window) in [(100, 100), (1, 100), (3, 5), (100, 1)] {
        let options = options(filter.clone()).backward().with_limit(limit).with_window(window);
        assert_eq!(ids(&feed_with(&store, Position::MAX, options).await), wanted, "{limit}, {window}");
    }
}

async fn tenant_category_names_beginnings_and_limit_go_together(lab: &Lab) {
    let store = lab.open().await;
    let mut wanted = Vec::new();
    for round in 0..30 {
        for category in ["Order", "Payment", "Other"] {
            for name in ["Placed", "PlacedLate", "Shipped", "Taken"] {
                let id = put(&*store, &lab.stream_in(category, round % 4), name).await;
                let is_wanted = matches!((category, name), ("Order", "Shipped") | ("Payment", _))
                    || (category == "Order" && name.starts_with("Placed"));
                if is_wanted {
                    wanted.push(id);
                }
            }
            if lab.tenant().is_none() {
                put(&*store, &format!("acme@{category}/1").parse().unwrap(), "Placed").await;
            }
        }
    }
    let filter =
        lab.own_filter().events("Order", ["Placed*", "Shipped"]).unwrap().category("Payment").unwrap();
    for (limit, window) in [(7, 50_000), (7, 11), (1_000, 13)] {
        let options = options(filter.clone()).with_limit(limit).with_window(window);
        assert_eq!(ids(&feed_with(&store, Position::START, options).await), wanted, "{limit}, {window}");
    }
}

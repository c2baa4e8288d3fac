//! Which streams and categories there are.

use eventsource_core::{
    Category, ErrorKind,
    ExpectedVersion::{Any, NoStream},
    StreamId, TenantFilter, TenantId,
    store::{Append, EventStore, StreamListing, StreamsOptions, StreamsPage},
};

use super::support::{append, events, refusal, version};

cases! { $ listing, listing_cases, EventStore | StreamListing:
    an_empty_store_lists_nothing,
    streams_are_listed_by_category_and_key_in_byte_order,
    a_stream_is_listed_with_its_version_position_and_time,
    a_category_lists_its_streams_only,
    a_key_prefix_lists_what_begins_like_it,
    a_key_prefix_is_no_pattern,
    a_tenant_lists_its_streams_only,
    pages_join_without_loss_or_repeat,
    a_page_goes_on_behind_a_stream_that_need_not_exist,
    tenant_category_prefix_and_limit_go_together,
    a_stream_that_comes_while_pages_are_read_appears_if_it_sorts_behind,
    a_checked_stream_is_not_listed,
    categories_are_listed_in_byte_order,
    a_tenant_lists_its_categories_only,
    statistics_count_streams_and_events,
    a_tenant_counts_its_own_only,
    a_limit_of_zero_is_refused,
    a_closed_listing_refuses_every_call,
}

fn options() -> StreamsOptions {
    StreamsOptions::default()
}

/// The streams of all pages.
async fn listed(store: &dyn Port, mut options: StreamsOptions) -> Vec<StreamId> {
    let mut listed = Vec::new();
    loop {
        let page = store.streams(&options).await.unwrap();
        assert!(page.streams.len() <= options.limit);
        listed.extend(page.streams.into_iter().map(|info| info.stream));
        let Some(next) = page.next else { return listed };
        assert_ne!(Some(&next), options.after.as_ref(), "a page that moves nothing never ends");
        assert_eq!(Some(&next), listed.last(), "the next page begins behind the last stream of this one");
        options = options.with_after(next);
    }
}

/// Appends one event to each stream, in the order given.
async fn create(store: &dyn Port, streams: &[StreamId]) {
    for stream in streams {
        append(store, stream, events(1)).await;
    }
}

fn category(name: &str) -> Category {
    Category::new(name).unwrap()
}

fn tenant(name: &str) -> TenantFilter {
    TenantFilter::Only(TenantId::new(name).unwrap())
}

async fn an_empty_store_lists_nothing(lab: &Lab) {
    let store = lab.open().await;
    let nothing = StreamsPage { streams: Vec::new(), next: None };
    assert_eq!(store.streams(&options()).await.unwrap(), nothing);
    assert!(store.categories(&TenantFilter::Any).await.unwrap().is_empty());
    let statistics = store.statistics(&TenantFilter::Any).await.unwrap();
    assert!(!statistics.exact || (statistics.streams, statistics.events) == (0, 0));
}

async fn streams_are_listed_by_category_and_key_in_byte_order(lab: &Lab) {
    let store = lab.open().await;
    // In byte order, which is neither that of numbers nor that of a language.
    let ordered = [
        lab.stream_in("A", "1"),
        lab.stream_in("A.B", "1"),
        lab.stream_in("B", " "),
        lab.stream_in("B", "1"),
        lab.stream_in("B", "10"),
        lab.stream_in("B", "2"),
        lab.stream_in("B", "A"),
        lab.stream_in("B", "Z"),
        lab.stream_in("B", "a"),
        lab.stream_in("B", "a "),
        lab.stream_in("B", "b"),
        lab.stream_in("B", "é"),
        lab.stream_in("B", "注文"),
        lab.stream_in("B", "\u{1F600}"),
        lab.stream_in("B_", "1"),
        lab.stream_in("a", "1"),
    ];
    let mut shuffled = ordered.to_vec();
    shuffled.sort_by_key(|stream| (stream.key().len(), std::cmp::Reverse(stream.clone())));
    create(&*store, &shuffled).await;
    assert_eq!(listed(&*store, options()).await, ordered);
}

async fn a_stream_is_listed_with_its_version_position_and_time(lab: &Lab) {
    let store = lab.open().await;
    for (key, count) in [("a", 1), ("b", 3), ("a", 2)] {
        lab.clock().advance(std::time::Duration::from_micros(5));
        append(&store, &lab.stream(key), events(count)).await;
    }
    let page = store.streams(&options()).await.unwrap();
    let told = [store.stream(&lab.stream("a")).await.unwrap(), store.stream(&lab.stream("b")).await.unwrap()];
    assert_eq!(page.streams, told);
    assert_eq!((told[0].version, told[1].version), (version(3), version(3)));
}

async fn a_category_lists_its_streams_only(lab: &Lab) {
    let store = lab.open().await;
    let of = |category: &str| [lab.stream_in(category, "1"), lab.stream_in(category, "2")];
    let all = ["Order", "Order.x", "Orders", "order"].map(of).concat();
    create(&*store, &all).await;
    assert_eq!(listed(&*store, options().with_category(category("Order"))).await, of("Order"));
    assert_eq!(listed(&*store, options().with_category(category("Orde"))).await, []);
    assert_eq!(listed(&*store, options().with_category(category("Zebra"))).await, []);
}

async fn a_key_prefix_lists_what_begins_like_it(lab: &Lab) {
    let store = lab.open().await;
    let keys = [
        "2026-01",
        "2026-02",
        "2026-11",
        "2027-01",
        "202",
        "x2026-01",
        "é",
        "éa",
        "\u{10FFFF}",
        "\u{10FFFF}1",
    ];
    create(&*store, &keys.map(|key| lab.stream(key))).await;
    for prefix in ["2026-", "2026-0", "202", "2026-01", "9", "é", "\u{10FFFF}", ""] {
        let mut wanted: Vec<_> =
            keys.iter().filter(|key| key.starts_with(prefix)).map(|key| lab.stream(key)).collect();
        wanted.sort();
        assert_eq!(listed(&*store, options().with_key_prefix(prefix)).await, wanted, "{prefix:?}");
    }
}

async fn a_key_prefix_is_no_pattern(lab: &Lab) {
    let store = lab.open().await;
    let keys = ["a_b", "aXb", "a%b", "a*b", "A_b", "a\\b", "a[b]", "a"];
    create(&*store, &keys.map(|key| lab.stream(key))).await;
    for prefix in ["a_", "a%", "a*", "A", "a\\", "a["] {
        let mut wanted: Vec<_> =
            keys.iter().filter(|key| key.starts_with(prefix)).map(|key| lab.stream(key)).collect();
        wanted.sort();
        assert_eq!(listed(&*store, options().with_key_prefix(prefix)).await, wanted, "{prefix:?}");
    }
}

/// Streams of two tenants and of none, in the order of listings.
fn of_tenants() -> Vec<StreamId> {
    ["A/1", "B/1", "acme@A/1", "acme@A/2", "acme@C/1", "zeta@A/1"].map(|text| text.parse().unwrap()).into()
}

async fn a_tenant_lists_its_streams_only(lab: &Lab) {
    let store = lab.open().await;
    if let Some(own) = lab.tenant() {
        create(&*store, &[lab.stream("a")]).await;
        let own = TenantFilter::Only(own.clone());
        for (filter, shown) in
            [(own, 1), (TenantFilter::Any, 1), (TenantFilter::Untenanted, 0), (tenant("zeta"), 0)]
        {
            assert_eq!(listed(&*store, options().with_tenant(filter)).await.len(), shown);
        }
        return;
    }
    let mut all = of_tenants();
    all.reverse();
    create(&*store, &all).await;
    all.reverse();
    let cases = [
        (TenantFilter::Any, &all[..]),
        (TenantFilter::Untenanted, &all[..2]),
        (tenant("acme"), &all[2..5]),
        (tenant("zeta"), &all[5..]),
        (tenant("acm"), &[]),
    ];
    for (filter, shown) in cases {
        for limit in [1, 2, 100] {
            let options = options().with_tenant(filter.clone()).with_limit(limit);
            assert_eq!(listed(&*store, options).await, shown, "{filter:?}, {limit} a page");
        }
    }
}

async fn pages_join_without_loss_or_repeat(lab: &Lab) {
    let store = lab.open().await;
    let mut all: Vec<_> =
        (0..20).map(|number| lab.stream_in(["Order", "Payment", "Refund"][number % 3], number)).collect();
    create(&*store, &all).await;
    all.sort();
    for limit in [1, 2, 7, 19, 20, 21] {
        assert_eq!(listed(&*store, options().with_limit(limit)).await, all, "{limit} a page");
    }
}

async fn a_page_goes_on_behind_a_stream_that_need_not_exist(lab: &Lab) {
    let store = lab.open().await;
    let [a, c] = [lab.stream("a"), lab.stream("c")];
    create(&*store, &[a.clone(), c.clone()]).await;
    let cases = [
        (lab.stream("b"), vec![c.clone()]),
        (lab.stream("a"), vec![c.clone()]),
        (lab.stream(" "), vec![a.clone(), c.clone()]),
        (lab.stream("d"), vec![]),
        (lab.stream_in("Aaa", "z"), vec![a, c]),
        (lab.stream_in("Zzz", "a"), vec![]),
    ];
    for (after, shown) in cases {
        assert_eq!(listed(&*store, options().with_after(after.clone())).await, shown, "behind {after}");
    }
}

async fn tenant_category_prefix_and_limit_go_together(lab: &Lab) {
    let store = lab.open().await;
    let mut wanted = Vec::new();
    for category in ["Order", "Payment"] {
        for key in ["2026-1", "2026-2", "2026-3", "2027-1"] {
            create(&*store, &[lab.stream_in(category, key)]).await;
            if category == "Order" && key.starts_with("2026-") {
                wanted.push(lab.stream_in(category, key));
            }
            if lab.tenant().is_none() {
                create(&*store, &[format!("acme@{category}/{key}").parse().unwrap()]).await;
            }
        }
    }
    let narrowed = options().with_tenant(lab.own()).with_category(category("Order")).with_key_prefix("2026-");
    for limit in [1, 2, 3, 4] {
        assert_eq!(listed(&*store, narrowed.clone().with_limit(limit)).await, wanted, "{limit} a page");
    }
    assert_eq!(listed(&*store, narrowed.with_after(wanted[0].clone())).await, wanted[1..]);
}

async fn a_stream_that_comes_while_pages_are_read_appears_if_it_sorts_behind(lab: &Lab) {
    let store = lab.open().await;
    create(&*store, &["b", "d", "f"].map(|key| lab.stream(key))).await;
    let page = store.streams(&options().with_limit(2)).await.unwrap();
    create(&*store, &["a", "c", "e", "g"].map(|key| lab.stream(key))).await;
    let rest = listed(&*store, options().with_after(page.next.unwrap())).await;
    assert_eq!(rest, ["e", "f", "g"].map(|key| lab.stream(key)));
}

async fn a_checked_stream_is_not_listed(lab: &Lab) {
    let store = lab.open().await;
    let a = lab.stream("a");
    let checking = Append::new(a.clone(), Any, events(1)).and_check(lab.stream_in("Checked", "b"), NoStream);
    store.append(checking).await.unwrap();
    assert_eq!(listed(&*store, options()).await, [a]);
    assert_eq!(store.categories(&TenantFilter::Any).await.unwrap(), [category("Test")]);
    let statistics = store.statistics(&TenantFilter::Any).await.unwrap();
    assert!(!statistics.exact || statistics.streams == 1);
}

async fn categories_are_listed_in_byte_order(lab: &Lab) {
    let store = lab.open().await;
    let ordered = ["A", "A-", "A.", "AB", "B", "Zebra", "_", "a", "zebra"];
    for name in ["zebra", "a", "_", "Zebra", "B", "AB", "A.", "A-", "A"] {
        create(&*store, &[lab.stream_in(name, 1), lab.stream_in(name, 2)]).await;
    }
    assert_eq!(store.categories(&TenantFilter::Any).await.unwrap(), ordered.map(category));
    assert_eq!(store.categories(&lab.own()).await.unwrap(), ordered.map(category));
}

async fn a_tenant_lists_its_categories_only(lab: &Lab) {
    let store = lab.open().await;
    if lab.tenant().is_some() {
        create(&*store, &[lab.stream("a")]).await;
        for (filter, shown) in [(lab.own(), 1), (TenantFilter::Untenanted, 0), (tenant("zeta"), 0)] {
            assert_eq!(store.categories(&filter).await.unwrap().len(), shown, "{filter:?}");
        }
        return;
    }
    create(&*store, &of_tenants()).await;
    let cases: [(TenantFilter, &[&str]); 4] = [
        (TenantFilter::Any, &["A", "B", "C"]),
        (TenantFilter::Untenanted, &["A", "B"]),
        (tenant("acme"), &["A", "C"]),
        (tenant("nobody"), &[]),
    ];
    for (filter, shown) in cases {
        let shown: Vec<_> = shown.iter().map(|name| category(name)).collect();
        assert_eq!(store.categories(&filter).await.unwrap(), shown, "{filter:?}");
    }
}

async fn statistics_count_streams_and_events(lab: &Lab) {
    let store = lab.open().await;
    for (key, count) in [("a", 3), ("b", 1), ("a", 2)] {
        append(&store, &lab.stream(key), events(count)).await;
    }
    for filter in [TenantFilter::Any, lab.own()] {
        let statistics = store.statistics(&filter).await.unwrap();
        // An estimate says that it is one, and may be off.
        assert!(!statistics.exact || (statistics.streams, statistics.events) == (2, 6), "{statistics:?}");
    }
}

async fn a_tenant_counts_its_own_only(lab: &Lab) {
    let store = lab.open().await;
    let cases = if lab.tenant().is_some() {
        create(&*store, &[lab.stream("a")]).await;
        vec![(lab.own(), 1), (TenantFilter::Any, 1), (TenantFilter::Untenanted, 0), (tenant("zeta"), 0)]
    } else {
        create(&*store, &of_tenants()).await;
        vec![(tenant("acme"), 3), (TenantFilter::Any, 6), (TenantFilter::Untenanted, 2), (tenant("zeta"), 1)]
    };
    for (filter, count) in cases {
        let statistics = store.statistics(&filter).await.unwrap();
        let counted = (statistics.streams, statistics.events);
        assert!(!statistics.exact || counted == (count, count), "{filter:?}: {statistics:?}");
    }
}

async fn a_limit_of_zero_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let refused = refusal(store.streams(&options().with_limit(0)).await);
    assert!(matches!(refused, ErrorKind::InvalidInput { field: "limit", .. }), "{refused:?}");
}

async fn a_closed_listing_refuses_every_call(lab: &Lab) {
    let store = lab.open().await;
    create(&*store, &[lab.stream("a")]).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.streams(&options()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.categories(&TenantFilter::Any).await), ErrorKind::Closed);
    assert_eq!(refusal(store.statistics(&TenantFilter::Any).await), ErrorKind::Closed);
}

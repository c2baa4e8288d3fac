//! Reading streams page by page.

use eventsource_core::{
    StreamId,
    store::{EventStore, EventStoreExt, ReadOptions, StreamPage},
};
use futures_util::TryStreamExt;

use super::support::{append, events, holding, ids, noise, read, version, versions};

cases! { $ paging, paging_cases, EventStore:
    a_page_says_where_to_go_on,
    pages_join_without_loss_or_repeat,
    pages_read_backward_join_without_loss_or_repeat,
    pages_stay_inside_the_bounds,
    a_page_is_bounded_in_events,
    a_page_is_bounded_in_bytes,
    what_is_appended_while_pages_are_read_appears,
    reading_and_appending_take_turns,
    a_batch_of_ten_thousand_events_is_one_append,
    a_stream_of_seventy_thousand_events_is_read_whole,
}

fn options() -> ReadOptions {
    ReadOptions::default()
}

/// All pages, each of which must hold one event at least.
async fn pages(store: &dyn Port, stream: &StreamId, mut options: ReadOptions) -> Vec<StreamPage> {
    let mut pages = Vec::new();
    loop {
        let page = store.read_stream(stream, &options).await.unwrap();
        assert!(!page.events.is_empty(), "an empty page after {:?}", options.from);
        let next = page.next;
        pages.push(page);
        let Some(next) = next else { return pages };
        options = options.with_from(next);
    }
}

fn joined(pages: &[StreamPage]) -> Vec<u64> {
    pages.iter().flat_map(|page| versions(&page.events)).collect()
}

async fn a_page_says_where_to_go_on(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(4)).await;
    let cases = [
        (options().with_limit(3), Some(4)),
        (options().with_limit(4), None),
        (options().with_limit(5), None),
        (options(), None),
        (options().backward().with_limit(3), Some(1)),
        (options().backward().with_limit(4), None),
        (options().with_to(version(2)).with_limit(2), None),
        (options().with_from(version(5)), None),
    ];
    for (options, next) in cases {
        let page = store.read_stream(&a, &options).await.unwrap();
        assert_eq!(page.next, next.map(version), "{options:?}");
    }
}

async fn pages_join_without_loss_or_repeat(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(23)).await;
    for limit in [1, 2, 5, 22, 23, 24] {
        let pages = pages(&*store, &a, options().with_limit(limit)).await;
        assert_eq!(joined(&pages), (1..=23).collect::<Vec<_>>(), "{limit} a page");
        assert!(pages.iter().all(|page| page.events.len() <= limit));
    }
}

async fn pages_read_backward_join_without_loss_or_repeat(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(23)).await;
    for limit in [1, 2, 5, 22, 23, 24] {
        let pages = pages(&*store, &a, options().backward().with_limit(limit)).await;
        assert_eq!(joined(&pages), (1..=23).rev().collect::<Vec<_>>(), "{limit} a page");
    }
}

async fn pages_stay_inside_the_bounds(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(23)).await;
    let (three, seventeen) = (version(3), version(17));
    let forward = options().with_from(three).with_to(seventeen).with_limit(4);
    assert_eq!(joined(&pages(&*store, &a, forward).await), (3..=17).collect::<Vec<_>>());
    let backward = options().backward().with_from(seventeen).with_to(three).with_limit(4);
    assert_eq!(joined(&pages(&*store, &a, backward).await), (3..=17).rev().collect::<Vec<_>>());
}

async fn a_page_is_bounded_in_events(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(2_500)).await;
    for options in [options(), options().with_limit(usize::MAX), options().with_limit(2_000)] {
        let pages = pages(&*store, &a, options).await;
        assert!(pages.iter().all(|page| page.events.len() <= ReadOptions::PAGE_EVENTS_MAX));
        assert_eq!(joined(&pages), (1..=2_500).collect::<Vec<_>>());
    }
}

async fn a_page_is_bounded_in_bytes(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let length = store.limits().payload_bytes.min(4_000_000);
    for _ in 0..5 {
        append(&store, &a, vec![holding(noise(length))]).await;
    }
    let pages = pages(&*store, &a, options()).await;
    assert_eq!(joined(&pages), [1, 2, 3, 4, 5]);
    // A page ends with the event that fills it.
    let most = ReadOptions::PAGE_BYTES_MAX / length + 1;
    assert!(pages.iter().all(|page| page.events.len() <= most));
}

async fn what_is_appended_while_pages_are_read_appears(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(3)).await;
    let mut stream = store.events(&a, options().with_limit(6));
    let first = stream.try_next().await.unwrap().unwrap();
    append(&store, &a, events(4)).await;
    let mut seen = vec![first];
    while let Some(event) = stream.try_next().await.unwrap() {
        seen.push(event);
    }
    // What had not been appended when the first page was read may be missing, but never a part of it.
    assert_eq!(versions(&seen), (1..=seen.len() as u64).collect::<Vec<_>>());
    drop(stream);

    let page = store.read_stream(&a, &options().with_limit(3)).await.unwrap();
    append(&store, &a, events(1)).await;
    let rest = pages(&*store, &a, options().with_from(page.next.unwrap()).with_limit(3)).await;
    assert_eq!(joined(&rest), [4, 5, 6, 7, 8]);
}

async fn reading_and_appending_take_turns(lab: &Lab) {
    // Neither holds anything that the other needs.
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    let mut stream = store.events(&a, options().with_limit(50));
    let mut seen = Vec::new();
    while let Some(event) = stream.try_next().await.unwrap() {
        seen.push(event);
        append(&store, &a, events(1)).await;
        append(&store, &lab.stream("b"), events(1)).await;
    }
    assert_eq!(versions(&seen), (1..=seen.len() as u64).collect::<Vec<_>>());
    assert_eq!(read(&store, &a).await.len(), seen.len() + 1);
}

async fn a_batch_of_ten_thousand_events_is_one_append(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent = events(10_000.min(store.limits().events));
    let appended = append(&store, &a, sent.clone()).await;
    assert_eq!(appended.streams[0].last, version(sent.len() as u64));
    let recorded = read(&store, &a).await;
    assert!(ids(&recorded) == super::support::new_ids(&sent), "other events came back");
    assert_eq!(recorded.last().unwrap().position, appended.token.position);
}

async fn a_stream_of_seventy_thousand_events_is_read_whole(lab: &Lab) {
    const COUNT: u64 = 70_000;
    let (store, a) = (lab.open().await, lab.stream("a"));
    let batch = 10_000.min(store.limits().events);
    while store.stream(&a).await.unwrap().version < version(COUNT) {
        append(&store, &a, events(batch)).await;
    }
    let last = store.stream(&a).await.unwrap().version.get();
    let mut expected = 1..=last;
    let mut events = store.events(&a, options());
    while let Some(event) = events.try_next().await.unwrap() {
        assert_eq!(Some(event.version.get()), expected.next());
    }
    assert!(expected.is_empty(), "the rest of {expected:?} is missing");
    let newest = store.read_stream(&a, &options().backward().with_limit(1)).await.unwrap();
    assert_eq!(versions(&newest.events), [last]);
    let middle = store.read_stream(&a, &options().with_from(version(65_535)).with_limit(3)).await.unwrap();
    assert_eq!(versions(&middle.events), [65_535, 65_536, 65_537]);
}

//! Reading the feed while it grows: the promise that no event is skipped.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventsource_core::{
    EventFilter, EventId,
    ExpectedVersion::Any,
    Position, RecordedEvent,
    store::{Append, EventFeed, EventStore, FeedOptions},
};

use super::support::{append, cancel_everywhere, events, feed, increase, positions, together};
use crate::audit;

cases! { $ feed_tail, feed_tail_cases, EventStore | EventFeed:
    a_tailing_reader_misses_nothing_and_sees_nothing_twice,
    readers_with_other_windows_and_filters_see_the_same,
    a_reader_that_begins_late_sees_the_same,
    a_dropped_append_does_not_hold_the_feed_back,
}

/// How many tasks write.
const WRITERS: usize = 8;
/// How many appends each of them makes.
const APPENDS: usize = 25;

/// What a reader saw, page after page, until the writers were done and nothing more was there.
async fn tail(store: Arc<dyn Port>, options: FeedOptions, written: Arc<AtomicBool>) -> Vec<RecordedEvent> {
    let mut hints = store.wake_ups();
    let (mut seen, mut after) = (Vec::new(), Position::START);
    loop {
        // Asked before the page is read: what was written by then is in it, or behind it.
        let nothing_comes = written.load(Ordering::SeqCst);
        let page = store.read_feed(after, &options).await.unwrap();
        assert!(page.next >= after, "next never steps back");
        assert!(page.at_head || page.next > after, "a page that moves nothing never ends");
        seen.extend(page.events);
        after = page.next;
        if page.at_head {
            if nothing_comes {
                return seen;
            }
            // A hint saves time; without one the reader looks again soon.
            let _ = tokio::time::timeout(Duration::from_millis(2), hints.wait()).await;
        }
    }
}

/// Lets writers write, each to a stream of its own, and sometimes to one that they share.
async fn write_all(lab: &Lab, store: Arc<dyn Port>, written: Arc<AtomicBool>) -> BTreeSet<EventId> {
    let writers = (0..WRITERS).map(|writer| {
        let (store, own, shared) = (store.clone(), lab.stream(writer), lab.stream_in("Shared", 1));
        async move {
            let mut ids = Vec::new();
            for number in 0..APPENDS {
                let mut sent = Append::new(own.clone(), Any, events(1 + number % 3));
                if number % 5 == 0 {
                    sent = sent.and(shared.clone(), Any, events(1));
                }
                ids.extend(sent.streams.iter().flat_map(|s| &s.events).map(|e| e.id));
                store.append(sent).await.unwrap();
            }
            ids
        }
    });
    let ids = together(writers).await.concat();
    written.store(true, Ordering::SeqCst);
    ids.into_iter().collect()
}

/// Checks what was seen: in order, each once, each stream whole.
fn check(seen: &[RecordedEvent], sent: &BTreeSet<EventId>) {
    assert!(increase(&positions(seen)), "positions increase");
    let ids: BTreeSet<EventId> = seen.iter().map(|e| e.id).collect();
    assert_eq!(ids.len(), seen.len(), "nothing is seen twice");
    assert_eq!(sent.difference(&ids).count(), 0, "nothing is missed");
    assert_eq!(ids.difference(sent).count(), 0, "nothing is made up");
    let mut last: HashMap<_, u64> = HashMap::new();
    for event in seen {
        let last = last.entry(&event.stream).or_default();
        *last += 1;
        assert_eq!(event.version.get(), *last, "{} is seen whole and in order", event.stream);
    }
}

async fn a_tailing_reader_misses_nothing_and_sees_nothing_twice(lab: &Lab) {
    let (store, written) = (lab.open().await, Arc::new(AtomicBool::new(false)));
    let reader = tokio::spawn(tail(store.clone(), FeedOptions::default().with_limit(7), written.clone()));
    let sent = write_all(lab, store.clone(), written).await;
    let seen = reader.await.unwrap();
    check(&seen, &sent);
    assert_eq!(seen, audit(&store).await, "what was seen once stays as it is");
}

async fn readers_with_other_windows_and_filters_see_the_same(lab: &Lab) {
    let (store, written) = (lab.open().await, Arc::new(AtomicBool::new(false)));
    let all = FeedOptions::default();
    let own = all.clone().with_filter(EventFilter::all().category("Test").unwrap());
    let shared = all.clone().with_filter(EventFilter::all().category("Shared").unwrap());
    let options = [
        all.clone(),
        all.clone().with_limit(1),
        all.with_window(3),
        own.clone().with_limit(5),
        shared.clone(),
        shared.with_window(4),
    ];
    let readers: Vec<_> = options
        .iter()
        .map(|options| tokio::spawn(tail(store.clone(), options.clone(), written.clone())))
        .collect();
    let sent = write_all(lab, store.clone(), written).await;
    let everything = feed(&store).await;
    check(&everything, &sent);
    for (options, reader) in options.iter().zip(readers) {
        let accepted: Vec<_> = everything.iter().filter(|e| options.filter.accepts(e)).cloned().collect();
        assert!(reader.await.unwrap() == accepted, "{options:?} saw something else");
    }
}

async fn a_reader_that_begins_late_sees_the_same(lab: &Lab) {
    let (store, written) = (lab.open().await, Arc::new(AtomicBool::new(false)));
    append(&store, &lab.stream("before"), events(3)).await;
    let already: BTreeSet<EventId> = feed(&store).await.iter().map(|e| e.id).collect();
    let mut readers = BTreeMap::new();
    let writers = write_all(lab, store.clone(), written.clone());
    let mut writers = std::pin::pin!(writers);
    let sent = loop {
        if let Some(sent) = futures_util::FutureExt::now_or_never(writers.as_mut()) {
            break sent;
        }
        let head = store.head().await.unwrap();
        if readers.len() < 4 && !readers.contains_key(&head) {
            let reader = tail(store.clone(), FeedOptions::default().with_limit(50), written.clone());
            readers.insert(head, tokio::spawn(reader));
        }
        tokio::task::yield_now().await;
    };
    for reader in readers.into_values() {
        check(&reader.await.unwrap(), &sent.union(&already).copied().collect());
    }
}

async fn a_dropped_append_does_not_hold_the_feed_back(lab: &Lab) {
    let (store, a) = (&lab.open().await, &lab.stream("a"));
    cancel_everywhere(|number| async move {
        let sent = Append::new(lab.stream(number), Any, events(3)).and(lab.stream("shared"), Any, events(1));
        let dropped = store.append(sent);
        let check = async move {
            let token = append(store, a, events(1)).await.token;
            // The dropped one may still run to its end: wait until the feed shows what came after it.
            while store.head().await.unwrap() < token.position {
                tokio::task::yield_now().await;
            }
        };
        (dropped, check)
    })
    .await;
    audit(store).await;
}

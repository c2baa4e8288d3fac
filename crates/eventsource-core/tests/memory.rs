//! The scripts of the store in memory: appends that are held between drawing their positions and committing, and logs that
//! are restored from an older copy.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{pin::Pin, time::Duration};

use eventsource_core::{
    ErrorKind, EventId, ExpectedVersion, MemoryStore, NewEvent, Position, RecordedEvent, Result, StreamId,
    StreamVersion, TenantFilter,
    lifecycle::LifecycleNote,
    memory::HeldAppend,
    store::{
        Append, Appended, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, ReadOptions,
        StreamDeletion, StreamErasure, StreamListing, StreamsOptions,
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinHandle;

fn stream(key: &str) -> StreamId {
    StreamId::new("Test", key).unwrap()
}

fn event() -> NewEvent {
    NewEvent::new(EventId::generate(), "Happened", "{}").unwrap()
}

fn to(key: &str) -> Append {
    Append::new(stream(key), ExpectedVersion::Any, vec![event()])
}

/// Waits, with a deadline that only a failure reaches.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it must end")
}

/// An append that is held: its positions are drawn, its streams are locked.
struct Held {
    hold: HeldAppend,
    task: JoinHandle<Result<Appended>>,
}

impl Held {
    async fn begin(store: &MemoryStore, append: Append) -> Self {
        let hold = store.hold_next_append();
        let store = store.clone();
        let task = tokio::spawn(async move { store.append(append).await });
        soon(hold.reached()).await;
        Self { hold, task }
    }

    async fn commit(self) -> Appended {
        self.hold.release();
        soon(self.task).await.unwrap().unwrap()
    }

    /// As when the caller goes away.
    async fn drop_it(self) {
        self.task.abort();
        assert!(soon(self.task).await.unwrap_err().is_cancelled());
    }
}

/// A call that has begun and does not end by itself.
struct Waiting<'a, T>(BoxFuture<'a, T>);

impl<'a, T> Waiting<'a, T> {
    async fn begin(call: impl Future<Output = T> + Send + 'a) -> Self {
        let mut call: BoxFuture<'a, T> = call.boxed();
        // Everybody else has had a turn in between.
        for _ in 0..10 {
            assert!(Pin::new(&mut call).now_or_never().is_none(), "it must wait");
            tokio::task::yield_now().await;
        }
        Self(call)
    }

    async fn end(self) -> T {
        soon(self.0).await
    }
}

async fn feed(store: &MemoryStore) -> Vec<RecordedEvent> {
    let page = store.read_feed(Position::START, &FeedOptions::default()).await.unwrap();
    assert!(page.at_head);
    page.events
}

async fn positions(store: &MemoryStore) -> Vec<u64> {
    feed(store).await.iter().map(|e| e.position.get()).collect()
}

#[tokio::test]
async fn what_is_held_is_visible_to_nobody() {
    let store = MemoryStore::new();
    let append = to("a");
    let id = append.streams[0].events[0].id;
    let held = Held::begin(&store, append).await;
    assert!(feed(&store).await.is_empty());
    assert_eq!(store.head().await.unwrap(), Position::START);
    assert_eq!(store.event(id).await.unwrap(), None);
    assert_eq!(store.event_id_at(Position::new(1)).await.unwrap(), None);
    assert_eq!(store.stream(&stream("a")).await.unwrap().version, StreamVersion::ZERO);
    let page = store.read_stream(&stream("a"), &ReadOptions::default()).await.unwrap();
    assert_eq!((page.events.len(), page.version), (0, StreamVersion::ZERO));
    assert!(store.streams(&StreamsOptions::default()).await.unwrap().streams.is_empty());
    assert_eq!(store.statistics(&TenantFilter::Any).await.unwrap().events, 0);

    let appended = held.commit().await;
    assert_eq!(appended.token.position, Position::new(1));
    assert_eq!(positions(&store).await, [1]);
    assert_eq!(store.event(id).await.unwrap().unwrap().id, id);
}

#[tokio::test]
async fn other_streams_go_on_above_and_the_feed_stays_below() {
    let store = MemoryStore::new();
    store.append(to("before")).await.unwrap();
    let mut hints = store.wake_ups();
    hints.wait().now_or_never();
    let held = Held::begin(&store, to("a")).await;
    let above = store.append(to("b")).await.unwrap();
    assert_eq!(above.token.position, Position::new(3));
    assert_eq!(store.stream(&stream("b")).await.unwrap().position, Position::new(3), "its writer reads it");
    assert_eq!(positions(&store).await, [1]);
    assert_eq!(store.head().await.unwrap(), Position::new(1));
    let backward = store.read_feed(Position::MAX, &FeedOptions::default().backward()).await.unwrap();
    assert_eq!(backward.events.len(), 1);
    assert!(hints.wait().now_or_never().is_none(), "there is nothing new to see");

    held.commit().await;
    soon(hints.wait()).await;
    assert_eq!(positions(&store).await, [1, 2, 3]);
}

#[tokio::test]
async fn several_are_released_in_another_order_than_drawn() {
    let store = MemoryStore::new();
    let first = Held::begin(&store, to("a")).await;
    let second = Held::begin(&store, to("b")).await;
    let third = Held::begin(&store, to("c")).await;
    assert_eq!(third.commit().await.token.position, Position::new(3));
    assert!(positions(&store).await.is_empty());
    assert_eq!(first.commit().await.token.position, Position::new(1));
    assert_eq!(positions(&store).await, [1]);
    assert_eq!(second.commit().await.token.position, Position::new(2));
    assert_eq!(positions(&store).await, [1, 2, 3]);
}

#[tokio::test]
async fn what_is_dropped_while_held_leaves_a_hole_and_frees_its_streams() {
    let store = MemoryStore::new();
    let append = to("a");
    let held = Held::begin(&store, append.clone()).await;
    let above = store.append(to("b")).await.unwrap().token.position;
    let next = Waiting::begin(store.append(to("a"))).await;
    held.drop_it().await;

    let next = next.end().await.unwrap();
    assert_eq!((next.streams[0].first, next.token.position), (StreamVersion::FIRST, Position::new(3)));
    assert_eq!(positions(&store).await, [above.get(), 3], "position 1 is a hole for ever");
    assert_eq!(store.event_id_at(Position::new(1)).await.unwrap(), None);
    // It never happened, so that it is not recognised.
    assert!(!store.append(append).await.unwrap().deduplicated);
}

#[tokio::test]
async fn writers_to_the_same_stream_wait_and_see_what_was_written() {
    let store = MemoryStore::new();
    let held = Held::begin(&store, to("a")).await;
    let next = Waiting::begin(store.append(to("a"))).await;
    let late = Append::new(stream("a"), ExpectedVersion::NoStream, vec![event()]);
    let late = Waiting::begin(store.append(late)).await;
    let checking = Append::new(stream("b"), ExpectedVersion::Any, vec![event()])
        .and_check(stream("a"), ExpectedVersion::NoStream);
    let checking = Waiting::begin(store.append(checking)).await;
    let note = LifecycleNote::default();
    let a = stream("a");
    let deletion = Waiting::begin(StreamDeletion::delete(
        &store,
        &a,
        ExpectedVersion::Exact(StreamVersion::ZERO),
        &note,
    ))
    .await;

    held.commit().await;
    assert_eq!(next.end().await.unwrap().streams[0].first, StreamVersion::new(2));
    for outcome in [late.end().await, checking.end().await, deletion.end().await] {
        let error = outcome.unwrap_err();
        assert!(error.as_conflict().is_some_and(|c| c.stream == a && c.actual.get() >= 1), "{error}");
    }
}

#[tokio::test]
async fn a_retry_waits_for_its_original_and_gets_its_outcome() {
    let store = MemoryStore::new();
    let append = to("a");
    let held = Held::begin(&store, append.clone()).await;
    let retry = Waiting::begin(store.append(append.clone())).await;
    let elsewhere = Append::new(stream("b"), ExpectedVersion::Any, append.streams[0].events.clone());
    let elsewhere = Waiting::begin(store.append(elsewhere)).await;

    let original = held.commit().await;
    let retry = retry.end().await.unwrap();
    assert!(retry.deduplicated && !original.deduplicated);
    assert_eq!((retry.token, &retry.streams), (original.token, &original.streams));
    let error = elsewhere.end().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Duplicate(d) if d.stream == stream("a")), "{error}");
}

#[tokio::test]
async fn closing_waits_for_what_is_held_and_refuses_what_comes_meanwhile() {
    let store = MemoryStore::new();
    let held = Held::begin(&store, to("a")).await;
    let waiting = Waiting::begin(store.append(to("a"))).await;
    let closing = Waiting::begin(store.close()).await;
    assert_eq!(store.append(to("b")).await.unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(store.head().await.unwrap_err().kind(), &ErrorKind::Closed);

    held.commit().await;
    let (waiting, closing) = tokio::join!(waiting.end(), closing.end());
    assert_eq!(waiting.unwrap().streams[0].last, StreamVersion::new(2), "it had begun before");
    closing.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_hold_that_is_given_up_holds_nothing() {
    let store = MemoryStore::new();
    drop(store.hold_next_append());
    let (first, second) = (store.hold_next_append(), store.hold_next_append());
    drop(first);
    let appending = Waiting::begin(store.append(to("a"))).await;
    second.release();
    appending.end().await.unwrap();
    assert_eq!(positions(&store).await, [1]);
}

#[tokio::test]
async fn what_writes_nothing_uses_up_no_hold() {
    let store = MemoryStore::new();
    let recorded = to("a");
    store.append(recorded.clone()).await.unwrap();
    let hold = store.hold_next_append();
    let refused = Append::new(stream("a"), ExpectedVersion::NoStream, vec![event()]);
    assert!(store.append(refused).await.unwrap_err().as_conflict().is_some());
    assert!(store.append(recorded).await.unwrap().deduplicated);
    assert!(store.append(Append::default()).await.is_err());
    let held = Waiting::begin(store.append(to("b"))).await;
    hold.release();
    assert_eq!(held.end().await.unwrap().token.position, Position::new(2));
}

#[tokio::test]
async fn deletions_erasures_and_imports_are_held_too() {
    let store = MemoryStore::new();
    store.append(to("a")).await.unwrap();
    let (a, note) = (stream("a"), LifecycleNote::default());
    let mut copy = feed(&store).await.remove(0);
    (copy.stream, copy.id) = (stream("copy"), EventId::generate());
    let copies = [copy];

    let hold = store.hold_next_append();
    let deletion = Waiting::begin(StreamDeletion::delete(&store, &a, ExpectedVersion::Any, &note)).await;
    assert!(store.stream(&a).await.unwrap().exists());
    hold.release();
    deletion.end().await.unwrap();

    let hold = store.hold_next_append();
    let erasure = Waiting::begin(store.erase(&a, &note)).await;
    assert_eq!(feed(&store).await[0].payload, "{}", "nothing is wiped yet");
    hold.release();
    erasure.end().await.unwrap();
    assert!(feed(&store).await[0].erased);

    let hold = store.hold_next_append();
    let import = Waiting::begin(store.import(&copies)).await;
    store.append(to("b")).await.unwrap();
    assert_eq!(positions(&store).await, [1, 2, 3]);
    hold.release();
    import.end().await.unwrap();
    assert_eq!(positions(&store).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_restored_copy_is_the_same_log_with_another_history() {
    let store = MemoryStore::new();
    for key in ["a", "a", "b", "a"] {
        store.append(to(key)).await.unwrap();
    }
    let restored = store.restored_to(Position::new(2));
    assert_eq!(restored.log(), store.log());
    assert_eq!(feed(&restored).await, feed(&store).await[..2]);
    assert_eq!(restored.stream(&stream("a")).await.unwrap().version, StreamVersion::new(2));
    assert_eq!(restored.stream(&stream("b")).await.unwrap().version, StreamVersion::ZERO);

    // A reader that was further is told, and is told again by the event at its position once that is drawn anew.
    let error = restored.read_feed(Position::new(4), &FeedOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::HistoryDiverged);
    for _ in 0..3 {
        restored.append(to("c")).await.unwrap();
    }
    let fourth = Position::new(4);
    assert!(restored.read_feed(fourth, &FeedOptions::default()).await.is_ok());
    let (then, now) = (store.event_id_at(fourth).await.unwrap(), restored.event_id_at(fourth).await.unwrap());
    assert!(then.is_some() && now.is_some() && then != now);
    assert_eq!(feed(&store).await.len(), 4, "the copy is apart");
}

#[tokio::test]
async fn a_copy_that_is_adopted_draws_above_all_that_was_seen() {
    use eventsource_core::store::LogAdoption;

    let store = MemoryStore::new();
    for _ in 0..4 {
        store.append(to("a")).await.unwrap();
    }
    let restored = store.restored_to(Position::new(1));
    let incarnation = restored.adopt(Position::new(4)).await.unwrap();
    assert_eq!(restored.log().id, store.log().id);
    assert_eq!(restored.log().incarnation, incarnation);
    assert_ne!(incarnation, store.log().incarnation);
    restored.append(to("a")).await.unwrap();
    assert_eq!(positions(&restored).await, [1, 5]);
}

/// What happens to one of three writers next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Begin(usize),
    Commit(usize),
    Drop(usize),
}

/// All orders in which three writers begin and end, whatever becomes of each.
fn all_orders() -> Vec<Vec<Step>> {
    fn extend(order: &mut Vec<Step>, orders: &mut Vec<Vec<Step>>) {
        if order.len() == 6 {
            orders.push(order.clone());
        }
        for writer in 0..3 {
            let begun = order.contains(&Step::Begin(writer));
            let ended = order.contains(&Step::Commit(writer)) || order.contains(&Step::Drop(writer));
            let next = match (begun, ended) {
                (false, _) => vec![Step::Begin(writer)],
                (true, false) => vec![Step::Commit(writer), Step::Drop(writer)],
                (true, true) => vec![],
            };
            for step in next {
                order.push(step);
                extend(order, orders);
                order.pop();
            }
        }
    }
    let mut orders = Vec::new();
    extend(&mut Vec::new(), &mut orders);
    orders
}

/// A reader that goes on from where it was, page by page.
struct Reader {
    next: Position,
    options: FeedOptions,
    seen: Vec<RecordedEvent>,
}

impl Reader {
    async fn poll(&mut self, store: &MemoryStore) {
        loop {
            let page = store.read_feed(self.next, &self.options).await.unwrap();
            assert!(page.next >= self.next);
            self.next = page.next;
            self.seen.extend(page.events);
            if page.at_head {
                return;
            }
        }
    }
}

#[tokio::test]
async fn in_no_order_of_three_writers_does_a_polling_reader_skip_anything() {
    let orders = all_orders();
    // 6! / 2^3 orders of beginnings and ends, times 2^3 fates.
    assert_eq!(orders.len(), 720);
    for order in orders {
        let store = MemoryStore::new();
        let mut readers = [FeedOptions::default(), FeedOptions::default().with_limit(1).with_window(1)]
            .map(|options| Reader { next: Position::START, options, seen: Vec::new() });
        let mut held: [Option<Held>; 3] = [None, None, None];
        let (mut in_flight, mut committed) = (Vec::new(), Vec::new());
        let mut drawn = 0;
        for step in &order {
            match *step {
                Step::Begin(writer) => {
                    // One, two and three events.
                    let events = (0..=writer).map(|_| event()).collect();
                    let append = Append::new(stream(&writer.to_string()), ExpectedVersion::Any, events);
                    held[writer] = Some(Held::begin(&store, append).await);
                    in_flight.push((writer, drawn + 1));
                    drawn += writer as u64 + 1;
                }
                Step::Commit(writer) => {
                    let appended = held[writer].take().unwrap().commit().await;
                    let last = appended.token.position.get();
                    committed.extend(last - writer as u64..=last);
                    in_flight.retain(|(of, _)| *of != writer);
                }
                Step::Drop(writer) => {
                    held[writer].take().unwrap().drop_it().await;
                    in_flight.retain(|(of, _)| *of != writer);
                }
            }
            committed.sort_unstable();
            let horizon = in_flight.iter().map(|(_, first)| *first).min().unwrap_or(u64::MAX);
            for reader in &mut readers {
                reader.poll(&store).await;
                // Everything below the lowest in flight, in order, and nothing else: it is neither ahead nor held back.
                let seen = reader.seen.iter().map(|e| e.position.get());
                let expected = committed.iter().copied().filter(|position| *position < horizon);
                assert!(seen.eq(expected), "{order:?} at {step:?}");
            }
        }
        assert_eq!(readers[0].seen.len(), committed.len(), "{order:?}");
    }
}

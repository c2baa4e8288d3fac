//! Group commit: what is queued together is committed together, and each append fails or succeeds by itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    ForeignLock, TickingClock, append, audit, event, events,
    groups::{Queued, open_gated, queue, together},
    stream,
};
use eventsource_core::{
    ErrorKind, EventId, ExpectedVersion, NewEvent, Result, StreamVersion,
    store::{Append, Appended, EventStore},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use tempfile::tempdir;

fn one(key: &str, expected: ExpectedVersion, event: NewEvent) -> Append {
    Append::new(stream(key), expected, vec![event])
}

#[tokio::test]
async fn a_conflict_in_a_group_fails_alone() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, clock) = open_gated(&path).await;
    let outcomes = together(
        &store,
        &clock,
        vec![
            one("a", ExpectedVersion::NoStream, event(*b"1")),
            // Conflicts with the one before it, of the same group.
            one("a", ExpectedVersion::NoStream, event(*b"2")),
            one("b", ExpectedVersion::Exact(StreamVersion::new(7)), event(*b"3")),
            one("a", ExpectedVersion::Exact(StreamVersion::FIRST), event(*b"4")),
            one("c", ExpectedVersion::Any, event(*b"5")),
        ],
    )
    .await;
    let [first, second, third, fourth, fifth] = outcomes.try_into().unwrap();
    let actual = |outcome: Result<Appended>| outcome.unwrap_err().as_conflict().unwrap().actual.get();
    assert_eq!((actual(second), actual(third)), (1, 0));
    let positions = [first, fourth, fifth].map(|outcome| outcome.unwrap().token.position);
    assert!(positions.is_sorted());
    assert!(events(&store, &stream("b")).await.is_empty());

    let feed = audit(&store, &path).await;
    assert_eq!(feed.len(), 4);
    // The clock ticks once for each commit.
    let of_group: Vec<_> = feed.iter().filter(|e| e.stream != stream("first")).collect();
    assert!(of_group.iter().all(|e| e.recorded_at == of_group[0].recorded_at), "they share one commit");
}

#[tokio::test]
async fn a_duplicate_in_a_group_fails_alone() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, clock) = open_gated(&path).await;
    let (before, shared) = (event(*b"before"), event(*b"shared"));
    let sent_before = one("before", ExpectedVersion::Any, before.clone());
    let original = store.append(sent_before.clone()).await.unwrap();
    let other_content = NewEvent::new(before.id, "Happened", "other").unwrap();

    let outcomes = together(
        &store,
        &clock,
        vec![
            one("a", ExpectedVersion::Any, event(*b"1")),
            one("b", ExpectedVersion::Any, other_content),
            one("c", ExpectedVersion::Any, shared.clone()),
            // The same append twice in one group: a retry that overtook the reply.
            one("c", ExpectedVersion::Any, shared.clone()),
            // The same id in another stream.
            one("d", ExpectedVersion::Any, shared),
            sent_before,
            one("e", ExpectedVersion::Any, event(*b"2")),
        ],
    )
    .await;
    let [a, b, c, c_again, d, again, e] = outcomes.try_into().unwrap();
    assert!(!a.unwrap().deduplicated && !e.unwrap().deduplicated);
    let (c, c_again) = (c.unwrap(), c_again.unwrap());
    assert!(!c.deduplicated && c_again.deduplicated);
    assert_eq!((c.token, c.streams), (c_again.token, c_again.streams));
    let again = again.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.token, again.streams), (original.token, original.streams));
    for (outcome, held_by) in [(b, "before"), (d, "c")] {
        let error = outcome.unwrap_err();
        let ErrorKind::Duplicate(duplicate) = error.kind() else { panic!("{error}") };
        assert_eq!((&duplicate.stream, duplicate.version), (&stream(held_by), StreamVersion::FIRST));
    }
    assert_eq!(audit(&store, &path).await.len(), 5);
}

#[tokio::test]
async fn an_append_that_fails_half_way_leaves_nothing() {
    let store = SqliteStore::in_memory().await.unwrap();
    let taken = event(*b"1");
    store.append(one("a", ExpectedVersion::Any, taken.clone())).await.unwrap();
    let refused = one("b", ExpectedVersion::Any, event(*b"2")).and(
        stream("c"),
        ExpectedVersion::Any,
        vec![event(*b"3"), taken],
    );
    let error = store.append(refused).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Duplicate(_)), "{error}");
    for key in ["b", "c"] {
        assert_eq!(store.stream(&stream(key)).await.unwrap().version, StreamVersion::ZERO);
    }
}

#[tokio::test]
async fn groups_are_bounded() {
    let directory = tempdir().unwrap();
    let cases = [((1, usize::MAX), 6), ((2, usize::MAX), 3), ((1_000, 1), 6), ((1_000, usize::MAX), 1)];
    for ((appends, bytes), commits) in cases {
        let path = directory.path().join(format!("{appends}-{bytes}.db"));
        let options =
            SqliteOptions::file(&path).with_clock(TickingClock::default()).with_group(appends, bytes);
        let store = SqliteStore::open_with(options).await.unwrap();
        // The ones before the group keep the writer busy until everything else is queued, however it takes them.
        let lock = ForeignLock::take(&path);
        let mut queued: Vec<Queued> = vec![queue(&store, append("first"))];
        queued.extend((0..6).map(|i| queue(&store, append(i))));
        drop(lock);
        futures_util::future::try_join_all(queued).await.unwrap();
        let mut times: Vec<_> = audit(&store, &path).await.iter().map(|e| e.recorded_at).collect();
        times.dedup();
        // The first may go alone, or lead the first group.
        assert!((commits..=commits + 1).contains(&times.len()), "{appends} {bytes}: {}", times.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_to_any_version_all_succeed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    store.append(append("shared")).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(audit(&store, &path).await.len(), 200);
}

#[tokio::test]
async fn an_id_is_looked_up_only_when_something_objects() {
    // Sent again with the version it had expected, an append meets its own events and is recognised.
    let store = SqliteStore::in_memory().await.unwrap();
    let events = vec![event(*b"1"), event(*b"2")];
    let first = Append::new(stream("a"), ExpectedVersion::NoStream, events.clone());
    let original = store.append(first.clone()).await.unwrap();
    store.append(append("a")).await.unwrap();
    let again = store.append(first).await.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.token, again.streams), (original.token, original.streams));
    // A part of it is not the same append.
    let part = Append::new(stream("a"), ExpectedVersion::NoStream, vec![events[0].clone(), event(*b"3")]);
    let error = store.append(part).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Duplicate(d) if d.event == events[0].id), "{error}");
    // Nothing of it: a plain conflict.
    let other =
        one("a", ExpectedVersion::NoStream, NewEvent::new(EventId::generate(), "Happened", "").unwrap());
    assert!(store.append(other).await.unwrap_err().as_conflict().is_some());
}

//! What a group of a bus applied last.

use eventsource_core::{ConsumerName, ErrorKind, LogId, StreamId, StreamVersion, inbox::Inbox};

use super::support::{is_invalid, refusal, together, version};

cases! { $ inbox, inbox_cases, Inbox:
    nothing_is_applied_at_first,
    a_step_is_kept,
    a_step_from_another_version_changes_nothing,
    a_step_that_leads_nowhere_is_refused,
    groups_logs_and_streams_are_apart,
    every_stream_and_version_comes_back,
    of_concurrent_steps_one_is_done,
    deliveries_that_come_twice_are_applied_once,
    a_closed_inbox_refuses_every_call,
}

fn group(name: &str) -> ConsumerName {
    ConsumerName::new(name).unwrap()
}

async fn applied(store: &dyn Port, log: LogId, stream: &StreamId) -> u64 {
    store.applied(&group("mail"), log, stream).await.unwrap().get()
}

async fn step(store: &dyn Port, log: LogId, stream: &StreamId, from: u64, to: u64) -> bool {
    store.step(&group("mail"), log, stream, version(from), version(to)).await.unwrap()
}

async fn nothing_is_applied_at_first(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(applied(&*store, LogId::generate(), &lab.stream("a")).await, 0);
}

async fn a_step_is_kept(lab: &Lab) {
    let (store, log, a) = (lab.open().await, LogId::generate(), lab.stream("a"));
    assert!(step(&*store, log, &a, 0, 1).await);
    assert_eq!(applied(&*store, log, &a).await, 1);
    assert!(step(&*store, log, &a, 1, 7).await, "a group's filter leaves versions out");
    assert_eq!(applied(&*store, log, &a).await, 7);
}

async fn a_step_from_another_version_changes_nothing(lab: &Lab) {
    let (store, log, a) = (lab.open().await, LogId::generate(), lab.stream("a"));
    assert!(!step(&*store, log, &a, 1, 2).await);
    assert_eq!(applied(&*store, log, &a).await, 0);
    assert!(step(&*store, log, &a, 0, 5).await);
    for from in [0, 4, 6] {
        assert!(!step(&*store, log, &a, from, 9).await, "from {from}");
    }
    assert_eq!(applied(&*store, log, &a).await, 5);
}

async fn a_step_that_leads_nowhere_is_refused(lab: &Lab) {
    let (store, log, a) = (lab.open().await, LogId::generate(), lab.stream("a"));
    assert!(step(&*store, log, &a, 0, 5).await);
    for to in [5, 4, 0] {
        let kind = refusal(store.step(&group("mail"), log, &a, version(5), version(to)).await);
        assert!(is_invalid(&kind, "step"), "{kind:?}");
    }
    assert_eq!(applied(&*store, log, &a).await, 5);
}

async fn groups_logs_and_streams_are_apart(lab: &Lab) {
    let (store, log, a) = (lab.open().await, LogId::generate(), lab.stream("a"));
    assert!(step(&*store, log, &a, 0, 5).await);
    assert_eq!(applied(&*store, log, &lab.stream("b")).await, 0);
    assert_eq!(applied(&*store, log, &lab.stream_in("Other", "a")).await, 0);
    assert_eq!(applied(&*store, LogId::generate(), &a).await, 0);
    assert_eq!(store.applied(&group("post"), log, &a).await.unwrap(), StreamVersion::ZERO);
    assert!(store.step(&group("post"), log, &a, version(0), version(1)).await.unwrap());
    assert_eq!(applied(&*store, log, &a).await, 5);
}

async fn every_stream_and_version_comes_back(lab: &Lab) {
    let (store, log) = (lab.open().await, LogId::generate());
    for key in ["it's \"quoted\"; DROP TABLE", "注文/№1@x", &"x".repeat(255)] {
        let stream = lab.stream(key);
        assert!(step(&*store, log, &stream, 0, i64::MAX as u64).await);
        assert_eq!(applied(&*store, log, &stream).await, i64::MAX as u64);
    }
    let of_tenant: StreamId = "acme@Test/a".parse().unwrap();
    assert!(step(&*store, log, &of_tenant, 0, 1).await);
    assert_eq!(applied(&*store, log, &"Test/a".parse().unwrap()).await, 0);
    assert_eq!(applied(&*store, log, &of_tenant).await, 1);
}

async fn of_concurrent_steps_one_is_done(lab: &Lab) {
    let (store, log, a) = (lab.open().await, LogId::generate(), lab.stream("a"));
    for round in 0..10 {
        let steps = (0..8).map(|_| {
            let (store, a) = (store.clone(), a.clone());
            async move { step(&*store, log, &a, round, round + 1).await }
        });
        assert_eq!(together(steps).await.iter().filter(|done| **done).count(), 1);
    }
}

async fn deliveries_that_come_twice_are_applied_once(lab: &Lab) {
    let (store, log) = (lab.open().await, LogId::generate());
    let streams: Vec<_> = (0..3).map(|key| lab.stream(key)).collect();
    // Each member gets every event of every stream, in order.
    let members = (0..6).map(|_| {
        let (store, streams) = (store.clone(), streams.clone());
        async move {
            let mut effects = 0;
            for delivered in 1..=20 {
                for stream in &streams {
                    let last = applied(&*store, log, stream).await;
                    effects +=
                        u64::from(last + 1 == delivered && step(&*store, log, stream, last, delivered).await);
                }
            }
            effects
        }
    });
    let effects: u64 = together(members).await.iter().sum();
    let mut kept = 0;
    for stream in &streams {
        kept += applied(&*store, log, stream).await;
    }
    assert_eq!(effects, kept, "as many effects as versions");
    assert_eq!(kept, 60);
}

async fn a_closed_inbox_refuses_every_call(lab: &Lab) {
    let (store, log, a) = (lab.open().await, LogId::generate(), lab.stream("a"));
    assert!(step(&*store, log, &a, 0, 1).await);
    store.close().await.unwrap();
    assert_eq!(refusal(store.applied(&group("mail"), log, &a).await), ErrorKind::Closed);
    assert_eq!(refusal(store.step(&group("mail"), log, &a, version(1), version(2)).await), ErrorKind::Closed);
}

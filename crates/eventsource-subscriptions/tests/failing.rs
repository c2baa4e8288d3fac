//! What fails is tried again, parked in sequence, skipped or stops: as the policy says, and never twice without need.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Diary, Tick, poison, quick, quick_failure, soon, stream, tick};
use eventsource_core::{
    ErrorKind, MemoryStore, Recorded,
    dead_letter::{CauseKind, LettersOptions, ParkingLimits},
    projection::{Context, Projection},
    request::Letters,
    status::ConsumerState,
};
use eventsource_subscriptions::{
    AfterRetries, Consequence, HandlerTimedOut, Notice, Reached, Subscription, SubscriptionOptions,
    Subscriptions, Verdict,
};

async fn started(
    store: &MemoryStore,
    diary: &Diary,
    options: SubscriptionOptions,
) -> (Subscriptions, Subscription) {
    let subscriptions = Subscriptions::new(store.clone());
    let subscription = subscriptions.projection("diary", diary.clone(), options).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    (subscriptions, subscription)
}

#[tokio::test]
async fn a_failing_event_is_parked_and_its_stream_waits_while_others_go_on() {
    for lanes in [1, 4] {
        let (store, diary) = (MemoryStore::new(), Diary::default());
        diary.fail_on([2]);
        let (_subscriptions, subscription) = started(&store, &diary, quick().with_lanes(lanes)).await;
        tick(&store, "a", 1).await;
        let failing = tick(&store, "a", 2).await;
        for number in 3..6 {
            tick(&store, "a", number).await;
            tick(&store, "b", number).await;
        }
        soon(subscription.wait_until_caught_up()).await.unwrap();
        assert_eq!((diary.of("a"), diary.of("b")), (vec![1], vec![3, 4, 5]));
        assert_eq!(diary.attempts(2), 3, "once and two retries, no more");
        assert_eq!(soon(subscription.wait_until(&failing)).await.unwrap(), Reached::Parked);

        let letters = subscription.letters(&LettersOptions::default()).await.unwrap();
        let kinds: Vec<_> = letters.iter().map(|l| (l.event.version.get(), l.cause.kind)).collect();
        let behind = CauseKind::Behind;
        assert_eq!(kinds, [(2, CauseKind::Handler), (3, behind), (4, behind), (5, behind)]);
        assert_eq!((letters[0].attempts, &*letters[0].cause.chain[0]), (3, "the diary does not like 2"));
        let statistics = subscription.letter_statistics().await.unwrap();
        assert_eq!((statistics.letters, statistics.streams), (4, 1));

        // Still failing: nothing is lost and the order stays.
        let report = soon(subscription.retry(Letters::All)).await.unwrap();
        assert_eq!((report.settled, report.failed), (0, 1));
        diary.fail_on([4]);
        let report = soon(subscription.retry(Letters::Stream(stream("a")))).await.unwrap();
        assert_eq!((report.settled, report.failed), (2, 1));
        diary.fail_on([]);
        let report = soon(subscription.retry(Letters::All)).await.unwrap();
        assert_eq!((report.settled, report.failed), (2, 0));
        tick(&store, "a", 6).await;
        soon(subscription.wait_until_caught_up()).await.unwrap();
        assert_eq!(diary.of("a"), [1, 2, 3, 4, 5, 6]);
        assert_eq!(soon(subscription.wait_until(&failing)).await.unwrap(), Reached::Handled);
    }
}

#[tokio::test]
async fn parked_streams_stay_parked_after_a_restart() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on([1]);
    let (subscriptions, subscription) = started(&store, &diary, quick()).await;
    tick(&store, "a", 1).await;
    soon(subscription.wait_until_caught_up()).await.unwrap();
    soon(subscriptions.stop(Duration::from_secs(5))).await;
    diary.fail_on([]);
    let (_subscriptions, subscription) = started(&store, &diary, quick()).await;
    tick(&store, "a", 2).await;
    tick(&store, "b", 3).await;
    soon(subscription.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [3]);
    soon(subscription.retry(Letters::All)).await.unwrap();
    assert_eq!(diary.all(), [3, 1, 2]);
}

#[tokio::test]
async fn letters_are_edited_and_given_up() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (_subscriptions, subscription) = started(&store, &diary, quick()).await;
    let poisoned = poison(&store, "a").await;
    tick(&store, "a", 2).await;
    poison(&store, "b").await;
    tick(&store, "b", 3).await;
    soon(subscription.wait_until_caught_up()).await.unwrap();
    assert!(diary.all().is_empty());
    let letters = subscription.letters(&LettersOptions::default().first_only()).await.unwrap();
    let causes: Vec<_> = letters.iter().map(|l| (l.cause.kind, l.attempts)).collect();
    assert_eq!(causes, [(CauseKind::Undecodable, 1), (CauseKind::Undecodable, 1)]);

    // What waits behind another one cannot go first.
    let waiting = subscription.letters(&LettersOptions::default().with_stream(stream("a"))).await.unwrap();
    let error = soon(subscription.retry(Letters::One(waiting[1].event.id))).await.unwrap_err();
    assert!(error.to_string().contains(&waiting[0].event.id.to_string()), "{error}");

    let report = soon(subscription.edit(letters[0].event.id, r#"{"number":1}"#)).await.unwrap();
    assert_eq!((report.settled, report.failed), (2, 0));
    assert_eq!(diary.of("a"), [1, 2]);
    assert_eq!(soon(subscription.wait_until(&poisoned)).await.unwrap(), Reached::Handled);

    let report = soon(subscription.discard(Letters::One(letters[1].event.id))).await.unwrap();
    assert_eq!(report.settled, 1);
    soon(subscription.retry(Letters::All)).await.unwrap();
    assert_eq!(diary.of("b"), [3]);
    assert!(soon(subscription.discard(Letters::One(letters[1].event.id))).await.is_err());
}

#[tokio::test]
async fn a_policy_that_stops_keeps_the_cause_and_goes_on_when_resumed() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on([2]);
    let options = quick().with_failure(quick_failure().with_after_retries(AfterRetries::Stop));
    let (_subscriptions, subscription) = started(&store, &diary, options).await;
    tick(&store, "a", 1).await;
    let token = tick(&store, "b", 2).await;
    let error = soon(subscription.wait_until(&token)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Handler);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the diary does not like 2");
    assert_eq!(subscription.state(), ConsumerState::Failed);
    assert!(!subscription.is_alive());
    diary.fail_on([]);
    soon(subscription.resume()).await.unwrap();
    soon(subscription.wait_until(&token)).await.unwrap();
    assert_eq!(diary.all(), [1, 2]);
}

#[tokio::test]
async fn a_policy_that_skips_counts() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on([2]);
    let options = quick().with_failure(quick_failure().with_after_retries(AfterRetries::Skip));
    let (_subscriptions, subscription) = started(&store, &diary, options).await;
    for number in 1..4 {
        tick(&store, "a", number).await;
    }
    soon(subscription.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [1, 3]);
    let statistics = subscription.statistics();
    assert_eq!((statistics.handled, statistics.skipped, statistics.parked), (2, 1, 0));
    assert_eq!((statistics.failed, statistics.retried), (3, 2));
}

/// A handler that misbehaves by number.
struct Misbehaving;

impl Projection for Misbehaving {
    type Event = Tick;
    type Error = common::Refused;

    async fn handle(&self, event: &Recorded<Tick>, _: Context<'_>) -> Result<(), common::Refused> {
        match event.event {
            Tick::Ticked { number: 1 } => panic!("one is too many"),
            Tick::Ticked { number: 2 } => std::future::pending().await,
            Tick::Ticked { .. } => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics_or_never_ends_is_a_failing_handler() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let options = quick().with_handler_timeout(Duration::from_millis(20));
    let subscription = subscriptions.projection("misbehaving", Misbehaving, options).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    for number in 1..4 {
        tick(&store, number, number).await;
    }
    soon(subscription.wait_until_caught_up()).await.unwrap();
    let letters = subscription.letters(&LettersOptions::default()).await.unwrap();
    let causes: Vec<_> = letters.iter().map(|l| (l.cause.kind, &*l.cause.chain[0])).collect();
    let expected = [
        (CauseKind::Panicked, "the handler panicked: one is too many"),
        (CauseKind::TimedOut, "the handler took longer than 20ms"),
    ];
    assert_eq!(causes, expected);
}

#[tokio::test]
async fn transient_failures_never_park() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on([1]);
    let policy = quick_failure().with_classify(|error| {
        (!error.is::<HandlerTimedOut>() && error.is::<common::Refused>()).then_some(Verdict::Transient)
    });
    let (_subscriptions, subscription) = started(&store, &diary, quick().with_failure(policy)).await;
    let token = tick(&store, "a", 1).await;
    soon(subscription.wait_for_state(ConsumerState::BackingOff)).await;
    while diary.attempts(1) < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(subscription.letter_statistics().await.unwrap().letters, 0);
    diary.fail_on([]);
    assert_eq!(soon(subscription.wait_until(&token)).await.unwrap(), Reached::Handled);
    soon(subscription.wait_for_state(ConsumerState::Live)).await;
}

#[tokio::test]
async fn when_everything_fails_parking_ends() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on(0..100);
    let policy = quick_failure().with_systemic_streams(4);
    let (_subscriptions, subscription) = started(&store, &diary, quick().with_failure(policy)).await;
    let mut last = None;
    for number in 0..20 {
        last = Some(tick(&store, number, number).await);
    }
    soon(subscription.wait_for_state(ConsumerState::BackingOff)).await;
    while diary.attempts(3) < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        subscription.letter_statistics().await.unwrap().letters,
        3,
        "the fourth stream is no accident"
    );
    diary.fail_on([]);
    soon(subscription.wait_until(&last.unwrap())).await.unwrap();
    assert_eq!(diary.all(), (3..20).collect::<Vec<_>>());
    soon(subscription.retry(Letters::All)).await.unwrap();
    assert_eq!(diary.all().len(), 20);
}

#[tokio::test]
async fn what_does_not_fit_stops_the_subscription_and_is_not_dropped() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on([1]);
    let options = quick().with_parking(ParkingLimits::default().with_letters_per_stream(2));
    let (_subscriptions, subscription) = started(&store, &diary, options).await;
    for number in 1..4 {
        tick(&store, "a", number).await;
    }
    soon(subscription.wait_for_state(ConsumerState::Failed)).await;
    let error = subscription.error().unwrap();
    assert!(matches!(error.kind(), ErrorKind::ParkingFull(_)), "{error}");
    diary.fail_on([]);
    soon(subscription.retry(Letters::All)).await.unwrap();
    soon(subscription.resume()).await.unwrap();
    soon(subscription.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [1, 2, 3]);
}

#[tokio::test]
async fn observers_are_told_what_happens() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    diary.fail_on([1]);
    let notices = Arc::new(Mutex::new(Vec::new()));
    let seen = notices.clone();
    let options = quick().with_observer(move |notice| seen.lock().unwrap().push(notice.clone()));
    let (subscriptions, subscription) = started(&store, &diary, options).await;
    tick(&store, "a", 1).await;
    tick(&store, "b", 2).await;
    soon(subscription.wait_until_caught_up()).await.unwrap();
    soon(subscriptions.stop(Duration::from_secs(5))).await;
    let notices = notices.lock().unwrap();
    let failed: Vec<_> = notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Failed { attempt, then, .. } => Some((*attempt, matches!(then, Consequence::Parked))),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [(1, false), (2, false), (3, true)]);
    let handled: usize =
        notices.iter().map(|n| if let Notice::Handled { events, .. } = n { *events } else { 0 }).sum();
    assert_eq!(handled, 1);
    let states: Vec<_> = notices
        .iter()
        .filter_map(|n| if let Notice::State { state, .. } = n { Some(*state) } else { None })
        .collect();
    assert_eq!(states.first(), Some(&ConsumerState::Starting));
    assert!(states.contains(&ConsumerState::Live));
    assert_eq!(states.last(), Some(&ConsumerState::Stopped));
}

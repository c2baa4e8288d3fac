//! Subscriptions miss nothing, repeat nothing that was done, and begin where they should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::{Diary, Tick, quick, soon, stream, tick};
use eventsource_core::{
    EventFilter, MemoryStore, Position, Recorded, TenantFilter, TenantId, Token,
    projection::ReadModel,
    status::ConsumerState,
    store::{EventFeed, EventStore},
};
use eventsource_subscriptions::{
    Checkpointing, Reached, Start, StopOutcome, SubscriptionOptions, Subscriptions,
};

/// The sum of all ticks.
#[derive(Debug, Default, Clone)]
struct Sum(u64);

impl ReadModel for Sum {
    type Event = Tick;

    fn apply(&mut self, event: &Recorded<Tick>) {
        let Tick::Ticked { number } = event.event;
        self.0 += number;
    }
}

#[tokio::test]
async fn a_read_model_shows_history_and_what_comes() {
    let store = MemoryStore::new();
    tick(&store, "a", 1).await;
    let subscriptions = Subscriptions::new(store.clone());
    let sum = subscriptions.read_model("sum", Sum::default()).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    let subscription = subscriptions.get("sum").unwrap();
    for number in 2..10 {
        let token = tick(&store, number, number).await;
        assert_eq!(soon(subscription.wait_until(&token)).await.unwrap(), Reached::Handled);
    }
    assert_eq!(sum.read(|sum| sum.0), 45);
    soon(subscription.wait_for_state(ConsumerState::Live)).await;
    assert!(subscription.is_ready() && subscription.is_alive());
    let report = soon(subscriptions.stop(Duration::from_secs(5))).await;
    assert!(report.outcomes.values().all(|outcome| *outcome == StopOutcome::Drained));
}

#[tokio::test]
async fn a_projection_goes_on_where_it_was_stopped() {
    for checkpoint in [
        Checkpointing::EveryEvent,
        Checkpointing::EveryBatch,
        Checkpointing::Periodic(Duration::from_secs(3_600)),
    ] {
        let store = MemoryStore::new();
        let diary = Diary::default();
        let mut expected = Vec::new();
        for round in 0..5 {
            let subscriptions = Subscriptions::new(store.clone());
            let options = quick().with_checkpoint(checkpoint).with_batch_events(3);
            let subscription = subscriptions.projection("diary", diary.clone(), options).unwrap();
            soon(subscriptions.start()).await.into_result().unwrap();
            for i in 0..10 {
                expected.push(round * 10 + i);
                tick(&store, i % 4, round * 10 + i).await;
            }
            soon(subscription.wait_until_caught_up()).await.unwrap();
            soon(subscriptions.stop(Duration::from_secs(5))).await;
            // Appended while nothing runs.
            expected.push(1_000 + round);
            tick(&store, "between", 1_000 + round).await;
        }
        expected.pop();
        assert_eq!(diary.all(), expected, "{checkpoint:?}");
    }
}

#[tokio::test]
async fn a_new_subscription_begins_where_it_is_told() {
    let store = MemoryStore::new();
    let mut tokens = Vec::new();
    for number in 0..4 {
        tokens.push(tick(&store, "a", number).await);
    }
    let cases = [
        ("beginning", Start::Beginning, vec![0, 1, 2, 3, 4]),
        ("end", Start::End, vec![4]),
        ("after", Start::After(tokens[1].position), vec![2, 3, 4]),
        ("time", Start::Time(eventsource_core::Timestamp::MIN), vec![0, 1, 2, 3, 4]),
        ("future", Start::Time(eventsource_core::Timestamp::MAX), vec![4]),
    ];
    let subscriptions = Subscriptions::new(store.clone());
    let mut diaries = Vec::new();
    for (name, start, expected) in cases {
        let diary = Diary::default();
        let subscription = subscriptions.projection(name, diary.clone(), quick().with_start(start)).unwrap();
        diaries.push((subscription, diary, expected));
    }
    soon(subscriptions.start()).await.into_result().unwrap();
    let last = tick(&store, "a", 4).await;
    for (subscription, diary, expected) in diaries {
        soon(subscription.wait_until(&last)).await.unwrap();
        assert_eq!(diary.all(), expected, "{subscription:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_keep_the_order_of_each_stream_and_miss_nothing() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let diary = Diary::default();
    let subscription =
        subscriptions.projection("diary", diary.clone(), quick().with_lanes(4).with_batch_events(7)).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    let writers = (0..8_u64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                tick(&store, writer, number).await;
                tick(&store, "shared", writer * 1_000 + number).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    soon(subscription.wait_until_caught_up()).await.unwrap();
    for writer in 0..8_u64 {
        assert_eq!(diary.of(writer), (0..100).collect::<Vec<_>>());
        let shared: Vec<u64> = diary.of("shared").into_iter().filter(|n| n / 1_000 == writer).collect();
        assert!(shared.is_sorted() && shared.len() == 100);
    }
    assert_eq!(diary.all().len(), 1_600, "nothing came twice");
}

#[tokio::test]
async fn another_number_of_lanes_repeats_nothing() {
    let store = MemoryStore::new();
    let diary = Diary::default();
    let mut expected = Vec::new();
    for (round, lanes) in [1, 4, 3, 1, 8, 2].into_iter().enumerate() {
        let subscriptions = Subscriptions::new(store.clone());
        let subscription =
            subscriptions.projection("diary", diary.clone(), quick().with_lanes(lanes)).unwrap();
        soon(subscriptions.start()).await.into_result().unwrap();
        for i in 0..50 {
            let number = round as u64 * 100 + i;
            expected.push(number);
            tick(&store, number, number).await;
        }
        soon(subscription.wait_until_caught_up()).await.unwrap();
        soon(subscriptions.stop(Duration::from_secs(5))).await;
    }
    let mut all = diary.all();
    all.sort_unstable();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn what_commits_late_is_not_missed() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let diary = Diary::default();
    let subscription = subscriptions.projection("diary", diary.clone(), quick()).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    tick(&store, "a", 1).await;
    let held = store.hold_next_append();
    let late = tokio::spawn({
        let store = store.clone();
        async move { tick(&store, "late", 2).await }
    });
    soon(held.reached()).await;
    let after = tick(&store, "b", 3).await;
    held.release();
    soon(late).await.unwrap();
    soon(subscription.wait_until(&after)).await.unwrap();
    assert_eq!(diary.all(), [1, 2, 3]);
}

#[tokio::test]
async fn only_the_events_asked_for_come() {
    let store = MemoryStore::new();
    let acme = TenantId::new("acme").unwrap();
    let filter = EventFilter::all().tenant(TenantFilter::Only(acme));
    let subscriptions = Subscriptions::new(store.clone());
    let diary = Diary::default();
    let subscription = subscriptions.projection("diary", diary.clone(), quick().with_filter(filter)).unwrap();
    let none = Diary::default();
    let filter = EventFilter::all().events("Clock", ["Struck*"]).unwrap();
    let nothing = subscriptions.projection("none", none.clone(), quick().with_filter(filter)).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    for number in 0..6 {
        let tenant = ["acme@Clock/1", "other@Clock/1", "Clock/1"][number as usize % 3];
        let event = eventsource_core::NewEvent::encode(
            eventsource_core::EventId::generate(),
            &Tick::Ticked { number },
        )
        .unwrap();
        common::append(&store, tenant.parse().unwrap(), event).await;
    }
    soon(subscription.wait_until_caught_up()).await.unwrap();
    soon(nothing.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [0, 3]);
    assert!(none.all().is_empty());
}

#[tokio::test]
async fn the_lag_is_right_in_every_state() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let subscription = subscriptions.projection("diary", Diary::default(), quick()).unwrap();
    tick(&store, "a", 1).await;
    let status = subscription.status().await.unwrap();
    assert_eq!((status.state, status.lag_events), (ConsumerState::Stopped, 1));
    soon(subscriptions.start()).await.into_result().unwrap();
    soon(subscription.wait_for_state(ConsumerState::Live)).await;
    let status = subscription.status().await.unwrap();
    assert_eq!((status.lag_events, status.lag), (0, Duration::ZERO));
    soon(subscription.pause("a look")).await.unwrap();
    tick(&store, "a", 2).await;
    tick(&store, "a", 3).await;
    let status = subscription.status().await.unwrap();
    assert_eq!((status.state, status.lag_events), (ConsumerState::Paused, 2));
    assert_eq!(status.reason.as_deref(), Some("a look"));
    soon(subscription.resume()).await.unwrap();
    soon(subscription.wait_for_state(ConsumerState::Live)).await;
    soon(subscriptions.stop(Duration::from_secs(5))).await;
    tick(&store, "a", 4).await;
    let status = subscription.status().await.unwrap();
    assert_eq!((status.state, status.lag_events), (ConsumerState::Stopped, 1));
}

#[tokio::test]
async fn nothing_is_handled_while_it_is_paused() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let diary = Diary::default();
    let subscription = subscriptions.projection("diary", diary.clone(), quick()).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    for round in 0..20 {
        tick(&store, "a", round * 2).await;
        soon(subscription.pause("test")).await.unwrap();
        let before = diary.all().len();
        tick(&store, "a", round * 2 + 1).await;
        tokio::task::yield_now().await;
        assert_eq!(diary.all().len(), before);
        soon(subscription.resume()).await.unwrap();
    }
    soon(subscription.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rewind_repeats_and_passes_over_as_asked() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let diary = Diary::default();
    let subscription = subscriptions.projection("diary", diary.clone(), quick().with_lanes(3)).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    let mut tokens = Vec::new();
    for number in 0..5 {
        tokens.push(tick(&store, "a", number).await);
    }
    soon(subscription.wait_until(&tokens[4])).await.unwrap();
    soon(subscription.rewind(tokens[2].position)).await.unwrap();
    soon(subscription.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [0, 1, 2, 3, 4, 3, 4]);
    soon(subscription.rewind(Position::START)).await.unwrap();
    let last = tick(&store, "a", 5).await;
    soon(subscription.wait_until(&last)).await.unwrap();
    assert_eq!(diary.all(), [0, 1, 2, 3, 4, 3, 4, 0, 1, 2, 3, 4, 5]);
    let ahead = Position::new(last.position.get() + 1);
    assert!(soon(subscription.rewind(ahead)).await.is_err());
}

#[tokio::test]
async fn a_token_of_another_log_is_refused() {
    let store = MemoryStore::new();
    let subscriptions = Subscriptions::new(store.clone());
    let subscription = subscriptions.projection("diary", Diary::default(), quick()).unwrap();
    let token = Token { log: eventsource_core::LogId::generate(), position: Position::START };
    let error = subscription.wait_until(&token).await.unwrap_err();
    assert!(matches!(error.kind(), eventsource_core::ErrorKind::ForeignLog { .. }), "{error}");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let subscriptions = Subscriptions::new(MemoryStore::new());
    subscriptions.projection("diary", Diary::default(), quick()).unwrap();
    assert!(subscriptions.read_model("diary", Sum::default()).is_err());
    let options = [quick().with_lanes(0), quick().with_batch_events(0), quick().with_version(0)];
    for options in options {
        assert!(subscriptions.projection("other", Diary::default(), options).is_err());
    }
}

#[tokio::test]
async fn a_restored_log_is_refused_until_it_is_dealt_with() {
    let store = MemoryStore::new();
    let mut tokens = Vec::new();
    for number in 0..4 {
        tokens.push(tick(&store, "a", number).await);
    }
    let diary = Diary::default();
    let run = |feed: MemoryStore| {
        // Checkpoints lie elsewhere and were not restored.
        let subscriptions = Subscriptions::with_parts(feed, store.clone(), store.clone(), store.clone());
        let subscription = subscriptions.projection("diary", diary.clone(), quick()).unwrap();
        (subscriptions, subscription)
    };
    let (subscriptions, subscription) = run(store.clone());
    soon(subscriptions.start()).await.into_result().unwrap();
    soon(subscription.wait_until_caught_up()).await.unwrap();
    soon(subscriptions.stop(Duration::from_secs(5))).await;

    // Behind the head, and with other events at the same positions.
    for appended in 0..4 {
        let restored = store.restored_to(tokens[1].position);
        for number in 0..appended {
            tick(&restored, "a", 100 + number).await;
        }
        let (subscriptions, subscription) = run(restored.clone());
        let report = soon(subscriptions.start()).await;
        let error = report.into_result().unwrap_err();
        assert_eq!(error.kind(), &eventsource_core::ErrorKind::HistoryDiverged, "{appended}: {error}");
        assert_eq!(subscription.state(), ConsumerState::Failed);
        soon(subscriptions.stop(Duration::from_secs(5))).await;
    }
    assert_eq!(diary.all(), [0, 1, 2, 3]);

    // Rewound to what both histories share, it goes on.
    let restored = store.restored_to(tokens[1].position);
    let (subscriptions, subscription) = run(restored.clone());
    soon(subscriptions.start()).await;
    soon(subscription.rewind(tokens[1].position)).await.unwrap();
    soon(subscription.resume()).await.unwrap();
    let token = tick(&restored, "a", 200).await;
    soon(subscription.wait_until(&token)).await.unwrap();
    assert_eq!(diary.all(), [0, 1, 2, 3, 200]);
    assert_eq!(EventStore::stream(&restored, &stream("a")).await.unwrap().version.get(), 3);
    assert_eq!(restored.head().await.unwrap(), token.position);
}

#[tokio::test]
async fn a_stop_that_takes_too_long_is_forced() {
    struct Endless(std::sync::Arc<tokio::sync::Notify>);
    impl eventsource_core::projection::Projection for Endless {
        type Event = Tick;
        type Error = std::convert::Infallible;

        async fn handle(
            &self,
            _: &Recorded<Tick>,
            _: eventsource_core::projection::Context<'_>,
        ) -> Result<(), Self::Error> {
            self.0.notify_one();
            std::future::pending().await
        }
    }
    let store = MemoryStore::new();
    let begun = std::sync::Arc::new(tokio::sync::Notify::new());
    let subscriptions = Subscriptions::new(store.clone());
    let endless =
        subscriptions.projection("endless", Endless(begun.clone()), SubscriptionOptions::default()).unwrap();
    subscriptions.projection("diary", Diary::default(), quick()).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    tick(&store, "a", 1).await;
    soon(begun.notified()).await;
    let report = soon(subscriptions.stop(Duration::from_millis(50))).await;
    let outcomes: Vec<_> =
        report.outcomes.into_iter().map(|(name, outcome)| (name.to_string(), outcome)).collect();
    let expected = [("diary".to_owned(), StopOutcome::Drained), ("endless".to_owned(), StopOutcome::Forced)];
    assert_eq!(outcomes, expected);
    assert_eq!(endless.state(), ConsumerState::Stopped);
    assert!(endless.pause("late").await.is_err());
}

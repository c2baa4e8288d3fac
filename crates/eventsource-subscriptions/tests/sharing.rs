//! Several processes share a subscription: one runs it, another takes over, and none does what another has taken over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::{Diary, quick, soon, tick};
use eventsource_core::{MemoryStore, status::ConsumerState};
use eventsource_subscriptions::{Subscription, Subscriptions};

async fn instance(store: &MemoryStore, diary: &Diary) -> (Subscriptions, Subscription) {
    let subscriptions = Subscriptions::new(store.clone());
    let subscription = subscriptions.projection("diary", diary.clone(), quick()).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    (subscriptions, subscription)
}

#[tokio::test]
async fn one_runs_and_the_other_takes_over_when_it_stops() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (first, one) = instance(&store, &diary).await;
    soon(one.wait_for_state(ConsumerState::Live)).await;
    let (_second, two) = instance(&store, &diary).await;
    soon(two.wait_for_state(ConsumerState::Waiting)).await;
    tick(&store, "a", 1).await;
    soon(one.wait_until_caught_up()).await.unwrap();
    soon(first.stop(Duration::from_secs(5))).await;
    let token = tick(&store, "a", 2).await;
    soon(two.wait_until(&token)).await.unwrap();
    assert_eq!(diary.all(), [1, 2]);
}

#[tokio::test]
async fn one_that_dies_is_followed_when_its_lease_ends() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (first, one) = instance(&store, &diary).await;
    let (_second, two) = instance(&store, &diary).await;
    tick(&store, "a", 1).await;
    soon(one.wait_until_caught_up()).await.unwrap();
    let died = std::time::Instant::now();
    // No farewell: its lease goes on until it ends by itself.
    drop(first);
    let token = tick(&store, "a", 2).await;
    soon(two.wait_until(&token)).await.unwrap();
    assert!(died.elapsed() < Duration::from_secs(5), "another one takes over within seconds");
    assert_eq!(diary.all(), [1, 2]);
}

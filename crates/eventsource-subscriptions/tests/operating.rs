//! A process that knows only the database sees what subscriptions do, and asks things of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::{Diary, poison, quick, soon, tick};
use eventsource_core::{
    ConsumerName, EventId, MemoryStore, Place, Position,
    request::{Ask, Letters, NewRequest, Request, RequestState, RequestStore},
    status::{ConsumerState, InstanceStatus, StatusStore},
    store::EventFeed,
};
use eventsource_subscriptions::{Subscription, Subscriptions};

async fn started(store: &MemoryStore, diary: &Diary) -> (Subscriptions, Subscription) {
    let subscriptions = Subscriptions::new(store.clone());
    let subscription = subscriptions.projection("diary", diary.clone(), quick()).unwrap();
    soon(subscriptions.start()).await.into_result().unwrap();
    (subscriptions, subscription)
}

fn ask(ask: Ask) -> NewRequest {
    NewRequest {
        id: *EventId::generate().as_uuid(),
        consumer: ConsumerName::new("diary").unwrap(),
        ask,
        operator: "ada".into(),
        reason: "a test".into(),
        expires_in: Duration::from_secs(60),
    }
}

/// Asks, and waits until what is wanted has come of it.
async fn settled(store: &MemoryStore, new: &NewRequest, is_wanted: impl Fn(&Request) -> bool) -> Request {
    store.submit(new).await.unwrap();
    soon(async {
        loop {
            let request = store.request(new.id).await.unwrap().unwrap();
            if is_wanted(&request) {
                return request;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

async fn status(store: &MemoryStore, is_wanted: impl Fn(&InstanceStatus) -> bool) -> InstanceStatus {
    soon(async {
        loop {
            let statuses = store.statuses().await.unwrap();
            if let Some(status) = statuses.into_iter().find(&is_wanted) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

fn is_final(request: &Request) -> bool {
    request.state.is_final()
}

#[tokio::test]
async fn what_runs_is_seen_from_outside() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (subscriptions, subscription) = started(&store, &diary).await;
    let declared = store.declarations().await.unwrap();
    assert_eq!(declared[0].0.consumer, *subscription.consumer());
    assert_eq!(declared[0].1, [subscriptions.instance().clone()]);

    let token = tick(&store, "a", 1).await;
    let live = status(&store, |s| s.state == ConsumerState::Live && s.position == token.position).await;
    assert_eq!((live.lag_events, live.letters, &live.instance), (Some(0), 0, subscriptions.instance()));
    let poisoned = poison(&store, "a").await;
    tick(&store, "a", 3).await;
    let parked = status(&store, |s| s.letters == 2).await;
    assert_eq!(parked.parked_streams, 1);
    assert!(parked.oldest_letter_at.is_some());
    assert!(parked.position >= poisoned.position);
}

#[tokio::test]
async fn a_pause_holds_until_it_is_resumed_also_when_its_owner_dies() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (first, _one) = started(&store, &diary).await;
    let pause = ask(Ask::Pause);
    let in_force = |r: &Request| r.state == RequestState::Running && r.outcome.is_some();
    settled(&store, &pause, in_force).await;
    let paused = status(&store, |s| s.state == ConsumerState::Paused).await;
    assert_eq!(paused.reason.as_deref(), Some("a test (ada)"));
    tick(&store, "a", 1).await;
    drop(first);

    let (_second, two) = started(&store, &diary).await;
    soon(two.wait_for_state(ConsumerState::Paused)).await;
    let handled_meanwhile = diary.all().len();
    tick(&store, "a", 2).await;
    let resumed = settled(&store, &ask(Ask::Resume), is_final).await;
    assert_eq!(resumed.state, RequestState::Done);
    soon(two.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [1, 2]);
    assert!(handled_meanwhile <= 1, "it may handle what was there before it hears of the pause");
    assert_eq!(store.request(pause.id).await.unwrap().unwrap().state, RequestState::Done);
}

#[tokio::test]
async fn letters_are_settled_by_request() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (_subscriptions, subscription) = started(&store, &diary).await;
    diary.fail_on([1]);
    tick(&store, "a", 1).await;
    tick(&store, "a", 2).await;
    poison(&store, "b").await;
    soon(subscription.wait_until_caught_up()).await.unwrap();
    diary.fail_on([]);
    let retried = settled(&store, &ask(Ask::Retry(Letters::All)), is_final).await;
    assert_eq!(retried.state, RequestState::Done);
    assert_eq!(retried.outcome.as_deref(), Some("2 letters settled, 1 failed again"));
    assert_eq!(diary.all(), [1, 2]);
    let discarded = settled(&store, &ask(Ask::Discard(Letters::All)), is_final).await;
    assert_eq!(discarded.outcome.as_deref(), Some("1 letters settled, 0 failed again"));
    assert_eq!(subscription.letter_statistics().await.unwrap().letters, 0);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (_subscriptions, _subscription) = started(&store, &diary).await;
    let incarnation = EventFeed::log(&store).incarnation;
    let ahead = Place { incarnation, position: Position::new(7), event: None };
    for (what, part) in [
        (Ask::Rewind { to: ahead }, "ahead of the log's head"),
        (Ask::Rewind { to: Place::start(eventsource_core::Incarnation::generate()) }, "incarnation"),
        (Ask::Reset, "cannot empty"),
        (Ask::Retry(Letters::One(EventId::generate())), "no letter"),
        (Ask::Rebuild { version: 2, switch: true }, "this release"),
    ] {
        let request = settled(&store, &ask(what.clone()), is_final).await;
        assert_eq!(request.state, RequestState::Refused, "{what:?}");
        assert!(request.outcome.as_deref().unwrap().contains(part), "{what:?}: {:?}", request.outcome);
    }
    let start = settled(&store, &ask(Ask::Rewind { to: Place::start(incarnation) }), is_final).await;
    assert_eq!(start.state, RequestState::Done);
}

#[tokio::test]
async fn a_request_without_an_owner_waits_for_the_next_one() {
    let (store, diary) = (MemoryStore::new(), Diary::default());
    let (first, _) = started(&store, &diary).await;
    tick(&store, "a", 1).await;
    soon(first.get("diary").unwrap().wait_until_caught_up()).await.unwrap();
    soon(first.stop(Duration::from_secs(5))).await;
    let incarnation = EventFeed::log(&store).incarnation;
    let rewind = ask(Ask::Rewind { to: Place::start(incarnation) });
    store.submit(&rewind).await.unwrap();
    let (_second, two) = started(&store, &diary).await;
    settled(&store, &rewind, is_final).await;
    soon(two.wait_until_caught_up()).await.unwrap();
    assert_eq!(diary.all(), [1, 1]);
}

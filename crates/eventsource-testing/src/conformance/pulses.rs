//! The requests that come with a beat.

use std::time::Duration;

use eventsource_core::{
    lease::{Beat, HeldLease, Lease, LeaseStore},
    request::{Ask, NewRequest, RequestId, RequestState, RequestStore},
};

use super::{
    leases::{beat, granted},
    requests::{NONE, asking, word},
};

cases! { $ pulses, pulses_cases, LeaseStore | RequestStore:
    a_beat_brings_the_requests_to_its_consumers,
    requests_come_again_until_they_are_final,
    a_running_request_comes_to_the_next_owner,
    requests_of_a_lost_lease_do_not_come,
    an_expired_request_does_not_come,
    a_consumer_with_several_leases_is_told_once,
    the_oldest_hundred_come_first,
}

/// A beat for a lease that lets a consumer run.
fn beat_for(lease: &Lease, consumers: &[&str]) -> Beat {
    let held = |consumer: &&str| HeldLease {
        name: lease.name.clone(),
        epoch: lease.epoch,
        consumer: Some(consumer.parse().unwrap()),
    };
    Beat { leases: consumers.iter().map(held).collect(), ..beat(lease.owner.as_str(), &[]) }
}

async fn submitted(store: &dyn Port, of: &str) -> NewRequest {
    let asked = asking(of, Ask::Pause);
    store.submit(&asked).await.unwrap();
    asked
}

async fn told(store: &dyn Port, beat: &Beat) -> Vec<RequestId> {
    store.beat(beat).await.unwrap().requests.iter().map(|request| request.asked.id).collect()
}

async fn a_beat_brings_the_requests_to_its_consumers(lab: &Lab) {
    let store = lab.open().await;
    let [one, _, three, four] = [
        submitted(&*store, "a").await,
        submitted(&*store, "b").await,
        submitted(&*store, "c").await,
        submitted(&*store, "a").await,
    ];
    let [a, lock] = [granted(&store, "a@1", "i").await, granted(&store, "lock", "i").await];
    assert_eq!(told(&*store, &beat_for(&a, &["a", "c"])).await, [one.id, three.id, four.id]);
    assert_eq!(told(&*store, &beat("i", &[&a, &lock])).await, NONE, "a lock has no requests");
    let pulse = store.beat(&beat_for(&a, &["c"])).await.unwrap();
    assert_eq!(pulse.requests, [store.request(three.id).await.unwrap().unwrap()], "the whole request");
}

async fn requests_come_again_until_they_are_final(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "a").await;
    let lease = granted(&store, "a@1", "i").await;
    let beat = beat_for(&lease, &["a"]);
    assert_eq!(told(&*store, &beat).await, [asked.id]);
    assert!(store.update(&word(&asked, lease.epoch.get(), RequestState::Running)).await.unwrap());
    assert_eq!(told(&*store, &beat).await, [asked.id]);
    assert!(store.update(&word(&asked, lease.epoch.get(), RequestState::Done)).await.unwrap());
    assert_eq!(told(&*store, &beat).await, NONE);
}

async fn a_running_request_comes_to_the_next_owner(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "a").await;
    let dead = granted(&store, "a@1", "dead").await;
    assert!(store.update(&word(&asked, dead.epoch.get(), RequestState::Running)).await.unwrap());
    lab.clock().advance(Duration::from_secs(2));
    let heir = granted(&store, "a@1", "heir").await;
    assert_eq!(told(&*store, &beat_for(&heir, &["a"])).await, [asked.id]);
    assert!(store.update(&word(&asked, heir.epoch.get(), RequestState::Done)).await.unwrap());
    assert!(!store.update(&word(&asked, dead.epoch.get(), RequestState::Failed)).await.unwrap());
}

async fn requests_of_a_lost_lease_do_not_come(lab: &Lab) {
    let store = lab.open().await;
    submitted(&*store, "a").await;
    let lease = granted(&store, "a@1", "i").await;
    lab.clock().advance(Duration::from_secs(2));
    assert_eq!(told(&*store, &beat_for(&lease, &["a"])).await, NONE);
}

async fn an_expired_request_does_not_come(lab: &Lab) {
    let store = lab.open().await;
    submitted(&*store, "a").await;
    lab.clock().advance(Duration::from_secs(60));
    let later = submitted(&*store, "a").await;
    let lease = granted(&store, "a@1", "i").await;
    assert_eq!(told(&*store, &beat_for(&lease, &["a"])).await, [later.id]);
}

async fn a_consumer_with_several_leases_is_told_once(lab: &Lab) {
    let store = lab.open().await;
    let asked = submitted(&*store, "a").await;
    let lease = granted(&store, "a@1", "i").await;
    assert_eq!(told(&*store, &beat_for(&lease, &["a", "a"])).await, [asked.id]);
}

async fn the_oldest_hundred_come_first(lab: &Lab) {
    let store = lab.open().await;
    let mut asked = Vec::new();
    for number in 0..130 {
        asked.push(submitted(&*store, if number % 2 == 0 { "a" } else { "b" }).await.id);
    }
    let lease = granted(&store, "a@1", "i").await;
    assert_eq!(told(&*store, &beat_for(&lease, &["a", "b"])).await, asked[..100]);
}

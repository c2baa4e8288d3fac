//! Who may run what: leases, their ends and their epochs.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use eventsource_core::{
    Clock, Epoch, ErrorKind, InstanceId, Timestamp,
    lease::{Acquired, Beat, HeldLease, Lease, LeaseName, LeaseStore, Pulse},
};

use super::support::{cancel_everywhere, is_invalid, refusal, together};

cases! { $ leases, leases_cases, LeaseStore:
    a_free_lease_is_granted,
    a_held_lease_is_told_with_its_owner,
    the_owner_keeps_its_epoch_and_gets_a_new_end,
    a_lease_ends_when_its_time_has_passed,
    an_ended_lease_is_granted_to_another,
    epochs_grow_over_all_names,
    no_epoch_is_given_again_after_a_release,
    no_epoch_is_given_again_after_an_end,
    a_time_to_live_of_zero_is_refused,
    of_many_that_ask_one_gets_the_lease,
    a_beat_renews_what_is_held_and_tells_what_is_lost,
    a_beat_that_is_late_has_lost_even_if_nobody_took_the_lease,
    a_beat_under_an_older_epoch_has_lost,
    a_beat_of_another_instance_has_lost,
    a_beat_without_leases_renews_nothing,
    releasing_frees_the_lease_at_once,
    releasing_what_another_holds_changes_nothing,
    releasing_under_an_older_epoch_changes_nothing,
    releasing_what_has_ended_is_too_late,
    every_name_comes_back,
    leases_are_listed_by_the_beginning_of_their_names,
    leases_that_ended_are_not_listed,
    a_clock_that_goes_back_delays_no_lease_by_more_than_its_time,
    a_clock_that_jumps_ahead_ends_all_leases,
    instances_in_turn_hold_ever_newer_epochs,
    a_dropped_acquisition_got_the_lease_or_not,
    a_closed_lease_store_refuses_every_call,
}

const TTL: Duration = Duration::from_secs(2);
const MICROSECOND: Duration = Duration::from_micros(1);

pub(super) fn name(text: &str) -> LeaseName {
    LeaseName::new(text).unwrap()
}

pub(super) fn instance(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

/// Gets a lease that must be free.
pub(super) async fn granted<S: LeaseStore + ?Sized>(store: &S, of: &str, owner: &str) -> Lease {
    match store.acquire(&name(of), &instance(owner), TTL).await.unwrap() {
        Acquired::Granted(lease) => lease,
        Acquired::Held(lease) => panic!("{of} is not free for {owner}: {lease:?}"),
    }
}

/// Who has a lease that the caller must not get.
async fn held(store: &dyn Port, of: &str, asking: &str) -> Lease {
    match store.acquire(&name(of), &instance(asking), TTL).await.unwrap() {
        Acquired::Held(lease) => lease,
        Acquired::Granted(lease) => panic!("{asking} got {lease:?}"),
    }
}

/// A beat for leases of no consumer.
pub(super) fn beat(of: &str, leases: &[&Lease]) -> Beat {
    let leases = leases
        .iter()
        .map(|lease| HeldLease { name: lease.name.clone(), epoch: lease.epoch, consumer: None })
        .collect();
    Beat { instance: instance(of), ttl: TTL, leases, statuses: Vec::new() }
}

fn names(pulse: &Pulse) -> (Vec<&str>, Vec<&str>) {
    let renewed = pulse.renewed.iter().map(|lease| lease.name.as_str()).collect();
    (renewed, pulse.lost.iter().map(LeaseName::as_str).collect())
}

async fn a_free_lease_is_granted(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.lease(&name("sales@1")).await.unwrap(), None);
    let lease = granted(&store, "sales@1", "a").await;
    assert_eq!((lease.name.as_str(), lease.owner.as_str()), ("sales@1", "a"));
    assert_eq!(lease.expires_at, lab.clock().now().plus(TTL));
    assert!(lease.epoch > Epoch::NONE);
    assert_eq!(store.lease(&name("sales@1")).await.unwrap(), Some(lease));
    granted(&store, "sales@2", "b").await;
}

async fn a_held_lease_is_told_with_its_owner(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL - MICROSECOND);
    assert_eq!(held(&*store, "sales@1", "b").await, lease);
    assert_eq!(store.lease(&name("sales@1")).await.unwrap(), Some(lease));
}

async fn the_owner_keeps_its_epoch_and_gets_a_new_end(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    granted(&store, "other", "b").await;
    lab.clock().advance(Duration::from_secs(1));
    let again = granted(&store, "sales@1", "a").await;
    assert_eq!(again, Lease { expires_at: lab.clock().now().plus(TTL), ..lease });
    lab.clock().advance(TTL - MICROSECOND);
    assert_eq!(held(&*store, "sales@1", "b").await, again);
}

async fn a_lease_ends_when_its_time_has_passed(lab: &Lab) {
    let store = lab.open().await;
    granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL);
    assert_eq!(store.lease(&name("sales@1")).await.unwrap(), None);
}

async fn an_ended_lease_is_granted_to_another(lab: &Lab) {
    let store = lab.open().await;
    let first = granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL);
    let second = granted(&store, "sales@1", "b").await;
    assert!(second.epoch > first.epoch);
    assert_eq!(held(&*store, "sales@1", "a").await, second);
}

async fn epochs_grow_over_all_names(lab: &Lab) {
    let store = lab.open().await;
    let mut last = Epoch::NONE;
    for (of, owner) in [("a", "1"), ("b", "1"), ("c", "2"), ("0", "3")] {
        let epoch = granted(&store, of, owner).await.epoch;
        assert!(epoch > last, "{of}: {epoch} after {last}");
        last = epoch;
    }
}

async fn no_epoch_is_given_again_after_a_release(lab: &Lab) {
    let store = lab.open().await;
    let mut last = Epoch::NONE;
    for round in 0..5 {
        let owner = if round % 2 == 0 { "a" } else { "b" };
        let lease = granted(&store, "sales@1", owner).await;
        assert!(lease.epoch > last);
        last = lease.epoch;
        assert!(store.release(&lease.name, &lease.owner, lease.epoch).await.unwrap());
    }
}

async fn no_epoch_is_given_again_after_an_end(lab: &Lab) {
    let store = lab.open().await;
    let mut last = Epoch::NONE;
    // Also not to the instance that had it.
    for owner in ["a", "a", "b", "a"] {
        let lease = granted(&store, "sales@1", owner).await;
        assert!(lease.epoch > last);
        last = lease.epoch;
        lab.clock().advance(TTL);
    }
}

async fn a_time_to_live_of_zero_is_refused(lab: &Lab) {
    let store = lab.open().await;
    for ttl in [Duration::ZERO, Duration::from_nanos(999)] {
        assert!(is_invalid(&refusal(store.acquire(&name("x"), &instance("a"), ttl).await), "ttl"));
        assert!(is_invalid(&refusal(store.beat(&Beat { ttl, ..beat("a", &[]) }).await), "ttl"));
    }
    assert_eq!(store.lease(&name("x")).await.unwrap(), None);
}

async fn of_many_that_ask_one_gets_the_lease(lab: &Lab) {
    let store = lab.open().await;
    for round in 0..5 {
        let lease = name(&format!("sales@{round}"));
        let asks = (0..16).map(|number| {
            let (store, lease) = (store.clone(), lease.clone());
            async move { store.acquire(&lease, &instance(&format!("i{number}")), TTL).await.unwrap() }
        });
        let answers = together(asks).await;
        let is_granted = |answer: &&Acquired| matches!(answer, Acquired::Granted(_));
        assert_eq!(answers.iter().filter(is_granted).count(), 1);
        let leases: BTreeSet<_> = answers
            .iter()
            .map(|answer| match answer {
                Acquired::Granted(lease) | Acquired::Held(lease) => (lease.owner.clone(), lease.epoch),
            })
            .collect();
        assert_eq!(leases.len(), 1, "all are told the same");
    }
}

async fn a_beat_renews_what_is_held_and_tells_what_is_lost(lab: &Lab) {
    let store = lab.open().await;
    let [one, two, three] =
        [granted(&store, "1", "a").await, granted(&store, "2", "a").await, granted(&store, "3", "a").await];
    assert!(store.release(&two.name, &two.owner, two.epoch).await.unwrap());
    let never = Lease { name: name("never"), ..one.clone() };
    lab.clock().advance(Duration::from_secs(1));
    let pulse = store.beat(&beat("a", &[&one, &two, &three, &never])).await.unwrap();
    assert_eq!(names(&pulse), (vec!["1", "3"], vec!["2", "never"]));
    let until = lab.clock().now().plus(TTL);
    let expected = [Lease { expires_at: until, ..one }, Lease { expires_at: until, ..three }];
    assert_eq!(pulse.renewed, expected);
    assert_eq!(store.leases("").await.unwrap(), expected);
}

async fn a_beat_that_is_late_has_lost_even_if_nobody_took_the_lease(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL);
    let pulse = store.beat(&beat("a", &[&lease])).await.unwrap();
    assert_eq!(names(&pulse), (vec![], vec!["sales@1"]));
    assert_eq!(store.lease(&lease.name).await.unwrap(), None);
}

async fn a_beat_under_an_older_epoch_has_lost(lab: &Lab) {
    let store = lab.open().await;
    let old = granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL);
    let new = granted(&store, "sales@1", "a").await;
    let pulse = store.beat(&beat("a", &[&old])).await.unwrap();
    assert_eq!(names(&pulse), (vec![], vec!["sales@1"]));
    assert_eq!(store.lease(&new.name).await.unwrap(), Some(new));
}

async fn a_beat_of_another_instance_has_lost(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    lab.clock().advance(Duration::from_secs(1));
    let pulse = store.beat(&beat("b", &[&lease])).await.unwrap();
    assert_eq!(names(&pulse), (vec![], vec!["sales@1"]));
    assert_eq!(store.lease(&lease.name).await.unwrap(), Some(lease));
}

async fn a_beat_without_leases_renews_nothing(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    lab.clock().advance(Duration::from_secs(1));
    assert_eq!(store.beat(&beat("a", &[])).await.unwrap(), Pulse::default());
    assert_eq!(store.lease(&lease.name).await.unwrap(), Some(lease));
}

async fn releasing_frees_the_lease_at_once(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    assert!(store.release(&lease.name, &lease.owner, lease.epoch).await.unwrap());
    assert_eq!(store.lease(&lease.name).await.unwrap(), None);
    assert!(!store.release(&lease.name, &lease.owner, lease.epoch).await.unwrap());
    granted(&store, "sales@1", "b").await;
}

async fn releasing_what_another_holds_changes_nothing(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    assert!(!store.release(&lease.name, &instance("b"), lease.epoch).await.unwrap());
    assert!(!store.release(&name("other"), &lease.owner, lease.epoch).await.unwrap());
    assert_eq!(store.lease(&lease.name).await.unwrap(), Some(lease));
}

async fn releasing_under_an_older_epoch_changes_nothing(lab: &Lab) {
    let store = lab.open().await;
    let old = granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL);
    let new = granted(&store, "sales@1", "a").await;
    assert!(!store.release(&old.name, &old.owner, old.epoch).await.unwrap());
    assert_eq!(store.lease(&new.name).await.unwrap(), Some(new));
}

async fn releasing_what_has_ended_is_too_late(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    lab.clock().advance(TTL);
    assert!(!store.release(&lease.name, &lease.owner, lease.epoch).await.unwrap());
}

async fn every_name_comes_back(lab: &Lab) {
    let store = lab.open().await;
    for of in ["a lock", "it's \"quoted\"; DROP TABLE", "注文/№1", &"x".repeat(255)] {
        let lease = granted(&store, of, &"y".repeat(200)).await;
        assert_eq!(lease.name.as_str(), of);
        assert_eq!(store.lease(&name(of)).await.unwrap(), Some(lease));
    }
}

async fn leases_are_listed_by_the_beginning_of_their_names(lab: &Lab) {
    let store = lab.open().await;
    for of in ["sales@2", "Sales@1", "sales@1", "sale%", "sales_x", "注文", "注"] {
        granted(&store, of, "a").await;
    }
    let listed = async |prefix: &str| -> Vec<String> {
        let leases = store.leases(prefix).await.unwrap();
        leases.iter().map(|lease| lease.name.to_string()).collect()
    };
    assert_eq!(listed("sales").await, ["sales@1", "sales@2", "sales_x"]);
    assert_eq!(listed("sale%").await, ["sale%"]);
    assert_eq!(listed("sales_").await, ["sales_x"]);
    assert_eq!(listed("sales@1").await, ["sales@1"]);
    assert_eq!(listed("sales@1x").await, [""; 0]);
    assert_eq!(listed("注").await, ["注", "注文"]);
    let all = ["Sales@1", "sale%", "sales@1", "sales@2", "sales_x", "注", "注文"];
    assert_eq!(listed("").await, all);
}

async fn leases_that_ended_are_not_listed(lab: &Lab) {
    let store = lab.open().await;
    granted(&store, "1", "a").await;
    lab.clock().advance(Duration::from_secs(1));
    let later = granted(&store, "2", "a").await;
    lab.clock().advance(Duration::from_secs(1));
    assert_eq!(store.leases("").await.unwrap(), [later]);
}

async fn a_clock_that_goes_back_delays_no_lease_by_more_than_its_time(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    // The owner is gone, and the clock goes back an hour.
    let hour = Duration::from_secs(3_600);
    lab.clock().set(Timestamp::from_micros(lab.clock().now().as_micros() - hour.as_micros() as i64).unwrap());
    let seen = held(&*store, "sales@1", "b").await;
    assert_eq!(seen, Lease { expires_at: lab.clock().now().plus(TTL), ..lease.clone() });
    lab.clock().advance(TTL - MICROSECOND);
    assert_eq!(held(&*store, "sales@1", "b").await, seen, "asking delays nothing");
    lab.clock().advance(MICROSECOND);
    assert!(granted(&store, "sales@1", "b").await.epoch > lease.epoch);
}

async fn a_clock_that_jumps_ahead_ends_all_leases(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    lab.clock().advance(Duration::from_secs(3_600));
    let pulse = store.beat(&beat("a", &[&lease])).await.unwrap();
    assert_eq!(names(&pulse), (vec![], vec!["sales@1"]));
    assert!(granted(&store, "sales@1", "b").await.epoch > lease.epoch);
}

async fn instances_in_turn_hold_ever_newer_epochs(lab: &Lab) {
    let store = lab.open().await;
    let holders = Arc::new(AtomicUsize::new(0));
    let epochs = Arc::new(Mutex::new(Vec::new()));
    let instances = (0..8).map(|number| {
        let (store, holders, epochs) = (store.clone(), holders.clone(), epochs.clone());
        async move {
            let (lease, owner) = (name("lock"), instance(&format!("i{number}")));
            let mut held = 0;
            while held < 5 {
                match store.acquire(&lease, &owner, TTL).await.unwrap() {
                    Acquired::Held(_) => tokio::task::yield_now().await,
                    Acquired::Granted(lease) => {
                        held += 1;
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                        epochs.lock().unwrap().push(lease.epoch);
                        let pulse = store.beat(&beat(owner.as_str(), &[&lease])).await.unwrap();
                        assert_eq!(pulse.renewed.len(), 1);
                        holders.fetch_sub(1, Ordering::SeqCst);
                        assert!(store.release(&lease.name, &owner, lease.epoch).await.unwrap());
                    }
                }
            }
        }
    });
    together(instances).await;
    let epochs = epochs.lock().unwrap();
    assert_eq!(epochs.len(), 40);
    assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]), "{epochs:?}");
}

async fn a_dropped_acquisition_got_the_lease_or_not(lab: &Lab) {
    let store = &lab.open().await;
    cancel_everywhere(|number| async move {
        let dropped = async move { store.acquire(&name(&format!("{number}")), &instance("a"), TTL).await };
        let check = async move {
            // Whatever became of it, asking again tells.
            granted(&**store, &format!("{number}"), "a").await;
        };
        (dropped, check)
    })
    .await;
}

async fn a_closed_lease_store_refuses_every_call(lab: &Lab) {
    let store = lab.open().await;
    let lease = granted(&store, "sales@1", "a").await;
    store.close().await.unwrap();
    let (of, owner) = (&lease.name, &lease.owner);
    assert_eq!(refusal(store.acquire(of, owner, TTL).await), ErrorKind::Closed);
    assert_eq!(refusal(store.beat(&beat("a", &[&lease])).await), ErrorKind::Closed);
    assert_eq!(refusal(store.release(of, owner, lease.epoch).await), ErrorKind::Closed);
    assert_eq!(refusal(store.lease(of).await), ErrorKind::Closed);
    assert_eq!(refusal(store.leases("").await), ErrorKind::Closed);
}

//! What instances declare and tell, as another process reads it.

use std::time::Duration;

use eventsource_core::{
    Clock, ErrorKind, EventId, Position, Timestamp,
    lease::{Beat, LeaseStore},
    status::{ConsumerKind, ConsumerState, Declaration, InstanceStatus, Progress, StatusStore},
};

use super::{
    checkpoints::consumer,
    leases::{beat, instance},
    support::{after_start, is_invalid, refusal},
};

cases! { $ statuses, statuses_cases, LeaseStore | StatusStore:
    what_is_declared_is_listed_by_consumer,
    declaring_again_takes_the_place_of_what_was_declared,
    instances_that_agree_share_an_entry,
    releases_that_differ_are_two_entries,
    every_declaration_comes_back,
    a_status_is_told_with_a_beat,
    every_status_comes_back,
    a_status_takes_the_place_of_the_one_before,
    a_status_holds_while_the_heart_beats,
    an_old_status_shows_when_its_instance_was_heard,
    statuses_are_listed_by_consumer_and_instance,
    a_status_of_another_instance_is_refused,
    forgetting_removes_what_was_not_heard_since,
    a_declaration_is_a_sign_of_life,
    now_is_what_the_clock_shows,
    a_closed_status_store_refuses_every_call,
}

fn declaration(of: &str, fingerprint: u64) -> Declaration {
    Declaration {
        consumer: consumer(of),
        kind: ConsumerKind::Projection,
        filter: "Order".to_owned(),
        policy: "park after 5 attempts".to_owned(),
        fingerprint,
    }
}

fn status(of: &str, by: &str, position: u64) -> InstanceStatus {
    InstanceStatus {
        consumer: consumer(of),
        instance: instance(by),
        state: ConsumerState::Live,
        reason: None,
        failing_event: None,
        position: Position::new(position),
        lag_events: Some(0),
        lag: Some(Duration::ZERO),
        events_per_second: 7,
        parked_streams: 0,
        letters: 0,
        oldest_letter_at: None,
        rebuild: None,
        checkpoint: "the store".to_owned(),
        reported_at: Timestamp::UNIX_EPOCH,
    }
}

async fn tell(store: &dyn Port, by: &str, statuses: Vec<InstanceStatus>) {
    store.beat(&Beat { statuses, ..beat(by, &[]) }).await.unwrap();
}

async fn what_is_declared_is_listed_by_consumer(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.declarations().await.unwrap(), []);
    let [a, b, c] = [declaration("b@1", 1), declaration("b@2", 1), declaration("a@9", 1)];
    store.declare(&instance("i"), &[b.clone(), a.clone(), c.clone()]).await.unwrap();
    let by = || vec![instance("i")];
    assert_eq!(store.declarations().await.unwrap(), [(c, by()), (a, by()), (b, by())]);
}

async fn declaring_again_takes_the_place_of_what_was_declared(lab: &Lab) {
    let store = lab.open().await;
    let [a, b] = [declaration("a@1", 1), declaration("b@1", 1)];
    store.declare(&instance("i"), &[a.clone(), b.clone()]).await.unwrap();
    store.declare(&instance("j"), std::slice::from_ref(&a)).await.unwrap();
    store.declare(&instance("i"), std::slice::from_ref(&b)).await.unwrap();
    let expected = [(a, vec![instance("j")]), (b, vec![instance("i")])];
    assert_eq!(store.declarations().await.unwrap(), expected);
    store.declare(&instance("i"), &[]).await.unwrap();
    assert_eq!(store.declarations().await.unwrap().len(), 1);
}

async fn instances_that_agree_share_an_entry(lab: &Lab) {
    let store = lab.open().await;
    let a = declaration("a@1", 1);
    for by in ["k", "i", "j"] {
        store.declare(&instance(by), std::slice::from_ref(&a)).await.unwrap();
    }
    let by = ["i", "j", "k"].map(instance).to_vec();
    assert_eq!(store.declarations().await.unwrap(), [(a, by)]);
}

async fn releases_that_differ_are_two_entries(lab: &Lab) {
    let store = lab.open().await;
    let [old, new] = [declaration("a@1", u64::MAX), declaration("a@1", 2)];
    store.declare(&instance("i"), std::slice::from_ref(&old)).await.unwrap();
    store.declare(&instance("j"), std::slice::from_ref(&new)).await.unwrap();
    let expected = [(new, vec![instance("j")]), (old, vec![instance("i")])];
    assert_eq!(store.declarations().await.unwrap(), expected, "by fingerprint");
}

async fn every_declaration_comes_back(lab: &Lab) {
    let store = lab.open().await;
    let kinds = [
        ConsumerKind::ReadModel,
        ConsumerKind::Projection,
        ConsumerKind::TransactionalProjection,
        ConsumerKind::Reactor,
        ConsumerKind::Relay,
        ConsumerKind::Group,
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let declared = Declaration {
            kind,
            filter: "it's \"quoted\"; DROP TABLE 注文".to_owned(),
            policy: String::new(),
            fingerprint: u64::MAX - number as u64,
            ..declaration(&format!("c@{}", u32::MAX), 0)
        };
        store.declare(&instance("i"), std::slice::from_ref(&declared)).await.unwrap();
        assert_eq!(store.declarations().await.unwrap(), [(declared, vec![instance("i")])]);
    }
}

async fn a_status_is_told_with_a_beat(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.statuses().await.unwrap(), []);
    let told = InstanceStatus { reported_at: after_start(-99), ..status("sales@1", "i", 5) };
    tell(&*store, "i", vec![told.clone()]).await;
    assert_eq!(store.statuses().await.unwrap(), [InstanceStatus { reported_at: lab.clock().now(), ..told }]);
}

async fn every_status_comes_back(lab: &Lab) {
    let store = lab.open().await;
    let states = [
        ConsumerState::Starting,
        ConsumerState::Waiting,
        ConsumerState::CatchingUp,
        ConsumerState::Live,
        ConsumerState::BackingOff,
        ConsumerState::Paused,
        ConsumerState::Stopped,
        ConsumerState::Failed,
    ];
    for state in states {
        let told = InstanceStatus {
            state,
            reason: Some("it's \"quoted\"; DROP TABLE 注文\n".to_owned()),
            failing_event: Some(EventId::generate()),
            position: Position::MAX,
            lag_events: Some(i64::MAX as u64),
            lag: Some(Duration::from_micros(i64::MAX as u64)),
            events_per_second: u32::MAX,
            parked_streams: 3,
            letters: 12,
            oldest_letter_at: Some(after_start(-1)),
            rebuild: Some(Progress { done: 7, total: Some(9) }),
            reported_at: lab.clock().now(),
            ..status("sales@1", "i", 0)
        };
        tell(&*store, "i", vec![told.clone()]).await;
        assert_eq!(store.statuses().await.unwrap(), [told]);
    }
    let told = InstanceStatus {
        lag_events: None,
        lag: None,
        rebuild: Some(Progress { done: 0, total: None }),
        reported_at: lab.clock().now(),
        ..status("sales@1", "i", 0)
    };
    tell(&*store, "i", vec![told.clone()]).await;
    assert_eq!(store.statuses().await.unwrap(), [told]);
}

async fn a_status_takes_the_place_of_the_one_before(lab: &Lab) {
    let store = lab.open().await;
    let failed = InstanceStatus {
        state: ConsumerState::Failed,
        reason: Some("no".to_owned()),
        failing_event: Some(EventId::generate()),
        rebuild: Some(Progress::default()),
        ..status("sales@1", "i", 5)
    };
    tell(&*store, "i", vec![failed]).await;
    let live = status("sales@1", "i", 6);
    tell(&*store, "i", vec![live.clone()]).await;
    assert_eq!(store.statuses().await.unwrap(), [InstanceStatus { reported_at: lab.clock().now(), ..live }]);
}

async fn a_status_holds_while_the_heart_beats(lab: &Lab) {
    let store = lab.open().await;
    tell(&*store, "i", vec![status("a@1", "i", 5), status("b@1", "i", 5)]).await;
    lab.clock().advance(Duration::from_secs(60));
    tell(&*store, "i", vec![status("b@1", "i", 6)]).await;
    let statuses = store.statuses().await.unwrap();
    assert_eq!(statuses[0].position, Position::new(5));
    assert!(statuses.iter().all(|status| status.reported_at == lab.clock().now()), "{statuses:?}");
}

async fn an_old_status_shows_when_its_instance_was_heard(lab: &Lab) {
    let store = lab.open().await;
    let heard = lab.clock().now();
    tell(&*store, "dead", vec![status("a@1", "dead", 5)]).await;
    lab.clock().advance(Duration::from_secs(60));
    tell(&*store, "alive", vec![status("a@1", "alive", 9)]).await;
    let statuses = store.statuses().await.unwrap();
    let reported: Vec<_> = statuses.iter().map(|s| (s.instance.as_str(), s.reported_at)).collect();
    assert_eq!(reported, [("alive", store.now().await.unwrap()), ("dead", heard)]);
}

async fn statuses_are_listed_by_consumer_and_instance(lab: &Lab) {
    let store = lab.open().await;
    for by in ["j", "i"] {
        let told = ["b@1", "a@2", "a@10"].map(|of| status(of, by, 1)).to_vec();
        tell(&*store, by, told).await;
    }
    let statuses = store.statuses().await.unwrap();
    let listed: Vec<_> = statuses.iter().map(|s| format!("{} {}", s.consumer, s.instance)).collect();
    assert_eq!(listed, ["a@2 i", "a@2 j", "a@10 i", "a@10 j", "b@1 i", "b@1 j"]);
}

async fn a_status_of_another_instance_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let foreign = Beat { statuses: vec![status("a@1", "j", 1)], ..beat("i", &[]) };
    assert!(is_invalid(&refusal(store.beat(&foreign).await), "statuses"));
    assert_eq!(store.statuses().await.unwrap(), []);
}

async fn forgetting_removes_what_was_not_heard_since(lab: &Lab) {
    let store = lab.open().await;
    for by in ["old", "older"] {
        store.declare(&instance(by), &[declaration("a@1", 1)]).await.unwrap();
        tell(&*store, by, vec![status("a@1", by, 1)]).await;
    }
    lab.clock().advance(Duration::from_secs(60));
    tell(&*store, "old", Vec::new()).await;
    let heard = lab.clock().now();
    lab.clock().advance(Duration::from_secs(60));
    assert_eq!(store.forget(heard).await.unwrap(), 1, "the time itself is not before");
    let statuses = store.statuses().await.unwrap();
    assert_eq!(statuses.iter().map(|s| s.instance.as_str()).collect::<Vec<_>>(), ["old"]);
    assert_eq!(store.declarations().await.unwrap(), [(declaration("a@1", 1), vec![instance("old")])]);
    assert_eq!(store.forget(heard).await.unwrap(), 0);
    assert_eq!(store.forget(lab.clock().now()).await.unwrap(), 1);
    assert_eq!((store.statuses().await.unwrap(), store.declarations().await.unwrap()), (vec![], vec![]));
}

async fn a_declaration_is_a_sign_of_life(lab: &Lab) {
    let store = lab.open().await;
    tell(&*store, "i", vec![status("a@1", "i", 1)]).await;
    lab.clock().advance(Duration::from_secs(60));
    store.declare(&instance("i"), &[]).await.unwrap();
    assert_eq!(store.forget(lab.clock().now()).await.unwrap(), 0);
    assert_eq!(store.statuses().await.unwrap()[0].reported_at, lab.clock().now());
}

async fn now_is_what_the_clock_shows(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.now().await.unwrap(), lab.clock().now());
    lab.clock().advance(Duration::from_secs(1));
    assert_eq!(store.now().await.unwrap(), lab.clock().now());
}

async fn a_closed_status_store_refuses_every_call(lab: &Lab) {
    let store = lab.open().await;
    tell(&*store, "i", vec![status("a@1", "i", 1)]).await;
    store.close().await.unwrap();
    assert_eq!(refusal(store.declare(&instance("i"), &[]).await), ErrorKind::Closed);
    assert_eq!(refusal(store.declarations().await), ErrorKind::Closed);
    assert_eq!(refusal(store.statuses().await), ErrorKind::Closed);
    assert_eq!(refusal(store.forget(lab.clock().now()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.now().await), ErrorKind::Closed);
}

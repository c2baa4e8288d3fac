//! Keeping states of aggregates.

use eventsource_core::{
    Bytes, ErrorKind, EventId, StateType, StreamId, StreamVersion, TenantFilter, TenantId, Timestamp,
    codec::{CodecTag, TransformTag},
    store::{SaveOutcome, Snapshot, SnapshotStore},
};

use super::support::{after_start, cancel_everywhere, noise, refusal, together, version};

cases! { $ snapshots, snapshots_cases, SnapshotStore:
    a_snapshot_comes_back_as_it_was_saved,
    an_absent_snapshot_is_nothing,
    a_newer_snapshot_replaces_an_older_one,
    an_older_snapshot_never_replaces_a_newer_one,
    a_snapshot_of_the_same_version_replaces_nothing,
    each_schema_version_keeps_its_own,
    each_state_type_keeps_its_own,
    each_stream_keeps_its_own,
    every_state_comes_back,
    every_stream_and_time_comes_back,
    a_version_that_no_stream_reaches_is_refused,
    exists_says_whether_there_is_one,
    deleting_removes_all_of_a_stream,
    deleting_what_is_absent_removes_nothing,
    deleting_by_type_removes_that_type_only,
    deleting_by_type_below_a_schema_version_keeps_the_rest,
    deleting_by_type_keeps_to_the_tenant,
    a_deleted_snapshot_may_be_saved_again,
    of_concurrent_saves_the_newest_stays,
    a_dropped_save_happened_whole_or_not_at_all,
    a_closed_snapshot_store_refuses_every_call,
}

fn state_type(name: &str) -> StateType {
    StateType::new(name).unwrap()
}

/// A snapshot of a stream at a version.
fn snapshot(stream: &StreamId, at: u64) -> Snapshot {
    Snapshot {
        stream: stream.clone(),
        state_type: state_type("Order"),
        schema_version: 1,
        version: version(at),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: format!(r#"{{"at":{at}}}"#).into(),
        taken_at: after_start(77),
    }
}

/// What is kept for the key of a snapshot.
async fn kept(store: &dyn Port, of: &Snapshot) -> Option<Snapshot> {
    let kept = store.load(&of.stream, &of.state_type, of.schema_version).await.unwrap();
    let exists = store.exists(&of.stream, &of.state_type, of.schema_version).await.unwrap();
    assert_eq!(exists, kept.is_some());
    kept
}

/// Saves a snapshot, which must be kept.
async fn save(store: &dyn Port, snapshot: &Snapshot) {
    assert_eq!(store.save(snapshot.clone()).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(kept(store, snapshot).await.as_ref(), Some(snapshot));
}

async fn a_snapshot_comes_back_as_it_was_saved(lab: &Lab) {
    let store = lab.open().await;
    let saved = Snapshot {
        schema_version: 7,
        codec: CodecTag::from_static("cbor"),
        taken_at: after_start(-1_234_567),
        ..snapshot(&lab.stream("a"), 42)
    };
    save(&*store, &saved).await;
}

async fn an_absent_snapshot_is_nothing(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(kept(&*store, &snapshot(&lab.stream("a"), 1)).await, None);
}

async fn a_newer_snapshot_replaces_an_older_one(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    for at in [1, 2, 10, 9_999_999_999] {
        save(&*store, &snapshot(&a, at)).await;
    }
}

async fn an_older_snapshot_never_replaces_a_newer_one(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let newer = snapshot(&a, 10);
    save(&*store, &newer).await;
    for older in [9, 2, 1] {
        assert_eq!(store.save(snapshot(&a, older)).await.unwrap(), SaveOutcome::Outdated);
        assert_eq!(kept(&*store, &newer).await.as_ref(), Some(&newer));
    }
}

async fn a_snapshot_of_the_same_version_replaces_nothing(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let first = snapshot(&a, 10);
    save(&*store, &first).await;
    let again = Snapshot { state: "other".into(), ..snapshot(&a, 10) };
    assert_eq!(store.save(again).await.unwrap(), SaveOutcome::Outdated);
    assert_eq!(kept(&*store, &first).await, Some(first));
}

async fn each_schema_version_keeps_its_own(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let old = Snapshot { schema_version: 1, ..snapshot(&a, 20) };
    let new = Snapshot { schema_version: 2, ..snapshot(&a, 10) };
    let highest = Snapshot { schema_version: u16::MAX, ..snapshot(&a, 5) };
    for saved in [&old, &new, &highest] {
        save(&*store, saved).await;
    }
    for saved in [old, new, highest] {
        assert_eq!(kept(&*store, &saved).await.as_ref(), Some(&saved));
    }
}

async fn each_state_type_keeps_its_own(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let names = ["Order", "order", "Order.v2", &"S.".repeat(100)];
    let all: Vec<_> = (1..)
        .zip(names)
        .map(|(at, name)| Snapshot { state_type: state_type(name), ..snapshot(&a, at) })
        .collect();
    for saved in &all {
        save(&*store, saved).await;
    }
    for saved in &all {
        assert_eq!(kept(&*store, saved).await.as_ref(), Some(saved));
    }
    let other = Snapshot { state_type: state_type("Other"), ..snapshot(&a, 1) };
    assert_eq!(kept(&*store, &other).await, None);
}

async fn each_stream_keeps_its_own(lab: &Lab) {
    let store = lab.open().await;
    let streams = [lab.stream("a"), lab.stream("A"), lab.stream("a "), lab.stream_in("Other", "a")];
    let all: Vec<_> = (1..).zip(&streams).map(|(at, stream)| snapshot(stream, at)).collect();
    for saved in &all {
        save(&*store, saved).await;
    }
    for saved in &all {
        assert_eq!(kept(&*store, saved).await.as_ref(), Some(saved));
    }
}

async fn every_state_comes_back(lab: &Lab) {
    let store = lab.open().await;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let states =
        [Bytes::new(), vec![0].into(), all_bytes.into(), noise(1_000_000).into(), vec![0; 100_000].into()];
    for (number, state) in states.into_iter().enumerate() {
        let saved = Snapshot { state, ..snapshot(&lab.stream(number), 1) };
        assert_eq!(store.save(saved.clone()).await.unwrap(), SaveOutcome::Saved);
        assert!(kept(&*store, &saved).await == Some(saved), "state {number} came back as another");
    }
}

async fn every_stream_and_time_comes_back(lab: &Lab) {
    let store = lab.open().await;
    let keys = ["it's \"quoted\"; --", "注文\u{1F600}é", "100%_", &"k".repeat(255)];
    let times = [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, after_start(999_999)];
    for (key, taken_at) in keys.into_iter().zip(times) {
        save(&*store, &Snapshot { taken_at, ..snapshot(&lab.stream(key), 3) }).await;
    }
}

async fn a_version_that_no_stream_reaches_is_refused(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let greatest = snapshot(&a, StreamVersion::MAX.get());
    let beyond = Snapshot { version: StreamVersion::MAX.next(), ..greatest.clone() };
    let refused = refusal(store.save(beyond).await);
    assert_eq!(refused, super::support::beyond("version", StreamVersion::MAX.get() as usize));
    save(&*store, &greatest).await;
}

async fn exists_says_whether_there_is_one(lab: &Lab) {
    let (store, saved) = (lab.open().await, snapshot(&lab.stream("a"), 3));
    let exists = || store.exists(&saved.stream, &saved.state_type, saved.schema_version);
    assert!(!exists().await.unwrap());
    store.save(saved.clone()).await.unwrap();
    assert!(exists().await.unwrap());
    assert!(!store.exists(&saved.stream, &saved.state_type, 2).await.unwrap());
    store.delete(&saved.stream).await.unwrap();
    assert!(!exists().await.unwrap());
}

async fn deleting_removes_all_of_a_stream(lab: &Lab) {
    let (store, a, b) = (lab.open().await, lab.stream("a"), lab.stream("b"));
    let of_a = [
        snapshot(&a, 3),
        Snapshot { schema_version: 2, ..snapshot(&a, 3) },
        Snapshot { state_type: state_type("Other"), ..snapshot(&a, 3) },
    ];
    for saved in &of_a {
        save(&*store, saved).await;
    }
    let of_b = snapshot(&b, 3);
    save(&*store, &of_b).await;
    assert_eq!(store.delete(&a).await.unwrap(), 3);
    for saved in &of_a {
        assert_eq!(kept(&*store, saved).await, None);
    }
    assert_eq!(kept(&*store, &of_b).await, Some(of_b));
}

async fn deleting_what_is_absent_removes_nothing(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    assert_eq!(store.delete(&a).await.unwrap(), 0);
    assert_eq!(store.delete_by_type(&state_type("Order"), None, &TenantFilter::Any).await.unwrap(), 0);
    save(&*store, &snapshot(&a, 1)).await;
    assert_eq!(store.delete(&a).await.unwrap(), 1);
    assert_eq!(store.delete(&a).await.unwrap(), 0);
}

async fn deleting_by_type_removes_that_type_only(lab: &Lab) {
    let store = lab.open().await;
    let (a, b) = (snapshot(&lab.stream("a"), 1), snapshot(&lab.stream("b"), 2));
    let other = Snapshot { state_type: state_type("Orders"), ..a.clone() };
    for saved in [&a, &b, &other] {
        save(&*store, saved).await;
    }
    assert_eq!(store.delete_by_type(&state_type("Order"), None, &TenantFilter::Any).await.unwrap(), 2);
    assert_eq!((kept(&*store, &a).await, kept(&*store, &b).await), (None, None));
    assert_eq!(kept(&*store, &other).await, Some(other));
}

async fn deleting_by_type_below_a_schema_version_keeps_the_rest(lab: &Lab) {
    let store = lab.open().await;
    let all: Vec<_> =
        [1, 2, 3].map(|schema_version| Snapshot { schema_version, ..snapshot(&lab.stream("a"), 1) }).into();
    for saved in &all {
        save(&*store, saved).await;
    }
    let below = |schema_version| {
        let store = store.clone();
        async move {
            store
                .delete_by_type(&state_type("Order"), Some(schema_version), &TenantFilter::Any)
                .await
                .unwrap()
        }
    };
    assert_eq!(below(1).await, 0);
    assert_eq!(below(2).await, 1);
    assert_eq!(kept(&*store, &all[0]).await, None);
    assert_eq!(kept(&*store, &all[1]).await.as_ref(), Some(&all[1]));
    assert_eq!(below(u16::MAX).await, 2);
}

async fn deleting_by_type_keeps_to_the_tenant(lab: &Lab) {
    let (store, order) = (lab.open().await, state_type("Order"));
    let other = TenantFilter::Only(TenantId::new("zeta").unwrap());
    let own = snapshot(&lab.stream("a"), 1);
    save(&*store, &own).await;
    if lab.tenant().is_some() {
        for foreign in [&TenantFilter::Untenanted, &other] {
            assert_eq!(store.delete_by_type(&order, None, foreign).await.unwrap(), 0);
        }
        assert_eq!(kept(&*store, &own).await.as_ref(), Some(&own));
        assert_eq!(store.delete_by_type(&order, None, &lab.own()).await.unwrap(), 1);
        return;
    }
    let of_zeta = snapshot(&"zeta@Test/a".parse().unwrap(), 1);
    save(&*store, &of_zeta).await;
    assert_eq!(store.delete_by_type(&order, None, &TenantFilter::Untenanted).await.unwrap(), 1);
    assert_eq!(kept(&*store, &own).await, None);
    assert_eq!(kept(&*store, &of_zeta).await.as_ref(), Some(&of_zeta));
    assert_eq!(store.delete_by_type(&order, Some(2), &other).await.unwrap(), 1);
    assert_eq!(kept(&*store, &of_zeta).await, None);
}

async fn a_deleted_snapshot_may_be_saved_again(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    save(&*store, &snapshot(&a, 9)).await;
    store.delete(&a).await.unwrap();
    save(&*store, &snapshot(&a, 3)).await;
}

async fn of_concurrent_saves_the_newest_stays(lab: &Lab) {
    let store = lab.open().await;
    for round in 0..5 {
        let stream = lab.stream(round);
        let saves = (1..=16).map(|number: u64| {
            // In no order.
            let (store, saved) = (store.clone(), snapshot(&stream, 1 + number * 7 % 17));
            async move { store.save(saved).await.unwrap() }
        });
        let outcomes = together(saves).await;
        assert!(outcomes.contains(&SaveOutcome::Saved));
        assert_eq!(kept(&*store, &snapshot(&stream, 1)).await.unwrap().version, version(17));
    }
}

async fn a_dropped_save_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &lab.open().await;
    cancel_everywhere(|number| async move {
        let (old, new) = (snapshot(&lab.stream(number), 1), snapshot(&lab.stream(number), 2));
        save(&**store, &old).await;
        let dropped = store.save(new.clone());
        let check = async move {
            let found = kept(&**store, &old).await.unwrap();
            assert!(found == old || found == new, "{found:?}");
            let newest = snapshot(&old.stream, 3);
            save(&**store, &newest).await;
        };
        (dropped, check)
    })
    .await;
}

async fn a_closed_snapshot_store_refuses_every_call(lab: &Lab) {
    let (store, saved) = (lab.open().await, snapshot(&lab.stream("a"), 1));
    store.save(saved.clone()).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let (stream, kind) = (&saved.stream, &saved.state_type);
    assert_eq!(refusal(store.save(saved.clone()).await), ErrorKind::Closed);
    assert_eq!(refusal(store.load(stream, kind, 1).await), ErrorKind::Closed);
    assert_eq!(refusal(store.exists(stream, kind, 1).await), ErrorKind::Closed);
    assert_eq!(refusal(store.delete(stream).await), ErrorKind::Closed);
    assert_eq!(refusal(store.delete_by_type(kind, None, &TenantFilter::Any).await), ErrorKind::Closed);
}

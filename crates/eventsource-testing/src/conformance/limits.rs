//! What one append may hold.

use eventsource_core::{
    ExpectedVersion::{Any, NoStream},
    Metadata, NewEvent,
    store::{Append, EventStore, Limits},
};

use super::support::{append, beyond, event, events, holding, noise, read, refusal, try_append};

cases! { $ limits, limits_cases, EventStore:
    the_store_tells_its_limits,
    a_payload_beyond_the_limit_is_refused,
    metadata_beyond_the_limit_is_refused,
    more_events_than_the_limit_are_refused,
    events_are_counted_over_all_streams,
    more_streams_than_the_limit_are_refused,
    more_bytes_than_the_limit_are_refused,
    bytes_are_counted_over_all_streams,
    a_payload_of_ten_megabytes_is_kept_or_beyond_the_limit,
}

/// Limits that are cheap to reach.
fn small() -> Limits {
    Limits::default()
        .with_payload_bytes(1_000)
        .with_metadata_bytes(500)
        .with_events(10)
        .with_streams(4)
        .with_batch_bytes(3_000)
}

/// An event whose payload has this length, whatever a store may do to make it shorter.
fn sized(length: usize) -> NewEvent {
    holding(noise(length))
}

async fn the_store_tells_its_limits(lab: &Lab) {
    let (asked, told) = (small(), lab.open_limited(small()).await.limits());
    let pairs = [
        (told.payload_bytes, asked.payload_bytes),
        (told.metadata_bytes, asked.metadata_bytes),
        (told.events, asked.events),
        (told.streams, asked.streams),
        (told.batch_bytes, asked.batch_bytes),
    ];
    for (told, asked) in pairs {
        assert!((1..=asked).contains(&told), "{told} of {asked}");
    }
}

async fn a_payload_beyond_the_limit_is_refused(lab: &Lab) {
    let (store, a) = (lab.open_limited(small()).await, lab.stream("a"));
    let limit = store.limits().payload_bytes;
    let refused = refusal(try_append(&store, &a, Any, vec![event(), sized(limit + 1)]).await);
    assert_eq!(refused, beyond("payload", limit));
    assert!(read(&store, &a).await.is_empty());
    append(&store, &a, vec![sized(limit)]).await;
    assert_eq!(read(&store, &a).await[0].payload, noise(limit));
}

async fn metadata_beyond_the_limit_is_refused(lab: &Lab) {
    let (store, a) = (lab.open_limited(small()).await, lab.stream("a"));
    let limit = store.limits().metadata_bytes;
    let told = |length: usize| event().with_metadata(Metadata::from_bytes(noise(length).into()));
    let refused = refusal(try_append(&store, &a, Any, vec![event(), told(limit + 1)]).await);
    assert_eq!(refused, beyond("metadata", limit));
    assert!(read(&store, &a).await.is_empty());
    append(&store, &a, vec![told(limit)]).await;
    assert_eq!(*read(&store, &a).await[0].metadata.as_bytes(), noise(limit));
}

async fn more_events_than_the_limit_are_refused(lab: &Lab) {
    let (store, a) = (lab.open_limited(small()).await, lab.stream("a"));
    let limit = store.limits().events;
    let refused = refusal(try_append(&store, &a, Any, events(limit + 1)).await);
    assert_eq!(refused, beyond("events", limit));
    assert!(read(&store, &a).await.is_empty());
    append(&store, &a, events(limit)).await;
    assert_eq!(read(&store, &a).await.len(), limit);
}

async fn events_are_counted_over_all_streams(lab: &Lab) {
    let (store, a, b) = (lab.open_limited(small()).await, lab.stream("a"), lab.stream("b"));
    let limit = store.limits().events;
    let both = Append::new(a.clone(), Any, events(limit)).and(b.clone(), Any, events(1));
    assert_eq!(refusal(store.append(both).await), beyond("events", limit));
    assert!(read(&store, &a).await.is_empty() && read(&store, &b).await.is_empty());
}

async fn more_streams_than_the_limit_are_refused(lab: &Lab) {
    let store = lab.open_limited(small()).await;
    let limit = store.limits().streams;
    let first = || Append::new(lab.stream(0), Any, events(1));
    let checking = |count: usize| (1..count).fold(first(), |a, key| a.and_check(lab.stream(key), NoStream));
    assert_eq!(refusal(store.append(checking(limit + 1)).await), beyond("streams", limit));
    assert!(read(&store, &lab.stream(0)).await.is_empty());
    store.append(checking(limit)).await.unwrap();
}

async fn more_bytes_than_the_limit_are_refused(lab: &Lab) {
    let (store, a) = (lab.open_limited(small()).await, lab.stream("a"));
    let limits = store.limits();
    // Payloads that fill the batch, each within its own limit.
    let mut rest = limits.batch_bytes;
    let mut full = Vec::new();
    while rest > 0 {
        let length = rest.min(limits.payload_bytes);
        full.push(sized(length));
        rest -= length;
    }
    let mut more = full.clone();
    more[0] = more[0].clone().with_metadata(Metadata::from_bytes(noise(1).into()));
    assert_eq!(refusal(try_append(&store, &a, Any, more).await), beyond("batch", limits.batch_bytes));
    assert!(read(&store, &a).await.is_empty());
    append(&store, &a, full.clone()).await;
    assert_eq!(read(&store, &a).await.len(), full.len());
}

async fn bytes_are_counted_over_all_streams(lab: &Lab) {
    let store = lab.open_limited(small()).await;
    let limits = store.limits();
    let streams = limits.batch_bytes / limits.payload_bytes + 1;
    let append = (0..streams)
        .fold(Append::default(), |a, key| a.and(lab.stream(key), Any, vec![sized(limits.payload_bytes)]));
    assert_eq!(refusal(store.append(append).await), beyond("batch", limits.batch_bytes));
    assert!(read(&store, &lab.stream(0)).await.is_empty());
}

async fn a_payload_of_ten_megabytes_is_kept_or_beyond_the_limit(lab: &Lab) {
    let length = 10 * 1024 * 1024;
    let (store, a) = (lab.open_limited(Limits::default().with_payload_bytes(length)).await, lab.stream("a"));
    let limit = store.limits().payload_bytes;
    let outcome = try_append(&store, &a, Any, vec![sized(length)]).await;
    if limit < length {
        assert_eq!(refusal(outcome), beyond("payload", limit));
        assert!(read(&store, &a).await.is_empty());
    } else {
        outcome.unwrap();
        assert_eq!(read(&store, &a).await[0].payload, noise(length));
    }
}

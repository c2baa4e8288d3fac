//! Listing streams that were erased.

use eventsource_core::{
    TenantFilter,
    lifecycle::{Lifecycle, LifecycleNote},
    store::{EventStore, StreamErasure, StreamListing, StreamsOptions},
};

use super::support::{append, events};

cases! { $ listing_erasure, listing_erasure_cases, EventStore | StreamListing | StreamErasure:
    an_erased_stream_is_listed_only_when_asked_for,
    statistics_count_erased_streams_and_records,
}

/// A store with two streams, of which the second is erased.
async fn second_erased(lab: &Lab) -> std::sync::Arc<dyn Port> {
    let store = lab.open().await;
    for key in ["a", "b"] {
        append(&store, &lab.stream(key), events(2)).await;
    }
    store.erase(&lab.stream("b"), &LifecycleNote::default()).await.unwrap();
    store
}

async fn an_erased_stream_is_listed_only_when_asked_for(lab: &Lab) {
    let store = second_erased(lab).await;
    let active = store.streams(&StreamsOptions::default()).await.unwrap().streams;
    assert_eq!(active, [store.stream(&lab.stream("a")).await.unwrap()]);
    let asked = StreamsOptions::default().with_lifecycles([Lifecycle::Erased]);
    let erased = store.streams(&asked).await.unwrap().streams;
    assert_eq!(erased, [store.stream(&lab.stream("b")).await.unwrap()]);
    assert_eq!(erased[0].lifecycle, Lifecycle::Erased);
}

async fn statistics_count_erased_streams_and_records(lab: &Lab) {
    let store = second_erased(lab).await;
    let statistics = store.statistics(&TenantFilter::Any).await.unwrap();
    assert!(!statistics.exact || (statistics.streams, statistics.events) == (2, 5), "{statistics:?}");
}

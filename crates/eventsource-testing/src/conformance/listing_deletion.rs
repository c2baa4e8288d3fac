//! Listing streams that were deleted.

use eventsource_core::{
    ExpectedVersion::Any,
    StreamId, TenantFilter,
    lifecycle::{Lifecycle, LifecycleNote},
    store::{EventStore, StreamDeletion, StreamListing, StreamsOptions},
};

use super::support::{append, events};

cases! { $ listing_deletion, listing_deletion_cases, EventStore | StreamListing | StreamDeletion:
    a_deleted_stream_is_listed_only_when_asked_for,
    a_restored_stream_is_listed_again,
    pages_pass_over_streams_in_other_states,
    statistics_count_deleted_streams_and_records,
}

/// The streams in these states, in pages of this size.
async fn listed(store: &dyn Port, lifecycles: &[Lifecycle], limit: usize) -> Vec<StreamId> {
    let mut options = StreamsOptions::default().with_lifecycles(lifecycles).with_limit(limit);
    let mut listed = Vec::new();
    loop {
        let page = store.streams(&options).await.unwrap();
        assert!(page.streams.iter().all(|info| lifecycles.contains(&info.lifecycle)));
        listed.extend(page.streams.into_iter().map(|info| info.stream));
        let Some(next) = page.next else { return listed };
        assert_ne!(Some(&next), options.after.as_ref(), "a page that moves nothing never ends");
        options = options.with_after(next);
    }
}

/// A store with so many streams, of which every second is deleted.
async fn every_second_deleted(
    lab: &Lab,
    count: usize,
) -> (std::sync::Arc<dyn Port>, Vec<StreamId>, Vec<StreamId>) {
    let store = lab.open().await;
    let (mut active, mut deleted) = (Vec::new(), Vec::new());
    for number in 0..count {
        let stream = lab.stream(format!("{number:03}"));
        append(&store, &stream, events(1)).await;
        if number % 2 == 0 {
            active.push(stream);
        } else {
            store.delete(&stream, Any, &LifecycleNote::default()).await.unwrap();
            deleted.push(stream);
        }
    }
    (store, active, deleted)
}

async fn a_deleted_stream_is_listed_only_when_asked_for(lab: &Lab) {
    let (store, active, deleted) = every_second_deleted(lab, 6).await;
    let page = store.streams(&StreamsOptions::default()).await.unwrap();
    assert_eq!(
        page.streams.iter().map(|info| &info.stream).collect::<Vec<_>>(),
        active.iter().collect::<Vec<_>>()
    );
    assert_eq!(listed(&*store, &[Lifecycle::Deleted], 10).await, deleted);
    assert_eq!(listed(&*store, &[Lifecycle::Erased], 10).await, []);
    let mut both = [active, deleted].concat();
    both.sort();
    assert_eq!(listed(&*store, &[Lifecycle::Active, Lifecycle::Deleted], 10).await, both);
    for info in
        store.streams(&StreamsOptions::default().with_lifecycles([Lifecycle::Deleted])).await.unwrap().streams
    {
        assert_eq!(info, store.stream(&info.stream).await.unwrap());
    }
}

async fn a_restored_stream_is_listed_again(lab: &Lab) {
    let (store, active, deleted) = every_second_deleted(lab, 4).await;
    store.restore(&deleted[0], &LifecycleNote::default()).await.unwrap();
    let shown = [active[0].clone(), deleted[0].clone(), active[1].clone()];
    assert_eq!(listed(&*store, &[Lifecycle::Active], 10).await, shown);
    assert_eq!(listed(&*store, &[Lifecycle::Deleted], 10).await, deleted[1..]);
}

async fn pages_pass_over_streams_in_other_states(lab: &Lab) {
    let (store, active, deleted) = every_second_deleted(lab, 21).await;
    for limit in [1, 2, 5, 10, 11, 12] {
        assert_eq!(listed(&*store, &[Lifecycle::Active], limit).await, active, "{limit} a page");
        assert_eq!(listed(&*store, &[Lifecycle::Deleted], limit).await, deleted, "{limit} a page");
    }
}

async fn statistics_count_deleted_streams_and_records(lab: &Lab) {
    let (store, ..) = every_second_deleted(lab, 6).await;
    let statistics = store.statistics(&TenantFilter::Any).await.unwrap();
    assert!(!statistics.exact || (statistics.streams, statistics.events) == (6, 9), "{statistics:?}");
}

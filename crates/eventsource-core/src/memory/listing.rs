//! Listing what the store in memory holds.

use std::{collections::BTreeSet, ops::Bound, sync::MutexGuard};

use async_trait::async_trait;

use super::{MemoryStore, state::State};
use crate::{
    Category, Result, StreamId, TenantFilter,
    backend::check_limit,
    store::{StoreStatistics, StreamInfo, StreamListing, StreamsOptions, StreamsPage},
};

#[async_trait]
impl StreamListing for MemoryStore {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        check_limit(options.limit).map_err(|e| e.with_operation("streams"))?;
        let state = self.listing("streams")?;
        let after = options.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut streams = Vec::new();
        for stream in state.listed().range((after, Bound::Unbounded)).filter(|s| matches(s, options)) {
            let info = state.info(stream);
            if !options.lifecycles.contains(&info.lifecycle) {
                continue;
            }
            if streams.len() == options.limit {
                let next = streams.last().map(|s: &StreamInfo| s.stream.clone());
                return Ok(StreamsPage { streams, next });
            }
            streams.push(info);
        }
        Ok(StreamsPage { streams, next: None })
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        let state = self.listing("categories")?;
        let names: BTreeSet<&str> =
            state.listed().iter().filter(|s| tenant.accepts(s.tenant())).map(StreamId::category).collect();
        names.into_iter().map(Category::new).collect()
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        let state = self.listing("statistics")?;
        let mut statistics = StoreStatistics { streams: 0, events: 0, exact: true };
        for stream in state.listed().iter().filter(|s| tenant.accepts(s.tenant())) {
            statistics.streams += 1;
            statistics.events += state.streams.get(stream).map_or(0, |s| s.version().get());
        }
        Ok(statistics)
    }
}

impl MemoryStore {
    /// The state, with all streams in the order of listings.
    fn listing(&self, operation: &'static str) -> Result<MutexGuard<'_, State>> {
        let mut state = self.open(operation)?;
        state.list_new();
        Ok(state)
    }
}

fn matches(stream: &StreamId, options: &StreamsOptions) -> bool {
    options.tenant.accepts(stream.tenant())
        && options.category.as_ref().is_none_or(|c| *c == *stream.category())
        && stream.key().starts_with(&options.key_prefix)
}

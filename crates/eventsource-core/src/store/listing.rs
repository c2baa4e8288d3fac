//! Which streams and categories there are.

use async_trait::async_trait;

use super::{Close, StreamInfo};
use crate::{Category, Result, StreamId, TenantFilter, lifecycle::Lifecycle};

/// Lists streams and categories.
#[async_trait]
pub trait StreamListing: Close {
    /// One page of streams that have events.
    ///
    /// # Ordering
    /// By tenant, category and key, in byte order. A stream that is created while pages are read appears if it
    /// sorts after the page's end.
    ///
    /// # Errors
    /// `InvalidInput` for a limit of zero.
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage>;

    /// The categories that have streams, in byte order, without scanning the streams.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>>;

    /// How much there is, of one tenant or of all.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics>;
}

/// Which streams to list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamsOptions {
    /// Whose.
    pub tenant: TenantFilter,
    /// Of this category only.
    pub category: Option<Category>,
    /// Only keys that begin like this.
    pub key_prefix: String,
    /// In one of these states; active ones by default.
    pub lifecycles: Vec<Lifecycle>,
    /// Go on after this stream, exclusively.
    pub after: Option<StreamId>,
    /// The most streams a page holds.
    pub limit: usize,
}

impl Default for StreamsOptions {
    /// All active streams, 1,000 a page.
    fn default() -> Self {
        Self {
            tenant: TenantFilter::Any,
            category: None,
            key_prefix: String::new(),
            lifecycles: vec![Lifecycle::Active],
            after: None,
            limit: 1_000,
        }
    }
}

impl StreamsOptions {
    /// Of this tenant, or of none.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantFilter) -> Self {
        self.tenant = tenant;
        self
    }

    /// Of this category only.
    #[must_use]
    pub fn with_category(mut self, category: Category) -> Self {
        self.category = Some(category);
        self
    }

    /// Only keys that begin like this.
    #[must_use]
    pub fn with_key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// In one of these states.
    #[must_use]
    pub fn with_lifecycles(mut self, lifecycles: impl Into<Vec<Lifecycle>>) -> Self {
        self.lifecycles = lifecycles.into();
        self
    }

    /// After this stream, exclusively.
    #[must_use]
    pub fn with_after(mut self, after: StreamId) -> Self {
        self.after = Some(after);
        self
    }

    /// At most this many.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// One page of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsPage {
    /// The streams.
    pub streams: Vec<StreamInfo>,
    /// Where to go on, as the `after` of the next page; `None` at the end.
    pub next: Option<StreamId>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Streams that have events, whatever their lifecycle.
    pub streams: u64,
    /// Events, lifecycle records included.
    pub events: u64,
    /// Whether the numbers are exact or the database's estimate.
    pub exact: bool,
}

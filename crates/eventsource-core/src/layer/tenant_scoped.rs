//! A handle that reaches the streams of one tenant only.

use async_trait::async_trait;

use crate::{
    Category, CorrelationId, Error, ErrorKind, EventFilter, EventId, ExpectedVersion, Log, Position,
    RecordedEvent, Result, StateType, StreamId, TenantFilter, TenantId, Timestamp,
    lifecycle::LifecycleNote,
    store::{
        Append, Appended, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, FeedPage,
        Imported, Limits, ReadOptions, SaveOutcome, Snapshot, SnapshotStore, StoreStatistics, StreamDeletion,
        StreamErasure, StreamInfo, StreamListing, StreamPage, StreamsOptions, StreamsPage, WakeUps,
    },
};

/// Reaches the streams of one tenant only. Naming another tenant's stream, or one without a tenant, is `OtherTenant`, and
/// so is an event id that one of them holds; feeds, look-ups and listings show the tenant's own.
///
/// What it does not hide: the log id, and that others have events at some positions, with some ids. A log is adopted
/// through the store itself.
///
/// It has none of the ports that subscriptions keep their state in: checkpoints, letters, leases, statuses and requests
/// belong to a consumer, which reads a log for the program and not for a tenant. A subscription for one tenant reads
/// through this handle, and keeps its state, under a name of its own, in the store itself.
///
/// ```
/// # async fn example() -> eventsource_core::Result<()> {
/// use eventsource_core::{MemoryStore, StreamId, TenantId, layer::TenantScoped, store::EventStore};
///
/// let store = TenantScoped::new(MemoryStore::new(), TenantId::new("acme")?);
/// assert!(store.stream(&"acme@Order/1".parse()?).await.is_ok());
/// assert!(store.stream(&"other@Order/1".parse()?).await.is_err());
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TenantScoped<S> {
    inner: S,
    tenant: TenantId,
}

impl<S> TenantScoped<S> {
    /// A handle for this tenant.
    #[must_use]
    pub fn new(inner: S, tenant: TenantId) -> Self {
        Self { inner, tenant }
    }

    /// Whose handle it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn check(&self, stream: &StreamId) -> Result<()> {
        if self.owns(stream) {
            return Ok(());
        }
        let message = format!("stream {stream} does not belong to tenant {}", self.tenant);
        Err(Error::new(ErrorKind::OtherTenant, message))
    }

    fn owns(&self, stream: &StreamId) -> bool {
        stream.tenant() == Some(self.tenant.as_str())
    }

    /// Keeps quiet about the stream of another tenant that holds an event id.
    fn discreet(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Duplicate(taken) if !self.owns(&taken.stream) => {
                let message = format!("event {} is taken by somebody else", taken.event);
                let told = Error::new(ErrorKind::OtherTenant, message);
                error.operation().into_iter().fold(told, Error::with_operation)
            }
            _ => error,
        }
    }

    fn only(&self) -> TenantFilter {
        TenantFilter::Only(self.tenant.clone())
    }

    /// The tenant's part of what a filter asks for; `None` when that is nothing.
    fn narrow(&self, asked: &TenantFilter) -> Option<TenantFilter> {
        asked.accepts(Some(self.tenant.as_str())).then(|| self.only())
    }

    /// The tenant's part of what the options ask for. A filter for somebody else is refused.
    fn narrow_feed(&self, options: &FeedOptions) -> Result<FeedOptions> {
        let filter = self.narrow_filter(&options.filter)?;
        Ok(options.clone().with_filter(filter))
    }

    fn narrow_filter(&self, filter: &EventFilter) -> Result<EventFilter> {
        match self.narrow(filter.tenant_filter()) {
            Some(tenant) => Ok(filter.clone().tenant(tenant)),
            None => {
                let message =
                    format!("the filter asks for other events than those of tenant {}", self.tenant);
                Err(Error::new(ErrorKind::OtherTenant, message))
            }
        }
    }
}

#[async_trait]
impl<S: Close> Close for TenantScoped<S> {
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventStore> EventStore for TenantScoped<S> {
    async fn append(&self, append: Append) -> Result<Appended> {
        append.streams.iter().try_for_each(|s| self.check(&s.stream))?;
        self.inner.append(append).await.map_err(|e| self.discreet(e))
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        self.check(stream)?;
        self.inner.read_stream(stream, options).await
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        self.check(stream)?;
        self.inner.stream(stream).await
    }

    fn log(&self) -> Log {
        self.inner.log()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventFeed> EventFeed for TenantScoped<S> {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        self.inner.read_feed(after, &self.narrow_feed(options)?).await
    }

    async fn head(&self) -> Result<Position> {
        self.inner.head().await
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        self.inner.position_before(time).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        self.inner.event_id_at(position).await
    }

    fn log(&self) -> Log {
        self.inner.log()
    }

    fn wake_ups(&self) -> WakeUps {
        self.inner.wake_ups()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventImport> EventImport for TenantScoped<S> {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        events.iter().try_for_each(|e| self.check(&e.stream))?;
        self.inner.import(events).await.map_err(|e| self.discreet(e))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventLookup> EventLookup for TenantScoped<S> {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        Ok(self.inner.event(id).await?.filter(|event| self.owns(&event.stream)))
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        self.inner.correlated(correlation, after, &self.narrow_feed(options)?).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamListing> StreamListing for TenantScoped<S> {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        match self.narrow(&options.tenant) {
            Some(tenant) => self.inner.streams(&options.clone().with_tenant(tenant)).await,
            None => Ok(StreamsPage { streams: Vec::new(), next: None }),
        }
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        match self.narrow(tenant) {
            Some(tenant) => self.inner.categories(&tenant).await,
            None => Ok(Vec::new()),
        }
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        match self.narrow(tenant) {
            Some(tenant) => self.inner.statistics(&tenant).await,
            None => Ok(StoreStatistics { streams: 0, events: 0, exact: true }),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamDeletion> StreamDeletion for TenantScoped<S> {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        self.check(stream)?;
        self.inner.delete(stream, expected, note).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.check(stream)?;
        self.inner.restore(stream, note).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamErasure> StreamErasure for TenantScoped<S> {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.check(stream)?;
        self.inner.erase(stream, note).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SnapshotStore> SnapshotStore for TenantScoped<S> {
    async fn save(&self, snapshot: Snapshot) -> Result<SaveOutcome> {
        self.check(&snapshot.stream)?;
        self.inner.save(snapshot).await
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        self.check(stream)?;
        self.inner.load(stream, state_type, schema_version).await
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        self.check(stream)?;
        self.inner.exists(stream, state_type, schema_version).await
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        self.check(stream)?;
        self.inner.delete(stream).await
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        match self.narrow(tenant) {
            Some(tenant) => self.inner.delete_by_type(state_type, below_schema_version, &tenant).await,
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, NewEvent};

    fn append(stream: &str, id: EventId, payload: &'static str) -> Append {
        let event = NewEvent::new(id, "Happened", payload).unwrap();
        Append::new(stream.parse().unwrap(), ExpectedVersion::Any, vec![event])
    }

    #[tokio::test]
    async fn a_taken_id_does_not_tell_the_stream_of_another_tenant() {
        let store = MemoryStore::new();
        let scoped = TenantScoped::new(store.clone(), TenantId::new("acme").unwrap());
        let id = EventId::generate();
        store.append(append("other@Secret/project-x", id, "{}")).await.unwrap();
        let mut taken = store.event(id).await.unwrap().unwrap();
        taken.stream = "acme@Order/1".parse().unwrap();

        let appended = scoped.append(append("acme@Order/1", id, "{}")).await.unwrap_err();
        let imported = scoped.import(&[taken]).await.unwrap_err();
        for error in [appended, imported] {
            assert_eq!(error.kind(), &ErrorKind::OtherTenant);
            assert!(!format!("{error:?}").contains("Secret"), "{error:?}");
        }

        // The tenant's own are told as ever.
        let own = EventId::generate();
        scoped.append(append("acme@Order/1", own, "1")).await.unwrap();
        let error = scoped.append(append("acme@Order/1", own, "2")).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Duplicate(d) if d.stream.key() == "1"), "{error}");
    }
}

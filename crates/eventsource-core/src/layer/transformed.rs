//! A store whose payloads are compressed or encrypted on the way in, and plain on the way out.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Category, CorrelationId, EventId, ExpectedVersion, Incarnation, Log, Position, RecordedEvent, Result,
    StateType, StreamId, TenantFilter, Timestamp,
    codec::{Transform, TransformTag},
    lifecycle::LifecycleNote,
    store::{
        Append, Appended, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, FeedPage,
        Imported, Limits, LogAdoption, ReadOptions, SaveOutcome, Snapshot, SnapshotStore, StoreStatistics,
        StreamDeletion, StreamErasure, StreamInfo, StreamListing, StreamPage, StreamsOptions, StreamsPage,
        WakeUps,
    },
};

/// Transforms payloads and snapshots on their way into a store, and back on their way out, so that everything above
/// sees them plain.
///
/// Payloads that the transform leaves alone, and those written before it was in place, are read as they are. Two
/// transforms can be stacked: each payload is changed by the outer one that accepts it, and read by the one whose
/// tag it has.
#[derive(Debug, Clone)]
pub struct Transformed<S> {
    inner: S,
    transform: Arc<dyn Transform>,
}

impl<S> Transformed<S> {
    /// A store that applies `transform`.
    #[must_use]
    pub fn new(inner: S, transform: impl Transform) -> Self {
        Self { inner, transform: Arc::new(transform) }
    }

    fn apply(&self, stream: &StreamId, tag: &mut TransformTag, payload: &mut bytes::Bytes) -> Result<()> {
        if *tag == TransformTag::NONE
            && let Some(changed) = self.transform.apply(stream, payload)?
        {
            *tag = self.transform.tag();
            *payload = changed;
        }
        Ok(())
    }

    fn revert(&self, event: &mut RecordedEvent) -> Result<()> {
        if event.transform != self.transform.tag() || event.erased {
            return Ok(());
        }
        event.payload = self.transform.revert(&event.stream, &event.payload).map_err(|e| {
            e.with_operation("read")
                .with_context("stream", &event.stream)
                .with_context("version", event.version)
                .with_context("event", event.id)
        })?;
        event.transform = TransformTag::NONE;
        Ok(())
    }

    fn revert_all(&self, events: &mut [RecordedEvent]) -> Result<()> {
        events.iter_mut().try_for_each(|event| self.revert(event))
    }
}

#[async_trait]
impl<S: Close> Close for Transformed<S> {
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventStore> EventStore for Transformed<S> {
    async fn append(&self, mut append: Append) -> Result<Appended> {
        for stream in &mut append.streams {
            for event in &mut stream.events {
                self.apply(&stream.stream, &mut event.transform, &mut event.payload)?;
            }
        }
        self.inner.append(append).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        let mut page = self.inner.read_stream(stream, options).await?;
        self.revert_all(&mut page.events)?;
        Ok(page)
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
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
impl<S: EventFeed> EventFeed for Transformed<S> {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        let mut page = self.inner.read_feed(after, options).await?;
        self.revert_all(&mut page.events)?;
        Ok(page)
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
impl<S: LogAdoption> LogAdoption for Transformed<S> {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        self.inner.adopt(highest).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventImport> EventImport for Transformed<S> {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        let mut events = events.to_vec();
        for event in events.iter_mut().filter(|e| !e.erased && !e.is_lifecycle()) {
            let stream = event.stream.clone();
            self.apply(&stream, &mut event.transform, &mut event.payload)?;
        }
        self.inner.import(&events).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventLookup> EventLookup for Transformed<S> {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        let mut event = self.inner.event(id).await?;
        if let Some(event) = &mut event {
            self.revert(event)?;
        }
        Ok(event)
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        let mut page = self.inner.correlated(correlation, after, options).await?;
        self.revert_all(&mut page.events)?;
        Ok(page)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamListing> StreamListing for Transformed<S> {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        self.inner.streams(options).await
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        self.inner.categories(tenant).await
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        self.inner.statistics(tenant).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamDeletion> StreamDeletion for Transformed<S> {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        self.inner.delete(stream, expected, note).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.inner.restore(stream, note).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamErasure> StreamErasure for Transformed<S> {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.inner.erase(stream, note).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SnapshotStore> SnapshotStore for Transformed<S> {
    async fn save(&self, mut snapshot: Snapshot) -> Result<SaveOutcome> {
        let stream = snapshot.stream.clone();
        self.apply(&stream, &mut snapshot.transform, &mut snapshot.state)?;
        self.inner.save(snapshot).await
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        let Some(mut snapshot) = self.inner.load(stream, state_type, schema_version).await? else {
            return Ok(None);
        };
        if snapshot.transform == self.transform.tag() {
            snapshot.state = self.transform.revert(stream, &snapshot.state)?;
            snapshot.transform = TransformTag::NONE;
        }
        Ok(Some(snapshot))
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        self.inner.exists(stream, state_type, schema_version).await
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        self.inner.delete(stream).await
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        self.inner.delete_by_type(state_type, below_schema_version, tenant).await
    }
}

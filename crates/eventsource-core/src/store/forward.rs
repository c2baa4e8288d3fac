//! Ports behind a pointer are ports.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Append, Appended, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, FeedPage,
    Imported, Limits, LogAdoption, ReadOptions, SaveOutcome, Snapshot, SnapshotStore, StoreStatistics,
    StreamDeletion, StreamErasure, StreamInfo, StreamListing, StreamPage, StreamsOptions, StreamsPage,
    WakeUps,
};
use crate::{
    Category, CorrelationId, EventId, ExpectedVersion, Incarnation, Log, Position, RecordedEvent, Result,
    StateType, StreamId, TenantFilter, Timestamp, lifecycle::LifecycleNote,
};

#[async_trait]
impl<T: Close + ?Sized> Close for Arc<T> {
    async fn close(&self) -> Result<()> {
        (**self).close().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventStore + ?Sized> EventStore for Arc<T> {
    async fn append(&self, append: Append) -> Result<Appended> {
        (**self).append(append).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        (**self).read_stream(stream, options).await
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        (**self).stream(stream).await
    }

    fn log(&self) -> Log {
        (**self).log()
    }

    fn limits(&self) -> Limits {
        (**self).limits()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventFeed + ?Sized> EventFeed for Arc<T> {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        (**self).read_feed(after, options).await
    }

    async fn head(&self) -> Result<Position> {
        (**self).head().await
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        (**self).position_before(time).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        (**self).event_id_at(position).await
    }

    fn log(&self) -> Log {
        (**self).log()
    }

    fn wake_ups(&self) -> WakeUps {
        (**self).wake_ups()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: LogAdoption + ?Sized> LogAdoption for Arc<T> {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        (**self).adopt(highest).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventImport + ?Sized> EventImport for Arc<T> {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        (**self).import(events).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventLookup + ?Sized> EventLookup for Arc<T> {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        (**self).event(id).await
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        (**self).correlated(correlation, after, options).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: StreamListing + ?Sized> StreamListing for Arc<T> {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        (**self).streams(options).await
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        (**self).categories(tenant).await
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        (**self).statistics(tenant).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: StreamDeletion + ?Sized> StreamDeletion for Arc<T> {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        (**self).delete(stream, expected, note).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        (**self).restore(stream, note).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: StreamErasure + ?Sized> StreamErasure for Arc<T> {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        (**self).erase(stream, note).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: SnapshotStore + ?Sized> SnapshotStore for Arc<T> {
    async fn save(&self, snapshot: Snapshot) -> Result<SaveOutcome> {
        (**self).save(snapshot).await
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        (**self).load(stream, state_type, schema_version).await
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        (**self).exists(stream, state_type, schema_version).await
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        (**self).delete(stream).await
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        (**self).delete_by_type(state_type, below_schema_version, tenant).await
    }
}

//! The ports that a store with faults is.

use async_trait::async_trait;
use eventsource_core::{
    Category, CorrelationId, EventId, ExpectedVersion, Incarnation, Log, Position, RecordedEvent, Result,
    StateType, StreamId, TenantFilter, Timestamp,
    lifecycle::LifecycleNote,
    store::{
        Append, Appended, Close, EventFeed, EventImport, EventLookup, EventStore, FeedOptions, FeedPage,
        Imported, Limits, LogAdoption, ReadOptions, SaveOutcome, Snapshot, SnapshotStore, StoreStatistics,
        StreamDeletion, StreamErasure, StreamInfo, StreamListing, StreamPage, StreamsOptions, StreamsPage,
        WakeUps,
    },
};

use super::{FaultStore, Operation};

#[async_trait]
impl<S: Close> Close for FaultStore<S> {
    async fn close(&self) -> Result<()> {
        self.call(Operation::Close, self.inner.close()).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventStore> EventStore for FaultStore<S> {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.call(Operation::Append, self.inner.append(append)).await
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        self.call(Operation::ReadStream, self.inner.read_stream(stream, options)).await
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        self.call(Operation::Stream, self.inner.stream(stream)).await
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
impl<S: EventFeed> EventFeed for FaultStore<S> {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        self.call(Operation::ReadFeed, self.inner.read_feed(after, options)).await
    }

    async fn head(&self) -> Result<Position> {
        self.call(Operation::Head, self.inner.head()).await
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        self.call(Operation::PositionBefore, self.inner.position_before(time)).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        self.call(Operation::EventIdAt, self.inner.event_id_at(position)).await
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
impl<S: LogAdoption> LogAdoption for FaultStore<S> {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        self.call(Operation::Adopt, self.inner.adopt(highest)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventImport> EventImport for FaultStore<S> {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported> {
        self.call(Operation::Import, self.inner.import(events)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: EventLookup> EventLookup for FaultStore<S> {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        self.call(Operation::Event, self.inner.event(id)).await
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        self.call(Operation::Correlated, self.inner.correlated(correlation, after, options)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamListing> StreamListing for FaultStore<S> {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        self.call(Operation::Streams, self.inner.streams(options)).await
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        self.call(Operation::Categories, self.inner.categories(tenant)).await
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        self.call(Operation::Statistics, self.inner.statistics(tenant)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamDeletion> StreamDeletion for FaultStore<S> {
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended> {
        self.call(Operation::Delete, self.inner.delete(stream, expected, note)).await
    }

    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.call(Operation::Restore, self.inner.restore(stream, note)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StreamErasure> StreamErasure for FaultStore<S> {
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended> {
        self.call(Operation::Erase, self.inner.erase(stream, note)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SnapshotStore> SnapshotStore for FaultStore<S> {
    async fn save(&self, snapshot: Snapshot) -> Result<SaveOutcome> {
        self.call(Operation::SaveSnapshot, self.inner.save(snapshot)).await
    }

    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>> {
        self.call(Operation::LoadSnapshot, self.inner.load(stream, state_type, schema_version)).await
    }

    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool> {
        self.call(Operation::SnapshotExists, self.inner.exists(stream, state_type, schema_version)).await
    }

    async fn delete(&self, stream: &StreamId) -> Result<u64> {
        self.call(Operation::DeleteSnapshots, self.inner.delete(stream)).await
    }

    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64> {
        self.call(
            Operation::DeleteSnapshotsByType,
            self.inner.delete_by_type(state_type, below_schema_version, tenant),
        )
        .await
    }
}

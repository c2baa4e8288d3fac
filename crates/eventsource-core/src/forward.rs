//! Ports of the read side and of buses behind a pointer are ports.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    BoxError, ConsumerId, ConsumerName, Epoch, EventFilter, EventId, EventPublisher, InstanceId, LogId,
    Place, RecordedEvent, Result, StreamId, StreamVersion, Timestamp,
    bus::{Delivery, DeliveryHandler, EventBus, GroupConsumer, GroupOptions},
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
    dead_letter::{
        DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
    inbox::Inbox,
    lease::{Acquired, Beat, Lease, LeaseName, LeaseStore, Pulse},
    projection::{Applied, Batch, Target},
    request::{NewRequest, Request, RequestId, RequestStore, RequestUpdate, RequestsOptions},
    status::{Declaration, InstanceStatus, StatusStore},
};

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventPublisher + ?Sized> EventPublisher for Arc<T> {
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) -> Result<()> {
        (**self).publish(log, events).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventBus + ?Sized> EventBus for Arc<T> {
    async fn consume(
        &self,
        group: &ConsumerName,
        options: GroupOptions,
        handler: Arc<dyn DeliveryHandler>,
    ) -> Result<Box<dyn GroupConsumer>> {
        (**self).consume(group, options, handler).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: DeliveryHandler + ?Sized> DeliveryHandler for Arc<T> {
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        (**self).handle(delivery).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: CheckpointStore + ?Sized> CheckpointStore for Arc<T> {
    async fn segments(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<Segment>> {
        (**self).segments(consumer, log).await
    }

    async fn begin(&self, consumer: &ConsumerId, log: LogId, place: Place) -> Result<Vec<Segment>> {
        (**self).begin(consumer, log, place).await
    }

    async fn change(&self, key: &SegmentKey, epoch: Epoch, change: SegmentChange) -> Result<SegmentOutcome> {
        (**self).change(key, epoch, change).await
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<u64> {
        (**self).remove(consumer).await
    }

    async fn active_version(&self, consumer: &ConsumerName) -> Result<Option<u32>> {
        (**self).active_version(consumer).await
    }

    async fn switch_version(&self, consumer: &ConsumerName, from: Option<u32>, to: u32) -> Result<bool> {
        (**self).switch_version(consumer, from, to).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: DeadLetterStore + ?Sized> DeadLetterStore for Arc<T> {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        (**self).park(letters, limits).await
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        (**self).parked_streams(consumer, log).await
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        (**self).letters(consumer, log, options).await
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        (**self).change_letter(consumer, log, event, change).await
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        (**self).remove_letters(consumer).await
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        (**self).erase_letters(log, stream).await
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        (**self).letter_statistics(consumer).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Inbox + ?Sized> Inbox for Arc<T> {
    async fn applied(&self, group: &ConsumerName, log: LogId, stream: &StreamId) -> Result<StreamVersion> {
        (**self).applied(group, log, stream).await
    }

    async fn step(
        &self,
        group: &ConsumerName,
        log: LogId,
        stream: &StreamId,
        from: StreamVersion,
        to: StreamVersion,
    ) -> Result<bool> {
        (**self).step(group, log, stream, from, to).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: LeaseStore + ?Sized> LeaseStore for Arc<T> {
    async fn acquire(&self, name: &LeaseName, owner: &InstanceId, ttl: Duration) -> Result<Acquired> {
        (**self).acquire(name, owner, ttl).await
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        (**self).beat(beat).await
    }

    async fn release(&self, name: &LeaseName, owner: &InstanceId, epoch: Epoch) -> Result<bool> {
        (**self).release(name, owner, epoch).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<Option<Lease>> {
        (**self).lease(name).await
    }

    async fn leases(&self, prefix: &str) -> Result<Vec<Lease>> {
        (**self).leases(prefix).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: StatusStore + ?Sized> StatusStore for Arc<T> {
    async fn declare(&self, instance: &InstanceId, declarations: &[Declaration]) -> Result<()> {
        (**self).declare(instance, declarations).await
    }

    async fn declarations(&self) -> Result<Vec<(Declaration, Vec<InstanceId>)>> {
        (**self).declarations().await
    }

    async fn statuses(&self) -> Result<Vec<InstanceStatus>> {
        (**self).statuses().await
    }

    async fn forget(&self, before: Timestamp) -> Result<u64> {
        (**self).forget(before).await
    }

    async fn now(&self) -> Result<Timestamp> {
        (**self).now().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: RequestStore + ?Sized> RequestStore for Arc<T> {
    async fn submit(&self, request: &NewRequest) -> Result<Request> {
        (**self).submit(request).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<Request>> {
        (**self).request(id).await
    }

    async fn requests(&self, options: &RequestsOptions) -> Result<Vec<Request>> {
        (**self).requests(options).await
    }

    async fn update(&self, update: &RequestUpdate) -> Result<bool> {
        (**self).update(update).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Target + ?Sized> Target for Arc<T> {
    fn filter(&self) -> EventFilter {
        (**self).filter()
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        (**self).apply(batch).await
    }

    async fn reset(&self, consumer: &ConsumerId, log: LogId, epoch: Epoch, to: Place) -> Result<bool> {
        (**self).reset(consumer, log, epoch, to).await
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<()> {
        (**self).remove(consumer).await
    }
}

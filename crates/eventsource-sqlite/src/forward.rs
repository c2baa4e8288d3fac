//! The ports of read models, for the file of a store.

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, ConsumerName, Epoch, EventId, LogId, Place, Result, StreamId, StreamVersion,
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
    dead_letter::{
        DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
    inbox::Inbox,
};

use crate::SqliteStore;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl CheckpointStore for SqliteStore {
    async fn segments(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<Segment>> {
        self.read_models().segments(consumer, log).await
    }

    async fn begin(&self, consumer: &ConsumerId, log: LogId, place: Place) -> Result<Vec<Segment>> {
        self.read_models().begin(consumer, log, place).await
    }

    async fn change(&self, key: &SegmentKey, epoch: Epoch, change: SegmentChange) -> Result<SegmentOutcome> {
        self.read_models().change(key, epoch, change).await
    }

    async fn remove(&self, consumer: &ConsumerId) -> Result<u64> {
        self.read_models().remove(consumer).await
    }

    async fn active_version(&self, consumer: &ConsumerName) -> Result<Option<u32>> {
        self.read_models().active_version(consumer).await
    }

    async fn switch_version(&self, consumer: &ConsumerName, from: Option<u32>, to: u32) -> Result<bool> {
        self.read_models().switch_version(consumer, from, to).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl DeadLetterStore for SqliteStore {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        self.read_models().park(letters, limits).await
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        self.read_models().parked_streams(consumer, log).await
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        self.read_models().letters(consumer, log, options).await
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        self.read_models().change_letter(consumer, log, event, change).await
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        self.read_models().remove_letters(consumer).await
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        self.read_models().erase_letters(log, stream).await
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        self.read_models().letter_statistics(consumer).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Inbox for SqliteStore {
    async fn applied(&self, group: &ConsumerName, log: LogId, stream: &StreamId) -> Result<StreamVersion> {
        self.read_models().applied(group, log, stream).await
    }

    async fn step(
        &self,
        group: &ConsumerName,
        log: LogId,
        stream: &StreamId,
        from: StreamVersion,
        to: StreamVersion,
    ) -> Result<bool> {
        self.read_models().step(group, log, stream, from, to).await
    }
}

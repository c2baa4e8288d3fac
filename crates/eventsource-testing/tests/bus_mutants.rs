//! The suite of buses can fail: buses that do one thing wrong, each with a case that notices.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use eventsource_core::{
    BoxError, ConsumerId, ConsumerName, EventId, EventPublisher, LogId, RecordedEvent, Result, StreamId,
    bus::{Delivery, DeliveryHandler, EventBus, GroupConsumer, GroupOptions},
    dead_letter::{
        DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
    memory::MemoryBus,
    store::Close,
};
use eventsource_testing::conformance::{
    BusCapabilities, BusFixture, BusSetup, Deliveries, GroupBacklog, bus_failures, bus_groups, bus_letters,
};

/// What a bus does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mutation {
    None,
    /// It acknowledges an event, and then lets it be handled.
    AcknowledgesFirst,
    /// It sends what failed to all groups again.
    RetriesForAll,
    /// It takes each member for a group of its own.
    SharesNothing,
    /// It takes an event for done, and then keeps its letter.
    ParksLater,
    /// It forgets which streams are parked.
    ForgetsParkedStreams,
}

struct Mutant {
    bus: MemoryBus,
    mutation: Mutation,
}

struct Fixture(Mutation);

impl BusFixture for Fixture {
    type Bus = Mutant;

    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities::new(Deliveries::Once, GroupBacklog::Bounded)
    }

    async fn open(&self, setup: &BusSetup) -> Mutant {
        let letters = WrongLetters { letters: setup.letters.clone(), mutation: self.0 };
        Mutant { bus: MemoryBus::new(letters), mutation: self.0 }
    }
}

#[async_trait]
impl EventPublisher for Mutant {
    async fn publish(&self, log: LogId, events: &[RecordedEvent]) -> Result<()> {
        self.bus.publish(log, events).await
    }
}

#[async_trait]
impl Close for Mutant {
    async fn close(&self) -> Result<()> {
        self.bus.close().await
    }
}

#[async_trait]
impl EventBus for Mutant {
    async fn consume(
        &self,
        group: &ConsumerName,
        options: GroupOptions,
        handler: Arc<dyn DeliveryHandler>,
    ) -> Result<Box<dyn GroupConsumer>> {
        let own = ConsumerName::new(EventId::generate().to_string())?;
        let group = if self.mutation == Mutation::SharesNothing { &own } else { group };
        let handler = WrongHandler { handler, bus: self.bus.clone(), mutation: self.mutation };
        self.bus.consume(group, options, Arc::new(handler)).await
    }
}

struct WrongHandler {
    handler: Arc<dyn DeliveryHandler>,
    bus: MemoryBus,
    mutation: Mutation,
}

#[async_trait]
impl DeliveryHandler for WrongHandler {
    async fn handle(&self, delivery: Delivery) -> Result<(), BoxError> {
        match self.mutation {
            Mutation::AcknowledgesFirst => {
                let handler = self.handler.clone();
                tokio::spawn(async move { handler.handle(delivery).await });
                Ok(())
            }
            Mutation::RetriesForAll => {
                let (log, event) = (delivery.log, delivery.event.clone());
                if self.handler.handle(delivery).await.is_err() {
                    self.bus.publish(log, std::slice::from_ref(&event)).await?;
                }
                Ok(())
            }
            _ => self.handler.handle(delivery).await,
        }
    }
}

struct WrongLetters {
    letters: Arc<dyn DeadLetterStore>,
    mutation: Mutation,
}

#[async_trait]
impl Close for WrongLetters {
    async fn close(&self) -> Result<()> {
        self.letters.close().await
    }
}

#[async_trait]
impl DeadLetterStore for WrongLetters {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        if self.mutation == Mutation::ParksLater {
            let (store, letters) = (self.letters.clone(), letters.to_vec());
            tokio::spawn(async move { store.park(&letters, limits).await });
            return Ok(ParkOutcome::Parked);
        }
        self.letters.park(letters, limits).await
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        self.letters.parked_streams(consumer, log).await
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        if self.mutation == Mutation::ForgetsParkedStreams {
            return Ok(Vec::new());
        }
        self.letters.letters(consumer, log, options).await
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        self.letters.change_letter(consumer, log, event, change).await
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        self.letters.remove_letters(consumer).await
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        self.letters.erase_letters(log, stream).await
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        self.letters.letter_statistics(consumer).await
    }
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn an_acknowledgement_before_the_handler_is_caught() {
    bus_failures::run(Fixture(Mutation::AcknowledgesFirst), "an_event_is_done_only_after_its_handler");
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn a_failure_that_is_acknowledged_is_caught() {
    bus_failures::run(Fixture(Mutation::AcknowledgesFirst), "a_failed_event_is_tried_again");
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn a_retry_that_is_seen_by_another_group_is_caught() {
    bus_failures::run(Fixture(Mutation::RetriesForAll), "retries_are_not_seen_by_other_groups");
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn members_that_share_nothing_are_caught() {
    bus_groups::run(Fixture(Mutation::SharesNothing), "members_share_the_events");
}

#[test]
#[should_panic(expected = "an event whose letter was not kept comes again")]
fn an_acknowledgement_before_the_letter_is_caught() {
    bus_letters::run(Fixture(Mutation::ParksLater), "an_event_is_done_only_when_its_letter_is_kept");
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn an_event_that_overtakes_its_letter_is_caught() {
    bus_letters::run(
        Fixture(Mutation::ForgetsParkedStreams),
        "a_parked_stream_stays_parked_for_later_members",
    );
}

#[test]
fn the_same_bus_without_a_mutation_passes() {
    for case in ["an_event_is_done_only_after_its_handler", "a_failed_event_is_tried_again"] {
        bus_failures::run(Fixture(Mutation::None), case);
    }
    bus_failures::run(Fixture(Mutation::None), "retries_are_not_seen_by_other_groups");
    bus_groups::run(Fixture(Mutation::None), "members_share_the_events");
    bus_letters::run(Fixture(Mutation::None), "an_event_is_done_only_when_its_letter_is_kept");
    bus_letters::run(Fixture(Mutation::None), "a_parked_stream_stays_parked_for_later_members");
}

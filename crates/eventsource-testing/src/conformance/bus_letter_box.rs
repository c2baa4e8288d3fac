//! A store of letters that a case can hold up.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, Error, ErrorKind, EventId, LogId, MemoryStore, Result, StreamId,
    dead_letter::{
        DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
    store::Close,
};
use tokio::sync::watch;

use super::bus_lab::soon;

/// Keeps letters in memory, and tells when there is a new one. A handle: clones share the letters.
#[derive(Clone, Default)]
pub(super) struct LetterBox(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryStore,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    /// Calls that were to park, whatever came of them.
    calls: usize,
    /// How the next calls to park end.
    parking: Parking,
    /// Calls that parked.
    parked: usize,
}

#[derive(Clone, Copy, Default)]
enum Parking {
    #[default]
    Done,
    /// They never return.
    Held,
    /// So many fail with a transient error.
    Failing(usize),
}

impl LetterBox {
    /// Lets calls to park hang from now on.
    pub(super) fn hold(&self) {
        self.0.state.send_modify(|state| state.parking = Parking::Held);
    }

    /// Lets the next calls to park fail with a transient error, so many.
    pub(super) fn fail(&self, calls: usize) {
        self.0.state.send_modify(|state| state.parking = Parking::Failing(calls));
    }

    /// Lets later calls to park do what they should.
    pub(super) fn recover(&self) {
        self.0.state.send_modify(|state| state.parking = Parking::Done);
    }

    /// Waits until so many calls to park have come.
    pub(super) async fn until_called(&self, calls: usize) {
        let mut state = self.0.state.subscribe();
        drop(soon("parking is tried", state.wait_for(|state| state.calls >= calls)).await.unwrap());
    }

    /// Waits until this holds. It looks now, and after each call that parked.
    pub(super) async fn until<F: Future<Output = bool>>(&self, mut holds: impl FnMut() -> F) {
        let mut state = self.0.state.subscribe();
        soon("letters are parked", async {
            loop {
                // Before the look, so that a letter in between is not missed.
                let parked = state.borrow().parked;
                if holds().await {
                    return;
                }
                drop(state.wait_for(|state| state.parked > parked).await.unwrap());
            }
        })
        .await;
    }

    /// How the next call to park ends.
    fn next(&self) -> Parking {
        let mut parking = Parking::Done;
        self.0.state.send_modify(|state| {
            state.calls += 1;
            parking = state.parking;
            state.parking = match parking {
                Parking::Failing(calls) if calls > 1 => Parking::Failing(calls - 1),
                Parking::Failing(_) => Parking::Done,
                other => other,
            };
        });
        parking
    }
}

#[async_trait]
impl Close for LetterBox {
    async fn close(&self) -> Result<()> {
        self.0.store.close().await
    }
}

#[async_trait]
impl DeadLetterStore for LetterBox {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        match self.next() {
            Parking::Done => {}
            Parking::Held => std::future::pending().await,
            Parking::Failing(_) => {
                return Err(Error::new(ErrorKind::Unavailable, "the letter box is away").transient());
            }
        }
        let outcome = self.0.store.park(letters, limits).await?;
        self.0.state.send_modify(|state| state.parked += 1);
        Ok(outcome)
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        self.0.store.parked_streams(consumer, log).await
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        self.0.store.letters(consumer, log, options).await
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        self.0.store.change_letter(consumer, log, event, change).await
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        self.0.store.remove_letters(consumer).await
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        self.0.store.erase_letters(log, stream).await
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        self.0.store.letter_statistics(consumer).await
    }
}

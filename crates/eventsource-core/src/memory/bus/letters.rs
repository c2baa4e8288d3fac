//! The dead letters of a group.

use std::sync::Arc;

use backon::{ExponentialBuilder, Retryable};

use super::{
    delivery::{Consumption, count},
    group::StreamOf,
    turn::Turn,
};
use crate::{
    Error, EventId, LogId, RecordedEvent, Result,
    bus::Retried,
    dead_letter::{Cause, DeadLetter, LetterChange, LettersOptions, ParkOutcome},
};

impl Consumption {
    /// Whether events of a stream wait behind a letter.
    pub(super) async fn is_parked(&self, turn: &Turn) -> Result<bool> {
        let stream = turn.stream();
        let known = match turn.with_group(|group| group.is_parked(stream)).flatten() {
            Some(known) => known,
            None => {
                let log = stream.0;
                let load = || self.shared.letters.parked_streams(&self.consumer, log);
                let streams = load.retry(self.backoff()).when(Error::is_transient).await?;
                turn.with_group(|group| group.remember_parked(log, streams));
                turn.with_group(|group| group.is_parked(stream)).flatten().unwrap_or(false)
            }
        };
        if !known {
            return Ok(false);
        }
        // The letters may have been settled since. Nobody adds or settles one of this stream while we have its turn.
        let is_parked = self.first_letter(stream).await?.is_some();
        if !is_parked {
            turn.with_group(|group| group.release(stream));
        }
        Ok(is_parked)
    }

    /// Parks an event. When this returns `Ok`, the letter is kept.
    pub(super) async fn park(
        &self,
        turn: &Turn,
        event: &RecordedEvent,
        cause: Cause,
        attempts: u32,
    ) -> Result<()> {
        let (log, now) = (turn.stream().0, self.shared.options.clock.now());
        let letter = DeadLetter {
            consumer: self.consumer.clone(),
            log,
            event: event.clone(),
            edited: None,
            cause,
            attempts,
            parked_at: now,
            tried_at: now,
            handler_version: self.options.handler_version.clone(),
        };
        let letters = [letter];
        let park = || self.shared.letters.park(&letters, self.options.parking);
        match park.retry(self.backoff()).when(Error::is_transient).await? {
            ParkOutcome::Parked => {}
            ParkOutcome::Full(limits) => return Err(Error::parking_full(limits)),
        }
        turn.with_group(|group| group.remember_parked(log, [event.stream.clone()]));
        count(&self.counters.parked);
        Ok(())
    }

    /// Handles the letters of a stream again, until one fails or none is left.
    pub(super) async fn retry(&self, turn: Turn) -> Result<Retried> {
        let mut retried = Retried::default();
        let stream = turn.stream();
        while let Some(letter) = self.first_letter(stream).await? {
            let id = letter.event.id;
            let mut event = letter.event;
            if let Some(edited) = letter.edited {
                event.payload = edited;
            }
            let attempt = letter.attempts.saturating_add(1);
            let change = match self.attempt(stream.0, Arc::new(event), attempt).await {
                Ok(()) => LetterChange::Removed,
                Err(error) => LetterChange::Failed {
                    cause: Cause::of(&error),
                    handler_version: self.options.handler_version.clone(),
                },
            };
            self.shared.letters.change_letter(&self.consumer, stream.0, id, &change).await?;
            if change != LetterChange::Removed {
                return Ok(retried);
            }
            retried.handled += 1;
        }
        turn.with_group(|group| group.release(stream));
        Ok(Retried { released: true, ..retried })
    }

    /// The letter of an event.
    pub(super) async fn letter_of(&self, log: LogId, event: EventId) -> Result<Option<DeadLetter>> {
        let options = LettersOptions::default().with_event(event);
        Ok(self.shared.letters.letters(&self.consumer, log, &options).await?.into_iter().next())
    }

    /// Removes the letter of an event; whether it was there.
    pub(super) async fn remove_letter(&self, log: LogId, event: EventId) -> Result<bool> {
        self.shared.letters.change_letter(&self.consumer, log, event, &LetterChange::Removed).await
    }

    async fn first_letter(&self, (log, stream): &StreamOf) -> Result<Option<DeadLetter>> {
        let options = LettersOptions::default().with_stream(stream.clone()).first_only();
        let first = || self.shared.letters.letters(&self.consumer, *log, &options);
        let first = first.retry(self.backoff()).when(Error::is_transient).await?;
        Ok(first.into_iter().next())
    }

    /// The waits while the store of letters is away: without an end, because an event is done only when its letter is kept.
    fn backoff(&self) -> ExponentialBuilder {
        let policy = &self.options.failure;
        ExponentialBuilder::default()
            .with_min_delay(policy.delay_min)
            .with_max_delay(policy.delay_max)
            .without_max_times()
            .with_jitter()
    }
}

//! Dead letters: made, kept with a batch, and handled again.

use std::sync::Arc;

use eventsource_core::{
    Bytes, Error, ErrorKind, EventId, LogId, Place, RecordedEvent, Result, Slice, StreamId,
    checkpoint::Segment,
    dead_letter::{Cause, DeadLetter, DeadLetterStore, LetterChange, LettersOptions, ParkOutcome},
    projection::{Applied, Batch},
    request::Letters,
};

use crate::environment::Environment;

/// Parks and releases what belongs to the way of a batch up to a place, for targets without a transaction.
///
/// It comes before the checkpoint: after a crash in between the same letters are parked again, which changes nothing.
pub(crate) async fn settle_letters(store: &dyn DeadLetterStore, batch: &Batch, to: Place) -> Result<()> {
    let letters: Vec<_> = batch.letters_up_to(to).cloned().collect();
    if !letters.is_empty() {
        match store.park(&letters, batch.parking).await? {
            ParkOutcome::Parked => {}
            ParkOutcome::Full(limits) => return Err(Error::parking_full(limits)),
        }
    }
    if to == batch.to {
        for event in &batch.released {
            let (consumer, log) = (&batch.segment.consumer, batch.segment.log);
            store.change_letter(consumer, log, *event, &LetterChange::Removed).await?;
        }
    }
    Ok(())
}

/// A letter for an event, parked now.
pub(crate) fn letter(
    environment: &Environment,
    log: LogId,
    event: &RecordedEvent,
    cause: Cause,
    attempts: u32,
) -> DeadLetter {
    let now = environment.clock.now();
    DeadLetter {
        consumer: environment.consumer.clone(),
        log,
        event: event.clone(),
        edited: None,
        cause,
        attempts,
        parked_at: now,
        tried_at: now,
        handler_version: environment.options.handler_version.clone(),
    }
}

/// What an operator wants with letters.
#[derive(Debug, Clone)]
pub(crate) enum LetterWork {
    /// Handle them again, each stream from its first letter.
    Retry(Letters),
    /// Handle one with another payload.
    Edit(EventId, Bytes),
    /// Give them up.
    Discard(Letters),
}

/// What became of letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterReport {
    /// Letters that were handled or given up; they are gone.
    pub settled: u64,
    /// Letters that failed again; they, and what waits behind them, are still there.
    pub failed: u64,
}

impl Environment {
    /// Does what is wanted with letters, while no lane runs.
    pub(crate) async fn work_letters(&self, segments: &[Segment], work: &LetterWork) -> Result<LetterReport> {
        let mut report = LetterReport::default();
        match work {
            LetterWork::Retry(letters) => {
                for first in self.first_letters(letters).await? {
                    let only = matches!(letters, Letters::One(_)).then_some(first.event.id);
                    self.retry_stream(segments, &first.event.stream, only, &mut report).await?;
                }
            }
            LetterWork::Edit(event, payload) => {
                let letter = self.letter_of(*event).await?;
                self.change_letter(*event, &LetterChange::Edited(payload.clone())).await?;
                self.retry_stream(segments, &letter.event.stream, None, &mut report).await?;
            }
            LetterWork::Discard(letters) => {
                for letter in self.all_letters(letters).await? {
                    self.change_letter(letter.event.id, &LetterChange::Removed).await?;
                    report.settled += 1;
                }
            }
        }
        Ok(report)
    }

    /// Handles the letters of a stream from the first, until one fails again.
    async fn retry_stream(
        &self,
        segments: &[Segment],
        stream: &StreamId,
        only: Option<EventId>,
        report: &mut LetterReport,
    ) -> Result<()> {
        let slice = Slice::of_stream(stream);
        let Some(segment) = segments.iter().find(|s| s.key.slices.contains(slice)) else { return Ok(()) };
        loop {
            let options = LettersOptions::default().with_stream(stream.clone()).first_only();
            let Some(letter) = self.list_letters(&options).await?.into_iter().next() else { return Ok(()) };
            if only.is_some_and(|only| only != letter.event.id) {
                return Ok(());
            }
            match self.target.apply(&self.retry_batch(segment, &letter)).await? {
                Applied::All | Applied::Part { .. } => report.settled += 1,
                Applied::Fenced => {
                    let message = format!("another process has taken {} over", self.consumer);
                    return Err(Error::new(ErrorKind::Unavailable, message).transient());
                }
                Applied::Failed { cause: error, .. } => {
                    let handler_version = self.options.handler_version.clone();
                    let failed = LetterChange::Failed { cause: Cause::of(&error), handler_version };
                    self.change_letter(letter.event.id, &failed).await?;
                    report.failed += 1;
                    return Ok(());
                }
            }
        }
    }

    /// The first letter of each stream that is meant.
    async fn first_letters(&self, letters: &Letters) -> Result<Vec<DeadLetter>> {
        match letters {
            Letters::One(event) => {
                let letter = self.letter_of(*event).await?;
                let options = LettersOptions::default().with_stream(letter.event.stream.clone()).first_only();
                match self.list_letters(&options).await?.into_iter().next() {
                    Some(first) if first.event.id == *event => Ok(vec![first]),
                    first => {
                        let first =
                            first.map_or_else(|| "another".to_owned(), |first| first.event.id.to_string());
                        let message = format!(
                            "event {event} waits behind event {first}, which has to be settled first"
                        );
                        Err(Error::invalid_input("letter", message))
                    }
                }
            }
            Letters::Stream(stream) => {
                self.pages(LettersOptions::default().with_stream(stream.clone()).first_only()).await
            }
            Letters::Cause(cause) => {
                self.pages(LettersOptions::default().with_cause(*cause).first_only()).await
            }
            _ => self.pages(LettersOptions::default().first_only()).await,
        }
    }

    async fn all_letters(&self, letters: &Letters) -> Result<Vec<DeadLetter>> {
        match letters {
            Letters::One(event) => Ok(vec![self.letter_of(*event).await?]),
            Letters::Stream(stream) => {
                self.pages(LettersOptions::default().with_stream(stream.clone())).await
            }
            Letters::Cause(cause) => self.pages(LettersOptions::default().with_cause(*cause)).await,
            _ => self.pages(LettersOptions::default()).await,
        }
    }

    async fn letter_of(&self, event: EventId) -> Result<DeadLetter> {
        let options = LettersOptions::default().with_event(event);
        let found = self.list_letters(&options).await?.into_iter().next();
        found.ok_or_else(|| {
            Error::invalid_input("letter", format!("{} has no letter of event {event}", self.consumer.name))
        })
    }

    async fn pages(&self, mut options: LettersOptions) -> Result<Vec<DeadLetter>> {
        let mut all = Vec::new();
        loop {
            let page = self.list_letters(&options).await?;
            let Some(last) = page.last() else { return Ok(all) };
            options.after = Some(last.event.position);
            all.extend(page);
        }
    }

    pub(crate) async fn list_letters(&self, options: &LettersOptions) -> Result<Vec<DeadLetter>> {
        self.letters.letters(&self.consumer, self.feed.log().id, options).await
    }

    async fn change_letter(&self, event: EventId, change: &LetterChange) -> Result<()> {
        self.letters.change_letter(&self.consumer, self.feed.log().id, event, change).await.map(drop)
    }

    /// A batch that handles the event of a letter and removes the letter, and leaves the segment where it is.
    fn retry_batch(&self, segment: &Segment, letter: &DeadLetter) -> Batch {
        let mut event = letter.event.clone();
        if let Some(payload) = &letter.edited {
            event.payload = payload.clone();
        }
        Batch {
            segment: segment.key.clone(),
            from: segment.place.position,
            to: segment.place,
            epoch: segment.epoch,
            released: vec![event.id],
            events: vec![Arc::new(event)],
            letters: Vec::new(),
            parking: self.options.parking,
            attempt: letter.attempts + 1,
        }
    }
}

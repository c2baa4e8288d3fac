//! The handle of a subscription.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use eventsource_core::{
    Bytes, ConsumerId, Epoch, Error, ErrorKind, EventId, Position, Result, Token,
    dead_letter::{DeadLetter, LetterStatistics, LettersOptions},
    request::Letters,
    status::ConsumerState,
    store::FeedOptions,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    environment::Environment,
    letters::{LetterReport, LetterWork},
    runner::{Command, Reply},
};

/// A subscription, to ask it things and ask things of it. A handle: clones mean the same subscription.
#[derive(Clone)]
pub struct Subscription {
    pub(crate) environment: Arc<Environment>,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// What became of waiting for a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// Everything up to there is handled.
    Handled,
    /// Everything up to there is settled, but the event there is parked and was not handled.
    Parked,
}

/// What a subscription is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionStatus {
    /// Which version of which consumer.
    pub consumer: ConsumerId,
    /// What it does.
    pub state: ConsumerState,
    /// Why it waits, is paused, backs off or failed.
    pub reason: Option<String>,
    /// Everything up to here is done.
    pub position: Position,
    /// At most so many events are behind: the distance of positions to the head, of which some may be holes or other
    /// people's events.
    pub lag_events: u64,
    /// How long ago the first event was recorded that is not handled; zero when there is none.
    pub lag: Duration,
}

/// What a subscription has done since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionStatistics {
    /// Events handled.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that were followed by another one.
    pub retried: u64,
    /// Events parked, those behind others included.
    pub parked: u64,
    /// Events passed over after their retries.
    pub skipped: u64,
}

impl Subscription {
    /// Which version of which consumer it is.
    #[must_use]
    pub fn consumer(&self) -> &ConsumerId {
        &self.environment.consumer
    }

    /// Ends what it has begun and handles nothing more until it is resumed. When this returns, no handler runs.
    ///
    /// # Errors
    /// `Closed` when it was stopped.
    ///
    /// # Cancel safety
    /// It may be paused all the same.
    pub async fn pause(&self, reason: impl Into<String>) -> Result<()> {
        let reason = reason.into();
        self.ask(|done| Command::Pause { reason, done }).await
    }

    /// Goes on after a pause or a failure, from its checkpoint.
    ///
    /// # Errors
    /// `Closed` when it was stopped.
    ///
    /// # Cancel safety
    /// It may go on all the same.
    pub async fn resume(&self) -> Result<()> {
        self.ask(|done| Command::Resume { done }).await
    }

    /// Goes on behind another position: back, to handle events again, or forward, to pass over some.
    ///
    /// A subscription that failed or is paused stays so until it is [resumed](Self::resume).
    ///
    /// # Errors
    /// `InvalidInput` ahead of the log's head; `Unsupported` for a read model in memory, which would fold events
    /// twice; `Unavailable` when another process runs it; failures of the database.
    ///
    /// # Cancel safety
    /// It may be rewound all the same.
    pub async fn rewind(&self, to: Position) -> Result<()> {
        self.ask(|done| Command::Rewind { to, done }).await
    }

    /// Empties the read model, forgets its letters, and begins again with the first event.
    ///
    /// # Errors
    /// `Unsupported` when the library cannot empty it, as for a projection that writes by itself; otherwise as for
    /// [`rewind`](Self::rewind).
    ///
    /// # Cancel safety
    /// It may be reset all the same; reset it again.
    pub async fn reset(&self) -> Result<()> {
        self.ask(|done| Command::Reset { done }).await
    }

    /// Handles parked events again, each stream from its first letter, until one fails again.
    ///
    /// # Errors
    /// `InvalidInput` for a letter that there is not, or that waits behind another one; `Unavailable` when another process
    /// runs the subscription; failures of the database.
    ///
    /// # Cancel safety
    /// They may be handled all the same.
    pub async fn retry(&self, letters: Letters) -> Result<LetterReport> {
        self.ask(|done| Command::Letters { work: LetterWork::Retry(letters), done }).await
    }

    /// Handles the stream of a parked event again, this one with another payload. The original stays beside it until it is
    /// handled.
    ///
    /// # Errors
    /// As for [`retry`](Self::retry).
    ///
    /// # Cancel safety
    /// It may be handled all the same.
    pub async fn edit(&self, event: EventId, payload: impl Into<Bytes>) -> Result<LetterReport> {
        let work = LetterWork::Edit(event, payload.into());
        self.ask(|done| Command::Letters { work, done }).await
    }

    /// Gives parked events up. What they would have changed is lost; what waited behind them goes on once a stream has no
    /// letters left.
    ///
    /// # Errors
    /// As for [`retry`](Self::retry).
    ///
    /// # Cancel safety
    /// They may be given up all the same.
    pub async fn discard(&self, letters: Letters) -> Result<LetterReport> {
        self.ask(|done| Command::Letters { work: LetterWork::Discard(letters), done }).await
    }

    /// One page of parked events, at most 100, by position.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn letters(&self, options: &LettersOptions) -> Result<Vec<DeadLetter>> {
        self.environment.list_letters(options).await
    }

    /// How much is parked.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn letter_statistics(&self) -> Result<LetterStatistics> {
        self.environment.letters.letter_statistics(&self.environment.consumer).await
    }

    /// Waits until everything up to the place of an append is handled, or parked.
    ///
    /// # Errors
    /// `ForeignLog` for a token of another log; the subscription's own error when it fails meanwhile; `Closed` when it is
    /// stopped. It waits while the subscription is paused: put a time-out around it.
    ///
    /// # Cancel safety
    /// Only waits; drop it at will.
    pub async fn wait_until(&self, token: &Token) -> Result<Reached> {
        let log = self.environment.feed.log().id;
        if token.log != log {
            let message = format!("the token is of log {}, the subscription reads log {log}", token.log);
            return Err(Error::new(ErrorKind::ForeignLog { expected: log, actual: token.log }, message));
        }
        let mut changes = self.environment.progress.changes();
        loop {
            let now = changes.borrow_and_update().clone();
            if now.position >= token.position {
                break;
            }
            match now.state {
                ConsumerState::Failed => return Err(now.error.unwrap_or_else(|| stopped(self.consumer()))),
                ConsumerState::Stopped => return Err(stopped(self.consumer())),
                _ => {}
            }
            if changes.changed().await.is_err() {
                return Err(stopped(self.consumer()));
            }
        }
        let Some(event) = self.environment.feed.event_id_at(token.position).await? else {
            return Ok(Reached::Handled);
        };
        let letter = self.letters(&LettersOptions::default().with_event(event)).await?;
        Ok(if letter.is_empty() { Reached::Handled } else { Reached::Parked })
    }

    /// Waits until it has handled everything that the log held at some moment since this call.
    ///
    /// # Errors
    /// As for [`wait_until`](Self::wait_until).
    ///
    /// # Cancel safety
    /// Only waits; drop it at will.
    pub async fn wait_until_caught_up(&self) -> Result<Reached> {
        let position = self.environment.feed.head().await?;
        self.wait_until(&Token { log: self.environment.feed.log().id, position }).await
    }

    /// What it is doing, and how far it is behind: looked up now, so that it is right whatever its state.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn status(&self) -> Result<SubscriptionStatus> {
        let environment = &self.environment;
        let now = environment.progress.now();
        let head = environment.feed.head().await?;
        Ok(SubscriptionStatus {
            consumer: environment.consumer.clone(),
            state: now.state,
            reason: now.reason,
            position: now.position,
            lag_events: now.position.distance_to(head),
            lag: self.lag(now.position, head).await?,
        })
    }

    /// What it is doing, as far as is known without asking the database.
    #[must_use]
    pub fn state(&self) -> ConsumerState {
        self.environment.progress.now().state
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.environment.progress.now().error
    }

    /// Waits until it is in this state.
    ///
    /// # Cancel safety
    /// Only waits; drop it at will.
    pub async fn wait_for_state(&self, state: ConsumerState) {
        // The sender lives as long as this handle.
        let _ = self.environment.progress.changes().wait_for(|now| now.state == state).await;
    }

    /// What it has done since the process started.
    #[must_use]
    pub fn statistics(&self) -> SubscriptionStatistics {
        let progress = &self.environment.progress;
        SubscriptionStatistics {
            handled: progress.handled.load(Ordering::Relaxed),
            failed: progress.failed.load(Ordering::Relaxed),
            retried: progress.retried.load(Ordering::Relaxed),
            parked: progress.parked.load(Ordering::Relaxed),
            skipped: progress.skipped.load(Ordering::Relaxed),
        }
    }

    /// Whether it is up to date: live, or waiting while another process runs it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.state(), ConsumerState::Live | ConsumerState::Waiting)
    }

    /// Whether it works: it has not failed, and no batch has taken longer than its events may take together. Work that goes on is
    /// no proof of life; work that ends is.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let options = &self.environment.options;
        let longest =
            options.handler_timeout.saturating_mul(u32::try_from(options.batch_events).unwrap_or(u32::MAX));
        let is_stuck = self.environment.progress.busy_for().is_some_and(|busy| busy > longest);
        !is_stuck && self.state() != ConsumerState::Failed
    }

    async fn lag(&self, position: Position, head: Position) -> Result<Duration> {
        let environment = &self.environment;
        let filter = environment.target.filter().tenant(environment.options.filter.tenant_filter().clone());
        let options = FeedOptions::default().with_filter(filter).with_limit(1);
        let mut after = position;
        while after < head {
            let page = environment.feed.read_feed(after, &options).await?;
            if let Some(next) = page.events.iter().find(|event| environment.options.filter.accepts(event)) {
                return Ok(environment.clock.now().since(next.recorded_at));
            }
            if page.at_head {
                break;
            }
            after = page.next;
        }
        Ok(Duration::ZERO)
    }

    /// The epoch under which this process runs it, if it does.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.environment.lease.as_ref()?.epoch()
    }

    pub(crate) async fn stop(&self) -> Result<()> {
        self.ask(|done| Command::Stop { done }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).await.map_err(|_| stopped(self.consumer()))?;
        answer.await.map_err(|_| stopped(self.consumer()))?
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("consumer", self.consumer())
            .field("state", &self.state())
            .finish()
    }
}

fn stopped(consumer: &ConsumerId) -> Error {
    Error::closed(&format!("subscription {consumer}"))
}

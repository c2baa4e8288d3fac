//! A worker of a subscription: it owns one segment, and handles its streams in order.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use eventsource_core::{
    BoxError, Epoch, Error, ErrorKind, Place, Position, RecordedEvent, StreamId,
    checkpoint::{Segment, SegmentChange, SegmentKey, SegmentOutcome},
    dead_letter::{Cause, DeadLetter},
    failure::{AfterRetries, Verdict},
    projection::{Applied, Batch},
    status::ConsumerState,
};
use tokio::sync::mpsc;

use crate::{
    environment::Environment,
    letters::letter,
    notice::{Consequence, Notice},
    options::Checkpointing,
    progress::Progress,
    stop::Stop,
};

/// A part of the log, for one lane.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The events of the lane's slices.
    pub(crate) events: Vec<Arc<RecordedEvent>>,
    /// Where the lane is when it has handled them.
    pub(crate) to: Place,
}

/// Why a lane, and with it the session, ended before it was asked to.
#[derive(Debug)]
pub(crate) enum End {
    /// Another owner has the segment.
    Fenced,
    /// It cannot go on.
    Failed(Error),
}

/// A worker. The checkpoint is written behind what is done, at the latest a while after.
pub(crate) struct Lane {
    pub(crate) environment: Arc<Environment>,
    /// Which lane of the session it is.
    number: usize,
    segment: SegmentKey,
    epoch: Epoch,
    /// Everything up to here is done.
    done: Place,
    /// Everything up to here is in the checkpoint.
    written: Position,
    /// When the checkpoint was written last.
    written_at: Instant,
    /// Streams that wait behind a letter.
    parked: HashSet<StreamId>,
    /// What failed last, until it is settled.
    failing: Option<Failing>,
    /// Streams that were given up since the last success.
    given_up: HashSet<StreamId>,
    stop: Stop,
}

/// An event that failed.
#[derive(Debug)]
struct Failing {
    event: Arc<RecordedEvent>,
    attempts: u32,
    /// Until it is decided what to do.
    error: Option<BoxError>,
    cause: Cause,
    settled: Option<Settled>,
}

/// What was decided about an event that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Park,
    Skip,
}

/// A checkpoint is this much behind at most, where nothing but other people's events came.
const WRITE_BEHIND: Duration = Duration::from_secs(1);

impl Lane {
    pub(crate) fn new(
        environment: Arc<Environment>,
        number: usize,
        segment: Segment,
        parked: HashSet<StreamId>,
        stop: Stop,
    ) -> Self {
        Self {
            environment,
            number,
            segment: segment.key,
            epoch: segment.epoch,
            done: segment.place,
            written: segment.place.position,
            written_at: Instant::now(),
            parked,
            failing: None,
            given_up: HashSet::new(),
            stop,
        }
    }

    /// Handles what comes, until there is no more, or it is asked to stop: then it ends what it has begun.
    pub(crate) async fn run(mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<(), End> {
        loop {
            let chunk = tokio::select! {
                biased;
                () = self.stop.asked() => break,
                chunk = chunks.recv() => chunk,
                () = tokio::time::sleep(WRITE_BEHIND), if self.written < self.done.position => {
                    self.write().await?;
                    continue;
                }
            };
            let Some(chunk) = chunk else { break };
            self.environment.progress.set_busy(self.number, true);
            let taken = self.take(&chunk).await;
            self.environment.progress.set_busy(self.number, false);
            taken?;
        }
        self.write().await
    }

    /// Handles a chunk, or a part of it when it is asked to stop.
    async fn take(&mut self, chunk: &Chunk) -> Result<(), End> {
        if chunk.to.position <= self.done.position {
            // The reader began where the lane that is furthest behind was.
            return Ok(());
        }
        let known = chunk.events.partition_point(|event| event.position <= self.done.position);
        let mut rest = &chunk.events[known..];
        while !rest.is_empty() {
            if self.stop.is_asked() {
                return Ok(());
            }
            let events = &rest[..rest.len().min(self.batch_events())];
            let to = if events.len() == rest.len() { chunk.to } else { self.behind(events) };
            let done = self.handle(events, to).await?;
            rest = &rest[done..];
        }
        self.reach(chunk.to);
        Ok(())
    }

    fn batch_events(&self) -> usize {
        let options = &self.environment.options;
        // A checkpoint after every event is one after every batch of one event.
        if options.checkpoint == Checkpointing::EveryEvent { 1 } else { options.batch_events }
    }

    /// Handles the first of some events, as many as go well together; how many. None when it was asked to stop.
    async fn handle(&mut self, events: &[Arc<RecordedEvent>], to: Place) -> Result<usize, End> {
        // What failed before goes alone, so that a batch does not fail because of it again.
        let alone = self.failing.as_ref().is_some_and(|f| events.first().is_some_and(|e| e.id == f.event.id));
        if alone && !self.decide().await? {
            return Ok(0);
        }
        let mut count = if alone { 1 } else { events.len() };
        let mut trouble = 0;
        loop {
            if !self.may_begin() {
                return Err(End::Fenced);
            }
            let part = &events[..count];
            let to = if count == events.len() { to } else { self.behind(part) };
            let batch = self.batch(part, to);
            let began = Instant::now();
            match self.environment.target.apply(&batch).await {
                Ok(Applied::All) => {
                    self.succeed(&batch, batch.events.len(), began);
                    self.reach_and_step(to).await?;
                    return Ok(count);
                }
                Ok(Applied::Part { done }) => return self.reach_part(&batch, done, part, began).await,
                Ok(Applied::Fenced) => return Err(End::Fenced),
                Ok(Applied::Failed { done, index, cause }) => {
                    let Some(failed) = batch.events.get(index) else { return Err(beyond(index)) };
                    self.note(failed, cause);
                    if done > 0 {
                        return self.reach_part(&batch, done, part, began).await;
                    }
                    // Those before it once more as a batch of their own; then it comes alone.
                    count = part.partition_point(|event| event.position < failed.position);
                    if count == 0 {
                        count = 1;
                        if !self.decide().await? {
                            return Ok(0);
                        }
                    }
                }
                Err(error) if error.is_transient() => {
                    trouble += 1;
                    if !self.back_off(error, trouble).await {
                        return Ok(0);
                    }
                }
                Err(error) => return Err(End::Failed(error)),
            }
        }
    }

    /// Whether the lease is in force: nothing new is begun without it.
    fn may_begin(&self) -> bool {
        self.environment.lease.as_ref().is_none_or(|lease| lease.is_held(self.epoch))
    }

    /// The batch for some events: what is parked, or waits behind what is parked, goes to the letters.
    fn batch(&self, events: &[Arc<RecordedEvent>], to: Place) -> Batch {
        let mut parked_now: HashSet<&StreamId> = HashSet::new();
        let mut handle = Vec::with_capacity(events.len());
        let mut letters: Vec<DeadLetter> = Vec::new();
        for event in events {
            let failing = self.failing.as_ref().filter(|f| f.event.id == event.id);
            match failing.map(|f| (f, f.settled)) {
                Some((f, Some(Settled::Park))) => {
                    parked_now.insert(&event.stream);
                    letters.push(self.letter(event, f.cause.clone(), f.attempts));
                }
                Some((_, Some(Settled::Skip))) => {}
                _ if self.parked.contains(&event.stream) || parked_now.contains(&event.stream) => {
                    letters.push(self.letter(event, Cause::behind(), 0));
                }
                _ => handle.push(event.clone()),
            }
        }
        let attempt = self.failing.as_ref().map_or(1, |f| f.attempts + 1);
        Batch {
            segment: self.segment.clone(),
            from: self.written,
            to,
            epoch: self.epoch,
            events: handle,
            letters,
            parking: self.environment.options.parking,
            released: Vec::new(),
            attempt,
        }
    }

    fn letter(&self, event: &RecordedEvent, cause: Cause, attempts: u32) -> DeadLetter {
        letter(&self.environment, self.segment.log, event, cause, attempts)
    }

    /// Keeps and counts a failed attempt. What to do about it is decided when the event is the next one.
    fn note(&mut self, failed: &Arc<RecordedEvent>, error: BoxError) {
        Progress::count(&self.environment.progress.failed, 1);
        let attempts =
            self.failing.as_ref().filter(|f| f.event.id == failed.id).map_or(0, |f| f.attempts) + 1;
        let cause = Cause::of(&error);
        self.environment.progress.set_failing(Some(failed.id));
        self.failing =
            Some(Failing { event: failed.clone(), attempts, error: Some(error), cause, settled: None });
    }

    /// Decides about the event that failed, unless that was done, and waits when it is tried again. Whether to go on.
    async fn decide(&mut self) -> Result<bool, End> {
        let Some(failing) = &mut self.failing else { return Ok(true) };
        let Some(error) = failing.error.take() else { return Ok(true) };
        let (attempts, stream) = (failing.attempts, failing.event.stream.clone());
        let policy = &self.environment.options.failure;
        let verdict = policy.verdict(&error);
        let streams = self.given_up.iter().filter(|given_up| **given_up != stream).count() + 1;
        let is_systemic = policy.systemic_streams > 0 && streams >= policy.systemic_streams;
        let may_retry = match verdict {
            Verdict::Transient => true,
            Verdict::Retry => attempts <= policy.retries,
            Verdict::Permanent => false,
        };
        if may_retry || is_systemic {
            let delay = policy.delay(attempts);
            self.tell_failed(Consequence::Retried(delay));
            if is_systemic {
                let reason = format!("{streams} streams failed in a row, the last with: {error}");
                self.enter(ConsumerState::BackingOff, Some(reason));
            } else if verdict == Verdict::Transient {
                self.enter(ConsumerState::BackingOff, Some(error.to_string()));
            }
            Progress::count(&self.environment.progress.retried, 1);
            return Ok(self.stop.sleep(delay).await);
        }
        let settled = match policy.after_retries {
            AfterRetries::Park => Settled::Park,
            AfterRetries::Skip => Settled::Skip,
            AfterRetries::Stop => {
                self.tell_failed(Consequence::Stopped);
                return Err(self.refusal(error));
            }
        };
        failing.settled = Some(settled);
        self.given_up.insert(stream);
        self.tell_failed(if settled == Settled::Park { Consequence::Parked } else { Consequence::Skipped });
        Ok(true)
    }

    /// Why the subscription stops because of an event.
    fn refusal(&self, error: BoxError) -> End {
        let Some(Failing { event, attempts, .. }) = &self.failing else { return End::Fenced };
        let message = format!("event {} of stream {} could not be handled", event.id, event.stream);
        End::Failed(
            Error::new(ErrorKind::Handler, message).with_context("attempts", attempts).with_source(error),
        )
    }

    /// Everything of a batch is handled, or its first events are.
    fn succeed(&mut self, batch: &Batch, events: usize, began: Instant) {
        if events > 0 {
            self.given_up.clear();
            Progress::count(&self.environment.progress.handled, events as u64);
            self.environment.tell(&Notice::Handled {
                consumer: self.environment.consumer.clone(),
                events,
                took: began.elapsed(),
            });
            self.recover();
        }
        let parked = batch.letters.len();
        if parked > 0 {
            Progress::count(&self.environment.progress.parked, parked as u64);
            let before = self.parked.len();
            self.parked.extend(batch.letters.iter().map(|letter| letter.event.stream.clone()));
            let (streams, now) = (self.parked.len() - before, self.environment.clock.now());
            self.environment.progress.set_parked_now(|parked_now| {
                parked_now.letters += parked as u64;
                parked_now.streams += streams as u64;
                parked_now.oldest_at.get_or_insert(now);
            });
        }
        if let Some(Failing { settled: Some(Settled::Skip), .. }) = self.failing {
            Progress::count(&self.environment.progress.skipped, 1);
        }
        if self
            .failing
            .as_ref()
            .is_some_and(|f| f.settled.is_some() || batch.events.iter().any(|e| e.id == f.event.id))
        {
            self.failing = None;
            self.environment.progress.set_failing(None);
        }
    }

    /// The first events of a batch are done; how many of `part`, letters included.
    async fn reach_part(
        &mut self,
        batch: &Batch,
        done: usize,
        part: &[Arc<RecordedEvent>],
        began: Instant,
    ) -> Result<usize, End> {
        let Some(place) = batch.place_after(done) else { return Err(beyond(done)) };
        let count = part.partition_point(|event| event.position <= place.position);
        let committed = Batch {
            events: batch.events[..done].to_vec(),
            letters: batch.letters_up_to(place).cloned().collect(),
            ..batch.clone()
        };
        // What failed is no part of it, and stays to be settled.
        let failing = self.failing.take();
        self.succeed(&committed, done, began);
        self.failing = failing;
        self.reach_and_step(place).await?;
        Ok(count)
    }

    /// Everything up to a place is done: the checkpoint follows, at once or later.
    async fn reach_and_step(&mut self, to: Place) -> Result<(), End> {
        self.reach(to);
        if self.environment.target_steps {
            self.written = to.position;
            return Ok(());
        }
        match self.environment.options.checkpoint {
            Checkpointing::Periodic(period) if self.written_at.elapsed() < period => Ok(()),
            _ => self.write().await,
        }
    }

    /// Writes the checkpoint, where it is behind.
    async fn write(&mut self) -> Result<(), End> {
        let mut trouble = 0;
        while self.written < self.done.position {
            let error = match self.step().await {
                Ok(true) => {
                    (self.written, self.written_at) = (self.done.position, Instant::now());
                    return Ok(());
                }
                Ok(false) => return Err(End::Fenced),
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(End::Failed(error));
            }
            trouble += 1;
            if !self.back_off(error, trouble).await {
                break;
            }
        }
        Ok(())
    }

    /// Moves the segment to what is done. Whether it is still this lane's.
    async fn step(&self) -> Result<bool, Error> {
        if self.environment.target_steps {
            let outcome = self.environment.target.apply(&self.batch(&[], self.done)).await?;
            return Ok(!matches!(outcome, Applied::Fenced));
        }
        let change = SegmentChange::Step { from: self.written, to: self.done };
        let outcome = self.environment.checkpoints.change(&self.segment, self.epoch, change).await?;
        Ok(matches!(outcome, SegmentOutcome::Changed(_)))
    }

    /// Waits after a failure of the database or system behind the target. Whether to go on.
    async fn back_off(&mut self, error: Error, trouble: u32) -> bool {
        let delay = self.environment.options.failure.delay(trouble);
        self.enter(ConsumerState::BackingOff, Some(error.to_string()));
        self.environment.tell(&Notice::Trouble { consumer: self.environment.consumer.clone(), error, delay });
        self.stop.sleep(delay).await
    }

    /// Ends backing off.
    fn recover(&self) {
        if self.environment.progress.now().state == ConsumerState::BackingOff {
            self.enter(ConsumerState::CatchingUp, None);
        }
    }

    fn reach(&mut self, to: Place) {
        self.done = to;
        self.environment.reach(self.number, to.position);
    }

    /// Right behind the last of some events.
    fn behind(&self, events: &[Arc<RecordedEvent>]) -> Place {
        events.last().map_or(self.done, |event| Place {
            incarnation: self.done.incarnation,
            position: event.position,
            event: Some(event.id),
        })
    }

    fn enter(&self, state: ConsumerState, reason: Option<String>) {
        self.environment.enter(state, reason, None);
    }

    fn tell_failed(&self, then: Consequence) {
        let Some(Failing { event, attempts, cause, .. }) = &self.failing else { return };
        tracing::warn!(
            consumer = %self.environment.consumer, event = %event.id, stream = %event.stream, attempts,
            cause = cause.chain.join(": "), ?then, "an event could not be handled"
        );
        self.environment.tell(&Notice::Failed {
            consumer: self.environment.consumer.clone(),
            event: event.id,
            stream: event.stream.clone(),
            attempt: *attempts,
            cause: cause.clone(),
            then,
        });
    }
}

fn beyond(index: usize) -> End {
    let message = format!("a target said that event {index} of a batch failed, and there is no such event");
    End::Failed(Error::new(ErrorKind::Unsupported, message))
}

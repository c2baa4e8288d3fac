//! The life of one subscription: sessions, one after the other, and what is asked of it in between.
//!
//! Whatever is asked ends the session first. So no handler ever runs while a checkpoint is moved or a letter is handled, and
//! there is one place where such things happen.

use std::{sync::Arc, time::Duration};

use eventsource_core::{
    Epoch, Error, ErrorKind, Place, Position, Result, checkpoint::Segment, status::ConsumerState,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    environment::Environment,
    lane::End,
    lease::Turn,
    letters::{LetterReport, LetterWork},
    notice::Notice,
    segments, session,
    stop::stop,
};

/// What is asked of a subscription, and where the answer goes.
pub(crate) enum Command {
    Pause { reason: String, done: Reply<()> },
    Resume { done: Reply<()> },
    Rewind { to: Position, done: Reply<()> },
    Reset { done: Reply<()> },
    Letters { work: LetterWork, done: Reply<LetterReport> },
    Stop { done: Reply<()> },
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// Runs one subscription.
pub(crate) struct Runner {
    pub(crate) environment: Arc<Environment>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// What a subscription is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Running,
    /// Nothing until it is resumed, because it was paused or because it failed.
    Resting,
}

/// How long to wait after another owner was faster, before looking again.
const FENCED_DELAY: Duration = Duration::from_millis(100);

impl Runner {
    /// Runs until it is stopped, or nobody can ask for anything any more.
    pub(crate) async fn run(mut self) {
        let mut wanted = Wanted::Running;
        loop {
            let command = match wanted {
                Wanted::Running => match self.run_until_asked().await {
                    Ok(command) => command,
                    Err(error) => {
                        tracing::error!(consumer = %self.environment.consumer, %error, "a subscription failed");
                        self.environment.enter(ConsumerState::Failed, Some(error.to_string()), Some(error));
                        wanted = Wanted::Resting;
                        continue;
                    }
                },
                Wanted::Resting => self.commands.recv().await,
            };
            match command {
                None => return,
                Some(Command::Stop { done }) => {
                    self.environment.enter(ConsumerState::Stopped, None, None);
                    return answer(done, Ok(()));
                }
                Some(Command::Pause { reason, done }) => {
                    wanted = Wanted::Resting;
                    self.environment.enter(ConsumerState::Paused, Some(reason), None);
                    answer(done, Ok(()));
                }
                Some(Command::Resume { done }) => {
                    wanted = Wanted::Running;
                    answer(done, Ok(()));
                }
                Some(Command::Rewind { to, done }) => answer(done, self.rewind(to).await),
                Some(Command::Reset { done }) => answer(done, self.reset().await),
                Some(Command::Letters { work, done }) => answer(done, self.work_letters(&work).await),
            }
        }
    }

    /// Runs sessions until something is asked.
    async fn run_until_asked(&mut self) -> Result<Option<Command>> {
        self.environment.enter(ConsumerState::Starting, None, None);
        let mut trouble = 0;
        loop {
            let epoch = match self.wait_for_turn().await {
                Ok(epoch) => epoch,
                Err(command) => return Ok(command),
            };
            let segments = match segments::take_over(&self.environment, epoch).await {
                Ok(Some(segments)) => segments,
                Ok(None) => {
                    if let Some(command) = self.asked_within(FENCED_DELAY).await {
                        return Ok(command);
                    }
                    continue;
                }
                Err(error) if error.is_transient() => {
                    trouble += 1;
                    if let Some(command) = self.back_off(error, trouble).await {
                        return Ok(command);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.session(segments, epoch).await {
                Ok(Ended::Asked(command)) => return Ok(command),
                Ok(Ended::LeaseLost) | Err(End::Fenced) => {
                    if let Some(command) = self.asked_within(FENCED_DELAY).await {
                        return Ok(command);
                    }
                }
                Err(End::Failed(error)) if error.is_transient() => {
                    trouble += 1;
                    if let Some(command) = self.back_off(error, trouble).await {
                        return Ok(command);
                    }
                }
                Err(End::Failed(error)) => return Err(error),
            }
        }
    }

    /// One session, until it ends or something is asked.
    async fn session(&mut self, segments: Vec<Segment>, epoch: Epoch) -> Result<Ended, End> {
        let environment = self.environment.clone();
        let (stopper, asked) = stop();
        let mut session = std::pin::pin!(session::run(&environment, segments, &asked));
        let lost = async {
            match &environment.lease {
                Some(lease) => lease.lost(epoch).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = &mut session => return ended.map(|()| Ended::LeaseLost),
            command = self.commands.recv() => Ended::Asked(command),
            () = lost => Ended::LeaseLost,
        };
        stopper.ask();
        match (session.await, ended) {
            // What was asked is done all the same: a failure that comes again will end the next session.
            (Err(End::Failed(error)), Ended::LeaseLost) => Err(End::Failed(error)),
            (_, ended) => Ok(ended),
        }
    }

    /// The epoch to run under; or what was asked while another process has the lease.
    async fn wait_for_turn(&mut self) -> Result<Epoch, Option<Command>> {
        let Some(lease) = self.environment.lease.clone() else { return Ok(Epoch::NONE.next()) };
        let mut known = None;
        loop {
            let turn = tokio::select! {
                turn = lease.turn(known.as_ref()) => turn,
                command = self.commands.recv() => return Err(command),
            };
            match &turn {
                Turn::Mine(epoch) => {
                    self.environment.enter(ConsumerState::Starting, None, None);
                    return Ok(*epoch);
                }
                Turn::Elsewhere => {
                    let reason = "another process runs it".to_owned();
                    self.environment.enter(ConsumerState::Waiting, Some(reason), None);
                }
                Turn::Unreachable(error) => {
                    self.environment.enter(ConsumerState::BackingOff, Some(error.to_string()), None);
                }
            }
            known = Some(turn);
        }
    }

    async fn rewind(&self, to: Position) -> Result<()> {
        let environment = &self.environment;
        if environment.lease.is_none() {
            let message = "a read model in memory cannot be rewound, which would fold events twice; reset it";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (epoch, _) = self.own().await?;
        let log = environment.feed.log();
        let head = environment.feed.head().await?;
        if to > head {
            let message = format!("position {to} lies ahead of the log's head {head}");
            return Err(Error::invalid_input("position", message));
        }
        let place = segments::place_at(environment, log, to).await?;
        segments::rewind(environment, epoch, place).await?;
        environment.progress.begin([to]);
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        let environment = &self.environment;
        let (epoch, _) = self.own().await?;
        let log = environment.feed.log();
        let start = Place::start(log.incarnation);
        if !environment.target.reset(&environment.consumer, log.id, epoch, start).await? {
            return Err(self.elsewhere());
        }
        environment.progress.begin([start.position]);
        Ok(())
    }

    async fn work_letters(&self, work: &LetterWork) -> Result<LetterReport> {
        let (_, segments) = self.own().await?;
        self.environment.work_letters(&segments, work).await
    }

    /// The segments, under the epoch of this owner. An error when another process owns them.
    async fn own(&self) -> Result<(Epoch, Vec<Segment>)> {
        let epoch = match &self.environment.lease {
            None => Epoch::NONE.next(),
            Some(lease) => lease.epoch().ok_or_else(|| self.elsewhere())?,
        };
        let segments =
            segments::take_over(&self.environment, epoch).await?.ok_or_else(|| self.elsewhere())?;
        Ok((epoch, segments))
    }

    fn elsewhere(&self) -> Error {
        let message = format!("another process runs {}; ask there", self.environment.consumer);
        Error::new(ErrorKind::Unavailable, message).transient()
    }

    async fn back_off(&mut self, error: Error, trouble: u32) -> Option<Option<Command>> {
        let delay = self.environment.options.failure.delay(trouble);
        self.environment.enter(ConsumerState::BackingOff, Some(error.to_string()), None);
        self.environment.tell(&Notice::Trouble { consumer: self.environment.consumer.clone(), error, delay });
        self.asked_within(delay).await
    }

    /// What is asked within a time, if something is.
    async fn asked_within(&mut self, time: Duration) -> Option<Option<Command>> {
        tokio::time::timeout(time, self.commands.recv()).await.ok()
    }
}

/// How a session ended.
enum Ended {
    /// Something was asked; nothing when nobody can ask any more.
    Asked(Option<Command>),
    /// Another process may run the subscription.
    LeaseLost,
}

fn answer<T>(reply: Reply<T>, outcome: Result<T>) {
    // Whoever asked may have gone.
    let _ = reply.send(outcome);
}

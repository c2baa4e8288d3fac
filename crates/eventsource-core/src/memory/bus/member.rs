//! A member of a group.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{AbortHandle, JoinError, JoinSet},
};
use tracing::error;

use super::{
    Shared,
    delivery::{Consumption, Counters},
    turn::Turn,
};
use crate::{
    ConsumerName, Error, ErrorKind, EventId, LogId, Result, StreamId,
    bus::{DeliveryHandler, GroupConsumer, GroupOptions, GroupStatistics, Retried},
};

/// A member of a group, as its user holds it.
pub(super) struct Member {
    consumption: Arc<Consumption>,
    stop: watch::Sender<bool>,
    phase: watch::Receiver<Phase>,
    task: AbortHandle,
}

/// Where a member is in its life.
#[derive(Clone)]
enum Phase {
    Running,
    /// It takes nothing more, and has yet to end what is in flight.
    Draining(Option<Error>),
    Ended(Option<Error>),
}

impl Member {
    /// Begins to consume, as a member that has joined the group.
    pub(super) fn start(
        runtime: &Handle,
        shared: Arc<Shared>,
        group: ConsumerName,
        options: GroupOptions,
        handler: Arc<dyn DeliveryHandler>,
    ) -> Self {
        let counters = Counters::default();
        let consumption = Consumption { shared, consumer: group.into(), options, handler, counters };
        let consumption = Arc::new(consumption);
        let (stop, stopping) = watch::channel(false);
        let (telling, phase) = watch::channel(Phase::Running);
        let task = runtime.spawn(run(Membership(consumption.clone()), stopping, telling)).abort_handle();
        Self { consumption, stop, phase, task }
    }

    fn is_running(&self) -> bool {
        // A task that is gone without a word was dropped with its runtime.
        matches!(*self.phase.borrow(), Phase::Running)
            && !*self.stop.borrow()
            && self.phase.has_changed().is_ok()
            && !self.consumption.shared.state().closed
    }

    fn running(&self, operation: &'static str) -> Result<&Arc<Consumption>> {
        if self.is_running() {
            return Ok(&self.consumption);
        }
        Err(Error::closed("this member of the group").with_operation(operation))
    }

    async fn turn(&self, log: LogId, stream: StreamId) -> Result<Turn> {
        let group = &self.consumption.consumer.name;
        Turn::of(&self.consumption.shared, group, &(log, stream)).await.ok_or_else(super::closed)
    }
}

#[async_trait]
impl GroupConsumer for Member {
    async fn stop(&self, drain: Duration) -> Result<bool> {
        self.stop.send_replace(true);
        let mut phase = self.phase.clone();
        let ended =
            tokio::time::timeout(drain, phase.wait_for(|phase| matches!(phase, Phase::Ended(_)))).await;
        let is_drained = matches!(ended, Ok(Ok(_)));
        drop(ended);
        if !is_drained {
            self.task.abort();
        }
        match self.phase.borrow().clone() {
            Phase::Draining(Some(error)) | Phase::Ended(Some(error)) => Err(error),
            _ => Ok(is_drained),
        }
    }

    async fn retry(&self, log: LogId, stream: &StreamId) -> Result<Retried> {
        let consumption = self.running("retry letters")?;
        let retried = async { consumption.retry(self.turn(log, stream.clone()).await?).await };
        retried.await.map_err(|e| e.with_operation("retry letters"))
    }

    async fn discard(&self, log: LogId, event: EventId) -> Result<bool> {
        let consumption = self.running("discard letter")?;
        let discarded = async {
            let Some(letter) = consumption.letter_of(log, event).await? else { return Ok(false) };
            let _turn = self.turn(log, letter.event.stream).await?;
            consumption.remove_letter(log, event).await
        };
        discarded.await.map_err(|e: Error| e.with_operation("discard letter"))
    }

    fn statistics(&self) -> GroupStatistics {
        self.consumption.statistics()
    }

    fn is_healthy(&self) -> bool {
        self.is_running()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the place of a member in its group.
struct Membership(Arc<Consumption>);

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.shared.leave(&self.0.consumer.name);
    }
}

/// Takes turns and lets their events be handled, until it is stopped or something ends it.
async fn run(member: Membership, mut stopping: watch::Receiver<bool>, phase: watch::Sender<Phase>) {
    let consumption = &member.0;
    let mut deliveries = JoinSet::new();
    let mut failure = loop {
        let may_take = deliveries.len() < consumption.options.concurrency;
        tokio::select! {
            biased;
            // An error is the member that was dropped.
            _ = stopping.wait_for(|stop| *stop) => break None,
            Some(delivered) = deliveries.join_next() => {
                if let Err(error) = outcome(delivered) {
                    break Some(error);
                }
            }
            turn = Turn::next(&consumption.shared, &consumption.consumer.name), if may_take => {
                let Some(turn) = turn else { break None };
                let consumption = consumption.clone();
                deliveries.spawn(async move { consumption.deliver(turn).await });
            }
        }
    };
    if let Some(error) = &failure {
        error!(group = %consumption.consumer.name, %error, "a member of the group has to stop");
    }
    phase.send_replace(Phase::Draining(failure.clone()));
    while let Some(delivered) = deliveries.join_next().await {
        failure = failure.or(outcome(delivered).err());
    }
    phase.send_replace(Phase::Ended(failure));
}

/// What became of a delivery, whose task may have panicked.
fn outcome(delivered: Result<Result<()>, JoinError>) -> Result<()> {
    // Handlers are guarded: this is the application's classification of an error, its clock or its store of letters.
    delivered.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Panicked, "code of the application panicked").with_source(error))
    })
}

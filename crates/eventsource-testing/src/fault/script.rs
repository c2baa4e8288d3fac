//! What is to happen to which call.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use eventsource_core::{Error, Result};
use tokio::{sync::watch, time::timeout};

use super::Operation;
use crate::{
    assertions::fail_at,
    message::{Message, PATIENCE},
};

/// Before or after a call happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

/// What happens to one call.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Fail(Moment, Error),
    Hold(Moment, Arc<Gate>),
}

impl Step {
    /// Fails or waits, if this is the moment.
    pub(super) async fn happen(&self, now: Moment, operation: Operation) -> Result<()> {
        match self {
            Self::Fail(moment, error) if *moment == now => {
                let error = error.clone();
                Err(match now {
                    Moment::After if operation.is_write() => error.outcome_unknown(),
                    _ => error,
                })
            }
            Self::Hold(moment, gate) if *moment == now => {
                gate.reached.send_replace(true);
                told(&gate.released).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The steps by operation, and how often each was called.
#[derive(Debug, Default)]
pub(super) struct Script {
    lines: Mutex<BTreeMap<Operation, Line>>,
}

#[derive(Debug, Default)]
struct Line {
    steps: VecDeque<Step>,
    calls: usize,
}

impl Script {
    pub(super) fn push(&self, operation: Operation, step: Step) {
        self.lines().entry(operation).or_default().steps.push_back(step);
    }

    /// The step for a call that begins now.
    pub(super) fn take(&self, operation: Operation) -> Option<Step> {
        let mut lines = self.lines();
        let line = lines.entry(operation).or_default();
        line.calls += 1;
        line.steps.pop_front()
    }

    pub(super) fn calls(&self, operation: Operation) -> usize {
        self.lines().get(&operation).map_or(0, |line| line.calls)
    }

    pub(super) fn outstanding(&self) -> Vec<Operation> {
        let lines = self.lines();
        lines.iter().filter(|(_, line)| !line.steps.is_empty()).map(|(operation, _)| *operation).collect()
    }

    fn forget(&self, gate: &Arc<Gate>) {
        for line in self.lines().values_mut() {
            line.steps.retain(|step| !matches!(step, Step::Hold(_, held) if Arc::ptr_eq(held, gate)));
        }
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Operation, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a test and the call that it holds tell each other.
#[derive(Debug, Default)]
pub(super) struct Gate {
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

async fn told(sender: &watch::Sender<bool>) {
    // The sender lives as long as this borrow, so that there is always an answer.
    let _ = sender.subscribe().wait_for(|told| *told).await;
}

/// A call that is, or will be, held. Dropping it lets the call go on.
#[derive(Debug)]
#[must_use = "dropping it lets the call go on"]
pub struct HeldCall {
    script: Arc<Script>,
    operation: Operation,
    gate: Arc<Gate>,
}

impl HeldCall {
    pub(super) fn new(script: Arc<Script>, operation: Operation, gate: Arc<Gate>) -> Self {
        Self { script, operation, gate }
    }

    /// Waits until the call is held.
    ///
    /// # Panics
    /// When it does not come for half a minute, or outside of a Tokio runtime with its timer.
    ///
    /// # Cancel safety
    /// Safe: the call stays held.
    #[track_caller]
    pub fn reached(&self) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            if timeout(PATIENCE, told(&self.gate.reached)).await.is_err() {
                let message = format!("{:?} was not called in {} s", self.operation, PATIENCE.as_secs());
                fail_at(caller, Message::new(message));
            }
        }
    }

    /// Lets the call go on.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for HeldCall {
    fn drop(&mut self) {
        self.script.forget(&self.gate);
        self.gate.released.send_replace(true);
    }
}

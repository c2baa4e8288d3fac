//! What the tests of this crate share: an order domain, and how a failure is read.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
};

use eventsource_core::{Aggregate, Decider, Provenance, aggregate::SnapshotState};
use eventsource_macros::Event;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Order")]
pub(crate) enum OrderEvent {
    Placed { total: u64 },
    Noted { note: String },
    Shipped { tracking_number: String },
}

pub(crate) fn placed(total: u64) -> OrderEvent {
    OrderEvent::Placed { total }
}

pub(crate) fn noted(note: impl Display) -> OrderEvent {
    OrderEvent::Noted { note: note.to_string() }
}

pub(crate) fn shipped(tracking_number: &str) -> OrderEvent {
    OrderEvent::Shipped { tracking_number: tracking_number.into() }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) total: u64,
    pub(crate) notes: Vec<String>,
    pub(crate) tracking_number: Option<String>,
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Placed { total } => self.total = *total,
            OrderEvent::Noted { note } => self.notes.push(note.clone()),
            OrderEvent::Shipped { tracking_number } => self.tracking_number = Some(tracking_number.clone()),
        }
    }
}

impl SnapshotState for Order {
    const STATE_TYPE: &'static str = "Order";
    const STATE_VERSION: u16 = 1;
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("an order of {total} is too small")]
    TooSmall { total: u64 },
    #[error("the order was shipped already")]
    ShippedAlready,
}

impl Order {
    pub(crate) fn place(&self, total: u64) -> Result<OrderEvent, OrderError> {
        if total == 0 {
            return Err(OrderError::TooSmall { total });
        }
        Ok(placed(total))
    }

    pub(crate) fn note(&self, note: impl Display) -> Result<OrderEvent, OrderError> {
        Ok(noted(note))
    }

    /// Nothing is to do when it is so already.
    pub(crate) fn ship(&self, tracking_number: &str) -> Result<Option<OrderEvent>, OrderError> {
        match &self.tracking_number {
            None => Ok(Some(shipped(tracking_number))),
            Some(known) if known == tracking_number => Ok(None),
            Some(_) => Err(OrderError::ShippedAlready),
        }
    }
}

#[derive(Debug)]
pub(crate) enum OrderCommand {
    Place { total: u64 },
    Ship { tracking_number: String, provenance: Option<Provenance> },
}

impl Decider for Order {
    type Command = OrderCommand;
    type Refusal = OrderError;

    fn decide(&self, command: &OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
        match command {
            OrderCommand::Place { total } => self.place(*total).map(|event| vec![event]),
            OrderCommand::Ship { tracking_number, .. } => {
                self.ship(tracking_number).map(|event| event.into_iter().collect())
            }
        }
    }

    fn provenance(command: &OrderCommand) -> Option<Provenance> {
        match command {
            OrderCommand::Place { .. } => None,
            OrderCommand::Ship { provenance, .. } => provenance.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Payment")]
pub(crate) enum PaymentEvent {
    Taken { amount: u64 },
}

#[derive(Debug, Default)]
pub(crate) struct Payment {
    amount: u64,
}

impl Aggregate for Payment {
    type Event = PaymentEvent;

    fn apply(&mut self, event: &PaymentEvent) {
        match event {
            PaymentEvent::Taken { amount } => self.amount += amount,
        }
    }
}

/// The message of the failure that `test` ends with.
pub(crate) fn failure<T>(test: impl FnOnce() -> T) -> String {
    let failure = match catch_unwind(AssertUnwindSafe(test)) {
        Ok(_) => panic!("it passes"),
        Err(failure) => failure,
    };
    match failure.downcast::<String>() {
        Ok(message) => *message,
        Err(_) => panic!("the failure has no message"),
    }
}

/// The message of the failure that an asynchronous `test` ends with.
pub(crate) async fn async_failure<T>(test: impl Future<Output = T>) -> String {
    use futures_util::FutureExt;

    match AssertUnwindSafe(test).catch_unwind().await {
        Ok(_) => panic!("it passes"),
        Err(message) => failure(|| std::panic::resume_unwind(message)),
    }
}

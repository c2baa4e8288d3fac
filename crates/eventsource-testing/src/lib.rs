//! The test kit of `eventsource`: what the tests of an application, and of a store, are written with.
//!
//! ```
//! # extern crate eventsource_core as eventsource;
//! use eventsource::Aggregate;
//! use eventsource_macros::Event;
//! use eventsource_testing::{Harness, Scenario};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
//! #[event(category = "Account")]
//! enum AccountEvent {
//!     Deposited { amount: u64 },
//!     Withdrawn { amount: u64 },
//! }
//! use AccountEvent::{Deposited, Withdrawn};
//!
//! #[derive(Debug, Default)]
//! struct Account {
//!     balance: u64,
//! }
//!
//! impl Aggregate for Account {
//!     type Event = AccountEvent;
//!
//!     fn apply(&mut self, event: &AccountEvent) {
//!         match event {
//!             Deposited { amount } => self.balance += amount,
//!             Withdrawn { amount } => self.balance -= amount,
//!         }
//!     }
//! }
//!
//! #[derive(Debug, PartialEq, thiserror::Error)]
//! #[error("the account holds {balance} only")]
//! struct Overdrawn {
//!     balance: u64,
//! }
//!
//! impl Account {
//!     fn withdraw(&self, amount: u64) -> Result<AccountEvent, Overdrawn> {
//!         match self.balance >= amount {
//!             true => Ok(Withdrawn { amount }),
//!             false => Err(Overdrawn { balance: self.balance }),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The rules, without a store:
//! Scenario::<Account>::new()
//!     .given([Deposited { amount: 100 }])
//!     .when(|account| account.withdraw(30))
//!     .then([Withdrawn { amount: 30 }])
//!     .then_state(|account| account.balance == 70);
//!
//! Scenario::<Account>::new()
//!     .given([Deposited { amount: 100 }])
//!     .when(|account| account.withdraw(101))
//!     .then_refused(Overdrawn { balance: 100 });
//!
//! // What the application does with them, on a store in memory:
//! let app = Harness::new();
//! let accounts = app.repository::<Account>();
//! app.given::<Account>("ada", [Deposited { amount: 100 }]).await;
//!
//! accounts.update("ada", |account| account.withdraw(30)).await?;
//!
//! app.assert_appended([Withdrawn { amount: 30 }]).await;
//! app.publisher.assert_published([Withdrawn { amount: 30 }]);
//! # Ok(())
//! # }
//! ```
//!
//! A test that fails shows what was given, what was asked, and the difference line by line.
//!
//! # How this page is organised
//!
//! | to test | use |
//! |---|---|
//! | the rules of an aggregate or decider, and that its events survive their codec | [`Scenario`] |
//! | an application of several aggregates | [`Harness`] |
//! | that a release still reads what former ones recorded | [`SchemaLock`] |
//! | what a store holds | [`assert_stream`], [`assert_feed`], [`audit`] |
//! | projections, tools, upcasters | [`EventBuilder`], [`history`] |
//! | what happens when a store or a publisher fails or is slow | [`FaultStore`], [`RecordingPublisher`] |
//! | what a dropped future leaves behind | [`poll_times`] |
//! | what depends on time or ids | [`ManualClock`], [`SequentialIds`] |
//! | a store of your own | [`conformance`], [`audit`] |
//!
//! # In `Cargo.toml`
//!
//! ```toml
//! [dev-dependencies]
//! eventsource-testing = "0.1"
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
//!
//! The kit is also the module `testing` of the crate `eventsource`, with its feature of that name.
//!
//! # Panics
//!
//! Failing a test is the job of this crate, and panicking is how a test fails: keep it out of programs. The place that a failure
//! names is the one in the test.
//!
//! # Not supported
//!
//! Runtimes other than Tokio, where something waits. Scenarios of projections and reactors: they come with the
//! subscriptions.

mod assertions;
mod audit;
mod builder;
mod cancel;
mod clock;
pub mod conformance;
mod fault;
mod harness;
mod ids;
mod message;
mod publisher;
mod scenario;
mod schema_lock;

pub use self::{
    assertions::{assert_feed, assert_no_holes, assert_positions_increase, assert_stream},
    audit::audit,
    builder::{EventBuilder, history},
    cancel::poll_times,
    clock::ManualClock,
    fault::{Fault, FaultStore, HeldCall, Operation},
    harness::Harness,
    ids::SequentialIds,
    publisher::RecordingPublisher,
    scenario::{Decided, Scenario},
    schema_lock::SchemaLock,
};

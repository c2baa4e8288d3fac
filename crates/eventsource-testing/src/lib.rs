//! The test kit of `eventsource`.

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

//! The test kit of `eventsource`.

mod clock;
pub mod conformance;
mod ids;

pub use self::{clock::ManualClock, ids::SequentialIds};

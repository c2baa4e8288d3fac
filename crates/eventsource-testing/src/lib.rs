//! The test kit of `eventsource`.

mod clock;
mod ids;

pub use self::{clock::ManualClock, ids::SequentialIds};

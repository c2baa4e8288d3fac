//! Commands as data.

use super::Aggregate;
use crate::Provenance;

/// An aggregate whose rules are one function from command and state to events.
///
/// `decide` is pure and synchronous: it may run several times for one command, when another writer was faster.
pub trait Decider: Aggregate {
    /// What can be asked of it.
    type Command: Send + Sync;
    /// Why it may refuse: the domain's own error, never mixed with the library's.
    type Refusal: std::error::Error + Send + Sync + 'static;

    /// The events that the command leads to in this state; none when nothing is to do.
    ///
    /// # Errors
    /// The domain's refusal.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Where a command comes from, when commands carry it; else the repository's provenance holds.
    fn provenance(_command: &Self::Command) -> Option<Provenance> {
        None
    }
}

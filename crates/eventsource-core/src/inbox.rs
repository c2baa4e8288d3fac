//! Effects of a bus, each applied once.

use async_trait::async_trait;

use crate::{ConsumerName, LogId, Result, StreamId, StreamVersion, store::Close};

/// Remembers which event of each stream a consumer group applied last, so that what a bus delivers again is recognised.
///
/// Where the effect is a change of the same database, the step is part of its transaction, through the backend's own type;
/// through this port it is a commit of its own, before or after the effect.
#[async_trait]
pub trait Inbox: Close {
    /// The version of the stream's last event that the group applied; 0 when it applied none.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn applied(&self, group: &ConsumerName, log: LogId, stream: &StreamId) -> Result<StreamVersion>;

    /// Moves from one version to a later one, if `from` is the one kept. Whether it was.
    ///
    /// # Atomicity
    /// Comparison and write are one commit. It never moves back.
    ///
    /// # Errors
    /// `InvalidInput` when `to` is not behind `from`; failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; [`applied`](Self::applied) tells.
    async fn step(
        &self,
        group: &ConsumerName,
        log: LogId,
        stream: &StreamId,
        from: StreamVersion,
        to: StreamVersion,
    ) -> Result<bool>;
}

//! Deleting streams, which is itself an event, and erasing them.

use async_trait::async_trait;

use super::{Appended, Close};
use crate::{ExpectedVersion, Result, StreamId, lifecycle::LifecycleNote};

/// Hides streams from reading and loading, and shows them again.
#[async_trait]
pub trait StreamDeletion: Close {
    /// Appends `stream.deleted`. Reads, loads, listings and appends treat the stream as deleted from then on;
    /// the feed shows everything.
    ///
    /// # Atomicity
    /// The record and its effect are one commit.
    ///
    /// # Errors
    /// `Conflict` when the stream is not at the expected version; `StreamNotFound`; `StreamDeleted` when it is
    /// deleted or erased already; `InvalidInput` for a note that is longer than a payload may be.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; asking again then answers `StreamDeleted`.
    async fn delete(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        note: &LifecycleNote,
    ) -> Result<Appended>;

    /// Appends `stream.restored` to a deleted stream, which is active again from then on.
    ///
    /// # Errors
    /// `StreamNotFound`; `StreamDeleted` when it is erased; `InvalidInput` when it is active, or for a note that is
    /// longer than a payload may be.
    ///
    /// # Cancel safety
    /// As for [`delete`](Self::delete).
    async fn restore(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended>;
}

/// Wipes content for ever. A log that cannot be rewritten does not have this port.
#[async_trait]
pub trait StreamErasure: Close {
    /// Appends `stream.erased` and wipes payload (with the tag of its transform), metadata and correlation of every
    /// event of the stream, and its snapshots. Positions, versions, event ids, names and times stay, so that the feed has
    /// no unexplained hole and ids stay taken. The record itself keeps its note. Every later append is refused.
    ///
    /// # Atomicity
    /// One commit.
    ///
    /// # Errors
    /// `StreamNotFound`; `StreamDeleted` when it is erased already; `InvalidInput` for a note that is longer than a
    /// payload may be. A deleted stream can be erased.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; asking again then answers `StreamDeleted`.
    async fn erase(&self, stream: &StreamId, note: &LifecycleNote) -> Result<Appended>;
}

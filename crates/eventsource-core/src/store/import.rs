//! Writing recorded events as they were.

use async_trait::async_trait;

use super::Close;
use crate::{RecordedEvent, Result};

/// Writes recorded events as they were: for backup, archives and moves between backends.
///
/// A port and a right of its own: whoever holds it can write any history.
#[async_trait]
pub trait EventImport: Close {
    /// Keeps ids, versions, times, metadata, erasure and lifecycle records as they are, and draws new
    /// positions in the order given.
    ///
    /// Each stream must go on at its next version, with a time of recording that does not go back. What is there already
    /// with the same content is passed over, so that an interrupted import goes on when it is sent again.
    ///
    /// # Ordering
    /// Positions increase in the order given.
    ///
    /// # Atomicity
    /// One call is all or nothing. Import in batches.
    ///
    /// # Errors
    /// `HistoryDiverged`, naming stream and version, when the store holds something else there, a version is
    /// missing, or time goes back; `Duplicate` when an id is taken elsewhere; `InvalidInput` beyond the
    /// [`Limits`](super::Limits), or for a reserved name that is none of the lifecycle records.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; send it again.
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported>;
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Events that were written.
    pub written: u64,
    /// Events that were there already.
    pub present: u64,
}

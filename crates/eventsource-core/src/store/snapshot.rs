//! Kept states of aggregates.

use async_trait::async_trait;
use bytes::Bytes;

use super::Close;
use crate::{
    EventId, Result, StateType, StreamId, StreamVersion, TenantFilter, Timestamp,
    codec::{CodecTag, TransformTag},
};

/// Keeps states of aggregates, so that a load need not fold the whole stream. A cache: losing it loses nothing.
#[async_trait]
pub trait SnapshotStore: Close {
    /// Keeps a snapshot. An older one never replaces a newer one.
    ///
    /// # Atomicity
    /// The comparison and the write are one commit. Where snapshots share the events' database, a snapshot of an
    /// erased stream is refused in the same commit.
    ///
    /// # Errors
    /// `ReadOnly`; `InvalidInput` for a version beyond [`StreamVersion::MAX`]; failures of the database. A snapshot that
    /// was not kept is an answer.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all.
    async fn save(&self, snapshot: Snapshot) -> Result<SaveOutcome>;

    /// The snapshot of a stream for this state type and schema version.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn load(
        &self,
        stream: &StreamId,
        state_type: &StateType,
        schema_version: u16,
    ) -> Result<Option<Snapshot>>;

    /// Whether there is a snapshot of a stream for this state type and schema version.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn exists(&self, stream: &StreamId, state_type: &StateType, schema_version: u16) -> Result<bool>;

    /// Removes all snapshots of a stream; how many there were.
    ///
    /// # Errors
    /// `ReadOnly`; failures of the database.
    async fn delete(&self, stream: &StreamId) -> Result<u64>;

    /// Removes all snapshots of a state type below a schema version (all of them when `None`), of one tenant or
    /// of all; how many there were.
    ///
    /// # Errors
    /// `ReadOnly`; failures of the database.
    async fn delete_by_type(
        &self,
        state_type: &StateType,
        below_schema_version: Option<u16>,
        tenant: &TenantFilter,
    ) -> Result<u64>;
}

/// A state of an aggregate, as bytes. There is one per stream, state type and schema version, so that old and
/// new releases do not overwrite each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream that was folded.
    pub stream: StreamId,
    /// Which kind of state.
    pub state_type: StateType,
    /// The shape of the state.
    pub schema_version: u16,
    /// The version of the last event folded.
    pub version: StreamVersion,
    /// The id of that event. A stream that holds another one there has another history.
    pub last_event: EventId,
    /// How the state is encoded.
    pub codec: CodecTag,
    /// How the encoded state was transformed.
    pub transform: TransformTag,
    /// The state.
    pub state: Bytes,
    /// When it was taken.
    pub taken_at: Timestamp,
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveOutcome {
    /// It is kept.
    Saved,
    /// The one kept is as new or newer.
    Outdated,
    /// The stream is erased, and nothing of it may be kept.
    StreamErased,
}

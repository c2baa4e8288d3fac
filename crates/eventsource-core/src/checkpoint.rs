//! How far consumers have come.
//!
//! A checkpoint is a set of segments: ranges of slices, each with a position of its own. A plain consumer is one segment
//! over all slices. Segments let several workers keep exactly what each has done, and let work be shared anew without
//! handling an event twice.

use async_trait::async_trait;

use crate::{
    ConsumerId, ConsumerName, Epoch, EventId, Incarnation, LogId, Position, Result, Slice, SliceRange,
    store::Close,
};

/// Which part of which consumer of which log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The version of the consumer.
    pub consumer: ConsumerId,
    /// The log that is read. Positions of different logs are never compared.
    pub log: LogId,
    /// The slices.
    pub slices: SliceRange,
}

/// A place that a reader has come to, with what proves later that history is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The life of the log. A place in another life is refused, never taken for a place in this one.
    pub incarnation: Incarnation,
    /// Everything up to here is done.
    pub position: Position,
    /// The event at that position, unless it is the start. Another event there means that history diverged.
    pub event: Option<EventId>,
}

impl Place {
    /// Before everything.
    #[must_use]
    pub fn start(incarnation: Incarnation) -> Self {
        Self { incarnation, position: Position::START, event: None }
    }
}

/// A part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Which.
    pub key: SegmentKey,
    /// How far it has come.
    pub place: Place,
    /// Who may move it.
    pub epoch: Epoch,
}

/// What to do with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentChange {
    /// Take it over: from then on it obeys the caller's epoch, and older ones are fenced. Claiming again with the
    /// same epoch is the same claim.
    Claim,
    /// Move it forward.
    Step {
        /// Where it must be.
        from: Position,
        /// Where it goes, at or behind `from`.
        to: Place,
    },
    /// Cut it in two; both keep its place and its epoch.
    Split {
        /// The first slice of the second part.
        at: Slice,
    },
    /// Join it with the one that follows, which must be at the same place and obey no newer epoch either: two segments
    /// run beside each other until their positions meet.
    Merge {
        /// The last slice of the one that follows.
        last: Slice,
    },
    /// Put it anywhere, also back. Only ever asked for by an operator.
    Rewind {
        /// Where it goes.
        to: Place,
    },
}

/// What became of a [`SegmentChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentOutcome {
    /// It is done; the segment as it is now, after a split its first part. It obeys the caller's epoch from then on.
    Changed(Segment),
    /// The segment (of a merge: the one that follows) is not where the caller believed. Nothing was changed.
    Moved(Segment),
    /// It (of a merge: one of the two) obeys a newer epoch: the caller has lost it and has to stop. Nothing was changed.
    Fenced(Epoch),
    /// There is no such segment: it was split, merged or removed. Nothing was changed.
    Absent,
}

/// Keeps checkpoints, beside the events or beside a read model.
///
/// A projection that must apply each event exactly once keeps its checkpoint where its read model is, and steps it in the
/// transaction that changes the read model. Its [`Target`](crate::projection::Target) does that, by the same rules.
#[async_trait]
pub trait CheckpointStore: Close {
    /// The segments of a consumer of a log, by slices; none when it was never started.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn segments(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<Segment>>;

    /// Makes one segment over all slices at this place, with [`Epoch::NONE`], unless there are segments already. The
    /// segments that there are then.
    ///
    /// # Atomicity
    /// Of callers at the same time, one makes it and all get the same answer.
    ///
    /// # Errors
    /// Only failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; call it again.
    async fn begin(&self, consumer: &ConsumerId, log: LogId, place: Place) -> Result<Vec<Segment>>;

    /// Changes a segment, if it is as the caller believes and obeys no newer epoch than the caller's. Every change is a
    /// claim too: from then on older epochs are fenced.
    ///
    /// # Atomicity
    /// Comparison and change are one commit. Only [`SegmentChange::Rewind`] ever moves a segment back.
    ///
    /// # Errors
    /// `InvalidInput` for a step backwards, a split that leaves one part empty, or a merge with what does not follow;
    /// failures of the database. That the change was refused is an answer.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; [`segments`](Self::segments) tells.
    async fn change(&self, key: &SegmentKey, epoch: Epoch, change: SegmentChange) -> Result<SegmentOutcome>;

    /// Forgets a version of a consumer, in all logs; how many segments there were.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn remove(&self, consumer: &ConsumerId) -> Result<u64>;

    /// The version of a consumer that readers of its read model use; `None` before the first.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn active_version(&self, consumer: &ConsumerName) -> Result<Option<u32>>;

    /// Makes another version the active one, if `from` is. Whether it was.
    ///
    /// # Atomicity
    /// Comparison and switch are one commit: readers see the one version or the other.
    ///
    /// # Errors
    /// Only failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; [`active_version`](Self::active_version) tells.
    async fn switch_version(&self, consumer: &ConsumerName, from: Option<u32>, to: u32) -> Result<bool>;
}

//! Finding events by what they are.

use async_trait::async_trait;

use super::{Close, FeedOptions, FeedPage};
use crate::{CorrelationId, EventId, Position, RecordedEvent, Result};

/// Finds events through secondary indexes. A log without indexes does not have this port.
#[async_trait]
pub trait EventLookup: Close {
    /// The event with this id, whatever the lifecycle of its stream.
    ///
    /// # Errors
    /// Only failures of the database; an unknown id is `None`.
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>>;

    /// The events of one business process, through all streams: one page after a position, exclusively.
    /// Of the options, direction, filter and limit apply.
    ///
    /// # Ordering
    /// By position.
    ///
    /// # Errors
    /// `InvalidInput` for a limit of zero.
    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage>;
}

//! Event ids that a test can foretell.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use eventsource_core::{EventId, IdGenerator};
use uuid::Uuid;

/// Gives the ids 1, 2, 3 … A handle: clones go on counting together.
///
/// ```
/// use eventsource_core::IdGenerator;
/// use eventsource_testing::SequentialIds;
///
/// let ids = SequentialIds::default();
/// assert_eq!(ids.event_id(), SequentialIds::id(1));
/// assert_eq!(ids.event_id(), SequentialIds::id(2));
/// ```
#[derive(Debug, Clone, Default)]
pub struct SequentialIds(Arc<AtomicU64>);

impl SequentialIds {
    /// The id with this number.
    #[must_use]
    pub fn id(number: u64) -> EventId {
        EventId::from_uuid(Uuid::from_u128(number.into()))
    }
}

impl IdGenerator for SequentialIds {
    fn event_id(&self) -> EventId {
        Self::id(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

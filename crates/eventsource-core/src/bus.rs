//! Fan-out of recorded events.

use async_trait::async_trait;

use crate::{RecordedEvent, Result};

/// Takes recorded events.
#[async_trait]
pub trait EventPublisher: Send + Sync + 'static {
    /// Hands over events, in order.
    ///
    /// # Errors
    /// `Publish` when they were not taken.
    async fn publish(&self, events: &[RecordedEvent]) -> Result<()>;
}

//! Finding events in the store in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    CorrelationId, EventId, Position, RecordedEvent, Result,
    backend::{Page, check_limit},
    store::{EventLookup, FeedOptions, FeedPage},
};

#[async_trait]
impl EventLookup for MemoryStore {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        Ok(self.open("event")?.event(id).cloned())
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        check_limit(options.limit).map_err(|e| e.with_operation("correlated"))?;
        let state = self.open("correlated")?;
        let mut page = Page::new(Some(options.limit));
        let mut next = after;
        for event in state.feed(after, options.direction) {
            if event.correlation != Some(correlation) || !options.filter.accepts(event) {
                continue;
            }
            if page.is_full() {
                return Ok(FeedPage { events: page.into_events(), next, at_head: false });
            }
            next = event.position;
            page.push(event.clone());
        }
        Ok(FeedPage { events: page.into_events(), next, at_head: true })
    }
}

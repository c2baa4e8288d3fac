//! The feed of the store in memory.

use async_trait::async_trait;

use super::{MemoryStore, state::State};
use crate::{
    EventId, Log, Position, Result, Timestamp,
    backend::{Page, check_feed_options, check_not_ahead},
    store::{Direction, EventFeed, FeedOptions, FeedPage, WakeUps},
};

#[async_trait]
impl EventFeed for MemoryStore {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        check_feed_options(options).map_err(|e| e.with_operation("read feed"))?;
        let state = self.open("read feed")?;
        if options.direction == Direction::Forward {
            check_not_ahead(after, state.head()).map_err(|e| e.with_operation("read feed"))?;
        }
        Ok(page(&state, after, options))
    }

    async fn head(&self) -> Result<Position> {
        Ok(self.open("head")?.head())
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        let state = self.open("position before")?;
        let feed = state.feed(Position::START, Direction::Forward);
        let before = feed.take_while(|e| e.recorded_at < time).last();
        Ok(before.map_or(Position::START, |e| e.position))
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        Ok(self.open("event id at")?.event_at(position).map(|e| e.id))
    }

    fn log(&self) -> Log {
        self.state().log
    }

    fn wake_ups(&self) -> WakeUps {
        self.shared.wake_ups.clone()
    }
}

fn page(state: &State, after: Position, options: &FeedOptions) -> FeedPage {
    let mut page = Page::new(Some(options.limit));
    let mut next = after;
    for (looked_at, event) in state.feed(after, options.direction).enumerate() {
        let wanted = options.filter.accepts(event);
        if looked_at == options.window || (wanted && page.is_full()) {
            return FeedPage { events: page.into_events(), next, at_head: false };
        }
        if wanted {
            page.push(event.clone());
        }
        next = event.position;
    }
    FeedPage { events: page.into_events(), next, at_head: true }
}

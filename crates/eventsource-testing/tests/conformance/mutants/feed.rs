//! Defects of the feed, of look-ups and listings.

use std::time::Duration;

use async_trait::async_trait;
use eventsource_core::{
    Category, CorrelationId, ErrorKind, EventFilter, EventId, Log, Position, RecordedEvent, Result,
    TenantFilter, Timestamp,
    lifecycle::Lifecycle,
    store::{
        EventFeed, EventLookup, EventStore, FeedOptions, FeedPage, StoreStatistics, StreamListing,
        StreamsOptions, StreamsPage, WakeUps,
    },
};

use super::{Defect, Mutant, lock};

#[async_trait]
impl EventFeed for Mutant {
    async fn read_feed(&self, after: Position, options: &FeedOptions) -> Result<FeedPage> {
        self.notes.reads.send_modify(|reads| *reads += 1);
        if self.defect == Defect::FeedOvertakes {
            return Ok(self.whatever_is_committed(after, options));
        }
        let page = match self.defect {
            Defect::LimitBeforeFilter => {
                let everything = options.clone().with_filter(EventFilter::all());
                self.inner.read_feed(after, &everything).await
            }
            _ => self.inner.read_feed(after, options).await,
        };
        let mut page = match page {
            Err(error) if *error.kind() == ErrorKind::HistoryDiverged => {
                if self.defect != Defect::DivergenceIsSilent {
                    return Err(error);
                }
                FeedPage { events: Vec::new(), next: after, at_head: true }
            }
            page => page?,
        };
        match self.defect {
            Defect::NextStaysBehind => page.next = page.events.last().map_or(after, |e| e.position),
            Defect::LimitBeforeFilter => page.events.retain(|e| options.filter.accepts(e)),
            Defect::FeedHidesDeleted => {
                let mut shown = Vec::new();
                for event in page.events {
                    if self.is_active(&event).await? {
                        shown.push(event);
                    }
                }
                page.events = shown;
            }
            _ => {}
        }
        Ok(page)
    }

    async fn head(&self) -> Result<Position> {
        self.inner.head().await
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        match self.defect {
            Defect::TimeIsExclusive => self.inner.position_before(time.plus(Duration::from_micros(1))).await,
            _ => self.inner.position_before(time).await,
        }
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>> {
        self.inner.event_id_at(position).await
    }

    fn log(&self) -> Log {
        self.inner.log()
    }

    fn wake_ups(&self) -> WakeUps {
        self.inner.wake_ups()
    }
}

impl Mutant {
    /// What a reader sees that remembers one position, and is told of commits in the order in which they come.
    fn whatever_is_committed(&self, after: Position, options: &FeedOptions) -> FeedPage {
        let committed = lock(&self.notes.committed);
        let mut rest = committed.values().filter(|e| e.position > after);
        let events: Vec<RecordedEvent> = rest.by_ref().take(options.limit).cloned().collect();
        let next = events.last().map_or(after, |e| e.position);
        FeedPage { events, next, at_head: rest.next().is_none() }
    }

    async fn is_active(&self, event: &RecordedEvent) -> Result<bool> {
        Ok(self.inner.stream(&event.stream).await?.lifecycle == Lifecycle::Active)
    }
}

#[async_trait]
impl EventLookup for Mutant {
    async fn event(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        let found = self.inner.event(id).await?;
        if self.defect == Defect::LookupHidesDeleted
            && let Some(event) = &found
            && !self.is_active(event).await?
        {
            return Ok(None);
        }
        Ok(found)
    }

    async fn correlated(
        &self,
        correlation: CorrelationId,
        after: Position,
        options: &FeedOptions,
    ) -> Result<FeedPage> {
        let mut page = self.inner.correlated(correlation, after, options).await?;
        page.at_head |= self.defect == Defect::TraceEndsEarly;
        Ok(page)
    }
}

#[async_trait]
impl StreamListing for Mutant {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        match self.defect {
            Defect::ListsDeleted => {
                let all = options.clone().with_lifecycles([Lifecycle::Active, Lifecycle::Deleted]);
                self.inner.streams(&all).await
            }
            Defect::ListingRepeats => {
                let mut page = self.inner.streams(options).await?;
                if let Some(after) = &options.after {
                    let info = self.inner.stream(after).await?;
                    if info.exists() {
                        page.streams.insert(0, info);
                    }
                }
                Ok(page)
            }
            _ => self.inner.streams(options).await,
        }
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        self.inner.categories(tenant).await
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        self.inner.statistics(tenant).await
    }
}

//! Conveniences that follow from the ports.

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{Direction, EventFeed, EventStore, FeedOptions, ReadOptions};
use crate::{EventSet, Position, Recorded, RecordedEvent, Result, StreamId, codec::Decoded};

/// Conveniences for every [`EventStore`].
pub trait EventStoreExt: EventStore {
    /// The events of a stream, page after page; the limit of the options holds for all of them.
    ///
    /// Memory is bounded by a page, and nothing is held while the caller works. What is appended meanwhile appears when
    /// reading forward.
    ///
    /// # Errors
    /// Those of [`EventStore::read_stream`], as the last item.
    fn events<'a>(
        &'a self,
        stream: &'a StreamId,
        options: ReadOptions,
    ) -> BoxStream<'a, Result<RecordedEvent>> {
        let pages = stream::try_unfold(Some(options), move |options| async move {
            let Some(mut options) = options else { return Ok(None) };
            if options.limit == Some(0) {
                return Ok(None);
            }
            let page = self.read_stream(stream, &options).await?;
            options.limit = options.limit.map(|limit| limit.saturating_sub(page.events.len()));
            let next = page.next.map(|next| options.with_from(next));
            Ok(Some((stream::iter(page.events.into_iter().map(Ok)), next)))
        });
        pages.try_flatten().boxed()
    }
}

impl<T: EventStore + ?Sized> EventStoreExt for T {}

/// Conveniences for every [`EventFeed`].
pub trait EventFeedExt: EventFeed {
    /// The events of the log after (backward: before) a position, page after page, until nothing more is visible.
    ///
    /// # Errors
    /// Those of [`EventFeed::read_feed`], as the last item.
    fn feed(&self, after: Position, options: FeedOptions) -> BoxStream<'_, Result<RecordedEvent>> {
        let pages = stream::try_unfold(Some(after), move |after| {
            let options = options.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                let page = self.read_feed(after, &options).await?;
                let next = (!page.at_head).then_some(page.next);
                Ok(Some((stream::iter(page.events.into_iter().map(Ok)), next)))
            }
        });
        pages.try_flatten().boxed()
    }

    /// The decoded events of one type, or of a sum of several, from the beginning or after a position, until nothing more
    /// is visible.
    ///
    /// # Errors
    /// Those of [`EventFeed::read_feed`] and [`EventSet::from_recorded`], as the last item.
    fn recorded<E: EventSet>(&self, after: Position) -> BoxStream<'_, Result<Recorded<E>>>
    where
        Self: Sized,
    {
        let options = match E::filter() {
            Ok(filter) => FeedOptions { direction: Direction::Forward, filter, ..FeedOptions::default() },
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let decoded = self.feed(after, options).map(|record| {
            let record = record?;
            let events = match E::from_recorded(&record)? {
                Decoded::Skipped => Vec::new(),
                Decoded::One(event) => vec![event],
                Decoded::Many(events) => events,
            };
            let recorded =
                events.into_iter().map(move |event| Ok(Recorded { event, record: record.clone() }));
            Ok(stream::iter(recorded))
        });
        decoded.try_flatten().boxed()
    }
}

impl<T: EventFeed + ?Sized> EventFeedExt for T {}

//! Conveniences that follow from the ports.

use std::{future::ready, sync::Arc, vec};

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{EventFeed, EventStore, FeedOptions, ReadOptions, pages::pages};
use crate::{EventSet, Position, Recorded, RecordedEvent, Result, StreamId, codec::Decoded};

/// Conveniences for every [`EventStore`].
pub trait EventStoreExt: EventStore {
    /// The events of a stream, page after page; the limit of the options holds for all of them.
    ///
    /// While the caller works on a page the next one is read; memory is bounded by the two. What is appended
    /// meanwhile appears when reading forward.
    ///
    /// # Errors
    /// Those of [`EventStore::read_stream`], as the last item.
    fn events<'a>(
        &'a self,
        stream: &'a StreamId,
        options: ReadOptions,
    ) -> BoxStream<'a, Result<RecordedEvent>> {
        one_by_one(stream_pages(self, stream, options), |events| events.into_iter().map(Ok))
    }

    /// The decoded events of a stream, page after page, each with its envelope: what happened, when, and where it was
    /// recorded. Options and memory are as for [`events`](Self::events).
    ///
    /// Lifecycle records and erased events are left out, and so are the events of a stream of another category.
    ///
    /// # Errors
    /// Those of [`EventStore::read_stream`] and [`EventSet::from_recorded`], as the last item.
    fn history<'a, E: EventSet>(
        &'a self,
        stream: &'a StreamId,
        options: ReadOptions,
    ) -> BoxStream<'a, Result<Recorded<E>>> {
        decoded(stream_pages(self, stream, options))
    }
}

impl<T: EventStore + ?Sized> EventStoreExt for T {}

/// Conveniences for every [`EventFeed`].
pub trait EventFeedExt: EventFeed {
    /// The events of the log after (backward: before) a position, page after page, until nothing more is visible.
    ///
    /// While the caller works on a page the next one is read; memory is bounded by the two.
    ///
    /// # Errors
    /// Those of [`EventFeed::read_feed`], as the last item.
    fn feed(&self, after: Position, options: FeedOptions) -> BoxStream<'_, Result<RecordedEvent>> {
        one_by_one(feed_pages(self, after, options), |events| events.into_iter().map(Ok))
    }

    /// The decoded events of one type, or of a sum of several, from the beginning or after a position, until nothing more
    /// is visible. Memory is as for [`feed`](Self::feed).
    ///
    /// # Errors
    /// Those of [`EventFeed::read_feed`] and [`EventSet::from_recorded`], as the last item.
    fn recorded<E: EventSet>(&self, after: Position) -> BoxStream<'_, Result<Recorded<E>>> {
        match E::filter() {
            Ok(filter) => decoded(feed_pages(self, after, FeedOptions::default().with_filter(filter))),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}

impl<T: EventFeed + ?Sized> EventFeedExt for T {}

/// Events as a store gives them: many at a time.
type Pages<'a> = BoxStream<'a, Result<Vec<RecordedEvent>>>;

fn stream_pages<'a, S: EventStore + ?Sized>(
    store: &'a S,
    stream: &'a StreamId,
    options: ReadOptions,
) -> Pages<'a> {
    pages(options, move |mut options| async move {
        if options.limit == Some(0) {
            return Ok((Vec::new(), None));
        }
        let page = store.read_stream(stream, &options).await?;
        options.limit = options.limit.map(|limit| limit.saturating_sub(page.events.len()));
        let next = page.next.map(|next| options.with_from(next));
        Ok((page.events, next))
    })
}

fn feed_pages<F: EventFeed + ?Sized>(feed: &F, after: Position, options: FeedOptions) -> Pages<'_> {
    let options = Arc::new(options);
    pages(after, move |after| {
        let options = options.clone();
        async move {
            let page = feed.read_feed(after, &options).await?;
            Ok((page.events, (!page.at_head).then_some(page.next)))
        }
    })
}

/// What `take` makes of the pages, one by one.
fn one_by_one<'a, T: Send + 'a, I>(
    pages: Pages<'a>,
    take: impl Fn(Vec<RecordedEvent>) -> I + Send + 'a,
) -> BoxStream<'a, Result<T>>
where
    I: Iterator<Item = Result<T>> + Send + 'a,
{
    pages.map_ok(move |events| stream::iter(take(events))).try_flatten().boxed()
}

/// What the pages hold for this type, up to the first event that cannot be decoded.
fn decoded<E: EventSet>(pages: Pages<'_>) -> BoxStream<'_, Result<Recorded<E>>> {
    let decoded =
        one_by_one(pages, |records| Decoding { records: records.into_iter(), rest: Vec::new().into_iter() });
    let until_failure = decoded.scan(false, |has_failed, item| {
        let item = (!*has_failed).then_some(item);
        *has_failed = matches!(item, Some(Err(_)));
        ready(item)
    });
    until_failure.boxed()
}

/// Decodes the events of a page one by one.
struct Decoding<E> {
    records: vec::IntoIter<RecordedEvent>,
    /// What is left of those that one old event became.
    rest: vec::IntoIter<Recorded<E>>,
}

impl<E: EventSet> Iterator for Decoding<E> {
    type Item = Result<Recorded<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.rest.next() {
                return Some(Ok(event));
            }
            let record = self.records.next()?;
            match E::from_recorded(&record) {
                Ok(Decoded::Skipped) => {}
                Ok(Decoded::One(event)) => return Some(Ok(Recorded { event, record })),
                Ok(Decoded::Many(events)) => {
                    let all = events.into_iter().map(|event| Recorded { event, record: record.clone() });
                    self.rest = all.collect::<Vec<_>>().into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        Error, Event, EventDescriptor, EventId, ExpectedVersion, MemoryStore, NewEvent, StreamVersion,
        codec::CodecTag, store::Append,
    };

    #[derive(Debug, PartialEq)]
    struct Rang(u8);

    impl Event for Rang {
        const CATEGORY: &'static str = "Bell";
        const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("Rang", 1)];
        const CODEC: CodecTag = CodecTag::JSON;

        fn descriptor(&self) -> &'static EventDescriptor {
            &Self::EVENTS[0]
        }
        fn encode(&self) -> Result<Bytes> {
            Ok(vec![self.0].into())
        }
        fn decode(name: &str, schema_version: u16, payload: &[u8]) -> Result<Self> {
            match name {
                "Rang" => Ok(Self(payload[0])),
                _ => Err(Error::unknown_event(Self::CATEGORY, name, schema_version)),
            }
        }
    }

    async fn ring(store: &dyn EventStore, stream: &StreamId, times: std::ops::Range<u8>) {
        let events =
            times.map(|n| NewEvent::encode(EventId::generate(), &Rang(n)).unwrap()).collect::<Vec<_>>();
        store.append(Append::new(stream.clone(), ExpectedVersion::Any, events)).await.unwrap();
    }

    #[tokio::test]
    async fn a_history_holds_typed_events_and_their_envelopes() {
        let store = MemoryStore::new();
        let stream = StreamId::new("Bell", "church").unwrap();
        ring(&store, &stream, 0..3).await;

        let options = ReadOptions::default().with_from(StreamVersion::new(2));
        let store: &dyn EventStore = &store;
        let history: Vec<Recorded<Rang>> = store.history(&stream, options).try_collect().await.unwrap();
        let seen: Vec<_> = history.iter().map(|r| (&r.event, r.record.version.get())).collect();
        assert_eq!(seen, [(&Rang(1), 2), (&Rang(2), 3)]);
    }

    #[tokio::test]
    async fn a_history_ends_with_an_event_that_the_type_does_not_know() {
        let store = MemoryStore::new();
        let stream = StreamId::new("Bell", "church").unwrap();
        ring(&store, &stream, 0..1).await;
        let fell = NewEvent::new(EventId::generate(), "Fell", "{}").unwrap();
        store.append(Append::new(stream.clone(), ExpectedVersion::Any, vec![fell])).await.unwrap();
        ring(&store, &stream, 1..2).await;

        let history: Vec<Result<Recorded<Rang>>> =
            store.history(&stream, ReadOptions::default()).collect().await;
        assert_eq!(history.len(), 2);
        assert!(history[1].as_ref().unwrap_err().to_string().contains("Fell"));
    }

    #[tokio::test]
    async fn the_recorded_events_of_a_feed_behind_a_pointer_are_typed_and_of_one_type() {
        let store = MemoryStore::new();
        ring(&store, &StreamId::new("Bell", "church").unwrap(), 0..2).await;
        ring(&store, &StreamId::new("Gong", "temple").unwrap(), 2..3).await;

        let feed: &dyn EventFeed = &store;
        let rang: Vec<Rang> = feed.recorded(Position::START).map_ok(|r| r.event).try_collect().await.unwrap();
        assert_eq!(rang, [Rang(0), Rang(1)]);
    }
}

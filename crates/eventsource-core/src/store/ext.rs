//! Conveniences that follow from the ports.

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{EventFeed, EventStore, FeedOptions, ReadOptions};
use crate::{EventSet, Position, Recorded, RecordedEvent, Result, StreamId};

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
        decode(self.events(stream, options))
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
    fn recorded<E: EventSet>(&self, after: Position) -> BoxStream<'_, Result<Recorded<E>>> {
        match E::filter() {
            Ok(filter) => decode(self.feed(after, FeedOptions::default().with_filter(filter))),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}

impl<T: EventFeed + ?Sized> EventFeedExt for T {}

/// What the records hold for this type, in their order.
fn decode<'a, E: EventSet>(
    records: BoxStream<'a, Result<RecordedEvent>>,
) -> BoxStream<'a, Result<Recorded<E>>> {
    let decoded = records.map(|record| {
        let recorded = Recorded::decode(&record?)?;
        Ok(stream::iter(recorded.into_iter().map(Ok)))
    });
    decoded.try_flatten().boxed()
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
    async fn a_history_tells_of_an_event_that_the_type_does_not_know() {
        let store = MemoryStore::new();
        let stream = StreamId::new("Bell", "church").unwrap();
        ring(&store, &stream, 0..1).await;
        let fell = NewEvent::new(EventId::generate(), "Fell", "{}").unwrap();
        store.append(Append::new(stream.clone(), ExpectedVersion::Any, vec![fell])).await.unwrap();

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

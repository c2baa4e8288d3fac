//! Defects of appending and reading.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use eventsource_core::{
    Clock, Error, ErrorKind, EventId, ExpectedVersion, Log, Position, Result, StreamId, Timestamp, Token,
    backend::duplicate,
    store::{
        Append, Appended, AsOf, Close, EventLookup, EventStore, Limits, ReadOptions, StreamAppend,
        StreamInfo, StreamPage,
    },
};

use super::{Defect, Mutant, lock};

#[async_trait]
impl Close for Mutant {
    async fn close(&self) -> Result<()> {
        if self.defect == Defect::StaysOpen { Ok(()) } else { self.inner.close().await }
    }
}

#[async_trait]
impl EventStore for Mutant {
    async fn append(&self, append: Append) -> Result<Appended> {
        let appended = match self.defect {
            Defect::SplitAppend => self.append_in_parts(append).await?,
            Defect::RetryComparesIdsOnly => self.append_unless_known(append).await?,
            Defect::MetadataIsContent => self.append_comparing_metadata(append).await?,
            Defect::FeedOvertakes => self.append_late(append).await?,
            Defect::AnyConflicts => {
                let append = self.expecting_what_is_there(append).await?;
                self.inner.append(append).await?
            }
            _ => self.inner.append(self.changed(append)).await?,
        };
        self.note(&appended).await?;
        Ok(appended)
    }

    async fn read_stream(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        let mut page = self.inner.read_stream(&self.folded(stream), options).await?;
        match self.defect {
            Defect::BorderEventLost => page.next = page.next.map(|next| next.next()),
            Defect::PagesUnbounded => {
                while let Some(next) = page.next {
                    let more = options.clone().with_from(next);
                    let more = self.inner.read_stream(stream, &more).await?;
                    page.events.extend(more.events);
                    page.next = more.next;
                }
            }
            Defect::OccurredIsPrefix if matches!(options.as_of, Some(AsOf::Occurred(_))) => {
                let first = page.events.first().map_or(0, |e| e.version.get());
                let prefix = (first..).zip(&page.events).take_while(|(at, e)| e.version.get() == *at).count();
                page.events.truncate(prefix);
            }
            Defect::RecordedAtGoesBack => {
                let appended_at = lock(&self.notes.appended_at);
                for event in &mut page.events {
                    event.recorded_at = appended_at[&event.id];
                }
            }
            _ => {}
        }
        Ok(page)
    }

    async fn stream(&self, stream: &StreamId) -> Result<StreamInfo> {
        self.inner.stream(&self.folded(stream)).await
    }

    fn log(&self) -> Log {
        self.inner.log()
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}

impl Mutant {
    fn folded(&self, stream: &StreamId) -> StreamId {
        if self.defect != Defect::KeysFoldCase {
            return stream.clone();
        }
        stream.as_str().to_lowercase().parse().expect("small letters are as good as capitals")
    }

    /// The append with what the defect makes of its parts.
    fn changed(&self, mut append: Append) -> Append {
        if self.defect == Defect::ChecksIgnored {
            append.streams.retain(|stream| !stream.events.is_empty());
        }
        for stream in &mut append.streams {
            stream.stream = self.folded(&stream.stream);
            for event in &mut stream.events {
                match self.defect {
                    Defect::RetryWritesAgain => event.id = EventId::generate(),
                    Defect::MillisecondsOnly => event.occurred_at = event.occurred_at.map(cut),
                    Defect::PayloadsAreText => {
                        event.payload = String::from_utf8_lossy(&event.payload).into_owned().into();
                    }
                    _ => {}
                }
            }
        }
        append
    }

    /// Remembers what was appended.
    async fn note(&self, appended: &Appended) -> Result<()> {
        for part in &appended.streams {
            let options = ReadOptions::default().with_from(part.first).with_to(part.last);
            // Somebody may have deleted the stream meanwhile.
            let Ok(page) = self.inner.read_stream(&part.stream, &options).await else { continue };
            for event in page.events {
                lock(&self.notes.appended_at).entry(event.id).or_insert_with(|| self.clock.now());
                lock(&self.notes.committed).insert(event.position, event);
            }
        }
        Ok(())
    }

    async fn append_in_parts(&self, append: Append) -> Result<Appended> {
        let mut all: Option<Appended> = None;
        for StreamAppend { stream, expected, events } in append.streams {
            let part = self.inner.append(Append::new(stream, expected, events)).await?;
            all = Some(match all {
                None => part,
                Some(mut all) => {
                    all.streams.extend(part.streams);
                    Appended { token: part.token, ..all }
                }
            });
            tokio::task::yield_now().await;
        }
        all.ok_or_else(|| Error::invalid_input("events", "the append is empty"))
    }

    async fn append_unless_known(&self, append: Append) -> Result<Appended> {
        match self.inner.append(append).await {
            Err(error) if matches!(error.kind(), ErrorKind::Duplicate(_)) => {
                let token = Token { log: self.log().id, position: Position::START };
                Ok(Appended { token, streams: Vec::new(), deduplicated: true })
            }
            outcome => outcome,
        }
    }

    async fn append_comparing_metadata(&self, append: Append) -> Result<Appended> {
        let appended = self.inner.append(append.clone()).await?;
        for event in append.streams.iter().flat_map(|stream| &stream.events) {
            let recorded = self.inner.event(event.id).await?.expect("it was appended just now");
            if recorded.metadata != event.metadata {
                return Err(duplicate(&recorded));
            }
        }
        Ok(appended)
    }

    async fn expecting_what_is_there(&self, mut append: Append) -> Result<Append> {
        for stream in append.streams.iter_mut().filter(|s| s.expected == ExpectedVersion::Any) {
            stream.expected = ExpectedVersion::Exact(self.inner.stream(&stream.stream).await?.version);
        }
        tokio::task::yield_now().await;
        Ok(append)
    }

    /// Commits every third append only after readers of the feed have gone on.
    async fn append_late(&self, append: Append) -> Result<Appended> {
        if !self.notes.appends.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            return self.inner.append(append).await;
        }
        let held = self.inner.hold_next_append();
        let release = async {
            held.reached().await;
            let mut reads = self.notes.reads.subscribe();
            let begun = *reads.borrow_and_update();
            let _ = reads.wait_for(|now| *now >= begun + 3).await;
            held.release();
        };
        let (appended, ()) = tokio::join!(self.inner.append(append), release);
        appended
    }
}

fn cut(time: Timestamp) -> Timestamp {
    let micros = time.as_micros();
    Timestamp::from_micros(micros - micros.rem_euclid(1_000)).unwrap_or(time)
}

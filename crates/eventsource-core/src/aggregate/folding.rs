//! From a stream to a state.

use backon::Retryable;

use super::{Aggregate, Repository, snapshots::Miss};
use crate::{
    Error, EventId, Result, StreamId, StreamVersion,
    codec::decode_recorded,
    store::{AsOf, ReadOptions, StreamPage},
};

/// Which events to take in.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Now,
    Version(StreamVersion),
    Time(AsOf),
}

/// A state and where it stands.
pub(super) struct Folded<A> {
    pub(super) state: A,
    pub(super) version: StreamVersion,
    pub(super) last_event: Option<EventId>,
}

impl<A: Aggregate> Default for Folded<A> {
    fn default() -> Self {
        Self { state: A::default(), version: StreamVersion::ZERO, last_event: None }
    }
}

impl<A: Aggregate> Repository<A> {
    /// The state of a stream, from a snapshot where that gives the same.
    pub(super) async fn fold(&self, stream: &StreamId, until: Until) -> Result<Folded<A>> {
        if let Some(folded) = self.fold_from_snapshot(stream, until).await? {
            return Ok(folded);
        }
        self.fold_from(stream, Folded::default(), until.options()).await
    }

    /// Reads on from a snapshot, beginning with the event that it took in last: if the stream holds another event
    /// there, the snapshot belongs to another history and is not used.
    async fn fold_from_snapshot(&self, stream: &StreamId, until: Until) -> Result<Option<Folded<A>>> {
        let (Some(snapshots), Until::Now | Until::Version(_)) = (&self.snapshots, until) else {
            return Ok(None);
        };
        let Some(found) = snapshots.find(stream).await else { return Ok(None) };
        if matches!(until, Until::Version(version) if version < found.version) {
            return Ok(None);
        }
        let options = until.options().with_from(found.version);
        let mut page = self.page(stream, &options).await?;
        let anchored =
            page.events.first().is_some_and(|e| e.version == found.version && e.id == found.last_event);
        if !anchored {
            snapshots.missed(stream, Miss::Diverged);
            return Ok(None);
        }
        snapshots.hit();
        page.events.remove(0);
        let mut folded =
            Folded { state: found.state, version: found.version, last_event: Some(found.last_event) };
        let next = page.next;
        self.take_in(&mut folded, page)?;
        match next {
            None => Ok(Some(folded)),
            Some(next) => self.fold_from(stream, folded, options.with_from(next)).await.map(Some),
        }
    }

    async fn fold_from(
        &self,
        stream: &StreamId,
        mut folded: Folded<A>,
        mut options: ReadOptions,
    ) -> Result<Folded<A>> {
        loop {
            let page = self.page(stream, &options).await?;
            let next = page.next;
            self.take_in(&mut folded, page)?;
            match next {
                None => return Ok(folded),
                Some(next) => options = options.with_from(next),
            }
        }
    }

    async fn page(&self, stream: &StreamId, options: &ReadOptions) -> Result<StreamPage> {
        (|| self.store.read_stream(stream, options))
            .retry(self.retries.transient_backoff())
            .when(Error::is_transient)
            .await
            .map_err(|e| e.with_operation("load"))
    }

    fn take_in(&self, folded: &mut Folded<A>, page: StreamPage) -> Result<()> {
        for event in page.events {
            self.unknown
                .apply(decode_recorded::<A::Event>(&event))?
                .for_each(|event| folded.state.apply(&event));
            folded.version = event.version;
            folded.last_event = Some(event.id);
        }
        Ok(())
    }
}

impl Until {
    fn options(self) -> ReadOptions {
        match self {
            Self::Now => ReadOptions::default(),
            Self::Version(version) => ReadOptions::default().with_to(version),
            Self::Time(as_of) => ReadOptions::default().with_as_of(as_of),
        }
    }
}

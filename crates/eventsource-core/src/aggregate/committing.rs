//! From decided events to a commit.

use backon::Retryable;

use super::{Aggregate, Commit, Committed, Publication, Repository, folding::Folded};
use crate::{
    CorrelationId, Error, ErrorKind, EventId, ExpectedVersion, NewEvent, RecordedEvent, Result, StreamId,
    StreamVersion,
    store::{Append, Appended, EventStoreExt, ReadOptions},
};

impl<A: Aggregate> Repository<A> {
    /// Gives each event its id.
    pub(super) fn identify(&self, events: Vec<A::Event>) -> Vec<(EventId, A::Event)> {
        events.into_iter().map(|event| (self.ids.event_id(), event)).collect()
    }

    /// Appends events, takes them into the state, and keeps a snapshot when one is due.
    pub(super) async fn commit(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        folded: Folded<A>,
        events: Vec<(EventId, A::Event)>,
    ) -> Result<Committed<A>> {
        let commit = self.append(stream, expected, folded.version, &events).await?;
        let mut state = folded.state;
        for (_, event) in &events {
            state.apply(event);
        }
        if let (Some(snapshots), Some((last, _))) = (&self.snapshots, events.last())
            && snapshots.due(folded.version, commit.version)
        {
            snapshots.keep(stream, &state, commit.version, *last, self.clock.now()).await;
        }
        let events = events.into_iter().map(|(_, event)| event).collect();
        Ok(Committed { state, events, commit })
    }

    /// Appends events, sending them again with the same ids after transient errors, and hands them to the publisher.
    pub(super) async fn append(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        version: StreamVersion,
        events: &[(EventId, A::Event)],
    ) -> Result<Commit> {
        if events.is_empty() {
            return Ok(Commit {
                stream: stream.clone(),
                version,
                token: None,
                deduplicated: false,
                publication: Publication::NotAttached,
            });
        }
        let append = Append::new(stream.clone(), expected, self.encode(events)?);
        let appended = self.send(&append).await.map_err(|e| e.with_operation("append"))?;
        Ok(Commit {
            stream: stream.clone(),
            version: appended.streams.first().map_or(version, |s| s.last),
            token: Some(appended.token),
            deduplicated: appended.deduplicated,
            publication: self.publish(&appended).await,
        })
    }

    /// Sends an append, and again after transient errors.
    async fn send(&self, append: &Append) -> Result<Appended> {
        let mut may_be_written = false;
        let sent = (|| self.store.append(append.clone()))
            .retry(self.retries.transient_backoff())
            .when(|error: &Error| {
                may_be_written |= error.is_outcome_unknown();
                error.is_transient()
            })
            .await;
        sent.map_err(|error| match error.kind() {
            // The store has looked for the ids before it refuses.
            ErrorKind::Conflict(_) | ErrorKind::Duplicate(_) | ErrorKind::StreamDeleted { .. } => error,
            // A try whose answer was lost may have written, whatever the last one failed with.
            _ if may_be_written => error.outcome_unknown(),
            _ => error,
        })
    }

    fn encode(&self, events: &[(EventId, A::Event)]) -> Result<Vec<NewEvent>> {
        let metadata = self.provenance.to_metadata()?;
        let first = events.first().map(|(id, _)| CorrelationId::from(*id));
        let correlation = self.provenance.correlation.or(first);
        events
            .iter()
            .map(|(id, event)| {
                let mut new = NewEvent::encode(*id, event)?.with_metadata(metadata.clone());
                new.correlation = correlation;
                new.occurred_at = self.occurred_at;
                Ok(new)
            })
            .collect()
    }

    /// Publishes the events as the store recorded them. They are committed whatever happens here.
    async fn publish(&self, appended: &Appended) -> Publication {
        let Some(publisher) = &self.publisher else { return Publication::NotAttached };
        let published = async {
            let events = self.recorded(appended).await?;
            publisher.publish(appended.token.log, &events).await
        };
        match published.await {
            Ok(()) => Publication::Published,
            Err(error) => Publication::Failed(error.with_operation("publish")),
        }
    }

    async fn recorded(&self, appended: &Appended) -> Result<Vec<RecordedEvent>> {
        use futures_util::TryStreamExt;

        let mut recorded = Vec::new();
        for stream in &appended.streams {
            let options = ReadOptions::default().with_from(stream.first).with_to(stream.last);
            recorded.extend(self.store.events(&stream.stream, options).try_collect::<Vec<_>>().await?);
        }
        Ok(recorded)
    }
}

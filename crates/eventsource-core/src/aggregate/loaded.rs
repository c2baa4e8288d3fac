//! States that were loaded.

use std::ops::Deref;

use super::{Aggregate, IntoDecision};
use crate::{EventId, IdGenerator, StreamId, StreamVersion, store::AsOf};

/// A unit of work: a state at a version, and the events recorded on it that are not saved yet. Derefs to the state.
#[derive(Debug, Clone)]
pub struct Loaded<A: Aggregate> {
    stream: StreamId,
    state: A,
    version: StreamVersion,
    pending: Vec<(EventId, A::Event)>,
    /// Of the last event folded, for snapshots.
    pub(super) last_event: Option<EventId>,
    /// How the version was known before the pending events.
    pub(super) ids: IdSource,
}

/// Where a unit of work takes its event ids from.
#[derive(Clone)]
pub(super) struct IdSource(pub(super) std::sync::Arc<dyn IdGenerator>);

impl std::fmt::Debug for IdSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdSource")
    }
}

impl<A: Aggregate> Loaded<A> {
    pub(super) fn new(
        stream: StreamId,
        state: A,
        version: StreamVersion,
        last_event: Option<EventId>,
        ids: IdSource,
    ) -> Self {
        Self { stream, state, version, pending: Vec::new(), last_event, ids }
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The state, pending events taken in.
    #[must_use]
    pub fn state(&self) -> &A {
        &self.state
    }

    /// The version that was loaded or saved last; pending events come after it.
    #[must_use]
    pub fn version(&self) -> StreamVersion {
        self.version
    }

    /// The events that wait to be saved.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &A::Event> {
        self.pending.iter().map(|(_, event)| event)
    }

    /// Decides, and takes the events in. Each gets its id here, so that saving again after an unknown outcome does not
    /// write it twice.
    ///
    /// # Errors
    /// The domain's refusal; nothing is changed then.
    pub fn record<F, R>(&mut self, decide: F) -> Result<(), R::Refusal>
    where
        F: FnOnce(&A) -> R,
        R: IntoDecision<A::Event>,
    {
        for event in decide(&self.state).into_decision()? {
            self.state.apply(&event);
            self.pending.push((self.ids.0.event_id(), event));
        }
        Ok(())
    }

    pub(super) fn unsaved(&self) -> &[(EventId, A::Event)] {
        &self.pending
    }

    pub(super) fn mark_saved(&mut self, version: StreamVersion) {
        self.version = version;
        if let Some((id, _)) = self.pending.last() {
            self.last_event = Some(*id);
        }
        self.pending.clear();
    }
}

impl<A: Aggregate> Deref for Loaded<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

/// Which past of an aggregate to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// After the event with this version.
    Version(StreamVersion),
    /// What had been recorded or had happened by a time.
    Time(AsOf),
}

impl From<StreamVersion> for At {
    fn from(version: StreamVersion) -> Self {
        Self::Version(version)
    }
}

impl From<AsOf> for At {
    fn from(as_of: AsOf) -> Self {
        Self::Time(as_of)
    }
}

/// A past state. It is read, never saved. Derefs to the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Historical<A> {
    /// The stream.
    pub stream: StreamId,
    /// The state then.
    pub state: A,
    /// The version of the last event taken in.
    pub version: StreamVersion,
}

impl<A> Deref for Historical<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

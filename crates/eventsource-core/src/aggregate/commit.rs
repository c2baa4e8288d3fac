//! What a write through the repository led to.

use std::{fmt, ops::Deref};

use thiserror::Error;

use super::Aggregate;
use crate::{Conflict, Error, StreamId, StreamVersion, Token};

/// What was committed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Commit {
    /// The stream.
    pub stream: StreamId,
    /// Its version now.
    pub version: StreamVersion,
    /// The place of the last event written; `None` when there was nothing to write.
    pub token: Option<Token>,
    /// Whether the events turned out to be recorded already, by an earlier try whose answer was lost.
    pub deduplicated: bool,
    /// What became of the events at the attached publisher. They are committed in any case.
    pub publication: Publication,
}

/// What became of committed events at the publisher attached to a repository.
#[derive(Debug, Clone)]
pub enum Publication {
    /// No publisher is attached, or there was nothing to publish.
    NotAttached,
    /// The publisher took them.
    Published,
    /// The publisher failed. The events are committed all the same; a relay or subscription will bring them.
    Failed(Error),
}

impl Publication {
    /// The publisher's error, if there is one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) => Some(error),
            Self::NotAttached | Self::Published => None,
        }
    }
}

/// What was committed, with the state that it led to. Derefs to the [`Commit`].
#[derive(Clone)]
pub struct Committed<A: Aggregate> {
    /// The state with the new events taken in.
    pub state: A,
    /// The events that were decided, in order.
    pub events: Vec<A::Event>,
    /// Where and how it was committed.
    pub commit: Commit,
}

impl<A: Aggregate + fmt::Debug> fmt::Debug for Committed<A> {
    /// Shows the number of events, which need not be `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committed")
            .field("state", &self.state)
            .field("events", &self.events.len())
            .field("commit", &self.commit)
            .finish()
    }
}

impl<A: Aggregate> Deref for Committed<A> {
    type Target = Commit;

    fn deref(&self) -> &Commit {
        &self.commit
    }
}

/// Why an update was not committed: the domain refused, or the library failed.
#[derive(Debug, Clone, Error)]
pub enum UpdateError<R> {
    /// The domain refused. Nothing was written.
    #[error(transparent)]
    Refused(R),
    /// The library failed; the error tells whether anything may have been written.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl<R> UpdateError<R> {
    /// The domain's refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&R> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Failed(_) => None,
        }
    }

    /// The conflict with other processes that no retry has ended, if it is one.
    #[must_use]
    pub fn as_conflict(&self) -> Option<&Conflict> {
        self.error().and_then(Error::as_conflict)
    }

    /// The library's error, if it is one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Refused(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

//! What operators ask of consumers.
//!
//! A request is stored first and executed by whoever owns the consumer, under the owner's epoch, so that an operator's tool in
//! another process and a crash in the middle change nothing about the result. What was asked, by whom, why, and what
//! came of it stays as the audit trail.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::{
    ConsumerName, Epoch, EventId, Place, Result, StreamId, Timestamp,
    status::{Progress, frozen_names},
    store::Close,
};

/// Identifies a request. The caller draws it, so that asking twice is one request.
pub type RequestId = Uuid;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// Handle no more events until resumed.
    Pause,
    /// Go on.
    Resume,
    /// Go on from another place.
    Rewind {
        /// Which.
        to: Place,
    },
    /// Empty the read model and begin again from the start.
    Reset,
    /// Build a new version beside the active one.
    Rebuild {
        /// Its number.
        version: u32,
        /// Whether to make it the active one as soon as it has caught up.
        switch: bool,
    },
    /// Make a version the active one.
    Switch {
        /// Its number.
        version: u32,
    },
    /// Give up a request that is not finished; a rebuild leaves the old version active.
    Cancel {
        /// Which.
        request: RequestId,
    },
    /// Remove a version that is not active, with its read model.
    Retire {
        /// Its number.
        version: u32,
    },
    /// Handle letters again, each stream from its first.
    Retry(Letters),
    /// Handle a letter with another payload; the original stays beside it.
    Edit {
        /// The letter.
        event: EventId,
        /// The payload to handle instead.
        payload: Bytes,
    },
    /// Give letters up, so that their streams go on without them.
    Discard(Letters),
}

/// Which letters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Letters {
    /// This one.
    One(EventId),
    /// Those of this stream.
    Stream(StreamId),
    /// Those with this fingerprint of their cause.
    Cause(u64),
    /// Every one.
    All,
}

/// A request that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Drawn by the caller.
    pub id: RequestId,
    /// Of whom.
    pub consumer: ConsumerName,
    /// What.
    pub ask: Ask,
    /// Who asks.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// How long it may wait for an owner, and then for each further word of the owner, before it expires: an owner that
    /// works on it updates it sooner than that. Cut to microseconds.
    pub expires_in: Duration,
}

/// Where a request is on its way. Kept by frozen name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestState {
    /// Nobody has begun it.
    Open,
    /// Its owner works on it, or a new one will go on with it.
    Running,
    /// It is done.
    Done,
    /// The owner would not do it; the outcome says why.
    Refused,
    /// The owner could not do it; the outcome says why.
    Failed,
    /// It was given up on request.
    Cancelled,
    /// No owner came, or went on, in time.
    Expired,
}

frozen_names!(RequestState:
    Open = "open",
    Running = "running",
    Done = "done",
    Refused = "refused",
    Failed = "failed",
    Cancelled = "cancelled",
    Expired = "expired",
);

impl RequestState {
    /// Whether nothing changes any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Open | Self::Running)
    }
}

/// A stored request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As it was asked.
    pub asked: NewRequest,
    /// When, by the database's clock.
    pub asked_at: Timestamp,
    /// Where it is on its way.
    pub state: RequestState,
    /// Under which epoch it is executed; [`Epoch::NONE`] while nobody does.
    pub epoch: Epoch,
    /// How far it has come.
    pub progress: Progress,
    /// What came of it, in words.
    pub outcome: Option<String>,
    /// When it was last changed or expired, by the database's clock.
    pub changed_at: Timestamp,
}

/// What an owner says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestUpdate {
    /// Which.
    pub id: RequestId,
    /// Under which epoch the owner acts. An older one than the request's is refused; from then on the request obeys
    /// this one.
    pub epoch: Epoch,
    /// Where it is now: running, or at an end that owners decide about.
    pub state: RequestState,
    /// How far it has come.
    pub progress: Progress,
    /// What came of it, in words.
    pub outcome: Option<String>,
}

/// Which requests to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestsOptions {
    /// Of one consumer only.
    pub consumer: Option<ConsumerName>,
    /// Only those that are not final.
    pub open_only: bool,
    /// Go on after this one, exclusively.
    pub after: Option<RequestId>,
}

impl RequestsOptions {
    /// Of one consumer only.
    #[must_use]
    pub fn with_consumer(mut self, consumer: ConsumerName) -> Self {
        self.consumer = Some(consumer);
        self
    }

    /// Only those that are not final.
    #[must_use]
    pub fn open_only(mut self) -> Self {
        self.open_only = true;
        self
    }

    /// After this one, exclusively.
    #[must_use]
    pub fn with_after(mut self, request: RequestId) -> Self {
        self.after = Some(request);
        self
    }
}

/// Keeps requests. Rows stay when they are final: they are the audit trail.
#[async_trait]
pub trait RequestStore: Close {
    /// Stores a request; one with the same id is returned as it is.
    ///
    /// # Atomicity
    /// One commit.
    ///
    /// # Errors
    /// `InvalidInput` when the id is taken by a request that asks something else, or there is no time before it expires;
    /// failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; send it again.
    async fn submit(&self, request: &NewRequest) -> Result<Request>;

    /// The request with this id. One whose time has passed without a word of an owner is expired.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn request(&self, id: RequestId) -> Result<Option<Request>>;

    /// One page of requests, the one submitted last first, at most 100.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn requests(&self, options: &RequestsOptions) -> Result<Vec<Request>>;

    /// Keeps what an owner says. Whether it was kept: not when there is no such request, it is final, or it obeys a newer
    /// epoch. Saying the same last word again is the same word.
    ///
    /// # Atomicity
    /// Comparison and write are one commit.
    ///
    /// # Errors
    /// `InvalidInput` for the states that no owner gives, open and expired; failures of the database.
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; send it again.
    async fn update(&self, update: &RequestUpdate) -> Result<bool>;
}

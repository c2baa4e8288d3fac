//! What consumers do, as another process can read it.
//!
//! A status is what an instance last said about a consumer that it runs. It is told with the instance's
//! [beat](crate::lease::LeaseStore::beat), so that it costs no statement of its own, and holds as long as the instance's heart
//! beats; that of an instance which was not heard for a while is old, and is shown as old.

use std::time::Duration;

use async_trait::async_trait;

use crate::{ConsumerId, EventId, InstanceId, Position, Result, Timestamp, store::Close};

/// What a release of a program says that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The version of the consumer.
    pub consumer: ConsumerId,
    /// What kind of consumer.
    pub kind: ConsumerKind,
    /// Which events it reads, in words.
    pub filter: String,
    /// How it handles failures, in words.
    pub policy: String,
    /// Of all of this, so that two releases that differ are noticed.
    pub fingerprint: u64,
}

/// Kinds of consumers. Kept by frozen name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsumerKind {
    /// Folds events into a read model in memory.
    ReadModel,
    /// Writes somewhere by itself: each event at least once.
    Projection,
    /// Writes in the transaction of its checkpoint: each event exactly once.
    TransactionalProjection,
    /// Acts on the outside world, and is never replayed.
    Reactor,
    /// Publishes to a bus.
    Relay,
    /// A group of consumers of a bus.
    Group,
}

/// What a consumer is doing. Kept by frozen name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsumerState {
    /// It looks for its checkpoint.
    Starting,
    /// Another instance runs it.
    Waiting,
    /// It reads history.
    CatchingUp,
    /// It has read everything, and handles what comes.
    Live,
    /// It backs off after failures of what it depends on.
    BackingOff,
    /// An operator or the program paused it.
    Paused,
    /// It was stopped.
    Stopped,
    /// It cannot go on; the reason says why.
    Failed,
}

/// Gives an enum its frozen names, which databases keep.
macro_rules! frozen_names {
    ($type:ident: $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The frozen name that stores keep.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The value with this frozen name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == name)
            }
        }
    };
}
pub(crate) use frozen_names;

frozen_names!(ConsumerKind:
    ReadModel = "read-model",
    Projection = "projection",
    TransactionalProjection = "transactional-projection",
    Reactor = "reactor",
    Relay = "relay",
    Group = "group",
);

frozen_names!(ConsumerState:
    Starting = "starting",
    Waiting = "waiting",
    CatchingUp = "catching-up",
    Live = "live",
    BackingOff = "backing-off",
    Paused = "paused",
    Stopped = "stopped",
    Failed = "failed",
);

/// How far a portion of work has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events or letters done.
    pub done: u64,
    /// Events or letters in all, as far as is known.
    pub total: Option<u64>,
}

/// What an instance last said about a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStatus {
    /// The version of the consumer.
    pub consumer: ConsumerId,
    /// Which instance says so.
    pub instance: InstanceId,
    /// What it is doing.
    pub state: ConsumerState,
    /// Why it is paused, backs off or failed.
    pub reason: Option<String>,
    /// The event that it cannot handle.
    pub failing_event: Option<EventId>,
    /// Everything up to here is done: the minimum over its segments.
    pub position: Position,
    /// How many events it is behind; `None` while that is not known.
    pub lag_events: Option<u64>,
    /// How old the first event is that it has not handled; zero when it has handled everything.
    pub lag: Option<Duration>,
    /// Events handled a second, lately.
    pub events_per_second: u32,
    /// Streams that wait behind a letter.
    pub parked_streams: u64,
    /// Letters.
    pub letters: u64,
    /// When the oldest letter was parked.
    pub oldest_letter_at: Option<Timestamp>,
    /// How far a rebuild has come, while there is one.
    pub rebuild: Option<Progress>,
    /// Where its checkpoint lies, in words.
    pub checkpoint: String,
    /// When the instance was last heard, by the database's clock; what the caller fills in is overwritten.
    pub reported_at: Timestamp,
}

/// Keeps what programs say that they run, and what instances say about it.
#[async_trait]
pub trait StatusStore: Close {
    /// Keeps what an instance runs, in place of what it declared before.
    ///
    /// # Atomicity
    /// One commit.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn declare(&self, instance: &InstanceId, declarations: &[Declaration]) -> Result<()>;

    /// What is declared, by consumer and fingerprint, with the instances that declared it by name, also where nothing
    /// runs any more. Two entries for one consumer are two releases that differ.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn declarations(&self) -> Result<Vec<(Declaration, Vec<InstanceId>)>>;

    /// What instances last said, by consumer and instance.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn statuses(&self) -> Result<Vec<InstanceStatus>>;

    /// Forgets what instances said that were not heard since `before`, exclusively; how many instances there were. A
    /// declaration and a beat are signs of life.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn forget(&self, before: Timestamp) -> Result<u64>;

    /// The database's clock, against which `reported_at` is read.
    ///
    /// # Errors
    /// Only failures of the database.
    async fn now(&self) -> Result<Timestamp>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_names_lead_back() {
        for kind in ConsumerKind::ALL {
            assert_eq!(ConsumerKind::from_name(kind.as_str()), Some(*kind));
        }
        for state in ConsumerState::ALL {
            assert_eq!(ConsumerState::from_name(state.as_str()), Some(*state));
        }
        assert_eq!(ConsumerState::from_name("unheard-of"), None);
    }
}

//! The life of a stream, told by events of its own.
//!
//! Deleting is itself an event. A lifecycle record takes the next version of its stream and a position in the
//! log, so that the feed tells every consumer. Its name begins with `stream.`, which no user's event may; its payload
//! is the JSON object of [`LifecycleNote`]. Aggregates pass over it.

use serde::{Deserialize, Serialize};

/// The name of the record that a stream was deleted, which can be undone.
pub const STREAM_DELETED: &str = "stream.deleted";
/// The name of the record that a deleted stream was restored.
pub const STREAM_RESTORED: &str = "stream.restored";
/// The name of the record that a stream's content was wiped for ever.
pub const STREAM_ERASED: &str = "stream.erased";

/// What begins the names of lifecycle records.
pub(crate) const RESERVED_PREFIX: &str = "stream.";

/// Whether a name belongs to the lifecycle records.
#[must_use]
pub fn is_lifecycle_name(name: &str) -> bool {
    name.starts_with(RESERVED_PREFIX)
}

/// Where a stream is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lifecycle {
    /// Events can be read and appended.
    #[default]
    Active,
    /// Reads, loads and appends are refused until it is restored; the feed still shows its events.
    Deleted,
    /// Payloads are wiped; reads, loads and appends are refused for ever.
    Erased,
}

impl Lifecycle {
    /// The frozen name that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Erased => "erased",
        }
    }

    /// The lifecycle with this frozen name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Deleted, Self::Erased].into_iter().find(|l| l.as_str() == name)
    }

    /// Where a stream is after a record of this name; `None` for other names.
    #[must_use]
    pub fn after(name: &str) -> Option<Self> {
        match name {
            STREAM_DELETED => Some(Self::Deleted),
            STREAM_RESTORED => Some(Self::Active),
            STREAM_ERASED => Some(Self::Erased),
            _ => None,
        }
    }
}

/// Why a stream was deleted, restored or erased, and by whom: the payload of the lifecycle record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LifecycleNote {
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl LifecycleNote {
    /// A note with this reason.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self { actor: None, reason: Some(reason.into()) }
    }

    /// By this user or service.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }
}

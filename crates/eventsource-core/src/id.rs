//! Identifiers, and the port that makes new ones.

use uuid::Uuid;

/// Defines a newtype over a UUID.
macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made elsewhere.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// Derives an id from text that is unique in `namespace`: the same input gives the same id
            /// (UUID version 5, RFC 9562 section 5.5).
            #[must_use]
            pub fn derive(namespace: &Uuid, text: &str) -> Self {
                Self(Uuid::new_v5(namespace, text.as_bytes()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(text: &str) -> crate::Result<Self> {
                Uuid::parse_str(text).map(Self).map_err(|e| {
                    crate::Error::invalid_input("id", format!("{} is not a UUID", crate::text::excerpt(text))).with_source(e)
                })
            }
        }
    };
}

uuid_newtype!(
    /// Identifies one event for ever. The caller assigns it, so that an append can be sent again.
    ///
    /// New events get a UUIDv7 from an [`IdGenerator`]; imports derive theirs from the source
    /// ([`EventId::derive`]), so that importing twice adds nothing.
    EventId
);

uuid_newtype!(
    /// Identifies a log. Drawn once when the schema is created, and kept through restores.
    LogId
);

uuid_newtype!(
    /// The life of a log: drawn with the log id, and anew whenever a restored log is adopted.
    ///
    /// A checkpoint of another incarnation is refused, so that positions of a lost history are never
    /// taken for positions of the present one.
    Incarnation
);

uuid_newtype!(
    /// Ties together all events of one business process, through all streams.
    ///
    /// Foreign request ids that are no UUIDs become one with [`CorrelationId::derive`].
    CorrelationId
);

impl From<EventId> for CorrelationId {
    /// The default correlation of a process: the id of its first event.
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}

/// Makes the ids of new events. A port, so that tests can be deterministic.
pub trait IdGenerator: Send + Sync + 'static {
    /// The next id; never one that was given out before. A store answers `Duplicate` to one that is taken.
    fn event_id(&self) -> EventId;
}

/// Time-ordered random ids: UUIDv7, increasing inside a process (RFC 9562 section 6.2).
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOrderedIds;

impl IdGenerator for TimeOrderedIds {
    fn event_id(&self) -> EventId {
        EventId(Uuid::now_v7())
    }
}

impl EventId {
    /// A new time-ordered id from the system's clock and randomness.
    #[must_use]
    pub fn generate() -> Self {
        TimeOrderedIds.event_id()
    }
}

impl LogId {
    /// A new random id, for stores that create their schema.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Incarnation {
    /// A new random incarnation, for stores that create their schema or adopt a restored log.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

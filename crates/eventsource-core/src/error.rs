//! The one error type of the library.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{EventId, ExpectedVersion, LogId, StreamId, StreamVersion, dead_letter::ParkingLimits};

/// Any error, boxed: what user code and drivers hand to [`Error::with_source`].
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// The result of every operation of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, at which operation, with which names and limits.
///
/// Branch on [`kind`](Error::kind), retry on [`is_transient`](Error::is_transient), and ask
/// [`is_outcome_unknown`](Error::is_outcome_unknown) whether a failed write may have happened. `Display` tells this
/// level only; causes follow through [`source`](StdError::source). Secrets are never part of it. Cloning is a
/// reference count, so that one failure can be told to everybody it concerns.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    context: Vec<(&'static str, String)>,
    transient: bool,
    outcome_unknown: bool,
    source: Option<Arc<dyn StdError + Send + Sync + 'static>>,
}

/// The kinds of error, with the data that callers branch on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's input breaks a rule. Nothing was written.
    InvalidInput {
        /// What was wrong, for example `"key"` or `"payload"`.
        field: &'static str,
        /// The limit that was passed, when it was one, in the unit of the message.
        limit: Option<u64>,
    },
    /// A stream was not at the expected version. Nothing was written.
    Conflict(Conflict),
    /// An event id is taken by other content, or by part of the batch. Nothing was written.
    Duplicate(Duplicate),
    /// There is no such stream.
    StreamNotFound(StreamId),
    /// The stream was deleted or erased.
    StreamDeleted {
        /// The stream.
        stream: StreamId,
        /// Whether it was erased, which cannot be undone.
        erased: bool,
    },
    /// No decoder knows this event.
    UnknownEvent {
        /// The category of its stream.
        category: String,
        /// Its name.
        name: String,
        /// Its schema version.
        schema_version: u16,
    },
    /// A payload, a snapshot or metadata could not be decoded.
    Decode,
    /// A value could not be encoded. Nothing was written.
    Encode,
    /// The position, token or checkpoint belongs to another log.
    ForeignLog {
        /// The log that was asked.
        expected: LogId,
        /// The log that the value belongs to.
        actual: LogId,
    },
    /// The log no longer holds the history that a checkpoint or import continues.
    HistoryDiverged,
    /// A tenant's handle was asked for a stream of somebody else. Nothing was read or written.
    OtherTenant,
    /// The database holds no schema of ours.
    SchemaMissing,
    /// The database's schema is older than this release; the message says how to migrate it.
    SchemaTooOld {
        /// The version found.
        found: u32,
        /// The version needed.
        needed: u32,
    },
    /// The database's schema was written by a newer release.
    SchemaTooNew {
        /// The version found.
        found: u32,
        /// The newest version that this release knows.
        known: u32,
    },
    /// The store was opened for reading only. Nothing was written.
    ReadOnly,
    /// The database is not one of ours, or damaged.
    Corrupt,
    /// Somebody else holds a lock that is needed. Nothing was written.
    Busy,
    /// The disk, or the space granted to the database, is full. Nothing was written.
    StorageFull,
    /// The database or broker cannot be reached, or failed.
    Unavailable,
    /// The port was closed before the call.
    Closed,
    /// The backend cannot do this, and never will by waiting.
    Unsupported,
    /// Committed events could not be handed to a publisher.
    Publish,
    /// So much is parked already that no more may be. Nothing was parked.
    ParkingFull(ParkingLimits),
    /// Code of the application panicked where it must not.
    Panicked,
    /// A handler of the application failed; its error is the source.
    Handler,
}

/// A stream that was not where an append expected it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The stream.
    pub stream: StreamId,
    /// What the append demanded.
    pub expected: ExpectedVersion,
    /// Where the stream was.
    pub actual: StreamVersion,
}

/// An event id that is already taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The id.
    pub event: EventId,
    /// The stream that holds it.
    pub stream: StreamId,
    /// Its version there.
    pub version: StreamVersion,
}

impl Error {
    /// An error of this kind; `message` says what happened, without the causes.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            context: Vec::new(),
            transient: false,
            outcome_unknown: false,
            source: None,
        }))
    }

    /// Input that breaks a rule.
    #[must_use]
    pub fn invalid_input(field: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput { field, limit: None }, message)
    }

    /// Input beyond a limit; `what` says what there is, in the unit of the limit: "payload has 5000000 bytes".
    #[must_use]
    pub fn over_limit(field: &'static str, what: impl fmt::Display, limit: u64) -> Self {
        let kind = ErrorKind::InvalidInput { field, limit: Some(limit) };
        Self::new(kind, format!("{what}; the limit is {limit}"))
    }

    /// Input of more bytes than its limit.
    #[must_use]
    pub fn too_long(field: &'static str, bytes: usize, limit_bytes: usize) -> Self {
        Self::over_limit(field, format_args!("{field} has {bytes} bytes"), limit_bytes as u64)
    }

    /// A stream that was not at the expected version.
    #[must_use]
    pub fn conflict(stream: StreamId, expected: ExpectedVersion, actual: StreamVersion) -> Self {
        let message = match expected {
            ExpectedVersion::NoStream => format!("stream {stream} exists already, at version {actual}"),
            ExpectedVersion::StreamExists => format!("stream {stream} has no events yet"),
            ExpectedVersion::Any | ExpectedVersion::Exact(_) => {
                format!(
                    "stream {stream} is at version {actual}, expected {expected}; load it again and decide anew"
                )
            }
        };
        Self::new(ErrorKind::Conflict(Conflict { stream, expected, actual }), message)
    }

    /// A stream that does not exist.
    #[must_use]
    pub fn stream_not_found(stream: StreamId) -> Self {
        let message = format!("there is no stream {stream}");
        Self::new(ErrorKind::StreamNotFound(stream), message)
    }

    /// A stream that was deleted or erased.
    #[must_use]
    pub fn stream_deleted(stream: StreamId, erased: bool) -> Self {
        let message = if erased {
            format!("stream {stream} is erased: it can be neither read nor written any more")
        } else {
            format!("stream {stream} is deleted; restore it first")
        };
        Self::new(ErrorKind::StreamDeleted { stream, erased }, message)
    }

    /// An event that no decoder knows.
    #[must_use]
    pub fn unknown_event(category: &str, name: &str, schema_version: u16) -> Self {
        let kind =
            ErrorKind::UnknownEvent { category: category.to_owned(), name: name.to_owned(), schema_version };
        Self::new(
            kind,
            format!(
                "category {category} knows no event {name} of schema version {schema_version}; add it to the event \
                 type, or choose to skip what is unknown"
            ),
        )
    }

    /// Limits of parking that leave no room.
    #[must_use]
    pub fn parking_full(limits: ParkingLimits) -> Self {
        let ParkingLimits { streams, letters_per_stream } = limits;
        let message = format!(
            "no more events may be parked: the limits are {streams} streams with {letters_per_stream} letters each; \
             retry or discard letters, or raise the limits"
        );
        Self::new(ErrorKind::ParkingFull(limits), message)
    }

    /// A port that was closed.
    #[must_use]
    pub fn closed(what: &str) -> Self {
        Self::new(ErrorKind::Closed, format!("{what} is closed; open it anew"))
    }

    /// Names the operation that failed, for example `"append"`. The innermost name stays.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.inner().operation.get_or_insert(operation);
        self
    }

    /// Adds a name and value that help to find the place. Never a secret.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.inner().context.push((name, value.to_string()));
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner().source = Some(Arc::from(source.into()));
        self
    }

    /// Marks an error that may go away by itself: the same call may be sent again.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.inner().transient = true;
        self
    }

    /// Marks a write that may or may not have happened; sending it again with the same event ids tells.
    #[must_use]
    pub fn outcome_unknown(mut self) -> Self {
        self.inner().outcome_unknown = true;
        self
    }

    /// The kind, with the data to branch on.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Whether the write may have happened. When false, a failed write has changed nothing.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// The operation that failed, for example `"append"`.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The conflict, if it is one.
    #[must_use]
    pub fn as_conflict(&self) -> Option<&Conflict> {
        match self.kind() {
            ErrorKind::Conflict(conflict) => Some(conflict),
            _ => None,
        }
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        for (i, (name, value)) in self.0.context.iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { ", " })?;
            write!(f, "{name} {value}")?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &self.to_string());
        debug.field("transient", &self.0.transient).field("outcome_unknown", &self.0.outcome_unknown);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_tells_this_level_and_the_source_follows() {
        let error = Error::new(ErrorKind::Unavailable, "the server refused the connection")
            .with_operation("append")
            .with_operation("outer")
            .with_context("endpoint", "db:5432")
            .with_source(std::io::Error::other("refused"))
            .transient();
        assert_eq!(error.to_string(), "append: the server refused the connection (endpoint db:5432)");
        assert_eq!(error.source().unwrap().to_string(), "refused");
        assert!(error.is_transient() && !error.is_outcome_unknown());
    }

    #[test]
    fn a_limit_is_told_in_its_unit() {
        let error = Error::too_long("key", 300, 255);
        assert_eq!(error.to_string(), "key has 300 bytes; the limit is 255");
        assert_eq!(error.kind(), &ErrorKind::InvalidInput { field: "key", limit: Some(255) });
        let error = Error::over_limit("events", format_args!("the call has {} events", 3), 2);
        assert_eq!(error.to_string(), "the call has 3 events; the limit is 2");
    }
}

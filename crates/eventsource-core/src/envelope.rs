//! Events on their way into a store, and as a store gives them back.

use bytes::Bytes;

use crate::{
    CorrelationId, Event, EventId, EventName, EventSet, Metadata, Position, Result, StreamId, StreamVersion,
    Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle,
};

/// An event that is to be appended: bytes with a name. The store adds stream, version, position and the time
/// of recording.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewEvent {
    /// Assigned by the caller, so that the append can be sent again.
    pub id: EventId,
    /// Unique in the category.
    pub name: EventName,
    /// The schema version of the payload.
    pub schema_version: u16,
    /// How the payload is encoded.
    pub codec: CodecTag,
    /// How the encoded payload was transformed (compressed, encrypted).
    pub transform: TransformTag,
    /// The content.
    pub payload: Bytes,
    /// Causation, actor, trace and free entries.
    pub metadata: Metadata,
    /// The business process.
    pub correlation: Option<CorrelationId>,
    /// When it happened; the store takes its clock's time when absent.
    pub occurred_at: Option<Timestamp>,
}

impl NewEvent {
    /// A JSON event of schema version 1, without metadata, that happens now.
    ///
    /// # Errors
    /// `InvalidInput` when the name breaks its rules.
    pub fn new(id: EventId, name: &str, payload: impl Into<Bytes>) -> Result<Self> {
        Ok(Self {
            id,
            name: EventName::new(name)?,
            schema_version: 1,
            codec: CodecTag::JSON,
            transform: TransformTag::NONE,
            payload: payload.into(),
            metadata: Metadata::default(),
            correlation: None,
            occurred_at: None,
        })
    }

    /// A typed event, encoded.
    ///
    /// # Errors
    /// `Encode` when the content has no faithful form; `InvalidInput` when the name breaks its rules.
    pub fn encode<E: Event>(id: EventId, event: &E) -> Result<Self> {
        let descriptor = event.descriptor();
        let payload = event.encode().map_err(|e| e.with_context("name", descriptor.name))?;
        Ok(Self {
            schema_version: descriptor.schema_version,
            codec: E::CODEC,
            ..Self::new(id, descriptor.name, payload)?
        })
    }

    /// With this schema version.
    #[must_use]
    pub fn with_schema_version(mut self, schema_version: u16) -> Self {
        self.schema_version = schema_version;
        self
    }

    /// Encoded like this.
    #[must_use]
    pub fn with_codec(mut self, codec: CodecTag) -> Self {
        self.codec = codec;
        self
    }

    /// With this metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// In this business process.
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Having happened then.
    #[must_use]
    pub fn with_occurred_at(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }

    /// Whether a recorded event is this one: same id, name, schema version, codec and payload bytes.
    /// Metadata and the time of occurrence are not part of the content; the stream is compared by the store.
    #[must_use]
    pub fn has_content_of(&self, recorded: &RecordedEvent) -> bool {
        self.id == recorded.id
            && self.name == recorded.name
            && self.schema_version == recorded.schema_version
            && self.codec == recorded.codec
            && self.transform == recorded.transform
            && self.payload == recorded.payload
    }
}

/// An event as its store gives it back. Cloning copies a few reference counts, never the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Identifies it for ever.
    pub id: EventId,
    /// The stream that holds it.
    pub stream: StreamId,
    /// Its place in the stream.
    pub version: StreamVersion,
    /// Its place in the log.
    pub position: Position,
    /// Unique in the category.
    pub name: EventName,
    /// The schema version of the payload.
    pub schema_version: u16,
    /// How the payload is encoded.
    pub codec: CodecTag,
    /// How the encoded payload was transformed; not at all when erased.
    pub transform: TransformTag,
    /// The content; empty when erased.
    pub payload: Bytes,
    /// Causation, actor, trace and free entries; empty when erased.
    pub metadata: Metadata,
    /// The business process; absent when erased.
    pub correlation: Option<CorrelationId>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the store wrote it; never decreases inside a stream.
    pub recorded_at: Timestamp,
    /// Whether payload, metadata and correlation were wiped for ever.
    pub erased: bool,
}

impl RecordedEvent {
    /// Whether this is a lifecycle record of the store (`stream.deleted`, `stream.restored`, `stream.erased`).
    #[must_use]
    pub fn is_lifecycle(&self) -> bool {
        lifecycle::is_lifecycle_name(self.name.as_str())
    }

    /// Whether `other` is the same event with the same content, metadata and times; positions may differ.
    #[must_use]
    pub fn is_copy_of(&self, other: &Self) -> bool {
        Self { position: other.position, ..self.clone() } == *other
    }
}

/// A decoded event with its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded<E> {
    /// The event.
    pub event: E,
    /// Where and when it was recorded, and its bytes.
    pub record: RecordedEvent,
}

impl<E: EventSet> Recorded<E> {
    /// What a recorded event holds for a type, in order: usually one event, none when it is not meant for the type.
    ///
    /// # Errors
    /// As of [`EventSet::from_recorded`].
    pub fn decode(record: &RecordedEvent) -> Result<Vec<Self>> {
        let events = E::from_recorded(record)?.into_vec();
        Ok(events.into_iter().map(|event| Self { event, record: record.clone() }).collect())
    }
}

//! What the tests of both derives need.

use eventsource_core::{
    EventId, EventName, Metadata, Position, RecordedEvent, StreamId, StreamVersion, Timestamp,
    codec::{CodecTag, TransformTag},
};

/// An event as a store would give it back.
pub(crate) fn recorded(category: &str, name: &str, schema_version: u16, payload: &str) -> RecordedEvent {
    RecordedEvent {
        id: EventId::generate(),
        stream: StreamId::new(category, "1").unwrap(),
        version: StreamVersion::FIRST,
        position: Position::new(1),
        name: EventName::new(name).unwrap(),
        schema_version,
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        payload: payload.to_owned().into(),
        metadata: Metadata::default(),
        correlation: None,
        occurred_at: Timestamp::UNIX_EPOCH,
        recorded_at: Timestamp::UNIX_EPOCH,
        erased: false,
    }
}

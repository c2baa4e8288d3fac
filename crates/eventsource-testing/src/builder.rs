//! Events for tests, with a default for everything.

use std::{fmt::Display, time::Duration};

use eventsource_core::{
    Bytes, Clock, Error, Event, EventId, EventName, EventSet, NewEvent, Position, Provenance, Recorded,
    RecordedEvent, Result, StreamId, StreamVersion, Timestamp, ToStreamKey,
    aggregate::IntoEvents,
    backend::{erase, record},
    codec::{CodecTag, Decoded, TransformTag},
};
use uuid::Uuid;

use crate::{
    ManualClock,
    message::{fail, must},
};

/// Builds a [`NewEvent`] or a [`RecordedEvent`] for tests of stores, projections and tools. Everything has a default.
///
/// | what | default |
/// |---|---|
/// | name, schema version, codec, payload | those of the typed event; else schema version 1 and the JSON payload `{}` |
/// | stream | the key `1` of the event's category; else `Test/1` |
/// | version | 1 |
/// | position | the same number as the version |
/// | id | of a new event: a new one each time; of a recorded event: always the same for a stream and version |
/// | recorded at | 2026-01-01T00:00:00Z, a second later for each version |
/// | occurred at | of a new event: none, so that the store's clock tells; of a recorded event: when it was recorded |
/// | provenance | none |
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// use eventsource::{EventId, Provenance};
/// use eventsource_macros::Event;
/// use eventsource_testing::EventBuilder;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// #[event(category = "Order")]
/// enum OrderEvent {
///     OrderPlaced { total: u64 },
/// }
///
/// let placed = EventBuilder::of(&OrderEvent::OrderPlaced { total: 100 });
///
/// // For a store:
/// let new = placed.new_event();
/// assert_eq!((new.name.as_str(), &new.payload[..]), ("OrderPlaced", &br#"{"total":100}"#[..]));
///
/// // For what reads a feed:
/// let recorded = placed
///     .with_stream("acme@Order/4711")
///     .with_version(3)
///     .with_position(17)
///     .with_provenance(Provenance::default().with_actor("ada"))
///     .recorded();
/// assert_eq!((recorded.stream.tenant(), recorded.version.get()), (Some("acme"), 3));
///
/// // For a projection, decoded as it would be:
/// let event = EventBuilder::named("OrderPlaced").with_stream("Order/1").with_payload(r#"{"total":7}"#);
/// assert_eq!(event.decoded::<OrderEvent>().event, OrderEvent::OrderPlaced { total: 7 });
/// ```
#[derive(Debug, Clone)]
#[must_use = "it builds nothing until it is asked to"]
pub struct EventBuilder {
    id: Option<EventId>,
    name: EventName,
    schema_version: u16,
    codec: CodecTag,
    transform: TransformTag,
    payload: Bytes,
    provenance: Provenance,
    occurred_at: Option<Timestamp>,
    stream: StreamId,
    version: StreamVersion,
    position: Option<Position>,
    recorded_at: Option<Timestamp>,
    erased: bool,
}

impl EventBuilder {
    /// A typed event, encoded.
    ///
    /// # Panics
    /// When it cannot be encoded, or its name or category breaks the rules.
    #[track_caller]
    pub fn of<E: Event>(event: &E) -> Self {
        must("the event cannot be built", Self::try_of(event))
    }

    pub(crate) fn try_of<E: Event>(event: &E) -> Result<Self> {
        let new = NewEvent::encode(EventId::generate(), event)?;
        let named = Self::try_named(new.name.as_str(), StreamId::new(E::CATEGORY, "1")?)?;
        Ok(Self { schema_version: new.schema_version, codec: new.codec, payload: new.payload, ..named })
    }

    /// An event of which only the name is known.
    ///
    /// # Panics
    /// When the name breaks the rules.
    #[track_caller]
    pub fn named(name: &str) -> Self {
        let event = StreamId::new("Test", "1").and_then(|stream| Self::try_named(name, stream));
        must("the event cannot be built", event)
    }

    pub(crate) fn try_named(name: &str, stream: StreamId) -> Result<Self> {
        Ok(Self {
            id: None,
            name: EventName::new(name)?,
            schema_version: 1,
            codec: CodecTag::JSON,
            transform: TransformTag::NONE,
            payload: "{}".into(),
            provenance: Provenance::default(),
            occurred_at: None,
            stream,
            version: StreamVersion::FIRST,
            position: None,
            recorded_at: None,
            erased: false,
        })
    }

    /// With this id.
    pub fn with_id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// With another name: an old one, or one that nobody knows.
    ///
    /// # Panics
    /// When the name breaks the rules.
    #[track_caller]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = must("the event cannot be built", EventName::new(name));
        self
    }

    /// With this schema version.
    pub fn with_schema_version(mut self, schema_version: u16) -> Self {
        self.schema_version = schema_version;
        self
    }

    /// With this payload.
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Encoded like this.
    pub fn with_codec(mut self, codec: CodecTag) -> Self {
        self.codec = codec;
        self
    }

    /// Transformed like this.
    pub fn with_transform(mut self, transform: TransformTag) -> Self {
        self.transform = transform;
        self
    }

    /// With this correlation, causation, actor, trace and entries.
    pub fn with_provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = provenance;
        self
    }

    /// Having happened then.
    pub fn with_occurred_at(mut self, time: Timestamp) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// In this stream: a [`StreamId`], or its text form `Order/4711` or `tenant@Order/4711`.
    ///
    /// # Panics
    /// When the text is no stream id.
    #[track_caller]
    pub fn with_stream(mut self, stream: impl Display) -> Self {
        self.stream = must("the event cannot be built", stream.to_string().parse());
        self
    }

    /// With this version in its stream.
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = StreamVersion::new(version);
        self
    }

    /// At this position of its log.
    pub fn with_position(mut self, position: u64) -> Self {
        self.position = Some(Position::new(position));
        self
    }

    /// Recorded then.
    pub fn with_recorded_at(mut self, time: Timestamp) -> Self {
        self.recorded_at = Some(time);
        self
    }

    /// Erased: recorded without payload, metadata and correlation.
    pub fn erased(mut self) -> Self {
        self.erased = true;
        self
    }

    /// The event as a caller hands it to a store.
    ///
    /// # Panics
    /// When the provenance cannot be encoded, which only a defect of the encoder can cause.
    #[must_use]
    #[track_caller]
    pub fn new_event(&self) -> NewEvent {
        self.build(self.id.unwrap_or_else(EventId::generate))
    }

    /// The event as a store gives it back.
    ///
    /// # Panics
    /// As [`new_event`](Self::new_event).
    #[must_use]
    #[track_caller]
    pub fn recorded(&self) -> RecordedEvent {
        let place = format!("{}#{}", self.stream, self.version);
        let id = self.id.unwrap_or_else(|| EventId::derive(&Uuid::NAMESPACE_OID, &place));
        let position = self.position.unwrap_or(Position::new(self.version.get()));
        let seconds = self.version.get().saturating_sub(1);
        let recorded_at = ManualClock::default().now().plus(Duration::from_secs(seconds));
        let recorded = record(
            self.build(id),
            self.stream.clone(),
            self.version,
            position,
            self.recorded_at.unwrap_or(recorded_at),
        );
        if self.erased { erase(&recorded) } else { recorded }
    }

    /// The recorded event, decoded as a reader of `S` decodes it: what a projection is handed.
    ///
    /// # Panics
    /// When it cannot be decoded, is not one of `S`, or an upcaster makes another number of events of it than one.
    #[must_use]
    #[track_caller]
    pub fn decoded<S: EventSet>(&self) -> Recorded<S> {
        let record = self.recorded();
        match must("the event cannot be decoded", S::from_recorded(&record)) {
            Decoded::One(event) => Recorded { event, record },
            Decoded::Skipped => {
                fail(format_args!("{} of stream {} is not an event of this type", record.name, record.stream))
            }
            Decoded::Many(events) => {
                fail(format_args!("the upcasters make {} events of {}, not one", events.len(), record.name))
            }
        }
    }

    #[track_caller]
    fn build(&self, id: EventId) -> NewEvent {
        let metadata = must("the provenance cannot be encoded", self.provenance.to_metadata());
        let new = NewEvent::new(id, self.name.as_str(), self.payload.clone());
        let mut new = must("the event cannot be built", new)
            .with_schema_version(self.schema_version)
            .with_codec(self.codec)
            .with_metadata(metadata);
        new.transform = self.transform;
        new.correlation = self.provenance.correlation;
        new.occurred_at = self.occurred_at;
        new
    }
}

/// The whole history of one stream, as a store that holds nothing else gives it back: versions and positions from 1, a
/// second between two events.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource_macros::Event;
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "Order")]
/// # enum OrderEvent { OrderPlaced { total: u64 }, OrderShipped }
/// let events = eventsource_testing::history(
///     "4711",
///     [OrderEvent::OrderPlaced { total: 100 }, OrderEvent::OrderShipped],
/// );
/// assert_eq!((events[1].stream.as_str(), events[1].version.get()), ("Order/4711", 2));
/// ```
///
/// # Panics
/// When an event cannot be encoded, or the key breaks the rules.
#[must_use]
#[track_caller]
pub fn history<E: Event>(key: impl ToStreamKey, events: impl IntoEvents<E>) -> Vec<RecordedEvent> {
    let recorded = |(version, event): (u64, E)| -> Result<RecordedEvent, Error> {
        let stream = StreamId::new(E::CATEGORY, &key)?;
        Ok(EventBuilder { stream, ..EventBuilder::try_of(&event)? }.with_version(version).recorded())
    };
    let events = (1..).zip(events.into_events()).map(recorded).collect();
    must("the history cannot be built", events)
}

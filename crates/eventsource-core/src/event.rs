//! What a user's event type tells about itself.

use bytes::Bytes;

use crate::{
    Result,
    codec::{CodecTag, Upcasters},
};

/// The events of one category, as one enum.
///
/// Derive it (`#[derive(Event)]`, feature `macros` of the facade), or write it by hand; the derive writes nothing
/// that cannot be written. Names and schema versions are data ([`Event::EVENTS`]), so that tools work without the
/// type.
///
/// ```
/// use bytes::Bytes;
/// use eventsource_core::{Error, Event, EventDescriptor, Result, codec::{Codec, CodecTag, Json}};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// enum DoorEvent { Opened, Closed { by: String } }
///
/// impl Event for DoorEvent {
///     const CATEGORY: &'static str = "Door";
///     const EVENTS: &'static [EventDescriptor] =
///         &[EventDescriptor::new("DoorOpened", 1), EventDescriptor::new("DoorClosed", 1)];
///     const CODEC: CodecTag = Json::TAG;
///
///     fn descriptor(&self) -> &'static EventDescriptor {
///         match self {
///             Self::Opened => &Self::EVENTS[0],
///             Self::Closed { .. } => &Self::EVENTS[1],
///         }
///     }
///     fn encode(&self) -> Result<Bytes> {
///         Json::encode_variant(self)
///     }
///     fn decode(name: &str, _schema_version: u16, payload: &[u8]) -> Result<Self> {
///         match name {
///             "DoorOpened" => Json::decode_variant("Opened", payload),
///             "DoorClosed" => Json::decode_variant("Closed", payload),
///             _ => Err(Error::unknown_event(Self::CATEGORY, name, 1)),
///         }
///     }
/// }
/// let event = DoorEvent::Closed { by: "Ada".into() };
/// assert_eq!(event.encode()?, r#"{"by":"Ada"}"#);
/// # Ok::<(), Error>(())
/// ```
pub trait Event: Sized + Send + Sync + 'static {
    /// The category of the streams that hold these events.
    const CATEGORY: &'static str;
    /// One descriptor per event, with names that are unique in the category.
    const EVENTS: &'static [EventDescriptor];
    /// How payloads are encoded; kept with each event.
    const CODEC: CodecTag;
    /// Whether [`Event::decode`] also answers for names and schema versions that are not in [`Event::EVENTS`], so that
    /// none is unknown. By default it does not.
    const CATCHES_UNKNOWN: bool = false;

    /// Which of [`Event::EVENTS`] this event is.
    fn descriptor(&self) -> &'static EventDescriptor;

    /// The payload: the content without name and version, which the envelope holds.
    ///
    /// # Errors
    /// `Encode` when the content has no faithful form, for example a NaN in JSON.
    fn encode(&self) -> Result<Bytes>;

    /// The event with this name from a payload of this schema version.
    ///
    /// Called with names of [`Event::EVENTS`] and their present versions: aliases are resolved and old versions
    /// upcast before. Other names come as they are, and newer versions when the type
    /// [catches the unknown](Event::CATCHES_UNKNOWN).
    ///
    /// # Errors
    /// `Decode` with the path to the offending field; `UnknownEvent` for other names.
    fn decode(name: &str, schema_version: u16, payload: &[u8]) -> Result<Self>;

    /// How old events become present ones. By default there are none.
    fn upcasters() -> &'static Upcasters {
        Upcasters::none()
    }
}

/// What is known about one event without its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventDescriptor {
    /// The name it is recorded under.
    pub name: &'static str,
    /// The schema version it is recorded with.
    pub schema_version: u16,
    /// Older names of the same event: each stands for the present one, at every schema version.
    pub aliases: &'static [&'static str],
    /// What the event means, from its doc comment.
    pub doc: &'static str,
    /// The fields of the payload that hold personal data, as they are named there: what tools mask and erasure
    /// removes. `*` is the whole payload.
    pub personal: &'static [&'static str],
}

impl EventDescriptor {
    /// A descriptor without aliases, documentation and personal fields.
    #[must_use]
    pub const fn new(name: &'static str, schema_version: u16) -> Self {
        Self { name, schema_version, aliases: &[], doc: "", personal: &[] }
    }

    /// With these older names.
    #[must_use]
    pub const fn with_aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// With this documentation.
    #[must_use]
    pub const fn with_doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// With these personal fields.
    #[must_use]
    pub const fn with_personal(mut self, personal: &'static [&'static str]) -> Self {
        self.personal = personal;
        self
    }

    /// Whether the event is or was recorded under this name.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

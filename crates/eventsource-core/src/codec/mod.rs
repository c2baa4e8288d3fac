//! From events to bytes and back: codecs, old events made new, transforms.

mod catalogue;
mod decode;
mod faithful;
mod json;
mod tag;
mod tagged;
mod transform;
mod upcast;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "zstd")]
pub use self::transform::Zstd;
pub use self::{
    catalogue::Catalogue,
    decode::{Decoded, UnknownEvents},
    json::Json,
    tag::{CodecTag, TransformTag},
    tagged::{VariantContent, VariantDeserializer, VariantSerializer},
    transform::Transform,
    upcast::{OldEvent, Upcasters},
};
pub(crate) use self::{catalogue::check_event_type, decode::decode_recorded};
use crate::Result;

/// How values become bytes. Static, because a codec behind a pointer costs several times the decoding itself.
///
/// [`Json`] is the usual one. [`VariantSerializer`] and [`VariantDeserializer`] make one of any serde format that
/// describes itself; here JSON with line breaks:
///
/// ```
/// use bytes::Bytes;
/// use eventsource_core::{Error, ErrorKind, Result};
/// use eventsource_core::codec::{Codec, CodecTag, VariantDeserializer, VariantSerializer};
/// use serde::{Serialize, de::DeserializeOwned};
///
/// struct Readable;
///
/// fn unencodable(cause: serde_json::Error) -> Error {
///     Error::new(ErrorKind::Encode, "no JSON").with_source(cause)
/// }
/// fn undecodable(cause: serde_json::Error) -> Error {
///     Error::new(ErrorKind::Decode, "no JSON").with_source(cause)
/// }
///
/// impl Codec for Readable {
///     const TAG: CodecTag = CodecTag::from_static("json.readable");
///
///     fn encode_variant<T: Serialize>(value: &T) -> Result<Bytes> {
///         let mut json = serde_json::Serializer::pretty(Vec::new());
///         value.serialize(VariantSerializer::new(&mut json)).map_err(unencodable)?;
///         Ok(json.into_inner().into())
///     }
///     fn decode_variant<T: DeserializeOwned>(variant: &'static str, payload: &[u8]) -> Result<T> {
///         let mut json = serde_json::Deserializer::from_slice(payload);
///         T::deserialize(VariantDeserializer::new(variant, &mut json)).map_err(undecodable)
///     }
///     fn encode<T: Serialize>(value: &T) -> Result<Bytes> {
///         serde_json::to_vec_pretty(value).map(Bytes::from).map_err(unencodable)
///     }
///     fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T> {
///         serde_json::from_slice(payload).map_err(undecodable)
///     }
/// }
///
/// #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// enum DoorEvent { Opened, Closed { by: String } }
///
/// let event = DoorEvent::Closed { by: "Ada".into() };
/// let payload = Readable::encode_variant(&event)?;
/// assert_eq!(payload, "{\n  \"by\": \"Ada\"\n}");
/// assert_eq!(Readable::decode_variant::<DoorEvent>("Closed", &payload)?, event);
/// # Ok::<(), Error>(())
/// ```
pub trait Codec: Send + Sync + 'static {
    /// Kept with each payload.
    const TAG: CodecTag;

    /// The content of an enum's variant, without the variant's name.
    ///
    /// # Errors
    /// `Encode` when the value has no faithful form in this codec.
    fn encode_variant<T: Serialize>(value: &T) -> Result<Bytes>;

    /// The enum's variant with this (Rust or serde) name from its content.
    ///
    /// # Errors
    /// `Decode` with the path to the offending field.
    fn decode_variant<T: DeserializeOwned>(variant: &'static str, payload: &[u8]) -> Result<T>;

    /// A whole value, for example a state.
    ///
    /// # Errors
    /// `Encode` when the value has no faithful form in this codec.
    fn encode<T: Serialize>(value: &T) -> Result<Bytes>;

    /// A whole value.
    ///
    /// # Errors
    /// `Decode` with the path to the offending field.
    fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T>;
}

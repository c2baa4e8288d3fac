//! JSON.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Codec, CodecTag, VariantDeserializer, VariantSerializer,
    faithful::{Faithful, FaithfulValue},
};
use crate::{BoxError, Error, ErrorKind, Result};

/// JSON text (RFC 8259), the default codec.
///
/// Faithful or an error: integers up to 128 bits and every finite float come back bit for bit; NaN and the infinities,
/// which JSON does not have, and values that lie more than 127 levels deep, which could not be read again, are
/// refused. What serde itself does not tell apart stays so: `Some(None)` comes back as `None`, and integers
/// beyond 64 bits need a place without `flatten` and `untagged`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

/// Small events fit without growing.
const BYTES_EXPECTED: usize = 256;

impl Codec for Json {
    const TAG: CodecTag = CodecTag::JSON;

    fn encode_variant<T: Serialize>(value: &T) -> Result<Bytes> {
        encode(|serializer| value.serialize(VariantSerializer::new(Faithful::new(serializer))))
    }

    fn decode_variant<T: DeserializeOwned>(variant: &'static str, payload: &[u8]) -> Result<T> {
        let text = text(payload)?;
        let mut content = serde_json::Deserializer::from_str(text);
        let decoded = T::deserialize(VariantDeserializer::new(variant, &mut content));
        let error = match decoded.and_then(|value| content.end().map(|()| value)) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Only a failure pays for finding its place.
        let mut content = serde_json::Deserializer::from_str(text);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut content, &mut track);
        let _ = T::deserialize(VariantDeserializer::new(variant, tracked));
        Err(undecodable(&track.path().to_string(), error))
    }

    fn encode<T: Serialize>(value: &T) -> Result<Bytes> {
        encode(|serializer| FaithfulValue::new(value).serialize(serializer))
    }

    fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T> {
        let text = text(payload)?;
        let error = match serde_json::from_str(text) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let mut content = serde_json::Deserializer::from_str(text);
        let path = serde_path_to_error::deserialize::<_, T>(&mut content)
            .err()
            .map_or_else(|| ".".to_owned(), |e| e.path().to_string());
        Err(undecodable(&path, error))
    }
}

type Writer<'a> = &'a mut serde_json::Serializer<Vec<u8>>;

fn encode(write: impl FnOnce(Writer<'_>) -> Result<(), serde_json::Error>) -> Result<Bytes> {
    let mut serializer = serde_json::Serializer::new(Vec::with_capacity(BYTES_EXPECTED));
    write(&mut serializer)
        .map_err(|e| Error::new(ErrorKind::Encode, "the value cannot be encoded as JSON").with_source(e))?;
    Ok(serializer.into_inner().into())
}

/// Checked in one go, which is faster than string by string.
fn text(payload: &[u8]) -> Result<&str> {
    std::str::from_utf8(payload).map_err(|e| undecodable(".", e))
}

fn undecodable(path: &str, source: impl Into<BoxError>) -> Error {
    let place = if path == "." { String::new() } else { format!(" at {path}") };
    Error::new(ErrorKind::Decode, format!("the payload cannot be decoded from JSON{place}"))
        .with_source(source)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, error::Error as _};

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Sample {
        Unit,
        Newtype(BTreeMap<String, i64>),
        Tuple(u8, String),
        Fields { big: u128, small: i128, float: f64, text: String, inner: Option<Inner> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        deep: Vec<f32>,
    }

    fn fields(float: f64, text: &str) -> Sample {
        let inner = Some(Inner { deep: vec![0.1, f32::MAX] });
        Sample::Fields { big: u128::MAX, small: i128::MIN, float, text: text.into(), inner }
    }

    fn check(name: &'static str, value: &Sample) {
        let payload = Json::encode_variant(value).unwrap();
        let decoded: Sample = Json::decode_variant(name, &payload).unwrap();
        assert_eq!(&decoded, value, "{payload:?}");
    }

    #[test]
    fn every_kind_of_variant_survives_without_its_name() {
        check("Unit", &Sample::Unit);
        check("Newtype", &Sample::Newtype(BTreeMap::from([("k".into(), i64::MIN)])));
        check("Tuple", &Sample::Tuple(1, "x".into()));
        for float in [0.1 + 0.2, f64::MAX, f64::MIN_POSITIVE, 5e-324, -0.0, 1e16 + 1.0] {
            check("Fields", &fields(float, "NUL \0, quote \", 注文, \u{1F980}, \u{202E}"));
        }
        assert_eq!(Json::encode_variant(&Sample::Unit).unwrap(), "{}");
        assert_eq!(Json::encode_variant(&Sample::Tuple(1, "x".into())).unwrap(), r#"[1,"x"]"#);
    }

    #[test]
    fn negative_zero_keeps_its_sign() {
        let payload = Json::encode_variant(&fields(-0.0, "")).unwrap();
        let Sample::Fields { float, .. } = Json::decode_variant("Fields", &payload).unwrap() else {
            panic!()
        };
        assert!(float.is_sign_negative());
    }

    #[test]
    fn a_unit_variant_may_have_been_more() {
        let decoded: Sample = Json::decode_variant("Unit", br#"{"later":[1]}"#).unwrap();
        assert_eq!(decoded, Sample::Unit);
    }

    #[test]
    fn nan_is_refused_with_its_place() {
        let error = Json::encode_variant(&fields(f64::NAN, "")).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Encode);
        assert!(error.source().unwrap().to_string().contains("float: NaN"));
    }

    #[test]
    fn a_damaged_payload_tells_the_place() {
        let payload = br#"{"big":1,"small":1,"float":1,"text":"","inner":{"deep":[1,"x"]}}"#;
        let error = Json::decode_variant::<Sample>("Fields", payload).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Decode);
        assert!(error.to_string().contains("inner.deep[1]"), "{error}");
        for payload in ["", "{", "{}x", "null", "[1]", "\u{0}"] {
            assert!(Json::decode_variant::<Sample>("Fields", payload.as_bytes()).is_err(), "{payload:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_no_json() {
        let error = Json::decode_variant::<Sample>("Unit", b"{\"a\":\"\xff\"}").unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Decode);
        assert!(error.source().unwrap().to_string().contains("utf-8"), "{error:?}");
    }

    #[test]
    fn a_scalar_is_no_event_type() {
        assert!(Json::encode_variant(&1).is_err());
        assert!(Json::decode_variant::<u8>("Unit", b"1").is_err());
    }
}

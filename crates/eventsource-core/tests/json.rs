//! What JSON gives back: exactly what was written, or an error.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, HashMap},
    error::Error as _,
};

use eventsource_core::{
    Bytes, Error, ErrorKind, Event, EventDescriptor, EventId, EventName, EventSet, Metadata, NewEvent,
    Position, RecordedEvent, Result, StreamId, StreamVersion, Timestamp,
    codec::{Codec, CodecTag, Decoded, Json, TransformTag},
};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::{Index, select},
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Sample {
    Unit,
    Newtype(Inner),
    Tuple(i128, u128, char),
    Fields { text: String, inner: Vec<Option<Inner>>, map: BTreeMap<i64, u64>, decimal: Decimal, flag: bool },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Inner {
    Unit,
    Double(f64),
    Single { value: f32 },
    Bytes(Vec<u8>, i8),
}

const NAMES: [&str; 4] = ["Unit", "Newtype", "Tuple", "Fields"];

impl Event for Sample {
    const CATEGORY: &'static str = "Sample";
    const EVENTS: &'static [EventDescriptor] = &[
        EventDescriptor::new(NAMES[0], 1),
        EventDescriptor::new(NAMES[1], 1),
        EventDescriptor::new(NAMES[2], 1),
        EventDescriptor::new(NAMES[3], 1),
    ];
    const CODEC: CodecTag = Json::TAG;

    fn descriptor(&self) -> &'static EventDescriptor {
        match self {
            Self::Unit => &Self::EVENTS[0],
            Self::Newtype(_) => &Self::EVENTS[1],
            Self::Tuple(..) => &Self::EVENTS[2],
            Self::Fields { .. } => &Self::EVENTS[3],
        }
    }

    fn encode(&self) -> Result<Bytes> {
        Json::encode_variant(self)
    }

    fn decode(name: &str, schema_version: u16, payload: &[u8]) -> Result<Self> {
        match NAMES.into_iter().find(|known| *known == name) {
            Some(variant) => Json::decode_variant(variant, payload),
            None => Err(Error::unknown_event(Self::CATEGORY, name, schema_version)),
        }
    }
}

fn inner() -> impl Strategy<Value = Inner> {
    prop_oneof![
        Just(Inner::Unit),
        finite_f64().prop_map(Inner::Double),
        finite_f32().prop_map(|value| Inner::Single { value }),
        (any::<Vec<u8>>(), any::<i8>()).prop_map(|(bytes, number)| Inner::Bytes(bytes, number)),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let map = btree_map(any::<i64>(), any::<u64>(), 0..4);
    let decimal = (any::<i64>(), 0..=28_u32).prop_map(|(number, scale)| Decimal::new(number, scale));
    let fields = (any::<String>(), vec(option::of(inner()), 0..4), map, decimal, any::<bool>());
    prop_oneof![
        Just(Sample::Unit),
        inner().prop_map(Sample::Newtype),
        (any::<i128>(), any::<u128>(), any::<char>()).prop_map(|(i, u, c)| Sample::Tuple(i, u, c)),
        fields.prop_map(|(text, inner, map, decimal, flag)| Sample::Fields {
            text,
            inner,
            map,
            decimal,
            flag
        }),
    ]
}

/// Every bit pattern that is a number, so that subnormal and extreme ones are as likely as others.
fn finite_f64() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |float| float.is_finite())
}

fn finite_f32() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |float| float.is_finite())
}

/// As a store would give it back.
fn recorded(name: &str, schema_version: u16, payload: Bytes) -> RecordedEvent {
    RecordedEvent {
        id: EventId::generate(),
        stream: StreamId::new("Sample", "1").unwrap(),
        version: StreamVersion::FIRST,
        position: Position::new(1),
        name: EventName::new(name).unwrap(),
        schema_version,
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        payload,
        metadata: Metadata::default(),
        correlation: None,
        occurred_at: Timestamp::UNIX_EPOCH,
        recorded_at: Timestamp::UNIX_EPOCH,
        erased: false,
    }
}

fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    Json::decode(&Json::encode(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn any_event_comes_back_equal(sample in sample()) {
        let new = NewEvent::encode(EventId::generate(), &sample).unwrap();
        let record = recorded(new.name.as_str(), new.schema_version, new.payload);
        prop_assert_eq!(Sample::from_recorded(&record).unwrap(), Decoded::One(sample.clone()));
        prop_assert_eq!(again(&sample), sample);
    }

    #[test]
    fn floats_come_back_bit_for_bit(double in finite_f64(), single in finite_f32()) {
        prop_assert_eq!(again(&double).to_bits(), double.to_bits());
        prop_assert_eq!(again(&single).to_bits(), single.to_bits());
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(
        name in prop_oneof![select(&NAMES[..]).prop_map(str::to_owned), "[A-Za-z0-9_.-]{1,200}"],
        version in 0..3_u16,
        payload: Vec<u8>,
    ) {
        if let Err(error) = Sample::from_recorded(&recorded(&name, version, payload.into())) {
            let known = NAMES.contains(&name.as_str()) && version <= 1;
            prop_assert_eq!(error.kind() == &ErrorKind::Decode, known);
            prop_assert_eq!(matches!(error.kind(), ErrorKind::UnknownEvent { .. }), !known);
        }
    }

    #[test]
    fn a_damaged_payload_is_an_event_or_an_error(sample in sample(), place: Index, byte: u8, cut: bool) {
        let mut payload = sample.encode().unwrap().to_vec();
        let place = place.index(payload.len());
        payload[place] = byte;
        if cut {
            payload.truncate(place);
        }
        for name in NAMES {
            if let Err(error) = Sample::from_recorded(&recorded(name, 1, payload.clone().into())) {
                prop_assert_eq!(error.kind(), &ErrorKind::Decode);
                prop_assert!(error.source().is_some());
            }
        }
    }
}

#[test]
fn the_edges_of_numbers_come_back() {
    assert_eq!(again(&[u64::MAX, u64::MIN]), [u64::MAX, u64::MIN]);
    assert_eq!(again(&[i64::MAX, i64::MIN]), [i64::MAX, i64::MIN]);
    assert_eq!(again(&u128::MAX), u128::MAX);
    assert_eq!(again(&[i128::MAX, i128::MIN]), [i128::MAX, i128::MIN]);
    assert_eq!(again(&HashMap::from([(u128::MAX, i128::MIN)])), HashMap::from([(u128::MAX, i128::MIN)]));
    let doubles = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.1 + 0.2, 9_007_199_254_740_993.0, -0.0];
    for double in doubles {
        assert_eq!(again(&double).to_bits(), double.to_bits(), "{double:e}");
    }
    for single in [f32::MAX, f32::MIN_POSITIVE, f32::EPSILON, 0.1, -0.0] {
        assert_eq!(again(&single).to_bits(), single.to_bits(), "{single:e}");
    }
}

#[test]
fn a_number_that_does_not_fit_is_refused() {
    for payload in ["18446744073709551616", "-1", "1.5"] {
        assert_eq!(
            Json::decode::<u64>(payload.as_bytes()).unwrap_err().kind(),
            &ErrorKind::Decode,
            "{payload}"
        );
    }
    assert_eq!(Json::decode::<f64>(b"1e400").unwrap_err().kind(), &ErrorKind::Decode);
}

#[test]
fn decimals_keep_their_scale() {
    for text in ["0.10", "-79228162514264337593543950335", "0.0000000000000000000000000001"] {
        let decimal: Decimal = text.parse().unwrap();
        assert_eq!(Json::encode(&decimal).unwrap(), format!("{text:?}"));
        assert_eq!(again(&decimal).to_string(), text);
    }
}

#[test]
fn text_comes_back_whatever_it_holds() {
    let texts = [
        "",
        "NUL \0",
        "quote \" backslash \\",
        "line\r\n",
        "注文 \u{1F980}",
        "\u{202E}",
        "\u{FFFF}",
        "e\u{301}",
    ];
    for text in texts {
        assert_eq!(again(&text.to_owned()), text);
    }
}

#[test]
fn a_state_is_encoded_whole_and_as_strictly() {
    let state = HashMap::from([("revenue", f64::INFINITY)]);
    assert_eq!(Json::encode(&state).unwrap_err().kind(), &ErrorKind::Encode);
    let error = Json::decode::<BTreeMap<String, Vec<u8>>>(br#"{"a":[1,2,300]}"#).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Decode);
    assert!(error.to_string().contains("a[2]"), "{error}");
    assert!(Json::decode::<u8>(b"1 2").is_err());
}

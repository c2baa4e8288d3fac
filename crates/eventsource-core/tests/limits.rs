//! The limits of values and names. Every test here stands on the page `docs/limits.md`, and every limit of a payload or
//! a name on that page has its test here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "values are handed over as they stand")]

use std::{
    collections::{BTreeMap, HashMap},
    error::Error as _,
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use eventsource_core::{
    Category, Error, ErrorKind, EventName, Result, StateType, StreamId, StreamKey, TenantId, Timestamp,
    ToStreamKey,
    codec::{Codec, CodecTag, Json, TransformTag},
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    Json::decode(&Json::encode(value).unwrap()).unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "so that cases are written without references")]
fn check_same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(again(&value), value);
}

/// The value cannot be written; the cause holds these words.
fn check_not_encoded<T: Serialize>(value: &T, words: &str) {
    let error = Json::encode(value).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Encode);
    assert!(error.source().unwrap().to_string().contains(words), "{error:?}");
}

/// The text cannot be read as this type.
fn check_not_decoded<T: DeserializeOwned>(text: &str) {
    let error = Json::decode::<T>(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was read"));
    assert_eq!(error.kind(), &ErrorKind::Decode, "{text}");
}

/// The text is refused for this field and limit.
fn check_refused<T: Debug>(outcome: Result<T, Error>, field: &str, limit: Option<u64>) {
    let error = outcome.unwrap_err();
    let ErrorKind::InvalidInput { field: named, limit: passed } = error.kind() else { panic!("{error:?}") };
    assert_eq!((*named, *passed), (field, limit), "{error}");
}

// Values in payloads.

#[test]
fn integers_of_128_bits_are_exact() {
    check_same([i64::MIN, i64::MAX]);
    check_same([u64::MIN, u64::MAX]);
    check_same([i128::MIN, i128::MAX]);
    check_same([u128::MIN, u128::MAX]);
    check_same(BTreeMap::from([(u128::MAX, i128::MIN)]));
}

#[test]
fn an_integer_that_does_not_fit_is_never_cut() {
    check_not_decoded::<u64>("18446744073709551616");
    check_not_decoded::<i64>("9223372036854775808");
    check_not_decoded::<i128>("170141183460469231731687303715884105728");
    check_not_decoded::<u8>("256");
    check_not_decoded::<u8>("-1");
    check_not_decoded::<u64>("1.0");
    check_not_decoded::<u64>("1e3");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened<T> {
    #[serde(flatten)]
    inner: Inner<T>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner<T> {
    value: T,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged<T> {
    Text(String),
    Value(T),
}

#[test]
fn flatten_and_untagged_hold_64_bits() {
    check_same(Flattened { inner: Inner { value: u64::MAX } });
    check_same(Flattened { inner: Inner { value: i64::MIN } });
    check_same(Untagged::Value(u64::MAX));
    check_same(Untagged::Value(i64::MIN));
    // Beyond, serde itself offers a float there, which no integer takes: an error, never another number.
    let flattened = Json::encode(&Flattened { inner: Inner { value: u128::from(u64::MAX) + 1 } }).unwrap();
    check_not_decoded::<Flattened<u128>>(std::str::from_utf8(&flattened).unwrap());
    let untagged = Json::encode(&Untagged::Value(i128::from(i64::MIN) - 1)).unwrap();
    check_not_decoded::<Untagged<i128>>(std::str::from_utf8(&untagged).unwrap());
}

proptest! {
    #[test]
    fn finite_floats_are_exact_bit_for_bit(double: u64, single: u32) {
        let (double, single) = (f64::from_bits(double), f32::from_bits(single));
        if double.is_finite() {
            prop_assert_eq!(again(&double).to_bits(), double.to_bits());
            let flattened = again(&Flattened { inner: Inner { value: double } });
            prop_assert_eq!(flattened.inner.value.to_bits(), double.to_bits());
        }
        if single.is_finite() {
            prop_assert_eq!(again(&single).to_bits(), single.to_bits());
            let flattened = again(&Flattened { inner: Inner { value: single } });
            prop_assert_eq!(flattened.inner.value.to_bits(), single.to_bits());
        }
    }
}

#[test]
fn the_edges_of_floats_are_exact_and_zero_keeps_its_sign() {
    for double in
        [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.1 + 0.2, 9_007_199_254_740_993.0, 0.0, -0.0]
    {
        assert_eq!(again(&double).to_bits(), double.to_bits(), "{double:e}");
    }
    for single in [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, 0.1, 0.0, -0.0] {
        assert_eq!(again(&single).to_bits(), single.to_bits(), "{single:e}");
    }
    check_not_decoded::<f64>("1e400");
}

#[test]
fn nan_and_the_infinities_are_refused() {
    #[derive(Serialize)]
    struct Reading {
        celsius: f64,
    }
    for double in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        check_not_encoded(&Reading { celsius: double }, "celsius");
        check_not_encoded(&vec![Some(double)], "no form in JSON");
        check_not_encoded(&(double as f32), "no form in JSON");
    }
    check_not_decoded::<f64>("null");
    check_not_decoded::<f64>("NaN");
}

#[test]
fn decimals_are_exact_and_keep_their_scale() {
    let edges = ["0.10", "-0.10", "79228162514264337593543950335", "-79228162514264337593543950335"];
    for text in edges.iter().chain(&["0.0000000000000000000000000001"]) {
        let decimal: Decimal = text.parse().unwrap();
        assert_eq!(Json::encode(&decimal).unwrap(), format!("{text:?}"));
        assert_eq!(again(&decimal).to_string(), *text);
    }
    check_not_decoded::<Decimal>(r#""79228162514264337593543950336""#);
    check_not_decoded::<Decimal>(r#""one""#);
}

#[test]
fn text_is_kept_character_by_character() {
    for text in ["", "\0", "\u{1}\u{7f}", "\"\\\r\n", "注文 \u{1F980}", "\u{202E}\u{FFFF}", "é", "e\u{301}"]
    {
        check_same(text.to_owned());
    }
    check_same(vec!['\0', '"', '\u{10FFFF}']);
    // Two forms of one letter are two texts.
    assert_ne!(Json::encode(&"é").unwrap(), Json::encode(&"e\u{301}").unwrap());
    check_not_decoded::<String>(r#""\ud800""#);
}

#[test]
fn keys_of_maps_are_text_numbers_or_unit_variants() {
    #[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    enum Colour {
        Red,
    }
    check_same(HashMap::from([("\0".to_owned(), 1)]));
    check_same(HashMap::from([(i128::MIN, 1)]));
    check_same(HashMap::from([(true, 1)]));
    check_same(HashMap::from([('\0', 1)]));
    check_same(HashMap::from([(Colour::Red, 1)]));
    check_not_encoded(&HashMap::from([((1, 2), 1)]), "key");
    check_not_encoded(&HashMap::from([(vec![1], 1)]), "key");
}

#[test]
fn values_lie_at_most_127_levels_deep() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Box_(Vec<Box_>);
    let levels = |levels: usize| (1..levels).fold(Box_(vec![]), |inner, _| Box_(vec![inner]));
    check_same(levels(127));
    check_not_encoded(&levels(128), "127 levels");
    check_not_decoded::<Box_>(&("[".repeat(128) + &"]".repeat(128)));
}

#[test]
fn some_none_is_none() {
    assert_eq!(again(&Some(None::<u8>)), None);
    check_same(Some(Some(1)));
    check_same(());
}

// Names and keys.

#[test]
fn names_have_1_to_200_characters_of_a_small_alphabet() {
    type Make = fn(&str) -> Result<()>;
    let kinds: [(&str, Make); 4] = [
        ("tenant", |text| TenantId::new(text).map(drop)),
        ("category", |text| Category::new(text).map(drop)),
        ("event name", |text| EventName::new(text).map(drop)),
        ("state type", |text| StateType::new(text).map(drop)),
    ];
    for (field, make) in kinds {
        for good in ["a", "Order-v2.late_1", &"x".repeat(200)] {
            make(good).unwrap();
        }
        check_refused(make(""), field, None);
        check_refused(make(&"x".repeat(201)), field, Some(200));
        for bad in ["a b", "a/b", "a@b", "a\0", "a*", "é", "注"] {
            check_refused(make(bad), field, None);
        }
    }
}

#[test]
fn keys_have_1_to_255_bytes_without_control_characters() {
    for good in ["1", " ", "'\"; --", "a/b@c", "注文", "\u{202E}", &"x".repeat(255), &"é".repeat(127)] {
        assert_eq!(StreamKey::new(good).unwrap(), *good);
    }
    check_refused(StreamKey::new(""), "key", None);
    check_refused(StreamKey::new("x".repeat(256)), "key", Some(255));
    check_refused(StreamKey::new("é".repeat(128)), "key", Some(255));
    for control in ['\0', '\t', '\n', '\u{1f}', '\u{7f}', '\u{85}', '\u{9f}'] {
        check_refused(StreamKey::new(format!("a{control}")), "key", None);
    }
}

#[test]
fn keys_are_neither_normalised_nor_folded() {
    let stream = |key: &str| StreamId::new("Order", key).unwrap();
    assert_ne!(stream("é"), stream("e\u{301}"));
    assert_ne!(stream("ß"), stream("ss"));
    assert_ne!(stream("a"), stream("A"));
    assert_ne!(stream("a"), stream("a "));
    assert_ne!(StreamId::new("Order", "1").unwrap(), StreamId::new("order", "1").unwrap());
}

#[test]
fn integer_keys_are_their_decimal_text() {
    assert_eq!(u128::MAX.to_stream_key().unwrap(), *"340282366920938463463374607431768211455");
    assert_eq!(i128::MIN.to_stream_key().unwrap(), *"-170141183460469231731687303715884105728");
    assert_ne!(1u8.to_stream_key().unwrap(), "01".to_stream_key().unwrap());
}

#[test]
fn tags_have_up_to_15_lower_case_characters() {
    let longest = "x".repeat(15);
    assert_eq!(CodecTag::new(&longest).unwrap().as_str(), longest);
    assert_eq!(TransformTag::new(&longest).unwrap().as_str(), longest);
    assert_eq!(TransformTag::new("").unwrap(), TransformTag::NONE);
    check_refused(CodecTag::new(""), "codec", None);
    check_refused(CodecTag::new(&"x".repeat(16)), "codec", Some(15));
    check_refused(TransformTag::new(&"x".repeat(16)), "transform", Some(15));
    for bad in ["JSON", "a b", "é", "\0"] {
        check_refused(CodecTag::new(bad), "codec", None);
        check_refused(TransformTag::new(bad), "transform", None);
    }
}

// Times.

#[test]
fn times_are_whole_microseconds_cut_towards_the_past() {
    let parsed = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(parsed("2026-01-31T12:00:00.1234569Z"), parsed("2026-01-31T12:00:00.123456Z"));
    assert_eq!(parsed("1969-12-31T23:59:59.9999999Z").as_micros(), -1);
    assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_nanos(1)).as_micros(), -1);
    assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_nanos(1_999)).as_micros(), 1);
    check_same(parsed("2026-01-31T12:00:00.000001Z"));
}

#[test]
fn times_lie_between_the_years_0_and_9999() {
    assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00.000000Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000000Z");
    check_same([Timestamp::MIN, Timestamp::MAX]);
    for beyond in [Timestamp::MIN.as_micros() - 1, Timestamp::MAX.as_micros() + 1, i64::MIN, i64::MAX] {
        check_refused(Timestamp::from_micros(beyond), "timestamp", None);
    }
    for text in ["-000001-12-31T23:59:59Z", "9999-12-31T00:00:00Z", "10000-01-01T00:00:00Z"] {
        check_refused(text.parse::<Timestamp>(), "timestamp", None);
    }
    // What the system's clock or an addition would give beyond is cut.
    let late = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert_eq!(Timestamp::from(late), Timestamp::MAX);
    assert_eq!(Timestamp::UNIX_EPOCH.plus(Duration::MAX), Timestamp::MAX);
}

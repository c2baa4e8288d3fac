//! What `#[derive(Event)]` writes, used through the library.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// The default path, as a user of the facade has it.
extern crate eventsource_core as eventsource;

mod support;

use eventsource::{
    Bytes, ErrorKind, Event as _, EventDescriptor, EventSet as _, NewEvent, Result,
    codec::{Codec, CodecTag, Decoded, Json, OldEvent, Upcasters},
};
use eventsource_macros::Event;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::support::recorded;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Order", upcasters = old_orders)]
#[serde(rename_all_fields = "camelCase")]
enum OrderEvent {
    /// A customer ordered
    /// something.
    #[event(name = "order-placed", version = 2, alias = "OrderCreated", alias = "Placed")]
    Placed {
        #[event(personal)]
        customer_name: String,
        #[event(personal)]
        #[serde(rename = "e-mail", default)]
        mail: Option<String>,
        total: u64,
    },
    Shipped(#[event(personal)] String),
    Moved(f64, f64),
    Cancelled,
    r#Returned,
}

fn old_orders() -> Upcasters {
    Upcasters::new()
        .rename(("OrderCreated", 1), ("order-placed", 1))
        .json(("order-placed", 1), ("order-placed", 2), |mut order| {
            order["total"] = json!(0);
            Ok(order)
        })
        .split(("CancelledTwice", 1), |old| {
            let cancelled = OldEvent { name: "Cancelled".into(), schema_version: 1, ..old };
            Ok(vec![cancelled.clone(), cancelled])
        })
        .split(("Nothing", 1), |_| Ok(vec![]))
}

fn placed() -> OrderEvent {
    OrderEvent::Placed { customer_name: "Ada".into(), mail: None, total: 100 }
}

fn decode(name: &str, version: u16, payload: &str) -> Result<Decoded<OrderEvent>> {
    OrderEvent::from_recorded(&recorded("Order", name, version, payload))
}

#[test]
fn every_kind_of_variant_comes_back() {
    let cases = [
        (placed(), "order-placed", 2, r#"{"customerName":"Ada","e-mail":null,"total":100}"#),
        (OrderEvent::Shipped("T1".into()), "Shipped", 1, r#""T1""#),
        (OrderEvent::Moved(0.1, -0.0), "Moved", 1, "[0.1,-0.0]"),
        (OrderEvent::Cancelled, "Cancelled", 1, "{}"),
        (OrderEvent::Returned, "Returned", 1, "{}"),
    ];
    for (event, name, version, payload) in cases {
        let new = NewEvent::encode(eventsource::EventId::generate(), &event).unwrap();
        assert_eq!((new.name.as_str(), new.schema_version, &new.payload), (name, version, &payload.into()));
        assert_eq!(decode(name, version, payload).unwrap(), Decoded::One(event));
    }
}

#[test]
fn descriptors_tell_what_the_attributes_say() {
    let expected = [
        EventDescriptor::new("order-placed", 2)
            .with_aliases(&["OrderCreated", "Placed"])
            .with_doc("A customer ordered\nsomething.")
            .with_personal(&["customerName", "e-mail"]),
        EventDescriptor::new("Shipped", 1).with_personal(&["*"]),
        EventDescriptor::new("Moved", 1),
        EventDescriptor::new("Cancelled", 1),
        EventDescriptor::new("Returned", 1),
    ];
    assert_eq!(OrderEvent::EVENTS, expected);
    assert_eq!((OrderEvent::CATEGORY, OrderEvent::CODEC), ("Order", CodecTag::JSON));
    assert_eq!(OrderEvent::Cancelled.descriptor(), &expected[3]);
}

#[test]
fn an_alias_has_the_present_shape() {
    let payload = r#"{"customerName":"Ada","total":100}"#;
    assert_eq!(decode("Placed", 2, payload).unwrap(), Decoded::One(placed()));
}

#[test]
fn an_alias_stands_for_older_shapes_too() {
    let OrderEvent::Placed { customer_name, mail, .. } = placed() else { unreachable!() };
    let old = OrderEvent::Placed { customer_name, mail, total: 0 };
    assert_eq!(decode("Placed", 1, r#"{"customerName":"Ada"}"#).unwrap(), Decoded::One(old));
}

#[test]
fn old_events_are_upcast() {
    let OrderEvent::Placed { customer_name, mail, .. } = placed() else { unreachable!() };
    let old = OrderEvent::Placed { customer_name, mail, total: 0 };
    assert_eq!(decode("OrderCreated", 1, r#"{"customerName":"Ada"}"#).unwrap(), Decoded::One(old));
    let twice = Decoded::Many(vec![OrderEvent::Cancelled, OrderEvent::Cancelled]);
    assert_eq!(decode("CancelledTwice", 1, "{}").unwrap(), twice);
    assert_eq!(decode("Nothing", 1, "{}").unwrap(), Decoded::Many(vec![]));
    assert!(std::ptr::eq(OrderEvent::upcasters(), OrderEvent::upcasters()));
}

#[test]
fn unknown_names_and_newer_versions_are_told() {
    for (name, version) in [("Refunded", 1), ("order-placed", 3), ("Shipped", 2)] {
        let error = decode(name, version, "{}").unwrap_err();
        let ErrorKind::UnknownEvent { category, schema_version, .. } = error.kind() else {
            panic!("{error}")
        };
        assert_eq!((category.as_str(), *schema_version), ("Order", version));
    }
    // Also when nobody checked before.
    let error = OrderEvent::decode("Shipped", 2, b"\"T1\"").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnknownEvent { .. }), "{error}");
}

#[test]
fn a_damaged_payload_tells_event_and_place() {
    let error = decode("order-placed", 2, r#"{"customerName":"Ada","total":"x"}"#).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Decode);
    let text = error.to_string();
    assert!(text.contains("at total") && text.contains("order-placed") && text.contains("Order"), "{text}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Order")]
enum OpenEvent {
    Cancelled,
    #[event(unknown)]
    #[serde(skip)]
    Unknown(OldEvent),
}

#[test]
fn the_unknown_variant_takes_what_the_others_do_not_know() {
    let open = |name, version| OpenEvent::from_recorded(&recorded("Order", name, version, "[1]"));
    assert_eq!(open("Cancelled", 1).unwrap(), Decoded::One(OpenEvent::Cancelled));
    for (name, version) in [("Refunded", 7), ("Cancelled", 2)] {
        let old = OldEvent { name: name.into(), schema_version: version, payload: "[1]".into() };
        assert_eq!(open(name, version).unwrap(), Decoded::One(OpenEvent::Unknown(old)));
    }
    assert_eq!(OpenEvent::from_recorded(&recorded("Payment", "Taken", 1, "{}")).unwrap(), Decoded::Skipped);
}

#[test]
fn an_unknown_event_is_never_recorded() {
    let old = OldEvent { name: "Refunded".into(), schema_version: 1, payload: "{}".into() };
    let event = OpenEvent::Unknown(old);
    assert_eq!(event.descriptor().name, "unknown");
    assert!(!OpenEvent::EVENTS.contains(event.descriptor()));
    assert_eq!(event.encode().unwrap_err().kind(), &ErrorKind::Encode);
}

/// JSON under another tag.
struct Tagged;

impl Codec for Tagged {
    const TAG: CodecTag = CodecTag::from_static("tagged");

    fn encode_variant<T: Serialize>(value: &T) -> Result<Bytes> {
        Json::encode_variant(value)
    }
    fn decode_variant<T: DeserializeOwned>(variant: &'static str, payload: &[u8]) -> Result<T> {
        Json::decode_variant(variant, payload)
    }
    fn encode<T: Serialize>(value: &T) -> Result<Bytes> {
        Json::encode(value)
    }
    fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T> {
        Json::decode(payload)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Parcel", codec = self::Tagged, crate = "eventsource_core")]
#[event(upcasters = Self::old)]
enum ParcelEvent {
    Sent,
}

impl ParcelEvent {
    fn old() -> Upcasters {
        Upcasters::new().rename(("Posted", 1), ("Sent", 1))
    }
}

#[test]
fn a_codec_of_ones_own_is_used_and_its_tag_demanded() {
    assert_eq!(ParcelEvent::CODEC.as_str(), "tagged");
    let mut record = recorded("Parcel", "Posted", 1, "{}");
    assert_eq!(ParcelEvent::from_recorded(&record).unwrap_err().kind(), &ErrorKind::Decode);
    record.codec = ParcelEvent::CODEC;
    assert_eq!(ParcelEvent::from_recorded(&record).unwrap(), Decoded::One(ParcelEvent::Sent));
}

/// The name of a field in the payload must be the one that the descriptor carries, or tools would mask nothing.
#[test]
fn personal_fields_are_named_as_serde_names_them() {
    macro_rules! check {
        ($($category:ident($($rule:tt)*))*) => {$(
            mod $category {
                use super::*;

                #[derive(Serialize, Deserialize, Event)]
                #[event(category = "Person")]
                pub(super) enum PersonEvent {
                    #[serde($($rule)*)]
                    Named {
                        #[event(personal)]
                        r#type: u8,
                        #[event(personal)]
                        _first_name_x2: u8,
                        #[event(personal)]
                        #[serde(rename(serialize = "born", deserialize = "birthday"))]
                        born_in: u8,
                    },
                }
            }
            let event = $category::PersonEvent::Named { r#type: 1, _first_name_x2: 2, born_in: 3 };
            let payload: serde_json::Value = serde_json::from_slice(&event.encode().unwrap()).unwrap();
            for field in event.descriptor().personal {
                assert!(payload.get(field).is_some(), "{field} is not in {payload}");
            }
            assert_eq!(event.descriptor().personal.len(), 3);
        )*};
    }
    check! {
        as_written()
        lower(rename_all = "lowercase")
        upper(rename_all = "UPPERCASE")
        pascal(rename_all = "PascalCase")
        camel(rename_all = "camelCase")
        snake(rename_all = "snake_case")
        screaming_snake(rename_all(serialize = "SCREAMING_SNAKE_CASE"))
        kebab(rename_all = "kebab-case")
        screaming_kebab(rename_all = "SCREAMING-KEBAB-CASE")
    }
}

//! What `#[derive(EventSet)]` writes, used through the library.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use eventsource_core::{
    ErrorKind, EventSet as _,
    codec::{Decoded, OldEvent, Upcasters},
};
use eventsource_macros::{Event, EventSet};
use serde::{Deserialize, Serialize};

use crate::support::recorded;

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Order", crate = "eventsource_core", upcasters = old_orders)]
enum OrderEvent {
    Placed { total: u64 },
}

fn old_orders() -> Upcasters {
    Upcasters::new().split(("Noise", 1), |_| Ok(vec![])).split(("PlacedTwice", 1), |old| {
        let placed = OldEvent { name: "Placed".into(), ..old };
        Ok(vec![placed.clone(), placed])
    })
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Order", crate = "eventsource_core")]
enum ReturnEvent {
    Returned,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Payment", crate = "eventsource_core")]
enum PaymentEvent {
    Taken { amount: u64 },
}

#[derive(Debug, PartialEq, EventSet)]
#[event_set(crate = "eventsource_core")]
enum Orders {
    // The one that knows less comes first, so that it does not hide the other.
    Return(ReturnEvent),
    Order(OrderEvent),
}

#[derive(Debug, PartialEq, EventSet)]
#[event_set(crate = "eventsource_core")]
enum Sales {
    Orders(Orders),
    Payment(PaymentEvent),
}

fn sales(category: &str, name: &str, payload: &str) -> eventsource_core::Result<Decoded<Sales>> {
    Sales::from_recorded(&recorded(category, name, 1, payload))
}

fn placed(total: u64) -> Sales {
    Sales::Orders(Orders::Order(OrderEvent::Placed { total }))
}

#[test]
fn every_type_gets_its_events() {
    assert_eq!(sales("Order", "Placed", r#"{"total":1}"#).unwrap(), Decoded::One(placed(1)));
    let returned = Sales::Orders(Orders::Return(ReturnEvent::Returned));
    assert_eq!(sales("Order", "Returned", "{}").unwrap(), Decoded::One(returned));
    let taken = Sales::Payment(PaymentEvent::Taken { amount: 1 });
    assert_eq!(sales("Payment", "Taken", r#"{"amount":1}"#).unwrap(), Decoded::One(taken));
    assert_eq!(sales("Parcel", "Sent", "{}").unwrap(), Decoded::Skipped);
}

#[test]
fn the_filter_is_the_union() {
    let filter = Sales::filter().unwrap();
    for (category, accepted) in [("Order", true), ("Payment", true), ("Parcel", false)] {
        assert_eq!(filter.accepts(&recorded(category, "Any", 1, "{}")), accepted, "{category}");
    }
}

#[test]
fn what_nobody_knows_is_unknown() {
    for (category, name) in [("Order", "Lost"), ("Payment", "Lost")] {
        let error = sales(category, name, "{}").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnknownEvent { .. }), "{error}");
    }
}

#[test]
fn a_damaged_payload_is_an_error_of_the_type_that_knows_it() {
    for (category, name) in [("Order", "Placed"), ("Payment", "Taken")] {
        assert_eq!(sales(category, name, "[]").unwrap_err().kind(), &ErrorKind::Decode);
    }
}

#[test]
fn an_old_event_may_become_several_or_none() {
    let twice = Decoded::Many(vec![placed(1), placed(1)]);
    assert_eq!(sales("Order", "PlacedTwice", r#"{"total":1}"#).unwrap(), twice);
    // Known to one type of the category, so not unknown, though the other type has never heard of it.
    assert_eq!(sales("Order", "Noise", "{}").unwrap(), Decoded::Many(vec![]));
}

//! The derives need nothing in scope, and bear what is.
#![deny(warnings, missing_docs, unused_qualifications)]

use eventsource_macros::{Event, EventSet};

mod eventsource {}
struct Result;
struct Option;
struct Bytes;
struct Upcasters;
trait Codec {}

/// Everything that serde allows on fields stays allowed.
#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event(category = "Order", crate = "eventsource_core", upcasters = old::upcasters)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum OrderEvent {
    /// Fields.
    #[serde(rename_all = "kebab-case")]
    Placed {
        /// Renamed.
        #[serde(rename = "sum", alias = "total", default)]
        total_sum: u64,
        /// Left out.
        #[serde(skip_serializing_if = "std::option::Option::is_none", default)]
        note: std::option::Option<String>,
    },
    /// A newtype.
    Shipped(String),
    /// Nothing.
    Ok,
    /// Nothing.
    Err,
    /// A name that is a keyword elsewhere.
    r#None,
}

mod old {
    pub(super) fn upcasters() -> eventsource_core::codec::Upcasters {
        eventsource_core::codec::Upcasters::new()
    }
}

/// A sum.
#[derive(EventSet)]
#[event_set(crate = "eventsource_core")]
pub enum Sales {
    /// Orders.
    Ok(OrderEvent),
}

impl Codec for Result {}

fn main() {
    fn implements<T: Codec>(_: T) {}
    implements(Result);
    let _ = (Option, Bytes, Upcasters);
}

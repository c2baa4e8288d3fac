//! `#[derive(Event)]` and `#[derive(EventSet)]` for `eventsource`.
//!
//! Use them through the `eventsource` crate. They write the implementations that the documentation of the two
//! traits writes by hand, and check names while the program is compiled.

mod errors;
mod event;
mod event_set;
mod names;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes an enum an `Event` type: each variant is one event of the category.
///
/// Serde reads and writes the content, so the enum derives `Serialize` and `Deserialize` too. Payloads hold the content
/// of a variant only; name and schema version are kept beside it.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource_macros::Event;
/// use eventsource::Event as _;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, Event)]
/// #[event(category = "Order")]
/// enum OrderEvent {
///     /// A customer ordered something.
///     #[event(name = "order-placed", version = 2, alias = "OrderCreated")]
///     Placed {
///         #[event(personal)]
///         customer: String,
///         #[serde(default)]
///         total: u64,
///     },
///     Shipped(String),
///     Cancelled,
/// }
///
/// let event = OrderEvent::Shipped("TRACK-001".into());
/// assert_eq!((event.descriptor().name, event.descriptor().schema_version), ("Shipped", 1));
/// assert_eq!(event.encode()?, r#""TRACK-001""#);
///
/// let placed = &OrderEvent::EVENTS[0];
/// assert_eq!((placed.name, placed.aliases), ("order-placed", &["OrderCreated"][..]));
/// assert_eq!((placed.doc, placed.personal), ("A customer ordered something.", &["customer"][..]));
/// # Ok::<(), eventsource::Error>(())
/// ```
///
/// # On the enum
///
/// | key | meaning | default |
/// |---|---|---|
/// | `category = "Order"` | the category of the streams that hold these events | required |
/// | `codec = path::To::Codec` | how payloads are encoded | `codec::Json` |
/// | `upcasters = path` | a `fn() -> Upcasters`, called once, that makes old events new | none |
/// | `crate = "path"` | where the library is | `"::eventsource"` |
///
/// # On a variant
///
/// | key | meaning | default |
/// |---|---|---|
/// | `name = "order-placed"` | the name it is recorded under | the variant's name |
/// | `version = 2` | the schema version it is recorded with, from 1 | 1 |
/// | `alias = "OrderCreated"` | an older name of the same shape; may be repeated | none |
/// | `unknown` | catches every event that no other variant knows | |
///
/// Names are 1 to 200 bytes of `A-Z a-z 0-9 _ . -`, unique in the enum, and do not begin with `stream.`.
///
/// Without a variant that is `unknown`, an unknown name or a newer schema version is an error. With it, such an event is
/// read as it was recorded. It cannot be recorded again, which serde has to know too:
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource_macros::Event;
/// # use serde::{Deserialize, Serialize};
/// use eventsource::codec::OldEvent;
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(category = "Order")]
/// enum OrderEvent {
///     Shipped(String),
///     #[event(unknown)]
///     #[serde(skip)]
///     Unknown(OldEvent),
/// }
/// ```
///
/// # On a field
///
/// `personal` marks personal data for tools; the descriptor carries the field's name in the payload, or `*` for the field of a
/// newtype variant.
///
/// # Serde
///
/// Attributes of serde on fields work as always, so do `rename_all_fields` on the enum and `rename_all` on a variant.
/// Those that change how a variant is named or tagged are refused, because the names above are the only ones.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum an `EventSet`: a sum over several `Event` types, or other sets, one per variant.
///
/// An event goes to the first variant whose type knows it. It is unknown when it is of one of the categories and no type
/// knows it; so several types may share a category.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource_macros::{Event, EventSet};
/// # use serde::{Deserialize, Serialize};
/// use eventsource::EventSet as _;
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(category = "Order")]
/// enum OrderEvent { Placed { total: u64 } }
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(category = "Payment")]
/// enum PaymentEvent { Taken { amount: u64 } }
///
/// #[derive(EventSet)]
/// enum Sales {
///     Order(OrderEvent),
///     Payment(PaymentEvent),
/// }
///
/// assert_eq!(Sales::filter()?.selectors().len(), 2);
/// # Ok::<(), eventsource::Error>(())
/// ```
///
/// `#[event_set(crate = "path")]` tells where the library is; the default is `"::eventsource"`.
#[proc_macro_derive(EventSet, attributes(event_set))]
pub fn derive_event_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event_set::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

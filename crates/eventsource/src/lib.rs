//! Event sourcing that never loses an event.
//!
//! State is not overwritten: what happened is kept as a sequence of immutable events, and state is folded from it. This
//! crate re-exports the whole library; the parts are crates of their own, and a program pays only for the backends
//! that it names.
//!
//! # A first program
//!
//! ```
//! use eventsource::{Aggregate, Event, MemoryStore, Repository};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize, Event)]
//! #[event(category = "Order")]
//! enum OrderEvent {
//!     OrderPlaced { total: u64 },
//!     OrderShipped { tracking_number: String },
//! }
//!
//! #[derive(Debug, Default)]
//! struct Order {
//!     total: u64,
//!     shipped: bool,
//! }
//!
//! impl Aggregate for Order {
//!     type Event = OrderEvent;
//!
//!     fn apply(&mut self, event: &OrderEvent) {
//!         match event {
//!             OrderEvent::OrderPlaced { total } => self.total = *total,
//!             OrderEvent::OrderShipped { .. } => self.shipped = true,
//!         }
//!     }
//! }
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("the order was shipped already")]
//! struct ShippedAlready;
//!
//! impl Order {
//!     fn place(&self, total: u64) -> Result<OrderEvent, std::convert::Infallible> {
//!         Ok(OrderEvent::OrderPlaced { total })
//!     }
//!     fn ship(&self, tracking_number: &str) -> Result<OrderEvent, ShippedAlready> {
//!         if self.shipped {
//!             return Err(ShippedAlready);
//!         }
//!         Ok(OrderEvent::OrderShipped { tracking_number: tracking_number.into() })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = Repository::<Order>::new(MemoryStore::new());
//! orders.create("4711", |order| order.place(100)).await?;
//! orders.update("4711", |order| order.ship("TRACK-001")).await?; // load, decide, append
//!
//! let order = orders.load("4711").await?;
//! assert_eq!((order.total, order.shipped, order.version().get()), (100, true, 2));
//! # Ok(())
//! # }
//! ```
//!
//! # How this page is organised
//!
//! The root holds what every program names. [`aggregate`] has the repository and its options, [`store`] the ports of a
//! store, [`codec`] how events become bytes and old events become new ones, [`memory`] the store in memory, [`layer`]
//! wrappers over stores, [`lifecycle`] deletion and erasure, [`backend`] the kit for those who write a store. The ports of
//! the read side are in [`projection`], [`checkpoint`], [`dead_letter`], [`lease`], [`status`], [`request`], [`bus`] and
//! [`inbox`].
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `macros` | `#[derive(Event)]`, `#[derive(EventSet)]` | yes |
//! | `sqlite` | the `sqlite` module: a store in a file | no |
//! | `subscriptions` | the `subscriptions` module: read models, projections and reactors that miss nothing | no |
//! | `zstd` | `codec::Zstd`: compression of payloads | no |
//! | `testing` | the `testing` module: given/when/then, builders, conformance suites | no |
//! | `full` | everything above | no |
//!
//! A feature adds and never changes behaviour.
//!
//! # Not there yet
//!
//! PostgreSQL, brokers and OpenTelemetry: their ports are designed, their crates will follow.

#[doc(inline)]
pub use eventsource_core::*;
#[cfg(feature = "macros")]
pub use eventsource_macros::{Event, EventSet};

/// The SQLite store.
#[cfg(feature = "sqlite")]
pub mod sqlite {
    #[doc(inline)]
    pub use eventsource_sqlite::*;
}

/// Subscriptions: read models, projections and reactors.
#[cfg(feature = "subscriptions")]
pub mod subscriptions {
    #[doc(inline)]
    pub use eventsource_subscriptions::*;
}

/// The test kit.
#[cfg(feature = "testing")]
pub mod testing {
    #[doc(inline)]
    pub use eventsource_testing::*;
}

/// The pages of the documentation, so that every example in them is compiled and run.
#[cfg(all(doctest, feature = "full"))]
mod pages {
    /// Names a page for the doc tests.
    macro_rules! pages {
        ($($name:ident = $path:literal;)*) => {
            $(#[doc = include_str!(concat!("../../../", $path))]
            struct $name;)*
        };
    }

    pages! {
        Readme = "README.md";
        Events = "docs/concepts/events.md";
        Aggregates = "docs/concepts/aggregates.md";
        Streams = "docs/concepts/streams.md";
        Consistency = "docs/concepts/consistency.md";
        Deletion = "docs/concepts/deletion.md";
        Tenants = "docs/concepts/tenants.md";
        Snapshots = "docs/concepts/snapshots.md";
        Testing = "docs/concepts/testing.md";
        Sqlite = "docs/backends/sqlite.md";
    }
}

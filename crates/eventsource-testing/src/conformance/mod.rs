//! Conformance suites: what the ports of a store promise, as tests that every store can run.
//!
//! A case is a function, and its name is the sentence that it checks. One macro call per port makes a `#[test]` of each
//! case of that port. A store that lacks a port leaves its macro out; a call that demands a port the store does not have
//! does not compile. Nothing is skipped quietly: where stores may differ, the [`Fixture`] declares how, and both answers
//! are asserted.
//!
//! The whole `tests/conformance.rs` of a store:
//!
//! ```
//! use eventsource_core::{MemoryStore, memory::MemoryOptions};
//! use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};
//!
//! struct Memory;
//!
//! impl Fixture for Memory {
//!     type Store = MemoryStore;
//!
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::new(UniqueIds::PerLog)
//!     }
//!
//!     async fn open(&self, setup: &Setup) -> MemoryStore {
//!         let options = MemoryOptions::default().with_clock(setup.clock.clone()).with_limits(setup.limits);
//!         MemoryStore::with_options(options)
//!     }
//! }
//!
//! # fn main() {
//! eventsource_testing::store_conformance!(Memory);
//! eventsource_testing::feed_conformance!(Memory);
//! # }
//! ```
//!
//! | macro | needs of the store |
//! |---|---|
//! | [`store_conformance!`](crate::store_conformance) | `EventStore` |
//! | [`feed_conformance!`](crate::feed_conformance) | `EventStore`, `EventFeed` |
//! | [`lookup_conformance!`](crate::lookup_conformance) | `EventStore`, `EventLookup` |
//! | [`listing_conformance!`](crate::listing_conformance) | `EventStore`, `StreamListing` |
//! | [`deletion_conformance!`](crate::deletion_conformance) | `EventStore`, `EventFeed`, `StreamDeletion` |
//! | [`lookup_deletion_conformance!`](crate::lookup_deletion_conformance) | `EventStore`, `EventLookup`, `StreamDeletion` |
//! | [`listing_deletion_conformance!`](crate::listing_deletion_conformance) | `EventStore`, `StreamListing`, `StreamDeletion` |
//! | [`erasure_conformance!`](crate::erasure_conformance) | `EventStore`, `EventFeed`, `StreamDeletion`, `StreamErasure` |
//! | [`lookup_erasure_conformance!`](crate::lookup_erasure_conformance) | `EventStore`, `EventLookup`, `StreamErasure` |
//! | [`listing_erasure_conformance!`](crate::listing_erasure_conformance) | `EventStore`, `StreamListing`, `StreamErasure` |
//! | [`import_conformance!`](crate::import_conformance) | `EventStore`, `EventFeed`, `EventImport` |
//! | [`adoption_conformance!`](crate::adoption_conformance) | `EventStore`, `EventFeed`, `LogAdoption` |
//! | [`snapshot_conformance!`](crate::snapshot_conformance) | `SnapshotStore` |
//! | [`snapshot_erasure_conformance!`](crate::snapshot_erasure_conformance) | `EventStore`, `SnapshotStore`, `StreamErasure` |
//! | [`checkpoint_conformance!`](crate::checkpoint_conformance) | `CheckpointStore` |
//! | [`dead_letter_conformance!`](crate::dead_letter_conformance) | `DeadLetterStore` |
//! | [`dead_letter_erasure_conformance!`](crate::dead_letter_erasure_conformance) | `EventStore`, `DeadLetterStore`, `StreamErasure` |
//! | [`inbox_conformance!`](crate::inbox_conformance) | `Inbox` |
//! | [`lease_conformance!`](crate::lease_conformance) | `LeaseStore` |
//! | [`status_conformance!`](crate::status_conformance) | `LeaseStore`, `StatusStore` |
//! | [`request_conformance!`](crate::request_conformance) | `LeaseStore`, `RequestStore` |
//! | [`request_erasure_conformance!`](crate::request_erasure_conformance) | `EventStore`, `RequestStore`, `StreamErasure` |
//! | [`reopen_conformance!`](crate::reopen_conformance) | `EventStore`, and a fixture that is [`Reopen`] |
//!
//! Buses have a macro and a fixture of their own: [`bus_conformance!`](crate::bus_conformance) needs of the bus `EventBus`, and
//! a [`BusFixture`].
//!
//! Two fixtures of one store go into two modules. [`names`] lists all cases, so that a test can ask its own binary
//! whether it has all of them. Every case runs on a runtime of its own with several threads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case is a test: a failed assumption stops it where it stands"
)]

/// Lists the cases of a file, for those who run one by its name, and for the macro that makes a test of each.
///
/// A case that is not listed is dead code, which the compiler reports. The `$` is handed in, because a macro cannot
/// write one into the macro that it makes.
macro_rules! cases {
    (bus $dollar:tt $suite:ident, $tests:ident: $($case:ident,)+) => {
        type Lab = $crate::conformance::bus_lab::BusLab;

        fn lab<F: $crate::conformance::BusFixture>(fixture: &std::sync::Arc<F>) -> Lab {
            Lab::new(fixture)
        }

        listed_cases! { $dollar $suite, $tests, BusFixture: $($case,)+ }
    };
    ($dollar:tt $suite:ident, $tests:ident, $($port:ident)|+: $($case:ident,)+) => {
        cases! { $dollar $suite, $tests, Fixture new $($port)|+: $($case,)+ }
    };
    ($dollar:tt $suite:ident, $tests:ident, $fixture:ident $lab:ident $($port:ident)|+: $($case:ident,)+) => {
        /// What these cases need of a store.
        pub trait Port: $($port +)+ {}

        impl<T: $($port +)+> Port for T {}

        type Lab = $crate::conformance::lab::Lab<dyn Port>;

        fn lab<F: $crate::conformance::$fixture<Store: Port>>(fixture: &std::sync::Arc<F>) -> Lab {
            Lab::$lab(fixture, |store| std::sync::Arc::new(store))
        }

        listed_cases! { $dollar $suite, $tests, $fixture<Store: Port>: $($case,)+ }
    };
}

/// The second half of `cases`: the list itself.
macro_rules! listed_cases {
    (
        $dollar:tt $suite:ident, $tests:ident,
        $fixture:ident $(<$store:ident: $port:ident>)?: $($case:ident,)+
    ) => {
        const CASES: &[$crate::conformance::lab::Case<Lab>] = &[
            $($crate::conformance::lab::Case {
                name: stringify!($case),
                check: |lab| Box::pin($case(lab)),
            },)+
        ];

        /// The names of these cases, with that of their suite.
        pub(super) const NAMES: &[&str] = &[$(concat!(stringify!($suite), "::", stringify!($case)),)+];

        /// Runs the case of this name.
        ///
        /// # Panics
        /// When the case fails, or there is none of this name.
        pub fn run<F: $crate::conformance::$fixture $(<$store: $port>)?>(fixture: F, case: &str) {
            let lab = lab(&std::sync::Arc::new(fixture));
            $crate::conformance::lab::run(lab, CASES, case);
        }

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $tests {
            ($dollar fixture:expr) => {
                mod $suite {
                    #[allow(unused_imports, clippy::wildcard_imports, reason = "the fixture may need any of it")]
                    use super::*;

                    $(#[test]
                    fn $case() {
                        $crate::conformance::$suite::run($dollar fixture, stringify!($case));
                    })+
                }
            };
        }
    };
}

pub mod adoption;
pub mod append;
pub mod bus_closing;
pub mod bus_failures;
mod bus_fixture;
pub mod bus_groups;
mod bus_lab;
mod bus_letter_box;
pub mod bus_letters;
pub mod bus_members;
pub mod bus_order;
pub mod bus_policies;
pub mod bus_publishing;
pub mod cancellation;
pub mod checkpoints;
pub mod close;
pub mod concurrency;
pub mod contents;
pub mod deletion;
pub mod erasure;
pub mod feed;
pub mod feed_filter;
pub mod feed_places;
pub mod feed_tail;
mod fixture;
pub mod idempotence;
pub mod import;
pub mod inbox;
mod lab;
pub mod leases;
pub mod letter_lists;
pub mod letters;
pub mod letters_erasure;
pub mod limits;
pub mod listing;
pub mod listing_deletion;
pub mod listing_erasure;
pub mod lookup;
pub mod lookup_deletion;
pub mod lookup_erasure;
mod macros;
pub mod paging;
pub mod pulses;
pub mod reading;
pub mod reopen;
pub mod requests;
pub mod requests_erasure;
pub mod segments;
pub mod several_streams;
pub mod snapshots;
pub mod snapshots_erasure;
pub mod statuses;
mod support;
pub mod times;

pub use self::{
    bus_fixture::{BusCapabilities, BusFixture, BusSetup, Deliveries, GroupBacklog},
    fixture::{Capabilities, Fixture, Reopen, Setup, UniqueIds},
};

/// The names of all cases, as `suite::case`: what the tests are called in the module that calls the macros.
#[must_use]
pub fn names() -> Vec<&'static str> {
    [
        adoption::NAMES,
        append::NAMES,
        bus_closing::NAMES,
        bus_failures::NAMES,
        bus_groups::NAMES,
        bus_letters::NAMES,
        bus_members::NAMES,
        bus_order::NAMES,
        bus_policies::NAMES,
        bus_publishing::NAMES,
        cancellation::NAMES,
        checkpoints::NAMES,
        close::NAMES,
        concurrency::NAMES,
        contents::NAMES,
        deletion::NAMES,
        erasure::NAMES,
        feed::NAMES,
        feed_filter::NAMES,
        feed_places::NAMES,
        feed_tail::NAMES,
        idempotence::NAMES,
        import::NAMES,
        inbox::NAMES,
        leases::NAMES,
        letter_lists::NAMES,
        letters::NAMES,
        letters_erasure::NAMES,
        limits::NAMES,
        listing::NAMES,
        listing_deletion::NAMES,
        listing_erasure::NAMES,
        lookup::NAMES,
        lookup_deletion::NAMES,
        lookup_erasure::NAMES,
        paging::NAMES,
        pulses::NAMES,
        reading::NAMES,
        reopen::NAMES,
        requests::NAMES,
        requests_erasure::NAMES,
        segments::NAMES,
        several_streams::NAMES,
        snapshots::NAMES,
        snapshots_erasure::NAMES,
        statuses::NAMES,
        times::NAMES,
    ]
    .concat()
}

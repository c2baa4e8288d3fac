//! One macro per port: the tests of a store.

/// Tests of `EventStore` and of closing: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! store_conformance {
    ($fixture:expr) => {
        $crate::append_cases!($fixture);
        $crate::cancellation_cases!($fixture);
        $crate::close_cases!($fixture);
        $crate::concurrency_cases!($fixture);
        $crate::contents_cases!($fixture);
        $crate::idempotence_cases!($fixture);
        $crate::limits_cases!($fixture);
        $crate::paging_cases!($fixture);
        $crate::reading_cases!($fixture);
        $crate::several_streams_cases!($fixture);
        $crate::times_cases!($fixture);
    };
}

/// Tests of `EventFeed`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! feed_conformance {
    ($fixture:expr) => {
        $crate::feed_cases!($fixture);
        $crate::feed_filter_cases!($fixture);
        $crate::feed_places_cases!($fixture);
        $crate::feed_tail_cases!($fixture);
    };
}

/// Tests of `EventLookup`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! lookup_conformance {
    ($fixture:expr) => {
        $crate::lookup_cases!($fixture);
    };
}

/// Tests of `EventLookup` beside `StreamDeletion`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! lookup_deletion_conformance {
    ($fixture:expr) => {
        $crate::lookup_deletion_cases!($fixture);
    };
}

/// Tests of `EventLookup` beside `StreamErasure`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! lookup_erasure_conformance {
    ($fixture:expr) => {
        $crate::lookup_erasure_cases!($fixture);
    };
}

/// Tests of `StreamListing`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! listing_conformance {
    ($fixture:expr) => {
        $crate::listing_cases!($fixture);
    };
}

/// Tests of `StreamListing` beside `StreamDeletion`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! listing_deletion_conformance {
    ($fixture:expr) => {
        $crate::listing_deletion_cases!($fixture);
    };
}

/// Tests of `StreamListing` beside `StreamErasure`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! listing_erasure_conformance {
    ($fixture:expr) => {
        $crate::listing_erasure_cases!($fixture);
    };
}

/// Tests of `StreamDeletion`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! deletion_conformance {
    ($fixture:expr) => {
        $crate::deletion_cases!($fixture);
    };
}

/// Tests of `StreamErasure`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! erasure_conformance {
    ($fixture:expr) => {
        $crate::erasure_cases!($fixture);
    };
}

/// Tests of `EventImport`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! import_conformance {
    ($fixture:expr) => {
        $crate::import_cases!($fixture);
    };
}

/// Tests of `LogAdoption`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! adoption_conformance {
    ($fixture:expr) => {
        $crate::adoption_cases!($fixture);
    };
}

/// Tests of `SnapshotStore`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! snapshot_conformance {
    ($fixture:expr) => {
        $crate::snapshots_cases!($fixture);
    };
}

/// Tests of `SnapshotStore` beside `StreamErasure`, where snapshots lie in the events' database: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! snapshot_erasure_conformance {
    ($fixture:expr) => {
        $crate::snapshots_erasure_cases!($fixture);
    };
}

/// Tests of `CheckpointStore`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! checkpoint_conformance {
    ($fixture:expr) => {
        $crate::checkpoints_cases!($fixture);
        $crate::segments_cases!($fixture);
    };
}

/// Tests of `DeadLetterStore`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! dead_letter_conformance {
    ($fixture:expr) => {
        $crate::letters_cases!($fixture);
        $crate::letter_lists_cases!($fixture);
    };
}

/// Tests of `DeadLetterStore` beside `StreamErasure`, where letters lie in the events' database: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! dead_letter_erasure_conformance {
    ($fixture:expr) => {
        $crate::letters_erasure_cases!($fixture);
    };
}

/// Tests of `Inbox`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! inbox_conformance {
    ($fixture:expr) => {
        $crate::inbox_cases!($fixture);
    };
}

/// Tests of `LeaseStore`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! lease_conformance {
    ($fixture:expr) => {
        $crate::leases_cases!($fixture);
    };
}

/// Tests of `StatusStore`, whose statuses come with the beats of a `LeaseStore`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! status_conformance {
    ($fixture:expr) => {
        $crate::statuses_cases!($fixture);
    };
}

/// Tests of `RequestStore`, whose requests come with the beats of a `LeaseStore`: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! request_conformance {
    ($fixture:expr) => {
        $crate::requests_cases!($fixture);
        $crate::pulses_cases!($fixture);
    };
}

/// Tests of `RequestStore` beside `StreamErasure`, where requests lie in the events' database: one for each case, from an expression that makes a [`Fixture`](crate::conformance::Fixture).
#[macro_export]
macro_rules! request_erasure_conformance {
    ($fixture:expr) => {
        $crate::requests_erasure_cases!($fixture);
    };
}

/// Tests of a store that is closed and opened again: one for each case, from an expression that makes a [`Reopen`](crate::conformance::Reopen).
#[macro_export]
macro_rules! reopen_conformance {
    ($fixture:expr) => {
        $crate::reopen_cases!($fixture);
    };
}

/// Tests of `EventBus`: one for each case, from an expression that makes a [`BusFixture`](crate::conformance::BusFixture).
///
/// No case assumes that the bus runs in this process, or that an event has arrived when its publication returns.
///
/// ```
/// use eventsource_core::{
///     bus::BacklogLimits,
///     memory::{MemoryBus, MemoryBusOptions},
/// };
/// use eventsource_testing::conformance::{BusCapabilities, BusFixture, BusSetup, Deliveries, GroupBacklog};
///
/// struct Memory;
///
/// impl BusFixture for Memory {
///     type Bus = MemoryBus;
///
///     fn capabilities(&self) -> BusCapabilities {
///         BusCapabilities::new(Deliveries::Once, GroupBacklog::Bounded)
///     }
///
///     async fn open(&self, setup: &BusSetup) -> MemoryBus {
///         let backlog = BacklogLimits::default().with_events(setup.backlog_events);
///         let options = MemoryBusOptions::default().with_backlog(backlog).with_clock(setup.clock.clone());
///         MemoryBus::with_options(setup.letters.clone(), options)
///     }
/// }
///
/// # fn main() {
/// eventsource_testing::bus_conformance!(Memory);
/// # }
/// ```
#[macro_export]
macro_rules! bus_conformance {
    ($fixture:expr) => {
        $crate::bus_closing_cases!($fixture);
        $crate::bus_failures_cases!($fixture);
        $crate::bus_groups_cases!($fixture);
        $crate::bus_letters_cases!($fixture);
        $crate::bus_members_cases!($fixture);
        $crate::bus_order_cases!($fixture);
        $crate::bus_policies_cases!($fixture);
        $crate::bus_publishing_cases!($fixture);
    };
}

//! What can be asked, in numbers that mean something only when it is asked: a stream by its index, a version by its distance
//! from the present one, an earlier event by its place in the log.

use std::ops::Range;

use eventsource_core::{
    EventFilter, StreamId, TenantFilter, TenantId,
    lifecycle::{Lifecycle, STREAM_DELETED, STREAM_ERASED, STREAM_RESTORED},
    store::{Direction, FeedOptions},
};
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
    sample::{Index, select, subsequence},
};

/// The streams, so that tenants, categories and beginnings of keys overlap.
pub(crate) const STREAMS: [&str; 8] = [
    "Order/1",
    "Order/10",
    "Order/1é",
    "Bill/1",
    "Order.x/1",
    "acme@Order/1",
    "acme@Bill/2",
    "zeta@Order/10",
];

/// The names of events; one begins like another.
pub(crate) const NAMES: [&str; 3] = ["Placed", "Placed.late", "Paid"];

/// The contents of events; an empty one looks as if it were erased.
pub(crate) const PAYLOADS: [&str; 3] = ["", "{}", r#"{"total":1}"#];

pub(crate) fn stream(index: usize) -> StreamId {
    STREAMS[index].parse().unwrap()
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Append(Vec<Part>),
    /// An earlier append once more, perhaps changed.
    Again(Index, Change),
    Delete(usize, Expected),
    Restore(usize),
    Erase(usize),
    Import(Vec<Imported>),
    SaveSnapshot {
        stream: usize,
        version: u64,
        schema_version: u16,
    },
    DeleteSnapshots(usize),
    DeleteSnapshotsOfType {
        below: Option<u16>,
        tenant: TenantFilter,
    },
    ReadStream {
        stream: usize,
        read: Read,
    },
    ReadFeed {
        after: u64,
        options: FeedOptions,
    },
    Correlated {
        correlation: u8,
        after: u64,
        options: FeedOptions,
    },
    Look(Index),
    PositionBefore {
        micros: i64,
    },
    List(List),
    /// Moves the clock, backward too.
    Tick {
        micros: i64,
    },
    /// Closes the file and opens it again.
    Reopen,
}

/// What an append does to one stream.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) stream: usize,
    pub(crate) expected: Expected,
    pub(crate) events: Vec<NewEvent>,
}

/// What is demanded of a stream, seen from its present version.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    Any,
    NoStream,
    StreamExists,
    Exact { distance: i64 },
}

#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) name: &'static str,
    pub(crate) payload: &'static str,
    pub(crate) correlation: Option<u8>,
    pub(crate) occurred_micros_ago: Option<i64>,
}

/// How a repeated append differs from the first one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Nothing,
    Payload,
    Metadata,
    WithoutLast,
    WithOneMore,
    OtherStream(usize),
    Reversed,
    Expecting(Expected),
}

#[derive(Debug, Clone)]
pub(crate) enum Imported {
    /// An event that is there.
    Copy(Index),
    /// One that is there, with another content.
    Altered(Index),
    /// The next event of a stream.
    Next { stream: usize, name: &'static str, micros_later: i64, versions_too_far: u64, id: Option<Index> },
}

#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) direction: Direction,
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
    pub(crate) as_of: Option<(bool, i64)>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) tenant: TenantFilter,
    pub(crate) category: Option<&'static str>,
    pub(crate) key_prefix: &'static str,
    pub(crate) lifecycles: Vec<Lifecycle>,
    pub(crate) after: Option<usize>,
    pub(crate) limit: usize,
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let read = (0..STREAMS.len(), read()).prop_map(|(stream, read)| Operation::ReadStream { stream, read });
    let feed =
        (0..60_u64, feed_options()).prop_map(|(after, options)| Operation::ReadFeed { after, options });
    let correlated = (0..3_u8, 0..60_u64, feed_options())
        .prop_map(|(correlation, after, options)| Operation::Correlated { correlation, after, options });
    let snapshot = (0..STREAMS.len(), 0..6_u64, 1..3_u16).prop_map(|(stream, version, schema_version)| {
        Operation::SaveSnapshot { stream, version, schema_version }
    });
    let of_type = (option::of(1..4_u16), tenant())
        .prop_map(|(below, tenant)| Operation::DeleteSnapshotsOfType { below, tenant });
    prop_oneof![
        12 => parts().prop_map(Operation::Append),
        5 => (any::<Index>(), change()).prop_map(|(which, change)| Operation::Again(which, change)),
        2 => (0..STREAMS.len(), expected()).prop_map(|(stream, expected)| Operation::Delete(stream, expected)),
        2 => (0..STREAMS.len()).prop_map(Operation::Restore),
        1 => (0..STREAMS.len()).prop_map(Operation::Erase),
        4 => vec(imported(), 1..6).prop_map(Operation::Import),
        3 => snapshot,
        1 => (0..STREAMS.len()).prop_map(Operation::DeleteSnapshots),
        1 => of_type,
        6 => read,
        8 => feed,
        3 => correlated,
        2 => any::<Index>().prop_map(Operation::Look),
        2 => (-30..60_i64).prop_map(|micros| Operation::PositionBefore { micros }),
        3 => list().prop_map(Operation::List),
        2 => (-8..20_i64).prop_map(|micros| Operation::Tick { micros }),
        1 => Just(Operation::Reopen),
    ]
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let streams = btree_set(0..STREAMS.len(), 1..4).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    streams.prop_shuffle().prop_flat_map(|streams| {
        let parts: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                (expected(), vec(new_event(), 0..6)).prop_map(move |(expected, events)| Part {
                    stream,
                    expected,
                    events,
                })
            })
            .collect();
        parts
    })
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        4 => Just(Expected::Any),
        1 => Just(Expected::NoStream),
        1 => Just(Expected::StreamExists),
        3 => Just(Expected::Exact { distance: 0 }),
        1 => (-2..3_i64).prop_map(|distance| Expected::Exact { distance }),
    ]
}

fn new_event() -> impl Strategy<Value = NewEvent> {
    let correlation = option::of(0..3_u8);
    (select(&NAMES[..]), select(&PAYLOADS[..]), correlation, option::of(-20..20_i64)).prop_map(
        |(name, payload, correlation, occurred_micros_ago)| NewEvent {
            name,
            payload,
            correlation,
            occurred_micros_ago,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => Just(Change::Nothing),
        1 => Just(Change::Payload),
        1 => Just(Change::Metadata),
        1 => Just(Change::WithoutLast),
        1 => Just(Change::WithOneMore),
        1 => (0..STREAMS.len()).prop_map(Change::OtherStream),
        1 => Just(Change::Reversed),
        2 => expected().prop_map(Change::Expecting),
    ]
}

fn imported() -> impl Strategy<Value = Imported> {
    let names = [NAMES[0], NAMES[1], NAMES[2], STREAM_DELETED, STREAM_RESTORED, STREAM_ERASED];
    let rarely = |range: Range<u64>| prop_oneof![9 => Just(0), 1 => range];
    let next = (
        0..STREAMS.len(),
        select(names.to_vec()),
        -2..9_i64,
        rarely(1..3),
        option::weighted(0.05, any::<Index>()),
    )
        .prop_map(|(stream, name, micros_later, versions_too_far, id)| Imported::Next {
            stream,
            name,
            micros_later,
            versions_too_far,
            id,
        });
    prop_oneof![
        3 => any::<Index>().prop_map(Imported::Copy),
        1 => any::<Index>().prop_map(Imported::Altered),
        8 => next,
    ]
}

fn read() -> impl Strategy<Value = Read> {
    let version = || option::weighted(0.3, 0..9_u64);
    let as_of = option::weighted(0.3, (any::<bool>(), -20..40_i64));
    (direction(), version(), version(), as_of, option::weighted(0.5, 0..5_usize))
        .prop_map(|(direction, from, to, as_of, limit)| Read { direction, from, to, as_of, limit })
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![2 => Just(Direction::Forward), 1 => Just(Direction::Backward)]
}

fn feed_options() -> impl Strategy<Value = FeedOptions> {
    (direction(), filter(), 0..7_usize, 0..9_usize).prop_map(|(direction, filter, limit, window)| {
        let options = FeedOptions::default().with_filter(filter);
        // A large one now and then; nothing is refused.
        let options = if limit < 6 { options.with_limit(limit) } else { options };
        let options = if window < 8 { options.with_window(window) } else { options };
        match direction {
            Direction::Forward => options,
            Direction::Backward => options.backward(),
        }
    })
}

fn filter() -> impl Strategy<Value = EventFilter> {
    let patterns = ["Placed", "Placed*", "P*", "Paid", "stream.*", "Gone"];
    let selector = (select(&["Order", "Bill", "Order.x", "Gone"][..]), subsequence(patterns.to_vec(), 0..3));
    (tenant(), vec(selector, 0..3)).prop_map(|(tenant, selectors)| {
        let filter = EventFilter::all().tenant(tenant);
        selectors.into_iter().fold(filter, |filter, (category, names)| {
            if names.is_empty() { filter.category(category) } else { filter.events(category, names) }.unwrap()
        })
    })
}

pub(crate) fn tenant() -> impl Strategy<Value = TenantFilter> {
    let only = |name| TenantFilter::Only(TenantId::new(name).unwrap());
    prop_oneof![
        3 => Just(TenantFilter::Any),
        1 => Just(TenantFilter::Untenanted),
        1 => Just(only("acme")),
        1 => Just(only("gone")),
    ]
}

fn list() -> impl Strategy<Value = List> {
    let lifecycles = [Lifecycle::Active, Lifecycle::Deleted, Lifecycle::Erased];
    (
        tenant(),
        option::of(select(&["Order", "Bill", "Order.x", "Gone"][..])),
        select(&["", "1", "10", "1é", "2", "x"][..]),
        subsequence(lifecycles.to_vec(), 0..4),
        option::of(0..STREAMS.len()),
        0..5_usize,
    )
        .prop_map(|(tenant, category, key_prefix, lifecycles, after, limit)| List {
            tenant,
            category,
            key_prefix,
            lifecycles,
            after,
            limit,
        })
}

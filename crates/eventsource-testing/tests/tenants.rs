//! A tenant's handle is tried in every port, in every way, and never reaches what is somebody else's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use std::error::Error as _;

use common::{Order, noted, placed};
use eventsource_core::{
    Category, CorrelationId, Error, ErrorKind, Event, EventFilter, EventId, ExpectedVersion, MemoryStore,
    Position, RecordedEvent, Repository, Result, StateType, StreamId, StreamVersion, TenantFilter, TenantId,
    aggregate::{SnapshotPolicy, SnapshotWriting, UpdateError},
    codec::{CodecTag, TransformTag},
    layer::TenantScoped,
    lifecycle::{Lifecycle, LifecycleNote},
    store::{
        Append, EventFeed, EventFeedExt, EventImport, EventLookup, EventStore, FeedOptions, ReadOptions,
        Snapshot, SnapshotStore, StreamDeletion, StreamErasure, StreamListing, StreamsOptions,
    },
};
use eventsource_testing::{EventBuilder, audit};
use futures_util::TryStreamExt;
use proptest::prelude::*;

/// Whose a stream is. The handles that are tried are of `Mine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Mine,
    Other,
    Nobody,
}

const OWNERS: [Owner; 3] = [Owner::Mine, Owner::Other, Owner::Nobody];
const CATEGORIES: [&str; 2] = ["Order", "Payment"];
/// The first has events, the second is deleted, the third is absent.
const KEYS: [&str; 3] = ["1", "deleted", "absent"];
const STATE_TYPE: &str = "Order";

impl Owner {
    fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Mine => Some(mine()),
            Self::Other => Some(TenantId::new("other").unwrap()),
            Self::Nobody => None,
        }
    }
}

fn mine() -> TenantId {
    TenantId::new("mine").unwrap()
}

/// A stream that an attack names.
#[derive(Debug, Clone, Copy)]
struct Named {
    owner: Owner,
    category: usize,
    key: usize,
}

impl Named {
    fn stream(self) -> StreamId {
        StreamId::with_tenant(self.owner.tenant().as_ref(), CATEGORIES[self.category], KEYS[self.key])
            .unwrap()
    }

    fn is_foreign(self) -> bool {
        self.owner != Owner::Mine
    }
}

/// One process through everybody's streams.
fn correlation() -> CorrelationId {
    CorrelationId::from_uuid(uuid::Uuid::from_u128(1))
}

/// The id of an event of `owner`, for those who try to use it again.
fn event_id(owner: Owner) -> EventId {
    EventId::from_uuid(uuid::Uuid::from_u128(match owner {
        Owner::Mine => 10,
        Owner::Other => 20,
        Owner::Nobody => 30,
    }))
}

async fn world() -> MemoryStore {
    let store = MemoryStore::new();
    for owner in OWNERS {
        for category in 0..CATEGORIES.len() {
            for key in 0..2 {
                let stream = Named { owner, category, key }.stream();
                let mut events: Vec<_> = [placed(100), noted("secret")]
                    .iter()
                    .map(|event| EventBuilder::of(event).new_event())
                    .collect();
                events.iter_mut().for_each(|event| event.correlation = Some(correlation()));
                if (category, key) == (0, 0) {
                    events[0].id = event_id(owner);
                }
                store.append(Append::new(stream.clone(), ExpectedVersion::NoStream, events)).await.unwrap();
                store.save(snapshot(stream.clone(), 1)).await.unwrap();
                if key == 1 {
                    let note = LifecycleNote::default();
                    StreamDeletion::delete(&store, &stream, ExpectedVersion::Any, &note).await.unwrap();
                }
            }
        }
    }
    store
}

fn snapshot(stream: StreamId, version: u64) -> Snapshot {
    Snapshot {
        stream,
        state_type: state_type(),
        schema_version: 1,
        version: StreamVersion::new(version),
        last_event: EventId::generate(),
        codec: CodecTag::JSON,
        transform: TransformTag::NONE,
        state: r#"{"total":1,"notes":["secret"],"tracking_number":null}"#.into(),
        taken_at: eventsource_core::Timestamp::UNIX_EPOCH,
    }
}

fn state_type() -> StateType {
    StateType::new(STATE_TYPE).unwrap()
}

/// Everything in the store that is not of `Mine`.
async fn others(store: &MemoryStore) -> (Vec<RecordedEvent>, Vec<Option<Snapshot>>) {
    let feed: Vec<RecordedEvent> =
        store.feed(Position::START, FeedOptions::default()).try_collect().await.unwrap();
    let events = feed.into_iter().filter(|event| event.stream.tenant() != Some("mine")).collect();
    let mut snapshots = Vec::new();
    for owner in [Owner::Other, Owner::Nobody] {
        for category in 0..CATEGORIES.len() {
            for key in 0..KEYS.len() {
                let stream = Named { owner, category, key }.stream();
                snapshots.push(store.load(&stream, &state_type(), 1).await.unwrap());
            }
        }
    }
    (events, snapshots)
}

/// Something that is tried with a handle of `Mine`.
#[derive(Debug, Clone)]
enum Attack {
    /// To streams with events each, none of which only checks it; perhaps with an id that is taken.
    Append(Vec<(Named, usize)>, Option<Owner>),
    ReadStream(Named, bool),
    Stream(Named),
    ReadFeed(TenantFilter, bool),
    Lookup(Owner),
    Correlated(TenantFilter),
    Streams(TenantFilter, Option<Named>),
    Count(TenantFilter),
    /// A new event, perhaps with an id that is taken.
    Import(Named, Option<Owner>),
    Delete(Named),
    Restore(Named),
    Erase(Named),
    SaveSnapshot(Named),
    LoadSnapshot(Named),
    DeleteSnapshots(Named),
    DeleteSnapshotsByType(TenantFilter),
    /// With a repository that stands on the handle and was made for somebody.
    Update(Owner, usize),
    Load(Owner, usize),
    TakeSnapshot(Owner, usize),
}

impl Attack {
    /// Whether it names something of others, and so must be refused.
    fn is_foreign(&self) -> bool {
        match self {
            Self::Append(streams, _) => streams.iter().any(|(named, _)| named.is_foreign()),
            Self::ReadStream(named, _)
            | Self::Stream(named)
            | Self::Import(named, _)
            | Self::Delete(named)
            | Self::Restore(named)
            | Self::Erase(named)
            | Self::SaveSnapshot(named)
            | Self::LoadSnapshot(named)
            | Self::DeleteSnapshots(named) => named.is_foreign(),
            Self::ReadFeed(filter, _) | Self::Correlated(filter) => !filter.accepts(Some("mine")),
            Self::Update(owner, _) | Self::Load(owner, _) | Self::TakeSnapshot(owner, _) => {
                *owner != Owner::Mine
            }
            // These have an empty answer for everybody else.
            Self::Lookup(_) | Self::Streams(..) | Self::Count(_) | Self::DeleteSnapshotsByType(_) => false,
        }
    }

    /// Does it; what it got to see.
    async fn run(&self, store: &MemoryStore) -> Result<Vec<StreamId>> {
        let handle = TenantScoped::new(store.clone(), mine());
        let note = LifecycleNote::because("because");
        Ok(match self {
            Self::Append(streams, taken) => {
                let mut append = Append::default();
                for (named, events) in streams {
                    let event = || EventBuilder::of(&noted("written")).new_event();
                    let events = (0..*events).map(|_| event()).collect();
                    append = append.and(named.stream(), ExpectedVersion::Any, events);
                }
                let first = append.streams.iter_mut().flat_map(|stream| &mut stream.events).next();
                if let (Some(first), Some(owner)) = (first, taken) {
                    first.id = event_id(*owner);
                }
                let appended = handle.append(append).await?;
                appended.streams.into_iter().map(|stream| stream.stream).collect()
            }
            Self::ReadStream(named, is_backward) => {
                let options = ReadOptions::default();
                let options = if *is_backward { options.backward() } else { options };
                streams_of(&handle.read_stream(&named.stream(), &options).await?.events)
            }
            Self::Stream(named) => vec![handle.stream(&named.stream()).await?.stream],
            Self::ReadFeed(filter, is_backward) => {
                let options = FeedOptions::default().with_filter(EventFilter::all().tenant(filter.clone()));
                let (after, options) = match is_backward {
                    true => (Position::MAX, options.backward()),
                    false => (Position::START, options),
                };
                let page = handle.read_feed(after, &options).await?;
                let narrowed = options.with_filter(EventFilter::all().tenant(TenantFilter::Only(mine())));
                assert_eq!(page, store.read_feed(after, &narrowed).await?, "all that is the tenant's own");
                streams_of(&page.events)
            }
            Self::Lookup(owner) => {
                let event = handle.event(event_id(*owner)).await?;
                assert_eq!(event.is_some(), *owner == Owner::Mine);
                streams_of(event.as_slice())
            }
            Self::Correlated(filter) => {
                let options = FeedOptions::default().with_filter(EventFilter::all().tenant(filter.clone()));
                streams_of(&handle.correlated(correlation(), Position::START, &options).await?.events)
            }
            Self::Streams(filter, after) => {
                let mut options = StreamsOptions::default().with_tenant(filter.clone());
                options.lifecycles = vec![Lifecycle::Active, Lifecycle::Deleted, Lifecycle::Erased];
                options.after = after.map(Named::stream);
                let page = handle.streams(&options).await?;
                assert!(filter.accepts(Some("mine")) || page.streams.is_empty());
                page.streams.into_iter().map(|info| info.stream).collect()
            }
            Self::Count(filter) => {
                let counted = handle.statistics(filter).await?;
                let categories = handle.categories(filter).await?;
                let own = TenantFilter::Only(mine());
                if filter.accepts(Some("mine")) {
                    assert_eq!(counted, store.statistics(&own).await?);
                    assert_eq!(categories, store.categories(&own).await?);
                } else {
                    assert_eq!((counted.streams, counted.events, categories), (0, 0, Vec::<Category>::new()));
                }
                Vec::new()
            }
            Self::Import(named, taken) => {
                let stream = named.stream();
                let info = store.stream(&stream).await?;
                let version = info.version.next().get();
                let event = EventBuilder::of(&noted("imported"))
                    .with_stream(&stream)
                    .with_version(version)
                    .with_recorded_at(eventsource_core::Timestamp::MAX)
                    .with_id(taken.map_or_else(EventId::generate, event_id));
                handle.import(&[event.recorded()]).await?;
                vec![stream]
            }
            Self::Delete(named) => {
                let deleted =
                    StreamDeletion::delete(&handle, &named.stream(), ExpectedVersion::Any, &note).await?;
                deleted.streams.into_iter().map(|stream| stream.stream).collect()
            }
            Self::Restore(named) => {
                let restored = handle.restore(&named.stream(), &note).await?;
                restored.streams.into_iter().map(|stream| stream.stream).collect()
            }
            Self::Erase(named) => {
                let erased = handle.erase(&named.stream(), &note).await?;
                erased.streams.into_iter().map(|stream| stream.stream).collect()
            }
            Self::SaveSnapshot(named) => {
                handle.save(snapshot(named.stream(), 9)).await?;
                vec![named.stream()]
            }
            Self::LoadSnapshot(named) => {
                let (stream, state_type) = (named.stream(), state_type());
                let loaded = handle.load(&stream, &state_type, 1).await?;
                assert_eq!(handle.exists(&stream, &state_type, 1).await?, loaded.is_some());
                loaded.into_iter().map(|snapshot| snapshot.stream).collect()
            }
            Self::DeleteSnapshots(named) => {
                SnapshotStore::delete(&handle, &named.stream()).await?;
                vec![named.stream()]
            }
            Self::DeleteSnapshotsByType(filter) => {
                let deleted = handle.delete_by_type(&state_type(), None, filter).await?;
                assert!(filter.accepts(Some("mine")) || deleted == 0);
                Vec::new()
            }
            Self::Update(owner, key) => {
                let orders = repository(&handle, *owner);
                match orders.update(KEYS[*key], |order| order.note("written")).await {
                    Ok(committed) => vec![committed.stream.clone()],
                    Err(UpdateError::Failed(error)) => return Err(error),
                    Err(UpdateError::Refused(refusal)) => panic!("{refusal}"),
                }
            }
            Self::Load(owner, key) => {
                let orders = repository(&handle, *owner);
                let exists = orders.exists(KEYS[*key]).await;
                let loaded = orders.load(KEYS[*key]).await?;
                assert!(exists?);
                vec![loaded.stream().clone()]
            }
            Self::TakeSnapshot(owner, key) => {
                let orders = repository(&handle, *owner);
                orders.take_snapshot(KEYS[*key]).await?;
                vec![orders.stream_id(KEYS[*key])?]
            }
        })
    }
}

fn streams_of(events: &[RecordedEvent]) -> Vec<StreamId> {
    events.iter().map(|event| event.stream.clone()).collect()
}

fn repository(handle: &TenantScoped<MemoryStore>, owner: Owner) -> Repository<Order> {
    let orders = Repository::new(handle.clone())
        .with_snapshots_written(handle.clone(), SnapshotPolicy::Every(1), SnapshotWriting::Inline)
        .unwrap();
    owner.tenant().map_or(orders.clone(), |tenant| orders.for_tenant(&tenant))
}

fn owner() -> impl Strategy<Value = Owner> {
    prop::sample::select(OWNERS.to_vec())
}

fn named() -> impl Strategy<Value = Named> {
    (owner(), 0..CATEGORIES.len(), 0..KEYS.len()).prop_map(|(owner, category, key)| Named {
        owner,
        category,
        key,
    })
}

fn filter() -> impl Strategy<Value = TenantFilter> {
    prop_oneof![
        Just(TenantFilter::Any),
        Just(TenantFilter::Untenanted),
        Just(TenantFilter::Only(mine())),
        Just(TenantFilter::Only(TenantId::new("other").unwrap())),
    ]
}

fn attack() -> impl Strategy<Value = Attack> {
    let taken = || prop::option::of(owner());
    let key = || 0..KEYS.len();
    prop_oneof![
        (prop::collection::vec((named(), 0..3_usize), 1..4), taken())
            .prop_map(|(streams, taken)| Attack::Append(streams, taken)),
        (named(), any::<bool>()).prop_map(|(named, is_backward)| Attack::ReadStream(named, is_backward)),
        named().prop_map(Attack::Stream),
        (filter(), any::<bool>()).prop_map(|(filter, is_backward)| Attack::ReadFeed(filter, is_backward)),
        owner().prop_map(Attack::Lookup),
        filter().prop_map(Attack::Correlated),
        (filter(), prop::option::of(named())).prop_map(|(filter, after)| Attack::Streams(filter, after)),
        filter().prop_map(Attack::Count),
        (named(), taken()).prop_map(|(named, taken)| Attack::Import(named, taken)),
        named().prop_map(Attack::Delete),
        named().prop_map(Attack::Restore),
        named().prop_map(Attack::Erase),
        named().prop_map(Attack::SaveSnapshot),
        named().prop_map(Attack::LoadSnapshot),
        named().prop_map(Attack::DeleteSnapshots),
        filter().prop_map(Attack::DeleteSnapshotsByType),
        (owner(), key()).prop_map(|(owner, key)| Attack::Update(owner, key)),
        (owner(), key()).prop_map(|(owner, key)| Attack::Load(owner, key)),
        (owner(), key()).prop_map(|(owner, key)| Attack::TakeSnapshot(owner, key)),
    ]
}

/// Everything that an error tells, its causes included.
fn text_of(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    text
}

/// Tries one attack after the other on one world; how many of them went through.
async fn check(attacks: &[Attack]) -> usize {
    let store = world().await;
    let before = others(&store).await;
    let mut went_through = 0;
    for attack in attacks {
        match attack.run(&store).await {
            Ok(seen) => {
                assert!(!attack.is_foreign(), "{attack:?} went through");
                let foreign = seen.iter().find(|stream| stream.tenant() != Some("mine"));
                assert_eq!(foreign, None, "{attack:?} got to see it");
                went_through += 1;
            }
            Err(error) if attack.is_foreign() => {
                assert_eq!(error.kind(), &ErrorKind::OtherTenant, "{attack:?}");
            }
            Err(error) => {
                let text = text_of(&error);
                assert!(!text.contains("other@"), "{attack:?} is told of somebody: {text}");
            }
        }
        assert_eq!(others(&store).await, before, "{attack:?} changed something of others");
    }
    audit(&store).await;
    went_through
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_handle_reaches_another_tenant(attacks in prop::collection::vec(attack(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check(&attacks));
    }

    #[test]
    fn no_key_leaves_the_tenant_and_category_of_its_repository(key in "\\PC{0,40}|[a-z@/.]{1,12}") {
        let orders = Repository::<Order>::new(MemoryStore::new()).for_tenant(&mine());
        if let Ok(stream) = orders.stream_id(&key) {
            prop_assert_eq!(stream.tenant(), Some("mine"));
            prop_assert_eq!((stream.category(), stream.key()), (common::OrderEvent::CATEGORY, key.as_str()));
            prop_assert_eq!(stream.to_string().parse::<StreamId>().unwrap(), stream);
        }
    }
}

/// Each kind of attack, on what is the tenant's own: were everything refused, the property would say nothing.
#[tokio::test]
async fn what_is_the_tenant_s_own_is_reached() {
    let own = Named { owner: Owner::Mine, category: 0, key: 0 };
    let absent = Named { key: 2, ..own };
    let attacks = [
        Attack::Append(vec![(own, 1), (absent, 2)], None),
        Attack::ReadStream(own, false),
        Attack::ReadStream(own, true),
        Attack::Stream(own),
        Attack::ReadFeed(TenantFilter::Any, false),
        Attack::ReadFeed(TenantFilter::Only(mine()), true),
        Attack::Lookup(Owner::Mine),
        Attack::Correlated(TenantFilter::Any),
        Attack::Streams(TenantFilter::Any, Some(Named { owner: Owner::Nobody, ..own })),
        Attack::Count(TenantFilter::Any),
        Attack::Update(Owner::Mine, 0),
        Attack::Load(Owner::Mine, 0),
        Attack::LoadSnapshot(own),
        Attack::DeleteSnapshots(own),
        Attack::TakeSnapshot(Owner::Mine, 0),
        Attack::SaveSnapshot(absent),
        Attack::DeleteSnapshotsByType(TenantFilter::Any),
        Attack::Import(own, None),
        Attack::Delete(own),
        Attack::Restore(own),
        Attack::Erase(own),
    ];
    assert_eq!(check(&attacks).await, attacks.len());
}

/// Each kind of attack that names something of others is refused.
#[tokio::test]
async fn what_is_somebody_else_s_is_refused() {
    for owner in [Owner::Other, Owner::Nobody] {
        let named = Named { owner, category: 0, key: 0 };
        let filter = owner.tenant().map_or(TenantFilter::Untenanted, TenantFilter::Only);
        let own = Named { owner: Owner::Mine, ..named };
        let attacks = [
            Attack::Append(vec![(own, 1), (named, 1)], None),
            Attack::Append(vec![(own, 1), (named, 0)], None),
            Attack::Append(vec![(own, 1)], Some(owner)),
            Attack::ReadStream(named, false),
            Attack::Stream(named),
            Attack::ReadFeed(filter.clone(), false),
            Attack::Correlated(filter),
            Attack::Import(named, None),
            Attack::Import(own, Some(owner)),
            Attack::Delete(named),
            Attack::Restore(Named { key: 1, ..named }),
            Attack::Erase(named),
            Attack::SaveSnapshot(named),
            Attack::LoadSnapshot(named),
            Attack::DeleteSnapshots(named),
            Attack::Update(owner, 0),
            Attack::Load(owner, 0),
            Attack::TakeSnapshot(owner, 0),
        ];
        assert_eq!(check(&attacks).await, 0);
    }
}

#[tokio::test]
async fn a_handle_in_another_tenant_s_handle_reaches_nothing() {
    let theirs = TenantScoped::new(world().await, Owner::Other.tenant().unwrap());
    let nested = TenantScoped::new(theirs, mine());
    for owner in OWNERS {
        let stream = Named { owner, category: 0, key: 0 }.stream();
        let error = nested.stream(&stream).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::OtherTenant);
        assert_eq!(nested.event(event_id(owner)).await.unwrap(), None);
    }
    assert!(nested.read_feed(Position::START, &FeedOptions::default()).await.is_err());
    assert_eq!(nested.streams(&StreamsOptions::default()).await.unwrap().streams, []);
}

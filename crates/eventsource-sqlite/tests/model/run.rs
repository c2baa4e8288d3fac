//! Runs operations on both stores and the oracle, and compares.

use std::{collections::HashMap, fmt::Debug, future::Future, sync::Arc};

use eventsource_core::{
    Category, Clock, CorrelationId, ErrorKind, EventId, EventName, ExpectedVersion, MemoryStore, Metadata,
    NewEvent, Position, RecordedEvent, Result, StateType, StreamId, StreamVersion, TenantFilter, Timestamp,
    codec::{CodecTag, TransformTag},
    lifecycle::{Lifecycle, LifecycleNote, STREAM_DELETED, STREAM_ERASED, STREAM_RESTORED},
    memory::MemoryOptions,
    store::{
        Append, Appended, AsOf, Close, EventFeed, EventFeedExt, EventImport, EventLookup, EventStore,
        FeedOptions, ReadOptions, Snapshot, SnapshotStore, StreamAppend, StreamDeletion, StreamErasure,
        StreamInfo, StreamListing, StreamsOptions,
    },
};
use eventsource_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use eventsource_testing::{ManualClock, SequentialIds};
use futures_util::TryStreamExt;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    common::stores::Named,
    operation::{Change, Expected, Imported, List, Operation, Part, Read, STREAMS, stream},
    oracle::{Oracle, Written, lifecycle_record},
};

/// Events and records of stores draw their ids from different numbers.
const FIRST_EVENT_ID: u64 = 1_000_000;

pub(crate) struct Run {
    directory: TempDir,
    began: Timestamp,
    clock: ManualClock,
    /// Of the SQLite store, which is opened several times.
    ids: SequentialIds,
    stores: [Named; 2],
    oracle: Oracle,
    /// Every append that was sent, for sending it again.
    sent: Vec<Append>,
    event_ids: u64,
    record_ids: u64,
}

impl Run {
    pub(crate) async fn begin() -> Self {
        let (clock, ids) = (ManualClock::default(), SequentialIds::default());
        let directory = tempfile::tempdir().unwrap();
        let memory = MemoryOptions::default().with_clock(clock.clone()).with_ids(SequentialIds::default());
        let memory = MemoryStore::with_options(memory);
        let sqlite = open(&directory, &clock, &ids).await;
        let stores = [Named::new("memory", Arc::new(memory)), Named::new("SQLite", Arc::new(sqlite))];
        Self {
            directory,
            began: clock.now(),
            clock,
            ids,
            stores,
            oracle: Oracle::default(),
            sent: Vec::new(),
            event_ids: FIRST_EVENT_ID,
            record_ids: 0,
        }
    }

    pub(crate) async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append(parts) => {
                let append = Append { streams: parts.iter().map(|part| self.part(part)).collect() };
                self.append(append).await;
            }
            Operation::Again(which, change) => {
                if !self.sent.is_empty() {
                    let mut append = which.get(&self.sent).clone();
                    self.change(&mut append, *change);
                    self.append(append).await;
                }
            }
            Operation::Delete(at, expected) => {
                let expected = self.expected(&stream(*at), *expected);
                self.live(*at, expected, Lifecycle::Deleted).await;
            }
            Operation::Restore(at) => self.live(*at, ExpectedVersion::Any, Lifecycle::Active).await,
            Operation::Erase(at) => self.live(*at, ExpectedVersion::Any, Lifecycle::Erased).await,
            Operation::Import(events) => self.import(events).await,
            Operation::SaveSnapshot { stream: at, version, schema_version } => {
                self.save_snapshot(&stream(*at), *version, *schema_version).await;
            }
            Operation::DeleteSnapshots(at) => {
                let _ = self
                    .both(|store| async move { SnapshotStore::delete(&**store, &stream(*at)).await })
                    .await;
            }
            Operation::DeleteSnapshotsOfType { below, tenant } => {
                let delete =
                    |store: Named| async move { store.delete_by_type(&state_type(), *below, tenant).await };
                self.both(delete).await.unwrap();
            }
            Operation::ReadStream { stream: at, read } => self.read(&stream(*at), read).await,
            Operation::ReadFeed { after, options } => self.feed(Position::new(*after), options).await,
            Operation::Correlated { correlation: number, after, options } => {
                self.correlated(correlation(*number), Position::new(*after), options).await;
            }
            Operation::Look(which) => {
                if !self.oracle.log.is_empty() {
                    self.look(which.get(&self.oracle.log).clone()).await;
                }
            }
            Operation::PositionBefore { micros } => self.position_before(self.at(*micros)).await,
            Operation::List(list) => self.list(list).await,
            Operation::Tick { micros } => {
                self.clock.set(Timestamp::from_micros(self.clock.now().as_micros() + micros).unwrap());
            }
            Operation::Reopen => self.reopen().await,
        }
        let head = self.both(|store| async move { store.head().await }).await.unwrap();
        assert_eq!(head, self.oracle.head());
    }

    /// The whole log, every stream, every listing.
    pub(crate) async fn check_everything(&self) {
        let whole = |store: Named| async move {
            store.feed(Position::START, FeedOptions::default()).try_collect::<Vec<_>>().await
        };
        assert_eq!(self.both(whole).await.unwrap(), self.oracle.log);
        for at in 0..STREAMS.len() {
            self.check_stream(&stream(at)).await;
            for direction in [ReadOptions::default(), ReadOptions::default().backward()] {
                self.read_with(&stream(at), &direction).await;
            }
        }
        for micros in (-25..50).step_by(3) {
            self.position_before(self.at(micros)).await;
        }
        let lifecycles = vec![Lifecycle::Active, Lifecycle::Deleted, Lifecycle::Erased];
        let tenant = TenantFilter::Any;
        self.list(&List { tenant, category: None, key_prefix: "", lifecycles, after: None, limit: 1_000 })
            .await;
    }

    /// Asks both stores, and gives the answer on which they agree.
    async fn both<T, F>(&self, call: impl Fn(Named) -> F) -> Result<T, ErrorKind>
    where
        T: PartialEq + Debug,
        F: Future<Output = Result<T>>,
    {
        let [memory, sqlite] = &self.stores;
        let answers = [call(memory.clone()).await, call(sqlite.clone()).await];
        let [memory, sqlite] = answers.map(|answer| {
            answer.map_err(|e| (e.kind().clone(), e.operation(), e.is_transient(), e.is_outcome_unknown()))
        });
        assert_eq!(memory, sqlite, "memory and SQLite disagree");
        memory.map_err(|(kind, ..)| kind)
    }

    async fn append(&mut self, append: Append) {
        let sent = &append;
        let answer = self.both(|store| async move { store.append(sent.clone()).await.map(written) }).await;
        assert_eq!(answer, self.oracle.append(&append, self.clock.now()), "{append:?}");
        for part in &append.streams {
            self.check_stream(&part.stream).await;
        }
        self.sent.push(append);
    }

    async fn live(&mut self, at: usize, expected: ExpectedVersion, next: Lifecycle) {
        let stream = stream(at);
        let (id, named) = (&stream, LifecycleNote::because("so").with_actor("model"));
        let note = &named;
        let call = |store: Named| async move {
            let appended = match next {
                Lifecycle::Deleted => StreamDeletion::delete(&**store, id, expected, note).await,
                Lifecycle::Active => store.restore(id, note).await,
                Lifecycle::Erased => store.erase(id, note).await,
            };
            appended.map(written)
        };
        let answer = self.both(call).await;
        // Each call draws an id, whatever becomes of it.
        self.record_ids += 1;
        let name = match next {
            Lifecycle::Deleted => STREAM_DELETED,
            Lifecycle::Active => STREAM_RESTORED,
            Lifecycle::Erased => STREAM_ERASED,
        };
        let record = lifecycle_record(SequentialIds::id(self.record_ids), name, note);
        let change = StreamAppend { stream: stream.clone(), expected, events: vec![record] };
        assert_eq!(answer, self.oracle.change(&change, next, self.clock.now()), "{change:?}");
        self.check_stream(&stream).await;
    }

    async fn import(&mut self, plan: &[Imported]) {
        let mut events = Vec::new();
        let mut tails = HashMap::new();
        for imported in plan {
            events.extend(self.imported(imported, &mut tails));
        }
        let sent = &events;
        let answer = self.both(|store| async move { store.import(sent).await }).await;
        assert_eq!(answer, self.oracle.import(&events), "{events:?}");
        for event in &events {
            self.check_stream(&event.stream).await;
        }
    }

    async fn save_snapshot(&self, stream: &StreamId, version: u64, schema_version: u16) {
        let snapshot = Snapshot {
            stream: stream.clone(),
            state_type: state_type(),
            schema_version,
            version: StreamVersion::new(version),
            last_event: SequentialIds::id(version),
            codec: CodecTag::JSON,
            transform: TransformTag::NONE,
            state: version.to_string().into(),
            taken_at: self.clock.now(),
        };
        let kept = &snapshot;
        self.both(|store| async move { store.save(kept.clone()).await }).await.unwrap();
    }

    async fn check_snapshots(&self, stream: &StreamId) {
        for schema_version in 1..3 {
            let load = |store: Named| async move { store.load(stream, &state_type(), schema_version).await };
            let loaded = self.both(load).await.unwrap();
            let exists =
                |store: Named| async move { store.exists(stream, &state_type(), schema_version).await };
            assert_eq!(self.both(exists).await.unwrap(), loaded.is_some());
            assert!(
                loaded.is_none() || self.oracle.lifecycle(stream) != Lifecycle::Erased,
                "nothing is kept"
            );
        }
    }

    async fn read(&self, stream: &StreamId, read: &Read) {
        let mut options = ReadOptions::default();
        options.direction = read.direction;
        options.from = read.from.map(StreamVersion::new);
        options.to = read.to.map(StreamVersion::new);
        options.as_of = read.as_of.map(|(recorded, micros)| match recorded {
            true => AsOf::Recorded(self.at(micros)),
            false => AsOf::Occurred(self.at(micros)),
        });
        options.limit = read.limit;
        self.read_with(stream, &options).await;
    }

    async fn read_with(&self, stream: &StreamId, options: &ReadOptions) {
        let page = self.both(|store| async move { store.read_stream(stream, options).await }).await;
        if let Ok(page) = &page {
            assert_eq!(page.version, self.oracle.version(stream));
        }
        let answer = page.map(|page| (page.events, page.next));
        assert_eq!(answer, self.oracle.read(stream, options), "{stream} {options:?}");
    }

    async fn feed(&self, after: Position, options: &FeedOptions) {
        let page = self.both(|store| async move { store.read_feed(after, options).await }).await;
        let answer = page.map(|page| (page.events, page.next, page.at_head));
        assert_eq!(answer, self.oracle.feed(after, options), "after {after} {options:?}");
    }

    async fn correlated(&self, correlation: CorrelationId, after: Position, options: &FeedOptions) {
        let page =
            self.both(|store| async move { store.correlated(correlation, after, options).await }).await;
        let answer = page.map(|page| (page.events, page.next, page.at_head));
        let is_of = |event: &RecordedEvent| event.correlation == Some(correlation);
        assert_eq!(answer, self.oracle.correlated(is_of, after, options), "after {after} {options:?}");
    }

    async fn look(&self, event: RecordedEvent) {
        let (id, position) = (event.id, event.position);
        let by_id = self.both(|store| async move { store.event(id).await }).await.unwrap();
        assert_eq!(by_id, Some(event));
        let at = self.both(|store| async move { store.event_id_at(position).await }).await.unwrap();
        assert_eq!(at, Some(id));
        let unknown = SequentialIds::id(u64::MAX);
        assert_eq!(self.both(|store| async move { store.event(unknown).await }).await, Ok(None));
    }

    async fn position_before(&self, time: Timestamp) {
        let answer = self.both(|store| async move { store.position_before(time).await }).await.unwrap();
        let before = self.oracle.log.iter().take_while(|e| e.recorded_at < time).last();
        assert_eq!(answer, before.map_or(Position::START, |e| e.position), "{time}");
    }

    async fn check_stream(&self, stream: &StreamId) {
        let info = self.both(|store| async move { store.stream(stream).await }).await.unwrap();
        assert_eq!(info, self.info(stream));
        self.check_snapshots(stream).await;
    }

    fn info(&self, stream: &StreamId) -> StreamInfo {
        let mut info = StreamInfo::absent(stream.clone());
        if let Some(last) = self.oracle.of(stream).last() {
            info.version = last.version;
            info.position = last.position;
            info.recorded_at = Some(last.recorded_at);
            info.lifecycle = self.oracle.lifecycle(stream);
        }
        info
    }

    async fn list(&self, list: &List) {
        let mut options = StreamsOptions::default()
            .with_tenant(list.tenant.clone())
            .with_key_prefix(list.key_prefix)
            .with_lifecycles(list.lifecycles.clone())
            .with_limit(list.limit);
        options.category = list.category.map(|name| Category::new(name).unwrap());
        options.after = list.after.map(stream);
        let asked = &options;
        let page = self.both(|store| async move { store.streams(asked).await }).await;
        if list.limit == 0 {
            assert_eq!(page, Err(ErrorKind::InvalidInput { field: "limit", limit: None }));
            return;
        }
        let page = page.unwrap();
        let (of_tenant, tenant) = (self.existing(&list.tenant), &list.tenant);
        let mut expected: Vec<StreamInfo> = of_tenant.iter().map(|stream| self.info(stream)).collect();
        expected.retain(|info| {
            list.category.is_none_or(|category| info.stream.category() == category)
                && info.stream.key().starts_with(list.key_prefix)
                && list.lifecycles.contains(&info.lifecycle)
                && options.after.as_ref().is_none_or(|after| in_order(&info.stream) > in_order(after))
        });
        let next = (expected.len() > list.limit).then(|| expected[list.limit - 1].stream.clone());
        expected.truncate(list.limit);
        assert_eq!((page.streams, page.next), (expected, next), "{list:?}");

        let categories = self.both(|store| async move { store.categories(tenant).await }).await.unwrap();
        let mut names: Vec<&str> = of_tenant.iter().map(StreamId::category).collect();
        names.sort_unstable();
        names.dedup();
        assert!(categories.iter().map(Category::as_str).eq(names), "{tenant:?}");
        let statistics = self.both(|store| async move { store.statistics(tenant).await }).await.unwrap();
        let events = self.oracle.log.iter().filter(|e| tenant.accepts(e.stream.tenant())).count();
        assert_eq!((statistics.streams, statistics.events), (of_tenant.len() as u64, events as u64));
    }

    /// The streams of a tenant that have events, in the order of listings.
    fn existing(&self, tenant: &TenantFilter) -> Vec<StreamId> {
        let mut streams: Vec<StreamId> = (0..STREAMS.len()).map(stream).collect();
        streams.retain(|s| tenant.accepts(s.tenant()) && self.oracle.version(s) > StreamVersion::ZERO);
        streams.sort_by(|a, b| in_order(a).cmp(&in_order(b)));
        streams
    }

    async fn reopen(&mut self) {
        self.stores[1].close().await.unwrap();
        let sqlite = open(&self.directory, &self.clock, &self.ids).await;
        self.stores[1] = Named::new("SQLite", Arc::new(sqlite));
    }

    fn at(&self, micros: i64) -> Timestamp {
        Timestamp::from_micros(self.began.as_micros() + micros).unwrap()
    }

    fn event_id(&mut self) -> EventId {
        self.event_ids += 1;
        SequentialIds::id(self.event_ids)
    }

    fn part(&mut self, part: &Part) -> StreamAppend {
        let stream = stream(part.stream);
        let expected = self.expected(&stream, part.expected);
        let events = part
            .events
            .iter()
            .map(|event| {
                let mut new = NewEvent::new(self.event_id(), event.name, event.payload).unwrap();
                new.correlation = event.correlation.map(correlation);
                new.occurred_at = event.occurred_micros_ago.map(|micros| self.at(micros));
                new
            })
            .collect();
        StreamAppend { stream, expected, events }
    }

    fn expected(&self, stream: &StreamId, expected: Expected) -> ExpectedVersion {
        match expected {
            Expected::Any => ExpectedVersion::Any,
            Expected::NoStream => ExpectedVersion::NoStream,
            Expected::StreamExists => ExpectedVersion::StreamExists,
            Expected::Exact { distance } => {
                let version = self.oracle.version(stream).get().saturating_add_signed(distance);
                ExpectedVersion::Exact(StreamVersion::new(version))
            }
        }
    }

    fn change(&mut self, append: &mut Append, change: Change) {
        let id = self.event_id();
        let Some(part) = append.streams.iter_mut().find(|part| !part.events.is_empty()) else { return };
        match change {
            Change::Nothing => {}
            Change::Payload => part.events[0].payload = "changed".into(),
            Change::Metadata => part.events[0].metadata = Metadata::from_bytes("{}".into()),
            Change::WithoutLast => drop(part.events.pop()),
            Change::WithOneMore => part.events.push(NewEvent::new(id, "More", "").unwrap()),
            Change::Reversed => part.events.reverse(),
            Change::Expecting(expected) => {
                let stream = part.stream.clone();
                part.expected = self.expected(&stream, expected);
            }
            Change::OtherStream(at) => {
                let other = stream(at);
                if append.streams.iter().all(|part| part.stream != other)
                    && let Some(part) = append.streams.first_mut()
                {
                    part.stream = other;
                }
            }
        }
    }

    fn imported(
        &mut self,
        imported: &Imported,
        tails: &mut HashMap<StreamId, (StreamVersion, Timestamp)>,
    ) -> Option<RecordedEvent> {
        let log = &self.oracle.log;
        let one = |index: &proptest::sample::Index| (!log.is_empty()).then(|| index.get(log).clone());
        match imported {
            Imported::Copy(index) => one(index),
            Imported::Altered(index) => one(index).map(|e| RecordedEvent { payload: "altered".into(), ..e }),
            Imported::Next { stream: at, name, micros_later, versions_too_far, id } => {
                let taken = id.as_ref().and_then(one).map(|e| e.id);
                let stream = stream(*at);
                let last = self.oracle.of(&stream).last();
                let (version, time) = *tails.entry(stream.clone()).or_insert_with(|| {
                    last.map_or((StreamVersion::ZERO, self.began), |e| (e.version, e.recorded_at))
                });
                let version = version.next().plus(*versions_too_far);
                let recorded_at = Timestamp::from_micros(time.as_micros() + micros_later).unwrap();
                tails.insert(stream.clone(), (version, recorded_at));
                Some(RecordedEvent {
                    id: taken.unwrap_or_else(|| self.event_id()),
                    stream,
                    version,
                    position: Position::new(7),
                    name: EventName::new(name).unwrap(),
                    schema_version: 3,
                    codec: CodecTag::JSON,
                    transform: TransformTag::NONE,
                    payload: "{}".into(),
                    metadata: Metadata::default(),
                    correlation: Some(correlation(1)),
                    occurred_at: recorded_at,
                    recorded_at,
                    erased: false,
                })
            }
        }
    }
}

async fn open(directory: &TempDir, clock: &ManualClock, ids: &SequentialIds) -> SqliteStore {
    let options = SqliteOptions::file(directory.path().join("a.db"))
        .with_clock(clock.clone())
        .with_ids(ids.clone())
        .with_synchronous(Synchronous::Normal);
    SqliteStore::open_with(options).await.unwrap()
}

/// Logs have different ids; everything else of an outcome is the same.
fn written(appended: Appended) -> Written {
    (appended.token.position, appended.streams, appended.deduplicated)
}

fn in_order(stream: &StreamId) -> (&str, &str, &str) {
    (stream.tenant_or_empty(), stream.category(), stream.key())
}

fn correlation(number: u8) -> CorrelationId {
    CorrelationId::derive(&Uuid::NAMESPACE_OID, &number.to_string())
}

fn state_type() -> StateType {
    StateType::new("State").unwrap()
}

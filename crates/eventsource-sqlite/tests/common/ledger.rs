//! A projection that the tests drive by hand: a ledger, which notices when an event comes twice or in the wrong order.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use eventsource_core::{
    Bytes, ConsumerId, Epoch, Error, Event, EventDescriptor, EventId, ExpectedVersion, LogId, NewEvent,
    Place, Position, Recorded, RecordedEvent, Result, SliceRange,
    checkpoint::{CheckpointStore, Segment},
    codec::{Codec, CodecTag, Json},
    dead_letter::ParkingLimits,
    projection::{Applied, Batch, Context, TableSuffix, Target},
    store::{Append, EventFeed, EventStore, FeedOptions},
};
use eventsource_sqlite::{
    SqliteBatchProjection, SqliteProjection, SqliteReadModels, SqliteStore,
    rusqlite::{self, Transaction},
};
use serde::{Deserialize, Serialize};

use super::stream;

/// The events of the tests' category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum TestEvent {
    Happened {
        #[serde(default)]
        amount: i64,
    },
}

impl Event for TestEvent {
    const CATEGORY: &'static str = "Test";
    const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("Happened", 1)];
    const CODEC: CodecTag = Json::TAG;

    fn descriptor(&self) -> &'static EventDescriptor {
        &Self::EVENTS[0]
    }

    fn encode(&self) -> Result<Bytes> {
        Json::encode_variant(self)
    }

    fn decode(name: &str, schema_version: u16, payload: &[u8]) -> Result<Self> {
        match name {
            "Happened" => Json::decode_variant("Happened", payload),
            _ => Err(Error::unknown_event(Self::CATEGORY, name, schema_version)),
        }
    }
}

/// Amounts that the ledger does not take in.
pub(crate) const REFUSED: i64 = -1;
pub(crate) const PANICS: i64 = -2;
pub(crate) const DISK_FULL: i64 = -3;
pub(crate) const COMMITS: i64 = -4;

/// Writes each event into a table of its own, where it may be once, and adds it to the sum of its stream, which must be at
/// the version before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// How often an event was handled, whatever became of it.
    pub(crate) handled: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(crate) enum LedgerError {
    Refused,
    OutOfOrder,
    Database(rusqlite::Error),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the amount is refused",
            Self::OutOfOrder => "the event is out of order",
            Self::Database(_) => "the ledger cannot be written",
        })
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused | Self::OutOfOrder => None,
            Self::Database(error) => Some(error),
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl SqliteProjection for Ledger {
    type Event = TestEvent;
    type Error = LedgerError;

    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), LedgerError> {
        transaction.execute_batch(&format!(
            "CREATE TABLE entries{suffix} (event BLOB PRIMARY KEY, position INTEGER NOT NULL) STRICT;
             CREATE INDEX entries{suffix}_by_position ON entries{suffix} (position);
             CREATE TABLE sums{suffix} (stream TEXT PRIMARY KEY, sum INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;
             CREATE VIEW totals{suffix} AS SELECT sum(sum) AS total FROM sums{suffix};"
        ))?;
        Ok(())
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        event: &Recorded<TestEvent>,
        context: Context<'_>,
    ) -> Result<(), LedgerError> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let TestEvent::Happened { amount } = event.event;
        let (suffix, record) = (context.suffix(), &event.record);
        transaction
            .prepare_cached(&format!("INSERT INTO entries{suffix} VALUES (?1, ?2)"))?
            .execute((record.id.as_uuid().as_bytes(), record.position.get() as i64))?;
        match amount {
            REFUSED => return Err(LedgerError::Refused),
            PANICS => panic!("the ledger panics"),
            DISK_FULL => {
                let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
                return Err(rusqlite::Error::SqliteFailure(full, None).into());
            }
            COMMITS => transaction.execute_batch("COMMIT")?,
            _ => {}
        }
        let before = record.version.get() as i64 - 1;
        let sql = format!(
            "INSERT INTO sums{suffix} VALUES (?1, ?2, ?3 + 1) ON CONFLICT DO UPDATE \
             SET sum = sum + ?2, version = version + 1 WHERE version = ?3"
        );
        let summed = transaction.prepare_cached(&sql)?.execute((record.stream.as_str(), amount, before))?;
        if summed == 1 { Ok(()) } else { Err(LedgerError::OutOfOrder) }
    }
}

/// The ledger again, which takes many events in at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct BatchLedger(pub(crate) Ledger);

impl SqliteBatchProjection for BatchLedger {
    type Event = TestEvent;
    type Error = LedgerError;

    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), LedgerError> {
        self.0.create(transaction, suffix)
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        events: &[Recorded<TestEvent>],
        context: Context<'_>,
    ) -> Result<(), LedgerError> {
        events.iter().try_for_each(|event| self.0.handle(transaction, event, context))
    }
}

pub(crate) fn consumer() -> ConsumerId {
    ConsumerId::new("ledger", 1).unwrap()
}

/// Appends one event for each amount to a stream.
pub(crate) async fn amounts(store: &SqliteStore, key: impl ToString, amounts: &[i64]) {
    let event = |amount: &i64| {
        let event = TestEvent::Happened { amount: *amount };
        NewEvent::encode(EventId::generate(), &event).unwrap()
    };
    let events = amounts.iter().map(event).collect();
    store.append(Append::new(stream(key), ExpectedVersion::Any, events)).await.unwrap();
}

/// The segment over all slices, begun at the start of the log.
pub(crate) async fn begin(models: &SqliteReadModels, store: &SqliteStore) -> Segment {
    let log = EventFeed::log(store);
    models.begin(&consumer(), log.id, Place::start(log.incarnation)).await.unwrap().remove(0)
}

/// The segments as they are.
pub(crate) async fn segments(models: &SqliteReadModels, log: LogId) -> Vec<Segment> {
    models.segments(&consumer(), log).await.unwrap()
}

/// What the feed shows after a segment's place, at most so many events, as a batch under an epoch.
pub(crate) async fn batch(store: &SqliteStore, segment: &Segment, epoch: u64, limit: usize) -> Batch {
    let after = segment.place.position;
    let page = store.read_feed(after, &FeedOptions::default().with_limit(limit)).await.unwrap();
    let event = store.event_id_at(page.next).await.unwrap();
    let slices = segment.key.slices;
    let events = page.events.into_iter().map(Arc::new).filter(|event| {
        slices == SliceRange::ALL || slices.contains(eventsource_core::Slice::of_stream(&event.stream))
    });
    Batch {
        segment: segment.key.clone(),
        from: after,
        to: Place { incarnation: segment.place.incarnation, position: page.next, event },
        epoch: Epoch::new(epoch),
        events: events.collect(),
        letters: Vec::new(),
        released: Vec::new(),
        parking: ParkingLimits::default(),
        attempt: 1,
    }
}

/// Applies a batch, all of which must be done.
pub(crate) async fn apply_all(target: &impl Target, batch: &Batch) {
    let applied = target.apply(batch).await.unwrap();
    assert!(matches!(applied, Applied::All), "{applied:?}");
}

/// What the tables of version 1 hold: each entry, and the sum and version of each stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) entries: Vec<(Position, EventId)>,
    pub(crate) sums: Vec<(String, i64, u64)>,
}

impl Books {
    pub(crate) async fn read(models: &SqliteReadModels) -> Self {
        let rows = models.query(|connection| {
            let entries = connection
                .prepare("SELECT position, event FROM entries_v1 ORDER BY position")?
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let sums = connection
                .prepare("SELECT stream, sum, version FROM sums_v1 ORDER BY stream")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((entries, sums))
        });
        let (entries, sums) = rows.await.unwrap();
        let entry = |(position, event): (i64, [u8; 16])| {
            (Position::new(position as u64), EventId::from_uuid(uuid::Uuid::from_bytes(event)))
        };
        Self { entries: entries.into_iter().map(entry).collect(), sums }
    }

    /// Where two books first differ, in words short enough for a failed test.
    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        let first = |kind: &str, found: &[String], expected: &[String]| {
            let equal = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
            let differs = equal < found.len().max(expected.len());
            differs.then(|| format!("{kind} {equal}: {:?}, not {:?}", found.get(equal), expected.get(equal)))
        };
        let texts = |books: &Self| {
            let entries: Vec<_> = books.entries.iter().map(|entry| format!("{entry:?}")).collect();
            (entries, books.sums.iter().map(|sum| format!("{sum:?}")).collect::<Vec<_>>())
        };
        let ((entries, sums), (expected_entries, expected_sums)) = (texts(self), texts(expected));
        first("entry", &entries, &expected_entries).or_else(|| first("sum", &sums, &expected_sums))
    }

    /// What the tables must hold once these events were taken in.
    pub(crate) fn fold<'e>(events: impl Iterator<Item = &'e RecordedEvent>) -> Self {
        let (mut entries, mut sums) = (Vec::new(), std::collections::BTreeMap::new());
        for event in events {
            entries.push((event.position, event.id));
            let TestEvent::Happened { amount } =
                TestEvent::decode(event.name.as_str(), 1, &event.payload).unwrap();
            let (sum, version) = sums.entry(event.stream.to_string()).or_insert((0, 0));
            *sum += amount;
            *version += 1;
            assert_eq!(*version, event.version.get());
        }
        let sums = sums.into_iter().map(|(stream, (sum, version))| (stream, sum, version)).collect();
        Self { entries, sums }
    }
}

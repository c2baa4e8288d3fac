//! Transactional projections: events, letters and checkpoint are one commit, whatever happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{sync::atomic::Ordering, time::Duration};

use common::{
    append, event, feed,
    ledger::{
        BatchLedger, Books, COMMITS, DISK_FULL, Ledger, PANICS, REFUSED, TestEvent, amounts, apply_all,
        batch, begin, consumer, segments,
    },
    stream,
};
use eventsource_core::{
    Bytes, ConsumerId, ConsumerName, Epoch, Error, ErrorKind, EventId, ExpectedVersion, Incarnation,
    NewEvent, Place, Position, Recorded,
    checkpoint::{CheckpointStore, Segment, SegmentChange},
    dead_letter::{Cause, CauseKind, DeadLetter, DeadLetterStore, LettersOptions, ParkingLimits},
    lifecycle::LifecycleNote,
    projection::{Applied, Batch, Context, TableSuffix, Target},
    store::{Append, EventFeed, EventStore, StreamErasure},
};
use eventsource_sqlite::{
    SqliteProjection, SqliteReadModels, SqliteStore,
    rusqlite::{self, Transaction},
};
use tempfile::TempDir;

/// A store, and read models in one of the places where they may lie.
struct Setting {
    _directory: TempDir,
    store: SqliteStore,
    models: SqliteReadModels,
}

/// Read models in the file of the store, in a file of their own, and in memory.
async fn everywhere() -> Vec<Setting> {
    let mut places = Vec::new();
    for number in 0..4 {
        let directory = TempDir::new().unwrap();
        let store = match number {
            3 => SqliteStore::in_memory().await.unwrap(),
            _ => SqliteStore::open(directory.path().join("events.db")).await.unwrap(),
        };
        let models = match number {
            1 => SqliteReadModels::open(directory.path().join("models.db")).await.unwrap(),
            2 => SqliteReadModels::in_memory().await.unwrap(),
            _ => store.read_models().clone(),
        };
        places.push(Setting { _directory: directory, store, models });
    }
    places
}

async fn one_file() -> Setting {
    everywhere().await.remove(0)
}

fn failure(applied: Applied) -> (usize, usize, eventsource_core::BoxError) {
    match applied {
        Applied::Failed { done, index, cause } => (done, index, cause),
        other => panic!("{other:?}"),
    }
}

fn letter(batch: &Batch, index: usize) -> DeadLetter {
    let event = batch.events[index].as_ref().clone();
    DeadLetter {
        consumer: consumer(),
        log: batch.segment.log,
        parked_at: event.recorded_at,
        tried_at: event.recorded_at,
        event,
        edited: None,
        cause: Cause { kind: CauseKind::Handler, chain: vec!["secret".to_owned()], fingerprint: 1 },
        attempts: 5,
        handler_version: String::new(),
    }
}

#[tokio::test]
async fn events_and_checkpoint_are_one_commit() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2]).await;
        amounts(store, "b", &[3]).await;
        let target = models.projection(Ledger::default()).unwrap();
        let segment = begin(models, store).await;
        let batch = batch(store, &segment, 7, 100).await;
        assert_eq!(batch.events.len(), 3);
        apply_all(&target, &batch).await;
        assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
        let stepped = Segment { place: batch.to, epoch: Epoch::new(7), ..segment };
        assert_eq!(segments(models, batch.segment.log).await, [stepped]);
        let total: i64 =
            models.query(|c| c.query_row("SELECT total FROM totals_v1", [], |row| row.get(0))).await.unwrap();
        assert_eq!(total, 6);
    }
}

#[tokio::test]
async fn a_failed_event_rolls_everything_back() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2, REFUSED, 4]).await;
        let ledger = Ledger::default();
        let target = models.projection(ledger.clone()).unwrap();
        target.prepare(&consumer()).await.unwrap();
        let segment = begin(models, store).await;
        let whole = batch(store, &segment, 1, 100).await;
        let (done, index, cause) = failure(target.apply(&whole).await.unwrap());
        assert_eq!((done, index), (0, 2));
        assert_eq!(cause.to_string(), "the amount is refused");
        assert_eq!(ledger.handled.load(Ordering::SeqCst), 3, "each event is tried once");
        assert_eq!(Books::read(models).await.entries, []);
        assert_eq!(segments(models, segment.key.log).await, std::slice::from_ref(&segment));

        // What the runner then does: those before as one batch, and it alone.
        let before = Batch { events: whole.events[..2].to_vec(), ..whole.clone() };
        let before = Batch { to: Batch { to: whole.to, ..whole.clone() }.place_after(2).unwrap(), ..before };
        apply_all(&target, &before).await;
        let segment = segments(models, segment.key.log).await.remove(0);
        let alone = batch(store, &segment, 1, 1).await;
        assert_eq!(failure(target.apply(&alone).await.unwrap()).1, 0);
        assert_eq!(Books::read(models).await.entries.len(), 2);
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_of_its_event_and_the_writer_lives_on() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, PANICS]).await;
        let target = models.projection(Ledger::default()).unwrap();
        target.prepare(&consumer()).await.unwrap();
        let segment = begin(models, store).await;
        let batch = batch(store, &segment, 1, 100).await;
        let (_, index, cause) = failure(target.apply(&batch).await.unwrap());
        assert_eq!(index, 1);
        let error = cause.downcast_ref::<Error>().unwrap();
        assert_eq!(*error.kind(), ErrorKind::Panicked);
        assert!(error.to_string().contains("the ledger panics"), "{error}");
        assert_eq!(Books::read(models).await.entries, []);
        store.append(append("b")).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_fails_its_event() {
    let Setting { store, models, .. } = &one_file().await;
    store.append(append("a")).await.unwrap();
    let unreadable = vec![event(*b"not json")];
    store.append(Append::new(stream("a"), ExpectedVersion::Any, unreadable)).await.unwrap();
    let unknown = vec![NewEvent::new(EventId::generate(), "Unheard", "{}").unwrap()];
    store.append(Append::new(stream("b"), ExpectedVersion::Any, unknown)).await.unwrap();
    let target = models.projection(Ledger::default()).unwrap();
    let segment = begin(models, store).await;
    let batch = batch(store, &segment, 1, 100).await;
    let (_, index, cause) = failure(target.apply(&batch).await.unwrap());
    assert_eq!(index, 1);
    assert_eq!(*cause.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Decode);
    let unknown = Batch { events: batch.events[2..].to_vec(), ..batch };
    let (_, _, cause) = failure(target.apply(&unknown).await.unwrap());
    assert!(matches!(cause.downcast_ref::<Error>().unwrap().kind(), ErrorKind::UnknownEvent { .. }));
}

#[tokio::test]
async fn a_batch_from_elsewhere_or_of_an_older_owner_is_fenced_before_anything_is_handled() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2, 3]).await;
        let ledger = Ledger::default();
        let target = models.projection(ledger.clone()).unwrap();
        let segment = begin(models, store).await;
        let first = batch(store, &segment, 5, 1).await;
        apply_all(&target, &first).await;
        let books = Books::read(models).await;
        let segment = segments(models, segment.key.log).await.remove(0);
        let next = batch(store, &segment, 5, 1).await;
        let elsewhere = Place { incarnation: Incarnation::generate(), ..next.to };
        let mut other_version = next.segment.clone();
        other_version.consumer.version = 2;
        let fenced = [
            first.clone(),
            Batch { from: Position::START, ..next.clone() },
            Batch { epoch: Epoch::new(4), ..next.clone() },
            Batch { to: elsewhere, ..next.clone() },
            Batch { segment: other_version, ..next.clone() },
        ];
        for batch in fenced {
            let applied = target.apply(&batch).await.unwrap();
            assert!(matches!(applied, Applied::Fenced), "{applied:?}");
        }
        assert_eq!(ledger.handled.load(Ordering::SeqCst), 1);
        assert_eq!(Books::read(models).await, books);
        assert_eq!(segments(models, segment.key.log).await, [segment]);
        let backwards = Batch { to: Place { position: Position::START, ..next.to }, ..next.clone() };
        let error = target.apply(&backwards).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidInput { field: "step", .. }), "{error}");
        apply_all(&target, &next).await;
    }
}

#[tokio::test]
async fn a_zombie_that_wakes_up_commits_nothing() {
    let Setting { store, models, .. } = &one_file().await;
    amounts(store, "a", &[1, 2, 3]).await;
    let target = models.projection(Ledger::default()).unwrap();
    let segment = begin(models, store).await;
    let zombie = batch(store, &segment, 1, 100).await;
    // The heir claims the segment under a newer epoch, before it has done anything.
    models.change(&segment.key, Epoch::new(2), SegmentChange::Claim).await.unwrap();
    assert!(matches!(target.apply(&zombie).await.unwrap(), Applied::Fenced));
    let heir = Batch { epoch: Epoch::new(2), ..zombie.clone() };
    apply_all(&target, &heir).await;
    assert!(matches!(target.apply(&zombie).await.unwrap(), Applied::Fenced));
    assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
}

#[tokio::test]
async fn a_batch_is_cut_when_its_time_is_up() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2, 3]).await;
        let target = models.projection(Ledger::default()).unwrap().with_batch_time(Duration::ZERO);
        let mut segment = begin(models, store).await;
        for expected in [1, 1, 0] {
            let batch = batch(store, &segment, 1, 100).await;
            match target.apply(&batch).await.unwrap() {
                Applied::Part { done } => assert_eq!(done, expected),
                Applied::All => assert_eq!(expected, 0),
                other => panic!("{other:?}"),
            }
            let expected = batch.events[0].clone();
            segment = segments(models, segment.key.log).await.remove(0);
            assert_eq!(segment.place.position, expected.position);
            assert_eq!(segment.place.event, Some(expected.id));
        }
        assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
    }
}

#[tokio::test]
async fn letters_are_parked_with_the_step_up_to_where_it_goes() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1]).await;
        amounts(store, "b", &[REFUSED]).await;
        amounts(store, "a", &[2]).await;
        amounts(store, "b", &[4]).await;
        let target = models.projection(Ledger::default()).unwrap().with_batch_time(Duration::ZERO);
        let segment = begin(models, store).await;
        let log = segment.key.log;
        let all = batch(store, &segment, 1, 100).await;
        let letters = vec![letter(&all, 1), letter(&all, 3)];
        let events = vec![all.events[0].clone(), all.events[2].clone()];
        let batch = Batch { events, letters: letters.clone(), ..all.clone() };
        assert!(matches!(target.apply(&batch).await.unwrap(), Applied::Part { done: 1 }));
        let parked = async || models.letters(&consumer(), log, &LettersOptions::default()).await.unwrap();
        assert_eq!(parked().await, [], "they lie behind the place that was reached");
        let rest =
            Batch { from: all.events[0].position, events: batch.events[1..].to_vec(), ..batch.clone() };
        apply_all(&target, &rest).await;
        assert_eq!(parked().await, letters);
        assert_eq!(models.parked_streams(&consumer(), log).await.unwrap(), [stream("b")]);
        assert_eq!(segments(models, log).await[0].place, all.to);
    }
}

#[tokio::test]
async fn without_room_for_the_letters_nothing_is_done() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1]).await;
        amounts(store, "b", &[2]).await;
        let target = models.projection(Ledger::default()).unwrap();
        target.prepare(&consumer()).await.unwrap();
        let segment = begin(models, store).await;
        let all = batch(store, &segment, 1, 100).await;
        let parking = ParkingLimits::default().with_streams(0);
        let full = Batch { events: all.events[..1].to_vec(), letters: vec![letter(&all, 1)], parking, ..all };
        let error = target.apply(&full).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ParkingFull(parking));
        assert_eq!(Books::read(models).await.entries, []);
        assert_eq!(segments(models, segment.key.log).await, [segment]);
    }
}

#[tokio::test]
async fn a_letter_is_handled_and_released_in_one_commit() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1]).await;
        let target = models.projection(Ledger::default()).unwrap();
        let segment = begin(models, store).await;
        let log = segment.key.log;
        let all = batch(store, &segment, 1, 100).await;
        let parked = Batch { events: Vec::new(), letters: vec![letter(&all, 0)], ..all.clone() };
        apply_all(&target, &parked).await;
        assert_eq!(models.parked_streams(&consumer(), log).await.unwrap(), [stream("a")]);

        let retry = Batch { from: all.to.position, released: vec![all.events[0].id], ..all.clone() };
        let zombie = Batch { epoch: Epoch::NONE, ..retry.clone() };
        assert!(matches!(target.apply(&zombie).await.unwrap(), Applied::Fenced));
        let refused = serde_json::to_vec(&serde_json::json!({ "amount": REFUSED })).unwrap();
        let mut edited = retry.events[0].as_ref().clone();
        edited.payload = Bytes::from(refused);
        let failing = Batch { events: vec![edited.into()], ..retry.clone() };
        assert_eq!(failure(target.apply(&failing).await.unwrap()).1, 0);
        assert_eq!(models.parked_streams(&consumer(), log).await.unwrap(), [stream("a")], "it waits on");

        apply_all(&target, &retry).await;
        assert_eq!(models.parked_streams(&consumer(), log).await.unwrap(), []);
        assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
        assert_eq!(segments(models, log).await[0].place, all.to);
    }
}

#[tokio::test]
async fn a_failure_of_the_database_is_no_failure_of_the_event() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, DISK_FULL]).await;
        let target = models.projection(Ledger::default()).unwrap();
        target.prepare(&consumer()).await.unwrap();
        let segment = begin(models, store).await;
        let batch = batch(store, &segment, 1, 100).await;
        let error = target.apply(&batch).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::StorageFull);
        assert_eq!(Books::read(models).await.entries, []);
    }
}

#[tokio::test]
async fn a_projection_that_ends_the_transaction_is_found_out() {
    let Setting { store, models, .. } = &one_file().await;
    amounts(store, "a", &[COMMITS, 2]).await;
    let target = models.projection(Ledger::default()).unwrap();
    let segment = begin(models, store).await;
    let batch = batch(store, &segment, 1, 100).await;
    let (_, index, cause) = failure(target.apply(&batch).await.unwrap());
    assert_eq!(index, 0);
    assert!(cause.to_string().contains("ended the transaction"), "{cause}");
    assert_eq!(segments(models, segment.key.log).await, [segment]);
    store.append(append("b")).await.unwrap();
}

#[tokio::test]
async fn versions_are_filled_beside_each_other() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2]).await;
        let target = models.projection(Ledger::default()).unwrap();
        let segment = begin(models, store).await;
        apply_all(&target, &batch(store, &segment, 1, 100).await).await;

        let new = ConsumerId::new("ledger", 2).unwrap();
        let log = EventFeed::log(store);
        let segment = models.begin(&new, log.id, Place::start(log.incarnation)).await.unwrap().remove(0);
        let half = batch(store, &segment, 2, 1).await;
        apply_all(&target, &half).await;

        let sums = |connection: &rusqlite::Connection, suffix: TableSuffix| {
            let sql = format!("SELECT sum(sum) FROM sums{suffix}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
        };
        let name = ConsumerName::new("ledger").unwrap();
        assert_eq!(models.query_active(&name, sums).await.unwrap(), None);
        assert!(models.switch_version(&name, None, 1).await.unwrap());
        assert_eq!(models.query_active(&name, sums).await.unwrap(), Some(3));
        assert!(models.switch_version(&name, Some(1), 2).await.unwrap());
        assert_eq!(models.query_active(&name, sums).await.unwrap(), Some(1));

        target.remove(&consumer()).await.unwrap();
        assert_eq!(segments(models, log.id).await, []);
        assert_eq!(tables(models).await, ["entries_v2", "sums_v2", "totals_v2"]);
        assert!(matches!(target.apply(&half).await.unwrap(), Applied::Fenced), "where it is no longer");
        // What was removed may begin anew.
        let segment = begin(models, store).await;
        apply_all(&target, &batch(store, &segment, 1, 100).await).await;
        assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
    }
}

/// The tables and views that are not of this library.
async fn tables(models: &SqliteReadModels) -> Vec<String> {
    let names = models.query(|connection| {
        connection
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'es\\_%' ESCAPE '\\' \
                 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    });
    names.await.unwrap()
}

#[tokio::test]
async fn a_reset_empties_the_tables_and_begins_anew() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1]).await;
        amounts(store, "b", &[2]).await;
        let target = models.projection(Ledger::default()).unwrap();
        let segment = begin(models, store).await;
        let log = segment.key.log;
        let all = batch(store, &segment, 5, 100).await;
        let some = Batch { events: all.events[..1].to_vec(), letters: vec![letter(&all, 1)], ..all.clone() };
        apply_all(&target, &some).await;
        let before = tables(models).await;

        let start = Place::start(segment.place.incarnation);
        assert!(!target.reset(&consumer(), log, Epoch::new(4), start).await.unwrap(), "an older epoch");
        assert_eq!(Books::read(models).await.entries.len(), 1);
        assert!(target.reset(&consumer(), log, Epoch::new(5), start).await.unwrap());
        assert_eq!(tables(models).await, before);
        let books = Books::read(models).await;
        assert_eq!((books.entries, books.sums), (vec![], vec![]));
        assert_eq!(models.parked_streams(&consumer(), log).await.unwrap(), []);
        let segment = segments(models, log).await.remove(0);
        assert_eq!((segment.place, segment.epoch), (start, Epoch::new(5)));
        apply_all(&target, &all).await;
        assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
    }
}

#[tokio::test]
async fn tables_are_made_once_and_never_shared() {
    for Setting { models, .. } in &everywhere().await {
        let target = models.projection(Ledger::default()).unwrap();
        target.prepare(&consumer()).await.unwrap();
        target.prepare(&consumer()).await.unwrap();
        let error = target.prepare(&"other@1".parse().unwrap()).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("other@1"), "{error}");
        // The second one has left nothing behind.
        target.remove(&consumer()).await.unwrap();
        assert_eq!(tables(models).await, [""; 0]);
        target.prepare(&"other@1".parse().unwrap()).await.unwrap();
    }
}

/// Makes what is harder to drop: tables that refer to each other, a virtual table, and an odd name.
struct Odd;

impl SqliteProjection for Odd {
    type Event = TestEvent;
    type Error = rusqlite::Error;

    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> rusqlite::Result<()> {
        transaction.execute_batch(&format!(
            "CREATE TABLE parents{suffix} (id INTEGER PRIMARY KEY);
             CREATE TABLE children{suffix} (parent INTEGER REFERENCES parents{suffix} (id));
             CREATE VIRTUAL TABLE words{suffix} USING fts5 (text);
             CREATE TABLE \"it's \"\"odd\"\"{suffix}\" (x);"
        ))
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        _: &Recorded<TestEvent>,
        context: Context<'_>,
    ) -> rusqlite::Result<()> {
        let suffix = context.suffix();
        transaction.execute_batch(&format!(
            "INSERT INTO parents{suffix} VALUES (1);
             INSERT INTO children{suffix} VALUES (1);
             INSERT INTO words{suffix} VALUES ('a word');"
        ))
    }
}

#[tokio::test]
async fn whatever_a_projection_made_is_dropped() {
    let Setting { store, models, .. } = &one_file().await;
    amounts(store, "a", &[1]).await;
    let target = models.projection(Odd).unwrap();
    let segment = begin(models, store).await;
    let batch = batch(store, &segment, 1, 100).await;
    apply_all(&target, &batch).await;
    let start = Place::start(segment.place.incarnation);
    assert!(target.reset(&consumer(), segment.key.log, Epoch::new(1), start).await.unwrap());
    apply_all(&target, &batch).await;
    target.remove(&consumer()).await.unwrap();
    assert_eq!(tables(models).await, [""; 0]);
}

#[tokio::test]
async fn an_erased_stream_is_blanked_among_the_letters_of_another_file() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1]).await;
        amounts(store, "b", &[2]).await;
        let target = models.projection(Ledger::default()).unwrap();
        let segment = begin(models, store).await;
        let log = segment.key.log;
        let all = batch(store, &segment, 1, 100).await;
        let letters = vec![letter(&all, 0), letter(&all, 1)];
        apply_all(&target, &Batch { events: Vec::new(), letters, ..all.clone() }).await;

        store.erase(&stream("a"), &LifecycleNote::default()).await.unwrap();
        let segment = segments(models, log).await.remove(0);
        let record = batch(store, &segment, 1, 100).await;
        assert_eq!(record.events.len(), 1);
        apply_all(&target, &record).await;
        let letters = models.letters(&consumer(), log, &LettersOptions::default()).await.unwrap();
        assert!(letters[0].event.erased && letters[0].event.payload.is_empty(), "{letters:?}");
        assert_eq!(letters[0].cause.chain, [""; 0]);
        assert!(!letters[1].event.erased && letters[1].cause.chain == ["secret"]);
    }
}

#[tokio::test]
async fn a_batch_of_a_batch_projection_is_one_commit() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2, 3]).await;
        let ledger = BatchLedger::default();
        let target = models.batch_projection(ledger.clone()).unwrap().with_batch_time(Duration::ZERO);
        let segment = begin(models, store).await;
        apply_all(&target, &batch(store, &segment, 1, 100).await).await;
        assert_eq!(ledger.0.handled.load(Ordering::SeqCst), 3);
        assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
    }
}

#[tokio::test]
async fn the_event_to_blame_is_found_when_a_batch_fails() {
    for Setting { store, models, .. } in &everywhere().await {
        for amount in [REFUSED, PANICS] {
            amounts(store, format!("a{amount}"), &[1, 2, amount, 4]).await;
        }
        let target = models.batch_projection(BatchLedger::default()).unwrap();
        target.prepare(&consumer()).await.unwrap();
        let segment = begin(models, store).await;
        let whole = batch(store, &segment, 1, 100).await;
        assert_eq!(failure(target.apply(&whole).await.unwrap()).1, 2);
        let second = Batch { events: whole.events[4..].to_vec(), ..whole.clone() };
        assert_eq!(failure(target.apply(&second).await.unwrap()).1, 2);
        assert_eq!(Books::read(models).await.entries, []);
        let good = Batch { events: whole.events[4..6].to_vec(), ..whole };
        apply_all(&target, &good).await;
        assert_eq!(Books::read(models).await.entries.len(), 2);
    }
}

/// Refuses to take more than one event at a time.
struct OneByOne(Ledger);

impl eventsource_sqlite::SqliteBatchProjection for OneByOne {
    type Event = TestEvent;
    type Error = common::ledger::LedgerError;

    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), Self::Error> {
        self.0.create(transaction, suffix)
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        events: &[Recorded<TestEvent>],
        context: Context<'_>,
    ) -> Result<(), Self::Error> {
        for event in events {
            self.0.handle(transaction, event, context)?;
        }
        if events.len() == 1 { Ok(()) } else { Err(common::ledger::LedgerError::Refused) }
    }
}

#[tokio::test]
async fn events_that_fail_only_together_are_taken_in_one_by_one() {
    let Setting { store, models, .. } = &one_file().await;
    amounts(store, "a", &[1, 2, 3]).await;
    let target = models.batch_projection(OneByOne(Ledger::default())).unwrap();
    let segment = begin(models, store).await;
    apply_all(&target, &batch(store, &segment, 1, 100).await).await;
    assert_eq!(Books::read(models).await, Books::fold(feed(store).await.iter()));
}

#[tokio::test]
async fn queries_write_nothing_and_leave_nothing_open() {
    for Setting { store, models, .. } in &everywhere().await {
        models.projection(Ledger::default()).unwrap().prepare(&consumer()).await.unwrap();
        let write = models.query(|c| c.execute("INSERT INTO sums_v1 VALUES ('x', 1, 1)", [])).await;
        assert!(write.is_err());
        assert_eq!(Books::read(models).await.sums, []);
        let missing = models.query(|c| c.execute("SELECT * FROM missing", [])).await.unwrap_err();
        assert!(matches!(missing.kind(), ErrorKind::InvalidInput { field: "query", .. }), "{missing}");
        // In memory it is the connection that writes.
        begin(models, store).await;
        store.append(append("a")).await.unwrap();
    }
}

#[tokio::test]
async fn an_effect_is_applied_once_per_group() {
    for Setting { store, models, .. } in &everywhere().await {
        amounts(store, "a", &[1, 2, 3]).await;
        let (log, events) = (EventFeed::log(store).id, feed(store).await);
        models.projection(Ledger::default()).unwrap().prepare(&consumer()).await.unwrap();
        let group = ConsumerName::new("mail").unwrap();
        let apply = async |number: usize, fails: bool| {
            let id = *events[number].id.as_uuid().as_bytes();
            let effect = move |transaction: &Transaction<'_>| -> Result<(), eventsource_core::BoxError> {
                transaction.execute("INSERT INTO entries_v1 VALUES (?1, 1)", [&id[..]])?;
                if fails { Err("no".into()) } else { Ok(()) }
            };
            models.apply_once(&group, log, &events[number], effect).await
        };
        assert_eq!(apply(0, true).await.unwrap_err().to_string(), "no");
        assert_eq!(Books::read(models).await.entries, []);
        assert!(apply(0, false).await.unwrap());
        assert!(!apply(0, false).await.unwrap(), "it came twice");
        assert!(apply(2, false).await.unwrap());
        assert!(!apply(1, false).await.unwrap(), "a later one was applied");
        let panics = models.apply_once(&group, log, &events[0], |_| -> Result<(), Error> { panic!("no") });
        assert!(!panics.await.unwrap(), "what was applied is not tried");
        assert_eq!(Books::read(models).await.entries.len(), 2);
        assert!(segments(models, log).await.is_empty());
    }
}

//! A transactional projection applies each event once, whatever dies, sleeps or restarts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use common::{Tick, quick, soon, stream};
use eventsource_core::{
    ConsumerName, EventId, ExpectedVersion, NewEvent, Recorded,
    dead_letter::LettersOptions,
    projection::{Context, TableSuffix},
    request::Letters,
    store::{Append, EventStore},
};
use eventsource_sqlite::{
    SqliteProjection, SqliteReadModels, SqliteStore,
    rusqlite::{self, Transaction},
};
use eventsource_subscriptions::{Reached, Subscription, Subscriptions};
use tempfile::tempdir;

/// The count and sum of the ticks of each stream.
struct Sums;

#[derive(Debug, thiserror::Error)]
enum SumError {
    #[error("this number is poison")]
    Poison,
    #[error("the tick is number {version} of its stream, and comes as number {count}")]
    OutOfTurn { version: i64, count: i64 },
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
}

const POISON: u64 = 1_000_000;

impl SqliteProjection for Sums {
    type Event = Tick;
    type Error = SumError;

    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), SumError> {
        let columns = "stream TEXT PRIMARY KEY, count INTEGER NOT NULL, sum INTEGER NOT NULL";
        Ok(transaction.execute_batch(&format!("CREATE TABLE sums{suffix} ({columns}) STRICT"))?)
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        event: &Recorded<Tick>,
        context: Context<'_>,
    ) -> Result<(), SumError> {
        let Tick::Ticked { number } = event.event;
        if number == POISON {
            return Err(SumError::Poison);
        }
        let sql = format!(
            "INSERT INTO sums{} VALUES (?1, 1, ?2) \
             ON CONFLICT DO UPDATE SET count = count + 1, sum = sum + excluded.sum RETURNING count",
            context.suffix()
        );
        let row = (event.record.stream.key(), number as i64);
        let count: i64 = transaction.prepare_cached(&sql)?.query_row(row, |row| row.get(0))?;
        // Whatever is repeated, left out or out of order is found here.
        let version = event.record.version.get() as i64;
        if count == version { Ok(()) } else { Err(SumError::OutOfTurn { version, count }) }
    }
}

/// Where the read model lies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    WithTheEvents,
    InAFileOfItsOwn,
}

const PLACES: [Place; 2] = [Place::WithTheEvents, Place::InAFileOfItsOwn];

/// The subscription, over the files of a directory. Leases are short, because the tests wait for their ends.
async fn subscribe(
    directory: &Path,
    place: Place,
) -> (SqliteStore, SqliteReadModels, Subscriptions, Subscription) {
    let store = SqliteStore::open(directory.join("events.db")).await.unwrap();
    let models = match place {
        Place::WithTheEvents => store.read_models().clone(),
        Place::InAFileOfItsOwn => SqliteReadModels::open(directory.join("models.db")).await.unwrap(),
    };
    let subscriptions = Subscriptions::new(store.clone())
        .with_leases(Duration::from_millis(200), Duration::from_millis(50))
        .unwrap();
    let options = quick().with_batch_events(20).with_lanes(3);
    let subscription =
        subscriptions.target("sums", models.projection(Sums).unwrap(), models.clone(), options).unwrap();
    (store, models, subscriptions, subscription)
}

async fn append(store: &SqliteStore, key: u64, number: u64) -> eventsource_core::Token {
    let event = NewEvent::encode(EventId::generate(), &Tick::Ticked { number }).unwrap();
    store.append(Append::new(stream(key), ExpectedVersion::Any, vec![event])).await.unwrap().token
}

/// Count and sum of each stream, as the read model has them.
async fn sums(models: &SqliteReadModels) -> Vec<(String, i64, i64)> {
    let consumer = ConsumerName::new("sums").unwrap();
    let sums = models.query_active(&consumer, |connection, suffix| {
        let sql = format!("SELECT stream, count, sum FROM sums{suffix} ORDER BY stream");
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    });
    sums.await.unwrap().expect("a version is active")
}

const CHILD: &str = "EVENTSOURCE_EXACTLY_ONCE_TEST";

/// This test binary once more, as a process that runs the subscription until it is killed.
fn child(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_between_two_commits_repeats_and_loses_nothing() {
    let name = "whoever_is_killed_between_two_commits_repeats_and_loses_nothing";
    if let Ok(directory) = std::env::var(CHILD) {
        let place = if Path::new(&directory).join("own").exists() { PLACES[1] } else { PLACES[0] };
        let (_store, _models, subscriptions, _) = subscribe(Path::new(&directory), place).await;
        subscriptions.start().await;
        return std::future::pending().await;
    }
    const ROUNDS: u64 = 12;
    const STREAMS: u64 = 7;
    for place in PLACES {
        let directory = tempdir().unwrap();
        if place == Place::InAFileOfItsOwn {
            std::fs::write(directory.path().join("own"), "").unwrap();
        }
        let store = SqliteStore::open(directory.path().join("events.db")).await.unwrap();
        let mut appended = 0;
        for _ in 0..ROUNDS {
            let mut killed = child(name, directory.path());
            // The last byte of a new id is random: the child is somewhere else each time.
            let many = 20 + u64::from(EventId::generate().as_uuid().as_bytes()[15]);
            for _ in 0..many {
                append(&store, appended % STREAMS, appended).await;
                appended += 1;
            }
            killed.kill().unwrap();
            killed.wait().unwrap();
        }
        let (_, models, subscriptions, subscription) = subscribe(directory.path(), place).await;
        soon(subscriptions.start()).await.into_result().unwrap();
        soon(subscription.wait_until_caught_up()).await.unwrap();
        let expected: Vec<(String, i64, i64)> = (0..STREAMS)
            .map(|key| {
                let numbers: Vec<u64> = (0..appended).filter(|number| number % STREAMS == key).collect();
                (key.to_string(), numbers.len() as i64, numbers.iter().sum::<u64>() as i64)
            })
            .collect();
        assert_eq!(sums(&models).await, expected, "{place:?}");
        assert_eq!(subscription.letter_statistics().await.unwrap().letters, 0, "{place:?}");
        soon(subscriptions.stop(Duration::from_secs(5))).await;
    }
}

#[tokio::test]
async fn what_is_parked_is_released_in_the_transaction_that_handles_it() {
    for place in PLACES {
        let directory = tempdir().unwrap();
        let (store, models, subscriptions, subscription) = subscribe(directory.path(), place).await;
        soon(subscriptions.start()).await.into_result().unwrap();
        append(&store, 1, 10).await;
        let poison = append(&store, 1, POISON).await;
        append(&store, 1, 11).await;
        append(&store, 2, 20).await;
        soon(subscription.wait_until_caught_up()).await.unwrap();
        assert_eq!(soon(subscription.wait_until(&poison)).await.unwrap(), Reached::Parked);
        assert_eq!(sums(&models).await, [("1".to_owned(), 1, 10), ("2".to_owned(), 1, 20)]);
        let letters = subscription.letters(&LettersOptions::default()).await.unwrap();
        assert_eq!(letters.len(), 2, "{place:?}");
        assert_eq!(letters[0].cause.chain, ["this number is poison"]);

        let report = soon(subscription.retry(Letters::All)).await.unwrap();
        assert_eq!((report.settled, report.failed), (0, 1));
        let report = soon(subscription.edit(letters[0].event.id, r#"{"number":7}"#)).await.unwrap();
        assert_eq!((report.settled, report.failed), (2, 0));
        append(&store, 1, 12).await;
        soon(subscription.wait_until_caught_up()).await.unwrap();
        assert_eq!(sums(&models).await, [("1".to_owned(), 4, 40), ("2".to_owned(), 1, 20)]);
        soon(subscriptions.stop(Duration::from_secs(5))).await;
    }
}

#[tokio::test]
async fn a_reset_fills_the_tables_anew() {
    for place in PLACES {
        let directory = tempdir().unwrap();
        let (store, models, subscriptions, subscription) = subscribe(directory.path(), place).await;
        soon(subscriptions.start()).await.into_result().unwrap();
        for number in 0..50 {
            append(&store, number % 3, number).await;
        }
        soon(subscription.wait_until_caught_up()).await.unwrap();
        let before = sums(&models).await;
        soon(subscription.reset()).await.unwrap();
        soon(subscription.wait_until_caught_up()).await.unwrap();
        assert_eq!(sums(&models).await, before, "{place:?}");
        soon(subscriptions.stop(Duration::from_secs(5))).await;
    }
}

//! A process that is killed anywhere while it projects: the tables hold each event up to the checkpoint exactly once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use common::{
    check_integrity,
    children::child,
    feed,
    ledger::{Books, Ledger, amounts, batch, begin, consumer, segments},
};
use eventsource_core::{
    EventId, Position, RecordedEvent, Slice,
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentOutcome},
    projection::{Applied, Target},
    store::EventFeed,
};
use eventsource_sqlite::{SqliteOptions, SqliteReadModels, SqliteStore, SqliteTarget, Synchronous};
use tempfile::TempDir;

const CHILD: &str = "EVENTSOURCE_PROJECTION_CRASH_TEST_DIRECTORY";
const ROUNDS: u64 = 100;
const STREAMS: usize = 20;
/// More than all rounds together project.
const EVENTS: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_file_of_its_own_each_event_counts_once() {
    killed_often("in_a_file_of_its_own_each_event_counts_once", "models.db").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_store_s_own_file_each_event_counts_once() {
    killed_often("in_the_store_s_own_file_each_event_counts_once", "events.db").await;
}

async fn open(directory: &Path, models: &str) -> (SqliteStore, SqliteReadModels) {
    // What a killed process had written is safe with the operating system.
    let options = |file: &str| {
        SqliteOptions::file(directory.join(file)).with_synchronous(Synchronous::Normal).with_readers(2)
    };
    let store = SqliteStore::open_with(options("events.db")).await.unwrap();
    let models = match models {
        "events.db" => store.read_models().clone(),
        file => SqliteReadModels::open_with(options(file)).await.unwrap(),
    };
    (store, models)
}

async fn killed_often(test: &str, models_file: &str) {
    if let Ok(directory) = std::env::var(CHILD) {
        return project_until_killed(Path::new(&directory), models_file).await;
    }
    let directory = TempDir::new().unwrap();
    let (store, models) = open(directory.path(), models_file).await;
    for block in 0..EVENTS / STREAMS / 100 {
        for key in 0..STREAMS {
            let hundred: Vec<i64> = (0..100).map(|number| (block * 100 + number + key) as i64).collect();
            amounts(&store, key, &hundred).await;
        }
    }
    let all = feed(&store).await;
    assert_eq!(all.len(), EVENTS);
    let whole = begin(&models, &store).await;
    // Two lanes, each with a segment of its own.
    let split = SegmentChange::Split { at: Slice::new(512).unwrap() };
    models.change(&whole.key, whole.epoch, split).await.unwrap();
    models.projection(Ledger::default()).unwrap().prepare(&consumer()).await.unwrap();

    let mut reached = Position::START;
    for round in 1..=ROUNDS {
        let mut projecting = child(test, CHILD, directory.path()).stdout(Stdio::piped()).spawn().unwrap();
        kill_somewhere(&mut projecting);
        let segments = segments(&models, whole.key.log).await;
        assert_eq!(segments.len(), 2);
        let done: Vec<&RecordedEvent> = all.iter().filter(|event| is_done(&segments, event)).collect();
        let difference = Books::read(&models).await.difference(&Books::fold(done.iter().copied()));
        assert_eq!(difference, None, "round {round}");
        let now = segments.iter().map(|segment| segment.place.position).max().unwrap();
        assert!(now >= reached, "a checkpoint never moves back");
        reached = now;
    }
    assert!(
        reached > Position::START && reached < all.last().unwrap().position,
        "there was work in each round"
    );
    check_integrity(&directory.path().join(models_file));
}

/// Whether the segment of an event's stream has passed it.
fn is_done(segments: &[Segment], event: &RecordedEvent) -> bool {
    let slice = Slice::of_stream(&event.stream);
    let segment = segments.iter().find(|segment| segment.key.slices.contains(slice)).unwrap();
    event.position <= segment.place.position
}

/// Kills the child after a random number of batches, and a random while.
fn kill_somewhere(projecting: &mut Child) {
    // The last bytes of a new id are random.
    let random = *EventId::generate().as_uuid().as_bytes();
    let mut patience = usize::from(random[15]) % 12 + 1;
    let lines = BufReader::new(projecting.stdout.take().unwrap()).lines();
    for line in lines.map(Result::unwrap) {
        if line == "applied ." {
            patience = patience.saturating_sub(1);
            if patience == 0 {
                // Up to about the time of a batch: it decides where the process is killed, not whether the test passes.
                std::thread::sleep(Duration::from_micros(u64::from(random[14]) * 8));
                projecting.kill().unwrap();
            }
        }
    }
    assert!(!projecting.wait().unwrap().success(), "the child must have been killed");
}

async fn project_until_killed(directory: &Path, models_file: &str) {
    let (store, models) = open(directory, models_file).await;
    // Some batches are cut.
    let target = models.projection(Ledger::default()).unwrap().with_batch_time(Duration::from_micros(300));
    let log = EventFeed::log(&store).id;
    let mut lanes = Vec::new();
    for segment in segments(&models, log).await {
        let epoch = segment.epoch.next();
        let claimed = models.change(&segment.key, epoch, SegmentChange::Claim).await.unwrap();
        let SegmentOutcome::Changed(segment) = claimed else { panic!("{claimed:?}") };
        lanes.push(tokio::spawn(project_for_ever(store.clone(), models.clone(), target.clone(), segment)));
    }
    for lane in lanes {
        lane.await.unwrap();
    }
}

async fn project_for_ever(
    store: SqliteStore,
    models: SqliteReadModels,
    target: SqliteTarget,
    mut segment: Segment,
) {
    for size in (1..).map(|number| 1 + number * 7 % 30) {
        let batch = batch(&store, &segment, segment.epoch.get(), size).await;
        match target.apply(&batch).await.unwrap() {
            Applied::All | Applied::Part { .. } => {}
            other => panic!("{other:?}"),
        }
        let now = segments(&models, segment.key.log).await;
        segment = now.into_iter().find(|now| now.key == segment.key).unwrap();
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(b"applied .\n").unwrap();
        stdout.flush().unwrap();
    }
}

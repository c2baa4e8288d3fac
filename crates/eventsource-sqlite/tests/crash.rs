//! A process that is killed while it appends from many tasks loses nothing that it acknowledged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, Stdio},
};

use common::{audit, child, event, stream};
use eventsource_core::{
    EventId, ExpectedVersion, Position,
    store::{Append, EventFeed, EventStore, FeedOptions},
};
use eventsource_sqlite::SqliteStore;
use tempfile::tempdir;

const CHILD: &str = "EVENTSOURCE_CRASH_TEST_FILE";
const ROUNDS: usize = 8;
const TASKS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_being_killed() {
    if let Ok(path) = std::env::var(CHILD) {
        return append_until_killed(&path).await;
    }
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut acknowledged = HashMap::new();
    for _ in 0..ROUNDS {
        let mut appender = child("what_was_acknowledged_survives_being_killed", CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        kill_somewhere(&mut appender, &mut acknowledged);

        let store = SqliteStore::open(&path).await.unwrap();
        let found: HashMap<EventId, (String, u64)> = audit(&store, &path)
            .await
            .into_iter()
            .map(|e| (e.id, (e.stream.to_string(), e.version.get())))
            .collect();
        for (id, place) in &acknowledged {
            assert_eq!(found.get(id), Some(place), "event {id} was acknowledged");
        }
        let head = store.head().await.unwrap();
        assert!(store.read_feed(head, &FeedOptions::default()).await.unwrap().events.is_empty());
        assert!(head > Position::START);
    }
    assert!(acknowledged.len() > ROUNDS, "the test has seen appends");
}

/// Kills the child after a random number of acknowledgements, and collects all that it had written until then.
fn kill_somewhere(appender: &mut Child, acknowledged: &mut HashMap<EventId, (String, u64)>) {
    // The last byte of a new id is random.
    let patience = 2 * usize::from(EventId::generate().as_uuid().as_bytes()[15]) + 1;
    let lines = BufReader::new(appender.stdout.take().unwrap()).lines();
    let mut acknowledgements = 0;
    for line in lines.map(Result::unwrap) {
        let words: Vec<&str> = line.split(' ').collect();
        // The end of the last line may be missing, and the test harness writes lines of its own.
        let ["acknowledged", stream, version, id, "."] = words[..] else { continue };
        acknowledged.insert(id.parse().unwrap(), (stream.to_owned(), version.parse().unwrap()));
        acknowledgements += 1;
        if acknowledgements == patience {
            appender.kill().unwrap();
        }
    }
    assert!(!appender.wait().unwrap().success(), "the child must have been killed");
    assert!(acknowledgements >= patience);
}

async fn append_until_killed(path: &str) {
    let store = SqliteStore::open(path).await.unwrap();
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(append_for_ever(store.clone(), task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn append_for_ever(store: SqliteStore, task: usize) {
    // Some tasks share a stream, and each append writes two streams.
    let (shared, own) = (stream(format!("shared-{}", task % 3)), stream(format!("own-{task}")));
    loop {
        let (first, second) = (event(vec![b'x'; 100]), event(vec![b'y'; 3_000]));
        let ids = [first.id, second.id];
        let append = Append::new(shared.clone(), ExpectedVersion::Any, vec![first]).and(
            own.clone(),
            ExpectedVersion::Any,
            vec![second],
        );
        let appended = store.append(append).await.unwrap();
        let mut lines = String::new();
        for (written, id) in appended.streams.iter().zip(ids) {
            lines += &format!("acknowledged {} {} {id} .\n", written.stream, written.last);
        }
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(lines.as_bytes()).unwrap();
        stdout.flush().unwrap();
    }
}

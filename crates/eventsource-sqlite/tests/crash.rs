//! A process that is killed while it appends from many tasks loses nothing that it acknowledged.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, Stdio},
};

use common::{audit, children::child, event, stream};
use eventsource_core::{
    EventId, ExpectedVersion, Position, RecordedEvent,
    store::{Append, EventFeed, EventStore, FeedOptions},
};
use eventsource_sqlite::SqliteStore;
use tempfile::tempdir;

const CHILD: &str = "EVENTSOURCE_CRASH_TEST_FILE";
const ROUNDS: usize = 12;
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
        let events = audit(&store, &path).await;
        check_appends(&events);
        let found: HashMap<EventId, (String, u64)> =
            events.into_iter().map(|e| (e.id, (e.stream.to_string(), e.version.get()))).collect();
        for (id, place) in &acknowledged {
            assert_eq!(found.get(id), Some(place), "event {id} was acknowledged");
        }
        let head = store.head().await.unwrap();
        assert!(store.read_feed(head, &FeedOptions::default()).await.unwrap().events.is_empty());
        assert!(head > Position::START);
    }
    assert!(acknowledged.len() > ROUNDS, "the test has seen appends");
}

/// Every append is there whole or not at all, acknowledged or not; and those of one task are there in their order, none
/// left out.
fn check_appends(events: &[RecordedEvent]) {
    let mut written: HashMap<&str, Vec<(&str, Vec<&RecordedEvent>)>> = HashMap::new();
    for event in events {
        let text = std::str::from_utf8(&event.payload).unwrap();
        let [task, append, _] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
        let appends = written.entry(task).or_default();
        match appends.last_mut() {
            Some((last, parts)) if *last == append => parts.push(event),
            _ => appends.push((append, vec![event])),
        }
    }
    for (task, appends) in written {
        for (number, (append, parts)) in appends.iter().enumerate() {
            assert_eq!(*append, number.to_string(), "{task}");
            let [first, second] = parts[..] else { panic!("append {append} of {task}: {parts:?}") };
            assert!(first.stream.key().starts_with("shared") && second.stream.key().starts_with("own"));
            assert_eq!(first.recorded_at, second.recorded_at, "one commit");
        }
    }
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
    let life = EventId::generate();
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(append_for_ever(store.clone(), life, task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Payloads say which task of which process wrote them, and as which of its appends.
async fn append_for_ever(store: SqliteStore, life: EventId, task: usize) {
    // Some tasks share a stream, and each append writes two streams.
    let (shared, own) = (stream(format!("shared-{}", task % 3)), stream(format!("own-{task}")));
    for number in 0.. {
        let payload = |length| format!("{life}-{task} {number} {}", "x".repeat(length));
        let (first, second) = (event(payload(100)), event(payload(3_000)));
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

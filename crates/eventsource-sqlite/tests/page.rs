//! The page `docs/backends/sqlite.md` says what is true: its queries run on the real tables, and its error messages exist.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path, time::Duration};

use eventsource_core::{
    ConsumerId, CorrelationId, EventId, ExpectedVersion, InstanceId, NewEvent, Provenance,
    dead_letter::{Cause, CauseKind, DeadLetter, DeadLetterStore, ParkingLimits},
    lease::{Beat, LeaseStore},
    lifecycle::LifecycleNote,
    status::{ConsumerState, InstanceStatus},
    store::{Append, Close, EventStore, StreamDeletion, StreamErasure},
};
use eventsource_sqlite::SqliteStore;
use rusqlite::{Connection, types::Value};
use tempfile::tempdir;

fn page() -> String {
    read("../../docs/backends/sqlite.md")
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The SQL of the page, each with the line of prose before it.
fn queries(page: &str) -> Vec<(String, String)> {
    let parts = page.split("\n```sql\n").collect::<Vec<_>>();
    let title = |before: &str| before.trim_end().lines().last().unwrap_or_default().to_owned();
    parts
        .windows(2)
        .map(|pair| (title(pair[0]), pair[1].split("\n```").next().unwrap_or_default().to_owned()))
        .collect()
}

/// An order that was placed and shipped, its payment, one order that is deleted, one that is erased.
async fn write(store: &SqliteStore) {
    let process = CorrelationId::from(EventId::generate());
    let by_ada = Provenance::default().with_actor("ada").to_metadata().unwrap();
    let placed = NewEvent::new(EventId::generate(), "OrderPlaced", r#"{"total":100}"#)
        .unwrap()
        .with_metadata(by_ada)
        .with_correlation(process);
    let shipped = NewEvent::new(EventId::generate(), "OrderShipped", "{}").unwrap().with_correlation(process);
    let paid = NewEvent::new(EventId::generate(), "PaymentTaken", "{}").unwrap().with_correlation(process);
    let order = |total: u32| {
        NewEvent::new(EventId::generate(), "OrderPlaced", format!(r#"{{"total":{total}}}"#)).unwrap()
    };
    for (stream, events) in [
        ("Order/4711", vec![placed, shipped]),
        ("acme@Payment/1", vec![paid]),
        ("Order/4712", vec![order(200)]),
        ("Order/4713", vec![order(300)]),
    ] {
        let append = Append::new(stream.parse().unwrap(), ExpectedVersion::NoStream, events);
        store.append(append).await.unwrap();
    }
    let deleted = "Order/4712".parse().unwrap();
    let note = LifecycleNote::because("a test order");
    store.delete(&deleted, ExpectedVersion::Any, &note).await.unwrap();
    let note = LifecycleNote::because("asked for");
    store.erase(&"Order/4713".parse().unwrap(), &note).await.unwrap();
    park(store).await;
}

/// A subscription that has parked the first order, and an instance that tells so.
async fn park(store: &SqliteStore) {
    let consumer: ConsumerId = "sales@1".parse().unwrap();
    let feed = common::feed(store).await;
    let letter = |number: usize, kind, chain: &[&str], attempts| DeadLetter {
        consumer: consumer.clone(),
        log: EventStore::log(store).id,
        event: feed[number].clone(),
        edited: None,
        cause: Cause { kind, chain: chain.iter().map(ToString::to_string).collect(), fingerprint: 1 },
        attempts,
        parked_at: feed[number].recorded_at,
        tried_at: feed[number].recorded_at,
        handler_version: String::new(),
    };
    let letters = [
        letter(0, CauseKind::Handler, &["no total", "not in the payload"], 5),
        letter(1, CauseKind::Behind, &[], 0),
    ];
    store.park(&letters, ParkingLimits::default()).await.unwrap();
    let instance = InstanceId::new("one").unwrap();
    let status = InstanceStatus {
        consumer,
        instance: instance.clone(),
        state: ConsumerState::Live,
        reason: None,
        failing_event: None,
        position: feed[6].position,
        lag_events: Some(0),
        lag: None,
        events_per_second: 0,
        parked_streams: 1,
        letters: 2,
        oldest_letter_at: None,
        rebuild: None,
        checkpoint: "beside the events".to_owned(),
        reported_at: feed[6].recorded_at,
    };
    let beat = Beat { instance, ttl: Duration::from_secs(2), leases: Vec::new(), statuses: vec![status] };
    store.beat(&beat).await.unwrap();
}

/// The rows of a query as text, its columns separated by `|`.
fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|e| panic!("{e} in\n{sql}"));
    let columns = statement.column_count();
    let text = |value: Value| match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(_) => "a blob, which is not readable".to_owned(),
    };
    let row = |row: &rusqlite::Row<'_>| {
        let texts: Vec<String> = (0..columns).map(|i| row.get(i).map(text)).collect::<Result<_, _>>()?;
        Ok(texts.join("|"))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// What a query gives, by the prose before it; ids and times are cut out.
fn expected(title: &str) -> &'static [&'static str] {
    match title {
        "The last events, readably:" => &[
            r#"7|Order/4713|2|stream.erased|TIME|{"reason":"asked for"}"#,
            r#"6|Order/4712|2|stream.deleted|TIME|{"reason":"a test order"}"#,
            "5|Order/4713|1|OrderPlaced|TIME|",
            r#"4|Order/4712|1|OrderPlaced|TIME|{"total":200}"#,
            "3|acme@Payment/1|1|PaymentTaken|TIME|{}",
            "2|Order/4711|2|OrderShipped|TIME|{}",
            r#"1|Order/4711|1|OrderPlaced|TIME|{"total":100}"#,
        ],
        "One stream, with who did it:" => &[r#"1|OrderPlaced|{"total":100}|ada|ID"#, "2|OrderShipped|{}||ID"],
        "A sum over payloads:" => &["2|300"],
        "Everything that belongs to the business process of one event:" => {
            &["1|Order|4711|OrderPlaced", "2|Order|4711|OrderShipped", "3|Payment|1|PaymentTaken"]
        }
        "What there is, and how much room it takes:" => &["Order|3|6|BYTES", "Payment|1|1|BYTES"],
        "What was deleted or erased, and why:" => {
            &["Order|4712|stream.deleted|a test order", "Order|4713|stream.erased|asked for"]
        }
        "How far subscriptions are behind, and who runs them:" => &["sales|1|live|7|0|2|one|1"],
        "Dead letters, those that others wait for first:" => &[
            "sales|Order/4711|1|OrderPlaced|handler|no total|5",
            "sales|Order/4711|2|OrderShipped|behind||0",
        ],
        title if title.starts_with("Streams whose events are not 1, 2, 3") => &[],
        _ => panic!("no test knows what this query gives: {title}"),
    }
}

/// Replaces what differs from run to run, after a look at its form.
fn stable(row: &str) -> String {
    let stable = |column: &str| {
        if column.len() == 24 && column.ends_with('Z') && column.as_bytes()[10] == b'T' {
            return "TIME".to_owned();
        }
        if column.len() == 32 && column.bytes().all(|b| b.is_ascii_hexdigit()) {
            return "ID".to_owned();
        }
        column.to_owned()
    };
    row.split('|').map(stable).collect::<Vec<_>>().join("|")
}

#[tokio::test]
async fn the_queries_give_what_the_page_says() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("orders.db");
    let store = SqliteStore::open(&path).await.unwrap();
    write(&store).await;
    let reader = Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let queries = queries(&page());
    for (title, sql) in &queries {
        if sql.starts_with("VACUUM") {
            let copy = directory.path().join("copy.db").display().to_string();
            reader.execute_batch(&sql.replace("backup.db", &copy)).unwrap();
            assert_eq!(common::audit_file(Path::new(&copy)), 7);
            continue;
        }
        let mut found: Vec<String> = rows(&reader, sql).iter().map(|row| stable(row)).collect();
        if title.starts_with("What there is") {
            // The last column is the sum of the lengths.
            for row in &mut found {
                let (rest, bytes) = row.rsplit_once('|').unwrap();
                assert!(bytes.parse::<u32>().unwrap() > 0);
                *row = format!("{rest}|BYTES");
            }
        }
        assert_eq!(found, expected(title), "{title}");
    }
    assert_eq!(queries.len(), 10, "the page has these queries");
    store.close().await.unwrap();
}

#[tokio::test]
async fn the_check_of_versions_finds_a_hole() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("orders.db");
    let store = SqliteStore::open(&path).await.unwrap();
    write(&store).await;
    store.close().await.unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute("DELETE FROM es_events WHERE position = 1", []).unwrap();
    let page = page();
    let (_, sql) = queries(&page).into_iter().find(|(title, _)| title.starts_with("Streams whose")).unwrap();
    assert_eq!(rows(&connection, &sql), ["Order|4711|2"]);
}

#[test]
fn the_messages_of_the_page_exist() {
    let mut source = String::new();
    for folder in
        ["src", "src/schema", "src/projection", "../eventsource-core/src", "../eventsource-core/src/backend"]
    {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "rs") {
                source += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let page = page();
    let table = page.split("## When something fails").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 10);
    for row in rows {
        let said = row.split('|').nth(2).unwrap();
        for message in said.split("; ").map(|message| message.trim().trim_start_matches("… ")) {
            assert!(source.contains(message), "no error says {message:?}");
        }
    }
}

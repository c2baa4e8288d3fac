//! Damaged files and rows: told as such, with the database's name, and never taken for data.

mod common;

use common::{
    append, check_integrity, event,
    groups::{open_gated, together},
    stream, told,
};
use eventsource_core::{
    Error, ErrorKind, ExpectedVersion, StreamVersion,
    store::{Append, EventStore},
};
use rusqlite::Connection;
use tempfile::tempdir;

fn check_corrupt(error: &Error, words: &[&str]) {
    assert_eq!(error.kind(), &ErrorKind::Corrupt, "{error:?}");
    assert!(!error.is_transient() && !error.is_outcome_unknown(), "{error:?}");
    told(error, words);
    told(error, &["a.db"]);
}

#[tokio::test]
async fn a_damaged_stream_fails_alone_and_writes_nothing() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, clock) = open_gated(&path).await;
    store.append(append("damaged")).await.unwrap();
    let damage = "UPDATE es_streams SET version = 9223372036854775807";
    Connection::open(&path).unwrap().execute(damage, []).unwrap();

    let both = |damaged: &str| {
        Append::new(stream("beside"), ExpectedVersion::Any, vec![event(*b"1")]).and(
            stream(damaged),
            ExpectedVersion::Any,
            vec![event(*b"2")],
        )
    };
    let outcomes = together(&store, &clock, vec![append("before"), both("damaged"), append("after")]).await;
    let [before, damaged, after] = outcomes.try_into().unwrap();
    check_corrupt(&damaged.unwrap_err(), &["version"]);
    assert!(before.is_ok() && after.is_ok());
    assert_eq!(store.stream(&stream("beside")).await.unwrap().version, StreamVersion::ZERO);
    check_integrity(&path);
}

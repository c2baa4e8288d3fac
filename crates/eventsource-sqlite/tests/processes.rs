//! Several processes that use one file at the same time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::Stdio;

use common::{audit, children::child, event, events, feed, stream};
use eventsource_core::{
    ExpectedVersion,
    store::{Append, Close, EventStore},
};
use eventsource_sqlite::SqliteStore;
use tempfile::tempdir;

const CHILD: &str = "EVENTSOURCE_PROCESSES_TEST_FILE";
const PROCESSES: usize = 2;
const APPENDS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_a_file() {
    if let Ok(path) = std::env::var(CHILD) {
        return append_some(&path).await;
    }
    let directory = tempdir().unwrap();
    let path = directory.path().join("a.db");
    // None of them finds the file: they also create it at the same time.
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| child("processes_share_a_file", CHILD, &path).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    let store = SqliteStore::open(&path).await.unwrap();
    append_all(&store).await;
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }

    let all = (PROCESSES + 1) * APPENDS;
    assert_eq!(events(&store, &stream("any")).await.len(), all);
    assert_eq!(events(&store, &stream("exact")).await.len(), all);
    assert_eq!(audit(&store, &path).await.len(), 2 * all);
    let mut recorded: Vec<_> = feed(&store).await.iter().map(|e| e.recorded_at).collect();
    assert!(recorded.is_sorted(), "times of recording follow positions through all processes");
    recorded.dedup();
    assert!(recorded.len() > 1);
}

async fn append_some(path: &str) {
    let store = SqliteStore::open(path).await.unwrap();
    append_all(&store).await;
    store.close().await.unwrap();
}

async fn append_all(store: &SqliteStore) {
    let any = async {
        for _ in 0..APPENDS {
            let append = Append::new(stream("any"), ExpectedVersion::Any, vec![event(*b"{}")]);
            store.append(append).await.unwrap();
        }
    };
    tokio::join!(any, append_exactly(store));
}

/// Appends at the version that was seen last, and looks again when another process was faster.
async fn append_exactly(store: &SqliteStore) {
    let mut appended = 0;
    while appended < APPENDS {
        let version = store.stream(&stream("exact")).await.unwrap().version;
        let append = Append::new(stream("exact"), ExpectedVersion::Exact(version), vec![event(*b"{}")]);
        match store.append(append).await {
            Ok(_) => appended += 1,
            Err(error) => assert!(error.as_conflict().is_some_and(|c| c.actual > version), "{error:?}"),
        }
    }
}

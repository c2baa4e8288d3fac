//! A disk that really runs full.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path};

use common::{audit, children::in_mount_namespace, event, events, stream};
use eventsource_core::{
    ErrorKind, ExpectedVersion,
    store::{Append, EventStore},
};
use eventsource_sqlite::SqliteStore;
use futures_util::future::join_all;
use tempfile::tempdir;

const CHILD: &str = "EVENTSOURCE_FULL_DISK_TEST_DIRECTORY";
const NAME: &str = "a_full_disk_loses_nothing_and_the_store_goes_on";

/// Runs itself again where it may mount a disk of its own: in a mount namespace that ends with the process.
#[tokio::test]
async fn a_full_disk_loses_nothing_and_the_store_goes_on() {
    if let Ok(directory) = std::env::var(CHILD) {
        return fill(Path::new(&directory)).await;
    }
    let directory = tempdir().unwrap();
    in_mount_namespace("mount -t tmpfs -o size=4m tmpfs \"$1\"", NAME, CHILD, directory.path());
}

async fn fill(directory: &Path) {
    let path = directory.join("a.db");
    let ballast = directory.join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let to = |key: usize| {
        let events = vec![event(vec![2; 40_000]), event(vec![3; 40_000])];
        Append::new(stream(key % 5), ExpectedVersion::Any, events)
    };

    // Some at a time, so that groups run into the end of the disk too.
    let mut written = 0;
    let refused = loop {
        let appends: Vec<Append> = (0..3).map(|i| to(written + i)).collect();
        let outcomes = join_all(appends.iter().map(|append| store.append(append.clone()))).await;
        let mut refused = None;
        for (append, outcome) in appends.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => written += 1,
                Err(error) => {
                    assert_eq!(error.kind(), &ErrorKind::StorageFull, "{error:?}");
                    assert!(!error.is_outcome_unknown(), "{error:?}");
                    assert!(error.to_string().contains("a.db"), "{error}");
                    refused = Some(append);
                }
            }
        }
        assert!(written < 1_000, "the disk never runs full");
        if let Some(refused) = refused {
            break refused;
        }
    };
    assert!(written > 3, "the disk was full too early");
    assert_eq!(audit(&store, &path).await.len(), 2 * written, "nothing half-written, nothing lost");
    let error = store.append(refused.clone()).await.expect_err("the disk is still full");
    assert_eq!(error.kind(), &ErrorKind::StorageFull);

    fs::remove_file(&ballast).unwrap();
    let appended = store.append(refused).await.expect("there is space again");
    assert!(!appended.deduplicated);
    let last = &appended.streams[0];
    assert_eq!(events(&store, &last.stream).await.len() as u64, last.last.get());
    assert_eq!(audit(&store, &path).await.len(), 2 * written + 2);
}

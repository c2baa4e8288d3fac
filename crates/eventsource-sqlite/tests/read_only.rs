//! Files and directories that can really not be written.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use common::{
    append,
    children::{in_mount_namespace, without_override},
    feed, told,
};
use eventsource_core::{
    ErrorKind,
    store::{Close, EventStore},
};
use eventsource_sqlite::{SqliteOptions, SqliteStore};
use tempfile::tempdir;

const CHILD: &str = "EVENTSOURCE_READ_ONLY_TEST_DIRECTORY";

/// A database with one event, closed.
async fn written(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    let store = SqliteStore::open(directory.join("a.db")).await.unwrap();
    store.append(append("a")).await.unwrap();
    store.close().await.unwrap();
}

async fn refused(options: SqliteOptions, kind: &ErrorKind, words: &[&str]) {
    let path = options.location.clone();
    let error = SqliteStore::open_with(options).await.expect_err("it must be refused");
    assert_eq!((error.kind(), error.is_transient()), (kind, false), "{path:?} {error:?}");
    told(&error, words);
}

#[tokio::test]
async fn what_the_modes_forbid_is_told_when_the_store_is_opened() {
    const NAME: &str = "what_the_modes_forbid_is_told_when_the_store_is_opened";
    if let Ok(directory) = std::env::var(CHILD) {
        let file = |name: &str| SqliteOptions::file(Path::new(&directory).join(name).join("a.db"));
        refused(file("file"), &ErrorKind::ReadOnly, &["must be writable", "file/a.db"]).await;
        let store = SqliteStore::open_with(file("file").read_only()).await.unwrap();
        assert_eq!(feed(&store).await.len(), 1);

        let even_reading = ["directory", "even reading needs"];
        refused(file("directory"), &ErrorKind::ReadOnly, &even_reading).await;
        refused(file("directory").read_only(), &ErrorKind::ReadOnly, &even_reading).await;

        for options in [file("nothing"), file("nothing").read_only()] {
            refused(options, &ErrorKind::Unavailable, &["cannot be opened", "nothing/a.db"]).await;
        }
        return;
    }
    let directory = tempdir().unwrap();
    for (name, what, mode) in [("file", "a.db", 0o444), ("directory", "", 0o555), ("nothing", "a.db", 0)] {
        let path = directory.path().join(name);
        written(&path).await;
        fs::set_permissions(path.join(what), Permissions::from_mode(mode)).unwrap();
    }
    without_override(NAME, CHILD, directory.path());
    // Else it could not be removed.
    fs::set_permissions(directory.path().join("directory"), Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_file_system_that_can_only_be_read_is_told_when_the_store_is_opened() {
    const NAME: &str = "a_file_system_that_can_only_be_read_is_told_when_the_store_is_opened";
    if let Ok(directory) = std::env::var(CHILD) {
        let file = |name: &str| SqliteOptions::file(Path::new(&directory).join(name));
        for options in [file("new.db"), file("a.db").read_only()] {
            refused(options, &ErrorKind::Unavailable, &["cannot be opened", "writable, even for reading"])
                .await;
        }
        refused(file("a.db"), &ErrorKind::ReadOnly, &["must be writable"]).await;
        return;
    }
    let directory = tempdir().unwrap();
    written(directory.path()).await;
    let mount = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"";
    in_mount_namespace(mount, NAME, CHILD, directory.path());
}

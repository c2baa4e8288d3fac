//! The environment variable that lets a schema lock write, in a process that has it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

extern crate eventsource_core as eventsource;

mod common;

use std::{fs, path::Path, process::Command};

use common::{noted, placed, shipped};
use eventsource_testing::SchemaLock;

const DIRECTORY: &str = "EVENTSOURCE_SCHEMA_LOCK_TEST";
const BLESS: &str = "EVENTSOURCE_BLESS";

#[test]
fn a_lock_writes_in_a_run_that_says_so_and_fails() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return SchemaLock::new(directory).with([placed(1), noted("a"), shipped("T1")]).check();
    }
    let directory = tempfile::tempdir().unwrap();
    let files = || fs::read_dir(directory.path()).unwrap().count();
    for bless in [None, Some("0"), Some("")] {
        let (passes, output) = run(directory.path(), bless);
        assert!(!passes && output.contains("new: Order/Placed version 1"), "{output}");
        assert_eq!(files(), 0);
    }
    let (passes, output) = run(directory.path(), Some("1"));
    assert!(!passes && output.contains("written: Order/Placed version 1"), "{output}");
    assert_eq!(files(), 1);
    assert_eq!(fs::read_dir(directory.path().join("Order")).unwrap().count(), 3);
    for bless in [None, Some("1")] {
        let (passes, output) = run(directory.path(), bless);
        assert!(passes, "{output}");
    }
}

/// Runs this test as a lock over a directory: whether it passes, and what it says.
fn run(directory: &Path, bless: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["a_lock_writes_in_a_run_that_says_so_and_fails", "--exact", "--nocapture"]);
    command.env(DIRECTORY, directory).env_remove(BLESS);
    if let Some(bless) = bless {
        command.env(BLESS, bless);
    }
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

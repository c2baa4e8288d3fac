//! The suites of the ports of the write side, run on the store in memory and on every wrapper of the core; and what proves
//! that the suites are whole.

mod memory;
mod mutants;
mod pointer;
mod tenant_scoped;
mod transformed;

use std::{collections::BTreeSet, process::Command};

use eventsource_testing::conformance;

#[test]
fn every_case_is_run() {
    let binary = std::env::current_exe().unwrap();
    let listed = Command::new(binary).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let run: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    for name in conformance::names() {
        assert!(run.contains(format!("memory::{name}").as_str()), "no macro makes a test of {name}");
    }
}

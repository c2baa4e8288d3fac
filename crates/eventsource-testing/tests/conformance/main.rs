//! The suites of the ports of a store, run on the store in memory and on every wrapper of the core; and what proves
//! that the suites are whole.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bus;
mod faults;
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
        let of = |module: &str| run.contains(format!("{module}::{name}").as_str());
        assert!(of("memory") || of("bus::memory"), "no macro makes a test of {name}");
    }
}

#[test]
fn the_page_names_cases_that_there_are() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md")).unwrap();
    let names: BTreeSet<&str> = conformance::names().into_iter().collect();
    let suites: BTreeSet<&str> =
        names.iter().filter_map(|name| name.split_once("::")).map(|(suite, _)| suite).collect();
    let code: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let mentioned: Vec<_> = code
        .iter()
        .filter(|code| code.split_once("::").is_some_and(|(suite, _)| suites.contains(suite)))
        .collect();
    assert!(mentioned.len() > 50, "the page is read as it is written");
    for case in mentioned {
        assert!(names.contains(case), "there is no case {case}");
    }
    for suite in suites {
        assert!(code.contains(suite), "the page does not name the suite {suite}");
    }
}

//! The program runs: every scenario, with next to nothing to do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

fn bench(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_eventsource-bench")).args(arguments).output().unwrap()
}

fn smoke(arguments: &[&str], json: &Path) -> (String, Value) {
    let json = json.to_str().unwrap();
    let output = bench(&[&["--smoke", "--json", json], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    (String::from_utf8(output.stdout).unwrap(), report)
}

#[test]
fn every_scenario_runs_and_has_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    let (table, report) = smoke(&[], &directory.path().join("report.json"));

    let outcomes = report["outcomes"].as_array().unwrap();
    for scenario in [
        "store.append_batch",
        "store.read_stream",
        "store.concurrent_append",
        "store.contended_append",
        "snapshot.save",
        "snapshot.load",
        "e2e.load",
        "e2e.load_mutate_save",
        "e2e.load_mutate_save_decider",
        "feed.catch_up",
        "resident.read_feed",
        "resident.read_stream",
    ] {
        let is_resident = scenario.starts_with("resident");
        let of_scenario: Vec<_> = outcomes.iter().filter(|o| o["scenario"] == scenario).collect();
        let has_backend = |backend: &str| of_scenario.iter().any(|o| o["backend"] == backend);
        assert!(has_backend("sqlite") && (is_resident || has_backend("memory")), "{scenario}");
        for outcome in of_scenario {
            let is_compared = outcome["backend"] == "sqlite" && !is_resident;
            assert_eq!(outcome["ratio"].is_object(), is_compared, "{outcome}");
            assert_eq!(outcome["bare"].is_object(), is_compared, "{outcome}");
            assert!(outcome["ours"]["rounds"][0]["figure"].as_f64().unwrap() >= 0.0, "{outcome}");
        }
    }
    let rows = table.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(rows, outcomes.len() + 1, "one row each, and the head of the table");
}

#[test]
fn a_part_can_be_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let choice = ["--scenario", "snapshot", "--backend", "sqlite"];
    let (table, _) = smoke(&choice, &directory.path().join("report.json"));
    assert!(table.contains("| snapshot.save | 1 kB | sqlite |"), "{table}");
    assert!(!table.contains("memory") && !table.contains("e2e"), "{table}");
}

#[test]
fn an_unknown_scenario_is_refused_with_the_known_ones() {
    let output = bench(&["--scenario", "store.apend"]);
    assert!(!output.status.success() && output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("store.apend") && told.contains("store.append_batch"), "{told}");
}

//! `cargo xtask features`: every package builds alone, whatever features its user picks.
//!
//! In a build of the whole workspace one package may live from a feature that another one switched on; alone it
//! cannot.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::cargo::{self, Package};

/// The package most users depend on.
const FACADE: &str = "eventsource";

/// What the default features of the facade must not bring in: native code that the memory store has no use for.
const DRIVERS: &[&str] = &["rusqlite", "libsqlite3-sys", "zstd", "zstd-safe", "zstd-sys"];

/// Checks each published package with no default features, the default, each feature alone, and all; each example
/// as its user runs it; and that the facade pulls no driver by default.
pub(crate) fn run() -> Result<()> {
    let compiled = cargo::compiled_with(FACADE)?;
    let drivers = drivers_among(&compiled);
    ensure!(
        drivers.is_empty(),
        "the default features of `{FACADE}` pull in {}; `cargo tree --package {FACADE}` shows through whom",
        drivers.join(" and "),
    );
    println!("`{FACADE}` with default features: {} packages, no driver", compiled.len());

    for package in cargo::published()? {
        for choice in choices(&package) {
            let mut arguments = vec!["check", "--quiet", "--package", &package.name];
            arguments.extend(choice.iter().map(String::as_str));
            cargo::run(&arguments)?;
        }
    }
    for example in crate::examples::names()? {
        cargo::run(&["check", "--quiet", "--package", &example])?;
    }
    Ok(())
}

/// The arguments that select features, one list per check. A package without features needs one check only.
fn choices(package: &Package) -> Vec<Vec<String>> {
    let mut choices = vec![vec![]];
    if package.features.is_empty() {
        return choices;
    }
    choices.push(vec!["--no-default-features".to_owned()]);
    for feature in package.features.keys().filter(|feature| *feature != "default") {
        choices.push(vec!["--no-default-features".to_owned(), "--features".to_owned(), feature.clone()]);
    }
    choices.push(vec!["--all-features".to_owned()]);
    choices
}

fn drivers_among(compiled: &BTreeSet<(String, String)>) -> Vec<&str> {
    let names = compiled.iter().map(|(name, _)| name.as_str());
    names.filter(|name| DRIVERS.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(features: &str) -> Package {
        let json = format!(r#"{{"name":"a","version":"1.0.0","features":{features}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_package_without_features_is_checked_once() {
        assert_eq!(choices(&package("{}")), [Vec::<String>::new()]);
    }

    #[test]
    fn every_feature_is_checked_alone() {
        let choices = choices(&package(r#"{"default":["macros"],"macros":[],"sqlite":[]}"#));
        let lines: Vec<String> = choices.iter().map(|choice| choice.join(" ")).collect();
        assert_eq!(
            lines,
            [
                "",
                "--no-default-features",
                "--no-default-features --features macros",
                "--no-default-features --features sqlite",
                "--all-features",
            ]
        );
    }

    #[test]
    fn a_driver_is_found_by_its_name() {
        let compiled = ["serde", "rusqlite"].map(|name| (name.to_owned(), "1.0.0".to_owned())).into();
        assert_eq!(drivers_among(&compiled), ["rusqlite"]);
    }
}

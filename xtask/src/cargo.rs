//! How the tasks call cargo, and the part of its answers they use.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A package as `cargo metadata` describes it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    /// The name in the manifest.
    pub(crate) name: String,
    /// The version in the manifest.
    pub(crate) version: String,
    /// The oldest compiler the package claims to build with.
    pub(crate) rust_version: Option<String>,
    /// The features by name, `default` among them.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// The registries it may be published to: absent means any, empty means none.
    publish: Option<Vec<String>>,
}

impl Package {
    /// True unless the manifest says `publish = false`.
    fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // What `cargo run` says comes first: the directory compiled in may be that of another clone with which this one
    // shares its target directory.
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let here = Path::new(&here);
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds the workspace.
pub(crate) fn target_directory() -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let metadata = output(&["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cannot read cargo metadata")?;
    Ok(metadata.target_directory)
}

/// Runs cargo in the root with its output shown. The error names the command.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let status = command(arguments).status().context("cannot start cargo")?;
    ensure!(status.success(), "`cargo {}` failed", arguments.join(" "));
    Ok(())
}

/// Runs cargo in the root and returns what it writes to stdout; stderr is shown.
pub(crate) fn output(arguments: &[&str]) -> Result<String> {
    let output = command(arguments).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "`cargo {}` failed", arguments.join(" "));
    String::from_utf8(output.stdout).context("cargo did not write UTF-8")
}

/// Every package the workspace can resolve to, its dependencies included.
pub(crate) fn packages() -> Result<Vec<Package>> {
    metadata(&["metadata", "--format-version", "1", "--all-features"])
}

/// The members of the workspace that are published.
pub(crate) fn published() -> Result<Vec<Package>> {
    let mut members = metadata(&["metadata", "--format-version", "1", "--no-deps"])?;
    members.retain(Package::is_published);
    Ok(members)
}

/// What a user of `package` compiles with its default features on this platform, itself included: names with
/// versions of normal and build dependencies.
pub(crate) fn compiled_with(package: &str) -> Result<BTreeSet<(String, String)>> {
    let tree = output(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])?;
    Ok(parse_tree(&tree))
}

fn command(arguments: &[&str]) -> Command {
    // Inside `cargo run` this is the cargo that runs us, so that a chosen toolchain is kept.
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}

fn metadata(arguments: &[&str]) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let metadata: Metadata =
        serde_json::from_str(&output(arguments)?).context("cannot read cargo metadata")?;
    Ok(metadata.packages)
}

/// A line is `name v1.2.3`, then a path, `(proc-macro)` or `(*)`.
fn parse_tree(tree: &str) -> BTreeSet<(String, String)> {
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
    };
    tree.lines().filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_as_names_with_versions() {
        let tree =
            "core v0.1.0 (/src/core)\nserde v1.0.2\nserde_derive v1.0.2 (proc-macro)\n\nserde v1.0.2 (*)\n";
        let expected = [("core", "0.1.0"), ("serde", "1.0.2"), ("serde_derive", "1.0.2")];
        assert_eq!(
            parse_tree(tree),
            expected.map(|(name, version)| (name.to_owned(), version.to_owned())).into()
        );
    }

    #[test]
    fn only_an_empty_list_of_registries_forbids_publishing() {
        let package = |publish| {
            let json = format!(r#"{{"name":"a","version":"1.0.0","features":{{}},"publish":{publish}}}"#);
            serde_json::from_str::<Package>(&json).unwrap()
        };
        assert!(package("null").is_published());
        assert!(package(r#"["crates-io"]"#).is_published());
        assert!(!package("[]").is_published());
    }
}

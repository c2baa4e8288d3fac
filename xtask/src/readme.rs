//! `cargo xtask readme`: the first program of the README is made as its reader makes it, and prints what it says there.
//!
//! A package of its own, outside of the workspace, with the dependencies and the program that the README shows.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{cargo, examples};

/// Where the README says that the facade lies, seen from a package beside the clone.
const FACADE: &str = "../eventsource/crates/eventsource";

/// Makes the package, runs it, and compares.
pub(crate) fn run() -> Result<()> {
    let root = cargo::root();
    let readme = fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    let dependencies = block(&readme, "toml")?;
    ensure!(dependencies.contains(FACADE), "the dependencies in the README name no path {FACADE}");

    let package = cargo::target_directory()?.join("readme");
    fs::create_dir_all(package.join("src"))?;
    let facade = root.join("crates/eventsource").display().to_string();
    fs::write(
        package.join("Cargo.toml"),
        format!(
            "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n{}",
            dependencies.replace(FACADE, &facade)
        ),
    )?;
    // The versions that the workspace was tested with.
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock"))?;
    fs::write(package.join("src/main.rs"), block(&readme, "rust")?)?;

    let manifest = package.join("Cargo.toml").display().to_string();
    let target = package.join("target").display().to_string();
    let printed = cargo::output(&["run", "--quiet", "--manifest-path", &manifest, "--target-dir", &target])?;
    match examples::difference(block(&readme, "text")?, &printed) {
        Some(difference) => anyhow::bail!("the program of the README prints something else: {difference}"),
        None => println!("the program of the README prints what it says there"),
    }
    Ok(())
}

/// The first code block of a language.
fn block<'t>(text: &'t str, language: &str) -> Result<&'t str> {
    let fence = format!("\n```{language}\n");
    let begin = text.find(&fence).with_context(|| format!("the README has no `{language}` block"))?;
    let rest = &text[begin + fence.len()..];
    let end = rest.find("\n```").with_context(|| format!("a `{language}` block of the README has no end"))?;
    Ok(&rest[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_a_language_is_found() {
        let text =
            "# A\n\n```toml\n[a]\n```\n\n```rust\nfn main() {}\n\n// end\n```\n\n```rust\nother\n```\n";
        assert_eq!(block(text, "rust").unwrap(), "fn main() {}\n\n// end\n");
        assert_eq!(block(text, "toml").unwrap(), "[a]\n");
        assert!(block(text, "text").is_err());
        assert!(block("\n```text\nno end\n", "text").is_err());
    }
}

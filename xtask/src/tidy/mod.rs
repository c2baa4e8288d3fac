//! `cargo xtask tidy`: what no compiler checks.
//!
//! A check looks at the whole [`Tree`] and returns what it found, so that its test is a tree of two lines.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cargo;

mod limits;
mod links;
mod manifests;
mod sources;
mod tree;

use tree::Tree;

/// All checks, in the order in which they report.
const CHECKS: &[fn(&Tree) -> Vec<Violation>] = &[
    sources::short_files,
    sources::no_leftovers,
    sources::no_ignored_examples,
    sources::no_trailing_white_space,
    manifests::lints_of_the_workspace,
    links::resolve,
    links::decisions_are_listed,
    limits::are_tested,
];

/// One thing to change, and where.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: PathBuf,
    /// Absent when the file as a whole is meant.
    line: Option<usize>,
    message: String,
}

impl Violation {
    fn in_file(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    fn in_line(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path.display(), self.message),
            None => write!(f, "{}: {}", self.path.display(), self.message),
        }
    }
}

/// Runs all checks over the files of the workspace.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::load(&cargo::root())?;
    let violations = check(&tree);
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => println!("{} files are tidy", tree.len()),
        1 => bail!("one thing to tidy, see above"),
        count => bail!("{count} things to tidy, see above"),
    }
    Ok(())
}

fn check(tree: &Tree) -> Vec<Violation> {
    CHECKS.iter().flat_map(|check| check(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidy_tree_has_no_violations() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"),
            ("crates/a/src/lib.rs", "//! A crate.\n"),
            ("README.md", "See [the crate](crates/a).\n"),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_seeded_violation_is_found_and_located() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"),
            ("README.md", "Fine.\nSee [nothing](gone.md).\n"),
        ]);
        let found: Vec<String> = check(&tree).iter().map(Violation::to_string).collect();
        assert_eq!(found, ["README.md:2: the link `gone.md` leads nowhere"]);
    }
}

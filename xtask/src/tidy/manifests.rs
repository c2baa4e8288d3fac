//! Checks of the manifests.

use super::{Tree, Violation};

/// The workspace forbids unsafe code, and every package takes the lints of the workspace.
pub(super) fn lints_of_the_workspace(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.texts_with("toml").filter(|(path, _)| path.ends_with("Cargo.toml")) {
        let has = |table: &str, entry: &str| {
            let body = text.lines().map(str::trim).skip_while(|line| *line != table).skip(1);
            body.take_while(|line| !line.starts_with('[')).any(|line| line == entry)
        };
        if text.contains("[package]") && !has("[lints]", "workspace = true") {
            violations.push(Violation::in_file(path, "takes no lints: add `[lints] workspace = true`"));
        }
        if text.contains("[workspace.lints") && !has("[workspace.lints.rust]", "unsafe_code = \"forbid\"") {
            let message =
                "unsafe code is allowed: add `unsafe_code = \"forbid\"` to `[workspace.lints.rust]`";
            violations.push(Violation::in_file(path, message));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(manifest: &str) -> usize {
        lints_of_the_workspace(&Tree::of(&[("crates/a/Cargo.toml", manifest)])).len()
    }

    #[test]
    fn a_package_takes_the_lints_of_the_workspace() {
        assert_eq!(complaints("[package]\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(complaints("[package]\nname = \"a\"\n"), 1);
        assert_eq!(complaints("[package]\n[lints]\n[dependencies.b]\nworkspace = true\n"), 1);
    }

    #[test]
    fn the_workspace_forbids_unsafe_code() {
        assert_eq!(complaints("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"), 0);
        assert_eq!(complaints("[workspace.lints.rust]\nunsafe_code = \"warn\"\n"), 1);
    }
}

//! The page of limits names the test behind each line, and every test of a limit stands on the page.

use std::path::Path;

use super::{Tree, Violation};

const PAGE: &str = "docs/limits.md";

/// A name with the place where it stands.
struct Named<'t> {
    path: &'t Path,
    line: usize,
    name: &'t str,
}

/// The names on the page are those of the tests in `crates/*/tests/limits.rs`.
pub(super) fn are_tested(tree: &Tree) -> Vec<Violation> {
    let page = tree.text(PAGE).unwrap_or_default();
    let tests: Vec<Named<'_>> = tree
        .texts_with("rs")
        .filter(|(path, _)| path.starts_with("crates") && path.ends_with("tests/limits.rs"))
        .flat_map(|(path, text)| tests(text).map(move |(line, name)| Named { path, line, name }))
        .collect();
    let mut violations = Vec::new();
    let mut on_page = Vec::new();
    for (line, names) in rows(page) {
        if names.is_empty() {
            violations.push(Violation::in_line(Path::new(PAGE), line, "this limit names no test"));
        }
        for name in names {
            if !tests.iter().any(|test| test.name == name) {
                let message = format!("no tests/limits.rs has a test `{name}`");
                violations.push(Violation::in_line(Path::new(PAGE), line, message));
            }
            on_page.push(name);
        }
    }
    let missing = tests.iter().filter(|test| !on_page.contains(&test.name));
    violations.extend(missing.map(|test| {
        Violation::in_line(test.path, test.line, format!("`{}` does not stand on {PAGE}", test.name))
    }));
    violations
}

/// The lines of the tables below their heads, each with the names in backticks of its last cell.
fn rows(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut rows = Vec::new();
    let mut below_head = false;
    for (number, line) in (1..).zip(page.lines()) {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            below_head = false;
            continue;
        };
        if below_head {
            let last = cells.rsplit('|').next().unwrap_or_default();
            rows.push((number, last.split('`').skip(1).step_by(2).collect()));
        }
        below_head |= cells.starts_with("---");
    }
    rows
}

/// The functions that follow the attribute of a test.
fn tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_test = false;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let line = line.trim_start();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let (before, signature) = line.split_once("fn ")?;
        let is_function = is_test && ["", "async "].contains(&before);
        is_test = false;
        is_function.then_some((number, signature.split('(').next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "crates/a/tests/limits.rs";

    fn found(page: &str, tests: &str) -> Vec<String> {
        are_tested(&Tree::of(&[(PAGE, page), (TEST, tests)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_page_and_its_tests_agree() {
        let page = "# Limits\n\n| what | limit | test |\n|---|---|---|\n| a `x` | 1 | `one`, `two` |\n| b | 2 | `two` |\n";
        let tests =
            "#[test]\nfn one() {}\n\n#[tokio::test]\nasync fn two() {\n    let x = 1;\n}\nfn helper() {}\n";
        assert_eq!(found(page, tests), [""; 0]);
        assert_eq!(are_tested(&Tree::of(&[])), []);
    }

    #[test]
    fn what_is_missing_on_either_side_is_found() {
        let page = "| what | test |\n|---|---|\n| a | `gone` |\n| b | nothing |\n";
        let expected = [
            "docs/limits.md:3: no tests/limits.rs has a test `gone`",
            "docs/limits.md:4: this limit names no test",
            "crates/a/tests/limits.rs:2: `new` does not stand on docs/limits.md",
        ];
        assert_eq!(found(page, "#[test]\nfn new() {}\n"), expected);
    }

    #[test]
    fn only_tests_of_limits_are_looked_at() {
        let other = Tree::of(&[("crates/a/tests/other.rs", "#[test]\nfn new() {}\n")]);
        assert_eq!(are_tested(&other), []);
    }
}

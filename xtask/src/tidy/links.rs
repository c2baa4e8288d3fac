//! Checks of the links between the Markdown files.

use std::path::{Component, Path, PathBuf};

use super::{Tree, Violation};

/// The list of decisions, beside the decisions themselves.
const DECISIONS: &str = "docs/adr/README.md";

/// Every relative link leads to a file or directory of the workspace.
pub(super) fn resolve(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.texts_with("md") {
        for (line, target) in links(text) {
            if !destination(path, target).is_some_and(|destination| tree.contains(&destination)) {
                violations.push(Violation::in_line(path, line, format!("the link `{target}` leads nowhere")));
            }
        }
    }
    violations
}

/// Every decision under `docs/adr` is listed in its README.
pub(super) fn decisions_are_listed(tree: &Tree) -> Vec<Violation> {
    let list = tree.text(DECISIONS).unwrap_or_default();
    let is_decision = |path: &Path| path.starts_with("docs/adr") && path != Path::new(DECISIONS);
    let is_listed = |path: &Path| {
        links(list)
            .iter()
            .any(|(_, target)| destination(Path::new(DECISIONS), target).as_deref() == Some(path))
    };
    tree.texts_with("md")
        .filter(|(path, _)| is_decision(path) && !is_listed(path))
        .map(|(path, _)| Violation::in_file(path, format!("not listed in {DECISIONS}")))
        .collect()
}

/// The relative links of a Markdown text with their line numbers: `[text](target)` and `[label]: target`, outside
/// of code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            links.extend(targets(line).map(|target| (number, target)));
        }
    }
    links.retain(|(_, target)| is_relative(target));
    links
}

fn targets(line: &str) -> impl Iterator<Item = &str> {
    // Every second part lies between backticks: code, except where a link begins in one part and ends in the next,
    // which only its text may do.
    let prose = line.split('`').step_by(2);
    let inline = prose.flat_map(|part| part.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    let label = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    // A title may follow the target.
    inline.chain(label.map(|(_, target)| target)).filter_map(|target| target.split_whitespace().next())
}

/// False for other sites, places in the same file, and the paths of Rust that rustdoc resolves.
fn is_relative(target: &str) -> bool {
    !target.contains("://")
        && !target.starts_with("mailto:")
        && !target.starts_with('#')
        && !target.contains("::")
}

/// Where a link in `file` leads, from the root; `None` if out of the workspace.
fn destination(file: &Path, target: &str) -> Option<PathBuf> {
    let target = target.split('#').next().unwrap_or_default();
    let joined = match target.strip_prefix('/') {
        Some(from_root) => PathBuf::from(from_root),
        None => file.parent()?.join(target),
    };
    let mut path = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::ParentDir if path.pop() => {}
            Component::ParentDir => return None,
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_outside_of_code() {
        let text =
            "[a](b.md) and [`c`](d.md#e \"title\")\n`[x](y.md)`\n```text\n[x](y.md)\n```\n[l]: f/g.md\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "d.md#e"), (6, "f/g.md")]);
    }

    #[test]
    fn only_relative_links_are_read() {
        let text = "[a](https://example.org) [b](#here) [c](mailto:a@example.org) [`D`](crate::D)\n";
        assert_eq!(links(text), []);
    }

    #[test]
    fn a_link_leads_to_a_file_or_directory_from_where_it_stands() {
        let page = |text| Tree::of(&[("docs/a.md", text), ("docs/how-to/b.md", ""), ("README.md", "")]);
        for good in ["[b](how-to/b.md)", "[b](./how-to)", "[r](../README.md#top)", "[r](/README.md)"] {
            assert_eq!(resolve(&page(good)), [], "{good}");
        }
        for bad in ["[b](b.md)", "[b](how-to/c.md)", "[b](../../README.md)"] {
            assert_eq!(resolve(&page(bad)).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_decision_that_is_not_listed_is_found() {
        let tree = |list| Tree::of(&[("docs/adr/0001-ports.md", "# Ports\n"), (DECISIONS, list)]);
        assert_eq!(decisions_are_listed(&tree("[Ports](0001-ports.md)\n")), []);
        assert_eq!(decisions_are_listed(&tree("# Decisions\n")).len(), 1);
    }
}

//! Checks of single lines and of file lengths.

use std::path::Path;

use super::{Tree, Violation};

/// A file of a crate that is longer holds two ideas. The aim is 100 to 400.
const LONGEST_FILE: usize = 700;

/// What must not stay behind. Written in two parts, so that this file passes its own check.
const LEFTOVERS: &[&str] = &[
    concat!("to", "do!"),
    concat!("un", "implemented!"),
    concat!("d", "bg!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("HA", "CK"),
    concat!("#[", "ignore"),
];

/// No source file of a crate is too long.
pub(super) fn short_files(tree: &Tree) -> Vec<Violation> {
    let complain = |(path, text): (&Path, &str)| {
        let lines = text.lines().count();
        let message = format!("{lines} lines, at most {LONGEST_FILE}: split it where it holds two ideas");
        (lines > LONGEST_FILE).then(|| Violation::in_file(path, message))
    };
    let of_a_crate = |path: &Path| {
        path.starts_with("crates") && path.components().nth(2).is_some_and(|part| part.as_os_str() == "src")
    };
    tree.texts_with("rs").filter(|(path, _)| of_a_crate(path)).filter_map(complain).collect()
}

/// No source file holds a leftover of unfinished work or a test that does not run.
pub(super) fn no_leftovers(tree: &Tree) -> Vec<Violation> {
    lines(tree.texts_with("rs"))
        .filter_map(|(path, number, line)| {
            let leftover = LEFTOVERS.iter().find(|leftover| has_word(line, leftover))?;
            Some(Violation::in_line(
                path,
                number,
                format!("`{leftover}` is left over: finish it or remove it"),
            ))
        })
        .collect()
}

/// Every example in the documentation compiles: one that is ignored is soon wrong.
pub(super) fn no_ignored_examples(tree: &Tree) -> Vec<Violation> {
    lines(tree.texts_with("rs").chain(tree.texts_with("md")))
        .filter(|(_, _, line)| {
            let line = line.trim_start().trim_start_matches("//!").trim_start_matches("///").trim_start();
            let words = line.strip_prefix("```").unwrap_or_default().split([',', ' ']);
            words.into_iter().any(|word| word.starts_with("ignore"))
        })
        .map(|(path, number, _)| {
            Violation::in_line(path, number, "this example is ignored: let it compile, `no_run` if need be")
        })
        .collect()
}

/// No line ends in white space.
pub(super) fn no_trailing_white_space(tree: &Tree) -> Vec<Violation> {
    lines(tree.texts())
        .filter(|(_, _, line)| line.trim_end() != *line)
        .map(|(path, number, _)| Violation::in_line(path, number, "white space at the end of the line"))
        .collect()
}

fn lines<'t>(
    texts: impl Iterator<Item = (&'t Path, &'t str)>,
) -> impl Iterator<Item = (&'t Path, usize, &'t str)> {
    texts.flat_map(|(path, text)| (1..).zip(text.split('\n')).map(move |(number, line)| (path, number, line)))
}

/// True if `word` stands in `line` by itself, not inside a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let goes_on = word.ends_with(in_word) && after.starts_with(in_word);
        !before.ends_with(in_word) && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_long_but_not_longer() {
        let (fits, too_long) = ("\n".repeat(LONGEST_FILE), "\n".repeat(LONGEST_FILE + 1));
        assert_eq!(short_files(&Tree::of(&[("crates/a/src/x/y.rs", &fits)])), []);
        assert_eq!(short_files(&Tree::of(&[("crates/a/tests/y.rs", &too_long)])), []);
        assert_eq!(short_files(&Tree::of(&[("crates/a/src/x/y.rs", &too_long)])).len(), 1);
    }

    #[test]
    fn every_leftover_is_found() {
        for leftover in LEFTOVERS {
            let found = no_leftovers(&Tree::of(&[("a.rs", &format!("fn a() {{}}\n    {leftover}(1)\n"))]));
            assert_eq!(
                found.iter().map(|violation| violation.line).collect::<Vec<_>>(),
                [Some(2)],
                "{leftover}"
            );
        }
    }

    #[test]
    fn a_longer_word_is_no_leftover() {
        let text = format!("const {}S: u8 = 1; struct Ma{};\n", LEFTOVERS[3], LEFTOVERS[5]);
        assert_eq!(no_leftovers(&Tree::of(&[("a.rs", &text)])), []);
    }

    #[test]
    fn an_ignored_example_is_found_however_it_is_written() {
        for fence in ["/// ```ignore", "    //! ```rust,ignore", "/// ```rust, ignore", "```ignore"] {
            assert_eq!(no_ignored_examples(&Tree::of(&[("a.rs", fence)])).len(), 1, "{fence}");
        }
        for fence in ["/// ```", "/// ```no_run", "// what we ignore", "```rust,no_run"] {
            assert_eq!(no_ignored_examples(&Tree::of(&[("a.rs", fence)])), [], "{fence}");
        }
    }

    #[test]
    fn white_space_at_the_end_is_found() {
        for line in ["a \n", "a\t\n", "a\r\n", "  "] {
            assert_eq!(no_trailing_white_space(&Tree::of(&[("a.md", line)])).len(), 1, "{line:?}");
        }
        assert_eq!(no_trailing_white_space(&Tree::of(&[("a.md", "a\n\nb\n")])), []);
    }
}

//! Puts the table into the documentation.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Result;

const BEGIN: &str = "<!-- table: written by `--update-docs`, down to the end -->\n";
const END: &str = "<!-- table: end -->\n";

/// Replaces the table of `docs/benchmarks.md`, and gives the file that was changed.
pub(crate) fn update(table: &str) -> Result<PathBuf> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md");
    let text = fs::read_to_string(&page)?;
    let updated = replaced(&text, table).ok_or("docs/benchmarks.md has no two comments around a table")?;
    fs::write(&page, updated)?;
    Ok(page.canonicalize()?)
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_comments_is_replaced() {
        let page = |table: &str| format!("# Page\n{BEGIN}{table}{END}After.\n");
        assert_eq!(replaced(&page("old\n"), "new\n"), Some(page("\nnew\n\n")));
        assert_eq!(replaced(&page("\nnew\n\n"), "new\n"), Some(page("\nnew\n\n")));
        assert_eq!(replaced("# Page\n", "new\n"), None);
    }

    #[test]
    fn the_page_has_a_place_for_the_table() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(replaced(page, "").is_some());
    }
}

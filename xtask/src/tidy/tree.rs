//! The files of the workspace, read once for all checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Directories that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", "target"];

/// The files by path from the root; with their text when people write it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<PathBuf, Option<String>>,
}

impl Tree {
    /// Reads everything below `root`.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.add(root, root)?;
        Ok(tree)
    }

    /// A tree made up for a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| (path.into(), Some((*text).to_owned()))).collect();
        Self { files }
    }

    /// The number of files.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The files with a text, by path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_path(), text.as_deref()?)))
    }

    /// The texts whose name ends in `.{extension}`.
    pub(super) fn texts_with(&self, extension: &str) -> impl Iterator<Item = (&Path, &str)> {
        self.texts().filter(move |(path, _)| path.extension().is_some_and(|end| end == extension))
    }

    /// The text at `path`, if there is one.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> Option<&str> {
        self.files.get(path.as_ref())?.as_deref()
    }

    /// True if `path` is a file or a directory with files.
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.starts_with(path))
    }

    fn add(&mut self, root: &Path, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                    self.add(root, &path)?;
                }
                continue;
            }
            let mut text = None;
            if is_written_by_people(&path) {
                text = Some(
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?,
                );
            }
            self.files.insert(path.strip_prefix(root)?.to_owned(), text);
        }
        Ok(())
    }
}

/// What a program prints or exports is left alone: it may be large, and its white space is its own.
fn is_written_by_people(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => {
            ["md", "rs", "sh", "sql", "toml", "yaml", "yml"].iter().any(|known| extension == *known)
        }
        // Scripts and licences.
        None => !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')),
    }
}

//! The files of a schema lock: one for each event and schema version.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use eventsource_core::{RecordedEvent, Result, StreamId, codec::CodecTag};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::EventBuilder;

/// Which event of which schema version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventKey {
    pub(super) category: String,
    pub(super) name: String,
    pub(super) schema_version: u16,
}

impl EventKey {
    /// Its file below the directory of the lock.
    pub(super) fn path(&self) -> PathBuf {
        Path::new(&self.category).join(format!("{}.{}.json", self.name, self.schema_version))
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} version {}", self.category, self.name, self.schema_version)
    }
}

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    category: String,
    name: String,
    schema_version: u16,
    pub(super) codec: String,
    /// The payloads.
    pub(super) samples: Vec<Value>,
}

impl Stored {
    pub(super) fn new(key: &EventKey, codec: CodecTag, samples: &[Value]) -> Self {
        let EventKey { category, name, schema_version } = key.clone();
        Self { category, name, schema_version, codec: codec.to_string(), samples: samples.to_vec() }
    }

    pub(super) fn key(&self) -> EventKey {
        let (category, name) = (self.category.clone(), self.name.clone());
        EventKey { category, name, schema_version: self.schema_version }
    }

    pub(super) fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }

    /// The samples as a store would give them back.
    pub(super) fn recorded(&self) -> Result<Vec<RecordedEvent>> {
        let stream = StreamId::new(&self.category, "1")?;
        let event = EventBuilder::try_named(&self.name, stream)?
            .with_schema_version(self.schema_version)
            .with_codec(CodecTag::new(&self.codec)?);
        Ok(self
            .samples
            .iter()
            .map(|sample| event.clone().with_payload(sample.to_string()).recorded())
            .collect())
    }
}

/// The JSON files below a directory, relative to it and sorted; none when there is no such directory.
pub(super) fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let entries = match fs::read_dir(directory.join(&below)) {
            Err(error) if error.kind() == ErrorKind::NotFound && below == Path::new("") => return Ok(files),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

//! Snapshots: which can be kept.

use crate::{Error, Result, StreamVersion, store::Snapshot};

/// Checks everything about a snapshot that needs no database.
///
/// # Errors
/// `InvalidInput` for a version that no stream reaches.
pub fn check_snapshot(snapshot: &Snapshot) -> Result<()> {
    if snapshot.version <= StreamVersion::MAX {
        return Ok(());
    }
    let what = format_args!("version {} is greater than any stream can reach", snapshot.version);
    Err(Error::over_limit("version", what, StreamVersion::MAX.get()))
}

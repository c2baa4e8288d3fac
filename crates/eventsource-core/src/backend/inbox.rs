//! The inbox: which steps there are.

use crate::{Error, Result, StreamVersion};

/// Refuses a step that leads nowhere.
///
/// # Errors
/// `InvalidInput`.
pub fn check_inbox_step(from: StreamVersion, to: StreamVersion) -> Result<()> {
    if from < to {
        return Ok(());
    }
    Err(Error::invalid_input("step", format!("a step from version {from} to version {to} leads nowhere")))
}

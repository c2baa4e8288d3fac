//! Positions: which there are.

use crate::{Error, ErrorKind, Position, Result};

/// Checks what a restored log is adopted with.
///
/// # Errors
/// `InvalidInput` for a position that no log can hold.
pub fn check_adoption(highest: Position) -> Result<()> {
    if highest <= Position::MAX {
        return Ok(());
    }
    let what = format_args!("position {highest} is greater than any log can hold");
    Err(Error::over_limit("position", what, Position::MAX.get()))
}

/// Checks that so many events find room behind the last position drawn.
///
/// # Errors
/// `StorageFull` when the positions of the log are used up.
pub fn check_room(last: Position, events: usize) -> Result<()> {
    if last.get().saturating_add(events as u64) <= Position::MAX.get() {
        return Ok(());
    }
    let message = format!("the log has used up its positions, of which {} is the last", Position::MAX);
    Err(Error::new(ErrorKind::StorageFull, message))
}

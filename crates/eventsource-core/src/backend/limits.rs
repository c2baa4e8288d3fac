//! What one call may hold.

use bytes::Bytes;

use crate::{Error, Metadata, Result, store::Limits};

pub(super) fn check_count(events: usize, limits: &Limits) -> Result<()> {
    if events <= limits.events {
        return Ok(());
    }
    Err(Error::over_limit("events", format_args!("the call has {events} events"), limits.events as u64))
}

pub(super) fn check_content(payload: &Bytes, metadata: &Metadata, limits: &Limits) -> Result<()> {
    if payload.len() > limits.payload_bytes {
        return Err(Error::too_long("payload", payload.len(), limits.payload_bytes));
    }
    if metadata.as_bytes().len() > limits.metadata_bytes {
        return Err(Error::too_long("metadata", metadata.as_bytes().len(), limits.metadata_bytes));
    }
    Ok(())
}

pub(super) fn check_batch(bytes: usize, limits: &Limits) -> Result<()> {
    if bytes <= limits.batch_bytes {
        return Ok(());
    }
    let what = format_args!("the call has {bytes} bytes of payload and metadata");
    Err(Error::over_limit("batch", what, limits.batch_bytes as u64))
}

/// Refuses a page that can hold nothing.
///
/// # Errors
/// `InvalidInput`.
pub fn check_limit(limit: usize) -> Result<()> {
    if limit == 0 {
        return Err(Error::invalid_input("limit", "a page must hold one event or stream at least"));
    }
    Ok(())
}

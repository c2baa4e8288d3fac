//! The rules of names, as the library has them.

use proc_macro2::Span;
use syn::{Error, Result};

const BYTES_MAX: usize = 200;
/// Names of the store's own lifecycle records.
const RESERVED_PREFIX: &str = "stream.";

/// A category is 1 to 200 bytes of `A-Z a-z 0-9 _ . -`.
pub(crate) fn check_category(text: &str, span: Span) -> Result<()> {
    check("category", text, span)
}

/// An event name is like a category, and does not begin with `stream.`.
pub(crate) fn check_event_name(text: &str, span: Span) -> Result<()> {
    check("event name", text, span)?;
    if text.starts_with(RESERVED_PREFIX) {
        let message = format!("event names that begin with `{RESERVED_PREFIX}` are reserved for the store");
        return Err(Error::new(span, message));
    }
    Ok(())
}

fn check(what: &str, text: &str, span: Span) -> Result<()> {
    if text.is_empty() {
        return Err(Error::new(span, format!("the {what} is empty")));
    }
    if text.len() > BYTES_MAX {
        return Err(Error::new(
            span,
            format!("the {what} is {} bytes long; the limit is {BYTES_MAX}", text.len()),
        ));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))) {
        None => Ok(()),
        Some(c) => {
            let message = format!("the {what} {text:?} contains {c:?}; allowed are A-Z a-z 0-9 _ . -");
            Err(Error::new(span, message))
        }
    }
}

//! How versions of a projection share a database.

use std::fmt;

/// What the names of a projection's tables end with, so that a new version is filled beside the old one: `_v2`.
///
/// ```
/// use eventsource_core::projection::TableSuffix;
/// let suffix = TableSuffix::new(2);
/// assert_eq!(format!("SELECT total FROM sales{suffix}"), "SELECT total FROM sales_v2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableSuffix(u32);

impl TableSuffix {
    /// That of this version of a consumer.
    #[must_use]
    pub const fn new(consumer_version: u32) -> Self {
        Self(consumer_version)
    }
}

impl fmt::Display for TableSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "_v{}", self.0)
    }
}

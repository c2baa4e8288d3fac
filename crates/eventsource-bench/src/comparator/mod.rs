//! What the SQLite store is compared with: the same work through the driver alone.
//!
//! Both comparators run in the thread that measures them, on one connection with the pragmas of the store. They check
//! nothing: no versions, no ids sent twice, no limits.

mod bare;
mod floor;

use std::path::Path;

use eventsource::{StreamId, store::Append};
use rusqlite::Connection;

pub(crate) use self::{bare::Bare, floor::Floor};
use crate::{Result, domain::OrderEvent};

/// The work that is measured, without the library.
pub(crate) trait Comparator {
    /// Appends to one stream, which is new when the append says so.
    fn append(&mut self, append: &Append) -> Result<()>;

    /// Hands over the version and the decoded event of everything behind a version of a stream, in order.
    fn read_stream(&self, stream: &StreamId, after: i64, take: &mut dyn FnMut(i64, OrderEvent))
    -> Result<()>;

    /// Hands over every event, decoded, in the order of the log.
    fn read_feed(&self, take: &mut dyn FnMut(OrderEvent)) -> Result<()>;

    /// Keeps the state of a stream at a version, in place of an older one.
    fn save_snapshot(&self, stream: &StreamId, version: i64, state: &[u8]) -> Result<()>;

    /// The kept state of a stream with its version, if there is one.
    fn load_snapshot(&self, stream: &StreamId) -> Result<Option<(i64, Vec<u8>)>>;
}

/// Opens a database as the store does.
fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Runs `write` in a transaction of its own.
fn transaction(connection: &Connection, write: impl FnOnce() -> Result<()>) -> Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    write()?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

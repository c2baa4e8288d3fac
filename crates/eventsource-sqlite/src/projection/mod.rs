//! Projections that write in the transaction of their checkpoint: each event exactly once.

mod handler;
mod tables;
mod target;

use eventsource_core::{
    EventSet, Recorded,
    projection::{Context, TableSuffix},
};
use rusqlite::Transaction;

pub(crate) use self::handler::{Handler, PerBatch, PerEvent, guarded};
pub use self::target::SqliteTarget;

/// Turns events into tables of an SQLite database, in the transaction that also moves the checkpoint: whatever happens,
/// each event is in the tables exactly once.
///
/// It runs on the thread that writes, so it must not block on anything but the database. It reads and writes through the
/// transaction only, and never ends it. Statements are best [prepared once](rusqlite::Connection::prepare_cached).
///
/// ```
/// use eventsource_core::{Event, EventSet, Recorded, RecordedEvent, Result, projection::{Context, TableSuffix}};
/// use eventsource_sqlite::{SqliteProjection, rusqlite::{self, Transaction}};
///
/// /// Counts the events of each stream.
/// struct EventCounts<E>(std::marker::PhantomData<E>);
///
/// impl<E: Event> SqliteProjection for EventCounts<E> {
///     type Event = E;
///     type Error = rusqlite::Error;
///
///     fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> rusqlite::Result<()> {
///         transaction.execute_batch(&format!(
///             "CREATE TABLE event_counts{suffix} (stream TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT"
///         ))
///     }
///
///     fn handle(
///         &self,
///         transaction: &Transaction<'_>,
///         event: &Recorded<E>,
///         context: Context<'_>,
///     ) -> rusqlite::Result<()> {
///         let sql = format!(
///             "INSERT INTO event_counts{} VALUES (?1, 1) ON CONFLICT DO UPDATE SET count = count + 1",
///             context.suffix()
///         );
///         transaction.prepare_cached(&sql)?.execute([event.record.stream.as_str()])?;
///         Ok(())
///     }
/// }
/// ```
pub trait SqliteProjection: Send + Sync + 'static {
    /// What it reads: one event type, or a sum of several.
    type Event: EventSet;
    /// Why it may fail.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes the tables and views of a version, empty: each with the suffix in its name, so that a rebuild fills new ones
    /// beside the old ones, and without `IF NOT EXISTS`, so that two consumers never write into the same ones.
    ///
    /// Called once, before the first event. What it makes is remembered: it is dropped, and made again, when the read
    /// model is reset, and dropped when the version is removed.
    ///
    /// # Errors
    /// Whatever went wrong; the consumer then stops.
    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), Self::Error>;

    /// Takes one event in.
    ///
    /// # Ordering
    /// Events come one after the other, those of one stream in their order.
    ///
    /// # Atomicity
    /// What it writes is committed together with what the events around it write and the step of the checkpoint, or not
    /// at all. When it fails or panics, everything is rolled back.
    ///
    /// # Errors
    /// Whatever went wrong; the consumer's policy decides what then happens. An error that holds a failure of the
    /// database itself, as a full disk, is told as that: the event is not to blame.
    fn handle(
        &self,
        transaction: &Transaction<'_>,
        event: &Recorded<Self::Event>,
        context: Context<'_>,
    ) -> Result<(), Self::Error>;
}

/// A [`SqliteProjection`] that takes many events in at once, because one statement can do what many would.
pub trait SqliteBatchProjection: Send + Sync + 'static {
    /// What it reads: one event type, or a sum of several.
    type Event: EventSet;
    /// Why it may fail.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes the tables and views of a version, as [`SqliteProjection::create`] does.
    ///
    /// # Errors
    /// Whatever went wrong; the consumer then stops.
    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), Self::Error>;

    /// Takes events in, as if one after the other. How many come at once decides how long the transaction lasts.
    ///
    /// # Ordering
    /// As for [`SqliteProjection::handle`].
    ///
    /// # Atomicity
    /// As for [`SqliteProjection::handle`]. When several events fail together, what was written is rolled back, and each
    /// comes alone, to find the one to blame.
    ///
    /// # Errors
    /// As for [`SqliteProjection::handle`].
    fn handle(
        &self,
        transaction: &Transaction<'_>,
        events: &[Recorded<Self::Event>],
        context: Context<'_>,
    ) -> Result<(), Self::Error>;
}

//! Projections as one kind of thing: what decodes recorded events and takes them in, inside a transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use eventsource_core::{
    BoxError, Error, ErrorKind, EventSet, Recorded, RecordedEvent, Result,
    projection::{Context, TableSuffix},
};
use rusqlite::Transaction;

use super::{SqliteBatchProjection, SqliteProjection};
use crate::error::database_failure;

/// Takes recorded events in, inside a transaction.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Makes the tables of a version.
    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), BoxError>;

    /// Takes events in until the time is up; how many, 1 at least where there is one.
    fn handle(
        &self,
        transaction: &Transaction<'_>,
        events: &[Arc<RecordedEvent>],
        context: Context<'_>,
        time: Duration,
    ) -> Result<usize, FailedEvent>;
}

/// An event that was not taken in. The transaction is to be rolled back.
pub(crate) struct FailedEvent {
    pub(crate) index: usize,
    pub(crate) cause: BoxError,
}

/// A [`SqliteProjection`] as a handler.
pub(crate) struct PerEvent<P>(pub(crate) P);

impl<P: SqliteProjection> Handler for PerEvent<P> {
    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), BoxError> {
        guarded(transaction, || Ok(self.0.create(transaction, suffix)?))
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        events: &[Arc<RecordedEvent>],
        context: Context<'_>,
        time: Duration,
    ) -> Result<usize, FailedEvent> {
        let began = Instant::now();
        for (index, record) in events.iter().enumerate() {
            if index > 0 && began.elapsed() >= time {
                return Ok(index);
            }
            let handled = guarded(transaction, || {
                for event in decode::<P::Event>(record)? {
                    self.0.handle(transaction, &event, context)?;
                }
                Ok(())
            });
            handled.map_err(|cause| FailedEvent { index, cause })?;
        }
        Ok(events.len())
    }
}

/// A [`SqliteBatchProjection`] as a handler.
pub(crate) struct PerBatch<P>(pub(crate) P);

impl<P: SqliteBatchProjection> Handler for PerBatch<P> {
    fn create(&self, transaction: &Transaction<'_>, suffix: TableSuffix) -> Result<(), BoxError> {
        guarded(transaction, || Ok(self.0.create(transaction, suffix)?))
    }

    fn handle(
        &self,
        transaction: &Transaction<'_>,
        events: &[Arc<RecordedEvent>],
        context: Context<'_>,
        _: Duration,
    ) -> Result<usize, FailedEvent> {
        let mut decoded = Vec::with_capacity(events.len());
        // Where the events of each record end: an old event may have become several, or none.
        let mut ends = Vec::with_capacity(events.len());
        for (index, record) in events.iter().enumerate() {
            let events = guarded(transaction, || Ok(decode::<P::Event>(record)?));
            decoded.extend(events.map_err(|cause| FailedEvent { index, cause })?);
            ends.push(decoded.len());
        }
        let handle = |events: &[Recorded<P::Event>]| {
            guarded(transaction, || match events {
                [] => Ok(()),
                events => Ok(self.0.handle(transaction, events, context)?),
            })
        };
        let together = undone_unless(transaction, || handle(&decoded));
        let Err(cause) = together else { return Ok(events.len()) };
        if events.len() == 1 || transaction.is_autocommit() || database_failure(&*cause).is_some() {
            return Err(FailedEvent { index: 0, cause });
        }
        let mut begin = 0;
        for (index, end) in ends.into_iter().enumerate() {
            handle(&decoded[begin..end]).map_err(|cause| FailedEvent { index, cause })?;
            begin = end;
        }
        Ok(events.len())
    }
}

/// The events that a recorded event holds.
fn decode<E: EventSet>(record: &RecordedEvent) -> Result<Vec<Recorded<E>>> {
    let events = E::from_recorded(record)?.into_vec();
    Ok(events.into_iter().map(|event| Recorded { event, record: record.clone() }).collect())
}

/// Runs code of the application, and turns a panic, and the end of the transaction, into an error.
pub(crate) fn guarded<T>(
    transaction: &Transaction<'_>,
    work: impl FnOnce() -> Result<T, BoxError>,
) -> Result<T, BoxError> {
    // Whatever a panic leaves behind in the projection is the projection's to mend; the transaction is rolled back.
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Error::new(ErrorKind::Panicked, format!("the projection panicked: {text}")).into())
    });
    if done.is_ok() && transaction.is_autocommit() {
        let message =
            "the projection ended the transaction, or went on after the database had rolled it back";
        return Err(Error::new(ErrorKind::Unsupported, message).into());
    }
    done
}

/// Runs work whose writes are taken back when it fails.
fn undone_unless<T>(
    transaction: &Transaction<'_>,
    work: impl FnOnce() -> Result<T, BoxError>,
) -> Result<T, BoxError> {
    transaction.execute_batch("SAVEPOINT es_batch")?;
    let done = work();
    if done.is_ok() {
        transaction.execute_batch("RELEASE es_batch")?;
    } else if !transaction.is_autocommit() {
        transaction.execute_batch("ROLLBACK TO es_batch; RELEASE es_batch")?;
    }
    done
}

//! The connections that read. They never wait for the writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eventsource_core::Error;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    SqliteOptions,
    connection::ReadConnection,
    database::closed,
    error::{Failure, Outcome},
    file::OpenFiles,
};

/// A few connections that read, opened when they are needed.
#[derive(Debug)]
pub(crate) struct Readers {
    options: SqliteOptions,
    files: OpenFiles,
    /// One permit per connection that may be in use.
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<ReadConnection>>>,
}

impl Readers {
    pub(crate) fn new(options: SqliteOptions, files: OpenFiles, first: Option<ReadConnection>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(options.readers)),
            idle: Arc::new(Mutex::new(first.into_iter().collect())),
            options,
            files,
        }
    }

    /// Runs `read` on a connection. When the caller goes away meanwhile, the connection still comes back.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut ReadConnection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| closed())?;
        let (options, files, idle) = (self.options.clone(), self.files.clone(), self.idle.clone());
        let work = spawn_blocking(move || {
            files.check_read()?;
            let pooled = lock(&idle).pop();
            let mut reader = match pooled {
                Some(reader) => reader,
                None => ReadConnection::open(&options)?,
            };
            let outcome = read(&mut reader);
            lock(&idle).push(reader);
            // Held until here, so that closing waits for the connection to come back.
            drop(permit);
            outcome
        });
        work.await.unwrap_or_else(|e| {
            let message = "a read was cut off: it panicked, or the runtime is shutting down";
            let error = Error::new(eventsource_core::ErrorKind::Unavailable, message).with_source(e);
            Err(Failure::Told(error))
        })
    }

    /// Waits for the reads in flight, and closes the connections. Later reads are refused.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(self.options.readers).unwrap_or(u32::MAX);
        let Ok(permits) = self.permits.acquire_many(all).await else { return };
        self.permits.close();
        let connections = std::mem::take(&mut *lock(&self.idle));
        drop(permits);
        // Closing a connection may touch the disk. That it fails changes nothing: nothing is unwritten here.
        let _ = spawn_blocking(move || drop(connections)).await;
    }
}

/// The idle connections. A panic while the lock is held cannot leave them half changed.
fn lock(idle: &Mutex<Vec<ReadConnection>>) -> MutexGuard<'_, Vec<ReadConnection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

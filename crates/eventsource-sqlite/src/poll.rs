//! Looking whether another process appended, while somebody waits for that.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use eventsource_core::{ErrorKind, backend::Waker};
use tokio::task::AbortHandle;

use crate::{database::Database, log, options::Location};

/// A task that looks, until it is dropped.
#[derive(Debug)]
pub(crate) struct Polling(AbortHandle);

impl Polling {
    /// Starts to look, unless nobody else can reach the database.
    ///
    /// One statement asks for the last position, by one step into the table. `PRAGMA data_version` would tell of the
    /// renewals of leases too, after each of which a second statement had to ask for the position.
    pub(crate) fn start(database: &Arc<Database>, waker: Arc<Waker>) -> Option<Self> {
        let options = database.options();
        let is_shared = options.location != Location::Memory;
        is_shared.then(|| {
            let task = poll(Arc::downgrade(database), waker, options.poll_interval);
            Self(tokio::spawn(task).abort_handle())
        })
    }

    pub(crate) fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn poll(database: Weak<Database>, waker: Arc<Waker>, interval: Duration) {
    loop {
        waker.waited_for().await;
        tokio::time::sleep(interval).await;
        if !waker.is_waited_for() {
            continue;
        }
        let Some(database) = database.upgrade() else { return };
        match database.read("poll", |reader| log::head(&reader.connection)).await {
            Ok(head) => waker.announce(head),
            Err(error) if *error.kind() == ErrorKind::Closed => return,
            // Whoever reads will be told what is wrong. Here the next look may be luckier.
            Err(_) => {}
        }
    }
}

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

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Instant};

    use eventsource_core::store::EventFeed;
    use rusqlite::StatementStatus;
    use tempfile::tempdir;

    use super::*;
    use crate::{SqliteOptions, SqliteStore};

    const INTERVAL: Duration = Duration::from_millis(20);

    async fn open(path: &Path) -> SqliteStore {
        // With one connection that reads, its counter counts all.
        let options = SqliteOptions::file(path).with_readers(1).with_poll_interval(INTERVAL);
        SqliteStore::open_with(options).await.unwrap()
    }

    /// How often the store was asked for the last position.
    async fn asked(store: &SqliteStore) -> i32 {
        store
            .read("asked", |reader| {
                Ok(reader.connection.prepare_cached(log::HEAD)?.get_status(StatementStatus::Run))
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn nothing_is_asked_while_nobody_waits_and_one_statement_an_interval_otherwise() {
        let directory = tempdir().unwrap();
        let (idle, waited) =
            (open(&directory.path().join("a.db")).await, open(&directory.path().join("b.db")).await);
        let began = Instant::now();
        // Ten that wait cost no more than one.
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let mut hints = EventFeed::wake_ups(&waited);
                tokio::spawn(async move { hints.wait().await })
            })
            .collect();
        while asked(&waited).await < 10 {
            tokio::task::yield_now().await;
        }
        let intervals = began.elapsed().as_millis() / INTERVAL.as_millis();
        assert!(asked(&waited).await as u128 <= intervals + 1);
        assert_eq!(asked(&idle).await, 0);
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

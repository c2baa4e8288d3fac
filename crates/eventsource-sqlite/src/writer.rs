//! The one thread that writes.
//!
//! It owns the one connection that writes, and ends when the last handle is dropped or the store is closed, after
//! everything that was queued before.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use eventsource_core::{
    Error, ErrorKind, Result,
    backend::Waker,
    store::{Append, Appended},
};
use tokio::sync::oneshot;

use crate::{
    SqliteOptions,
    connection::WriteConnection,
    database::closed,
    error::Outcome,
    file::OpenFiles,
    group::{Bounds, Request},
    schema::Schema,
};

/// What the thread is asked to do.
pub(crate) enum Job {
    /// May be committed together with others.
    Append(Request),
    /// Runs by itself.
    Work(Box<dyn FnOnce(&mut WriteConnection) + Send>),
    /// Ends the thread.
    Close(oneshot::Sender<Outcome<()>>),
}

/// The way to the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the thread, which opens the database.
    pub(crate) async fn start(
        options: SqliteOptions,
        schema: &'static Schema,
        waker: Arc<Waker>,
    ) -> Outcome<(Self, OpenFiles)> {
        let (jobs, queue) = mpsc::channel();
        let (ready, opened) = oneshot::channel();
        let thread = move || match WriteConnection::open(&options, schema, waker) {
            Err(failure) => drop(ready.send(Err(failure))),
            Ok(connection) => {
                // When nobody waits for the store any more, there is nothing to do.
                if ready.send(Ok(connection.files())).is_ok() {
                    serve(connection, queue, &Bounds::of(&options));
                }
            }
        };
        thread::Builder::new().name("eventsource-sqlite".to_owned()).spawn(thread).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "the thread that writes cannot be started").with_source(e)
        })?;
        let files = opened.await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unavailable, "the thread that writes panicked while it opened").into())
        })?;
        Ok((Self { jobs }, files))
    }

    /// Appends, together with what else is queued.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended> {
        let (request, outcome) = Request::new(append);
        let told = || closed().tell("append", "");
        self.jobs.send(Job::Append(request)).map_err(|_| told())?;
        outcome.await.unwrap_or_else(|_| Err(told()))
    }

    /// Runs `work` on the thread, in its turn. When the caller goes away before, it is left out.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteConnection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (reply, outcome) = oneshot::channel();
        let work = Box::new(move |connection: &mut WriteConnection| {
            if !reply.is_closed() {
                // The caller may go away meanwhile; the work is done all the same.
                let _ = reply.send(connection.guarded(work));
            }
        });
        self.jobs.send(Job::Work(work)).map_err(|_| closed())?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Ends the thread after everything that is queued, and waits for it.
    pub(crate) async fn close(&self) -> Outcome<()> {
        let (reply, ended) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).is_err() {
            return Ok(());
        }
        // Without an answer somebody else closed it meanwhile.
        ended.await.unwrap_or(Ok(()))
    }
}

fn serve(mut connection: WriteConnection, queue: mpsc::Receiver<Job>, bounds: &Bounds) {
    let mut left_over = None;
    while let Some(job) = left_over.take().or_else(|| queue.recv().ok()) {
        match job {
            Job::Append(first) => left_over = first.commit_with_queued(&mut connection, &queue, bounds),
            Job::Work(work) => work(&mut connection),
            Job::Close(reply) => {
                // First refuses what comes later, then closes. Whoever is still queued is told that by the drop.
                drop(queue);
                let closed = connection.close();
                let _ = reply.send(closed);
                return;
            }
        }
    }
}

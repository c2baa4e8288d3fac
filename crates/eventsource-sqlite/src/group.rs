//! Group commit: appends that are queued together share one commit, and each gets an outcome of its own.

use std::sync::mpsc::Receiver;

use eventsource_core::{
    Result,
    store::{Append, Appended},
};
use tokio::sync::oneshot;

use crate::{
    SqliteOptions, append,
    connection::WriteConnection,
    error::{Failure, Outcome},
    log::Tail,
    writer::Job,
};

/// How much one commit holds.
#[derive(Debug)]
pub(crate) struct Bounds {
    appends: usize,
    bytes: usize,
}

impl Bounds {
    pub(crate) fn of(options: &SqliteOptions) -> Self {
        Self { appends: options.group_appends, bytes: options.group_bytes }
    }
}

/// One append on its way.
#[derive(Debug)]
pub(crate) struct Request {
    append: Append,
    reply: oneshot::Sender<Result<Appended>>,
}

impl Request {
    pub(crate) fn new(append: Append) -> (Self, oneshot::Receiver<Result<Appended>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { append, reply }, outcome)
    }

    /// Bytes that it adds to a group.
    fn bytes(&self) -> usize {
        let events = self.append.streams.iter().flat_map(|s| &s.events);
        events.map(|e| e.payload.len() + e.metadata.as_bytes().len()).sum()
    }

    /// Commits this append and those that are queued right behind it. Returns the job that ended the group, if one did.
    pub(crate) fn commit_with_queued(
        self,
        connection: &mut WriteConnection,
        queue: &Receiver<Job>,
        bounds: &Bounds,
    ) -> Option<Job> {
        let mut bytes = self.bytes();
        let mut group = vec![self];
        let mut ended_by = None;
        while group.len() < bounds.appends && bytes < bounds.bytes {
            match queue.try_recv() {
                Ok(Job::Append(request)) => {
                    bytes += request.bytes();
                    group.push(request);
                }
                Ok(other) => {
                    ended_by = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        // Whoever has gone away before this moment has appended nothing.
        group.retain(|request| !request.reply.is_closed());
        commit(connection, group);
        ended_by
    }
}

fn commit(connection: &mut WriteConnection, group: Vec<Request>) {
    if group.len() > 1 {
        match connection.guarded(|c| write_together(c, &group)) {
            Ok(outcomes) => {
                for (request, outcome) in group.into_iter().zip(outcomes) {
                    answer(connection, request, outcome);
                }
                return;
            }
            Err(failure) if !failure.may_succeed_alone() => {
                let error = failure.tell("append", &connection.database);
                for request in group {
                    let _ = request.reply.send(Err(error.clone()));
                }
                return;
            }
            // Nothing was written. Each tries by itself, so that none fails because of another.
            Err(_) => {}
        }
    }
    for request in group {
        let outcome = connection.guarded(|c| write_alone(c, &request.append));
        answer(connection, request, outcome);
    }
}

/// Writes a group in one transaction. The outer result is that of the transaction.
fn write_together(connection: &WriteConnection, group: &[Request]) -> Outcome<Vec<Outcome<Appended>>> {
    connection.transaction(|transaction| {
        let mut tail = Tail::read(transaction)?;
        let now = connection.clock.now();
        let mut outcomes = Vec::with_capacity(group.len());
        for request in group {
            match append::write(transaction, &mut tail, now, &request.append) {
                // Refused before anything was written: it fails alone.
                Err(Failure::Told(refused)) => outcomes.push(Err(Failure::Told(refused))),
                Err(failure) => return Err(failure),
                Ok(appended) => outcomes.push(Ok(appended)),
            }
        }
        Ok(outcomes)
    })
}

fn write_alone(connection: &WriteConnection, append: &Append) -> Outcome<Appended> {
    let written = connection.transaction(|transaction| {
        let mut tail = Tail::read(transaction)?;
        append::write(transaction, &mut tail, connection.clock.now(), append)
    });
    match written {
        Err(failure) if failure.is_taken_id() => {
            let connection = &connection.read.connection;
            append::find_recorded(connection, &Tail::read(connection)?, append)?.ok_or(failure)
        }
        written => written,
    }
}

fn answer(connection: &WriteConnection, request: Request, outcome: Outcome<Appended>) {
    if let Ok(appended) = &outcome {
        connection.announce(appended.token.position);
    }
    let outcome = outcome.map_err(|failure| failure.tell("append", &connection.database));
    // Whoever went away meanwhile finds the append done.
    let _ = request.reply.send(outcome);
}

//! What operators ask of consumers.

use std::time::Duration;

use async_trait::async_trait;
use eventsource_core::{
    ConsumerName, Epoch, Result, Timestamp,
    backend::{
        REQUESTS_PAGE, check_request, check_request_update, decode_ask, encode_ask, expires_at, new_request,
        request_at, same_request, update_request,
    },
    request::{NewRequest, Request, RequestId, RequestState, RequestStore, RequestUpdate, RequestsOptions},
    status::Progress,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};

use crate::{
    SqliteStore,
    error::{Failure, Outcome},
    row::{bytes, number, text, timestamp, unsigned, uuid},
};

#[async_trait]
impl RequestStore for SqliteStore {
    async fn submit(&self, request: &NewRequest) -> Result<Request> {
        let asked = check_request(request).map_err(|e| e.with_operation("submit request"))?;
        self.write("submit request", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| match find(connection, asked.id)? {
                Some(present) => Ok(same_request(request_at(present, now), &asked)?),
                None => {
                    let stored = new_request(asked, now);
                    insert(connection, &stored)?;
                    Ok(stored)
                }
            })
        })
        .await
    }

    async fn request(&self, id: RequestId) -> Result<Option<Request>> {
        let clock = self.options().clock.clone();
        self.read("request", move |reader| {
            Ok(find(&reader.connection, id)?.map(|request| request_at(request, clock.now())))
        })
        .await
    }

    async fn requests(&self, options: &RequestsOptions) -> Result<Vec<Request>> {
        let (options, clock) = (options.clone(), self.options().clock.clone());
        self.read("requests", move |reader| page(&reader.connection, &options, clock.now())).await
    }

    async fn update(&self, update: &RequestUpdate) -> Result<bool> {
        check_request_update(update).map_err(|e| e.with_operation("update request"))?;
        let update = update.clone();
        self.write("update request", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| {
                let Some(request) = find(connection, update.id)? else { return Ok(false) };
                let Some(updated) = update_request(request, &update, now) else { return Ok(false) };
                write(connection, &updated)?;
                Ok(true)
            })
        })
        .await
    }
}

/// The columns that [`request`] reads.
const REQUEST_COLUMNS: &str = "id, consumer, kind, arguments, payload, operator, reason, expires_in, asked_at, state, \
     epoch, done, total, outcome, changed_at";

/// The first requests to these consumers that are not final.
pub(crate) fn open_to(
    connection: &Connection,
    consumers: &[ConsumerName],
    now: Timestamp,
) -> Outcome<Vec<Request>> {
    let mut numbered = Vec::new();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {REQUEST_COLUMNS}, number FROM es_requests \
         WHERE state IN ('open', 'running') AND consumer = ?1 AND expires_at > ?2 ORDER BY number LIMIT ?3"
    ))?;
    for consumer in consumers {
        let mut rows = statement.query((consumer.as_str(), now.as_micros(), REQUESTS_PAGE as i64))?;
        while let Some(row) = rows.next()? {
            numbered.push((row.get::<_, i64>(15)?, request(row)?));
        }
    }
    numbered.sort_by_key(|(number, _)| *number);
    numbered.dedup_by_key(|(number, _)| *number);
    numbered.truncate(REQUESTS_PAGE);
    Ok(numbered.into_iter().map(|(_, request)| request).collect())
}

fn page(connection: &Connection, options: &RequestsOptions, now: Timestamp) -> Outcome<Vec<Request>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {REQUEST_COLUMNS} FROM es_requests \
         WHERE (?1 IS NULL OR number < (SELECT number FROM es_requests WHERE id = ?1)) \
         AND (?2 IS NULL OR consumer = ?2) \
         AND (NOT ?3 OR state IN ('open', 'running') AND expires_at > ?4) ORDER BY number DESC LIMIT ?5"
    ))?;
    let mut rows = statement.query(params![
        options.after.as_ref().map(|id| id.as_bytes()),
        options.consumer.as_ref().map(ConsumerName::as_str),
        options.open_only,
        now.as_micros(),
        REQUESTS_PAGE as i64,
    ])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(request_at(request(row)?, now));
    }
    Ok(requests)
}

/// The request with this id, as its last word left it.
fn find(connection: &Connection, id: RequestId) -> Outcome<Option<Request>> {
    connection
        .prepare_cached(&format!("SELECT {REQUEST_COLUMNS} FROM es_requests WHERE id = ?1"))?
        .query_row([id.as_bytes()], |row| Ok(request(row)))
        .optional()?
        .transpose()
}

fn insert(connection: &Connection, request: &Request) -> Outcome<()> {
    let Request { asked, .. } = request;
    let ask = encode_ask(&asked.ask)?;
    connection
        .prepare_cached(
            "INSERT INTO es_requests (id, consumer, kind, arguments, payload, operator, reason, expires_in, expires_at, \
             asked_at, state, epoch, done, total, outcome, changed_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 0, NULL, NULL, ?10)",
        )?
        .execute(params![
            asked.id.as_bytes(),
            asked.consumer.as_str(),
            ask.kind,
            ask.arguments,
            ask.payload.as_deref(),
            asked.operator,
            asked.reason,
            i64::try_from(asked.expires_in.as_micros()).unwrap_or(i64::MAX),
            expires_at(request).as_micros(),
            request.asked_at.as_micros(),
            request.state.as_str(),
        ])?;
    Ok(())
}

/// Writes what may change of a request.
fn write(connection: &Connection, request: &Request) -> Outcome<()> {
    connection
        .prepare_cached(
            "UPDATE es_requests SET state = ?2, epoch = ?3, done = ?4, total = ?5, outcome = ?6, changed_at = ?7, \
             expires_at = ?8 WHERE id = ?1",
        )?
        .execute(params![
            request.asked.id.as_bytes(),
            request.state.as_str(),
            number("epoch", request.epoch.get())?,
            number("progress", request.progress.done)?,
            request.progress.total.map(|total| number("progress", total)).transpose()?,
            request.outcome,
            request.changed_at.as_micros(),
            expires_at(request).as_micros(),
        ])?;
    Ok(())
}

/// Wipes the payloads that were to take the place of those of a stream's events.
pub(crate) fn erase(connection: &Connection, stream_row: i64) -> Outcome<()> {
    connection.execute(
        "UPDATE es_requests SET payload = x'' WHERE kind = 'edit' AND EXISTS (SELECT 1 FROM es_events \
         WHERE event_id = unhex(arguments ->> 'event', '-') AND stream_id = ?1)",
        [stream_row],
    )?;
    Ok(())
}

fn request(row: &Row<'_>) -> Outcome<Request> {
    let (consumer, kind, arguments) =
        (text(row.get_ref(1)?)?, text(row.get_ref(2)?)?, text(row.get_ref(3)?)?);
    let payload = match row.get_ref(4)? {
        ValueRef::Null => None,
        payload => Some(bytes(payload)?),
    };
    let state = text(row.get_ref(9)?)?;
    let asked = NewRequest {
        id: uuid(row.get_ref(0)?)?,
        consumer: ConsumerName::new(consumer)
            .map_err(|_| Failure::Damaged(format!("the consumer {consumer:?}")))?,
        ask: decode_ask(kind, arguments, payload)
            .ok_or_else(|| Failure::Damaged(format!("the request {kind:?} {arguments}")))?,
        operator: row.get(5)?,
        reason: row.get(6)?,
        expires_in: Duration::from_micros(unsigned("the time", row.get(7)?)?),
    };
    Ok(Request {
        asked,
        asked_at: timestamp(row.get(8)?)?,
        state: RequestState::from_name(state)
            .ok_or_else(|| Failure::Damaged(format!("the state {state:?}")))?,
        epoch: Epoch::new(unsigned("the epoch", row.get(10)?)?),
        progress: Progress {
            done: unsigned("the progress", row.get(11)?)?,
            total: row.get::<_, Option<i64>>(12)?.map(|total| unsigned("the progress", total)).transpose()?,
        },
        outcome: row.get(13)?,
        changed_at: timestamp(row.get(14)?)?,
    })
}

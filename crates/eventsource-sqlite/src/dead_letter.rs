//! Dead letters.

use async_trait::async_trait;
use eventsource_core::{
    ConsumerId, Error, ErrorKind, EventId, LogId, Result, StreamId,
    backend::{LETTERS_PAGE, change_letter, erase_letter, has_room, most_frequent_causes},
    dead_letter::{
        Cause, CauseKind, DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions,
        ParkOutcome, ParkingLimits,
    },
    lifecycle::Lifecycle,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};

use crate::{
    SqliteReadModels,
    error::{Failure, Outcome},
    heads, log,
    row::{self, Interned, bound, bytes, consumer_id, number, stream_at, text, timestamp, unsigned},
};

/// The columns that [`letter`] reads. The first ones are those of [`row::event`], which has no need of the second here.
const LETTER_COLUMNS: &str = "position, NULL, version, event_id, name, schema_version, occurred_at, recorded_at, \
     correlation, erased, codec, transform, metadata, payload, tenant, category, key, edited, cause, cause_chain, \
     fingerprint, attempts, parked_at, tried_at, handler_version";

#[async_trait]
impl DeadLetterStore for SqliteReadModels {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        let (letters, beside_events) = (letters.to_vec(), self.are_beside_events());
        let parked = self.database().write("park", move |writer| {
            let parked =
                writer.transaction(|connection| park(connection, letters.iter(), limits, beside_events));
            match parked {
                Ok(()) => Ok(ParkOutcome::Parked),
                Err(Failure::Told(e)) if matches!(e.kind(), ErrorKind::ParkingFull(_)) => {
                    Ok(ParkOutcome::Full(limits))
                }
                Err(failure) => Err(failure),
            }
        });
        parked.await
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        let consumer = consumer.clone();
        let streams = self
            .database()
            .read("parked streams", move |reader| parked_streams(&reader.connection, &consumer, log));
        streams.await
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        let (consumer, options) = (consumer.clone(), options.clone());
        let page = self.database().read("letters", move |reader| {
            page(&reader.connection, &mut reader.interned, &consumer, log, &options)
        });
        page.await
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        let (consumer, change) = (consumer.clone(), change.clone());
        let changed = self.database().write("change letter", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| {
                let Some((row, letter)) = find(connection, &consumer, log, event)? else { return Ok(false) };
                match change_letter(letter, &change, now) {
                    Some(letter) => update(connection, row, &letter)?,
                    None => delete(connection, &consumer, log, event)?,
                }
                Ok(true)
            })
        });
        changed.await
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        let consumer = consumer.clone();
        let removed = self.database().write("remove letters", move |writer| {
            writer.transaction(|connection| remove(connection, &consumer))
        });
        removed.await
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        let stream = stream.clone();
        let erased = self.database().write("erase letters", move |writer| {
            let erased = writer.transaction(|connection| erase(connection, log, &stream))?;
            writer.forget_write_ahead_log();
            Ok(erased)
        });
        erased.await
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        let consumer = consumer.clone();
        let statistics = self
            .database()
            .read("letter statistics", move |reader| statistics(&reader.connection, &consumer));
        statistics.await
    }
}

/// Parks letters inside a transaction, which `ParkingFull` rolls back. Where the events lie in the same database, letters
/// of erased streams are blank.
pub(crate) fn park<'l>(
    connection: &Connection,
    letters: impl Iterator<Item = &'l DeadLetter>,
    limits: ParkingLimits,
    beside_events: bool,
) -> Outcome<()> {
    let own_log = if beside_events { Some(log::identity(connection)?.id) } else { None };
    for letter in letters {
        let head = match own_log {
            Some(log) if log == letter.log => heads::find(connection, &letter.event.stream)?,
            _ => None,
        };
        let is_new = if head.is_some_and(|head| head.info.lifecycle == Lifecycle::Erased) {
            insert(connection, &erase_letter(letter.clone()))?
        } else {
            insert(connection, letter)?
        };
        if is_new && !is_room_for(connection, letter, limits)? {
            return Err(Error::parking_full(limits).into());
        }
    }
    Ok(())
}

/// Whether a letter that was just added may stay.
fn is_room_for(connection: &Connection, letter: &DeadLetter, limits: ParkingLimits) -> Outcome<bool> {
    let stream = &letter.event.stream;
    let of_stream = connection
        .prepare_cached(
            "SELECT count(*) FROM es_letters WHERE log_id = ?1 AND tenant = ?2 AND category = ?3 AND key = ?4 \
             AND consumer = ?5 AND consumer_version = ?6",
        )?
        .query_row(
            params![
                letter.log.as_uuid().as_bytes(),
                stream.tenant_or_empty(),
                stream.category(),
                stream.key(),
                letter.consumer.name.as_str(),
                letter.consumer.version,
            ],
            |row| row.get(0),
        )?;
    let of_stream = unsigned("the count", of_stream)?;
    // Streams are only counted when there is one more of them.
    let streams = if of_stream > 1 { 0 } else { count_streams(connection, &letter.consumer)? };
    Ok(has_room(limits, of_stream, streams))
}

fn count_streams(connection: &Connection, consumer: &ConsumerId) -> Outcome<u64> {
    let streams = connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT DISTINCT log_id, tenant, category, key FROM es_letters \
             WHERE consumer = ?1 AND consumer_version = ?2)",
        )?
        .query_row((consumer.name.as_str(), consumer.version), |row| row.get(0))?;
    unsigned("the count", streams)
}

/// Adds a letter unless it is there. Whether it was added.
fn insert(connection: &Connection, letter: &DeadLetter) -> Outcome<bool> {
    let (event, stream) = (&letter.event, &letter.event.stream);
    let inserted = connection
        .prepare_cached(
            "INSERT INTO es_letters (consumer, consumer_version, log_id, tenant, category, key, cause, cause_chain, \
             fingerprint, attempts, parked_at, tried_at, handler_version, position, version, event_id, name, \
             schema_version, occurred_at, recorded_at, correlation, erased, codec, transform, metadata, payload, \
             edited) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
             ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27) \
             ON CONFLICT (consumer, consumer_version, log_id, event_id) DO NOTHING",
        )?
        .execute(params![
            letter.consumer.name.as_str(),
            letter.consumer.version,
            letter.log.as_uuid().as_bytes(),
            stream.tenant_or_empty(),
            stream.category(),
            stream.key(),
            letter.cause.kind.as_str(),
            chain_to_json(&letter.cause)?,
            letter.cause.fingerprint.cast_signed(),
            letter.attempts,
            letter.parked_at.as_micros(),
            letter.tried_at.as_micros(),
            letter.handler_version,
            number("position", event.position.get())?,
            number("version", event.version.get())?,
            event.id.as_uuid().as_bytes(),
            event.name.as_str(),
            event.schema_version,
            event.occurred_at.as_micros(),
            event.recorded_at.as_micros(),
            event.correlation.as_ref().map(|c| c.as_uuid().as_bytes()),
            event.erased,
            event.codec.as_str(),
            event.transform.as_str(),
            &event.metadata.as_bytes()[..],
            &event.payload[..],
            letter.edited.as_deref(),
        ])?;
    Ok(inserted > 0)
}

/// Writes what may change of a letter.
fn update(connection: &Connection, row: i64, letter: &DeadLetter) -> Outcome<()> {
    connection
        .prepare_cached(
            "UPDATE es_letters SET cause = ?2, cause_chain = ?3, fingerprint = ?4, attempts = ?5, tried_at = ?6, \
             handler_version = ?7, edited = ?8, correlation = ?9, erased = ?10, metadata = ?11, payload = ?12 \
             WHERE id = ?1",
        )?
        .execute(params![
            row,
            letter.cause.kind.as_str(),
            chain_to_json(&letter.cause)?,
            letter.cause.fingerprint.cast_signed(),
            letter.attempts,
            letter.tried_at.as_micros(),
            letter.handler_version,
            letter.edited.as_deref(),
            letter.event.correlation.as_ref().map(|c| c.as_uuid().as_bytes()),
            letter.event.erased,
            &letter.event.metadata.as_bytes()[..],
            &letter.event.payload[..],
        ])?;
    Ok(())
}

/// Removes the letter of an event, if there is one.
pub(crate) fn delete(
    connection: &Connection,
    consumer: &ConsumerId,
    log: LogId,
    event: EventId,
) -> Outcome<()> {
    connection
        .prepare_cached(
            "DELETE FROM es_letters \
             WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 AND event_id = ?4",
        )?
        .execute(params![
            consumer.name.as_str(),
            consumer.version,
            log.as_uuid().as_bytes(),
            event.as_uuid().as_bytes()
        ])?;
    Ok(())
}

/// Removes the letters of a version of a consumer; how many there were.
pub(crate) fn remove(connection: &Connection, consumer: &ConsumerId) -> Outcome<u64> {
    let removed = connection.execute(
        "DELETE FROM es_letters WHERE consumer = ?1 AND consumer_version = ?2",
        (consumer.name.as_str(), consumer.version),
    )?;
    Ok(removed as u64)
}

/// Wipes the letters of a stream, whoever's they are; how many there were. After the commit the write-ahead log is to be
/// forgotten.
pub(crate) fn erase(connection: &Connection, log: LogId, stream: &StreamId) -> Outcome<u64> {
    let mut letters = Vec::new();
    {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {LETTER_COLUMNS}, id, consumer, consumer_version FROM es_letters \
             WHERE log_id = ?1 AND tenant = ?2 AND category = ?3 AND key = ?4"
        ))?;
        let mut rows = statement.query(params![
            log.as_uuid().as_bytes(),
            stream.tenant_or_empty(),
            stream.category(),
            stream.key()
        ])?;
        while let Some(row) = rows.next()? {
            let consumer = consumer_id(row, 26)?;
            letters.push((row.get(25)?, letter(row, &consumer, log, &mut Interned::default())?));
        }
    }
    let erased = letters.len() as u64;
    for (row, letter) in letters {
        update(connection, row, &erase_letter(letter))?;
    }
    Ok(erased)
}

fn parked_streams(connection: &Connection, consumer: &ConsumerId, log: LogId) -> Outcome<Vec<StreamId>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT tenant, category, key FROM es_letters \
         WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 ORDER BY tenant, category, key",
    )?;
    let mut rows =
        statement.query(params![consumer.name.as_str(), consumer.version, log.as_uuid().as_bytes()])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        streams.push(stream_at(row, 0)?);
    }
    Ok(streams)
}

fn page(
    connection: &Connection,
    interned: &mut Interned,
    consumer: &ConsumerId,
    log: LogId,
    options: &LettersOptions,
) -> Outcome<Vec<DeadLetter>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {LETTER_COLUMNS} FROM es_letters AS letter \
         WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 AND position > ?4 \
         AND (?5 IS NULL OR event_id = ?5) AND (?6 IS NULL OR fingerprint = ?6) \
         AND (?7 IS NULL OR tenant = ?7 AND category = ?8 AND key = ?9) \
         AND (NOT ?10 OR NOT EXISTS (SELECT 1 FROM es_letters AS earlier \
             WHERE earlier.log_id = letter.log_id AND earlier.tenant = letter.tenant \
             AND earlier.category = letter.category AND earlier.key = letter.key \
             AND earlier.consumer = letter.consumer AND earlier.consumer_version = letter.consumer_version \
             AND (earlier.position, earlier.event_id) < (letter.position, letter.event_id))) \
         ORDER BY position, event_id LIMIT ?11"
    ))?;
    let stream = options.stream.as_ref();
    let mut rows = statement.query(params![
        consumer.name.as_str(),
        consumer.version,
        log.as_uuid().as_bytes(),
        options.after.map_or(-1, |after| bound(after.get())),
        options.event.as_ref().map(|event| event.as_uuid().as_bytes()),
        options.cause.map(u64::cast_signed),
        stream.map(StreamId::tenant_or_empty),
        stream.map(StreamId::category),
        stream.map(StreamId::key),
        options.first_only,
        LETTERS_PAGE as i64,
    ])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(letter(row, consumer, log, interned)?);
    }
    Ok(letters)
}

/// The letter of an event, with its row.
fn find(
    connection: &Connection,
    consumer: &ConsumerId,
    log: LogId,
    event: EventId,
) -> Outcome<Option<(i64, DeadLetter)>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {LETTER_COLUMNS}, id FROM es_letters \
         WHERE consumer = ?1 AND consumer_version = ?2 AND log_id = ?3 AND event_id = ?4"
    ))?;
    let found = statement
        .query_row(
            params![
                consumer.name.as_str(),
                consumer.version,
                log.as_uuid().as_bytes(),
                event.as_uuid().as_bytes()
            ],
            |row| {
                let id = row.get(25)?;
                Ok(letter(row, consumer, log, &mut Interned::default()).map(|letter| (id, letter)))
            },
        )
        .optional()?;
    found.transpose()
}

fn statistics(connection: &Connection, consumer: &ConsumerId) -> Outcome<LetterStatistics> {
    let snapshot = connection.unchecked_transaction()?;
    let of = (consumer.name.as_str(), consumer.version);
    let (letters, oldest): (i64, Option<i64>) = snapshot
        .prepare_cached(
            "SELECT count(*), min(parked_at) FROM es_letters WHERE consumer = ?1 AND consumer_version = ?2",
        )?
        .query_row(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut causes = Vec::new();
    let mut statement = snapshot.prepare_cached(
        "SELECT fingerprint, count(*) FROM es_letters WHERE consumer = ?1 AND consumer_version = ?2 \
         GROUP BY fingerprint",
    )?;
    let mut rows = statement.query(of)?;
    while let Some(row) = rows.next()? {
        causes.push((row.get::<_, i64>(0)?.cast_unsigned(), unsigned("the count", row.get(1)?)?));
    }
    Ok(LetterStatistics {
        letters: unsigned("the count", letters)?,
        streams: count_streams(&snapshot, consumer)?,
        oldest_at: oldest.map(timestamp).transpose()?,
        by_cause: most_frequent_causes(causes),
    })
}

/// The letter in a row of [`LETTER_COLUMNS`].
fn letter(row: &Row<'_>, consumer: &ConsumerId, log: LogId, interned: &mut Interned) -> Outcome<DeadLetter> {
    let kind = text(row.get_ref(18)?)?;
    let chain = text(row.get_ref(19)?)?;
    Ok(DeadLetter {
        consumer: consumer.clone(),
        log,
        event: row::event(row, stream_at(row, 14)?, interned)?,
        edited: match row.get_ref(17)? {
            ValueRef::Null => None,
            edited => Some(bytes(edited)?),
        },
        cause: Cause {
            kind: CauseKind::from_name(kind)
                .ok_or_else(|| Failure::Damaged(format!("the cause {kind:?}")))?,
            chain: serde_json::from_str(chain)
                .map_err(|_| Failure::Damaged(format!("the causes {chain:?}")))?,
            fingerprint: row.get::<_, i64>(20)?.cast_unsigned(),
        },
        attempts: row.get(21)?,
        parked_at: timestamp(row.get(22)?)?,
        tried_at: timestamp(row.get(23)?)?,
        handler_version: row.get(24)?,
    })
}

fn chain_to_json(cause: &Cause) -> Outcome<String> {
    serde_json::to_string(&cause.chain)
        .map_err(|e| Error::new(ErrorKind::Encode, "causes cannot be encoded").with_source(e).into())
}
